//! Runs on the simulated device, in its own time.

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use mbed_core::settings::{BatchingSettings, MemorySettings, Overflow};
use mbed_core::{Embeddings, Session, Silent};
use mbed_engine::memory::{Change, Clock, CostModel, Ledgers, MemoryOptions, MemoryReport};
use mbed_engine::{Cancel, Engine, EngineError, EngineOptions, Finish, RunError, RunStats, Sink};
use mbed_tests::fake;
use mbed_tests::simulator::{Simulator, SimulatorOptions, VirtualClock};

use crate::support::{TestSource, Window, encoder_of};

/// The most tokens of a text here.
pub(crate) const LONGEST: usize = 512;

/// The device's time as an engine sees it.
#[derive(Debug)]
struct DeviceTime(VirtualClock);

impl Clock for DeviceTime {
    fn now(&self) -> Duration {
        self.0.now()
    }

    fn sleep(&self, duration: Duration) {
        self.0.pass(duration);
        // Other engines get on meanwhile, on threads of this machine.
        std::thread::sleep(duration.min(Duration::from_millis(2)));
    }
}

/// A text that begins with two tokens that no other text of that `number` has.
pub(crate) fn numbered(number: usize, tokens: usize) -> String {
    let ids = (0..tokens.max(2)).map(|place| match place {
        0 => number / fake::VOCABULARY % fake::VOCABULARY,
        1 => number % fake::VOCABULARY,
        _ => (number * 31 + place * 7) % fake::VOCABULARY,
    });
    ids.map(|id| id.to_string()).collect::<Vec<_>>().join(" ")
}

/// Windows of texts of these lengths.
pub(crate) fn windows(lengths: &[usize], rows: usize) -> Vec<Vec<String>> {
    let texts: Vec<String> =
        lengths.iter().enumerate().map(|(number, &tokens)| numbered(number, tokens)).collect();
    texts.chunks(rows).map(<[String]>::to_vec).collect()
}

/// How an engine is set up on the simulated device.
#[derive(Clone, Debug)]
pub(crate) struct Simulation {
    pub(crate) device: SimulatorOptions,
    pub(crate) memory: MemorySettings,
    pub(crate) batching: BatchingSettings,
    pub(crate) sessions: usize,
}

impl Default for Simulation {
    fn default() -> Self {
        let batching = BatchingSettings {
            max_tokens: NonZeroUsize::new(32_768).unwrap(),
            ..BatchingSettings::default()
        };
        Self { device: SimulatorOptions::default(), memory: MemorySettings::default(), batching, sessions: 1 }
    }
}

/// What came of a run.
pub(crate) struct Simulated {
    pub(crate) result: Result<RunStats, RunError<io::Error, io::Error>>,
    pub(crate) written: Vec<(Vec<String>, Embeddings)>,
    /// Rows that were told to have failed, by window and row.
    pub(crate) failed: Vec<(String, EngineError)>,
    pub(crate) report: Option<MemoryReport>,
    /// How long it took on the device.
    pub(crate) time: Duration,
}

/// Keeps windows, and takes failed rows as they come.
#[derive(Default)]
struct Patient {
    written: Vec<(Vec<String>, Embeddings)>,
    failed: Vec<(String, EngineError)>,
}

impl Sink for Patient {
    type Rows = Window;
    type Error = io::Error;

    fn row_failed(&mut self, rows: &Window, row: usize, error: EngineError) -> Result<(), EngineError> {
        use mbed_engine::Rows as _;
        self.failed.push((rows.text(row).to_owned(), error));
        Ok(())
    }

    fn write(&mut self, rows: &Window, vectors: &Embeddings) -> io::Result<()> {
        self.written.push((rows.texts().to_vec(), vectors.clone()));
        Ok(())
    }
}

impl Simulation {
    /// An engine on the device, whose batches are as settings say.
    fn engine_of(&self, simulator: &Simulator) -> Engine {
        let sessions: Vec<Box<dyn Session>> = (0..self.sessions).map(|_| simulator.open(LONGEST)).collect();
        let options = EngineOptions {
            batching: self.batching,
            threads: NonZeroUsize::MIN,
            overflow: Overflow::Truncate,
            max_retries: self.memory.max_retries,
            finish: Finish::default(),
        };
        Engine::new(sessions, encoder_of(LONGEST), options).unwrap()
    }

    /// An engine that sizes its own batches.
    pub(crate) fn adaptive(&self, simulator: &Simulator, ledgers: &Ledgers) -> Result<Engine, EngineError> {
        let engine = self.engine_of(simulator);
        let memory = self.memory_options(&engine, simulator, ledgers);
        engine.with_memory(memory)
    }

    /// As [`Simulation::adaptive`], calling a leak what lasts from one run to the next.
    pub(crate) fn impatient(&self, simulator: &Simulator) -> Engine {
        let engine = self.engine_of(simulator);
        let mut memory = self.memory_options(&engine, simulator, &Ledgers::new());
        memory.leak_window = Duration::ZERO;
        engine.with_memory(memory).unwrap()
    }

    fn memory_options(&self, engine: &Engine, simulator: &Simulator, ledgers: &Ledgers) -> MemoryOptions {
        let cost = CostModel::new(&Simulator::spec(LONGEST), engine.capabilities().unwrap());
        let mut memory = MemoryOptions::new(self.memory, cost, 22_000_000);
        memory.clock = Arc::new(DeviceTime(simulator.clock()));
        memory.ledgers = ledgers.clone();
        memory
    }

    /// An engine whose batches are as settings say.
    pub(crate) fn fixed(&self, simulator: &Simulator) -> Engine {
        self.engine_of(simulator)
    }
}

/// Runs an engine that sizes its own batches over windows, on a device of its own.
pub(crate) fn simulate(simulation: &Simulation, windows: &[Vec<String>]) -> (Simulated, Simulator) {
    let simulator = Simulator::new(simulation.device.clone());
    let mut engine = simulation.adaptive(&simulator, &Ledgers::new()).unwrap();
    let simulated = run(&mut engine, &simulator, windows);
    (simulated, simulator)
}

/// How many of the changes that were told are wanted ones.
pub(crate) fn changes(simulated: &Simulated, is_wanted: fn(&Change) -> bool) -> usize {
    let report = simulated.report.as_ref().unwrap();
    report.events.iter().filter(|event| is_wanted(&event.what)).count()
}

/// Runs an engine over windows.
pub(crate) fn run(engine: &mut Engine, simulator: &Simulator, windows: &[Vec<String>]) -> Simulated {
    run_from(engine, simulator, TestSource::new(windows.to_vec()))
}

/// Runs an engine over what a source gives.
pub(crate) fn run_from(engine: &mut Engine, simulator: &Simulator, mut source: TestSource) -> Simulated {
    let mut sink = Patient::default();
    let start = simulator.clock().now();
    let result = engine.run(&mut source, &mut sink, &Silent, &Cancel::new());
    let time = simulator.clock().now() - start;
    let Patient { written, failed } = sink;
    Simulated { result, written, failed, report: engine.memory_report(), time }
}

impl Simulated {
    /// Proves that every row of every window came out in its place, those that failed apart.
    pub(crate) fn check(&self, windows: &[Vec<String>]) {
        assert!(self.result.is_ok(), "{:?}", self.result);
        assert_eq!(self.written.len(), windows.len(), "{:?}", self.result);
        for ((texts, vectors), window) in self.written.iter().zip(windows) {
            assert_eq!(texts, window);
            assert_eq!(vectors.rows(), texts.len());
            for (row, text) in texts.iter().enumerate() {
                let expected = if self.failed.iter().any(|(failed, _)| failed == text) {
                    vec![0.0; fake::DIMENSIONS]
                } else {
                    let ids: Vec<u32> = text.split_whitespace().map(|id| id.parse().unwrap()).collect();
                    fake::vector_of(&ids, &(0..ids.len())).to_vec()
                };
                assert_eq!(vectors.get(row).unwrap(), expected, "{text}");
            }
        }
        let rows: usize = windows.iter().map(Vec::len).sum();
        let stats = self.result.as_ref().unwrap();
        assert_eq!(stats.rows + stats.failed_rows, rows as u64);
        assert_eq!(stats.failed_rows, self.failed.len() as u64);
    }
}
