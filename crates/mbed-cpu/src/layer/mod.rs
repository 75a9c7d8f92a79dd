//! One encoder layer.

mod choice;
mod factors;
mod norms;
mod shared;
mod single;
mod tiled;

pub(crate) use choice::Layer;
pub(crate) use single::step;
pub(crate) use tiled::TiledRows;
