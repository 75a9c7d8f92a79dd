//! The names of Python that stand for data, and nothing else.

use safetensors::Dtype;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Global {
    /// A dictionary, which in Python keeps an order.
    OrderedDict,
    /// Makes a tensor that has its storage's type.
    Tensor,
    /// Makes a tensor of bytes and a type.
    TypedTensor,
    /// Marks a tensor as one to be trained.
    Parameter,
    /// The type of a storage.
    Storage(Dtype),
    /// The type of a tensor.
    Type(Dtype),
}

/// Module, name, meaning. Whatever is added here must make nothing but data.
const KNOWN: [(&str, &str, Global); 26] = [
    ("collections", "OrderedDict", Global::OrderedDict),
    ("torch._utils", "_rebuild_tensor_v2", Global::Tensor),
    ("torch._utils", "_rebuild_tensor_v3", Global::TypedTensor),
    ("torch._utils", "_rebuild_parameter", Global::Parameter),
    ("torch", "FloatStorage", Global::Storage(Dtype::F32)),
    ("torch", "HalfStorage", Global::Storage(Dtype::F16)),
    ("torch", "BFloat16Storage", Global::Storage(Dtype::BF16)),
    ("torch", "DoubleStorage", Global::Storage(Dtype::F64)),
    ("torch", "LongStorage", Global::Storage(Dtype::I64)),
    ("torch", "IntStorage", Global::Storage(Dtype::I32)),
    ("torch", "ShortStorage", Global::Storage(Dtype::I16)),
    ("torch", "CharStorage", Global::Storage(Dtype::I8)),
    ("torch", "ByteStorage", Global::Storage(Dtype::U8)),
    ("torch", "BoolStorage", Global::Storage(Dtype::BOOL)),
    ("torch", "ComplexFloatStorage", Global::Storage(Dtype::C64)),
    // Bytes, for the types below, which have no storage of their own.
    ("torch.storage", "UntypedStorage", Global::Storage(Dtype::U8)),
    ("torch", "uint16", Global::Type(Dtype::U16)),
    ("torch", "uint32", Global::Type(Dtype::U32)),
    ("torch", "uint64", Global::Type(Dtype::U64)),
    ("torch", "float8_e4m3fn", Global::Type(Dtype::F8_E4M3)),
    ("torch", "float8_e5m2", Global::Type(Dtype::F8_E5M2)),
    ("torch", "float8_e4m3fnuz", Global::Type(Dtype::F8_E4M3FNUZ)),
    ("torch", "float8_e5m2fnuz", Global::Type(Dtype::F8_E5M2FNUZ)),
    ("torch", "float8_e8m0fnu", Global::Type(Dtype::F8_E8M0)),
    ("torch", "float32", Global::Type(Dtype::F32)),
    ("torch", "float16", Global::Type(Dtype::F16)),
];

/// What a name of a module stands for, if that is data.
pub(super) fn find(module: &[u8], name: &[u8]) -> Option<Global> {
    let found =
        KNOWN.iter().find(|(known, inside, _)| known.as_bytes() == module && inside.as_bytes() == name);
    found.map(|&(_, _, global)| global)
}

/// A refused name as a message may show it.
pub(super) fn shown(module: &[u8], name: &[u8]) -> String {
    // Names of Python are short; one that is not would fill the screen.
    const LONGEST: usize = 80;
    let part =
        |part: &[u8]| part.iter().copied().take(LONGEST).collect::<Vec<u8>>().escape_ascii().to_string();
    format!("{}.{}", part(module), part(name))
}
