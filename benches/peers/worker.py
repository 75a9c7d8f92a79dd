"""One engine, ready to run when it is told to: reads a batch size a line, answers with seconds.

The first line that it writes is a JSON object: what it is, or why it cannot be measured. The vectors of the last run
are written to `--vectors` when the input ends.
"""
import argparse
import json
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
    parser.add_argument('--url', action='append', default=[], help='NAME=ADDRESS of an engine that is a server')
    options = parser.parse_args()
    options.urls = dict(entry.split('=', 1) for entry in options.url)
    with open(options.texts, encoding='utf8') as file:
        texts = [line.rstrip('\n') for line in file]
    try:
        run = engines.load(options.engine, options)
        run(texts[:64], 32)
        about = engines.describe(options.engine)
    except BaseException as error:  # some extension modules panic with classes of their own
        if isinstance(error, KeyboardInterrupt):
            raise
        print(json.dumps({'missing': f'{type(error).__name__}: {error}'.splitlines()[0]}), flush=True)
        return
    print(json.dumps(about), flush=True)
    vectors = None
    for line in sys.stdin:
        start = time.perf_counter()
        vectors = run(texts, int(line))
        print(time.perf_counter() - start, flush=True)
    if vectors is not None:
        np.save(options.vectors, np.asarray(vectors, dtype=np.float32))


if __name__ == '__main__':
    main()
