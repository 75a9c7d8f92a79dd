//! A folder of its own for each test, and ways to run `mbed` in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// The committed models.
const MODELS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/models");

/// Variables of other tools that mbed would take as settings.
const FOREIGN: [&str; 6] = [
    "EMBEDDING_DEVICE",
    "EMBEDDING_MODEL_POOL_SIZE",
    "EMBEDDING_BATCH_SIZE",
    "SEMANTIC_MIN_BATCH_SIZE",
    "SEMANTIC_MAX_BATCH_SIZE",
    "GPU_MEMORY_SAFETY_FACTOR",
];

/// A folder to work in.
pub(crate) struct Place {
    folder: TempDir,
}

/// What a command did.
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    /// With the names of temporary folders taken out.
    pub(crate) stderr: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// A copy of a committed model that can be changed.
    pub(crate) fn model(&self, name: &str) -> PathBuf {
        let to = self.path("model");
        copy(&Path::new(MODELS).join(name), &to);
        to
    }

    /// `mbed` in this folder, cut off from the network and from the models of this machine.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.command_of(env!("CARGO_BIN_EXE_mbed"));
        command.args(arguments);
        command
    }

    /// As [`Place::command`], another program, such as a shell that runs `mbed`.
    pub(crate) fn command_of(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.folder.path())
            .env("HF_HOME", self.path("hf"))
            .env("MBED_CACHE", self.path("cache"))
            .env("HF_HUB_OFFLINE", "1")
            .env("XDG_CONFIG_HOME", self.path("xdg"))
            .env_remove("HF_HUB_CACHE")
            .stdin(Stdio::null());
        for name in FOREIGN {
            command.env_remove(name);
        }
        command
    }

    /// Runs `mbed` to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Outcome {
        self.outcome(&self.command(arguments).output().unwrap())
    }

    /// Runs `mbed embed` with the model `bert-mean`.
    pub(crate) fn embed(&self, arguments: &[&str]) -> Outcome {
        self.run(&[&["embed", "--model", &bert_mean()], arguments].concat())
    }

    pub(crate) fn outcome(&self, output: &Output) -> Outcome {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let folder = self.folder.path().display().to_string();
        Outcome {
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr).replace(&folder, "HERE").replace(MODELS, "MODELS"),
        }
    }

    /// The names of all files in the folder, hidden ones too.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Outcome {
    /// The error that was printed, after checking that there was one and that nothing else went out.
    pub(crate) fn error(&self) -> &str {
        assert_eq!(self.code, Some(1), "{}", self.stderr);
        assert_eq!(self.stdout, "");
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self.stderr.trim_end()
    }

    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        self
    }
}

/// The folder of the committed model `bert-mean`.
pub(crate) fn bert_mean() -> String {
    format!("{MODELS}/bert-mean")
}

/// A file of a committed model.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(MODELS).join(name)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
