//! What the environment says, and the folders that follow from it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use crate::{ConfigError, Platform};

/// The name of the machine's and of the person's file of settings.
const CONFIG_FILE: &str = "config.toml";

/// What the environment says. Made by [`Environment::read`], or by [`Environment::from_variables`] from a table.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Environment {
    /// Which customs hold for folders.
    pub platform: Platform,
    /// A person's home folder.
    pub home: Option<PathBuf>,
    /// [`LOCALAPPDATA`](crate::env_vars::LOCALAPPDATA)
    pub local_app_data: Option<PathBuf>,
    /// [`XDG_CACHE_HOME`](crate::env_vars::XDG_CACHE_HOME)
    pub xdg_cache_home: Option<PathBuf>,
    /// [`HF_HOME`](crate::env_vars::HF_HOME)
    pub hf_home: Option<PathBuf>,
    /// [`HF_HUB_CACHE`](crate::env_vars::HF_HUB_CACHE) or its older name.
    pub hf_hub_cache: Option<PathBuf>,
    /// [`HF_TOKEN`](crate::env_vars::HF_TOKEN) or its older name.
    pub hf_token: Option<String>,
    /// [`HF_TOKEN_PATH`](crate::env_vars::HF_TOKEN_PATH)
    pub hf_token_path: Option<PathBuf>,
    /// [`HF_ENDPOINT`](crate::env_vars::HF_ENDPOINT)
    pub hf_endpoint: Option<String>,
    /// The variable that forbids the network, with its value: `HF_HUB_OFFLINE=1`.
    pub offline: Option<String>,
    /// [`MBED_CACHE`](crate::env_vars::MBED_CACHE)
    pub mbed_cache: Option<PathBuf>,
    /// [`XDG_CONFIG_HOME`](crate::env_vars::XDG_CONFIG_HOME)
    pub xdg_config_home: Option<PathBuf>,
    /// [`APPDATA`](crate::env_vars::APPDATA)
    pub app_data: Option<PathBuf>,
    /// [`PROGRAMDATA`](crate::env_vars::PROGRAMDATA)
    pub program_data: Option<PathBuf>,
    /// [`ORT_DYLIB_PATH`](crate::env_vars::ORT_DYLIB_PATH)
    pub ort_dylib_path: Option<PathBuf>,
    /// [`VIRTUAL_ENV`](crate::env_vars::VIRTUAL_ENV)
    pub virtual_env: Option<PathBuf>,
    /// [`CONDA_PREFIX`](crate::env_vars::CONDA_PREFIX)
    pub conda_prefix: Option<PathBuf>,
    /// [`CUDA_PATH`](crate::env_vars::CUDA_PATH) or its other name.
    pub cuda_path: Option<PathBuf>,
    /// [`CUDA_VISIBLE_DEVICES`](crate::env_vars::CUDA_VISIBLE_DEVICES), which may be empty.
    pub cuda_visible_devices: Option<String>,
    /// Variables that begin with `MBED_` or have the older name of a setting, as they are.
    pub settings: BTreeMap<String, OsString>,
}

impl Environment {
    /// The Hugging Face model cache, or `None` where no variable and no home folder tells where it is.
    #[must_use]
    pub fn hub_cache(&self) -> Option<PathBuf> {
        match &self.hf_hub_cache {
            Some(cache) => Some(self.expanded(cache)),
            None => Some(self.hugging_face_home()?.join("hub")),
        }
    }

    /// The folder where mbed keeps what it makes itself, or `None` where nothing tells where that is.
    #[must_use]
    pub fn mbed_cache(&self) -> Option<PathBuf> {
        match &self.mbed_cache {
            Some(cache) => Some(self.expanded(cache)),
            None => Some(self.platform_cache()?.join("mbed")),
        }
    }

    /// The machine's file of settings, or `None` where nothing tells where that is.
    #[must_use]
    pub fn system_config(&self) -> Option<PathBuf> {
        match self.platform {
            Platform::Windows => Some(self.program_data.as_ref()?.join("mbed").join(CONFIG_FILE)),
            Platform::MacOs | Platform::Unix => Some(Path::new("/etc/mbed").join(CONFIG_FILE)),
        }
    }

    /// The person's file of settings, or `None` where nothing tells where that is.
    #[must_use]
    pub fn user_config(&self) -> Option<PathBuf> {
        let home = self.home.as_ref();
        let folder = match (&self.xdg_config_home, self.platform) {
            (Some(folder), _) => self.expanded(folder),
            (None, Platform::Unix) => home?.join(".config"),
            (None, Platform::MacOs) => home?.join("Library").join("Application Support"),
            (None, Platform::Windows) => {
                let fallback = || Some(home?.join("AppData").join("Roaming"));
                self.app_data.clone().or_else(fallback)?
            }
        };
        Some(folder.join("mbed").join(CONFIG_FILE))
    }

    /// The hub's address without a slash at its end, where one is set.
    #[must_use]
    pub fn hub_endpoint(&self) -> Option<&str> {
        self.hf_endpoint.as_deref().map(|endpoint| endpoint.trim_end_matches('/'))
    }

    /// The token for the hub: the variable's, else the one that `hf auth login` left in a file.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub fn hub_token(&self) -> Result<Option<String>, ConfigError> {
        if let Some(token) = &self.hf_token {
            return Ok(Some(token.clone()));
        }
        let file = match &self.hf_token_path {
            Some(path) => Some(self.expanded(path)),
            None => self.hugging_face_home().map(|home| home.join("token")),
        };
        let Some(path) = file else { return Ok(None) };
        match fs::read_to_string(&path) {
            Ok(token) => Ok(Some(token.trim().to_owned()).filter(|token| !token.is_empty())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(ConfigError::TokenFile { path, source }),
        }
    }

    fn hugging_face_home(&self) -> Option<PathBuf> {
        if let Some(home) = &self.hf_home {
            return Some(self.expanded(home));
        }
        // The Python package uses these two on every platform, Windows and macOS included.
        let cache = match &self.xdg_cache_home {
            Some(cache) => self.expanded(cache),
            None => self.home.as_ref()?.join(".cache"),
        };
        Some(cache.join("huggingface"))
    }

    fn platform_cache(&self) -> Option<PathBuf> {
        let home = self.home.as_ref();
        match self.platform {
            Platform::Windows => {
                let fallback = || Some(home?.join("AppData").join("Local"));
                self.local_app_data.clone().or_else(fallback)
            }
            Platform::MacOs => Some(home?.join("Library").join("Caches")),
            Platform::Unix => match &self.xdg_cache_home {
                Some(cache) => Some(self.expanded(cache)),
                None => Some(home?.join(".cache")),
            },
        }
    }

    /// `path` with `~` at its start replaced by the home folder, as `os.path.expanduser` does.
    pub(crate) fn expanded(&self, path: &Path) -> PathBuf {
        match (path.strip_prefix("~"), &self.home) {
            (Ok(rest), Some(home)) => home.join(rest),
            _ => path.to_owned(),
        }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("platform", &self.platform)
            .field("home", &self.home)
            .field("hub_cache", &self.hub_cache())
            .field("mbed_cache", &self.mbed_cache())
            .field("hf_token", &self.hf_token.as_ref().map(|_| "(hidden)"))
            .field("hf_endpoint", &self.hf_endpoint)
            .field("offline", &self.offline)
            .finish_non_exhaustive()
    }
}
