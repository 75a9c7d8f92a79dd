//! Families of architectures: how `config.json` becomes an encoder spec and what its tensors are called.
//!
//! A new relative adds one file and one line in [`FAMILIES`]; it adds no forward code.

use std::collections::BTreeSet;
use std::sync::Arc;

use mbed_core::spec::{EncoderSpec, HeadSpec, TensorName};
use mbed_core::{ModelSource, Tensor, TensorError, Weights};

use super::names::Place;
use super::{
    ConfigFile, albert, bert, decoder, distilbert, electra, foreign, gemma3, gte, jina, modernbert, mpnet,
    nomic_bert, roberta, t5,
};
use crate::ModelError;
use crate::modules::Modules;
use crate::static_model;
use crate::tensors::NamedTensors;

/// The number of tokens that stands for "no limit of the model's own".
pub(crate) const UNBOUNDED: usize = 1 << 20;

/// A family of models that share `model_type` and tensor names.
pub(super) struct Family {
    /// `model_type` of `config.json`, the usual spelling first.
    pub(super) model_types: &'static [&'static str],
    /// Whether a configuration of this type is of the family; the first that claims it has it.
    pub(super) claims: fn(&ConfigFile) -> bool,
    /// What the configuration means.
    pub(super) spec: fn(&ConfigFile, HeadSpec) -> Result<EncoderSpec, ModelError>,
    /// The places that a tensor may have in a file, the usual one first. Prefixes are tried before each.
    pub(super) places: fn(TensorName, &EncoderSpec) -> Vec<Place>,
    /// What may stand before every name.
    pub(super) prefixes: &'static [&'static str],
}

const FAMILIES: &[Family] = &[
    jina::FAMILY,
    bert::FAMILY,
    roberta::ROBERTA,
    roberta::XLM_ROBERTA,
    roberta::CAMEMBERT,
    mpnet::FAMILY,
    distilbert::FAMILY,
    electra::FAMILY,
    albert::FAMILY,
    nomic_bert::FAMILY,
    gte::FAMILY,
    modernbert::FAMILY,
    decoder::QWEN2,
    decoder::QWEN3,
    decoder::LLAMA,
    decoder::MISTRAL,
    gemma3::FAMILY,
    t5::FAMILY,
];

/// The values of `model_type` that have an encoder spec.
#[must_use]
pub fn known_families() -> Vec<&'static str> {
    let mut names: Vec<_> = FAMILIES.iter().flat_map(|family| family.model_types).copied().collect();
    names.dedup();
    names.push(static_model::MODEL2VEC);
    names
}

/// A model's encoder.
pub(crate) struct Described {
    pub(crate) source: ModelSource,
    /// Tensors of the encoder's files that nothing asks for, such as the heads of other tasks.
    pub(crate) unused: Vec<String>,
}

/// Makes a model's encoder out of its parts.
pub(crate) fn describe(
    config: &ConfigFile,
    modules: &Modules,
    tensors: NamedTensors,
) -> Result<Described, ModelError> {
    let model_type = config.model_type()?;
    if model_type == static_model::MODEL2VEC {
        // Without modules its own package drops unknown tokens and cuts by characters, the library does neither.
        return Err(
            config.refuse("model_type", "a `modules.json` beside it, as model2vec 0.3 and later write it")
        );
    }
    let is_of = |family: &&Family| family.model_types.contains(&model_type) && (family.claims)(config);
    let Some(family) = FAMILIES.iter().find(is_of) else {
        let source = foreign::describe(model_type, config, modules, tensors)?;
        return Ok(Described { source, unused: Vec::new() });
    };
    let spec = (family.spec)(config, modules.head.clone())?;
    modules.check_lengths(spec.hidden)?;
    let (mut weights, unused) = family.collect(config, &spec, &tensors)?;
    add_head(&mut weights, modules)?;
    spec.check(&weights).map_err(|source| config.weights_error(source))?;
    Ok(Described { source: ModelSource::Spec { spec, weights: Arc::new(weights) }, unused })
}

impl Family {
    fn collect(
        &self,
        config: &ConfigFile,
        spec: &EncoderSpec,
        tensors: &NamedTensors,
    ) -> Result<(Weights, Vec<String>), ModelError> {
        let mut weights = Weights::new();
        let mut unused: BTreeSet<&String> = tensors.by_name.keys().collect();
        let mut missing = Vec::new();
        for (name, shape) in spec.encoder_tensors() {
            let places = self.full_places(name, spec);
            let found = places.iter().find_map(|place| Some((place, tensors.by_name.get(&place.name)?)));
            let Some((place, tensor)) = found else {
                if let Some(error) = tensors.wrong_type(places.iter().map(|place| &place.name)) {
                    return Err(error);
                }
                missing.push(places.first().map_or_else(|| name.to_string(), |place| place.name.clone()));
                continue;
            };
            let tensor = part(place, tensor, &shape).map_err(|source| config.weights_error(source))?;
            config.check_finite(&place.name, &tensor)?;
            unused.remove(&place.name);
            weights.insert(name, tensor);
        }
        let unused = unused.into_iter().cloned().collect();
        if missing.is_empty() { Ok((weights, unused)) } else { Err(config.missing_tensors(missing, unused)) }
    }

    /// Every place that a tensor may have in a file, the usual one first.
    fn full_places(&self, name: TensorName, spec: &EncoderSpec) -> Vec<Place> {
        let places = (self.places)(name, spec).into_iter();
        let prefixed = |place: Place| {
            let with =
                move |prefix: &&str| Place { name: format!("{prefix}{}", place.name), ..place.clone() };
            self.prefixes.iter().map(with)
        };
        places.flat_map(prefixed).collect()
    }
}

/// The tensor of this shape at a place.
fn part(place: &Place, tensor: &Tensor, shape: &[usize]) -> Result<Tensor, TensorError> {
    let Some(rows) = &place.rows else {
        check_shape(&place.name, tensor, shape)?;
        return Ok(tensor.clone());
    };
    let part = tensor.rows(rows.clone()).filter(|part| part.shape() == shape);
    part.ok_or_else(|| {
        let mut expected = shape.to_vec();
        if let Some(first) = expected.first_mut() {
            *first = (*first).max(rows.end);
        }
        let name = format!("{} (rows {} to {})", place.name, rows.start, rows.end);
        TensorError::WrongShape { name: name.into(), expected, got: tensor.shape().to_vec() }
    })
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

/// Adds the tensors of the head's stages, each out of its module's own file.
pub(crate) fn add_head(weights: &mut Weights, modules: &Modules) -> Result<(), ModelError> {
    for (name, shape) in modules.head.tensors() {
        let (stage, key) = match name {
            TensorName::HeadDense(stage, part) => (stage, format!("linear.{part}")),
            TensorName::HeadResidual(stage) => (stage, "residual.weight".to_owned()),
            TensorName::HeadNorm(stage, part) => (stage, format!("norm.{part}")),
            _ => continue,
        };
        let Some(module) = modules.stored.iter().find(|module| module.stage == stage) else { continue };
        let refuse = |source| ModelError::Weights { folder: module.folder.clone(), source };
        let Some(tensor) = module.tensors.by_name.get(&key) else {
            let missing = || refuse(TensorError::Missing { name: key.clone().into() });
            return Err(module.tensors.wrong_type([&key]).unwrap_or_else(missing));
        };
        check_shape(&key, tensor, &shape).map_err(refuse)?;
        if let Some(index) = tensor.first_not_finite() {
            return Err(ModelError::NotFinite { folder: module.folder.clone(), tensor: key, index });
        }
        weights.insert(name, tensor.clone());
    }
    Ok(())
}
