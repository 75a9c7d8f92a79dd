//! Which model a folder holds.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use sha2::Digest as _;

/// Files up to twice this size are read whole; of larger ones, which are weights, so much of the start and of the end. The
/// start of a safetensors file lists its tensors, and training changes every value.
const PART: u64 = 1 << 20;

/// A digest of the files of a model's folder: names, sizes and content, of large files the start and the end. Texts about
/// the model and hidden files are left out.
///
/// # Errors
/// A file cannot be read.
pub fn fingerprint(folder: &Path) -> io::Result<String> {
    let mut digest = sha2::Sha256::new();
    add(folder, &mut digest)?;
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn add(folder: &Path, digest: &mut sha2::Sha256) -> io::Result<()> {
    let mut entries = folder.read_dir()?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for path in entries.iter().map(fs::DirEntry::path) {
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        let is_text = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("md"));
        if name.starts_with(b".") || is_text {
            continue;
        }
        digest.update((name.len() as u64).to_le_bytes());
        digest.update(name);
        if path.is_dir() {
            add(&path, digest)?;
        } else {
            add_file(&path, digest)?;
        }
    }
    Ok(())
}

fn add_file(path: &Path, digest: &mut sha2::Sha256) -> io::Result<()> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    digest.update(size.to_le_bytes());
    let mut content = Vec::new();
    if size <= 2 * PART {
        file.read_to_end(&mut content)?;
    } else {
        (&file).take(PART).read_to_end(&mut content)?;
        file.seek(SeekFrom::Start(size - PART))?;
        file.read_to_end(&mut content)?;
    }
    digest.update(&content);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_counts_but_texts_about_the_model() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
        let now = || fingerprint(folder.path()).unwrap();
        write("config.json", b"{}");
        let mut weights = vec![7; 3 << 20];
        write("model.safetensors", &weights);
        let first = now();
        write("README.md", b"about");
        write(".lock", b"");
        assert_eq!(now(), first);
        *weights.last_mut().unwrap() = 8;
        write("model.safetensors", &weights);
        let second = now();
        assert_ne!(second, first);
        write("config.json", b"[]");
        assert_ne!(now(), second);
    }
}
