//! Writing down a graph, operator by operator.

use std::collections::BTreeMap;

use half::f16;
use mbed_core::{TensorName, Weights};

use super::linear::Products;
use super::proto::{
    AttributeProto, Dimension, DimensionProto, FLOAT, INT64, NodeProto, ONNX_RUNTIME, TensorShapeProto,
    TensorTypeProto, TypeProto, ValueInfoProto,
};
use crate::errors::OpenResult;

/// A tensor of the graph, by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Value(String);

/// A constant of the graph.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Initializer {
    pub(crate) name: String,
    pub(crate) shape: Vec<i64>,
    pub(crate) values: Values,
}

/// The values of a constant, row-major.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Values {
    F32(Vec<f32>),
    F16(Vec<f16>),
    I64(Vec<i64>),
    I8(Vec<i8>),
    U8(Vec<u8>),
}

/// A graph that is being written.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    /// The number format of what is multiplied with weights from here on.
    pub(super) products: Products,
    pub(super) nodes: Vec<NodeProto>,
    pub(super) initializers: Vec<Initializer>,
    pub(super) inputs: Vec<ValueInfoProto>,
    pub(super) outputs: Vec<ValueInfoProto>,
    /// Small constants by what they hold, so that each is there once.
    constants: BTreeMap<String, Value>,
    /// Whole numbers by the tensor that they stand for.
    quantised: BTreeMap<String, Quantised>,
    /// Lower bounds of tensors.
    least: BTreeMap<String, f32>,
    /// What stands for 0, once for each token.
    zeros: Option<Value>,
}

/// Whole numbers that stand for a tensor.
#[derive(Clone, Debug)]
pub(super) struct Quantised {
    pub(super) values: Value,
    /// What stands for 0.
    pub(super) zero: Value,
    /// What 1 is worth.
    pub(super) worth: Value,
}

/// The operators, named as in the standard. `axis` counts from the front, or from the back where negative.
impl Graph {
    /// An empty one.
    pub(super) fn new(products: Products) -> Self {
        Self { products, ..Self::default() }
    }

    /// An input of 64-bit integers, whose sizes the caller decides under these names.
    pub(crate) fn input_i64(&mut self, name: &str, sizes: &[&str]) -> Value {
        self.inputs.push(value_info(name, INT64, sizes.iter().map(|&size| parameter(size))));
        Value(name.to_owned())
    }

    /// An input of `rows × width` binary32 values.
    pub(crate) fn input_f32(&mut self, name: &str, rows: &str, width: usize) -> Value {
        self.inputs.push(value_info(name, FLOAT, [parameter(rows), known(width)]));
        Value(name.to_owned())
    }

    /// Gives `value` out under `name`; its last size is `width`, those before it are the caller's.
    pub(crate) fn output(&mut self, value: &Value, name: &str, sizes: &[&str], width: usize) {
        self.nodes.push(NodeProto {
            input: vec![value.0.clone()],
            output: vec![name.to_owned()],
            name: format!("{name}_out"),
            op_type: "Identity".to_owned(),
            attribute: Vec::new(),
            domain: String::new(),
        });
        let sizes = sizes.iter().map(|&size| parameter(size)).chain([known(width)]);
        self.outputs.push(value_info(name, FLOAT, sizes));
    }

    /// The weight called `name`, as it is stored, in binary32.
    pub(crate) fn weight(&mut self, weights: &Weights, name: TensorName) -> OpenResult<Value> {
        self.weight_with(weights, name, |value| value)
    }

    /// The weight called `name` with `change` made to each of its values.
    pub(crate) fn weight_with(
        &mut self,
        weights: &Weights,
        name: TensorName,
        change: impl Fn(f32) -> f32,
    ) -> OpenResult<Value> {
        let tensor = weights.get(name)?;
        let mut values = tensor.to_f32();
        values.iter_mut().for_each(|value| *value = change(*value));
        let shape = tensor.shape().iter().map(|&size| size as i64).collect();
        Ok(self.initializer(name.to_string(), shape, Values::F32(values)))
    }

    pub(crate) fn initializer(&mut self, name: String, shape: Vec<i64>, values: Values) -> Value {
        self.initializers.push(Initializer { name: name.clone(), shape, values });
        Value(name)
    }

    /// A constant without dimensions.
    pub(crate) fn scalar(&mut self, value: f32) -> Value {
        self.constant(format!("scalar_f32_{:08x}", value.to_bits()), vec![], Values::F32(vec![value]))
    }

    pub(crate) fn scalar_i64(&mut self, value: i64) -> Value {
        self.constant(format!("scalar_i64_{value}"), vec![], Values::I64(vec![value]))
    }

    pub(crate) fn vector_i64(&mut self, values: &[i64]) -> Value {
        let name: Vec<String> = values.iter().map(ToString::to_string).collect();
        let shape = vec![values.len() as i64];
        self.constant(format!("vector_i64_{}", name.join("_")), shape, Values::I64(values.to_vec()))
    }

    fn constant(&mut self, name: String, shape: Vec<i64>, values: Values) -> Value {
        if let Some(made) = self.constants.get(&name) {
            return made.clone();
        }
        let value = self.initializer(name.clone(), shape, values);
        self.constants.insert(name, value.clone());
        value
    }

    /// Any operator with one output.
    pub(crate) fn apply(&mut self, operator: &str, inputs: &[&Value]) -> Value {
        self.apply_with(operator, inputs, Vec::new())
    }

    pub(super) fn apply_with(
        &mut self,
        operator: &str,
        inputs: &[&Value],
        attribute: Vec<AttributeProto>,
    ) -> Value {
        let name = format!("{operator}_{}", self.nodes.len());
        self.nodes.push(NodeProto {
            input: inputs.iter().map(|input| input.0.clone()).collect(),
            output: vec![name.clone()],
            name: name.clone(),
            op_type: operator.to_owned(),
            attribute,
            domain: String::new(),
        });
        Value(name)
    }

    /// An operator that only ONNX Runtime has.
    pub(super) fn apply_own(&mut self, operator: &str, inputs: &[&Value]) -> Value {
        let value = self.apply(operator, inputs);
        if let Some(node) = self.nodes.last_mut() {
            ONNX_RUNTIME.0.clone_into(&mut node.domain);
        }
        value
    }

    pub(crate) fn add(&mut self, left: &Value, right: &Value) -> Value {
        self.apply("Add", &[left, right])
    }

    pub(crate) fn sub(&mut self, left: &Value, right: &Value) -> Value {
        self.apply("Sub", &[left, right])
    }

    pub(crate) fn mul(&mut self, left: &Value, right: &Value) -> Value {
        self.apply("Mul", &[left, right])
    }

    pub(crate) fn div(&mut self, left: &Value, right: &Value) -> Value {
        self.apply("Div", &[left, right])
    }

    pub(crate) fn matmul(&mut self, left: &Value, right: &Value) -> Value {
        self.apply("MatMul", &[left, right])
    }

    /// In `shape`, 0 keeps the size that stands there, and -1 is what is left.
    pub(crate) fn reshape(&mut self, x: &Value, shape: &[i64]) -> Value {
        let shape = self.vector_i64(shape);
        self.reshape_to(x, &shape)
    }

    /// As [`Graph::reshape`], with a shape that is computed.
    pub(super) fn reshape_to(&mut self, x: &Value, shape: &Value) -> Value {
        self.apply("Reshape", &[x, shape])
    }

    /// One size behind the other, as far as they are known when the graph is written.
    pub(super) fn sizes(&mut self, first: &Value, rest: &[usize]) -> Value {
        let rest: Vec<i64> = rest.iter().map(|&size| size as i64).collect();
        let rest = self.vector_i64(&rest);
        self.apply_with("Concat", &[first, &rest], vec![AttributeProto::int("axis", 0)])
    }

    pub(crate) fn transpose(&mut self, x: &Value, order: &[i64]) -> Value {
        self.apply_with("Transpose", &[x], vec![AttributeProto::ints("perm", order)])
    }

    pub(crate) fn unsqueeze(&mut self, x: &Value, axes: &[i64]) -> Value {
        let axes = self.vector_i64(axes);
        self.apply("Unsqueeze", &[x, &axes])
    }

    /// Entries `indices` of `x` along its first axis.
    pub(crate) fn gather(&mut self, x: &Value, indices: &Value) -> Value {
        self.apply_with("Gather", &[x, indices], vec![AttributeProto::int("axis", 0)])
    }

    pub(crate) fn concat_last(&mut self, parts: &[&Value]) -> Value {
        self.apply_with("Concat", parts, vec![AttributeProto::int("axis", -1)])
    }

    /// Every `step`-th value of the last axis, from `start` up to `end`.
    pub(crate) fn slice_last(&mut self, x: &Value, [start, end, step]: [usize; 3]) -> Value {
        let [start, end, step] = [start, end, step].map(|place| self.vector_i64(&[place as i64]));
        let axes = self.vector_i64(&[-1]);
        self.apply("Slice", &[x, &start, &end, &axes, &step])
    }

    /// `operator`, one of `ReduceSum`, `ReduceMean`, `ReduceMax`, over `axis`, which stays with size 1 where it is kept.
    pub(crate) fn reduce(&mut self, operator: &str, x: &Value, axis: i64, kept: Kept) -> Value {
        let axes = self.vector_i64(&[axis]);
        self.apply_with(
            operator,
            &[x, &axes],
            vec![AttributeProto::int("keepdims", i64::from(kept == Kept::Yes))],
        )
    }

    /// Notes that no value of `x` is below `least`.
    pub(super) fn never_below(&mut self, x: &Value, least: f32) {
        self.least.insert(x.0.clone(), least);
    }

    /// The rows of `x`, `rows × width`, as whole numbers from 1 to 255, of which 128 stands for 0, each by the largest
    /// magnitude of its row, and what one of them is worth, `rows × 1`. What is multiplied with several matrices is
    /// quantised once.
    pub(super) fn quantised(&mut self, x: &Value) -> Quantised {
        if let Some(made) = self.quantised.get(&x.0) {
            return made.clone();
        }
        let largest = self.largest_magnitudes(x);
        let share = self.scalar(1.0 / 127.0);
        let scales = self.mul(&largest, &share);
        let zero = self.constant("scalar_u8_128".to_owned(), vec![], Values::U8(vec![128]));
        let zeros = self.zeros(&zero, &scales);
        let rows = vec![AttributeProto::int("axis", 0)];
        let values = self.apply_with("QuantizeLinear", &[x, &scales, &zeros], rows);
        let worth = self.unsqueeze(&scales, &[1]);
        let made = Quantised { values, zero, worth };
        self.quantised.insert(x.0.clone(), made.clone());
        made
    }

    /// The largest magnitude of each row of `x`, above 0.
    fn largest_magnitudes(&mut self, x: &Value) -> Value {
        let high = self.reduce("ReduceMax", x, -1, Kept::No);
        // What is divided by 127 must stay a normal number.
        let smallest = f32::MIN_POSITIVE * 128.0;
        if let Some(least) = self.least.get(&x.0) {
            // Half as many passes over what is widest in a model.
            let bound = self.scalar(least.abs().max(smallest));
            return self.apply("Max", &[&high, &bound]);
        }
        let low = self.reduce("ReduceMin", x, -1, Kept::No);
        let low = self.apply("Neg", &[&low]);
        let smallest = self.scalar(smallest);
        self.apply("Max", &[&high, &low, &smallest])
    }

    /// `zero` as often as there are `scales`.
    fn zeros(&mut self, zero: &Value, scales: &Value) -> Value {
        if let Some(made) = &self.zeros {
            return made.clone();
        }
        let rows = self.apply("Shape", &[scales]);
        let made = self.apply("Expand", &[zero, &rows]);
        self.zeros = Some(made.clone());
        made
    }

    pub(super) fn cast(&mut self, x: &Value, data_type: i32) -> Value {
        self.apply_with("Cast", &[x], vec![AttributeProto::int("to", i64::from(data_type))])
    }

    pub(crate) fn cast_f32(&mut self, x: &Value) -> Value {
        self.cast(x, FLOAT)
    }
}

/// Whether a reduced axis stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    Yes,
    No,
}

fn parameter(name: &str) -> Dimension {
    Dimension::Parameter(name.to_owned())
}

const fn known(size: usize) -> Dimension {
    Dimension::Value(size as i64)
}

fn value_info(name: &str, elem_type: i32, sizes: impl IntoIterator<Item = Dimension>) -> ValueInfoProto {
    let dim = sizes.into_iter().map(|size| DimensionProto { value: Some(size) }).collect();
    let shape = Some(TensorShapeProto { dim });
    let tensor_type = Some(TensorTypeProto { elem_type, shape });
    ValueInfoProto { name: name.to_owned(), of_type: Some(TypeProto { tensor_type }) }
}
