//! Why a machine cannot be used, with what to do about it.

use crate::driver::{DriverError, Version};
use crate::probe::Attempt;

/// Why a machine cannot be used. A person reads this as the reason that `mbed devices` shows, so that each tells where
/// was looked and what to do next.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Absence {
    #[error(
        "there is no NVIDIA driver\n  `libcuda.so.1`: the system's loader does not find it\n  install the card's driver, \
         version 580 or newer (CUDA 13) or 525 or newer (CUDA 12), then run `mbed devices` again"
    )]
    NoDriver,
    #[error("the NVIDIA driver does not tell its version: {reason}\n  install the driver again")]
    SilentDriver { reason: String },
    #[error(
        "the NVIDIA driver is for CUDA {found}, 12.0 or newer is needed\n  install driver 525 or newer (CUDA 12) or 580 or \
         newer (CUDA 13)"
    )]
    OldDriver { found: Version },
    #[error("the NVIDIA driver is there and does not start: {reason}{}", variable(visible.as_deref()))]
    DriverFails { reason: DriverError, visible: Option<String> },
    #[error("the NVIDIA driver shows no device{}", variable(visible.as_deref()))]
    NoDevice { visible: Option<String> },
    #[error(
        "NVRTC, which compiles kernels for the card, was not found{}\n  install it with `pip install {}`, or with a CUDA \
         toolkit whose folder `CUDA_PATH` names, or name its folder in `cuda.libraries`",
        lines(attempts),
        package("nvidia-cuda-nvrtc", *driver)
    )]
    NoNvrtc { attempts: Vec<Attempt>, driver: Version },
    #[error(
        "cublasLt, which multiplies matrices, was not found{}\n  install it with `pip install {}`, or with a CUDA toolkit \
         whose folder `CUDA_PATH` names, or name its folder in `cuda.libraries`",
        lines(attempts),
        package("nvidia-cublas", *driver)
    )]
    NoLt { attempts: Vec<Attempt>, driver: Version },
    #[error(
        "{library} is of CUDA {found}, which needs a newer driver than this one for CUDA {driver}\n  install driver 580 or \
         newer, or the library of CUDA {}",
        driver.major
    )]
    NewerThanDriver { library: &'static str, found: Version, driver: Version },
    #[error("no device can be used{}", lines(refused))]
    NoneUsable { refused: Vec<String> },
}

fn lines<T: ToString>(items: &[T]) -> String {
    items.iter().map(|item| format!("\n  {}", item.to_string())).collect()
}

fn variable(visible: Option<&str>) -> String {
    visible.map_or_else(String::new, |visible| {
        format!("\n  `CUDA_VISIBLE_DEVICES` is `{visible}`: it names what there may be, by number or by UUID")
    })
}

/// A Python package of the driver's CUDA: those of CUDA 12 have it in their names.
fn package(name: &str, driver: Version) -> String {
    match driver.major {
        12 => format!("{name}-cu12"),
        _ => format!("{name}=={}.*", driver.major),
    }
}
