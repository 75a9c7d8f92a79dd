//! What a pickle builds.

use safetensors::Dtype;

use super::globals::Global;

/// A value on the stack. Whatever holds other values is an object and stands in a list of its own, so that values
/// that hold each other, however deep, are dropped without recursion.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    /// Of no interest to tensors: `None`, or a floating-point number.
    Nothing,
    Bool(bool),
    Int(i64),
    /// A whole number of more than eight bytes, as it is stored.
    LongInt(&'a [u8]),
    Text(&'a str),
    Global(Global),
    /// Its place in the list of objects.
    Object(usize),
}

#[derive(Debug)]
pub(super) enum Object<'a> {
    Tuple(Vec<Value<'a>>),
    List(Vec<Value<'a>>),
    Dict(Vec<(Value<'a>, Value<'a>)>),
    Storage(StorageRef<'a>),
    /// In a box, so that it does not make the other kinds larger.
    Tensor(Box<TensorRef<'a>>),
}

/// Values that lie elsewhere in the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct StorageRef<'a> {
    pub(super) key: &'a str,
    pub(super) dtype: Dtype,
    /// How many values it says it has.
    pub(super) count: i64,
}

impl StorageRef<'_> {
    /// How many bytes it says it has.
    pub(super) fn bytes(&self) -> Option<u64> {
        u64::try_from(self.count).ok()?.checked_mul(element_bytes(self.dtype))
    }
}

/// A view of a storage. What it says is kept as it stands there and read when the tensor is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct TensorRef<'a> {
    pub(super) storage: Value<'a>,
    pub(super) offset: Value<'a>,
    pub(super) size: Value<'a>,
    pub(super) stride: Value<'a>,
    /// Its type, where that is not its storage's.
    pub(super) dtype: Option<Dtype>,
}

/// What came out of one pickle.
#[derive(Debug)]
pub(super) struct Pickled<'a> {
    pub(super) objects: Vec<Object<'a>>,
    pub(super) root: Value<'a>,
    /// Where in the file it ended.
    pub(super) end: usize,
}

impl<'a> Pickled<'a> {
    pub(super) fn object(&self, value: Value<'a>) -> Option<&Object<'a>> {
        let Value::Object(index) = value else { return None };
        self.objects.get(index)
    }

    pub(super) fn dict(&self, value: Value<'a>) -> Option<&[(Value<'a>, Value<'a>)]> {
        let Object::Dict(pairs) = self.object(value)? else { return None };
        Some(pairs)
    }

    /// The value of a key that is a text; the last one counts.
    pub(super) fn entry(&self, dict: Value<'a>, key: &str) -> Option<Value<'a>> {
        let pairs = self.dict(dict)?;
        let found = pairs.iter().rfind(|(name, _)| matches!(name, Value::Text(name) if *name == key));
        found.map(|&(_, value)| value)
    }

    pub(super) fn storages(&self) -> impl Iterator<Item = &StorageRef<'a>> {
        self.objects.iter().filter_map(|object| match object {
            Object::Storage(storage) => Some(storage),
            _ => None,
        })
    }
}

/// Bytes of one value. Torch has no type whose values share bytes.
pub(super) fn element_bytes(dtype: Dtype) -> u64 {
    dtype.bitsize() as u64 / 8
}
