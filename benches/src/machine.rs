//! The machine, and whether figures taken on it now are worth something.

use std::time::{SystemTime, UNIX_EPOCH};

use mbed_monitor::{Conditions, Gpus, Host};
use serde::{Deserialize, Serialize};

use crate::rows::{Body, Origin, Row, SCHEMA};

/// Others may keep this part of the cores busy before figures are doubted: a shell and a few daemons do.
const OTHERS: f64 = 0.05;

/// The part of time that a machine below this one may take.
const STOLEN: f64 = 0.01;

/// The part of its most below which a clock counts as held back, where the machine is busy.
const SLOW_CLOCK: f64 = 0.8;

/// The machine. What the system does not tell is `None`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor.
    pub processor: Option<String>,
    /// The best set of instructions that is used of it.
    pub instructions: String,
    /// Cores that this process may use.
    pub cores: usize,
    /// Bytes of memory.
    pub memory_bytes: Option<u64>,
    /// The operating system and the architecture.
    pub system: String,
    /// Graphics cards.
    pub gpus: Vec<String>,
    /// Who decides the clock.
    pub governor: Option<String>,
    /// Tasks that ran or wanted to, over the minute before.
    pub load_average: Option<f64>,
}

impl Machine {
    /// This one, now.
    #[must_use]
    pub fn here() -> Self {
        let host = Host::new();
        let conditions = host.conditions();
        let cards = Gpus::load().map_or_else(|_none| Vec::new(), |gpus| gpus.sample());
        Self {
            processor: host.processor(),
            instructions: mbed_kernels::Isa::detect().level().name().to_owned(),
            cores: mbed_monitor::cores().get(),
            memory_bytes: host.memory().map(|memory| memory.total.get()),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            gpus: cards.into_iter().filter_map(|card| card.name).collect(),
            governor: conditions.governor,
            load_average: conditions.load_average,
        }
    }

    /// In a few words.
    #[must_use]
    pub fn describe(&self) -> String {
        let processor = self.processor.as_deref().unwrap_or("unknown processor");
        let gibibytes =
            self.memory_bytes.map(|bytes| format!(", {:.0} GiB", bytes as f64 / (1 << 30) as f64));
        let cards: String = self.gpus.iter().map(|card| format!(", {card}")).collect();
        let memory = gibibytes.unwrap_or_default();
        format!("{processor} ({}), {} cores{memory}{cards}", self.instructions, self.cores)
    }
}

impl Origin {
    /// Of what is measured now, by this program.
    #[must_use]
    pub fn here(study: &str) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            study: study.to_owned(),
            time: now.as_secs(),
            commit: env!("MBED_BENCH_COMMIT").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            features: mbed::probe().iter().map(|(name, _)| (*name).to_owned()).collect(),
            profile: if cfg!(debug_assertions) { "debug" } else { "release" }.to_owned(),
            machine: Machine::here(),
        }
    }

    /// A row of this origin.
    #[must_use]
    pub fn row(&self, body: Body) -> Row {
        Row { schema: SCHEMA, origin: self.clone(), body }
    }
}

/// Watches what may make figures worthless while something is measured.
#[derive(Debug)]
pub struct Watch {
    host: Host,
    gpus: Option<Gpus>,
    before: Conditions,
    /// Seconds that cores worked for what is measured.
    ours: f64,
}

/// What a card and the processor were like at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Moment {
    pub(crate) celsius: Option<f64>,
    pub(crate) mhz: Option<f64>,
    pub(crate) watts: Option<f64>,
    pub(crate) joules: Option<f64>,
    pub(crate) throttled_by: Vec<String>,
}

impl Watch {
    /// Begins.
    #[must_use]
    pub fn begin() -> Self {
        let host = Host::new();
        let before = host.conditions();
        Self { host, gpus: Gpus::load().ok(), before, ours: 0.0 }
    }

    /// Counts seconds that cores worked for what is measured.
    pub(crate) fn add(&mut self, processor_seconds: Option<f64>) {
        self.ours += processor_seconds.unwrap_or_default();
    }

    pub(crate) fn moment(&self) -> Moment {
        let now = self.host.conditions();
        let cards = self.gpus.as_ref().map_or_else(Vec::new, Gpus::sample);
        let hottest = cards.iter().filter_map(|card| card.celsius).max().map(f64::from);
        let watts: Vec<f64> = cards.iter().filter_map(|card| card.watts).collect();
        // A card that idles says so among the reasons; that holds nothing back.
        let reasons = cards.into_iter().flat_map(|card| card.throttled_by).filter(|why| why != "gpu_idle");
        Moment {
            celsius: hottest.or(now.hottest_celsius),
            mhz: now.slowest_mhz,
            watts: (!watts.is_empty()).then(|| watts.iter().sum()),
            joules: now.joules,
            throttled_by: reasons.collect(),
        }
    }

    /// Why figures that were taken since the beginning deserve a second look; nothing where they do not.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        doubts(&self.before, &self.host.conditions(), self.ours)
    }
}

/// Why figures taken between two moments deserve a second look. `ours` are the seconds that cores worked for them.
fn doubts(before: &Conditions, after: &Conditions, ours: f64) -> Vec<String> {
    let between = |end: Option<f64>, start: Option<f64>| Some(end? - start?);
    let all = between(after.all_seconds, before.all_seconds).filter(|&seconds| seconds > 0.0);
    let part = |seconds: Option<f64>| Some(seconds? / all?);
    let mut found = Vec::new();
    let others = part(between(after.busy_seconds, before.busy_seconds).map(|busy| busy - ours));
    if let Some(part) = others.filter(|&part| part > OTHERS) {
        found.push(format!("other programs kept {:.0} % of the cores busy meanwhile", part * 100.0));
    }
    if let Some(load) = before.load_average.filter(|&load| load > 1.0) {
        found.push(format!("the load average was {load:.1} before anything was measured"));
    }
    let stolen = part(between(after.stolen_seconds, before.stolen_seconds));
    if let Some(part) = stolen.filter(|&part| part > STOLEN) {
        found.push(format!(
            "the machine below this virtual one took {:.1} % of the time (steal)",
            part * 100.0
        ));
    }
    if let Some(governor) = before.governor.as_deref().filter(|&name| name == "powersave") {
        found.push(format!("the clock's governor is `{governor}`"));
    }
    let clocks = after.slowest_mhz.zip(after.most_mhz);
    if let Some((now, most)) = clocks.filter(|(now, most)| now < &(most * SLOW_CLOCK)) {
        found.push(format!("the slowest core ran at {now:.0} MHz of {most:.0} MHz"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conditions(busy: f64, stolen: f64, all: f64) -> Conditions {
        let mut found = Conditions::default();
        found.busy_seconds = Some(busy);
        found.stolen_seconds = Some(stolen);
        found.all_seconds = Some(all);
        found
    }

    #[test]
    fn a_quiet_machine_raises_no_doubt() {
        assert_eq!(doubts(&conditions(10.0, 1.0, 100.0), &conditions(29.0, 1.1, 120.0), 18.5), [""; 0]);
        assert_eq!(doubts(&Conditions::default(), &Conditions::default(), 5.0), [""; 0]);
    }

    #[test]
    fn every_doubt_is_said() {
        let mut before = conditions(10.0, 1.0, 100.0);
        before.load_average = Some(6.25);
        before.governor = Some("powersave".to_owned());
        let mut after = conditions(30.0, 2.0, 120.0);
        (after.slowest_mhz, after.most_mhz) = (Some(1200.0), Some(3000.0));
        let expected = [
            "other programs kept 50 % of the cores busy meanwhile",
            "the load average was 6.2 before anything was measured",
            "the machine below this virtual one took 5.0 % of the time (steal)",
            "the clock's governor is `powersave`",
            "the slowest core ran at 1200 MHz of 3000 MHz",
        ];
        assert_eq!(doubts(&before, &after, 10.0), expected);
    }
}
