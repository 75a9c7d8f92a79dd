"""Texts a second of `mbed embed` beside sentence-transformers in f32, interleaved in one run on one machine.

usage: beside_sentence_transformers.py MODEL_FOLDER TEXTS... [--mbed PATH] [--rounds N] [--threads N]

Each file of TEXTS has one text a line. A round runs sentence-transformers once for each batch size and mbed once;
what is printed is the median over the rounds, for sentence-transformers that of its best batch size. Rates leave
loading out on both sides. Needs sentence-transformers; reports the largest difference between the vectors too.
"""
import argparse
import json
import os
import platform
import statistics
import subprocess
import tempfile
import time

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

BATCH_SIZES = [16, 32, 64]


def rate_of_mbed(arguments, texts, target):
    done = subprocess.run(
        [arguments.mbed, "embed", texts, "--input-format", "text", "-m", arguments.model, "-o", target, "--json",
         "--quiet", "--threads", str(arguments.threads), "--precision", "f32"],
        check=True, stdout=subprocess.PIPE,
    )
    return json.loads(done.stdout)["texts_per_s"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("texts", nargs="+")
    parser.add_argument("--mbed", default="target/release/mbed")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--limit", type=int, default=4000, help="use the first N texts of each file")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    model = SentenceTransformer(arguments.model, device="cpu")
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], stdout=subprocess.PIPE).stdout.decode().strip()
    print(json.dumps({
        "commit": commit, "machine": platform.processor() or platform.machine(), "threads": arguments.threads,
        "precision": "f32", "torch": torch.__version__, "load": os.getloadavg(), "batch_sizes": BATCH_SIZES,
    }))
    for path in arguments.texts:
        with open(path, encoding="utf8") as file:
            texts = [line.rstrip("\n") for line in file][: arguments.limit]
        lengths = sorted(len(ids) for ids in model.tokenizer(texts, truncation=True)["input_ids"])
        quantiles = {f"p{q}": lengths[min(len(lengths) - 1, len(lengths) * q // 100)] for q in (5, 25, 50, 75, 95)}
        print(json.dumps({"texts": os.path.basename(path), "rows": len(texts), "tokens_mean": sum(lengths) / len(lengths), **quantiles}))
        peers = {size: [] for size in BATCH_SIZES}
        ours = []
        with tempfile.TemporaryDirectory() as folder:
            source, target = os.path.join(folder, "texts.txt"), os.path.join(folder, "out.npy")
            with open(source, "w", encoding="utf8") as file:
                file.writelines(text + "\n" for text in texts)
            for _ in range(arguments.rounds):
                for size in BATCH_SIZES:
                    start = time.perf_counter()
                    reference = model.encode(texts, batch_size=size, show_progress_bar=False)
                    peers[size].append(len(texts) / (time.perf_counter() - start))
                ours.append(rate_of_mbed(arguments, source, target))
            difference = float(np.abs(np.load(target) - reference).max())
        best = max(BATCH_SIZES, key=lambda size: statistics.median(peers[size]))
        peer, mbed = statistics.median(peers[best]), statistics.median(ours)
        print(json.dumps({
            "texts": os.path.basename(path), "mbed": round(mbed, 1), "sentence_transformers": round(peer, 1),
            "best_batch_size": best, "ratio": round(mbed / peer, 2), "largest_difference": difference,
            "mbed_rounds": [round(x, 1) for x in ours], "peer_rounds": [round(x, 1) for x in peers[best]],
        }))


if __name__ == "__main__":
    main()
