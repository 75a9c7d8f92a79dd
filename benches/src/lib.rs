//! The benchmark suite: what each backend does on this machine, sustained, comparable, with pictures.
//!
//! * A [`Suite`] is a file of lists; every combination is a [`Cell`], and those that this machine cannot measure are named
//!   with the reason.
//! * Each cell runs in a process of its own ([`worker`]), and those of one workload take turns ([`run_suite`]).
//! * [`study`] asks single questions: batch sizes, workers, long runs, accuracy.
//! * [`rows`] are raw results; [`compare`] sets two files of them beside each other, [`report`] draws them.

pub mod compare;
mod error;
mod lengths;
mod machine;
mod measure;
mod operations;
mod peak;
mod peers;
mod picture;
mod random;
pub mod report;
pub mod rows;
mod run;
mod short;
pub mod stats;
pub mod study;
mod suite;
pub mod worker;
mod workload;

pub use error::BenchError;
pub use lengths::TokenLengths;
pub use machine::{Machine, Watch};
pub use measure::{Bench, Effort, Measured};
pub use operations::{operations, weight_bytes};
pub use peak::Peak;
pub use peers::{PeerOptions, peers};
pub use picture::picture;
pub use run::run_suite;
pub use short::short_suite;
pub use suite::{BatchTokens, Cell, Matrix, Plan, SUITES, Skipped, Studies, Suite, plan};
pub use workload::{BUILT_IN, Workload, WorkloadName};
