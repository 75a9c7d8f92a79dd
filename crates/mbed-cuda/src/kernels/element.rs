//! The number formats of kernels.

use std::fmt;

/// The format of activations, tables and linear weights. TensorFloat-32 is a matter of products alone: its kernels are
/// those of binary32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Element {
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary16.
    F16,
    /// bfloat16.
    Bf16,
}

impl Element {
    /// Every format.
    pub const ALL: [Self; 3] = [Self::F32, Self::F16, Self::Bf16];

    /// How many bytes a value has.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }

    /// Its lower-case name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
        }
    }

    /// The option that tells a source which format is meant.
    pub(super) const fn option(self) -> &'static str {
        match self {
            Self::F32 => "-DELEMENT_F32",
            Self::F16 => "-DELEMENT_F16",
            Self::Bf16 => "-DELEMENT_BF16",
        }
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
