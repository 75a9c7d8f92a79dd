//! Every environment variable that mbed knows, and the one place that reads them.
//!
//! Names that begin with `HF_` or `HUGGING` mean what they mean to the Python package `huggingface_hub`
//! (its `constants.py`), so that both share one cache. A variable that is set to nothing counts as not set.

use std::collections::BTreeMap;
use std::ffi::OsString;

use crate::alias::ALIASES;
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
/// Folder of settings in general (XDG base directories).
pub const XDG_CONFIG_HOME: &str = "XDG_CONFIG_HOME";
/// Folder of a person's settings on Windows.
pub const APPDATA: &str = "APPDATA";
/// Folder of the machine's settings on Windows.
pub const PROGRAMDATA: &str = "PROGRAMDATA";
/// Folder where mbed keeps what it makes itself; `mbed` in the platform's folder of caches where it is not set.
pub const MBED_CACHE: &str = "MBED_CACHE";

/// ONNX Runtime's library, or the folder that it lies in. The crate `ort` and others know it by this name.
pub const ORT_DYLIB_PATH: &str = "ORT_DYLIB_PATH";
/// The virtual environment of Python that is active: its package `onnxruntime` holds ONNX Runtime's library.
pub const VIRTUAL_ENV: &str = "VIRTUAL_ENV";
/// As [`VIRTUAL_ENV`], for conda.
pub const CONDA_PREFIX: &str = "CONDA_PREFIX";

/// The folder of a CUDA toolkit, whose libraries are looked for there too.
pub const CUDA_PATH: &str = "CUDA_PATH";
/// As [`CUDA_PATH`], read where that is not set.
pub const CUDA_HOME: &str = "CUDA_HOME";
/// Read by the CUDA driver: which devices there are at all. Read here for messages alone.
pub const CUDA_VISIBLE_DEVICES: &str = "CUDA_VISIBLE_DEVICES";

/// What every variable begins with that is mbed's own.
pub(crate) const PREFIX: &str = "MBED_";

/// Every variable that is not a setting, with what it does.
pub(crate) const OTHERS: [(&str, &str); 23] = [
    (
        MBED_CACHE,
        "folder where mbed keeps what it makes itself; `mbed` in the platform's folder of caches without it",
    ),
    (HF_HOME, "home folder of everything that Hugging Face tools keep; its `hub` is the model cache"),
    (HF_HUB_CACHE, "the Hugging Face model cache itself"),
    (HUGGINGFACE_HUB_CACHE, "older name of `HF_HUB_CACHE`"),
    (HF_HUB_OFFLINE, "`1`, `ON`, `YES` or `TRUE`: no network"),
    (TRANSFORMERS_OFFLINE, "as `HF_HUB_OFFLINE`, where that is not set"),
    (HF_TOKEN, "the token that is sent to the hub, for private and gated models"),
    (HUGGING_FACE_HUB_TOKEN, "older name of `HF_TOKEN`"),
    (HF_TOKEN_PATH, "a file with the token; `token` in the Hugging Face home without it"),
    (HF_ENDPOINT, "address of the hub, for mirrors"),
    (XDG_CONFIG_HOME, "folder of settings; `~/.config` without it on Linux"),
    (XDG_CACHE_HOME, "folder of caches; `~/.cache` without it"),
    (HOME, "a person's home folder"),
    (USERPROFILE, "a person's home folder on Windows"),
    (LOCALAPPDATA, "folder of caches on Windows"),
    (APPDATA, "folder of a person's settings on Windows"),
    (PROGRAMDATA, "folder of the machine's settings on Windows"),
    (
        ORT_DYLIB_PATH,
        "ONNX Runtime's library, or the folder that it lies in; then it is looked for nowhere else",
    ),
    (
        VIRTUAL_ENV,
        "the active virtual environment of Python, whose packages hold that library and those of CUDA too",
    ),
    (CONDA_PREFIX, "as `VIRTUAL_ENV`, for conda"),
    (
        CUDA_PATH,
        "folder of a CUDA toolkit, whose libraries NVRTC and cublasLt are looked for in its `lib64` and `lib`",
    ),
    (CUDA_HOME, "as `CUDA_PATH`, where that is not set"),
    (CUDA_VISIBLE_DEVICES, "read by the CUDA driver: which devices there are at all, numbered anew from 0"),
];

impl Environment {
    /// Reads the environment of this process.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    pub fn read() -> Self {
        let mut environment = Self::from_variables(Platform::CURRENT, std::env::vars_os());
        // The system's user table knows the home folder of a service that was started without variables.
        environment.home = environment.home.or_else(std::env::home_dir);
        environment
    }

    /// What [`Environment::read`] would find on `platform` if there were these variables.
    #[must_use]
    pub fn from_variables(
        platform: Platform,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Self {
        // A name that is not Unicode is none of ours.
        let named = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value));
        let mut variables: BTreeMap<String, OsString> = variables.into_iter().filter_map(named).collect();
        let environment = Self::from_lookup(platform, |name| variables.get(name).cloned());
        let is_older =
            |name: &str| ALIASES.iter().any(|alias| alias.variables().iter().any(|known| known == name));
        variables.retain(|name, value| {
            !value.is_empty() && name != MBED_CACHE && (name.starts_with(PREFIX) || is_older(name))
        });
        Self { settings: variables, ..environment }
    }

    /// As [`Environment::from_variables`] for the folders and the hub, where `lookup` gives the value of each variable;
    /// no variable counts as a setting.
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
            xdg_config_home: path(XDG_CONFIG_HOME),
            app_data: path(APPDATA),
            program_data: path(PROGRAMDATA),
            ort_dylib_path: path(ORT_DYLIB_PATH),
            virtual_env: path(VIRTUAL_ENV),
            conda_prefix: path(CONDA_PREFIX),
            cuda_path: path(CUDA_PATH).or_else(|| path(CUDA_HOME)),
            // Set to nothing, it means that there are no devices.
            cuda_visible_devices: lookup(CUDA_VISIBLE_DEVICES)
                .map(|value| value.to_string_lossy().into_owned()),
            settings: BTreeMap::new(),
        }
    }
}

/// Whether `huggingface_hub` takes `value` for yes.
fn is_true(value: &str) -> bool {
    ["1", "ON", "YES", "TRUE"].iter().any(|yes| value.eq_ignore_ascii_case(yes))
}
