"""Texts a second of mbed and other engines, taking turns in one run on one machine. See README.md.

usage: compare.py MODEL_FOLDER WORK_FOLDER TEXTS.txt --engines NAME... [--rows N] [--rounds N] [--output FILE]
"""
import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

from engines import load_tokenizer

# What holds each engine to AVX2: oneDNN (in torch and OpenVINO), torch's own kernels, CTranslate2, and us. ONNX Runtime has
# no such switch.
AVX2 = {'ONEDNN_MAX_CPU_ISA': 'AVX2', 'DNNL_MAX_CPU_ISA': 'AVX2', 'ATEN_CPU_CAPABILITY': 'avx2', 'MKL_ENABLE_INSTRUCTIONS': 'AVX2',
        'CT2_FORCE_CPU_ISA': 'AVX2', 'MBED_RUNTIME__ISA': 'avx2'}
HERE = os.path.dirname(os.path.abspath(__file__))
REFERENCE = 'st-f32'


class Peer:
    """An engine in its own process."""

    def __init__(self, name, options, texts, folder):
        self.name, self.vectors = name, os.path.join(folder, f'{name}.npy')
        command = [sys.executable, os.path.join(HERE, 'worker.py'), name, options.model, options.work, texts,
                   self.vectors, '--threads', str(options.threads), '--max-length', str(options.max_length)]
        environment = {**os.environ, 'OMP_NUM_THREADS': str(options.threads), 'HF_HUB_OFFLINE': '1',
                       **limits(options)}
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=environment, stderr=subprocess.DEVNULL)
        self.answer('ready')
        self.batch = None

    def answer(self, wanted=None):
        while line := self.process.stdout.readline().strip():
            if wanted in (None, line) and (wanted or is_number(line)):
                return line
        sys.exit(f'{self.name} stopped')

    def seconds(self, batch=None):
        print(batch or self.batch, file=self.process.stdin, flush=True)
        return float(self.answer())

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
        self.environment = {**os.environ, **limits(options)}
        # `mbed-PRECISION` is the CPU backend, `mbed-onnx-PRECISION` that on ONNX Runtime.
        *backend, precision = name.split('-')[1:]
        self.command = [options.mbed, 'embed', texts, '--input-format', 'text', '--model', options.model, '-o',
                        self.vectors, '--json', '--quiet', '--backend', *(backend or ['cpu']), '--precision', precision,
                        '--threads', str(options.threads), '--max-length', str(options.max_length)]

    def seconds(self):
        done = subprocess.run(self.command, check=True, stdout=subprocess.PIPE, env=self.environment)
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


def machine():
    model = platform.processor()
    with open('/proc/cpuinfo', encoding='utf8') as file:
        model = next((line.split(':')[1].strip() for line in file if line.startswith('model name')), model)
    commit = subprocess.run(['git', 'rev-parse', '--short', 'HEAD'], stdout=subprocess.PIPE, text=True).stdout.strip()
    return {'machine': model, 'cores': os.cpu_count(), 'commit': commit}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('model')
    parser.add_argument('work')
    parser.add_argument('texts')
    parser.add_argument('--engines', nargs='+', required=True)
    parser.add_argument('--mbed', default='target/release/mbed')
    parser.add_argument('--rows', type=int, default=2000)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--threads', type=int, default=os.cpu_count())
    parser.add_argument('--max-length', type=int, default=256)
    parser.add_argument('--batches', type=int, nargs='+', default=[8, 16, 32, 64])
    parser.add_argument('--isa', choices=['auto', 'avx2'], default='auto', help='hold every engine that can be to AVX2')
    parser.add_argument('--output')
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = compare(options, folder)
    for row in rows:
        print(json.dumps(row))
    if options.output:
        with open(options.output, 'a', encoding='utf8') as file:
            file.writelines(json.dumps(row) + '\n' for row in rows)


def compare(options, folder):
    with open(options.texts, encoding='utf8') as file:
        lines = [line.rstrip('\n') for line in file][:options.rows]
    texts = os.path.join(folder, 'texts.txt')
    with open(texts, 'w', encoding='utf8') as file:
        file.writelines(line + '\n' for line in lines)
    tokenizer = load_tokenizer(options.model, options.max_length)
    lengths = sorted(len(encoding.ids) for encoding in tokenizer.encode_batch(lines))
    quantile = {f'p{q}': lengths[min(len(lengths) - 1, len(lengths) * q // 100)] for q in (5, 25, 50, 75, 95)}
    run = {**machine(), 'texts': os.path.basename(options.texts), 'rows': len(lines), 'threads': options.threads, 'isa': options.isa,
           'tokens_mean': round(sum(lengths) / len(lengths), 1), **quantile, 'load_before': os.getloadavg()[0],
           'date': time.strftime('%Y-%m-%d')}
    make = {True: Mbed, False: Peer}
    runners = [make[name.startswith('mbed')](name, options, texts, folder) for name in options.engines]
    for runner in runners:
        runner.sweep(options.batches)
    seconds = {runner.name: [] for runner in runners}
    for _ in range(options.rounds):
        for runner in runners:
            seconds[runner.name].append(runner.seconds())
    vectors = {runner.name: runner.finish() for runner in runners}
    reference = vectors.get(REFERENCE)
    rows = []
    for runner in runners:
        rates = [round(len(lines) / value, 1) for value in seconds[runner.name]]
        row = {'engine': runner.name, 'texts_per_s': statistics.median(rates), 'rounds': rates, 'batch': runner.batch}
        if reference is not None:
            cosines = (reference * vectors[runner.name]).sum(1)
            row |= {'min_cosine': round(float(cosines.min()), 6), 'mean_cosine': round(float(cosines.mean()), 6)}
        rows.append({**row, **run})
    return rows


if __name__ == '__main__':
    main()
