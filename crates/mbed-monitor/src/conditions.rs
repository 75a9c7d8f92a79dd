//! What makes a measurement worth something: how busy the machine is with other things, and how fast it runs.

use mbed_core::Bytes;
use serde::Serialize;

use crate::Host;
use crate::files::Files;

/// Ticks of a second in `/proc/stat`: `USER_HZ`, which is 100 on every architecture that Linux runs on today.
const TICKS_A_SECOND: f64 = 100.0;

/// What a machine is like for measuring, at one moment. What the system does not tell is `None`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Conditions {
    /// Tasks that ran or wanted to, over the last minute.
    pub load_average: Option<f64>,
    /// Seconds that all cores together were busy since the machine started.
    pub busy_seconds: Option<f64>,
    /// Seconds that a machine below this virtual one took from it.
    pub stolen_seconds: Option<f64>,
    /// Seconds of all cores together, idle ones too.
    pub all_seconds: Option<f64>,
    /// The slowest core's clock, in MHz.
    pub slowest_mhz: Option<f64>,
    /// The clock that the slowest of the cores could have, in MHz.
    pub most_mhz: Option<f64>,
    /// Who decides the clock of the first core, such as `performance` or `powersave`.
    pub governor: Option<String>,
    /// The hottest sensor, in degrees Celsius.
    pub hottest_celsius: Option<f64>,
    /// Joules that the processor packages have drawn, from a counter that begins anew now and then.
    pub joules: Option<f64>,
}

impl Host {
    /// What the machine is like for measuring now.
    #[must_use]
    pub fn conditions(&self) -> Conditions {
        let files = self.files();
        let ticks = ticks(files);
        let seconds = |ticks: u64| ticks as f64 / TICKS_A_SECOND;
        Conditions {
            load_average: first_number(files, "proc/loadavg"),
            busy_seconds: ticks.map(|ticks| seconds(ticks.busy)),
            stolen_seconds: ticks.map(|ticks| seconds(ticks.stolen)),
            all_seconds: ticks.map(|ticks| seconds(ticks.all)),
            slowest_mhz: clock(files, "scaling_cur_freq").or_else(|| clock_in_cpuinfo(files)),
            most_mhz: clock(files, "cpuinfo_max_freq"),
            governor: core_files(files)
                .find_map(|core| files.text(format!("{core}/scaling_governor")))
                .map(|name| name.trim().to_owned()),
            hottest_celsius: crate::system::hottest(files),
            joules: joules(files),
        }
    }

    /// What the processor's maker calls it.
    #[must_use]
    pub fn processor(&self) -> Option<String> {
        let text = self.files().text("proc/cpuinfo")?;
        let line = text.lines().find(|line| line.starts_with("model name") || line.starts_with("Model\t"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    }

    /// Seconds that cores have worked for the process.
    #[must_use]
    pub fn processor_seconds(&self) -> Option<f64> {
        let ticks = crate::system::process_ticks(self.files(), self.process_name())?;
        Some(ticks as f64 / TICKS_A_SECOND)
    }

    /// The most that the process has had resident.
    #[must_use]
    pub fn peak(&self) -> Option<Bytes> {
        self.process().map(|memory| memory.peak_resident)
    }
}

#[derive(Clone, Copy)]
struct Ticks {
    busy: u64,
    stolen: u64,
    all: u64,
}

/// Reads the first line of `/proc/stat` (proc(5)): user, nice, system, idle, iowait, irq, softirq, steal.
fn ticks(files: &Files) -> Option<Ticks> {
    let text = files.text("proc/stat")?;
    let line = text.lines().find(|line| line.starts_with("cpu "))?;
    let words = line.split_whitespace().skip(1).take(8);
    let values: Vec<u64> = words.map(str::parse).collect::<Result<_, _>>().ok()?;
    let [.., idle, waiting, _, _, stolen] = values.as_slice() else { return None };
    let all: u64 = values.iter().sum();
    Some(Ticks { busy: all - idle - waiting - stolen, stolen: *stolen, all })
}

fn first_number(files: &Files, path: &str) -> Option<f64> {
    files.text(path)?.split_whitespace().next()?.parse().ok()
}

/// The folders that tell of each core's clock.
fn core_files(files: &Files) -> impl Iterator<Item = String> {
    const CORES: &str = "sys/devices/system/cpu";
    let is_core = |name: &String| {
        name.strip_prefix("cpu")
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
    };
    files.names(CORES).into_iter().filter(is_core).map(|name| format!("{CORES}/{name}/cpufreq"))
}

/// The least of all cores, of a file that counts in kHz.
fn clock(files: &Files, file: &str) -> Option<f64> {
    let clocks = core_files(files).filter_map(|core| files.number(format!("{core}/{file}")));
    clocks.min().map(|kilohertz| kilohertz as f64 / 1000.0)
}

fn clock_in_cpuinfo(files: &Files) -> Option<f64> {
    let text = files.text("proc/cpuinfo")?;
    let clocks = text.lines().filter_map(|line| line.strip_prefix("cpu MHz")?.split_once(':'));
    clocks.filter_map(|(_, clock)| clock.trim().parse::<f64>().ok()).min_by(f64::total_cmp)
}

/// The counters of RAPL, which Linux lets root alone read.
fn joules(files: &Files) -> Option<f64> {
    const ZONES: &str = "sys/class/powercap";
    let is_package = |name: &String| name.starts_with("intel-rapl:") && name.matches(':').count() == 1;
    let zones = files.names(ZONES).into_iter().filter(is_package);
    let counters: Vec<u64> =
        zones.filter_map(|zone| files.number(format!("{ZONES}/{zone}/energy_uj"))).collect();
    (!counters.is_empty()).then(|| counters.iter().sum::<u64>() as f64 * 1e-6)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn conditions_are_read_from_the_files_of_the_kernel() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let host = Host::at(root.path().to_owned());
        assert_eq!(host.conditions(), Conditions::default());
        write("proc/loadavg", "1.25 0.50 0.10 2/300 4711\n");
        write("proc/stat", "cpu  100 0 50 800 20 0 10 20 0 0\ncpu0 1 0\n");
        write("proc/cpuinfo", "model name\t: A Processor\ncpu MHz\t\t: 2000.5\ncpu MHz\t\t: 1800.0\n");
        write("sys/class/thermal/thermal_zone0/temp", "61000\n");
        write("sys/class/powercap/intel-rapl:0/energy_uj", "2500000\n");
        write("sys/class/powercap/intel-rapl:0:0/energy_uj", "9\n");
        let expected = Conditions {
            load_average: Some(1.25),
            busy_seconds: Some(1.6),
            stolen_seconds: Some(0.2),
            all_seconds: Some(10.0),
            slowest_mhz: Some(1800.0),
            hottest_celsius: Some(61.0),
            joules: Some(2.5),
            ..Conditions::default()
        };
        assert_eq!(host.conditions(), expected);
        for (core, clock) in [("cpu0", "3400000"), ("cpu1", "1200000")] {
            write(&format!("sys/devices/system/cpu/{core}/cpufreq/scaling_cur_freq"), clock);
            write(&format!("sys/devices/system/cpu/{core}/cpufreq/cpuinfo_max_freq"), "3600000");
            write(&format!("sys/devices/system/cpu/{core}/cpufreq/scaling_governor"), "powersave\n");
        }
        write("sys/devices/system/cpu/cpufreq/policy0/scaling_governor", "no core");
        let found = host.conditions();
        assert_eq!((found.slowest_mhz, found.most_mhz), (Some(1200.0), Some(3600.0)));
        assert_eq!(found.governor.as_deref(), Some("powersave"));
        assert_eq!(host.processor().as_deref(), Some("A Processor"));
    }
}
