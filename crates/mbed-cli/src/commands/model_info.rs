//! `mbed model info`

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use mbed_core::spec::{HeadSpec, HeadStage};
use mbed_core::{Bytes, ModelSource, Precision};
use mbed_model::{Model, ResolvedModel};
use serde_json::{Map, Value, json};

use crate::failure::Failure;
use crate::invocation::Invocation;
use crate::progress::Bars;
use crate::status::Status;

/// Bytes by precision.
const WEIGHTS: &str = "weights_bytes";

/// Names and values, in the order in which they are shown.
type Facts = Map<String, Value>;

/// Loads the model of the settings and prints what it is.
pub(super) fn print(as_json: bool, invocation: &Invocation) -> Result<Status, Failure> {
    let printer = &invocation.printer;
    let bars = Bars::new(printer);
    let context = invocation.context(&bars)?;
    let found = mbed_model::resolve(
        &invocation.settings().model.id,
        context.revision.as_deref(),
        &context.locations,
        context.progress,
    )?;
    let mut model = mbed_model::load(&found)?;
    context.locations.known.amend(&found.id, &mut model.text);
    let facts = facts(&found, &model);
    if as_json {
        printer.data(&Value::Object(facts).to_string());
        return Ok(Status::Success);
    }
    for (name, value) in facts {
        if !value.is_null() {
            let shown = if name == WEIGHTS { shown_weights(&value) } else { shown(&value) };
            printer.data(&format!("{name:18} {shown}"));
        }
    }
    Ok(Status::Success)
}

fn shown_weights(weights: &Value) -> String {
    let sizes = weights.as_object().into_iter().flatten();
    let sizes =
        sizes.map(|(name, bytes)| format!("{name} {}", Bytes::new(bytes.as_u64().unwrap_or_default())));
    sizes.collect::<Vec<_>>().join(", ")
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(shown).collect::<Vec<_>>().join(", "),
        Value::Object(values) => {
            let pairs: Vec<String> = values.iter().map(|(name, value)| format!("{name} {value}")).collect();
            if pairs.is_empty() { "none".to_owned() } else { pairs.join(", ") }
        }
        other => other.to_string(),
    }
}

fn facts(found: &ResolvedModel, model: &Model) -> Facts {
    let head = model.head();
    let text = &model.text;
    let prompts: Facts = text.prompts.named.iter().map(|(name, text)| (name.clone(), json!(text))).collect();
    let mut facts = Facts::new();
    let mut tell = |name: &str, value: Value| _ = facts.insert(name.to_owned(), value);
    tell("model", json!(found.id));
    tell("origin", json!(found.origin.to_string()));
    tell("folder", json!(found.folder));
    tell("licence", json!(licence(&found.folder)));
    tell("architecture", json!(model.architecture()));
    tell("runs_on", json!(runs_on(&model.source)));
    // Those of a graph are its own business.
    let parameters = (!matches!(model.source, ModelSource::Graph(_))).then(|| model.parameters());
    tell("parameters", json!(parameters));
    tell("stored_as", json!(stored_as(&model.source)));
    tell(WEIGHTS, parameters.map_or(Value::Null, weights));
    tell("dimensions", json!(head.map_or(0, |head| head.dimensions(model.hidden()))));
    tell("max_tokens", json!(text.max_tokens));
    tell("positions", json!(text.positions));
    tell("head", json!(head.map_or_else(String::new, describe_head)));
    tell("prompts", Value::Object(prompts));
    tell("default_prompt", json!(text.prompts.default));
    if let ModelSource::Spec { spec, .. } = &model.source {
        tell("layers", json!(spec.layers.len()));
        tell("hidden", json!(spec.hidden));
        tell("heads", json!(spec.attention.heads));
    }
    if !model.unused_tensors.is_empty() {
        tell("unused_tensors", json!(model.unused_tensors));
    }
    facts
}

/// What the model card states, where the folder has one: `license` of the block between two lines of dashes.
fn licence(folder: &Path) -> Option<String> {
    let card = fs::read_to_string(folder.join("README.md")).ok()?;
    let block = card.strip_prefix("---")?.split("\n---").next()?;
    let stated = block.lines().find_map(|line| line.strip_prefix("license:"))?.trim();
    (!stated.is_empty()).then(|| stated.trim_matches(['"', '\'']).to_owned())
}

/// Devices of this machine with their precisions, as this build has them.
fn runs_on(source: &ModelSource) -> Vec<String> {
    let places = mbed::places(source).into_iter().map(|place| {
        let precisions: Vec<&str> = place.precisions.iter().map(|precision| precision.name()).collect();
        format!("{} ({})", place.device, precisions.join(", "))
    });
    let places: Vec<String> = places.collect();
    if places.is_empty() { vec!["no backend of this build".to_owned()] } else { places }
}

fn stored_as(source: &ModelSource) -> BTreeSet<String> {
    let name = |tensor: &mbed_core::Tensor| format!("{:?}", tensor.stored()).to_lowercase();
    match source {
        ModelSource::Spec { weights, .. } => weights.iter().map(|(_, tensor)| name(tensor)).collect(),
        ModelSource::Foreign(model) => model.tensors.values().map(name).collect(),
        ModelSource::Graph(_) => std::iter::once("onnx".to_owned()).collect(),
        _ => BTreeSet::new(),
    }
}

/// Memory that the weights take, by how many bytes a precision keeps of each value.
fn weights(parameters: usize) -> Value {
    let kept = [(Precision::F32, 4), (Precision::Bf16, 2), (Precision::F16, 2), (Precision::Int8, 1)];
    let sizes =
        kept.map(|(precision, bytes)| (precision.name().to_owned(), json!(parameters.saturating_mul(bytes))));
    Value::Object(sizes.into_iter().collect())
}

fn describe_head(head: &HeadSpec) -> String {
    let poolings: Vec<&str> = head.pooling.iter().map(|pooling| pooling.name()).collect();
    let stages = head.stages.iter().map(|stage| match stage {
        HeadStage::Dense { input, output, activation, .. } => {
            format!("dense {input} to {output}, {activation:?}")
        }
        HeadStage::LayerNorm { .. } => "layer norm".to_owned(),
        HeadStage::Normalize => "normalise".to_owned(),
        other => format!("{other:?}"),
    });
    let parts = [format!("pooling {}", poolings.join(" + "))].into_iter().chain(stages);
    parts.collect::<Vec<_>>().join(", then ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_licence_is_the_model_cards() {
        let folder = tempfile::tempdir().unwrap();
        let check = |card: &str, expected: Option<&str>| {
            fs::write(folder.path().join("README.md"), card).unwrap();
            assert_eq!(licence(folder.path()).as_deref(), expected, "{card}");
        };
        check("---\nlanguage: en\nlicense: apache-2.0\ntags: []\n---\n# A model\n", Some("apache-2.0"));
        check("---\nlicense: \"mit\"\n---\n", Some("mit"));
        check("# A model\nlicense: mit\n", None);
        check("---\ntags: []\n---\nlicense: mit\n", None);
        fs::remove_file(folder.path().join("README.md")).unwrap();
        assert_eq!(licence(folder.path()), None);
    }
}
