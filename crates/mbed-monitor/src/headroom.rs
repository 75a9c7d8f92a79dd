//! How much memory may still be taken.

use std::fmt;

use mbed_core::Bytes;
use serde::Serialize;

/// One limit and how much of it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Limit {
    /// The most.
    pub limit: Bytes,
    /// What is used of it, without what would be given back at once.
    pub used: Bytes,
}

impl Limit {
    /// What is left.
    #[must_use]
    pub const fn free(&self) -> Bytes {
        Bytes::new(self.limit.get().saturating_sub(self.used.get()))
    }
}

/// What bounds the memory of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Bound {
    /// The memory of the machine.
    Machine,
    /// A control group, such as a container's.
    ControlGroup,
    /// `RLIMIT_AS`, which mapped files, stacks and the reserves of allocators count against as well.
    AddressSpace,
    /// `RLIMIT_DATA`
    Data,
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Machine => "the machine's memory",
            Self::ControlGroup => "the control group's limit",
            Self::AddressSpace => "the limit of the address space",
            Self::Data => "the limit of the data segment",
        })
    }
}

/// How much memory a process may still take, and which of its limits says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Headroom {
    /// What bounds it most.
    pub bound: Bound,
    /// That limit, and what is used of it.
    #[serde(flatten)]
    pub limit: Limit,
}

impl Headroom {
    /// The limit that leaves the least; of those that leave the same, the first.
    pub(crate) fn least(limits: impl IntoIterator<Item = (Bound, Limit)>) -> Option<Self> {
        let least = limits.into_iter().min_by_key(|(_, limit)| limit.free());
        least.map(|(bound, limit)| Self { bound, limit })
    }
}
