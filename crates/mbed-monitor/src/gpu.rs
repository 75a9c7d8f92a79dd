//! NVIDIA's graphics cards, through the management library that comes with their driver.

use std::ffi::OsStr;
use std::fmt;
use std::path::Path;

use mbed_core::Bytes;
use nvml_wrapper::Nvml;
use nvml_wrapper::enum_wrappers::device::{Clock, TemperatureSensor};
use nvml_wrapper::enums::device::UsedGpuMemory;
use nvml_wrapper::error::NvmlError;
use serde::Serialize;

use crate::MonitorError;

/// The names of the library: the one with a number comes with the driver, the other with development files.
#[cfg(unix)]
const LIBRARIES: [&str; 2] = ["libnvidia-ml.so.1", "libnvidia-ml.so"];
#[cfg(not(unix))]
const LIBRARIES: [&str; 1] = ["nvml.dll"];

/// NVIDIA's graphics cards. The library is loaded at run time.
pub struct Gpus {
    library: Nvml,
}

impl fmt::Debug for Gpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gpus").finish_non_exhaustive()
    }
}

/// One card at one moment. What it does not tell is `None`.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct GpuSample {
    /// Its number in the library, which no variable hides cards from.
    pub index: u32,
    /// What its maker calls it.
    pub name: Option<String>,
    /// `GPU-` and 32 digits, by which other tools know it.
    pub uuid: Option<String>,
    /// Its memory.
    pub memory_total: Option<Bytes>,
    /// What of it is in use.
    pub memory_used: Option<Bytes>,
    /// What of it nobody holds.
    pub memory_free: Option<Bytes>,
    /// What of it the driver keeps for itself.
    pub memory_reserved: Option<Bytes>,
    /// The part of the last moments in which it computed, 0 to 1.
    pub busy: Option<f64>,
    /// Heat, in degrees Celsius.
    pub celsius: Option<u32>,
    /// What it draws, in watts.
    pub watts: Option<f64>,
    /// What it may draw, in watts.
    pub watts_limit: Option<f64>,
    /// Clock of its multiprocessors, in MHz.
    pub clock_mhz: Option<u32>,
    /// Clock of its memory, in MHz.
    pub memory_clock_mhz: Option<u32>,
    /// Why it runs slower than it could, in the library's words.
    pub throttled_by: Vec<String>,
    /// Who computes on it.
    pub processes: Vec<GpuProcess>,
}

/// A process on a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct GpuProcess {
    /// Its number.
    pub pid: u32,
    /// What of the card's memory it holds, where the driver tells.
    pub memory: Option<Bytes>,
}

impl Gpus {
    /// Loads the library that the driver brought.
    ///
    /// # Errors
    /// It is not here ([`MonitorError::NoLibrary`]), or it is and does not work ([`MonitorError::BrokenLibrary`]).
    pub fn load() -> Result<Self, MonitorError> {
        let mut first = None;
        for name in LIBRARIES {
            match Self::from_file(OsStr::new(name)) {
                Err(MonitorError::NoLibrary { source }) => first = first.or(Some(source)),
                other => return other,
            }
        }
        Err(MonitorError::NoLibrary { source: first.unwrap_or(NvmlError::NotFound) })
    }

    /// Loads the library of this name or path.
    ///
    /// # Errors
    /// As [`Gpus::load`]; a file that is there and no library is a broken one.
    pub fn from_file(library: &OsStr) -> Result<Self, MonitorError> {
        match Nvml::builder().lib_path(library).init() {
            Ok(library) => Ok(Self { library }),
            Err(source @ NvmlError::LibloadingError(_)) if !Path::new(library).exists() => {
                Err(MonitorError::NoLibrary { source })
            }
            Err(source) => Err(MonitorError::BrokenLibrary { source }),
        }
    }

    /// Every card as it is now. A card that fails to answer keeps its number and has nothing else.
    #[must_use]
    pub fn sample(&self) -> Vec<GpuSample> {
        (0..self.library.device_count().unwrap_or(0)).map(|index| self.card(index)).collect()
    }

    fn card(&self, index: u32) -> GpuSample {
        let unknown = GpuSample { index, ..GpuSample::default() };
        let Ok(card) = self.library.device_by_index(index) else { return unknown };
        let memory = card.memory_info().ok();
        let watts = |milliwatts: Result<u32, NvmlError>| Some(f64::from(milliwatts.ok()?) / 1000.0);
        let reasons = card.current_throttle_reasons().ok();
        let processes = card.running_compute_processes().unwrap_or_default().into_iter();
        GpuSample {
            name: card.name().ok(),
            uuid: card.uuid().ok(),
            memory_total: memory.as_ref().map(|memory| Bytes::new(memory.total)),
            memory_used: memory.as_ref().map(|memory| Bytes::new(memory.used)),
            memory_free: memory.as_ref().map(|memory| Bytes::new(memory.free)),
            memory_reserved: memory.map(|memory| Bytes::new(memory.reserved)),
            busy: card.utilization_rates().ok().map(|rates| f64::from(rates.gpu) / 100.0),
            celsius: card.temperature(TemperatureSensor::Gpu).ok(),
            watts: watts(card.power_usage()),
            watts_limit: watts(card.enforced_power_limit()),
            clock_mhz: card.clock_info(Clock::SM).ok(),
            memory_clock_mhz: card.clock_info(Clock::Memory).ok(),
            throttled_by: reasons.map_or_else(Vec::new, |reasons| {
                reasons.iter_names().map(|(name, _)| name.to_lowercase()).collect()
            }),
            processes: processes
                .map(|process| GpuProcess { pid: process.pid, memory: held(&process.used_gpu_memory) })
                .collect(),
            ..unknown
        }
    }
}

const fn held(memory: &UsedGpuMemory) -> Option<Bytes> {
    match memory {
        UsedGpuMemory::Used(bytes) => Some(Bytes::new(*bytes)),
        UsedGpuMemory::Unavailable => None,
    }
}
