//! The page: one table, a row for each kernel.

use std::collections::BTreeSet;
use std::fmt::Write;

use mbed_cuda::kernels::Architecture;

use crate::column::{Column, Kernel};

const HEAD: &str = "\
# What kernels need

Measured, not written: `cargo xtask generate` compiles every CUDA kernel for every architecture with NVRTC 13.0, warnings
as errors, and `cargo xtask test` does it again. A number is a thread's registers, of which a multiprocessor has 65,536;
behind it stand the bytes of a thread that had no room in them. `-` means that the architecture lacks the number format,
which is refused before anything is compiled.
";

/// The page with `columns` in the order of [`Architecture::TESTED`].
pub(crate) fn render(columns: &[Column]) -> String {
    let kernels: BTreeSet<&Kernel> = columns.iter().flat_map(|column| column.cells.keys()).collect();
    let mut page = format!("{HEAD}\n| unit | kernel |");
    for architecture in Architecture::TESTED {
        add(&mut page, &format!(" {architecture} |"));
    }
    page.push_str("\n|---|---|");
    page.push_str(&"---|".repeat(Architecture::TESTED.len()));
    for kernel in kernels {
        let (unit, entry) = kernel;
        add(&mut page, &format!("\n| `{unit}` | `{entry}` |"));
        for column in columns {
            let cell = column.cells.get(kernel).map_or("-", String::as_str);
            add(&mut page, &format!(" {cell} |"));
        }
    }
    page.push('\n');
    page
}

fn add(page: &mut String, text: &str) {
    // Writing to a string cannot fail.
    let _ = write!(page, "{text}");
}
