//! Rotation of queries and keys, as configurations spell it.

use std::sync::Arc;

use mbed_core::spec::{RotaryPairing, RotarySpec};

use super::ConfigFile;
use crate::ModelError;

/// The rotation that a configuration states: since transformers 5 in `rope_parameters`, before in `rope_theta` and
/// `rope_scaling`.
pub(super) fn read(config: &ConfigFile, head_size: usize, base: f64) -> Result<Arc<RotarySpec>, ModelError> {
    let base = config.positive("rope_theta", base)?;
    if config.has("rope_parameters") {
        return scaled(&config.object("rope_parameters"), head_size, base);
    }
    scaled(&config.object("rope_scaling"), head_size, base)
}

/// The rotation of the layers of one kind, where kinds differ: `rope_parameters.KIND`, before transformers 5 a key
/// of their own for the base.
pub(super) fn read_kind(
    config: &ConfigFile,
    kind: &str,
    head_size: usize,
    base: f64,
) -> Result<Arc<RotarySpec>, ModelError> {
    scaled(&config.object("rope_parameters").object(kind), head_size, base)
}

/// `rope_theta`, and how frequencies are scaled for longer texts than the model was first trained for.
pub(super) fn scaled(
    scaling: &ConfigFile,
    head_size: usize,
    base: f64,
) -> Result<Arc<RotarySpec>, ModelError> {
    let base = scaling.positive("rope_theta", base)?;
    let share = scaling.positive("partial_rotary_factor", 1.0)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a head's size")]
    let size = (head_size as f64 * share.min(1.0)) as usize;
    let key = if scaling.has("rope_type") { "rope_type" } else { "type" };
    let kind = scaling.text_or(key, "default")?.to_owned();
    let mut rotary = RotarySpec::new(base, size, RotaryPairing::Halves);
    match kind.as_str() {
        // The dynamic kind changes nothing up to the model's own number of positions, and more are not taken.
        "default" | "dynamic" => {}
        "linear" => {
            let factor = scaling.positive("factor", 1.0)?;
            change(&mut rotary, |frequency| frequency / factor);
        }
        "llama3" => llama3(scaling, &mut rotary)?,
        "ntk" => return ntk(scaling, size, base),
        _ => return Err(scaling.refuse(key, "one of default, linear, dynamic, llama3, ntk")),
    }
    Ok(Arc::new(rotary))
}

fn change(rotary: &mut RotarySpec, change: impl Fn(f64) -> f64) {
    for frequency in &mut rotary.frequencies {
        #[expect(clippy::cast_possible_truncation, reason = "frequencies are binary32")]
        let changed = change(f64::from(*frequency)) as f32;
        *frequency = changed;
    }
}

/// Llama 3.1: frequencies whose wave is longer than the original context are divided by `factor`, short ones stay,
/// and those between are mixed.
fn llama3(scaling: &ConfigFile, rotary: &mut RotarySpec) -> Result<(), ModelError> {
    let factor = scaling.positive("factor", 8.0)?;
    let low = scaling.positive("low_freq_factor", 1.0)?;
    let high = scaling.positive("high_freq_factor", 4.0)?;
    let context = scaling.positive("original_max_position_embeddings", 8192.0)?;
    change(rotary, |frequency| {
        let waves = context * frequency / std::f64::consts::TAU;
        let kept = ((waves - low) / (high - low)).clamp(0.0, 1.0);
        (1.0 - kept) * frequency / factor + kept * frequency
    });
    Ok(())
}

/// The fixed form of the GTE models: the base times `factor`, and all frequencies divided by `factor^(2 / size)`.
fn ntk(scaling: &ConfigFile, size: usize, base: f64) -> Result<Arc<RotarySpec>, ModelError> {
    scaling.only("mixed_b", "null")?;
    let factor = scaling.positive("factor", 1.0)?;
    let mut rotary = RotarySpec::new(base * factor, size, RotaryPairing::Halves);
    let divisor = factor.powf(2.0 / size as f64);
    change(&mut rotary, |frequency| frequency / divisor);
    Ok(Arc::new(rotary))
}
