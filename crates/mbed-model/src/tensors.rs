//! Tensors by name, mapped into memory: safetensors files or those of PyTorch, one file or several with an index.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mbed_core::{SharedBytes, StoredType, Tensor};
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;

use crate::mapped::MappedFile;
use crate::{ModelError, json, pickle};

/// Tensors by the names they have in their files.
#[derive(Debug, Default)]
pub(crate) struct NamedTensors {
    pub(crate) by_name: BTreeMap<String, Tensor>,
    /// Those that are not floating-point numbers, with their file and type. Buffers such as position ids are, and
    /// nothing asks for them.
    pub(crate) others: BTreeMap<String, (PathBuf, Dtype)>,
    /// Of those the 64-bit whole numbers, one after the other.
    pub(crate) integers: BTreeMap<String, Vec<i64>>,
}

impl NamedTensors {
    /// The numbers of a tensor of 64-bit whole numbers; a negative one becomes one that no row has.
    pub(crate) fn whole_numbers(&self, name: &str) -> Option<Vec<usize>> {
        let numbers = self.integers.get(name)?.iter();
        Some(numbers.map(|&number| usize::try_from(number).unwrap_or(usize::MAX)).collect())
    }

    /// The error for a tensor that was asked for by these names and is there, but not as floating-point numbers.
    pub(crate) fn wrong_type<'a>(&self, names: impl IntoIterator<Item = &'a String>) -> Option<ModelError> {
        let (name, (path, dtype)) = names.into_iter().find_map(|name| self.others.get_key_value(name))?;
        Some(ModelError::StoredType {
            path: path.clone(),
            tensor: name.clone(),
            stored: format!("{dtype:?}"),
        })
    }
}

/// The index of a model in several files.
#[derive(Deserialize)]
struct ShardIndex {
    weight_map: BTreeMap<String, String>,
}

/// A file format with the names that its files have.
struct Format {
    single: &'static str,
    /// Names the files of a model that has several.
    index: &'static str,
    open: fn(&Path) -> Result<NamedTensors, ModelError>,
}

/// In the order in which they are looked for.
const FORMATS: [Format; 2] = [
    Format { single: "model.safetensors", index: "model.safetensors.index.json", open: open_file },
    Format { single: "pytorch_model.bin", index: "pytorch_model.bin.index.json", open: pickle::open_file },
];

/// Opens the weights of a folder, in the first of the formats that it has.
pub(crate) fn open_folder(folder: &Path) -> Result<NamedTensors, ModelError> {
    for format in FORMATS {
        let single = folder.join(format.single);
        if single.exists() {
            return (format.open)(&single);
        }
        let index_path = folder.join(format.index);
        if let Some(index) = json::read_optional::<ShardIndex>(&index_path)? {
            return open_shards(folder, &index_path, &index, format.open);
        }
    }
    Err(ModelError::Missing { path: folder.join(FORMATS[0].single) })
}

fn open_shards(
    folder: &Path,
    index_path: &Path,
    index: &ShardIndex,
    open: fn(&Path) -> Result<NamedTensors, ModelError>,
) -> Result<NamedTensors, ModelError> {
    let mut files: Vec<&String> = index.weight_map.values().collect();
    files.sort();
    files.dedup();
    let mut tensors = NamedTensors::default();
    for file in files {
        let shard = open(&shard_path(folder, index_path, file)?)?;
        tensors.by_name.extend(shard.by_name);
        tensors.others.extend(shard.others);
        tensors.integers.extend(shard.integers);
    }
    Ok(tensors)
}

fn shard_path(folder: &Path, index: &Path, file: &str) -> Result<PathBuf, ModelError> {
    let is_plain_name = Path::new(file).file_name().is_some_and(|name| name == file);
    if !is_plain_name {
        return Err(ModelError::OutsideFolder { path: index.to_owned(), file: file.to_owned() });
    }
    Ok(folder.join(file))
}

fn open_file(path: &Path) -> Result<NamedTensors, ModelError> {
    let file = File::open(path).map_err(|source| ModelError::Read { path: path.to_owned(), source })?;
    let mapped =
        MappedFile::new(&file).map_err(|source| ModelError::Read { path: path.to_owned(), source })?;
    let damaged = |source| ModelError::Safetensors { path: path.to_owned(), source };
    let whole = mapped.as_ref();
    let (header, metadata) = SafeTensors::read_metadata(whole).map_err(damaged)?;
    // `deserialize` also proves that the tensors fill the file exactly.
    SafeTensors::deserialize(whole).map_err(damaged)?;
    let first_value = header + size_of::<u64>();
    let mapped = Arc::new(mapped);
    let whole = (*mapped).as_ref();
    let bytes: SharedBytes = Arc::<MappedFile>::clone(&mapped);
    let mut tensors = NamedTensors::default();
    for (name, info) in metadata.tensors() {
        let range = first_value + info.data_offsets.0..first_value + info.data_offsets.1;
        let Some(stored) = stored_type(info.dtype) else {
            if info.dtype == Dtype::I64 {
                let (numbers, _) = whole.get(range).unwrap_or_default().as_chunks();
                tensors
                    .integers
                    .insert(name.clone(), numbers.iter().map(|&n| i64::from_le_bytes(n)).collect());
            }
            tensors.others.insert(name, (path.to_owned(), info.dtype));
            continue;
        };
        let tensor =
            Tensor::new(stored, info.shape.clone(), Arc::clone(&bytes), range).map_err(|source| {
                ModelError::Weights { folder: path.parent().unwrap_or(path).to_owned(), source }
            })?;
        tensors.by_name.insert(name, tensor);
    }
    Ok(tensors)
}

pub(crate) const fn stored_type(dtype: Dtype) -> Option<StoredType> {
    match dtype {
        Dtype::F32 => Some(StoredType::F32),
        Dtype::F16 => Some(StoredType::F16),
        Dtype::BF16 => Some(StoredType::Bf16),
        Dtype::F64 => Some(StoredType::F64),
        _ => None,
    }
}
