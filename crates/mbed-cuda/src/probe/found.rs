//! What a machine has.

use mbed_core::Precision;

use super::absence::Absence;
use super::machine::Machine;
use super::search::LibrarySearch;
use crate::driver::{DeviceFacts, Version};
use crate::kernels::{Architecture, Element};

/// What a machine has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// The level of CUDA of the driver.
    pub(crate) driver: Version,
    pub(crate) nvrtc: Version,
    pub(crate) lt: Version,
    /// Devices that can be used.
    pub(crate) devices: Vec<DeviceFacts>,
    /// Why others cannot.
    pub(crate) refused: Vec<String>,
}

/// The oldest driver whose functions are all there.
const OLDEST_DRIVER: Version = Version::new(12, 0);

/// The oldest card that kernels are written for, and that CUDA 13 compiles for.
const OLDEST_CARD: Version = Version::new(7, 5);

/// A card that CUDA 12 still compiles for.
const OLDEST_CARD_OF_12: Version = Version::new(7, 0);

/// Asks `machine` for all that is needed.
///
/// # Errors
/// The first thing that is missing.
pub(crate) fn find(
    machine: &impl Machine,
    search: &LibrarySearch,
    visible: Option<&str>,
) -> Result<Found, Absence> {
    if !machine.has_driver() {
        return Err(Absence::NoDriver);
    }
    let driver = machine.driver().map_err(|reason| Absence::SilentDriver { reason })?;
    if driver < OLDEST_DRIVER {
        return Err(Absence::OldDriver { found: driver });
    }
    let visible = || visible.map(ToOwned::to_owned);
    let devices = machine.devices().map_err(|reason| Absence::DriverFails { reason, visible: visible() })?;
    if devices.is_empty() {
        return Err(Absence::NoDevice { visible: visible() });
    }
    let nvrtc = machine.nvrtc(search).map_err(|attempts| Absence::NoNvrtc { attempts, driver })?;
    let lt = machine.lt(search).map_err(|attempts| Absence::NoLt { attempts, driver })?;
    for (library, found) in [("NVRTC", nvrtc), ("cublasLt", lt)] {
        // Within a major version newer libraries run on older drivers.
        if found.major > driver.major {
            return Err(Absence::NewerThanDriver { library, found, driver });
        }
    }
    let (usable, others): (Vec<_>, Vec<_>) =
        devices.into_iter().partition(|device| refusal(device, nvrtc).is_none());
    let refused: Vec<String> = others.iter().filter_map(|device| refusal(device, nvrtc)).collect();
    if usable.is_empty() {
        return Err(Absence::NoneUsable { refused });
    }
    Ok(Found { driver, nvrtc, lt, devices: usable, refused })
}

/// Why a card cannot be used.
fn refusal(device: &DeviceFacts, nvrtc: Version) -> Option<String> {
    let DeviceFacts { index, name, capability, .. } = device;
    if *capability >= OLDEST_CARD || (*capability >= OLDEST_CARD_OF_12 && nvrtc.major == 12) {
        return None;
    }
    let next = if *capability >= OLDEST_CARD_OF_12 {
        format!(
            "NVRTC {nvrtc} does not compile for it; with that of CUDA 12 (`pip install nvidia-cuda-nvrtc-cu12`) it can be used"
        )
    } else {
        format!("{OLDEST_CARD_OF_12} is the least")
    };
    Some(format!("device {index}, {name}: compute capability {capability}; {next}"))
}

/// What sessions on a card can be opened with, what `auto` takes first.
pub(crate) fn precisions(capability: Version) -> Vec<Precision> {
    let architecture = Architecture::new(capability.major, capability.minor);
    let mut found = Vec::new();
    if architecture.supports(Element::Bf16) {
        // TensorFloat-32 came in the same generation.
        found.extend([Precision::Bf16, Precision::Tf32]);
    }
    if architecture.supports(Element::F16) {
        // Some models overflow binary16, so it is for those who ask for it.
        found.push(Precision::F16);
    }
    let plain = if found.contains(&Precision::Bf16) { found.len() } else { 0 };
    found.insert(plain, Precision::F32);
    found
}

#[cfg(test)]
mod tests {
    use mbed_core::Bytes;

    use super::*;
    use crate::driver::DriverError;
    use crate::probe::Attempt;

    /// A machine that has what is set.
    #[derive(Clone)]
    struct Fake {
        driver: Option<Version>,
        devices: Result<Vec<DeviceFacts>, DriverError>,
        nvrtc: Option<Version>,
        lt: Option<Version>,
    }

    impl Machine for Fake {
        fn has_driver(&self) -> bool {
            self.driver.is_some()
        }

        fn driver(&self) -> Result<Version, String> {
            self.driver.ok_or_else(|| unreachable!("asked of a driver that is not there"))
        }

        fn devices(&self) -> Result<Vec<DeviceFacts>, DriverError> {
            self.devices.clone()
        }

        fn nvrtc(&self, search: &LibrarySearch) -> Result<Version, Vec<Attempt>> {
            assert!(self.devices.is_ok(), "asked though there is no device");
            self.nvrtc.ok_or_else(|| attempts(search))
        }

        fn lt(&self, search: &LibrarySearch) -> Result<Version, Vec<Attempt>> {
            assert!(self.nvrtc.is_some(), "asked though there is no compiler");
            self.lt.ok_or_else(|| attempts(search))
        }
    }

    fn attempts(search: &LibrarySearch) -> Vec<Attempt> {
        let looked =
            |place: &std::path::PathBuf| Attempt { place: place.clone(), reason: "empty".to_owned() };
        search.folders.iter().map(looked).collect()
    }

    fn card(index: u32, major: u32, minor: u32) -> DeviceFacts {
        DeviceFacts {
            index,
            name: format!("card {index}"),
            uuid: String::new(),
            capability: Version::new(major, minor),
            multiprocessors: 1,
            memory: Bytes::new(1),
        }
    }

    fn whole() -> Fake {
        let version = Some(Version::new(13, 0));
        Fake { driver: version, devices: Ok(vec![card(0, 9, 0)]), nvrtc: version, lt: version }
    }

    fn ask(fake: &Fake) -> Result<Found, String> {
        let search = LibrarySearch { named: Vec::new(), folders: vec!["toolkit/lib64".into()] };
        find(fake, &search, Some("GPU-7")).map_err(|absence| absence.to_string())
    }

    #[test]
    fn what_is_missing_is_named_with_the_next_step() {
        let check = |fake: Fake, parts: &[&str]| {
            let reason = ask(&fake).unwrap_err();
            for part in parts {
                assert!(reason.contains(part), "{part} not in: {reason}");
            }
        };
        check(Fake { driver: None, ..whole() }, &["no NVIDIA driver", "`libcuda.so.1`", "install"]);
        check(Fake { driver: Some(Version::new(11, 8)), ..whole() }, &["CUDA 11.8", "12.0 or newer", "525"]);
        let failed = Err(DriverError::Failed { call: "cuInit", reason: "CUDA_ERROR_NO_DEVICE".to_owned() });
        check(
            Fake { devices: failed, ..whole() },
            &["CUDA_ERROR_NO_DEVICE", "`CUDA_VISIBLE_DEVICES` is `GPU-7`"],
        );
        check(Fake { devices: Ok(Vec::new()), ..whole() }, &["shows no device", "`GPU-7`"]);
        check(
            Fake { nvrtc: None, ..whole() },
            &["NVRTC", "`toolkit/lib64`: empty", "nvidia-cuda-nvrtc==13.*"],
        );
        check(Fake { lt: None, ..whole() }, &["cublasLt", "`toolkit/lib64`: empty", "nvidia-cublas==13.*"]);
        let old = Fake { driver: Some(Version::new(12, 4)), ..whole() };
        check(old.clone(), &["NVRTC is of CUDA 13.0", "CUDA 12.4", "driver 580"]);
        check(Fake { nvrtc: None, ..old }, &["nvidia-cuda-nvrtc-cu12"]);
    }

    #[test]
    fn a_card_of_compute_capability_7_0_needs_the_compiler_of_cuda_12() {
        let volta = Fake { devices: Ok(vec![card(0, 7, 0)]), ..whole() };
        let reason = ask(&volta).unwrap_err();
        assert!(reason.contains("compute capability 7.0") && reason.contains("cu12"), "{reason}");
        let twelve = Some(Version::new(12, 9));
        let found = ask(&Fake { nvrtc: twelve, lt: twelve, ..volta }).unwrap();
        assert_eq!((found.devices.len(), found.refused.len()), (1, 0));
        let both = Fake { devices: Ok(vec![card(0, 6, 1), card(1, 7, 5)]), ..whole() };
        let found = ask(&both).unwrap();
        assert_eq!(found.devices[0].index, 1);
        assert!(
            found.refused[0].contains("device 0") && found.refused[0].contains("6.1"),
            "{:?}",
            found.refused
        );
    }

    #[test]
    fn precisions_follow_the_card() {
        use Precision::{Bf16, F16, F32, Tf32};
        let check = |major, minor, expected: &[Precision]| {
            assert_eq!(precisions(Version::new(major, minor)), expected, "{major}.{minor}");
        };
        check(7, 0, &[F32]);
        check(7, 5, &[F32, F16]);
        check(8, 0, &[Bf16, Tf32, F16, F32]);
        check(12, 0, &[Bf16, Tf32, F16, F32]);
    }
}
