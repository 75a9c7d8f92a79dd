"""Texts a second of mbed and other engines, taking turns in one run on one machine. See README.md.

Writes a JSON object for each engine: what `mbed-bench peers` keeps as a row.

usage: compare.py MODEL_FOLDER WORK_FOLDER TEXTS.txt... --engines NAME... [--rows N] [--rounds N]
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

import numpy as np

from engines import load_tokenizer

# What holds each engine to AVX2: oneDNN (in torch and OpenVINO), torch's own kernels, CTranslate2, and us. ONNX Runtime has
# no such switch.
AVX2 = {'ONEDNN_MAX_CPU_ISA': 'AVX2', 'DNNL_MAX_CPU_ISA': 'AVX2', 'ATEN_CPU_CAPABILITY': 'avx2', 'MKL_ENABLE_INSTRUCTIONS': 'AVX2',
        'CT2_FORCE_CPU_ISA': 'AVX2', 'MBED_RUNTIME__ISA': 'avx2'}
HERE = os.path.dirname(os.path.abspath(__file__))
REFERENCE = 'st-f32'


class Missing(Exception):
    """An engine that cannot be measured, and why."""


class Peer:
    """An engine in its own process."""

    def __init__(self, name, options, texts, folder):
        self.name, self.vectors = name, os.path.join(folder, f'{name}.npy')
        python = options.pythons.get(name.split('-')[0], sys.executable)
        command = [python, os.path.join(HERE, 'worker.py'), name, options.model, options.work, texts, self.vectors,
                   '--threads', str(options.threads), '--max-length', str(options.max_length),
                   *(f'--url={url}' for url in options.url)]
        environment = {**os.environ, 'OMP_NUM_THREADS': str(options.threads), 'HF_HUB_OFFLINE': '1',
                       **limits(options)}
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=environment, stderr=subprocess.DEVNULL)
        self.about = json.loads(self.answer(lambda line: line.startswith('{')))
        if 'missing' in self.about:
            raise Missing(self.about['missing'])
        self.batch = None

    def answer(self, is_wanted):
        """The next line that is one: libraries print what they like in between."""
        for line in self.process.stdout:
            if is_wanted(line.strip()):
                return line.strip()
        raise Missing('its process ended')

    def seconds(self, batch=None):
        print(batch or self.batch, file=self.process.stdin, flush=True)
        return float(self.answer(is_number))

    def sweep(self, sizes):
        self.batch = min(sizes, key=self.seconds)

    def finish(self):
        self.process.stdin.close()
        self.process.wait()
        return np.load(self.vectors)


class Mbed:
    """Our own command line; its batches size themselves."""

    def __init__(self, name, options, texts, folder):
        self.name, self.batch, self.vectors = name, None, os.path.join(folder, f'{name}.npy')
        # `mbed-PRECISION` is the CPU backend, `mbed-onnx-PRECISION` that on ONNX Runtime; `@2` behind it means two sessions
        # that share the threads.
        kind, _, workers = name.partition('@')
        self.environment = {**os.environ, **limits(options),
                            **({'MBED_RUNTIME__WORKERS_PER_DEVICE': workers} if workers else {})}
        *backend, precision = kind.split('-')[1:]
        if not os.path.exists(options.mbed):
            raise Missing(f'there is no program `{options.mbed}`')
        version = subprocess.run([options.mbed, '--version'], stdout=subprocess.PIPE, text=True).stdout.strip()
        self.about = {'version': version, 'settings': f'backend {"".join(backend) or "cpu"}, batches size themselves'}
        self.command = [options.mbed, 'embed', texts, '--input-format', 'text', '--model', options.model, '-o',
                        self.vectors, '--json', '--quiet', '--backend', *(backend or ['cpu']), '--precision', precision,
                        '--threads', str(options.threads), '--max-length', str(options.max_length)]

    def seconds(self):
        done = subprocess.run(self.command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              env=self.environment)
        if done.returncode:
            raise Missing(done.stderr.strip().splitlines()[0])
        return json.loads(done.stdout)['seconds']

    def sweep(self, _sizes):
        self.seconds()

    def finish(self):
        return np.load(self.vectors)


def limits(options):
    """What the environment says besides."""
    return AVX2 if options.isa == 'avx2' else {}


def is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('model')
    parser.add_argument('work')
    parser.add_argument('texts', nargs='+')
    parser.add_argument('--engines', nargs='+', required=True)
    parser.add_argument('--mbed', default='target/release/mbed')
    parser.add_argument('--python', action='append', default=[], help='NAME=PATH: a Python of its own for an engine')
    parser.add_argument('--url', action='append', default=[], help='NAME=ADDRESS of an engine that is a server')
    parser.add_argument('--rows', type=int, default=2000)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--threads', type=int, default=os.cpu_count())
    parser.add_argument('--max-length', type=int, default=256)
    parser.add_argument('--batches', type=int, nargs='+', default=[8, 16, 32, 64])
    parser.add_argument('--isa', choices=['auto', 'avx2'], default='auto', help='hold every engine that can be to AVX2')
    options = parser.parse_args()
    options.pythons = dict(entry.split('=', 1) for entry in options.python)
    for path in options.texts:
        with tempfile.TemporaryDirectory() as folder:
            for row in compare(options, path, folder):
                print(json.dumps(row), flush=True)


def begin(options, texts, folder):
    """Every engine that can be measured, and for the others why not."""
    runners, missing = [], {}
    for name in options.engines:
        try:
            runner = (Mbed if name.startswith('mbed') else Peer)(name, options, texts, folder)
            runner.sweep(options.batches)
            runners.append(runner)
        except (Missing, OSError) as error:
            missing[name] = str(error)
        print(f'{name}: {missing.get(name, "ready")}', file=sys.stderr, flush=True)
    return runners, missing


def compare(options, path, folder):
    with open(path, encoding='utf8') as file:
        lines = [line.rstrip('\n') for line in file][:options.rows]
    texts = os.path.join(folder, 'texts.txt')
    with open(texts, 'w', encoding='utf8') as file:
        file.writelines(line + '\n' for line in lines)
    tokenizer = load_tokenizer(options.model, options.max_length)
    lengths = [len(encoding.ids) for encoding in tokenizer.encode_batch(lines)]
    run = {'texts': os.path.basename(path), 'rows': len(lines), 'tokens_mean': sum(lengths) / len(lengths),
           'threads': options.threads, 'isa': options.isa}
    runners, missing = begin(options, texts, folder)
    seconds = {runner.name: [] for runner in runners}
    for _ in range(options.rounds):
        for runner in runners:
            seconds[runner.name].append(runner.seconds())
    vectors = {runner.name: runner.finish() for runner in runners}
    reference = vectors.get(REFERENCE)
    rows = []
    for runner in runners:
        row = {'engine': runner.name, **runner.about, **run, 'batch': runner.batch, 'min_cosine': None,
               'rounds': [round(len(lines) / value, 1) for value in seconds[runner.name]]}
        found = vectors[runner.name]
        if reference is not None and reference.shape == found.shape:
            row['min_cosine'] = cosine(reference, found)
        rows.append(row)
    rows += [{'engine': name, **run, 'rounds': [], 'batch': None, 'min_cosine': None, 'missing': reason}
             for name, reason in missing.items()]
    return rows


def cosine(left, right):
    """The smallest of all rows."""
    lengths = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    return round(float(((left * right).sum(1) / lengths).min()), 6)


if __name__ == '__main__':
    main()
