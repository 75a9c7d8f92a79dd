//! A model's folder without its encoder's weights, for those who keep these in another form.

use std::path::{Path, PathBuf};
use std::{fs, io};

use super::SourceError;
use super::needed::needed_in_folder;

/// What other programs read beside what mbed does: tokenizers of older forms, and what people should know.
const OTHERS: [&str; 9] = [
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "sentencepiece.bpe.model",
    "spiece.model",
    "tokenizer.model",
    "README.md",
    "LICENSE",
    "LICENSE.txt",
];

/// Copies the settings of a model, its tokenizer and the weights of its head from its folder to another, which is made
/// where it is not there. Gives the copies.
///
/// # Errors
/// The folder is not a whole model's, or a file cannot be read or written.
pub fn copy_without_encoder(from: &Path, to: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let needed = needed_in_folder(from)?;
    let make = |folder: &Path| {
        fs::create_dir_all(folder).map_err(|source| SourceError::io("make the folder", folder, source))
    };
    make(to)?;
    let real =
        |folder: &Path| fs::canonicalize(folder).map_err(|source| SourceError::io("find", folder, source));
    if real(from)? == real(to)? {
        return Ok(Vec::new());
    }
    let wanted = needed.present.iter().filter(|name| !needed.encoder_weights.contains(name));
    let mut copies = Vec::new();
    for name in wanted.map(String::as_str).chain(OTHERS) {
        let (source, target) = (from.join(name), to.join(name));
        if let Some(folder) = target.parent() {
            make(folder)?;
        }
        match fs::copy(&source, &target) {
            Ok(_) => copies.push(target),
            Err(error) if error.kind() == io::ErrorKind::NotFound && OTHERS.contains(&name) => {}
            Err(error) => return Err(SourceError::io("copy", &source, error)),
        }
    }
    Ok(copies)
}
