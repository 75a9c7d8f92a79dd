//! Models whose encoder lies in the folder as a finished graph, in ONNX.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mbed_core::{GraphFile, GraphModel, ModelSource, Precision, Weights};

use crate::ModelError;
use crate::arch::{ConfigFile, Described, UNBOUNDED, add_head, sizes};
use crate::modules::Modules;

/// Folders below a model's own where graphs lie: that of sentence-transformers and the hub's converters, and its own.
const FOLDERS: [&str; 2] = ["onnx", ""];

/// What names of graphs hold besides `model`, and what they then compute in, as the hub's converters have it.
const VARIANTS: [(&str, Precision); 6] = [
    ("model", Precision::F32),
    ("model_fp16", Precision::F16),
    ("model_int8", Precision::Int8),
    ("model_quantized", Precision::Int8),
    ("model_uint8", Precision::Int8),
    ("model_bf16", Precision::Bf16),
];

/// The graphs of a folder, `model.onnx` first; none where it has none.
pub(crate) fn find(folder: &Path) -> Result<Vec<GraphFile>, ModelError> {
    for place in FOLDERS {
        let mut files = in_folder(&folder.join(place))?;
        // In the order of the list, then those that are not in it by name.
        let rank = |file: &GraphFile| VARIANTS.iter().position(|(_, known)| Some(*known) == file.precision);
        files.sort_by_cached_key(|file| (rank(file).unwrap_or(VARIANTS.len()), file.path.clone()));
        if !files.is_empty() {
            return Ok(files);
        }
    }
    Ok(Vec::new())
}

/// A graph that somebody named.
pub(crate) fn named(path: &Path) -> GraphFile {
    GraphFile { path: path.to_owned(), precision: precision(path) }
}

fn in_folder(folder: &Path) -> Result<Vec<GraphFile>, ModelError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(ModelError::Read { path: folder.to_owned(), source }),
    };
    let paths = entries.flatten().map(|entry| entry.path());
    let graphs: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|it| it == "onnx")).collect();
    Ok(graphs.iter().map(|path| named(path)).collect())
}

/// What a graph computes in by its name: `model_qint8_avx512.onnx` is of whole numbers too. `None` where the name does not
/// tell, as with 4 bits, which is no precision of mbed's: such a graph is taken where it is named.
fn precision(path: &Path) -> Option<Precision> {
    let name = path.file_stem()?.to_str()?;
    let known = VARIANTS.iter().find(|(known, _)| *known == name);
    let quantised = || ["model_qint8", "model_quint8"].iter().any(|start| name.starts_with(start));
    known.map(|(_, precision)| *precision).or_else(|| quantised().then_some(Precision::Int8))
}

/// What the folder says of a model whose graphs are `files`.
pub(crate) fn describe(
    config: &ConfigFile,
    modules: &Modules,
    files: Vec<GraphFile>,
) -> Result<Described, ModelError> {
    let hidden = sizes::hidden(config)?;
    modules.check_lengths(hidden)?;
    let mut head_weights = Weights::new();
    add_head(&mut head_weights, modules)?;
    let architecture = config.model_type()?.to_owned();
    let source = ModelSource::Graph(GraphModel {
        files,
        hidden,
        max_tokens: sizes::stated_max_tokens(&architecture, config)?.unwrap_or(UNBOUNDED),
        vocabulary: config.size("vocab_size")?,
        segments: config.optional_size("type_vocab_size")?.unwrap_or(1),
        architecture,
        head: modules.head.clone(),
        head_weights: Arc::new(head_weights),
    });
    Ok(Described { source, unused: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_precision() {
        let check = |name: &str, expected| assert_eq!(precision(Path::new(name)), expected, "{name}");
        check("onnx/model.onnx", Some(Precision::F32));
        check("onnx/model_fp16.onnx", Some(Precision::F16));
        check("onnx/model_quantized.onnx", Some(Precision::Int8));
        check("onnx/model_qint8_avx512_vnni.onnx", Some(Precision::Int8));
        check("onnx/model_q4.onnx", None);
        check("onnx/model_O4.onnx", None);
    }

    #[test]
    fn graphs_are_found_the_most_exact_first() {
        let folder = tempfile::tempdir().unwrap();
        let names = || -> Vec<String> {
            let found = find(folder.path()).unwrap();
            let name = |file: GraphFile| file.path.file_name().unwrap().to_string_lossy().into_owned();
            found.into_iter().map(name).collect()
        };
        assert_eq!(names(), [""; 0]);
        fs::write(folder.path().join("model.onnx"), "").unwrap();
        assert_eq!(names(), ["model.onnx"]);
        fs::create_dir(folder.path().join("onnx")).unwrap();
        for name in ["model_q4.onnx", "model_quantized.onnx", "model.onnx", "model_fp16.onnx", "model.txt"] {
            fs::write(folder.path().join("onnx").join(name), "").unwrap();
        }
        assert_eq!(names(), ["model.onnx", "model_fp16.onnx", "model_quantized.onnx", "model_q4.onnx"]);
    }
}
