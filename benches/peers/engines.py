"""Other engines behind one function: texts in, normalised vectors out."""
import os

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


LOADERS = {'st': sentence_transformers, 'ort': onnx_runtime, 'ov': openvino, 'ct2': ctranslate2}


def load(name, options):
    """`name` is an engine and a precision, such as `ov-bf16`."""
    kind, precision = name.split('-')
    return LOADERS[kind](precision, options)
