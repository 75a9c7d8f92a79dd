#!/bin/sh
# The tests of the kernels under valgrind, which knows AVX2 and none of AVX-512 and AMX: its processor shows what it knows,
# so the portable path and that of AVX2 run. Needs valgrind (`apt-get install valgrind`) and takes minutes.
#
# usage: benches/valgrind.sh [TEST_FILTER...]
set -eu
cd "$(dirname "$0")/.."
program=$(cargo test -p mbed-kernels --lib --no-run --message-format=json 2>/dev/null |
    sed -n 's/.*"executable":"\([^"]*\)".*/\1/p')
[ -n "$program" ] || { echo 'the tests do not build' >&2; exit 1; }
[ $# -gt 0 ] || set -- guard_tests attention:: norm:: pool:: rotary:: gemm::
exec valgrind --error-exitcode=1 --quiet --track-origins=no "$program" --test-threads=1 "$@"
