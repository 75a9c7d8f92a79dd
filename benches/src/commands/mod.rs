//! The commands of the benchmark suite's own program.

mod args;
mod output;
mod printer;
mod run;

pub(crate) use run::main;
