//! Names of models and of their revisions, checked where they are made.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::SourceError;
use super::relative_path::stays_inside;

/// What the hub puts in front of a model's folder in its cache.
const CACHE_PREFIX: &str = "models--";
/// What the hub puts between owner and name there; a name may not hold it.
const CACHE_SEPARATOR: &str = "--";
/// The hub's limit.
const MAX_LENGTH: usize = 96;

/// The name of a model on the hub: `name` or `owner/name`. Safe to use in a path or an address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ModelId(String);

impl ModelId {
    /// Reads a name by the hub's rules.
    ///
    /// # Errors
    /// [`SourceError::InvalidName`]
    pub fn new(name: &str) -> Result<Self, SourceError> {
        match complaint(name) {
            None => Ok(Self(name.to_owned())),
            Some(reason) => Err(SourceError::InvalidName { name: name.to_owned(), reason }),
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folder in a cache that holds everything of this model: `models--owner--name`.
    pub(super) fn cache_folder(&self) -> String {
        format!("{CACHE_PREFIX}{}", self.0.replace('/', CACHE_SEPARATOR))
    }

    /// The model whose [`ModelId::cache_folder`] this is.
    pub(super) fn from_cache_folder(folder: &str) -> Option<Self> {
        Self::new(&folder.strip_prefix(CACHE_PREFIX)?.replacen(CACHE_SEPARATOR, "/", 1)).ok()
    }
}

fn complaint(name: &str) -> Option<&'static str> {
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/');
    let at_edge = |part: &str| part.starts_with(['.', '-']) || part.ends_with(['.', '-']);
    if name.is_empty() {
        Some("it is empty")
    } else if name.len() > MAX_LENGTH {
        Some("it is longer than 96 characters")
    } else if !name.chars().all(known) {
        Some("only letters, digits, `.`, `_`, `-` and one `/` may be in it")
    } else if name.split('/').count() > 2 || name.split('/').any(str::is_empty) {
        Some("it is neither `name` nor `owner/name`")
    } else if name.contains("..") || name.contains(CACHE_SEPARATOR) {
        Some("`..` and `--` may not be in it")
    } else if name.split('/').any(at_edge) {
        Some("its parts may not begin or end with `.` or `-`")
    } else {
        None
    }
}

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for ModelId {
    type Error = SourceError;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::new(&name)
    }
}

impl From<ModelId> for String {
    fn from(id: ModelId) -> Self {
        id.0
    }
}

/// A branch, tag or commit of a model. Safe to use in a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision(String);

impl Revision {
    /// The branch that is meant where nobody asks for another.
    pub(super) const MAIN: &'static str = "main";

    /// Reads a revision.
    ///
    /// # Errors
    /// [`SourceError::InvalidRevision`]
    pub fn new(name: &str) -> Result<Self, SourceError> {
        let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | '/');
        if stays_inside(name) && name.chars().all(known) {
            Ok(Self(name.to_owned()))
        } else {
            Err(SourceError::InvalidRevision { revision: name.to_owned() })
        }
    }

    /// The revision.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules_of_the_hub() {
        for name in ["bert-base-uncased", "BAAI/bge-small-en-v1.5", "a_b/C.d", "0/1"] {
            assert_eq!(ModelId::new(name).map(String::from).ok().as_deref(), Some(name));
        }
        let long = "a".repeat(97);
        for name in [
            "", "a/b/c", "/a", "a/", "a b", "a/..", "..", "a..b", "a--b", "a\\b", ".a", "a-", "é", "a%2f",
            &long,
        ] {
            assert!(matches!(ModelId::new(name), Err(SourceError::InvalidName { .. })), "{name}");
        }
    }

    #[test]
    fn a_cache_folder_reads_back() {
        for name in ["bert-base-uncased", "BAAI/bge-small-en-v1.5"] {
            let id = ModelId::new(name).unwrap();
            assert_eq!(ModelId::from_cache_folder(&id.cache_folder()), Some(id));
        }
        assert_eq!(ModelId::from_cache_folder("datasets--a--b"), None);
        assert_eq!(ModelId::from_cache_folder("models--.."), None);
    }

    #[test]
    fn revisions_stay_in_their_folder() {
        for name in ["main", "refs/pr/5", "v1.0+cpu", "c5f93f70cd4eec0d8aa9c6a4d58b3a5f0e1b0a1e"] {
            assert!(Revision::new(name).is_ok(), "{name}");
        }
        for name in ["", "..", "../main", "a//b", "/a", "a b", "a?b"] {
            assert!(Revision::new(name).is_err(), "{name}");
        }
    }
}
