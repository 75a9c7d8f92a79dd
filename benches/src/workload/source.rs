//! A workload by its name.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::lengths::Lengths;
use super::writer::Writer;
use crate::BenchError;
use crate::random::Random;

/// Workloads that come with this program, and their files.
pub const BUILT_IN: [(&str, &str); 5] = [
    ("queries", include_str!("../../workloads/queries.toml")),
    ("sentences", include_str!("../../workloads/sentences.toml")),
    ("passages", include_str!("../../workloads/passages.toml")),
    ("mixed", include_str!("../../workloads/mixed.toml")),
    ("documents", include_str!("../../workloads/documents.toml")),
];

/// Tokens of all texts of one length together, and the fewest and the most texts that make them.
const CONSTANT_TOKENS: usize = 16_384;
const CONSTANT_TEXTS: (usize, usize) = (8, 512);

/// What a workload is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum WorkloadName {
    /// One that comes with this program.
    BuiltIn(String),
    /// Texts that all have so many tokens.
    Constant(usize),
    /// A distribution of lengths in a file (`.toml`), or texts of the user's own, one a line.
    File(PathBuf),
}

/// Texts to embed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// What it is called.
    pub name: WorkloadName,
    /// What such texts are, in a few words.
    pub description: String,
    /// The texts, at least one.
    pub texts: Vec<String>,
    /// Where texts are to be cut, for those that are to have just so many tokens.
    pub max_length: Option<usize>,
}

impl FromStr for WorkloadName {
    type Err = BenchError;

    fn from_str(text: &str) -> Result<Self, BenchError> {
        let unknown = || BenchError::UnknownWorkload { name: text.to_owned() };
        if let Some(path) = text.strip_prefix("file:") {
            return Ok(Self::File(path.into()));
        }
        if let Some(tokens) = text.strip_prefix("constant:") {
            let tokens = tokens.parse().ok().filter(|&tokens| tokens > 0);
            return tokens.map(Self::Constant).ok_or_else(unknown);
        }
        let is_known = BUILT_IN.iter().any(|(name, _)| *name == text);
        if is_known { Ok(Self::BuiltIn(text.to_owned())) } else { Err(unknown()) }
    }
}

impl TryFrom<String> for WorkloadName {
    type Error = BenchError;

    fn try_from(text: String) -> Result<Self, BenchError> {
        text.parse()
    }
}

impl From<WorkloadName> for String {
    fn from(name: WorkloadName) -> Self {
        name.to_string()
    }
}

impl fmt::Display for WorkloadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn(name) => f.write_str(name),
            Self::Constant(tokens) => write!(f, "constant:{tokens}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

impl Workload {
    /// The texts that `name` stands for: `count` of them, or as many as it has by itself. The same name and count
    /// give the same texts on every machine.
    ///
    /// # Errors
    /// A file cannot be read, or there would be no text.
    pub fn new(name: &WorkloadName, count: Option<usize>) -> Result<Self, BenchError> {
        let made = match name {
            WorkloadName::BuiltIn(known) => {
                let file = BUILT_IN.iter().find(|(found, _)| found == known).map(|(_, file)| *file);
                Self::drawn(name, (file.unwrap_or_default(), known), count)?
            }
            WorkloadName::Constant(tokens) => Self {
                name: name.clone(),
                description: format!("Texts of {tokens} tokens."),
                texts: constant(*tokens, count),
                max_length: Some(*tokens),
            },
            WorkloadName::File(path) => Self::from_file(name, path, count)?,
        };
        if made.texts.is_empty() {
            return Err(BenchError::NoTexts { workload: name.to_string() });
        }
        Ok(made)
    }

    /// Texts with lengths that a file tells.
    fn drawn(
        name: &WorkloadName,
        (file, origin): (&str, &str),
        count: Option<usize>,
    ) -> Result<Self, BenchError> {
        let lengths = Lengths::parse(file, origin)?;
        let mut writer = Writer::new(Random::of(origin));
        let mut text = |_| {
            let words = lengths.draw(&mut writer.random);
            writer.prose(words)
        };
        let texts = (0..count.unwrap_or(lengths.texts)).map(&mut text).collect();
        Ok(Self { name: name.clone(), description: lengths.description, texts, max_length: None })
    }

    fn from_file(name: &WorkloadName, path: &Path, count: Option<usize>) -> Result<Self, BenchError> {
        let read = fs::read_to_string(path);
        let text = read.map_err(|source| BenchError::Read { path: path.to_owned(), source })?;
        if path.extension().is_some_and(|extension| extension == "toml") {
            return Self::drawn(name, (&text, &path.display().to_string()), count);
        }
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned);
        let texts = lines.take(count.unwrap_or(usize::MAX)).collect();
        let description = "Texts of the user's own.".to_owned();
        Ok(Self { name: name.clone(), description, texts, max_length: None })
    }
}

/// Texts with at least so many tokens, one a word; whoever opens the model cuts them at that length.
fn constant(tokens: usize, count: Option<usize>) -> Vec<String> {
    let (least, most) = CONSTANT_TEXTS;
    let count = count.unwrap_or_else(|| (CONSTANT_TOKENS / tokens.max(1)).clamp(least, most));
    let mut writer = Writer::new(Random::of("constant"));
    (0..count).map(|_| writer.words(tokens)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(name: &str, count: Option<usize>) -> Vec<String> {
        Workload::new(&name.parse().unwrap(), count).unwrap().texts
    }

    #[test]
    fn the_same_name_gives_the_same_texts() {
        for (name, _) in BUILT_IN {
            assert_eq!(texts(name, None), texts(name, None), "{name}");
            assert_eq!(texts(name, Some(9))[..4], texts(name, Some(4)), "{name}");
        }
        // As a program in another language makes them of the same description.
        let expected = ["from is by clear.", "is glass it is red the in bridge."];
        assert_eq!(texts("queries", Some(2)), expected, "the texts are part of what rows mean");
    }

    #[test]
    fn lengths_are_those_of_their_names() {
        let words = |name: &str| {
            let texts = texts(name, None);
            let words = texts.iter().map(|text| text.split_whitespace().count());
            words.sum::<usize>() / texts.len()
        };
        let [queries, sentences, passages, mixed, documents] = BUILT_IN.map(|(name, _)| words(name));
        assert!((5..9).contains(&queries) && (11..16).contains(&sentences), "{queries} {sentences}");
        assert!((100..130).contains(&passages) && (40..80).contains(&mixed), "{passages} {mixed}");
        assert!(documents > 800, "{documents}");
        let exact = texts("constant:64", None);
        assert!(exact.len() == 256 && exact.iter().all(|text| text.split_whitespace().count() == 64));
    }

    #[test]
    fn names_read_back_and_unknown_ones_are_refused() {
        for name in ["mixed", "constant:512", "file:texts/mine.txt"] {
            assert_eq!(name.parse::<WorkloadName>().unwrap().to_string(), name);
        }
        for name in ["poems", "constant:0", "constant:x", ""] {
            let error = name.parse::<WorkloadName>().unwrap_err();
            assert_eq!(error.to_string(), format!("there is no workload `{name}`"));
        }
    }

    #[test]
    fn a_workload_has_texts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.txt");
        fs::write(&path, "one\n\n  two  \nthree\n").unwrap();
        let name = WorkloadName::File(path.clone());
        assert_eq!(Workload::new(&name, Some(2)).unwrap().texts, ["one", "two"]);
        fs::write(&path, "\n\n").unwrap();
        let error = Workload::new(&name, None).unwrap_err().to_string();
        assert_eq!(error, format!("the workload `{name}` has no texts"));
        assert!(Workload::new(&"queries".parse().unwrap(), Some(0)).is_err());
    }
}
