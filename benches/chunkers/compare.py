"""Chunks and megabytes a second of mbed's strategies, LangChain's splitters, chonkie and the text-splitter crate.

    python -m venv VENV && VENV/bin/pip install langchain-text-splitters chonkie
    cargo build --release && cargo bench -p mbed-text --bench chunkers --no-run
    VENV/bin/python benches/chunkers/compare.py PASSAGES OUT.jsonl [--part libraries|command|meaning ...] [--model FOLDER]

PASSAGES has one paragraph a line, in UTF-8. Three documents are made of it and repeated to a size: `prose` (paragraphs with
empty lines between them), `running` (one line without any) and `markdown` (with headings, lists, code and tables). All
splitters cut to at most 1,000 characters without overlap.

* `libraries`: each splitter by itself, the text in memory, in one thread; the fastest of three rounds. mbed and text-splitter
  are measured by the bench `chunkers`, in Rust; the others in this process.
* `command`: `mbed chunk` from a file to a file, with starting, reading and writing, for 1, 10 and 100 MB, and its peak memory.
* `meaning`: `mbed chunk` with `--model`, and how many of the texts that it embeds the backend alone embeds in that time.

A row of JSON a measurement, with machine and commit, goes behind what OUT.jsonl holds.
"""

import argparse
import datetime
import json
import os
import pathlib
import random
import subprocess
import tempfile
import time

SIZE = 1000
ROUNDS = 3
ROOT = pathlib.Path(__file__).parents[2]
MBED = ROOT / "target" / "release" / "mbed"
STRATEGIES = ("character", "recursive", "markdown", "hierarchical")


def markdown(passages):
    """Passages below headings, with lists, code and tables among them."""
    choose = random.Random(1)
    for number, passage in enumerate(passages):
        if number % 6 == 0:
            yield f"# Chapter {number}\n"
        if number % 3 == 0:
            yield f"## Section *{number}*\n"
        yield passage + "\n"
        kind = choose.randrange(6)
        if kind == 0:
            yield "".join(f"* {sentence.strip()}\n" for sentence in passage.split(". ")[:5])
        if kind == 1:
            yield f"```python\nfor i in range({number}):\n\n    print(i)\n```\n"
        if kind == 2:
            yield "| a | b |\n|---|---|\n" + "".join(f"| {row} | {number * row} |\n" for row in range(5))


def documents(path):
    """The three documents, once."""
    passages = [line for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines() if line.strip()]
    return {
        "prose": "\n\n".join(passages) + "\n\n",
        "running": " ".join(passages) + " ",
        "markdown": "\n".join(markdown(passages)) + "\n",
    }


def repeated(text, megabytes):
    """At least so much of it."""
    return text * -(-int(megabytes * 1e6) // len(text.encode()))


def row(splitter, text, document, chunks, seconds, **more):
    size = len(document.encode()) / 1e6
    return {
        "splitter": splitter, "text": text, "megabytes": round(size, 2), "chunks": chunks, "seconds": round(seconds, 5),
        "chunks_per_s": round(chunks / seconds), "megabytes_per_s": round(size / seconds, 2), **more,
    }


def python_splitters():
    """The Python libraries, each with its version, as functions from a text to a list."""
    import chonkie
    import langchain_text_splitters as langchain
    from importlib.metadata import version

    name = f"langchain-text-splitters {version('langchain-text-splitters')}"
    yield f"{name} character", langchain.CharacterTextSplitter(separator="", chunk_size=SIZE, chunk_overlap=0).split_text
    yield f"{name} recursive", langchain.RecursiveCharacterTextSplitter(chunk_size=SIZE, chunk_overlap=0).split_text
    yield f"{name} markdown", langchain.MarkdownTextSplitter(chunk_size=SIZE, chunk_overlap=0).split_text
    name = f"chonkie {version('chonkie')}"
    yield f"{name} token (characters)", chonkie.TokenChunker(tokenizer="character", chunk_size=SIZE).chunk
    yield f"{name} recursive", chonkie.RecursiveChunker(tokenizer="character", chunk_size=SIZE).chunk
    yield f"{name} sentence", chonkie.SentenceChunker(tokenizer="character", chunk_size=SIZE, chunk_overlap=0).chunk
    yield f"{name} fast", chonkie.FastChunker(chunk_size=SIZE).chunk


def libraries(texts, folder, bench):
    """Every splitter on its own; 2 MB a document, as some of them take seconds for that."""
    paths = []
    for name, text in texts.items():
        for splitter, split in python_splitters():
            times = []
            while len(times) < ROUNDS and sum(times) < 10:
                begin = time.perf_counter()
                chunks = len(split(text))
                times.append(time.perf_counter() - begin)
            yield row(splitter, name, text, chunks, min(times), rounds=len(times))
        path = pathlib.Path(folder, name)
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    run_bench = [bench] if bench else ["cargo", "bench", "--quiet", "-p", "mbed-text", "--bench", "chunkers", "--"]
    for line in subprocess.run([*run_bench, *paths], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines():
        yield json.loads(line)


def run(arguments):
    """The summary of `mbed chunk`, with the seconds of the whole command and its peak memory."""
    begin = time.perf_counter()
    process = subprocess.Popen([MBED, *arguments, "--json", "--quiet"], stdout=subprocess.PIPE)
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begin
    if status:
        raise SystemExit(f"mbed {arguments} ended with {status}")
    return json.loads(printed), seconds, usage.ru_maxrss / 1e3


def command(texts, folder):
    """The whole command, by size of the document."""
    for name, text in texts.items():
        for megabytes in (1, 10, 100):
            document = text[:int(1e6)] if megabytes == 1 else repeated(text, megabytes)
            path, target = pathlib.Path(folder, f"{name}.md"), pathlib.Path(folder, "chunks.arrow")
            path.write_text(document, encoding="utf-8")
            for strategy in STRATEGIES:
                arguments = ["chunk", path, "--strategy", strategy, "--size", f"{SIZE}c", "-o", target]
                summary, seconds, memory = min((run(arguments) for _ in range(ROUNDS)), key=lambda done: done[1])
                yield row(f"mbed chunk {strategy}", name, document, summary["chunks"], seconds, peak_megabytes=round(memory, 1))


def meaning(texts, folder, model):
    """Strategies that embed: the rate of sentences beside that of `mbed embed` for the same sentences."""
    lines = [sentence.strip() + "." for sentence in texts["prose"].replace("\n", " ").split(". ")]
    lines = [line for line in lines if len(line.split()) > 3][:4000]
    path, source = pathlib.Path(folder, "document.md"), pathlib.Path(folder, "sentences.txt")
    target = pathlib.Path(folder, "out.arrow")
    # A line is at least a sentence, and seldom more.
    path.write_text("\n".join(lines), encoding="utf-8")
    source.write_text("\n".join(lines), encoding="utf-8")
    for _ in range(ROUNDS):
        alone, _, _ = run(["embed", source, "-m", model, "-o", target])
        yield {"splitter": "mbed embed, the sentences", "rows": alone["rows"], "texts_per_s": round(alone["texts_per_s"], 1),
               "precision": alone["precision"]}
        for strategy in ("semantic", "hybrid"):
            arguments = ["chunk", path, "--strategy", strategy, "--size", f"{SIZE}c", "--buffer", "0", "-m", model, "-o", target]
            summary, _, memory = run(arguments)
            seconds, document = summary["seconds"], path.read_text(encoding="utf-8")
            rate = len(lines) / seconds
            yield row(f"mbed chunk {strategy}", "sentences", document, summary["chunks"], seconds, sentences=len(lines),
                      sentences_per_s=round(rate, 1), share_of_backend=round(rate / alone["texts_per_s"], 3),
                      peak_megabytes=round(memory, 1))


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), "")
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    return {"machine": model, "cores": os.cpu_count(), "commit": commit.stdout.strip()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("passages")
    parser.add_argument("out")
    parser.add_argument("--part", nargs="+", default=["libraries", "command"], choices=["libraries", "command", "meaning"])
    parser.add_argument("--model")
    parser.add_argument("--bench", help="the bench as it was built; without this cargo builds and runs it")
    options = parser.parse_args()
    texts = documents(options.passages)
    facts = {**machine(), "date": datetime.date.today().isoformat()}
    with tempfile.TemporaryDirectory() as folder, open(options.out, "a", encoding="utf-8") as out:
        parts = {
            "libraries": lambda: libraries(texts, folder, options.bench), "command": lambda: command(texts, folder),
            "meaning": lambda: meaning(texts, folder, options.model),
        }
        for part in options.part:
            for measured in parts[part]():
                line = json.dumps({**measured, "part": part, **facts, "load": round(os.getloadavg()[0], 2)})
                print(line, flush=True)
                out.write(line + "\n")


if __name__ == "__main__":
    main()
