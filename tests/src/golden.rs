//! Texts with the vectors that sentence-transformers computed for them.

use std::fs;
use std::path::{Path, PathBuf};

use mbed_core::Embeddings;
use serde::Deserialize;

use crate::{Failure, npy};

/// Where the parts of a golden lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoldenFiles {
    /// `golden.json`: texts and options.
    pub description: PathBuf,
    /// `golden.npy`: a vector a text.
    pub vectors: PathBuf,
    /// `golden.prompt.npy`: the same with a prompt; need not be there.
    pub prompted: PathBuf,
}

/// Texts with the vectors that sentence-transformers computed for them.
#[derive(Clone, Debug)]
pub struct Golden {
    /// The texts.
    pub texts: Vec<String>,
    /// The most tokens of a text, special ones included; `None` where the library knows no limit.
    pub max_tokens: Option<usize>,
    /// A vector for each text.
    pub vectors: Embeddings,
    /// The name of a prompt, and a vector for each text with it.
    pub prompted: Option<(String, Embeddings)>,
}

#[derive(Deserialize)]
struct Description {
    texts: Vec<String>,
    max_seq_length: Option<usize>,
    prompt_name: Option<String>,
}

impl GoldenFiles {
    /// Those that lie in a model's folder.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        Self {
            description: folder.join("golden.json"),
            vectors: folder.join("golden.npy"),
            prompted: folder.join("golden.prompt.npy"),
        }
    }

    /// Reads them.
    ///
    /// # Errors
    /// A file cannot be read or understood, or they do not belong together.
    pub fn read(&self) -> Result<Golden, Failure> {
        let named = |failure: Failure| failure.during(&format!("reading `{}`", self.description.display()));
        let description = fs::read(&self.description).map_err(|error| named(error.into()))?;
        let description: Description =
            serde_json::from_slice(&description).map_err(|error| named(error.into()))?;
        let vectors = self.matrix(&self.vectors, &description)?;
        let prompted = match description.prompt_name.clone() {
            Some(name) => Some((name, self.matrix(&self.prompted, &description)?)),
            None => None,
        };
        Ok(Golden { texts: description.texts, max_tokens: description.max_seq_length, vectors, prompted })
    }

    fn matrix(&self, path: &Path, description: &Description) -> Result<Embeddings, Failure> {
        let matrix = npy::read(path)?;
        let (rows, texts) = (matrix.rows(), description.texts.len());
        if rows == texts && texts > 0 {
            return Ok(matrix);
        }
        Err(Failure::new(format!("`{}` has {rows} vectors for {texts} texts", path.display())))
    }
}
