//! The formats of records, and how a path tells them.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use crate::compression::Compression;
use crate::{PipelineError, names};

/// How the records of an input are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InputFormat {
    /// One text a line.
    Text,
    /// One text a file.
    Markdown,
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated values with a header row; separated by tabs in a `.tsv` file.
    Csv,
    /// Apache Parquet.
    Parquet,
    /// Apache Arrow IPC, as a file or as a stream.
    Arrow,
}

impl InputFormat {
    /// Every format, in the order that messages list them.
    pub const ALL: [Self; 6] =
        [Self::Text, Self::Markdown, Self::Jsonl, Self::Csv, Self::Parquet, Self::Arrow];

    /// The lower-case name that settings and flags use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Markdown => "markdown",
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
        }
    }

    /// The lower-case file name extensions that mean this format.
    #[must_use]
    pub const fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Text => &["txt", "text"],
            Self::Markdown => &["md", "markdown"],
            Self::Jsonl => &["jsonl", "ndjson"],
            Self::Csv => &["csv", "tsv"],
            Self::Parquet => &["parquet", "pq"],
            Self::Arrow => &["arrow", "ipc", "feather"],
        }
    }

    /// The format that the extension of `path` means, in front of `.gz` or `.zst`. No extension means text; an unknown one is `None`.
    #[must_use]
    pub fn from_path(path: &Path) -> Option<Self> {
        let (_, path) = Compression::of(path);
        if path.extension().is_none() {
            return Some(Self::Text);
        }
        Self::ALL.into_iter().find(|format| has_extension(path, format.extensions()))
    }

    /// Whether files of both formats can be read as one input.
    pub(crate) const fn mixes_with(self, other: Self) -> bool {
        matches!((self, other), (Self::Text | Self::Markdown, Self::Text | Self::Markdown))
            || self as u8 == other as u8
    }
}

impl fmt::Display for InputFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for InputFormat {
    type Err = PipelineError;

    fn from_str(name: &str) -> Result<Self, PipelineError> {
        names::find("format", name, (&Self::ALL, Self::name))
    }
}

/// How records and their vectors are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OutputFormat {
    /// Apache Parquet: every input column and the vectors.
    Parquet,
    /// One JSON object a line: every input column and the vector as an array.
    Jsonl,
    /// NumPy's array file: the vectors alone, `rows × dimensions`, float32.
    Npy,
    /// Apache Arrow IPC: every input column and the vectors. A file in the file format; anything that is written
    /// to as it comes, such as standard output, in the streaming format.
    Arrow,
}

impl OutputFormat {
    /// Every format, in the order that messages list them.
    pub const ALL: [Self; 4] = [Self::Parquet, Self::Jsonl, Self::Npy, Self::Arrow];

    /// The lower-case name that settings and flags use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Jsonl => "jsonl",
            Self::Npy => "npy",
            Self::Arrow => "arrow",
        }
    }

    /// The lower-case file name extensions that mean this format.
    #[must_use]
    pub const fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Parquet => &["parquet", "pq"],
            Self::Jsonl => &["jsonl", "ndjson"],
            Self::Npy => &["npy"],
            Self::Arrow => &["arrow", "ipc", "feather"],
        }
    }

    /// The usual extension of its files.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        self.name()
    }

    /// The format that the extension of `path` means.
    ///
    /// # Errors
    /// There is no extension, or one that means no format.
    pub fn from_path(path: &Path) -> Result<Self, PipelineError> {
        let found = Self::ALL.into_iter().find(|format| has_extension(path, format.extensions()));
        found.ok_or_else(|| PipelineError::UnknownOutputFormat { path: path.to_owned() })
    }
}

impl fmt::Display for OutputFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for OutputFormat {
    type Err = PipelineError;

    fn from_str(name: &str) -> Result<Self, PipelineError> {
        names::find("format", name, (&Self::ALL, Self::name))
    }
}

fn has_extension(path: &Path, known: &[&str]) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| known.iter().any(|name| name.eq_ignore_ascii_case(extension)))
}

/// Extensions as a list for a person: `.txt, .text`.
pub(crate) fn list_extensions(groups: impl IntoIterator<Item = &'static [&'static str]>) -> String {
    let shown: Vec<_> = groups.into_iter().flatten().map(|extension| format!(".{extension}")).collect();
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_tells_its_format() {
        let check =
            |path: &str, format| assert_eq!(InputFormat::from_path(Path::new(path)), format, "{path}");
        check("a.txt", Some(InputFormat::Text));
        check("folder.d/README", Some(InputFormat::Text));
        check("a.b.MD", Some(InputFormat::Markdown));
        check("a.ndjson", Some(InputFormat::Jsonl));
        check("a.tsv", Some(InputFormat::Csv));
        check("a.pq", Some(InputFormat::Parquet));
        check("a.feather", Some(InputFormat::Arrow));
        check("a.docx", None);
        check("a.", None);
        check("a.csv.gz", Some(InputFormat::Csv));
        check("a.PARQUET.ZST", Some(InputFormat::Parquet));
        check("notes.gz", Some(InputFormat::Text));
    }

    #[test]
    fn every_name_reads_back() {
        for format in InputFormat::ALL {
            assert_eq!(format.name().parse::<InputFormat>().unwrap(), format);
        }
        for format in OutputFormat::ALL {
            assert_eq!(format.name().parse::<OutputFormat>().unwrap(), format);
        }
        let error = "xlsx".parse::<OutputFormat>().unwrap_err();
        assert_eq!(error.to_string(), "unknown format `xlsx`");
    }

    #[test]
    fn only_text_and_markdown_mix() {
        for one in InputFormat::ALL {
            for other in InputFormat::ALL {
                let prose = [InputFormat::Text, InputFormat::Markdown];
                let expected = one == other || (prose.contains(&one) && prose.contains(&other));
                assert_eq!(one.mixes_with(other), expected, "{one} {other}");
            }
        }
    }
}
