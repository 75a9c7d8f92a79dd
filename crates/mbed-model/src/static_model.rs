//! Static models: a table of token vectors, of which a text's are averaged.

use std::sync::Arc;

use mbed_core::spec::{
    Activation, AttentionSpec, EmbeddingSpec, EncoderSpec, FeedForwardSpec, NormSpec, PositionSpec,
    TensorName,
};
use mbed_core::{ModelSource, Tensor, TensorError, Weights};

use crate::ModelError;
use crate::arch::{Described, UNBOUNDED, add_head};
use crate::json;
use crate::modules::Modules;
use crate::tensors::{self, NamedTensors};

/// What model2vec writes into `config.json` as `model_type`.
pub(crate) const MODEL2VEC: &str = "model2vec";

/// The table under the name that sentence-transformers gives it, and under model2vec's.
const TABLES: [&str; 2] = ["embedding.weight", "embeddings"];

/// The row of each token, where rows are fewer.
const MAPPING: &str = "mapping";

/// An encoder without layers.
pub(crate) fn describe(modules: &Modules) -> Result<Described, ModelError> {
    let folder = &modules.transformer;
    let tensors = tensors::open_folder(folder)?;
    let refuse = |source| ModelError::Weights { folder: folder.clone(), source };
    let table = table(&tensors)?.map_err(refuse)?;
    let &[vocabulary, width] = table.shape() else {
        let name = TABLES[0].into();
        return Err(refuse(TensorError::WrongShape {
            name,
            expected: vec![0, 0],
            got: table.shape().to_vec(),
        }));
    };
    let is_model2vec = json::read_optional::<serde_json::Value>(&folder.join("config.json"))?
        .is_some_and(|config| config.get("model_type").is_some_and(|name| name == MODEL2VEC));
    if let Some(index) = table.first_not_finite() {
        let tensor = TABLES[0].to_owned();
        return Err(ModelError::NotFinite { folder: folder.clone(), tensor, index });
    }
    modules.check_lengths(width)?;
    let spec = EncoderSpec {
        family: if is_model2vec { MODEL2VEC } else { "static" }.to_owned(),
        vocabulary,
        hidden: width,
        embedding: EmbeddingSpec::plain(width),
        position: PositionSpec::NotAdded { max_tokens: UNBOUNDED },
        attention: AttentionSpec::plain(1, 1),
        feed_forward: FeedForwardSpec::plain(1, Activation::Identity),
        norm: NormSpec::after(1e-12),
        layers: Vec::new(),
        head: modules.head.clone(),
    };
    let mut weights = Weights::new();
    weights.insert(TensorName::TokenEmbedding, table);
    add_head(&mut weights, modules)?;
    spec.check(&weights).map_err(refuse)?;
    let used = ["mapping", "weights"].into_iter().chain(TABLES);
    let is_used = |name: &String| used.clone().any(|used| used == name);
    let unused = tensors.by_name.keys().filter(|name| !is_used(name)).cloned().collect();
    Ok(Described { source: ModelSource::Spec { spec, weights: Arc::new(weights) }, unused })
}

/// A vector for each token. model2vec may keep fewer rows than tokens and a weight for each token: the vector of a
/// token is `embeddings[mapping[token]] · weights[token]`.
fn table(tensors: &NamedTensors) -> Result<Result<Tensor, TensorError>, ModelError> {
    let found = TABLES.iter().find_map(|name| tensors.by_name.get(*name));
    let Some(table) = found else {
        let names = TABLES.map(str::to_owned);
        let missing = || TensorError::Missing { name: TABLES[0].into() };
        return tensors.wrong_type(&names).map_or_else(|| Ok(Err(missing())), Err);
    };
    let mapping = tensors.whole_numbers(MAPPING);
    if let (None, Some(error)) = (&mapping, tensors.wrong_type([&MAPPING.to_owned()])) {
        return Err(error);
    }
    let weights = tensors.by_name.get("weights").map(Tensor::to_f32);
    if mapping.is_none() && weights.is_none() {
        return Ok(Ok(table.clone()));
    }
    Ok(unfold(table, mapping, weights))
}

fn unfold(
    table: &Tensor,
    mapping: Option<Vec<usize>>,
    weights: Option<Vec<f32>>,
) -> Result<Tensor, TensorError> {
    let &[rows, width] = table.shape() else {
        return Err(TensorError::WrongShape {
            name: TABLES[1].into(),
            expected: vec![0, 0],
            got: table.shape().to_vec(),
        });
    };
    let mapping = mapping.unwrap_or_else(|| (0..rows).collect());
    let weights = weights.unwrap_or_else(|| vec![1.0; mapping.len()]);
    if weights.len() != mapping.len() {
        return Err(TensorError::WrongShape {
            name: "weights".into(),
            expected: vec![mapping.len()],
            got: vec![weights.len()],
        });
    }
    let values = table.to_f32();
    let mut vectors = Vec::with_capacity(mapping.len() * width);
    for (&row, weight) in mapping.iter().zip(weights) {
        let Some(vector) = values.get(row.saturating_mul(width)..row.saturating_add(1).saturating_mul(width))
        else {
            return Err(TensorError::WrongShape {
                name: TABLES[1].into(),
                expected: vec![row.saturating_add(1), width],
                got: vec![rows, width],
            });
        };
        vectors.extend(vector.iter().map(|value| value * weight));
    }
    Tensor::from_f32(vec![mapping.len(), width], &vectors)
}
