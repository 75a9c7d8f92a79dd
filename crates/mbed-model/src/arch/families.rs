//! Families of architectures: how `config.json` becomes an encoder spec and what its tensors are called.
//!
//! A new relative adds one file and one line in [`FAMILIES`]; it adds no forward code.

use std::sync::Arc;

use mbed_core::spec::{Bias, EncoderSpec, HeadSpec, HeadStage, Part, TensorName};
use mbed_core::{ModelSource, Tensor, TensorError, Weights};

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
    if spec.layers > tensors.by_name.len() {
        return Err(config.refuse("num_hidden_layers", "no more layers than the weights hold"));
    }
    modules.check_lengths(spec.hidden)?;
    let mut weights = family.collect(config, &spec, &tensors)?;
    add_head(&mut weights, modules)?;
    spec.check(&weights).map_err(|source| config.weights_error(source))?;
    Ok(ModelSource::Spec { spec, weights: Arc::new(weights) })
}

impl Family {
    fn collect(
        &self,
        config: &ConfigFile,
        spec: &EncoderSpec,
        tensors: &NamedTensors,
    ) -> Result<Weights, ModelError> {
        let mut weights = Weights::new();
        for (name, shape) in spec.encoder_tensors() {
            let names = self.full_names(name);
            let found = names.iter().find_map(|full| Some((full, tensors.by_name.get(full)?)));
            let Some((full, tensor)) = found else {
                let usual = names.first().cloned().unwrap_or_else(|| name.to_string());
                let missing = || config.weights_error(TensorError::Missing { name: usual.into() });
                return Err(tensors.wrong_type(&names).unwrap_or_else(missing));
            };
            check_shape(full, tensor, &shape).map_err(|source| config.weights_error(source))?;
            weights.insert(name, tensor.clone());
        }
        Ok(weights)
    }

    /// Every name that a tensor may have in a file, the usual one first.
    fn full_names(&self, name: TensorName) -> Vec<String> {
        let names = (self.names)(name).into_iter();
        names.flat_map(|name| self.prefixes.iter().map(move |prefix| format!("{prefix}{name}"))).collect()
    }
}

fn check_shape(name: &str, tensor: &Tensor, expected: &[usize]) -> Result<(), TensorError> {
    if tensor.shape() == expected {
        return Ok(());
    }
    Err(TensorError::WrongShape {
        name: name.to_owned().into(),
        expected: expected.to_vec(),
        got: tensor.shape().to_vec(),
    })
}

/// Adds the tensors of the head's Dense stages: `linear.weight` and `linear.bias` of each module's own file.
pub(super) fn add_head(weights: &mut Weights, modules: &Modules) -> Result<(), ModelError> {
    for module in &modules.dense {
        let Some(HeadStage::Dense { input, output, bias, .. }) = modules.head.stages.get(module.stage) else {
            continue;
        };
        let mut needed = vec![(Part::Weight, "linear.weight", vec![*output, *input])];
        if *bias == Bias::Added {
            needed.push((Part::Bias, "linear.bias", vec![*output]));
        }
        for (part, key, shape) in needed {
            let refuse = |source| ModelError::Weights { folder: module.folder.clone(), source };
            let Some(tensor) = module.tensors.by_name.get(key) else {
                let missing = || refuse(TensorError::Missing { name: key.into() });
                return Err(module.tensors.wrong_type([&key.to_owned()]).unwrap_or_else(missing));
            };
            check_shape(key, tensor, &shape).map_err(refuse)?;
            weights.insert(TensorName::HeadDense(module.stage, part), tensor.clone());
        }
    }
    Ok(())
}
