"""Other engines behind one function: texts in, normalised vectors out."""
import importlib.metadata
import json
import os
import shutil
import urllib.request

import numpy as np

INPUTS = ('input_ids', 'attention_mask', 'token_type_ids')


def load_tokenizer(model, length):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(os.path.join(model, 'tokenizer.json'))
    tokenizer.enable_truncation(length)
    tokenizer.no_padding()
    return tokenizer


def pooled(states, mask):
    """The mean over tokens, scaled to length 1."""
    mask = mask[..., None].astype(np.float32)
    vectors = (states.astype(np.float32) * mask).sum(1) / mask.sum(1)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def in_batches(tokenizer, states_of, batch):
    """Longest texts first, padded to the longest of a batch: what these engines leave to their users."""
    def run(texts):
        order = sorted(range(len(texts)), key=lambda index: -len(texts[index]))
        vectors = [None] * len(texts)
        for start in range(0, len(texts), batch):
            indices = order[start:start + batch]
            ids = [encoding.ids for encoding in tokenizer.encode_batch([texts[index] for index in indices])]
            longest = max(map(len, ids))
            mask = np.array([[1] * len(row) + [0] * (longest - len(row)) for row in ids], dtype=np.int64)
            for index, vector in zip(indices, pooled(states_of(ids, mask), mask)):
                vectors[index] = vector
        return np.stack(vectors)
    return run


def padded(ids, mask):
    rows = np.zeros(mask.shape, dtype=np.int64)
    for row, values in zip(rows, ids):
        row[:len(values)] = values
    return rows


def sentence_transformers(precision, options):
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(options.threads)
    kwargs = {'torch_dtype': torch.bfloat16} if precision == 'bf16' else {}
    model = SentenceTransformer(options.model, device='cpu', model_kwargs=kwargs)
    model.max_seq_length = options.max_length

    def run(texts, batch):
        return model.encode(texts, batch_size=batch, normalize_embeddings=True, show_progress_bar=False)
    return run


def onnx_runtime(precision, options):
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options.threads
    file = 'model-int8.onnx' if precision == 'int8' else 'model.onnx'
    session = onnxruntime.InferenceSession(os.path.join(options.work, file), settings,
                                           providers=['CPUExecutionProvider'])

    def states(ids, mask):
        ids = padded(ids, mask)
        return session.run(None, dict(zip(INPUTS, (ids, mask, np.zeros_like(ids)))))[0]
    return with_batch(states, options)


def openvino(precision, options):
    import openvino as ov

    file = 'model-int8.xml' if precision == 'int8' else 'model.onnx'
    model = ov.Core().compile_model(os.path.join(options.work, file), 'CPU', {
        'INFERENCE_NUM_THREADS': options.threads, 'PERFORMANCE_HINT': 'LATENCY',
        'INFERENCE_PRECISION_HINT': 'f32' if precision == 'f32' else 'bf16'})
    request = model.create_infer_request()

    def states(ids, mask):
        ids = padded(ids, mask)
        return request.infer(dict(zip(INPUTS, (ids, mask, np.zeros_like(ids)))))[0]
    return with_batch(states, options)


def ctranslate2(precision, options):
    import ctranslate2 as ct2

    kind = {'f32': 'float32', 'bf16': 'bfloat16', 'int8': 'int8'}[precision]
    encoder = ct2.Encoder(os.path.join(options.work, 'ct2'), device='cpu', compute_type=kind, inter_threads=1,
                          intra_threads=options.threads)
    return with_batch(lambda ids, mask: np.array(encoder.forward_batch(ids).last_hidden_state), options)


def with_batch(states, options):
    tokenizer = load_tokenizer(options.model, options.max_length)
    return lambda texts, batch: in_batches(tokenizer, states, batch)(texts)


def fastembed(precision, options):
    from fastembed import TextEmbedding

    # It wants the graph beside the tokenizer's files.
    folder = os.path.join(options.work, 'fastembed')
    os.makedirs(folder, exist_ok=True)
    for name in ('config.json', 'tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json'):
        shutil.copy(os.path.join(options.model, name), folder)
    shutil.copy(os.path.join(options.work, 'model.onnx'), folder)
    model = TextEmbedding('sentence-transformers/all-MiniLM-L6-v2', specific_model_path=folder, threads=options.threads)
    model.model.tokenizer.enable_truncation(options.max_length)
    return lambda texts, batch: unit(list(model.embed(texts, batch_size=batch)))


def embed_anything(precision, options):
    import embed_anything as ea

    # It has no way to a folder: the model comes from the hub or its cache.
    model = ea.EmbeddingModel.from_pretrained_hf('sentence-transformers/all-MiniLM-L6-v2')

    def run(texts, batch):
        made = ea.embed_query(texts, embedder=model, config=ea.TextEmbedConfig(batch_size=batch))
        return unit([item.embedding for item in made])
    return run


def model2vec(precision, options):
    from model2vec import StaticModel

    model = StaticModel.from_pretrained(options.model)
    return lambda texts, batch: unit(model.encode(texts, batch_size=batch, max_length=options.max_length))


def llama_cpp(precision, options):
    import llama_cpp

    # A GGUF of the same model, which llama.cpp's converter writes.
    path = os.path.join(options.work, f'model-{precision}.gguf')
    model = llama_cpp.Llama(path, embedding=True, n_threads=options.threads, n_threads_batch=options.threads,
                            n_ctx=options.max_length * 64, n_batch=options.max_length * 64, verbose=False)

    def run(texts, batch):
        parts = [texts[start:start + batch] for start in range(0, len(texts), batch)]
        return unit([vector for part in parts for vector in model.embed(part, truncate=True)])
    return run


def over_http(path, field, rows_of):
    """A server that somebody started; its address stands in `--url NAME=ADDRESS`."""
    def load(precision, options):
        address = options.urls.get(options.kind)
        if address is None:
            raise LookupError(f'no server was named: start one and give --url {options.kind}=ADDRESS')

        def ask(texts):
            body = json.dumps({field: texts, 'model': options.model, 'truncate': True}).encode()
            request = urllib.request.Request(address + path, body, {'Content-Type': 'application/json'})
            with urllib.request.urlopen(request) as answer:
                return rows_of(json.load(answer))

        def run(texts, batch):
            parts = [texts[start:start + batch] for start in range(0, len(texts), batch)]
            return unit([row for part in parts for row in ask(part)])
        run(['a text'], 1)
        return run
    return load


def unit(rows):
    rows = np.asarray(rows, dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def openai_rows(answer):
    return [row['embedding'] for row in sorted(answer['data'], key=lambda row: row['index'])]


# How each is loaded, the package whose version counts, and how it is set.
LOADERS = {
    'st': (sentence_transformers, 'sentence-transformers', 'normalised, no progress bar'),
    'ort': (onnx_runtime, 'onnxruntime', 'exported by torch, longest texts first'),
    'ov': (openvino, 'openvino', 'latency hint, longest texts first'),
    'ct2': (ctranslate2, 'ctranslate2', 'one worker, longest texts first'),
    'fastembed': (fastembed, 'fastembed', 'the same graph as ort'),
    'ea': (embed_anything, 'embed-anything', 'candle, from the hub'),
    'm2v': (model2vec, 'model2vec', 'a static model'),
    'llama': (llama_cpp, 'llama-cpp-python', 'a GGUF of the same model'),
    'tei': (over_http('/embed', 'inputs', lambda answer: answer), None, 'text-embeddings-inference over HTTP'),
    'infinity': (over_http('/embeddings', 'input', openai_rows), None, 'infinity over HTTP'),
}

NAMES = {'st': 'sentence-transformers', 'ort': 'ONNX Runtime', 'ov': 'OpenVINO', 'ct2': 'CTranslate2',
         'fastembed': 'fastembed', 'ea': 'EmbedAnything', 'm2v': 'model2vec', 'llama': 'llama.cpp',
         'tei': 'text-embeddings-inference', 'infinity': 'infinity'}


def load(name, options):
    """`name` is an engine and a precision, such as `ov-bf16`."""
    options.kind, precision = name.split('-')
    return LOADERS[options.kind][0](precision, options)


def describe(name):
    """What is known of an engine without loading it: its name with its version, and how it is set."""
    kind = name.split('-')[0]
    _, package, settings = LOADERS[kind]
    version = NAMES[kind]
    if package:
        version += f' {importlib.metadata.version(package)}'
    return {'version': version, 'settings': settings}
