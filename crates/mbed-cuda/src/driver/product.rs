//! Matrix products.

use crate::kernels::{Address, Element};

/// In which numbers a product is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Numbers {
    /// binary32 throughout.
    F32,
    /// binary32 in memory, TensorFloat-32 in the products.
    Tf32,
    /// binary16 in memory, sums in binary32.
    F16,
    /// bfloat16 in memory, sums in binary32.
    Bf16,
}

impl Numbers {
    /// How its operands lie in memory.
    #[must_use]
    pub const fn element(self) -> Element {
        match self {
            Self::F32 | Self::Tf32 => Element::F32,
            Self::F16 => Element::F16,
            Self::Bf16 => Element::Bf16,
        }
    }
}

/// The shape of `output = input weightᵀ + bias`; all three matrices lie row after row without gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Product {
    /// Rows of `input` and `output`.
    pub rows: usize,
    /// Columns of `input` and `weight`.
    pub inner: usize,
    /// Rows of `weight`, columns of `output`.
    pub outputs: usize,
    /// Of all operands.
    pub numbers: Numbers,
    /// What happens to sums.
    pub epilogue: Epilogue,
}

/// What happens to the sums of a product before they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Epilogue {
    /// Nothing.
    None,
    /// A bias is added, one number for each output.
    Bias,
}

/// Where the operands of a [`Product`] lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operands {
    /// `rows × inner`
    pub input: Address,
    /// `outputs × inner`
    pub weight: Address,
    /// `outputs`, where there is one.
    pub bias: Option<Address>,
    /// `rows × outputs`
    pub output: Address,
    /// Room for parts of sums.
    pub workspace: Address,
    /// How much.
    pub workspace_bytes: usize,
}
