# Short names for what cargo and xtask do. `cargo xtask` works without just.

# List the recipes.
default:
    @{{ quote(just_executable()) }} --list

# The quick loop: format, spelling, recipes, lints.
check:
    cargo xtask check

# Everything that CI runs; `just test --fast` leaves out the slow steps.
test *options:
    cargo xtask test {{ options }}

# Format the sources and this file.
fmt:
    cargo fmt --all
    {{ quote(just_executable()) }} --fmt

# Write the generated files.
generate:
    cargo xtask generate

# Run the command line, as in `just run embed README.md`.
run *arguments:
    cargo run --release -- {{ arguments }}

# Measure every backend on this machine and write a page into `mbed-bench-report`.
bench *options:
    cargo run --release -p mbed-bench -- run {{ options }}
