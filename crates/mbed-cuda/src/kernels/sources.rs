//! The text of the kernels, which the binary carries.

/// A file, with a line before it that lets the compiler's messages name it.
macro_rules! file {
    ($name:literal) => {
        concat!("#line 1 \"", $name, "\"\n", include_str!(concat!("../../kernels/", $name)))
    };
}

pub(super) const EMBED: &str = concat!(file!("common.cu"), file!("row.cu"), file!("embed.cu"));
pub(super) const NORM: &str = concat!(file!("common.cu"), file!("row.cu"), file!("norm.cu"));
pub(super) const ACTIVATION: &str = concat!(file!("common.cu"), file!("activation.cu"));
pub(super) const PLACE: &str = concat!(file!("common.cu"), file!("place.cu"));
pub(super) const POOL: &str = concat!(file!("common.cu"), file!("pool.cu"));
pub(super) const HEAD: &str = concat!(file!("common.cu"), file!("head.cu"));
pub(super) const CONVERT: &str = concat!(file!("common.cu"), file!("convert.cu"));
pub(super) const ATTENTION_TILES: &str =
    concat!(file!("common.cu"), file!("attention.cu"), file!("attention_tiles.cu"));
pub(super) const ATTENTION_ANY: &str =
    concat!(file!("common.cu"), file!("attention.cu"), file!("attention_any.cu"));
