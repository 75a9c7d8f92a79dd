//! Where ONNX Runtime's library and those of CUDA may lie.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{Environment, Platform};

impl Environment {
    /// The library, or the folder that it lies in, where [`ORT_DYLIB_PATH`](crate::env_vars::ORT_DYLIB_PATH) names one.
    #[must_use]
    pub fn onnx_library(&self) -> Option<PathBuf> {
        Some(self.expanded(self.ort_dylib_path.as_ref()?))
    }

    /// Mbed's own folder for it, or `None` where nothing tells where that is.
    #[must_use]
    pub fn onnx_library_cache(&self) -> Option<PathBuf> {
        self.mbed_cache().map(|cache| cache.join("onnxruntime"))
    }

    /// Folders that may hold it, the likeliest first: mbed's own, which is named whether it is there or not, then those
    /// of the package `onnxruntime` in the Pythons that this environment names, the newest of each first.
    #[must_use]
    pub fn onnx_library_folders(&self) -> Vec<PathBuf> {
        let own = self.onnx_library_cache();
        own.into_iter().chain(self.python_packages(&["onnxruntime/capi"])).collect()
    }

    /// Folders that may hold the libraries of CUDA, the likeliest first: those of the toolkit that
    /// [`CUDA_PATH`](crate::env_vars::CUDA_PATH) names, which are named whether they are there or not, then those of the
    /// packages `nvidia-*` in the Pythons that this environment names, the newest CUDA first.
    #[must_use]
    pub fn cuda_library_folders(&self) -> Vec<PathBuf> {
        let toolkit =
            self.cuda_path.iter().flat_map(|toolkit| ["lib64", "lib"].map(|folder| toolkit.join(folder)));
        let packages = ["nvidia/cu13/lib", "nvidia/cuda_nvrtc/lib", "nvidia/cublas/lib"];
        toolkit.chain(self.python_packages(&packages)).collect()
    }

    /// Where compiled kernels are kept, or `None` where nothing tells where that is.
    #[must_use]
    pub fn cuda_kernel_cache(&self) -> Option<PathBuf> {
        self.mbed_cache().map(|cache| cache.join("cuda-kernels"))
    }

    /// Those of `folders` that are there in the packages of the Pythons that this environment names.
    fn python_packages(&self, folders: &[&str]) -> Vec<PathBuf> {
        let prefixes = [&self.virtual_env, &self.conda_prefix].into_iter().flatten().cloned();
        let user = self.home.as_ref().map(|home| home.join(".local"));
        let system = match self.platform {
            Platform::Windows => Vec::new(),
            Platform::MacOs | Platform::Unix => vec![PathBuf::from("/usr/local"), PathBuf::from("/usr")],
        };
        let prefixes = prefixes.chain(user).chain(system);
        prefixes.flat_map(|prefix| self.packages_in(&prefix, folders)).collect()
    }

    fn packages_in(&self, prefix: &Path, folders: &[&str]) -> Vec<PathBuf> {
        let mut pythons = match self.platform {
            Platform::Windows => vec![prefix.join("Lib")],
            Platform::MacOs | Platform::Unix => pythons(&prefix.join("lib")),
        };
        pythons.sort_by_key(|python| std::cmp::Reverse(minor_version(python)));
        let packages = pythons.iter().flat_map(|python| {
            let packages = ["site-packages", "dist-packages"].map(|packages| python.join(packages));
            packages.into_iter().flat_map(|packages| folders.iter().map(move |folder| packages.join(folder)))
        });
        packages.filter(|folder| folder.is_dir()).collect()
    }
}

/// `python3`, `python3.11` and the like in `folder`.
fn pythons(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let found = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("python3"));
    found.map(|entry| entry.path()).collect()
}

fn minor_version(python: &Path) -> u32 {
    let version = python.extension().and_then(|version| version.to_str()).unwrap_or_default();
    version.parse().unwrap_or_default()
}
