//! Whole models: which inputs and outputs they have, and where their weights go.

use mbed_core::Weights;
use mbed_core::spec::{EncoderSpec, HeadSpec};
use prost::Message;

use super::encoder::{Inputs, Walk, states};
use super::graph::{Graph, Initializer, Values};
use super::head::{pooling, stages};
use super::linear::Products;
use super::proto::{
    EXTERNAL, FLOAT, FLOAT16, GraphProto, INT8, INT64, IR_VERSION, ModelProto, ONNX_RUNTIME, OPSET,
    OperatorSetIdProto, StringStringEntryProto, TensorProto, UINT8,
};
use crate::errors::{OpenResult, misfit};

/// Vocabulary numbers.
pub(crate) const INPUT_IDS: &str = "input_ids";
/// 1 for tokens, 0 for places that only fill up a shorter sequence.
pub(crate) const ATTENTION_MASK: &str = "attention_mask";
/// Segments.
pub(crate) const TOKEN_TYPE_IDS: &str = "token_type_ids";
/// The states of tokens, `batch × sequence × hidden`.
pub(crate) const LAST_HIDDEN_STATE: &str = "last_hidden_state";
/// Vectors, `batch × dimensions`.
pub(crate) const SENTENCE_EMBEDDING: &str = "sentence_embedding";
/// What the stages of a head take, `rows × pooled`.
pub(crate) const POOLED: &str = "pooled";

/// Constants with fewer values stay in the graph: shapes and axes are read there when it is loaded.
const LARGE: usize = 128;

/// A model as an ONNX file, but for constants that lie beside it.
pub(crate) struct Written {
    /// The file.
    pub(crate) model: Vec<u8>,
    /// The constants that lie beside it, in the order in which it names them.
    pub(crate) beside: Vec<Initializer>,
    /// The names of its inputs.
    pub(crate) inputs: Vec<String>,
}

impl Written {
    /// What the constants beside the file take.
    pub(crate) fn weight_bytes(&self) -> usize {
        self.beside.iter().map(|constant| constant.values.bytes_len()).sum()
    }
}

/// From tokens to hidden states.
pub(crate) fn states_model(spec: &EncoderSpec, weights: &Weights, products: Products) -> OpenResult<Written> {
    let mut graph = Graph::new(products);
    write_states(&mut graph, spec, weights)?;
    Ok(written(graph, Beside::ByName))
}

/// From rows, pooled of states `hidden` long, to vectors; `None` where nothing happens to them.
pub(crate) fn stages_model(head: &HeadSpec, weights: &Weights, hidden: usize) -> OpenResult<Option<Written>> {
    if head.stages.is_empty() {
        return Ok(None);
    }
    let mut graph = Graph::default();
    head.check_lengths(hidden).map_err(misfit)?;
    let pooled = graph.input_f32(POOLED, "rows", hidden * head.pooling.len());
    let rows = stages(&mut graph, head, weights, &pooled)?;
    graph.output(&rows, SENTENCE_EMBEDDING, &["rows"], head.dimensions(hidden));
    Ok(Some(written(graph, Beside::ByName)))
}

/// A model that gives what it takes.
pub(crate) fn identity_model() -> Vec<u8> {
    let mut graph = Graph::default();
    let rows = graph.input_f32(POOLED, "rows", 1);
    graph.output(&rows, SENTENCE_EMBEDDING, &["rows"], 1);
    written(graph, Beside::Nothing).model
}

/// From tokens to hidden states and to vectors. Constants lie beside the file in one called `data_file`, if one is named.
pub(super) fn whole_model(
    spec: &EncoderSpec,
    weights: &Weights,
    (products, data_file): (Products, Option<&str>),
) -> OpenResult<Written> {
    let mut graph = Graph::new(products);
    let (states, mask) = write_states(&mut graph, spec, weights)?;
    // What comes behind pooling is little work, and all of a vector.
    graph.products = Products::F32;
    let head: &HeadSpec = &spec.head;
    let pooled = pooling(&mut graph, head, &states, &mask);
    let rows = stages(&mut graph, head, weights, &pooled)?;
    graph.output(&rows, SENTENCE_EMBEDDING, &["batch"], spec.dimensions());
    Ok(written(graph, data_file.map_or(Beside::Nothing, Beside::InFile)))
}

/// Writes the encoder; gives states and mask.
fn write_states(
    graph: &mut Graph,
    spec: &EncoderSpec,
    weights: &Weights,
) -> OpenResult<(super::graph::Value, super::graph::Value)> {
    const SIZES: [&str; 2] = ["batch", "sequence"];
    spec.check_sizes().map_err(misfit)?;
    spec.check(weights)?;
    let ids = graph.input_i64(INPUT_IDS, &SIZES);
    let mask = graph.input_i64(ATTENTION_MASK, &SIZES);
    let has_segments = spec.embedding.segments > 0;
    let type_ids = has_segments.then(|| graph.input_i64(TOKEN_TYPE_IDS, &SIZES));
    let inputs = Inputs { ids, mask, type_ids };
    let states = states(&mut Walk { graph: &mut *graph, spec, weights, inputs: &inputs })?;
    graph.output(&states, LAST_HIDDEN_STATE, &SIZES, spec.hidden);
    Ok((states, inputs.mask))
}

/// Which constants lie beside the file.
#[derive(Clone, Copy)]
enum Beside<'a> {
    /// None.
    Nothing,
    /// Large ones, in a file of this name, one behind the other.
    InFile(&'a str),
    /// Large ones, handed over by name.
    ByName,
}

fn written(graph: Graph, place: Beside<'_>) -> Written {
    let mut tensors = Vec::new();
    let mut beside = Vec::new();
    let mut offset = 0;
    for initializer in graph.initializers {
        let (location, is_large) = match place {
            Beside::Nothing => ("", false),
            Beside::InFile(name) => (name, initializer.values.len() >= LARGE),
            Beside::ByName => ("handed over by name", initializer.values.len() >= LARGE),
        };
        if is_large {
            tensors.push(external(&initializer, location, offset));
            offset += initializer.values.bytes_len();
            beside.push(initializer);
        } else {
            tensors.push(internal(&initializer));
        }
    }
    let inputs = graph.inputs.iter().map(|input| input.name.clone()).collect();
    let versions = [("", OPSET), ONNX_RUNTIME];
    let is_used = |domain: &str| domain.is_empty() || graph.nodes.iter().any(|node| node.domain == domain);
    let opset_import = versions
        .into_iter()
        .filter(|(domain, _)| is_used(domain))
        .map(|(domain, version)| OperatorSetIdProto { domain: Some(domain.to_owned()), version })
        .collect();
    let proto = ModelProto {
        ir_version: IR_VERSION,
        producer_name: "mbed".to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        graph: Some(GraphProto {
            node: graph.nodes,
            name: "encoder".to_owned(),
            initializer: tensors,
            input: graph.inputs,
            output: graph.outputs,
        }),
        opset_import,
    };
    Written { model: proto.encode_to_vec(), beside, inputs }
}

fn described(initializer: &Initializer) -> TensorProto {
    TensorProto {
        dims: initializer.shape.clone(),
        data_type: match initializer.values {
            Values::F32(_) => FLOAT,
            Values::F16(_) => FLOAT16,
            Values::I64(_) => INT64,
            Values::I8(_) => INT8,
            Values::U8(_) => UINT8,
        },
        name: initializer.name.clone(),
        ..TensorProto::default()
    }
}

fn internal(initializer: &Initializer) -> TensorProto {
    TensorProto { raw_data: Some(initializer.values.to_bytes()), ..described(initializer) }
}

fn external(initializer: &Initializer, location: &str, offset: usize) -> TensorProto {
    let length = initializer.values.bytes_len();
    let entries =
        [("location", location.to_owned()), ("offset", offset.to_string()), ("length", length.to_string())];
    let external_data = entries
        .into_iter()
        .map(|(key, value)| StringStringEntryProto { key: key.to_owned(), value })
        .collect();
    TensorProto { external_data, data_location: Some(EXTERNAL), ..described(initializer) }
}

impl Values {
    fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F16(values) => values.len(),
            Self::I64(values) => values.len(),
            Self::I8(values) => values.len(),
            Self::U8(values) => values.len(),
        }
    }

    fn bytes_len(&self) -> usize {
        match self {
            Self::F32(values) => size_of_val(&values[..]),
            Self::F16(values) => size_of_val(&values[..]),
            Self::I64(values) => size_of_val(&values[..]),
            Self::I8(values) => size_of_val(&values[..]),
            Self::U8(values) => size_of_val(&values[..]),
        }
    }

    /// Little-endian.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::F32(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Self::F16(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Self::I64(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Self::I8(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Self::U8(values) => values.clone(),
        }
    }
}
