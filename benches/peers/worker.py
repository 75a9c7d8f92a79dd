"""One engine, ready to run when it is told to: reads a batch size a line, answers with seconds.

The vectors of the last run are written to `--vectors` when the input ends.
"""
import argparse
import sys
import time

import numpy as np

import engines


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('engine')
    parser.add_argument('model')
    parser.add_argument('work')
    parser.add_argument('texts')
    parser.add_argument('vectors')
    parser.add_argument('--threads', type=int, required=True)
    parser.add_argument('--max-length', type=int, required=True)
    options = parser.parse_args()
    with open(options.texts, encoding='utf8') as file:
        texts = [line.rstrip('\n') for line in file]
    run = engines.load(options.engine, options)
    run(texts[:64], 32)
    print('ready', flush=True)
    vectors = None
    for line in sys.stdin:
        start = time.perf_counter()
        vectors = run(texts, int(line))
        print(time.perf_counter() - start, flush=True)
    if vectors is not None:
        np.save(options.vectors, np.asarray(vectors, dtype=np.float32))


if __name__ == '__main__':
    main()
