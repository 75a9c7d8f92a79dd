//! Families of architectures: how `config.json` becomes an encoder spec and what its tensors are called.
//!
//! A new relative adds one file and one line in [`FAMILIES`]; it adds no forward code.

use std::sync::Arc;

use mbed_core::spec::{EncoderSpec, HeadSpec, Part, TensorName};
use mbed_core::{ModelSource, TensorError, Weights};

use super::{ConfigFile, bert, foreign};
use crate::ModelError;
use crate::modules::Modules;
use crate::tensors::NamedTensors;

/// A family of models that share `model_type` and tensor names.
pub(super) struct Family {
    /// `model_type` of `config.json`.
    pub(super) model_type: &'static str,
    /// What the configuration means.
    pub(super) spec: fn(&ConfigFile, HeadSpec) -> Result<EncoderSpec, ModelError>,
    /// The names that a tensor may have in a file, the usual one first. Prefixes are tried before each.
    pub(super) names: fn(TensorName) -> Vec<String>,
    /// What may stand before every name.
    pub(super) prefixes: &'static [&'static str],
}

const FAMILIES: &[Family] = &[bert::FAMILY];

/// The values of `model_type` that have an encoder spec.
#[must_use]
pub fn known_families() -> Vec<&'static str> {
    FAMILIES.iter().map(|family| family.model_type).collect()
}

/// Makes a model's encoder out of its parts.
pub(crate) fn describe(
    config: &ConfigFile,
    modules: &Modules,
    tensors: NamedTensors,
) -> Result<ModelSource, ModelError> {
    let model_type = config.model_type()?;
    let Some(family) = FAMILIES.iter().find(|family| family.model_type == model_type) else {
        return foreign::describe(model_type, config, modules, tensors);
    };
    let spec = (family.spec)(config, modules.head.clone())?;
    if spec.layers > tensors.len() {
        return Err(config.refuse("num_hidden_layers", "no more layers than the weights hold"));
    }
    let weights = family.collect(&spec, modules, &tensors);
    let weights = weights.map_err(|source| config.weights_error(source))?;
    Ok(ModelSource::Spec { spec, weights: Arc::new(weights) })
}

impl Family {
    fn collect(
        &self,
        spec: &EncoderSpec,
        modules: &Modules,
        tensors: &NamedTensors,
    ) -> Result<Weights, TensorError> {
        let mut weights = Weights::new();
        for (name, shape) in spec.encoder_tensors() {
            let (found_name, tensor) = self.find(tensors, name)?;
            if tensor.shape() != shape {
                return Err(TensorError::WrongShape {
                    name: found_name.into(),
                    expected: shape,
                    got: tensor.shape().to_vec(),
                });
            }
            weights.insert(name, tensor.clone());
        }
        add_head(&mut weights, modules)?;
        spec.check(&weights)?;
        Ok(weights)
    }

    fn find<'a>(
        &self,
        tensors: &'a NamedTensors,
        name: TensorName,
    ) -> Result<(String, &'a mbed_core::Tensor), TensorError> {
        let names = (self.names)(name);
        for candidate in &names {
            for prefix in self.prefixes {
                let full = format!("{prefix}{candidate}");
                if let Some(tensor) = tensors.get(&full) {
                    return Ok((full, tensor));
                }
            }
        }
        let usual = names.into_iter().next().unwrap_or_else(|| name.to_string());
        Err(TensorError::Missing { name: usual.into() })
    }
}

/// Adds the tensors of the head's Dense stages: `linear.weight` and `linear.bias` of each module's own file.
pub(super) fn add_head(weights: &mut Weights, modules: &Modules) -> Result<(), TensorError> {
    for (stage, tensors) in &modules.dense {
        for (part, key) in [(Part::Weight, "linear.weight"), (Part::Bias, "linear.bias")] {
            if let Some(tensor) = tensors.get(key) {
                weights.insert(TensorName::HeadDense(*stage, part), tensor.clone());
            }
        }
        if !tensors.contains_key("linear.weight") {
            return Err(TensorError::Missing { name: "linear.weight".into() });
        }
    }
    Ok(())
}
