//! A model folder with its golden vectors.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use mbed_candle::CandleBackend;
use mbed_core::spec::{Bias, HeadSpec, HeadStage, Part, Pooling, Residual};
use mbed_core::{
    Backend, BackendError, Batch, Embeddings, ForeignModel, ModelSource, OpenRequest, Session, StoredType,
    Tensor, TensorName, Token, Weights,
};
use serde_json::Value;
use tokenizers::{Tokenizer, TruncationParams};

use super::bert;

/// A model folder with its golden vectors.
pub struct Fixture {
    folder: PathBuf,
    /// The whole `config.json`; a test may change it.
    pub config: Value,
    /// The tensors by the names in the file; a test may change them.
    pub tensors: BTreeMap<String, Tensor>,
    golden: Value,
}

impl Fixture {
    pub fn load(name: &str) -> Self {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/models").join(name);
        let (config, golden) = (json(&folder.join("config.json")), json(&folder.join("golden.json")));
        Self { config, golden, tensors: safetensors(&folder.join("model.safetensors")), folder }
    }

    /// The model in the form that fits: a spec for BERT, else through the door.
    pub fn source(&self) -> ModelSource {
        let (head, head_weights) = self.head();
        if self.config["model_type"] == "bert" {
            let (spec, mut weights) = bert::model(&self.config, &self.tensors, head);
            head_weights.iter().for_each(|(name, tensor)| weights.insert(name, tensor.clone()));
            return ModelSource::Spec { spec, weights: Arc::new(weights) };
        }
        ModelSource::Foreign(ForeignModel {
            architecture: self.config["model_type"].as_str().unwrap().to_owned(),
            config: self.config.to_string().into(),
            tensors: Arc::new(self.tensors.clone()),
            hidden: size(&self.config["hidden_size"]),
            max_tokens: size(&self.golden["max_seq_length"]),
            head,
            head_weights: Arc::new(head_weights),
        })
    }

    pub fn open(&self) -> Result<Box<dyn Session>, BackendError> {
        CandleBackend.open(OpenRequest::new(self.source()))
    }

    /// The tokens of all golden texts, each with `prompt` before it.
    pub fn tokens(&self, prompt: &str) -> Vec<Vec<Token>> {
        let mut tokenizer = Tokenizer::from_file(self.folder.join("tokenizer.json")).unwrap();
        let max_length = size(&self.golden["max_seq_length"]);
        tokenizer.with_truncation(Some(TruncationParams { max_length, ..Default::default() })).unwrap();
        tokenizer.with_padding(None);
        let texts = self.golden["texts"].as_array().unwrap().iter().map(|text| text.as_str().unwrap());
        let encode = |text: &str| {
            let encoding = tokenizer.encode(format!("{prompt}{text}"), true).unwrap();
            let pairs = encoding.get_ids().iter().zip(encoding.get_type_ids());
            pairs.map(|(&id, &type_id)| Token { id, type_id }).collect()
        };
        texts.map(encode).collect()
    }

    /// The prompt that `golden.prompt.npy` was made with.
    pub fn prompt(&self) -> Option<String> {
        let name = self.golden["prompt_name"].as_str()?;
        let prompts = json(&self.folder.join("config_sentence_transformers.json"));
        Some(prompts["prompts"][name].as_str().unwrap().to_owned())
    }

    /// The vectors of a golden file, one row a text.
    pub fn golden(&self, file: &str) -> Vec<Vec<f32>> {
        let bytes = fs::read(self.folder.join(file)).unwrap();
        assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
        let data = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        let header = std::str::from_utf8(&bytes[10..data]).unwrap();
        assert!(header.contains("'<f4'") && header.contains("'fortran_order': False"), "{header}");
        let columns = size(&self.golden["dim"]);
        assert!(header.contains(&format!(", {columns})")), "{header}");
        let values: Vec<f32> =
            bytes[data..].as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
        values.chunks(columns).map(<[f32]>::to_vec).collect()
    }

    fn head(&self) -> (HeadSpec, Weights) {
        let mut head = HeadSpec { pooling: Vec::new(), stages: Vec::new() };
        let mut weights = Weights::new();
        for module in json(&self.folder.join("modules.json")).as_array().unwrap() {
            let folder = self.folder.join(module["path"].as_str().unwrap());
            match module["type"].as_str().unwrap().rsplit('.').next().unwrap() {
                "Transformer" => {}
                "Pooling" => {
                    let mode = json(&folder.join("config.json"))["pooling_mode"].as_str().unwrap().to_owned();
                    head.pooling.push(mode.parse::<Pooling>().unwrap());
                }
                "Normalize" => head.stages.push(HeadStage::Normalize),
                "Dense" => {
                    let index = head.stages.len();
                    let tensors = safetensors(&folder.join("model.safetensors"));
                    for (part, name) in [(Part::Weight, "linear.weight"), (Part::Bias, "linear.bias")] {
                        weights.insert(TensorName::HeadDense(index, part), tensors[name].clone());
                    }
                    head.stages.push(dense(&json(&folder.join("config.json"))));
                }
                other => panic!("module {other}"),
            }
        }
        (head, weights)
    }
}

fn dense(config: &Value) -> HeadStage {
    HeadStage::Dense {
        input: size(&config["in_features"]),
        output: size(&config["out_features"]),
        bias: if config["bias"] == true { Bias::Added } else { Bias::Absent },
        activation: config["activation_function"].as_str().unwrap().parse().unwrap(),
        residual: Residual::None,
    }
}

/// The vectors of `sequences`, `batch_size` in a batch.
pub fn embed(session: &mut dyn Session, sequences: &[Vec<Token>], batch_size: usize) -> Vec<Vec<f32>> {
    let (mut batch, mut output, mut vectors) = (Batch::new(), Embeddings::new(), Vec::new());
    for sequences in sequences.chunks(batch_size) {
        batch.clear();
        sequences.iter().for_each(|tokens| _ = batch.push(tokens));
        session.embed(&batch, &mut output).unwrap();
        vectors.extend(output.iter().map(<[f32]>::to_vec));
    }
    vectors
}

pub(super) fn size(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}

fn json(path: &std::path::Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn safetensors(path: &std::path::Path) -> BTreeMap<String, Tensor> {
    let bytes = fs::read(path).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let read = |(name, view): (String, safetensors::tensor::TensorView<'_>)| {
        assert_eq!(view.dtype(), safetensors::Dtype::F32);
        let range = 0..view.data().len();
        let bytes = Arc::new(view.data().to_vec());
        (name, Tensor::new(StoredType::F32, view.shape().to_vec(), bytes, range).unwrap())
    };
    tensors.tensors().into_iter().map(read).collect()
}
