//! The kernels: for each its source, its entry, and the checked parameters of a launch.
//!
//! Each description, such as [`Embed`], says what a kernel reads and writes; its `launch` turns that into a [`Launch`],
//! a plain value, without a device.

mod activation;
mod address;
mod architecture;
mod attention;
mod check;
mod convert;
mod element;
#[cfg(test)]
mod emulation;
mod head;
mod launch;
mod norm;
mod place;
mod pool;
mod rows;
mod sources;
mod tiles;
mod unit;

pub use activation::{Activate, Gate};
pub use address::Address;
pub use architecture::{Architecture, Features};
pub use attention::{Attention, ScoreTable};
pub use check::LaunchError;
pub use convert::Convert;
pub use element::Element;
pub use head::{Add, Normalize, Scaling, Take};
pub use launch::{Argument, Launch};
pub use norm::Norm;
pub use place::{Place, Rotation};
pub use pool::Pool;
pub use rows::{Embed, Indexed, ResidualNorm, RowNorm};
pub use tiles::AttentionShape;
pub use unit::{Family, Scores, Unit};
