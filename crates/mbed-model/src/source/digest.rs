//! SHA-256 as a value.

use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::Digest;

/// A SHA-256, written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sha256([u8; 32]);

impl Sha256 {
    /// The SHA-256 of a file's content.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn of_file(path: &Path) -> io::Result<Self> {
        let mut hasher = Hasher::new(io::sink());
        io::copy(&mut File::open(path)?, &mut hasher)?;
        Ok(hasher.finish().0)
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is not 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a SHA-256: that has 64 hexadecimal digits")]
pub struct NotASha256 {
    /// The text as it was given.
    pub text: String,
}

impl FromStr for Sha256 {
    type Err = NotASha256;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || NotASha256 { text: text.to_owned() };
        let digits: Option<Vec<u8>> =
            text.chars().map(|digit| digit.to_digit(16).and_then(|value| u8::try_from(value).ok())).collect();
        let digits = digits.filter(|digits| digits.len() == 64).ok_or_else(refused)?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.as_chunks::<2>().0) {
            *byte = pair[0] << 4 | pair[1];
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Sha256 {
    type Error = NotASha256;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Sha256> for String {
    fn from(digest: Sha256) -> Self {
        let mut text = Self::with_capacity(64);
        // Writing into a string cannot fail.
        let _ = write!(text, "{digest}");
        text
    }
}

/// A writer that hashes and counts what goes through it.
pub(super) struct Hasher<W> {
    inner: W,
    state: sha2::Sha256,
    bytes: u64,
}

impl<W: Write> Hasher<W> {
    pub(super) fn new(inner: W) -> Self {
        Self { inner, state: sha2::Sha256::new(), bytes: 0 }
    }

    /// The digest and the number of all bytes that were written, and the writer behind.
    pub(super) fn finish(self) -> (Sha256, u64, W) {
        (Sha256(self.state.finalize().into()), self.bytes, self.inner)
    }
}

impl<W: Write> Write for Hasher<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(buffer)?;
        let (done, _) = buffer.split_at(written.min(buffer.len()));
        self.state.update(done);
        self.bytes += done.len() as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_that_of_the_standard() {
        // FIPS 180-4, appendix B.1: the message `abc`.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let mut hasher = Hasher::new(Vec::new());
        hasher.write_all(b"ab").unwrap();
        hasher.write_all(b"c").unwrap();
        let (digest, bytes, written) = hasher.finish();
        assert_eq!((digest.to_string().as_str(), bytes, written), (expected, 3, b"abc".to_vec()));
        assert_eq!(expected.parse(), Ok(digest));
        assert_eq!(expected.to_uppercase().parse(), Ok(digest));
    }

    #[test]
    fn other_texts_are_not_digests() {
        for text in ["", "ba78", &"g".repeat(64), &"é".repeat(32), &"0".repeat(65)] {
            assert!(text.parse::<Sha256>().is_err(), "{text}");
        }
    }
}
