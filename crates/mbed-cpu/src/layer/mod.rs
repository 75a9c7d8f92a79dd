//! One encoder layer.

mod bf16;
mod choice;
mod norms;
mod shared;
mod single;

pub(crate) use bf16::Bf16Rows;
pub(crate) use choice::Layer;
pub(crate) use single::step;
