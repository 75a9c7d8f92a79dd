//! Handing a model's tensors to candle-transformers under the names that it looks for.

use std::collections::{BTreeMap, HashMap};

use candle_core::{DType, Device, Error};
use candle_nn::VarBuilder;
use mbed_core::{BackendError, Tensor, TensorError};

use crate::convert::to_candle;
use crate::errors::{failed, unsupported};

/// The tensors of a model, in binary32, and how their names came about.
pub(super) struct Tensors<'a> {
    builder: VarBuilder<'a>,
    count: usize,
    file_prefix: &'a str,
    candle_prefix: &'a str,
}

impl<'a> Tensors<'a> {
    /// Takes the tensors under the first of `prefixes` that `anchor` is found with. Those outside of it, such as
    /// the head of a task the model was trained on, are left behind.
    ///
    /// # Errors
    /// The anchor is under none of the prefixes, or a tensor cannot be handed over.
    pub(super) fn find(
        tensors: &BTreeMap<String, Tensor>,
        anchor: &str,
        prefixes: &[&'a str],
        candle_prefix: &'a str,
    ) -> Result<Self, BackendError> {
        let found = prefixes.iter().find(|prefix| tensors.contains_key(&format!("{prefix}{anchor}")));
        let Some(file_prefix) = found.copied() else {
            return Err(TensorError::Missing { name: anchor.to_owned().into() }.into());
        };
        let mut renamed = HashMap::new();
        for (name, tensor) in tensors {
            if let Some(rest) = name.strip_prefix(file_prefix) {
                renamed.insert(format!("{candle_prefix}{rest}"), to_candle(tensor)?);
            }
        }
        let count = renamed.len();
        let builder = VarBuilder::from_tensors(renamed, DType::F32, &Device::Cpu);
        Ok(Self { builder, count, file_prefix, candle_prefix })
    }

    /// The tensors as the constructors of candle-transformers want them.
    pub(super) fn builder(&self) -> VarBuilder<'a> {
        self.builder.clone()
    }

    /// Whether there is a tensor that candle-transformers would look for as `name`.
    pub(super) fn contains(&self, name: &str) -> bool {
        self.builder.contains_tensor(name)
    }

    /// Refuses a number of `layers` that there cannot be tensors for: candle-transformers makes room for all of
    /// them before it looks for the first.
    pub(super) fn check_layers(&self, layers: usize) -> Result<usize, BackendError> {
        if layers <= self.count {
            return Ok(layers);
        }
        Err(unsupported(format!("its `config.json` says {layers} layers, but it has {} tensors", self.count)))
    }

    /// What a constructor's failure means, with tensors named as the model's files name them.
    pub(super) fn error(&self, error: Error) -> BackendError {
        match error {
            Error::WithBacktrace { inner, .. } | Error::Context { inner, .. } => self.error(*inner),
            Error::CannotFindTensor { path } => {
                TensorError::Missing { name: self.file_name(&path).into() }.into()
            }
            // candle names the tensor only in the words before the shapes.
            Error::UnexpectedShape { msg, expected, got } => TensorError::WrongShape {
                name: self.file_name(msg.strip_prefix("shape mismatch for ").unwrap_or(&msg)).into(),
                expected: expected.into_dims(),
                got: got.into_dims(),
            }
            .into(),
            other => failed(other),
        }
    }

    fn file_name(&self, candle_name: &str) -> String {
        match candle_name.strip_prefix(self.candle_prefix) {
            Some(rest) => format!("{}{rest}", self.file_prefix),
            None => candle_name.to_owned(),
        }
    }
}
