//! Refusing specs whose parts do not fit together, which would fail later or not at all.

use mbed_core::spec::{EncoderSpec, HeadSpec, HeadStage, Residual, ScoreBias};

use crate::errors::{OpenResult, unsupported};

/// # Errors
/// A size is 0, or two sizes contradict each other.
pub(super) fn check(spec: &EncoderSpec) -> OpenResult<()> {
    let (width, hidden) = (spec.embedding.width, spec.hidden);
    not_zero(&[
        ("hidden size", hidden),
        ("embedding size", width),
        ("longest sequence", spec.position.max_tokens()),
    ])?;
    if spec.embedding.projection.is_none() && width != hidden {
        return Err(unsupported(format!(
            "its embeddings have {width} values, its states {hidden}, and nothing maps one to the other"
        )));
    }
    if !spec.layers.is_empty() {
        check_layers(spec)?;
    }
    check_head(&spec.head, hidden)
}

fn check_layers(spec: &EncoderSpec) -> OpenResult<()> {
    let attention = &spec.attention;
    let (heads, key_value_heads) = (attention.heads, attention.key_value_heads);
    not_zero(&[
        ("number of heads", heads),
        ("number of key and value heads", key_value_heads),
        ("head size", attention.head_size),
        ("intermediate size", spec.feed_forward.intermediate),
    ])?;
    if !heads.is_multiple_of(key_value_heads) {
        return Err(unsupported(format!(
            "its {key_value_heads} key and value heads do not divide its {heads} heads"
        )));
    }
    match attention.score_bias {
        ScoreBias::Buckets { buckets, .. } if buckets < 2 => {
            Err(unsupported(format!("two ranges of distances are needed, it has {buckets}")))
        }
        _ => Ok(()),
    }
}

/// Each stage takes vectors as long as the one before it gives them.
pub(super) fn check_head(head: &HeadSpec, hidden: usize) -> OpenResult<()> {
    if head.pooling.is_empty() {
        return Err(unsupported("its head names no pooling"));
    }
    let mut length = hidden.saturating_mul(head.pooling.len());
    for (index, stage) in head.stages.iter().enumerate() {
        let (input, output) = match *stage {
            HeadStage::Dense { input, output, residual: Residual::Input, .. } if input != output => {
                return Err(unsupported(format!(
                    "stage {index} of its head adds its input of {input} to a result of {output}"
                )));
            }
            HeadStage::Dense { input, output, .. } => (input, output),
            HeadStage::LayerNorm { length, .. } => (length, length),
            _ => continue,
        };
        if input != length {
            return Err(unsupported(format!(
                "stage {index} of its head takes vectors of {input}, but gets vectors of {length}"
            )));
        }
        length = output;
    }
    not_zero(&[("vector length", length)])
}

fn not_zero(sizes: &[(&str, usize)]) -> OpenResult<()> {
    match sizes.iter().find(|(_, size)| *size == 0) {
        Some((name, _)) => Err(unsupported(format!("its {name} is 0"))),
        None => Ok(()),
    }
}
