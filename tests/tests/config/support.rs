//! A folder with files of settings, an environment and flags, all of them made up.

use std::fs;
use std::path::{Path, PathBuf};

use mbed_config::{ConfigError, Environment, Flag, Platform, Resolved, Sources, resolve};
use mbed_core::Hint as _;
use serde_json::Value;
use tempfile::TempDir;

/// Layers to be made up.
pub(crate) struct World {
    folder: TempDir,
    pub(crate) sources: Sources,
    variables: Vec<(String, String)>,
}

impl World {
    /// Nothing but what the types say.
    pub(crate) fn new() -> Self {
        Self { folder: TempDir::new().unwrap(), sources: Sources::default(), variables: Vec::new() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn system(mut self, content: &str) -> Self {
        self.sources.system_file = Some(self.write("etc/config.toml", content));
        self
    }

    pub(crate) fn user(mut self, content: &str) -> Self {
        self.sources.user_file = Some(self.write("user/config.toml", content));
        self
    }

    /// The project's file, two folders above the one that is worked in.
    pub(crate) fn project(mut self, content: &str) -> Self {
        self.write("project/mbed.toml", content);
        let inner = self.path("project/a/b");
        fs::create_dir_all(&inner).unwrap();
        self.sources.folder = Some(inner);
        self
    }

    pub(crate) fn named(mut self, name: &str, content: &str) -> Self {
        let path = self.write(name, content);
        self.sources.named_files.push(path);
        self
    }

    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn flag(mut self, name: &'static str, key: &'static str, value: &str) -> Self {
        self.sources.flags.push(Flag { name, key, value: value.to_owned() });
        self
    }

    pub(crate) fn resolve(mut self) -> Outcome {
        let variables = self.variables.iter().map(|(name, value)| (name.into(), value.into()));
        self.sources.environment = Some(Environment::from_variables(Platform::Unix, variables));
        Outcome { result: resolve(&self.sources), folder: self.folder }
    }
}

/// What came of it.
pub(crate) struct Outcome {
    pub(crate) result: Result<Resolved, ConfigError>,
    folder: TempDir,
}

impl Outcome {
    pub(crate) fn resolved(&self) -> &Resolved {
        self.result.as_ref().unwrap_or_else(|error| panic!("{error}"))
    }

    pub(crate) fn value(&self, key: &str) -> Value {
        self.resolved().get(key).unwrap().value.clone()
    }

    /// Value and origin of a setting, and those that it overrides, the strongest first.
    pub(crate) fn history(&self, key: &str) -> Vec<(Value, String)> {
        let found = self.resolved().get(key).unwrap();
        let first = (found.value.clone(), self.short(&found.origin.to_string()));
        let weaker = found.overridden.iter();
        let weaker = weaker.map(|weaker| (weaker.value.clone(), self.short(&weaker.origin.to_string())));
        std::iter::once(first).chain(weaker).collect()
    }

    pub(crate) fn origin(&self, key: &str) -> String {
        self.history(key)[0].1.clone()
    }

    /// Every warning, a line each.
    pub(crate) fn warnings(&self) -> String {
        let lines: Vec<String> = self.resolved().warnings.iter().map(ToString::to_string).collect();
        self.short(&lines.join("\n"))
    }

    /// The error with its causes and its hint.
    pub(crate) fn error(&self) -> String {
        let error = self.result.as_ref().expect_err("an error");
        let hint = error.hint().map(|hint| format!("\nhint: {hint}"));
        self.short(&format!("{error}{}", hint.unwrap_or_default()))
    }

    /// `text` without the folder's name, which differs from run to run.
    fn short(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.folder.path().display()), "")
    }
}
