//! The norms around the two parts of a layer.

use mbed_core::TensorError;
use mbed_core::spec::{LayerTensor, NormPlacement};
use mbed_kernels::Isa;
use mbed_kernels::norm::Norm;

/// The norms of one of a layer's two parts `f`.
#[derive(Debug)]
pub(super) enum Norms {
    /// `x + f(x)`
    None,
    /// `norm(x + f(x))`
    After(Norm),
    /// `x + f(norm(x))`
    Before(Norm),
    /// `x + second(f(first(x)))`
    Around(Norm, Norm),
}

impl Norms {
    pub(super) fn load(
        placement: NormPlacement,
        norm: impl Fn(LayerTensor) -> Result<Norm, TensorError>,
        [first, second]: [LayerTensor; 2],
    ) -> Result<Self, TensorError> {
        Ok(match placement {
            NormPlacement::Before => Self::Before(norm(first)?),
            NormPlacement::Around => Self::Around(norm(first)?, norm(second)?),
            _ => Self::After(norm(first)?),
        })
    }

    /// What `f` is given of `x`; `room` is as long as `x`.
    pub(super) fn input<'a>(&self, isa: Isa, x: &'a [f32], room: &'a mut [f32]) -> &'a [f32] {
        match self {
            Self::None | Self::After(_) => x,
            Self::Before(norm) | Self::Around(norm, _) => {
                room.copy_from_slice(x);
                norm.apply_on(isa, room);
                room
            }
        }
    }
}
