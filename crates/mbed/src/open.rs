//! From settings to an open model: choose a backend, find the model, read it, open it.

use mbed_core::settings::{Adapt, BackendChoice, ModelSettings, Normalize, Settings};
use mbed_core::spec::{HeadSpec, HeadStage, Pooling};
use mbed_core::{Backend, Probe, SpanSupport};
use mbed_engine::{Engine, EngineOptions, Finish, Rescale};
use mbed_model::{Model, ResolvedModel};
use mbed_text::{TextEncoder, TextOptions};

use crate::registry::{KNOWN_BACKENDS, backends, check_instructions, provide};
use crate::sessions::{Chosen, open_sessions};
use crate::{Context, Embedder, Error, Refusal, sizing};

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
    /// How it makes vectors out of those of tokens; empty where only the backend knows.
    pub pooling: Vec<Pooling>,
}

impl Opened {
    /// Whether parts of a text can be embedded that are read within all of it, as late chunking does.
    ///
    /// # Errors
    /// The model's vectors come from its first token alone, or the backend pools whole texts only
    /// ([`Error::NoSpans`]).
    pub fn check_spans(&self) -> Result<(), Error> {
        let refuse = |reason: &str| {
            let model = self.model.id.clone();
            Err(Error::NoSpans { model, reason: reason.to_owned() })
        };
        if self.pooling.contains(&Pooling::Cls) {
            return refuse("it takes the vector of the first token, which every chunk of a text shares");
        }
        match self.embedder.capabilities().map(|capabilities| capabilities.spans) {
            Some(SpanSupport::WholeSequence) => {
                refuse(&format!("backend `{}` pools whole texts of it only", self.backend))
            }
            _ => Ok(()),
        }
    }
}

/// Opens the model that `settings` name, on the backend that they name.
///
/// The backend is chosen first, so that one that cannot be had is refused before anything is fetched or read.
///
/// # Errors
/// A backend, device or precision that was asked for cannot be had, or the model cannot be found, fetched, read or
/// opened.
pub fn open(settings: &Settings, context: &Context<'_>) -> Result<Opened, Error> {
    let _span = tracing::debug_span!("load", model = settings.model.id).entered();
    let candidates = candidates(settings, context)?;
    let (resolved, mut model) = find_model(settings, context)?;
    if let Some(head) = model.head_mut() {
        set_normalizing(head, settings.model.normalize);
    }
    let encoder = TextEncoder::new(&model.text, &text_options(settings))?;
    let finish = finish(&settings.model, &model);
    let pooling = model.head().map(|head| head.pooling.clone()).unwrap_or_default();
    let Chosen { backend, sessions, passed_over, reopen } =
        open_sessions(candidates, &model.source, &settings.runtime)?;
    let options = EngineOptions {
        batching: settings.batching,
        threads: settings.runtime.threads.unwrap_or_else(mbed_monitor::cores),
        overflow: settings.model.overflow,
        max_retries: settings.memory.max_retries,
        finish,
    };
    let mut engine = Engine::new(sessions, encoder, options)?;
    if let Some(reopen) = reopen {
        engine = engine.with_reopening(reopen);
    }
    engine.warm_up()?;
    let embedder = match settings.memory.adapt {
        Adapt::Off => Embedder::new(engine, None),
        Adapt::Auto => sizing::begin(engine, (&model, &resolved.id), &settings.memory, context)?,
    };
    Ok(Opened { embedder, backend, model: resolved, passed_over, pooling })
}

/// Finds the model that `settings` name, or fetches it, and reads its folder.
pub(crate) fn find_model(
    settings: &Settings,
    context: &Context<'_>,
) -> Result<(ResolvedModel, Model), Error> {
    let resolved = mbed_model::resolve(
        &settings.model.id,
        context.revision.as_deref(),
        &context.locations,
        context.progress,
    )?;
    let mut model = mbed_model::load(&resolved)?;
    context.locations.known.amend(&resolved.id, &mut model.text);
    Ok((resolved, model))
}

/// How texts become tokens.
pub(crate) fn text_options(settings: &Settings) -> TextOptions {
    TextOptions { prompt: settings.model.prompt_choice(), max_length: settings.model.max_length }
}

/// Whether the backend that `settings` name can be had at all, before anything else is looked at. A library that it needs
/// is fetched, as [`open`] would.
///
/// # Errors
/// There is no such backend, this build does not have it, or it finds no device, or the processor does not have the
/// instructions that are asked for.
pub fn check_backend(settings: &Settings, context: &Context<'_>) -> Result<(), Error> {
    candidates(settings, context).map(|_found| ())
}

/// The backends to ask, in order: the one that was named, or all that find a device.
fn candidates(settings: &Settings, context: &Context<'_>) -> Result<Vec<Box<dyn Backend>>, Error> {
    check_instructions(settings.runtime.isa)?;
    let name = match &settings.runtime.backend {
        BackendChoice::Auto => {
            let found =
                backends(settings).into_iter().filter(|backend| matches!(backend.probe(), Probe::Found(_)));
            return Ok(found.collect());
        }
        BackendChoice::Named(name) => name,
    };
    let Some(backend) = backends(settings).into_iter().find(|backend| backend.name() == name) else {
        let name = name.clone();
        let is_known = KNOWN_BACKENDS.contains(&name.as_str());
        return Err(if is_known { Error::NotCompiledIn { name } } else { Error::UnknownBackend { name } });
    };
    let Probe::Absent(reason) = backend.probe() else { return Ok(vec![backend]) };
    let absent = |reason| Error::NoDevice { backend: name.clone(), reason };
    match provide(name, context) {
        Ok(false) => return Err(absent(reason)),
        Ok(true) => {}
        Err(error) => return Err(absent(format!("{reason}\n  fetching it: {}", chain(&error)))),
    }
    match backend.probe() {
        Probe::Found(_) => Ok(vec![backend]),
        Probe::Absent(reason) => Err(absent(reason)),
    }
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
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
