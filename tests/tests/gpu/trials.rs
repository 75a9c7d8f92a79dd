//! The trials of each card.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use mbed_config::Environment;
use mbed_core::{
    Backend, BackendError, Batch, DeviceInfo, Embeddings, ModelSource, OpenRequest, Precision,
    PrecisionChoice, Probe, Session, Token,
};
use mbed_cuda::{CudaBackend, CudaOptions, LibrarySearch};
use mbed_tests::contract::golden_difference;
use mbed_tests::models::{self, ModelFolder};
use mbed_tests::{Bench, Failure, largest_difference, required};

/// The backend as the facade would make it, with a part of the memory.
fn backend(memory_fraction: f64) -> CudaBackend {
    let environment = Environment::read();
    CudaBackend::new(CudaOptions {
        libraries: LibrarySearch { named: Vec::new(), folders: environment.cuda_library_folders() },
        visible_devices: environment.cuda_visible_devices.clone(),
        kernel_cache: environment.cuda_kernel_cache(),
        memory_fraction,
        ..CudaOptions::default()
    })
}

pub(crate) fn all() -> Vec<Trial> {
    let names = ["known_vectors", "two_sessions_on_one_device", "memory_runs_out_and_the_session_goes_on"];
    match backend(1.0).probe() {
        Probe::Absent(reason) => names.iter().map(|name| missing(name, reason.clone())).collect(),
        Probe::Found(devices) => devices.iter().flat_map(of_card).collect(),
    }
}

/// Something that this machine does not have: ignored, or failed where it was required.
fn missing(name: &str, reason: String) -> Trial {
    let trial = Trial::test(format!("cuda/any_device/{name}"), || Err(Failed::from(reason)));
    if required("cuda") { trial } else { trial.with_kind("needs a card").with_ignored_flag(true) }
}

fn of_card(device: &DeviceInfo) -> Vec<Trial> {
    let index = device.id.index;
    let trial = |name: String, run: Box<dyn FnOnce() -> Result<(), Failure> + Send>| {
        Trial::test(format!("cuda:{index}/{name}"), move || run().map_err(Failed::from))
    };
    let mut trials = Vec::new();
    for &precision in &device.precisions {
        let run = move || known_vectors(index, precision);
        trials.push(trial(format!("{precision}/known_vectors"), Box::new(run)));
    }
    trials.push(trial("two_sessions_on_one_device".to_owned(), Box::new(move || side_by_side(index))));
    let run = move || memory_runs_out(index);
    trials.push(trial("memory_runs_out_and_the_session_goes_on".to_owned(), Box::new(run)));
    trials
}

/// Each model's largest difference from its known vectors, one line each.
fn known_vectors(index: u32, precision: Precision) -> Result<(), Failure> {
    let backend: Arc<dyn Backend> = Arc::new(backend(1.0));
    let default_model = models::default_model().into_iter();
    let (mut lines, mut is_near) = (Vec::new(), true);
    for model in models::fixtures()?.into_iter().chain(default_model) {
        let difference = difference(&backend, (index, precision), &model);
        is_near &= difference.is_ok();
        lines.push(match difference {
            Ok(Some(difference)) => format!("{precision:6} {:24} {difference:.2e}", model.name),
            Ok(None) => format!("{precision:6} {:24} no encoder spec", model.name),
            Err(failure) => format!("{precision:6} {:24} {failure}", model.name),
        });
    }
    println!("{}", lines.join("\n"));
    if is_near { Ok(()) } else { Err(Failure::new(lines.join("\n"))) }
}

fn difference(
    backend: &Arc<dyn Backend>,
    (index, precision): (u32, Precision),
    model: &ModelFolder,
) -> Result<Option<f32>, Failure> {
    let bench = Bench::of_model(Arc::clone(backend), index, precision, model)?;
    if !matches!(bench.source, ModelSource::Spec { .. }) {
        return Ok(None);
    }
    golden_difference(&bench).map(Some)
}

fn open(backend: &CudaBackend, index: u32, source: &ModelSource) -> Result<Box<dyn Session>, Failure> {
    let request = OpenRequest::new(source.clone())
        .with_device(Some(index))
        .with_precision(PrecisionChoice::Exactly(Precision::F32));
    Ok(backend.open(request)?)
}

/// `rows` texts of 30 tokens.
fn batch(rows: usize) -> Batch {
    let mut batch = Batch::new();
    for row in 0..rows {
        let id = |place: usize| u32::try_from((row * 7 + place * 3) % 50).unwrap_or(0);
        let tokens: Vec<Token> = (0..30).map(|place| Token { id: id(place), type_id: 0 }).collect();
        batch.push(&tokens);
    }
    batch
}

fn embed(session: &mut dyn Session, batch: &Batch) -> Result<Embeddings, BackendError> {
    let mut output = Embeddings::new();
    session.embed(batch, &mut output).map(|()| output)
}

fn side_by_side(index: u32) -> Result<(), Failure> {
    let backend = backend(1.0);
    let source = models::fixture("bert-mean")?.load()?.source;
    let texts = batch(3000);
    let sessions = [open(&backend, index, &source)?, open(&backend, index, &source)?];
    let rounds = |mut session: Box<dyn Session>| {
        (0..10).map(|_| embed(session.as_mut(), &texts)).collect::<Result<Vec<_>, _>>()
    };
    let found: Result<Vec<_>, BackendError> = std::thread::scope(|scope| {
        let workers: Vec<_> = sessions.into_iter().map(|session| scope.spawn(|| rounds(session))).collect();
        let joined = workers.into_iter().map(|worker| worker.join().unwrap_or_else(|_| Ok(Vec::new())));
        joined.collect()
    });
    let found: Vec<Embeddings> = found?.into_iter().flatten().collect();
    if found.len() != 20 {
        return Err(Failure::new("a session panicked"));
    }
    for vectors in &found {
        let difference = largest_difference(vectors, &found[0])?;
        if difference > 1e-5 {
            return Err(Failure::new(format!("vectors differ by {difference}")));
        }
    }
    Ok(())
}

/// A part of the memory that a small batch fits into and a large one does not.
fn memory_runs_out(index: u32) -> Result<(), Failure> {
    let source = models::fixture("bert-mean")?.load()?.source;
    let Probe::Found(devices) = backend(1.0).probe() else { return Err(Failure::new("the card is gone")) };
    let total = devices.iter().find(|device| device.id.index == index).and_then(|device| device.memory_total);
    let total = total.ok_or_else(|| Failure::new("the card does not tell its memory"))?;
    // Products may take 32 MiB for parts of their sums; a part of a batch takes some more.
    let backend = backend((40 << 20) as f64 / total.get() as f64);
    let mut session = open(&backend, index, &source)?;
    let expected = embed(session.as_mut(), &batch(2))?;
    for _ in 0..3 {
        match embed(session.as_mut(), &batch(20_000)) {
            Err(BackendError::OutOfMemory { .. }) => session.trim(),
            Err(error) => return Err(error.into()),
            Ok(_) => return Err(Failure::new("more fitted than was allowed")),
        }
        if embed(session.as_mut(), &batch(2))? != expected {
            return Err(Failure::new("vectors are others after memory ran out"));
        }
    }
    Ok(())
}
