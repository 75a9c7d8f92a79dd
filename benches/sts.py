"""Spearman correlation (x 100) of cosine similarity with human labels, over `mbed embed`.

usage: sts.py [--mbed PATH] PAIRS.tsv [--] [mbed embed options ...]

PAIRS.tsv has four columns without a header: set (YEAR.name), score, sentence, sentence. Needs numpy. Prints one line
a set, then the pairs of each year pooled (2012 without MSRvid, whose texts are not free).
"""
import argparse
import json
import os
import subprocess
import tempfile

import numpy as np


def ranks(values):
    """Ranks from 1; ties share the mean of theirs."""
    order = np.argsort(values, kind="stable")
    ordered = np.asarray(values)[order]
    result = np.empty(len(values))
    start = 0
    for end in range(1, len(values) + 1):
        if end == len(values) or ordered[end] != ordered[start]:
            result[order[start:end]] = (start + end + 1) / 2
            start = end
    return result


def spearman(left, right):
    return 100 * np.corrcoef(ranks(left), ranks(right))[0, 1]


def embed(mbed, texts, options):
    """One row a text, through JSON Lines in and NumPy out."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = os.path.join(folder, "texts.jsonl"), os.path.join(folder, "out.npy")
        with open(source, "w", encoding="utf8") as file:
            file.writelines(json.dumps({"text": text}) + "\n" for text in texts)
        done = subprocess.run(
            [mbed, "embed", source, "-o", target, "--json", "--quiet", *options], check=True, stdout=subprocess.PIPE
        )
        print(done.stdout.decode().strip())
        return np.load(target)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs")
    parser.add_argument("--mbed", default="target/release/mbed")
    parser.add_argument("options", nargs="*", help="passed on to mbed embed")
    arguments = parser.parse_args()
    with open(arguments.pairs, encoding="utf8") as file:
        rows = [line.rstrip("\n").split("\t") for line in file]
    texts = list(dict.fromkeys(text for row in rows for text in row[2:4]))
    vectors = embed(arguments.mbed, texts, arguments.options).astype(np.float64)
    assert vectors.shape[0] == len(texts)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    place = {text: index for index, text in enumerate(texts)}
    scores = np.array([float(row[1]) for row in rows])
    cosines = np.array([vectors[place[row[2]]] @ vectors[place[row[3]]] for row in rows])
    sets = np.array([row[0] for row in rows])
    for name in sorted(set(sets)):
        chosen = sets == name
        print(f"{name:28} {spearman(cosines[chosen], scores[chosen]):8.3f}  {chosen.sum()} pairs")
    for year in sorted({name.split(".")[0] for name in sets}):
        chosen = np.char.startswith(sets, year + ".")
        print(f"{'pooled ' + year:28} {spearman(cosines[chosen], scores[chosen]):8.3f}  {chosen.sum()} pairs")


if __name__ == "__main__":
    main()
