//! Every environment variable that mbed knows, and the one place that reads them.
//!
//! Names that begin with `HF_` or `HUGGING` mean what they mean to the Python package `huggingface_hub`
//! (its `constants.py`), so that both share one cache. A variable that is set to nothing counts as not set.

use std::ffi::OsString;

use crate::{Environment, Platform};

/// Home folder of everything that Hugging Face tools keep; its `hub` is the model cache.
pub const HF_HOME: &str = "HF_HOME";
/// The Hugging Face model cache itself.
pub const HF_HUB_CACHE: &str = "HF_HUB_CACHE";
/// Older name of [`HF_HUB_CACHE`], read where that is not set.
pub const HUGGINGFACE_HUB_CACHE: &str = "HUGGINGFACE_HUB_CACHE";
/// `1`, `ON`, `YES` or `TRUE`: no network.
pub const HF_HUB_OFFLINE: &str = "HF_HUB_OFFLINE";
/// As [`HF_HUB_OFFLINE`], read where that is not set.
pub const TRANSFORMERS_OFFLINE: &str = "TRANSFORMERS_OFFLINE";
/// The token that is sent to the hub, for private and gated models.
pub const HF_TOKEN: &str = "HF_TOKEN";
/// Older name of [`HF_TOKEN`], read where that is not set.
pub const HUGGING_FACE_HUB_TOKEN: &str = "HUGGING_FACE_HUB_TOKEN";
/// A file with the token; `token` in the Hugging Face home where it is not set.
pub const HF_TOKEN_PATH: &str = "HF_TOKEN_PATH";
/// Address of the hub, for mirrors.
pub const HF_ENDPOINT: &str = "HF_ENDPOINT";
/// Folder of caches in general (XDG base directories); `~/.cache` where it is not set.
pub const XDG_CACHE_HOME: &str = "XDG_CACHE_HOME";
/// A person's home folder.
pub const HOME: &str = "HOME";
/// A person's home folder on Windows.
pub const USERPROFILE: &str = "USERPROFILE";
/// Folder of caches in general on Windows.
pub const LOCALAPPDATA: &str = "LOCALAPPDATA";
/// Folder where mbed keeps what it makes itself; `mbed` in the platform's folder of caches where it is not set.
pub const MBED_CACHE: &str = "MBED_CACHE";

impl Environment {
    /// Reads the environment of this process.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    pub fn read() -> Self {
        let mut environment = Self::from_lookup(Platform::CURRENT, |name: &str| std::env::var_os(name));
        // The system's user table knows the home folder of a service that was started without variables.
        environment.home = environment.home.or_else(std::env::home_dir);
        environment
    }

    /// What [`Environment::read`] would find on `platform` if `lookup` gave the value of each variable.
    #[must_use]
    pub fn from_lookup(platform: Platform, lookup: impl Fn(&str) -> Option<OsString>) -> Self {
        let found = |name| lookup(name).filter(|value| !value.is_empty());
        let path = |name| found(name).map(Into::into);
        // Bytes that are not Unicode fail where the value is used, with an error that shows it.
        let text = |name| found(name).map(|value| value.to_string_lossy().trim().to_owned());
        let home = match platform {
            Platform::Windows => USERPROFILE,
            Platform::MacOs | Platform::Unix => HOME,
        };
        let offline = [HF_HUB_OFFLINE, TRANSFORMERS_OFFLINE]
            .into_iter()
            .find_map(|name| text(name).map(|value| (name, value)))
            .filter(|(_, value)| is_true(value));
        Self {
            platform,
            home: path(home),
            local_app_data: path(LOCALAPPDATA),
            xdg_cache_home: path(XDG_CACHE_HOME),
            hf_home: path(HF_HOME),
            hf_hub_cache: path(HF_HUB_CACHE).or_else(|| path(HUGGINGFACE_HUB_CACHE)),
            hf_token: text(HF_TOKEN).or_else(|| text(HUGGING_FACE_HUB_TOKEN)),
            hf_token_path: path(HF_TOKEN_PATH),
            hf_endpoint: text(HF_ENDPOINT),
            offline: offline.map(|(name, value)| format!("{name}={value}")),
            mbed_cache: path(MBED_CACHE),
        }
    }
}

/// Whether `huggingface_hub` takes `value` for yes.
fn is_true(value: &str) -> bool {
    ["1", "ON", "YES", "TRUE"].iter().any(|yes| value.eq_ignore_ascii_case(yes))
}
