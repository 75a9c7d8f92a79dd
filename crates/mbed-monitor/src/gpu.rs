//! NVIDIA's graphics cards, through the management library that comes with their driver.

use std::ffi::OsStr;
use std::fmt;
use std::path::Path;

use mbed_core::Bytes;
use nvml_wrapper::bitmasks::device::ThrottleReasons;
use nvml_wrapper::enum_wrappers::device::{Clock, TemperatureSensor};
use nvml_wrapper::enums::device::UsedGpuMemory;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::struct_wrappers::device::ProcessInfo;
use nvml_wrapper::{Device, Nvml};
use serde::Serialize;

use crate::MonitorError;

/// The names of the library: the one with a number comes with the driver, the other with development files.
#[cfg(unix)]
const LIBRARIES: [&str; 2] = ["libnvidia-ml.so.1", "libnvidia-ml.so"];
#[cfg(not(unix))]
const LIBRARIES: [&str; 1] = ["nvml.dll"];

/// More cards than any machine has: NVIDIA's largest have 16, in the driver's own tables there is room for 32.
const MOST_CARDS: u32 = 64;
/// More processes than compute on any card: each needs hundreds of MiB of it.
const MOST_PROCESSES: u32 = 10_000;
/// Hotter than a card that still answers.
const MOST_CELSIUS: u32 = 200;
/// More than a card draws.
const MOST_WATTS: f64 = 10_000.0;
/// Faster than clocks are.
const MOST_MHZ: u32 = 100_000;

/// NVIDIA's graphics cards. The library is loaded at run time.
pub struct Gpus {
    library: Nvml,
    count: u32,
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
    /// What it should have told and did not, each with the reason: calls that failed, and figures that cannot be, which
    /// are left out.
    pub faults: Vec<String>,
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
    /// As [`Gpus::load`]; a file that is there and no library is a broken one, like a library that does not even tell how
    /// many cards there are.
    pub fn from_file(library: &OsStr) -> Result<Self, MonitorError> {
        match Nvml::builder().lib_path(library).init() {
            Ok(library) => Self::of(library),
            Err(source) if is_absent(library, &source) => Err(MonitorError::NoLibrary { source }),
            Err(source) => Err(MonitorError::BrokenLibrary { source }),
        }
    }

    fn of(library: Nvml) -> Result<Self, MonitorError> {
        if let Err(missing) = &library.lib().nvmlShutdown {
            let source = NvmlError::FailedToLoadSymbol(missing.to_string());
            // Its destructor calls that function and panics where it is missing.
            std::mem::forget(library);
            return Err(MonitorError::BrokenLibrary { source });
        }
        let count = library.device_count().map_err(|source| MonitorError::BrokenLibrary { source })?;
        if count > MOST_CARDS {
            return Err(MonitorError::TooManyCards { count });
        }
        Ok(Self { library, count })
    }

    /// Every card as it is now. One that does not answer keeps its number and tells why in its faults.
    #[must_use]
    pub fn sample(&self) -> Vec<GpuSample> {
        (0..self.count).map(|index| self.card(index)).collect()
    }

    fn card(&self, index: u32) -> GpuSample {
        let mut heard = Heard::default();
        let card = heard.answer("card", self.library.device_by_index(index));
        let sample = card.map_or_else(GpuSample::default, |card| ask(&card, &mut heard));
        GpuSample { index, faults: heard.faults, ..sample }
    }
}

/// Whether the loader found no such library, and not one that it could not load.
fn is_absent(library: &OsStr, error: &NvmlError) -> bool {
    let NvmlError::LibloadingError(error) = error else { return false };
    if cfg!(not(unix)) || library.as_encoded_bytes().contains(&b'/') {
        return !Path::new(library).exists();
    }
    // A name that is searched for: the loader tells in words alone. It names a library of which ours is not found to
    // need another one, which makes ours a broken one.
    let words = error.to_string().to_lowercase();
    words.contains("no such file") && words.contains(&*library.to_string_lossy())
}

/// What a card was heard to tell, and what it should have told and did not.
#[derive(Default)]
struct Heard {
    faults: Vec<String>,
}

impl Heard {
    /// Takes an answer over. What the card does not have, or nobody here may know, is no fault.
    fn answer<T>(&mut self, what: &str, answer: Result<T, NvmlError>) -> Option<T> {
        match answer {
            Ok(answer) => Some(answer),
            Err(NvmlError::NotSupported | NvmlError::NoPermission) => None,
            Err(error) => {
                self.faults.push(format!("{what}: {error}"));
                None
            }
        }
    }

    /// Takes over what can be.
    fn figure<T: PartialOrd + fmt::Display>(&mut self, what: &str, figure: Option<T>, most: T) -> Option<T> {
        let figure = figure?;
        // This way round no number that is none gets through.
        if figure <= most {
            return Some(figure);
        }
        self.faults.push(format!("{what}: {figure} cannot be"));
        None
    }
}

fn ask(card: &Device<'_>, heard: &mut Heard) -> GpuSample {
    let memory = heard.answer("memory", card.memory_info());
    let total = memory.as_ref().map(|memory| Bytes::new(memory.total));
    let mut part =
        |what: &str, bytes: Option<u64>| heard.figure(what, bytes.map(Bytes::new), total.unwrap_or_default());
    let used = part("memory", memory.as_ref().map(|memory| memory.used));
    let free = part("free memory", memory.as_ref().map(|memory| memory.free));
    let reserved = part("reserved memory", memory.as_ref().map(|memory| memory.reserved));
    let busy = heard.answer("use", card.utilization_rates());
    let busy = heard.figure("percent busy", busy.map(|rates| rates.gpu), 100);
    let celsius = heard.answer("temperature", card.temperature(TemperatureSensor::Gpu));
    let watts = |milliwatts: u32| f64::from(milliwatts) / 1000.0;
    let drawn = heard.answer("power", card.power_usage()).map(watts);
    let limit = heard.answer("power limit", card.enforced_power_limit()).map(watts);
    let clock = heard.answer("clock", card.clock_info(Clock::SM));
    let memory_clock = heard.answer("memory clock", card.clock_info(Clock::Memory));
    let reasons = heard.answer("throttling", card.current_throttle_reasons());
    let throttled_by =
        |reasons: ThrottleReasons| reasons.iter_names().map(|(name, _)| name.to_lowercase()).collect();
    GpuSample {
        name: heard.answer("name", card.name()),
        uuid: heard.answer("UUID", card.uuid()),
        // Without what is used the whole is worth nothing.
        memory_total: used.and(total),
        memory_used: used,
        memory_free: free,
        memory_reserved: reserved,
        busy: busy.map(|percent| f64::from(percent) / 100.0),
        celsius: heard.figure("degrees Celsius", celsius, MOST_CELSIUS),
        watts: heard.figure("watts", drawn, MOST_WATTS),
        watts_limit: heard.figure("watts allowed", limit, MOST_WATTS),
        clock_mhz: heard.figure("MHz", clock, MOST_MHZ),
        memory_clock_mhz: heard.figure("MHz of memory", memory_clock, MOST_MHZ),
        throttled_by: reasons.map_or_else(Vec::new, throttled_by),
        processes: processes(card, heard),
        ..GpuSample::default()
    }
}

fn processes(card: &Device<'_>, heard: &mut Heard) -> Vec<GpuProcess> {
    // The list is as long as the library says, so that is asked for first.
    let count = heard.answer("processes", card.running_compute_processes_count());
    if heard.figure("processes", count, MOST_PROCESSES).is_none_or(|count| count == 0) {
        return Vec::new();
    }
    let processes = heard.answer("processes", card.running_compute_processes()).unwrap_or_default();
    let process = |known: &ProcessInfo| GpuProcess { pid: known.pid, memory: held(&known.used_gpu_memory) };
    processes.iter().map(process).collect()
}

const fn held(memory: &UsedGpuMemory) -> Option<Bytes> {
    match memory {
        UsedGpuMemory::Used(bytes) => Some(Bytes::new(*bytes)),
        UsedGpuMemory::Unavailable => None,
    }
}
