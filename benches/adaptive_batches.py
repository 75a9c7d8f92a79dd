"""Batches that size themselves beside the best fixed size found by hand.

Each round runs every setting once, in an order of its own, so that a machine that others use is as busy for all of them.
What counts is the median of the rounds, of tokens a second of the processor's time, loading included: threads that wait for
others on a busy machine do not count. Prints a table in Markdown; `--raw` keeps every run, with the time on the clock too.

    python3 benches/adaptive_batches.py --mbed target/release/mbed --model MODEL \
        --corpus sentences=sentences.txt --corpus passages=passages.txt
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import tempfile

SIZES = [1024, 2048, 4096, 8192, 16384]


def run(arguments, texts, setting, folder):
    """Tokens a second of the processor's time of one run: with batches of a fixed size, or with such that size themselves, without a profile of
    earlier runs (`first`) or with one (`later`)."""
    settings = folder / "settings.toml"
    cache = folder / "cache"
    if setting == "first":
        shutil.rmtree(cache, ignore_errors=True)
    if isinstance(setting, str):
        settings.write_text("[memory]\nadapt = \"auto\"\n")
    else:
        settings.write_text(f"[memory]\nadapt = \"off\"\n[batching]\nmax_tokens = {setting}\n")
    command = [arguments.mbed, "embed", str(texts), "-o", str(folder / "out.npy"), "--model", arguments.model]
    command += ["--offline", "--json", "--quiet", "--config", str(settings)]
    environment = {**os.environ, "MBED_CACHE": str(cache)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        told = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{command} ended with {process.returncode}")
    summary = json.loads(told)
    cpu_seconds = used.ru_utime + used.ru_stime
    if arguments.raw:
        keep = ["rows", "tokens", "seconds", "tokens_per_s", "texts_per_s", "device_name", "precision"]
        row = {"texts": texts.stem, "setting": setting, "cpu_seconds": round(cpu_seconds, 3), **{name: summary[name] for name in keep}}
        with open(arguments.raw, "a") as raw:
            raw.write(json.dumps(row) + "\n")
    return summary["tokens"] / cpu_seconds


def measure(arguments, texts, folder):
    """Every rate of each setting."""
    rates = {setting: [] for setting in [*SIZES, "first", "later"]}
    for round_number in range(arguments.rounds):
        order = SIZES + ["first"]
        random.Random(round_number).shuffle(order)
        # What a later run begins with is what the first one has left.
        order.insert(order.index("first") + 1, "later")
        for setting in order:
            rates[setting].append(run(arguments, texts, setting, folder))
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
    parser.add_argument("--raw", metavar="FILE", help="append each run as a line of JSON")
    arguments = parser.parse_args()
    heads = [f"{size}" for size in SIZES]
    print(f"| texts | rows | {' | '.join(heads)} | itself, first run | later | first beside the best | later |")
    print("|---" * (len(SIZES) + 6) + "|")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for name, texts, rows in corpora(arguments, folder):
            rates = measure(arguments, texts, folder)
            medians = {size: statistics.median(rates[size]) for size in rates}
            best = max(medians[size] for size in SIZES)
            fixed = " | ".join(f"{medians[size]:.0f}" for size in SIZES)
            first, later = medians["first"], medians["later"]
            own = f"{first:.0f} | {later:.0f} | {first / best:.3f} | {later / best:.3f}"
            print(f"| {name} | {rows} | {fixed} | {own} |", flush=True)


if __name__ == "__main__":
    main()
