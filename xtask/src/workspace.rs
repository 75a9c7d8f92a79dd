//! What cargo knows of this workspace.

use std::env::consts::EXE_SUFFIX;
use std::path::PathBuf;

use anyhow::Context;
use serde_json::Value;

use crate::command::CommandLine;

/// The feature that stands for others, so it is not tried alone.
const DEFAULT_FEATURE: &str = "default";

/// Folders and packages.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Workspace {
    /// The root of the repository.
    pub(crate) root: PathBuf,
    /// Where cargo builds.
    pub(crate) target: PathBuf,
    packages: Vec<Package>,
}

#[derive(Debug, PartialEq, Eq)]
struct Package {
    name: String,
    features: Vec<String>,
}

impl Workspace {
    /// Asks cargo. Needs no network: dependencies are left out.
    ///
    /// # Errors
    /// Cargo cannot be run or answers in another form than its documentation says.
    pub(crate) fn read() -> anyhow::Result<Self> {
        let metadata = CommandLine::cargo("metadata --no-deps --format-version 1").capture()?;
        Self::from_metadata(&metadata).context("cannot read what `cargo metadata` says")
    }

    /// Each feature of each package, as package and feature.
    pub(crate) fn features(&self) -> impl Iterator<Item = (&str, &str)> {
        self.packages.iter().flat_map(|package| {
            let features = package.features.iter().filter(|feature| *feature != DEFAULT_FEATURE);
            features.map(|feature| (package.name.as_str(), feature.as_str()))
        })
    }

    /// Each package that has features, which must build with none of them too.
    pub(crate) fn with_features(&self) -> impl Iterator<Item = &str> {
        let packages = self.packages.iter().filter(|package| !package.features.is_empty());
        packages.map(|package| package.name.as_str())
    }

    /// Where cargo puts the binary `name` of a debug build.
    pub(crate) fn binary(&self, name: &str) -> PathBuf {
        self.target.join("debug").join(format!("{name}{EXE_SUFFIX}"))
    }

    fn from_metadata(metadata: &str) -> anyhow::Result<Self> {
        let metadata: Value = serde_json::from_str(metadata)?;
        let packages = metadata["packages"].as_array().context("`packages` is not a list")?;
        Ok(Self {
            root: text(&metadata, "workspace_root")?.into(),
            target: text(&metadata, "target_directory")?.into(),
            packages: packages.iter().map(Package::from_metadata).collect::<Result<_, _>>()?,
        })
    }
}

impl Package {
    fn from_metadata(package: &Value) -> anyhow::Result<Self> {
        let features = package["features"].as_object().context("`features` is not a table")?;
        Ok(Self { name: text(package, "name")?.to_owned(), features: features.keys().cloned().collect() })
    }
}

fn text<'a>(table: &'a Value, key: &str) -> anyhow::Result<&'a str> {
    table[key].as_str().with_context(|| format!("`{key}` is not a text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const METADATA: &str = r#"{
        "packages": [
            {"name": "one", "features": {"default": ["red"], "red": [], "blue": []}},
            {"name": "two", "features": {}}
        ],
        "workspace_root": "/somewhere",
        "target_directory": "/elsewhere"
    }"#;

    #[test]
    fn features_are_listed_one_by_one_without_the_default() {
        let workspace = Workspace::from_metadata(METADATA).unwrap();
        assert_eq!(workspace.features().collect::<Vec<_>>(), [("one", "red"), ("one", "blue")]);
        assert_eq!(workspace.with_features().collect::<Vec<_>>(), ["one"]);
        assert_eq!(workspace.root, PathBuf::from("/somewhere"));
        assert!(workspace.binary("tool").starts_with("/elsewhere/debug"));
    }

    #[test]
    fn another_form_of_metadata_is_an_error() {
        let check = |metadata, message: &str| {
            assert_eq!(Workspace::from_metadata(metadata).unwrap_err().to_string(), message);
        };
        check("{}", "`packages` is not a list");
        check(r#"{"packages": []}"#, "`workspace_root` is not a text");
        check(&METADATA.replace(r#""name": "one", "#, ""), "`name` is not a text");
    }
}
