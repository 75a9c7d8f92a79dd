//! A model as it lies on a device.

mod layers;
mod load;
mod upload;

pub(crate) use layers::{Half, Layer, Linear, Shortcut, Stage};
pub(crate) use load::{LoadOptions, Model};
