"""Chunks a second, beside LangChain's splitters and chonkie, on the same text.

    pip install langchain-text-splitters chonkie
    cargo build --release
    python benches/chunkers/compare.py TEXT [megabytes]

TEXT is any file of UTF-8; it is repeated to the size. Every splitter cuts to at most 1,000 characters, by itself in one
process, the text in memory; of mbed the whole command is measured, reading and writing included.
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import time

SIZE = 1000
MBED = pathlib.Path(__file__).parents[2] / "target" / "release" / "mbed"


def text(path: str, megabytes: float) -> str:
    """The file, repeated."""
    once = pathlib.Path(path).read_text(encoding="utf-8") + "\n\n"
    return once * max(1, int(megabytes * 1e6 / len(once.encode())))


def mbed(strategy: str, document: str):
    """The command, from a file to a file."""

    def run() -> int:
        with tempfile.TemporaryDirectory() as folder:
            source, target = pathlib.Path(folder, "document.txt"), pathlib.Path(folder, "chunks.arrow")
            source.write_text(document, encoding="utf-8")
            command = [MBED, "chunk", source, "--strategy", strategy, "--size", f"{SIZE}c", "-o", target]
            begin = time.perf_counter()
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            run.seconds = time.perf_counter() - begin
            return int(done.stderr.split(" documents, ")[1].split(" ")[0])

    return run


def peers(document: str):
    """What is installed of the Python libraries."""
    try:
        import langchain_text_splitters as langchain

        splitters = {
            "character": langchain.CharacterTextSplitter(separator="", chunk_size=SIZE, chunk_overlap=0),
            "recursive": langchain.RecursiveCharacterTextSplitter(chunk_size=SIZE, chunk_overlap=0),
            "markdown": langchain.MarkdownTextSplitter(chunk_size=SIZE, chunk_overlap=0),
        }
        for name, splitter in splitters.items():
            yield f"langchain {name}", lambda splitter=splitter: len(splitter.split_text(document))
    except ImportError:
        print("langchain-text-splitters is not installed", file=sys.stderr)
    try:
        import chonkie

        chunkers = {
            "token": chonkie.TokenChunker(tokenizer="character", chunk_size=SIZE),
            "recursive": chonkie.RecursiveChunker(tokenizer="character", chunk_size=SIZE),
        }
        for name, chunker in chunkers.items():
            yield f"chonkie {name}", lambda chunker=chunker: len(chunker.chunk(document))
    except ImportError:
        print("chonkie is not installed", file=sys.stderr)


def main() -> None:
    document = text(sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 10.0)
    size = len(document.encode()) / 1e6
    own = [(f"mbed {name}", mbed(name, document)) for name in ("character", "recursive", "markdown")]
    for name, run in own + list(peers(document)):
        begin = time.perf_counter()
        chunks = run()
        seconds = getattr(run, "seconds", time.perf_counter() - begin)
        row = {"splitter": name, "chunks": chunks, "seconds": round(seconds, 3)}
        row |= {"chunks_per_s": round(chunks / seconds), "megabytes_per_s": round(size / seconds, 2)}
        print(json.dumps(row))


if __name__ == "__main__":
    main()
