//! From settings to an open model: choose a backend, find the model, read it, open it.

use mbed_core::settings::{BackendChoice, ModelSettings, Normalize, Settings};
use mbed_core::spec::{HeadSpec, HeadStage};
use mbed_core::{Backend, BackendError, ModelSource, OpenRequest, Probe, Session};
use mbed_engine::{Engine, EngineOptions, Finish, Rescale};
use mbed_model::{Model, ResolvedModel};
use mbed_text::{TextEncoder, TextOptions};

use crate::registry::{KNOWN_BACKENDS, backends};
use crate::{Context, Embedder, Error, Refusal};

/// An open model, and what was chosen on the way.
#[derive(Debug)]
#[non_exhaustive]
pub struct Opened {
    /// The open model.
    pub embedder: Embedder,
    /// The name of the backend that runs it.
    pub backend: &'static str,
    /// Where the model is and where it came from.
    pub model: ResolvedModel,
    /// Backends that `auto` asked first and that could not run it.
    pub passed_over: Vec<Refusal>,
}

/// Opens the model that `settings` name, on the backend that they name.
///
/// The backend is chosen first, so that one that cannot be had is refused before anything is fetched or read.
///
/// # Errors
/// A backend, device or precision that was asked for cannot be had, or the model cannot be found, fetched, read or
/// opened.
pub fn open(settings: &Settings, context: &Context<'_>) -> Result<Opened, Error> {
    let candidates = candidates(&settings.runtime.backend)?;
    let resolved = mbed_model::resolve(
        &settings.model.id,
        context.revision.as_deref(),
        &context.locations,
        context.progress,
    )?;
    let mut model = mbed_model::load_folder(&resolved.folder)?;
    if let Some(head) = model.head_mut() {
        set_normalizing(head, settings.model.normalize);
    }
    let options =
        TextOptions { prompt: settings.model.prompt.clone(), max_length: settings.model.max_length };
    let encoder = TextEncoder::new(&model.text, &options)?;
    let finish = finish(&settings.model, &model);
    let Chosen { backend, session, passed_over } = open_session(candidates, model.source, settings)?;
    let options = EngineOptions {
        batching: settings.batching,
        threads: settings.runtime.threads.unwrap_or_else(mbed_monitor::cores),
        overflow: settings.model.overflow,
        finish,
    };
    let mut engine = Engine::new(vec![session], encoder, options)?;
    engine.warm_up()?;
    Ok(Opened { embedder: Embedder::new(engine), backend, model: resolved, passed_over })
}

/// Whether the backend that `choice` names can be had at all, before anything else is looked at.
///
/// # Errors
/// There is no such backend, this build does not have it, or it finds no device.
pub fn check_backend(choice: &BackendChoice) -> Result<(), Error> {
    candidates(choice).map(|_found| ())
}

/// The backends to ask, in order: the one that was named, or all that find a device.
fn candidates(choice: &BackendChoice) -> Result<Vec<Box<dyn Backend>>, Error> {
    let name = match choice {
        BackendChoice::Auto => {
            let found = backends().into_iter().filter(|backend| matches!(backend.probe(), Probe::Found(_)));
            return Ok(found.collect());
        }
        BackendChoice::Named(name) => name,
    };
    let Some(backend) = backends().into_iter().find(|backend| backend.name() == name) else {
        let name = name.clone();
        let is_known = KNOWN_BACKENDS.contains(&name.as_str());
        return Err(if is_known { Error::NotCompiledIn { name } } else { Error::UnknownBackend { name } });
    };
    match backend.probe() {
        Probe::Found(_) => Ok(vec![backend]),
        Probe::Absent(reason) => Err(Error::NoDevice { backend: name.clone(), reason }),
    }
}

/// A session, and how it came to be this one.
struct Chosen {
    backend: &'static str,
    session: Box<dyn Session>,
    passed_over: Vec<Refusal>,
}

/// Opens the model on the first candidate that can run it. Only a model that a backend does not run passes on to
/// the next; every other refusal, such as a precision that it lacks, is the answer.
fn open_session(
    candidates: Vec<Box<dyn Backend>>,
    source: ModelSource,
    settings: &Settings,
) -> Result<Chosen, Error> {
    let architecture = match &source {
        ModelSource::Foreign(model) => model.architecture.clone(),
        ModelSource::Spec { spec, .. } => spec.family.clone(),
        _ => "unknown".to_owned(),
    };
    let mut refusals = Vec::new();
    for backend in candidates {
        let request = OpenRequest::new(source.clone())
            .with_precision(settings.runtime.precision)
            .with_threads(settings.runtime.threads);
        match backend.open(request) {
            Ok(session) => return Ok(Chosen { backend: backend.name(), session, passed_over: refusals }),
            Err(BackendError::UnsupportedModel { backend, reason }) => {
                refusals.push(Refusal { backend, reason });
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::NoBackend { architecture, refusals, known: mbed_model::known_families() })
}

/// Adds or removes the last stage of the head, so that vectors come out with length 1 or as the model made them.
fn set_normalizing(head: &mut HeadSpec, normalize: Normalize) {
    match normalize {
        Normalize::Auto => {}
        Normalize::Yes if head.normalizes() => {}
        Normalize::Yes => head.stages.push(HeadStage::Normalize),
        Normalize::No => {
            while head.normalizes() {
                head.stages.pop();
            }
        }
    }
}

fn finish(settings: &ModelSettings, model: &Model) -> Finish {
    let normalizes = model.head().is_some_and(HeadSpec::normalizes);
    let rescale = if normalizes { Rescale::ToUnitLength } else { Rescale::Keep };
    Finish { dimensions: settings.dimensions, rescale }
}
