//! Loading the libraries, and asking for their versions.

#![expect(unsafe_code, reason = "foreign libraries are loaded and asked")]

use std::path::Path;

use cudarc::driver::result::DriverError as Said;
use cudarc::{cublaslt, driver, nvrtc};

use crate::driver::Version;

/// Keeps the library at `path` loaded for the rest of the process: who asks the system's loader for it by its own name
/// from then on is given this one. A library that is loaded already under that name stays.
///
/// # Errors
/// The loader's own words.
pub(crate) fn keep(path: &Path) -> Result<(), String> {
    // SAFETY: loading a library runs its initialisers; those of NVIDIA's libraries need nothing of their caller.
    let library = unsafe { libloading::Library::new(path) };
    library.map(std::mem::forget).map_err(|error| error.to_string())
}

/// Whether the driver's library is found.
pub(crate) fn has_driver() -> bool {
    // SAFETY: the function tries to load libraries of the driver's name, whose initialisers need nothing of their caller.
    unsafe { driver::sys::is_culib_present() }
}

/// Whether NVRTC is found by the system's loader, or was loaded before.
pub(crate) fn has_nvrtc() -> bool {
    // SAFETY: the function tries to load libraries of NVRTC's name, whose initialisers need nothing of their caller.
    unsafe { nvrtc::sys::is_culib_present() }
}

/// Whether cublasLt is found by the system's loader, or was loaded before.
pub(crate) fn has_lt() -> bool {
    // SAFETY: the function tries to load libraries of cublasLt's name, whose initialisers need nothing of their caller.
    unsafe { cublaslt::sys::is_culib_present() }
}

/// The level of CUDA that the driver has. Its library must be there.
pub(crate) fn driver_version() -> Result<Version, String> {
    let mut version = 0;
    // SAFETY: the function writes one number to the address, which is valid for that, and works before `cuInit`.
    let said = unsafe { driver::sys::cuDriverGetVersion(&raw mut version) };
    said.result().map_err(|Said(said)| format!("{said:?}"))?;
    Ok(thousands(version))
}

/// The version of NVRTC, which must be there.
pub(crate) fn nvrtc_version() -> Result<Version, String> {
    let (mut major, mut minor) = (0, 0);
    // SAFETY: the function writes one number to each address, which are valid for that.
    let said = unsafe { nvrtc::sys::nvrtcVersion(&raw mut major, &raw mut minor) };
    said.result().map_err(|error| format!("{error:?}"))?;
    Ok(Version::new(major.unsigned_abs(), minor.unsigned_abs()))
}

/// The version of cublasLt, which must be there.
pub(crate) fn lt_version() -> Version {
    // SAFETY: the function takes nothing and gives a number.
    let version = unsafe { cublaslt::sys::cublasLtGetVersion() };
    lt_number(version)
}

/// `13000` is 13.0.
const fn thousands(version: i32) -> Version {
    let version = version.unsigned_abs();
    Version::new(version / 1000, version % 1000 / 10)
}

/// `130001` is 13.0.1 (`CUBLAS_VERSION`: ten thousands, hundreds, units), `120905` 12.9.5; before 12.9 `11200` was 11.2.0
/// in thousands.
fn lt_number(version: usize) -> Version {
    let (major, minor) = if version >= 100_000 {
        (version / 10_000, version % 10_000 / 100)
    } else {
        (version / 1000, version % 1000 / 100)
    };
    let part = |number| u32::try_from(number).unwrap_or(0);
    Version::new(part(major), part(minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!([thousands(13_000), thousands(12_040)], [Version::new(13, 0), Version::new(12, 4)]);
        assert_eq!([lt_number(130_001), lt_number(120_905)], [Version::new(13, 0), Version::new(12, 9)]);
        assert_eq!(lt_number(11_203), Version::new(11, 2));
    }
}
