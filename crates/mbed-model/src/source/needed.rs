//! Which of its files a model cannot be loaded without.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::SourceError;
use super::relative_path::stays_inside;
use crate::text_rules::TRANSFORMER_CONFIGS;

/// The order of a model's modules; without it a model is a transformer in the root folder.
pub(super) const MODULES: &str = "modules.json";
/// The architecture of a transformer, or the settings of another module.
pub(super) const CONFIG: &str = "config.json";
const TOKENIZER: &str = "tokenizer.json";
const WEIGHTS: &str = "model.safetensors";
/// Where weights may be, the first that is there: in one file, or in several that an index names.
const WEIGHTS_IN_ORDER: [(&str, &str); 2] =
    [(WEIGHTS, "model.safetensors.index.json"), ("pytorch_model.bin", "pytorch_model.bin.index.json")];

/// Where a graph in ONNX may be that has the weights inside it, the first that is there.
const GRAPHS: [&str; 2] = ["onnx/model.onnx", "model.onnx"];

/// Read where they are there, besides [`TRANSFORMER_CONFIGS`].
const OPTIONAL: [&str; 3] =
    ["tokenizer_config.json", "special_tokens_map.json", "config_sentence_transformers.json"];

/// A place with files, named by relative path with `/` between parts.
pub(super) trait FileSet {
    /// Whether there is such a file.
    fn contains(&self, name: &str) -> bool;
    /// The place of a file, for messages.
    fn place(&self, name: &str) -> PathBuf;
    /// The content of a small file that there is.
    fn read(&mut self, name: &str) -> Result<Vec<u8>, SourceError>;
}

/// The files of a model that matter.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Needed {
    /// Those that are there, each once; small ones come before weights.
    pub present: Vec<String>,
    /// Those that are not and without which the model cannot be loaded.
    pub missing: Vec<String>,
    /// Of those that are there, the weights of a transformer.
    pub encoder_weights: Vec<String>,
}

/// Finds out what `files` has of what its model needs.
pub(super) fn needed(files: &mut dyn FileSet) -> Result<Needed, SourceError> {
    let mut modules: Vec<Module> = if files.contains(MODULES) {
        read_json(files, MODULES)?
    } else {
        vec![Module { kind: "Transformer".to_owned(), path: String::new() }]
    };
    let mut found = Needed::default();
    found.optional(files, MODULES.to_owned());
    for name in OPTIONAL.into_iter().chain(TRANSFORMER_CONFIGS) {
        found.optional(files, name.to_owned());
    }
    let mut with_weights = Vec::new();
    for module in &mut modules {
        // Both stand for the root folder.
        if module.path == "." {
            module.path.clear();
        }
        if !module.path.is_empty() && !stays_inside(&module.path) {
            return Err(refused(files, MODULES, &module.path));
        }
        match found.small_files(files, module) {
            HasWeights::No => {}
            has => with_weights.push((module.path.as_str(), has)),
        }
    }
    for (folder, has) in with_weights {
        let before = found.present.len();
        found.weights(files, folder)?;
        if has == HasWeights::OfEncoder {
            found.encoder_weights.extend(found.present.iter().skip(before).cloned());
        }
    }
    Ok(found)
}

/// What is missing from a model in a folder.
pub(super) fn missing_from(folder: &Path) -> Result<Vec<String>, SourceError> {
    Ok(needed_in_folder(folder)?.missing)
}

/// Finds out what a folder has of what its model needs.
pub(super) fn needed_in_folder(folder: &Path) -> Result<Needed, SourceError> {
    needed(&mut FolderFiles(folder))
}

#[derive(Deserialize)]
struct Module {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    path: String,
}

#[derive(Deserialize)]
struct WeightsIndex {
    weight_map: BTreeMap<String, String>,
}

#[derive(PartialEq, Eq)]
enum HasWeights {
    Yes,
    OfEncoder,
    No,
}

impl Needed {
    fn optional(&mut self, files: &dyn FileSet, name: String) {
        if files.contains(&name) && !self.present.contains(&name) {
            self.present.push(name);
        }
    }

    fn required(&mut self, files: &dyn FileSet, name: String) {
        if !files.contains(&name) {
            self.missing.push(name);
        } else if !self.present.contains(&name) {
            self.present.push(name);
        }
    }

    /// Everything of a module but its weights. Of a dotted type the last part counts: the parts before it were
    /// renamed in sentence-transformers 5.4.
    fn small_files(&mut self, files: &dyn FileSet, module: &Module) -> HasWeights {
        let in_folder = |name| join(&module.path, name);
        match module.kind.rsplit('.').next().unwrap_or_default() {
            "Transformer" | "MLMTransformer" => {
                self.required(files, in_folder(CONFIG));
                self.required(files, in_folder(TOKENIZER));
                for name in OPTIONAL.into_iter().chain(TRANSFORMER_CONFIGS) {
                    self.optional(files, in_folder(name));
                }
                HasWeights::OfEncoder
            }
            "StaticEmbedding" => {
                self.optional(files, in_folder(CONFIG));
                self.required(files, in_folder(TOKENIZER));
                HasWeights::Yes
            }
            "Dense" | "LayerNorm" => {
                self.required(files, in_folder(CONFIG));
                HasWeights::Yes
            }
            // Has no settings, and where it has no file either, git and the hub know no folder of it.
            "Normalize" => {
                self.optional(files, in_folder(CONFIG));
                HasWeights::No
            }
            _ => {
                self.required(files, in_folder(CONFIG));
                self.optional(files, in_folder(WEIGHTS));
                HasWeights::No
            }
        }
    }

    fn weights(&mut self, files: &mut dyn FileSet, folder: &str) -> Result<(), SourceError> {
        for (single, index) in WEIGHTS_IN_ORDER {
            let (single, index) = (join(folder, single), join(folder, index));
            if files.contains(&single) {
                self.required(files, single);
                return Ok(());
            }
            if files.contains(&index) {
                return self.shards(files, folder, index);
            }
        }
        // Without any other, a graph will do where there is a backend for it.
        if let Some(graph) = GRAPHS.iter().find(|graph| files.contains(graph)) {
            self.required(files, (*graph).to_owned());
            self.optional(files, format!("{graph}_data"));
            return Ok(());
        }
        self.required(files, join(folder, WEIGHTS));
        Ok(())
    }

    fn shards(&mut self, files: &mut dyn FileSet, folder: &str, index: String) -> Result<(), SourceError> {
        let read: WeightsIndex = read_json(files, &index)?;
        self.required(files, index.clone());
        for shard in read.weight_map.into_values().collect::<BTreeSet<_>>() {
            if !stays_inside(&shard) {
                return Err(refused(files, &index, &shard));
            }
            self.required(files, join(folder, &shard));
        }
        Ok(())
    }
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

fn read_json<T: DeserializeOwned>(files: &mut dyn FileSet, name: &str) -> Result<T, SourceError> {
    let bytes = files.read(name)?;
    serde_json::from_slice(&bytes).map_err(|source| SourceError::Json { path: files.place(name), source })
}

fn refused(files: &dyn FileSet, name: &str, entry: &str) -> SourceError {
    SourceError::UnsafeEntry {
        file: files.place(name),
        entry: entry.to_owned(),
        reason: "its path leaves the model's folder",
    }
}

/// The files below a folder.
struct FolderFiles<'a>(&'a Path);

impl FileSet for FolderFiles<'_> {
    fn contains(&self, name: &str) -> bool {
        self.place(name).is_file()
    }

    fn place(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn read(&mut self, name: &str) -> Result<Vec<u8>, SourceError> {
        let path = self.place(name);
        fs::read(&path).map_err(|source| SourceError::io("read", &path, source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files in memory.
    struct Table(BTreeMap<&'static str, &'static str>);

    impl FileSet for Table {
        fn contains(&self, name: &str) -> bool {
            self.0.contains_key(name)
        }

        fn place(&self, name: &str) -> PathBuf {
            name.into()
        }

        fn read(&mut self, name: &str) -> Result<Vec<u8>, SourceError> {
            Ok(self.0[name].into())
        }
    }

    fn search(files: &[(&'static str, &'static str)]) -> Result<Needed, SourceError> {
        needed(&mut Table(files.iter().copied().collect()))
    }

    #[test]
    fn a_model_without_modules_is_a_transformer() {
        let found = search(&[("config.json", ""), ("tokenizer.json", ""), ("model.h5", "")]).unwrap();
        assert_eq!(found.present, ["config.json", "tokenizer.json"]);
        assert_eq!(found.missing, ["model.safetensors"]);
    }

    #[test]
    fn a_graph_is_taken_where_there_are_no_weights() {
        let small = [("config.json", ""), ("tokenizer.json", "")];
        let graphs = [("model.onnx", ""), ("onnx/model.onnx", ""), ("onnx/model.onnx_data", "")];
        let found = search(&[&small[..], &graphs].concat()).unwrap();
        assert_eq!(found.present[2..], ["onnx/model.onnx", "onnx/model.onnx_data"]);
        assert_eq!((found.encoder_weights, found.missing), (found.present[2..].to_vec(), Vec::new()));
        let found = search(&[&small[..], &graphs, &[("model.safetensors", "")]].concat()).unwrap();
        assert_eq!(found.present[2..], ["model.safetensors"]);
    }

    #[test]
    fn weights_of_pytorch_are_taken_where_there_are_no_others() {
        let small = [("config.json", ""), ("tokenizer.json", "")];
        let with = |more: &[(&'static str, &'static str)]| {
            let found = search(&[&small, more].concat()).unwrap();
            (found.present[2..].to_vec(), found.missing)
        };
        let none: Vec<String> = Vec::new();
        let both = [("pytorch_model.bin", ""), ("model.safetensors", "")];
        assert_eq!(with(&both), (vec!["model.safetensors".to_owned()], none.clone()));
        assert_eq!(with(&both[..1]), (vec!["pytorch_model.bin".to_owned()], none));
        let index = r#"{"weight_map": {"a": "p-1.bin", "b": "p-2.bin"}}"#;
        let (present, missing) = with(&[("pytorch_model.bin.index.json", index), ("p-2.bin", "")]);
        assert_eq!(present, ["pytorch_model.bin.index.json", "p-2.bin"]);
        assert_eq!(missing, ["p-1.bin"]);
    }

    #[test]
    fn each_module_needs_its_own_files() {
        let modules = r#"[{"type": "sentence_transformers.models.Transformer", "path": ""},
            {"type": "sentence_transformers.sentence_transformer.modules.pooling.Pooling", "path": "1_Pooling"},
            {"type": "sentence_transformers.base.modules.dense.Dense", "path": "2_Dense"},
            {"type": "sentence_transformers.models.Normalize", "path": "3_Normalize"}]"#;
        let found = search(&[
            ("modules.json", modules),
            ("config.json", ""),
            ("sentence_bert_config.json", ""),
            ("model.safetensors", ""),
            ("README.md", ""),
            ("2_Dense/config.json", ""),
        ]);
        let found = found.unwrap();
        let present = [
            "modules.json",
            "sentence_bert_config.json",
            "config.json",
            "2_Dense/config.json",
            "model.safetensors",
        ];
        assert_eq!(found.present, present);
        assert_eq!(found.missing, ["tokenizer.json", "1_Pooling/config.json", "2_Dense/model.safetensors"]);
    }

    #[test]
    fn weights_in_shards_are_needed_one_and_all() {
        let index =
            r#"{"weight_map": {"a": "s-1.safetensors", "b": "s-2.safetensors", "c": "s-1.safetensors"}}"#;
        let found = search(&[
            ("config.json", ""),
            ("tokenizer.json", ""),
            ("model.safetensors.index.json", index),
            ("s-1.safetensors", ""),
        ]);
        let found = found.unwrap();
        assert_eq!(found.present[2..], ["model.safetensors.index.json", "s-1.safetensors"]);
        assert_eq!(found.missing, ["s-2.safetensors"]);
    }

    #[test]
    fn a_static_model_needs_no_config() {
        let modules =
            r#"[{"type": "sentence_transformers.models.StaticEmbedding", "path": "0_StaticEmbedding"}]"#;
        let found = search(&[
            ("modules.json", modules),
            ("0_StaticEmbedding/tokenizer.json", ""),
            ("0_StaticEmbedding/model.safetensors", ""),
        ]);
        assert_eq!(found.unwrap().missing, [""; 0]);
    }

    #[test]
    fn a_dot_is_the_root_folder() {
        let modules = r#"[{"type": "sentence_transformers.models.StaticEmbedding", "path": "."}]"#;
        let files = [("modules.json", modules), ("tokenizer.json", ""), ("model.safetensors", "")];
        let found = search(&files).unwrap();
        assert_eq!((found.present.len(), found.missing), (3, Vec::new()));
    }

    #[test]
    fn paths_that_leave_the_folder_are_refused() {
        let modules = r#"[{"type": "Pooling", "path": "../other"}]"#;
        let index = r#"{"weight_map": {"a": "/etc/passwd"}}"#;
        let check = |files: &[(&'static str, &'static str)]| {
            assert!(matches!(search(files), Err(SourceError::UnsafeEntry { .. })), "{files:?}");
        };
        check(&[("modules.json", modules)]);
        check(&[("config.json", ""), ("model.safetensors.index.json", index)]);
    }

    #[test]
    fn a_broken_list_of_modules_is_an_error_that_names_it() {
        let error = search(&[("modules.json", "[{]")]).unwrap_err();
        assert_eq!(error.to_string(), "`modules.json` is not the JSON it should be");
    }
}
