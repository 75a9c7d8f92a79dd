//! What a kernel needs of a multiprocessor, as the compiler reports it.

/// What one kernel needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelFigures {
    /// Its name.
    pub entry: String,
    /// Registers of a thread.
    pub registers: u32,
    /// Bytes of a thread that are written to memory for want of registers.
    pub spilled: u32,
    /// Bytes of shared memory that it declares itself.
    pub shared: u32,
}

/// Reads what `--ptxas-options=-v` adds to the log, in the order of names.
pub(super) fn read(log: &str) -> Vec<KernelFigures> {
    let mut found: Vec<KernelFigures> = Vec::new();
    for line in log.lines() {
        if let Some(entry) = line.split("Compiling entry function '").nth(1) {
            let entry = entry.split('\'').next().unwrap_or_default().to_owned();
            found.push(KernelFigures { entry, registers: 0, spilled: 0, shared: 0 });
        } else if let Some(kernel) = found.last_mut() {
            // "8 bytes spill stores", "Used 8 registers", "1024 bytes smem"
            kernel.spilled += before(line, " bytes spill stores").unwrap_or_default();
            kernel.registers += before(line, " registers").unwrap_or_default();
            kernel.shared += before(line, " bytes smem").unwrap_or_default();
        }
    }
    found.sort_by(|left, right| left.entry.cmp(&right.entry));
    found
}

/// The number right before `words`.
fn before(line: &str, words: &str) -> Option<u32> {
    line.split_once(words)?.0.rsplit(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What NVRTC 13.0 says of two kernels.
    const LOG: &str = "\
ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function 'second' for 'sm_80'
ptxas info    : Function properties for second
ptxas         .     8 bytes stack frame, 12 bytes spill stores, 16 bytes spill loads
ptxas info    : Used 96 registers, used 1 barriers, 36864 bytes smem, 432 bytes cmem[0]
ptxas info    : Compile time = 1.621 ms
ptxas info    : Compiling entry function 'first' for 'sm_80'
ptxas info    : Function properties for first
ptxas         .     0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 8 registers, used 0 barriers, 364 bytes cmem[0]
";

    #[test]
    fn figures_are_read_by_name() {
        let kernel = |entry: &str, registers, spilled, shared| KernelFigures {
            entry: entry.to_owned(),
            registers,
            spilled,
            shared,
        };
        assert_eq!(read(LOG), [kernel("first", 8, 0, 0), kernel("second", 96, 12, 36_864)]);
        assert_eq!(read(""), []);
    }
}
