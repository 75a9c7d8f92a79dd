//! What every kernel needs on one architecture.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use mbed_cuda::kernels::{Architecture, Unit};
use mbed_cuda::nvrtc::{self, Compiler, KernelFigures};
use mbed_tests::Failure;

use crate::parameters;

/// A unit and a kernel in it.
pub(crate) type Kernel = (String, String);

/// A cell for each kernel.
#[derive(Debug, Default)]
pub(crate) struct Column {
    pub(crate) cells: BTreeMap<Kernel, String>,
}

impl Column {
    /// Compiles everything, with warnings as errors.
    pub(crate) fn measure(library: &Path, architecture: Architecture) -> Result<Self, Failure> {
        nvrtc::load_from(library)?;
        let compiler = Compiler::new(None)?;
        let mut cells = BTreeMap::new();
        for unit in Unit::all().into_iter().filter(|unit| unit.runs_on(architecture)) {
            let examined = compiler.examine(unit, architecture)?;
            parameters::check(unit, &examined.ptx)?;
            if examined.cubin.is_empty() || examined.kernels.is_empty() {
                return Err(Failure::new(format!("nothing came of `{unit}`")));
            }
            for kernel in examined.kernels {
                let cell = cell(&kernel);
                cells.insert((unit.to_string(), kernel.entry), cell);
            }
        }
        Ok(Self { cells })
    }

    /// As the process that called this one reads it.
    pub(crate) fn to_lines(&self) -> String {
        let mut lines = String::new();
        for ((unit, entry), cell) in &self.cells {
            // Writing to a string cannot fail.
            let _ = writeln!(lines, "{unit}\t{entry}\t{cell}");
        }
        lines
    }

    /// The reverse of [`Column::to_lines`].
    pub(crate) fn from_lines(lines: &str) -> Self {
        let cells = lines.lines().filter_map(|line| {
            let mut parts = line.split('\t').map(str::to_owned);
            Some(((parts.next()?, parts.next()?), parts.next()?))
        });
        Self { cells: cells.collect() }
    }
}

fn cell(kernel: &KernelFigures) -> String {
    let KernelFigures { registers, spilled, .. } = kernel;
    if *spilled == 0 { registers.to_string() } else { format!("{registers}, {spilled} spilled") }
}
