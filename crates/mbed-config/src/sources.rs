//! Where settings are looked for.

use std::path::{Path, PathBuf};

use crate::{Environment, Layer};

/// The name of a project's file of settings.
pub const PROJECT_FILE: &str = "mbed.toml";

/// Where settings are looked for. Everything is a value, so a test gives places of its own.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The machine's file.
    pub system_file: Option<PathBuf>,
    /// The person's file.
    pub user_file: Option<PathBuf>,
    /// The folder where the search for `mbed.toml` begins, upwards.
    pub folder: Option<PathBuf>,
    /// Files that were named, a later one being stronger. They must be there.
    pub named_files: Vec<PathBuf>,
    /// The environment.
    pub environment: Option<Environment>,
    /// What was typed, a later one being stronger.
    pub flags: Vec<Flag>,
}

/// A setting on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    /// The flag with its hyphens.
    pub name: &'static str,
    /// The setting that it sets.
    pub key: &'static str,
    /// Its value as text, read as that of a variable.
    pub value: String,
}

impl Sources {
    /// The usual places, as `environment` and `folder`, the folder that the process works in, say.
    #[must_use]
    pub fn usual(environment: Environment, folder: Option<PathBuf>) -> Self {
        Self {
            system_file: environment.system_config(),
            user_file: environment.user_config(),
            folder,
            environment: Some(environment),
            ..Self::default()
        }
    }

    /// Every file that is looked for, from the weakest.
    #[must_use]
    pub fn files(&self) -> Vec<(Layer, PathBuf)> {
        let one = |layer, file: Option<PathBuf>| file.map(|file| (layer, file));
        let mut files: Vec<_> = [
            one(Layer::System, self.system_file.clone()),
            one(Layer::User, self.user_file.clone()),
            one(Layer::Project, self.folder.as_deref().map(project_file)),
        ]
        .into_iter()
        .flatten()
        .collect();
        let named = self.named_files.iter().enumerate();
        files.extend(named.map(|(at, file)| (Layer::Named(at), file.clone())));
        files
    }
}

/// `mbed.toml` in `folder` or the nearest above that has one; in `folder` where none has.
fn project_file(folder: &Path) -> PathBuf {
    let found = folder.ancestors().map(|folder| folder.join(PROJECT_FILE)).find(|file| file.exists());
    found.unwrap_or_else(|| folder.join(PROJECT_FILE))
}
