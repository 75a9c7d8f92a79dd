#!/usr/bin/env bash
# Peak memory of `mbed embed` from standard input to Parquet, for 100,000 and 1,000,000 short lines: it must not grow.
# usage: stdin_memory.sh [MODEL] (default: the tiny fixture); needs GNU time and a release build.
set -euo pipefail
cd "$(dirname "$0")/.."
model=${1:-tests/fixtures/models/bert-mean}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for rows in 1 100000 1000000; do
    seq -f 'line %.0f of a long file' "$rows" |
        /usr/bin/time -v target/release/mbed embed - --model "$model" -o "$folder/out.parquet" --quiet --json \
            2> "$folder/time"
    printf '%8d rows: %s\n' "$rows" "$(grep -E 'Maximum resident' "$folder/time")"
done
