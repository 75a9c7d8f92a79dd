"""Batches that size themselves beside the best fixed size found by hand.

Each round runs every setting once, in an order of its own, so that a machine that others use is as busy for all of them.
What counts is the median of the rounds, of tokens a second after loading, as mbed's own summary tells them. Prints a table
in Markdown.

    python3 benches/adaptive_batches.py --mbed target/release/mbed --model MODEL \
        --corpus sentences=sentences.txt --corpus passages=passages.txt
"""

import argparse
import json
import pathlib
import random
import statistics
import subprocess
import tempfile

SIZES = [512, 1024, 2048, 4096, 8192, 16384]


def run(arguments, texts, size, folder):
    """Tokens a second of one run; `size` is None for batches that size themselves."""
    settings = folder / "settings.toml"
    if size is None:
        settings.write_text("[memory]\nadapt = \"auto\"\n")
    else:
        settings.write_text(f"[memory]\nadapt = \"off\"\n[batching]\nmax_tokens = {size}\n")
    command = [arguments.mbed, "embed", str(texts), "-o", str(folder / "out.npy"), "--model", arguments.model]
    command += ["--offline", "--json", "--quiet", "--config", str(settings)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)["tokens_per_s"]


def measure(arguments, texts, folder):
    """Every rate of each setting."""
    rates = {size: [] for size in [None, *SIZES]}
    for round_number in range(arguments.rounds):
        order = list(rates)
        random.Random(round_number).shuffle(order)
        for size in order:
            rates[size].append(run(arguments, texts, size, folder))
    return rates


def corpora(arguments, folder):
    """Name and file of each corpus with as many rows as were asked for, and of one that mixes them row by row."""
    found = {}
    for named in arguments.corpus:
        name, _, path = named.partition("=")
        lines = [line for line in pathlib.Path(path).read_text().splitlines() if line.strip()]
        found[name] = lines[: arguments.rows]
    if len(found) > 1:
        found["mixed"] = [line for row in zip(*found.values()) for line in row][: arguments.rows]
    for name, lines in found.items():
        path = folder / f"{name}.txt"
        path.write_text("\n".join(lines) + "\n")
        yield name, path, len(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mbed", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--corpus", action="append", required=True, metavar="NAME=FILE")
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    heads = [f"{size}" for size in SIZES]
    print(f"| texts | rows | {' | '.join(heads)} | sizes itself | beside the best |")
    print("|---" * (len(SIZES) + 4) + "|")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for name, texts, rows in corpora(arguments, folder):
            rates = measure(arguments, texts, folder)
            medians = {size: statistics.median(rates[size]) for size in rates}
            best = max(medians[size] for size in SIZES)
            fixed = " | ".join(f"{medians[size]:.0f}" for size in SIZES)
            print(f"| {name} | {rows} | {fixed} | {medians[None]:.0f} | {medians[None] / best:.3f} |", flush=True)


if __name__ == "__main__":
    main()
