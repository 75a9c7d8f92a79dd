//! From a model to a session of ONNX Runtime.

use std::fs;
use std::path::Path;

use mbed_core::BackendError;
use mbed_core::settings::{NamedValues, OnnxBuckets, OnnxOptimization, OnnxSettings};
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::value::{DynValue, Tensor};

use crate::engines::{Engines, fingerprint};
use crate::errors::{OpenResult, failed, unsupported};
use crate::export::{Initializer, Values, Written, identity_model};
use crate::group::Shapes;
use crate::library::Library;
use crate::placement::{Placement, RECORD};
use crate::provider::{Provider, ShapeCost};

/// How sessions are opened.
#[derive(Clone, Copy)]
pub(crate) struct Loader<'a> {
    pub(crate) library: &'a Library,
    pub(crate) provider: &'static Provider,
    pub(crate) settings: &'a OnnxSettings,
    /// Options that were asked for; they are for the provider that was asked for.
    pub(crate) options: Option<&'a NamedValues>,
    pub(crate) threads: usize,
    /// Where engines are kept.
    pub(crate) cache: Option<&'a Path>,
}

/// What is known of a graph before it is loaded.
#[derive(Clone, Copy)]
pub(crate) struct Outline<'a> {
    /// Inputs that are `sequences × length`; none where they are not known.
    pub(crate) inputs: &'a [&'a str],
    /// The most tokens of a sequence.
    pub(crate) longest: usize,
}

impl Outline<'_> {
    pub(crate) const UNKNOWN: Self = Self { inputs: &[], longest: 0 };
}

impl Loader<'_> {
    /// The same on the processor: for what is little work.
    pub(crate) fn on_processor(&self) -> Self {
        Self { provider: Provider::processor(), options: None, ..*self }
    }

    /// Whether lengths and numbers of sequences are rounded up, of which none is above `longest`.
    pub(crate) fn shapes(&self, longest: usize) -> Shapes {
        match (self.settings.buckets, self.provider.shapes) {
            (OnnxBuckets::On, _) | (OnnxBuckets::Auto, ShapeCost::Planning) => Shapes::Buckets(longest),
            (OnnxBuckets::Off, _) | (OnnxBuckets::Auto, ShapeCost::Nothing) => Shapes::Exact,
        }
    }

    /// Proves that a session with the provider can be opened.
    ///
    /// # Errors
    /// It cannot, for example as its driver is missing.
    pub(crate) fn try_provider(&self) -> OpenResult<()> {
        self.builder(Outline::UNKNOWN, || Ok(String::new()))?
            .commit_from_memory(&identity_model())
            .map_err(failed)
            .map(|_session| ())
    }

    /// Loads a model that was written here; its weights are handed over and not copied.
    pub(crate) fn written(&self, written: Written, outline: Outline<'_>) -> OpenResult<Session> {
        let mut builder = self.builder(outline, || {
            let values = written.beside.iter().map(|constant| constant.values.to_bytes());
            Ok(fingerprint(std::iter::once(written.model.clone()).chain(values)))
        })?;
        for Initializer { name, shape, values } in written.beside {
            let value: DynValue = match values {
                Values::F32(values) => Tensor::from_array((shape, values)).map_err(failed)?.into_dyn(),
                Values::F16(values) => Tensor::from_array((shape, values)).map_err(failed)?.into_dyn(),
                Values::U8(values) => Tensor::from_array((shape, values)).map_err(failed)?.into_dyn(),
                Values::I8(values) => Tensor::from_array((shape, values)).map_err(failed)?.into_dyn(),
                Values::I64(values) => Tensor::from_array((shape, values)).map_err(failed)?.into_dyn(),
            };
            builder = builder.with_external_initializer(name, value).map_err(failed)?;
        }
        self.placed(builder.commit_from_memory(&written.model).map_err(failed)?)
    }

    /// Loads a file. What is wrong with it is told in the words of ONNX Runtime, which name operator and node.
    pub(crate) fn file(&self, path: &Path) -> OpenResult<Session> {
        let unreadable = |error: &dyn std::fmt::Display| {
            unsupported(format!("`{}` cannot be loaded: {error}", path.display()))
        };
        let mut builder = self.builder(Outline::UNKNOWN, || {
            let bytes = fs::read(path).map_err(|error| unreadable(&error))?;
            Ok(fingerprint(std::iter::once(bytes)))
        })?;
        let session = builder.commit_from_file(path).map_err(|error| match failed(error) {
            BackendError::Failed { source, .. } => unreadable(&source),
            other => other,
        })?;
        self.placed(session)
    }

    /// A session to be, for a model with the fingerprint that `model` gives where it is needed.
    fn builder(
        &self,
        outline: Outline<'_>,
        model: impl FnOnce() -> OpenResult<String>,
    ) -> OpenResult<SessionBuilder> {
        let provider = self.provider;
        let fingerprint = if provider.keeps_engines() { model()? } else { String::new() };
        let Outline { inputs, longest } = outline;
        let engines = Engines { folder: self.cache, fingerprint: &fingerprint, inputs, longest };
        let asked = self.options.into_iter().flat_map(NamedValues::iter);
        let options = provider.options(asked, &engines);
        let made = provider.make(&options).map_err(unsupported)?;
        let builder = Session::builder(&self.library.environment).map_err(failed)?;
        let builder =
            if made.is_empty() { builder } else { builder.with_execution_providers(made).map_err(failed)? };
        self.configured(builder)
    }

    fn configured(&self, builder: SessionBuilder) -> OpenResult<SessionBuilder> {
        let level = match self.settings.optimization {
            OnnxOptimization::Off => GraphOptimizationLevel::Disable,
            OnnxOptimization::Basic => GraphOptimizationLevel::Level1,
            OnnxOptimization::Extended => GraphOptimizationLevel::Level2,
            OnnxOptimization::All => GraphOptimizationLevel::All,
        };
        let mut builder = builder
            .with_optimization_level(level)
            .map_err(failed)?
            .with_intra_threads(self.threads)
            .map_err(failed)?
            .with_deterministic_compute(true)
            .map_err(failed)?
            // A session that waits between batches leaves the cores to tokenising.
            .with_intra_op_spinning(false)
            .map_err(failed)?;
        if let Some(threads) = self.settings.inter_threads {
            builder = builder.with_parallel_execution(threads.get() > 1).map_err(failed)?;
            builder = builder.with_inter_threads(threads.get()).map_err(failed)?;
        }
        // What people set has the last word.
        for (name, value) in [(RECORD, "1")].into_iter().chain(self.settings.session_options.iter()) {
            builder = builder.with_config_entry(name, value).map_err(failed)?;
        }
        Ok(builder)
    }

    /// Proves that the provider computes something of a session, and says what it does not compute.
    fn placed(&self, session: Session) -> OpenResult<Session> {
        let provider = self.provider;
        if provider.is_processor() {
            return Ok(session);
        }
        let placement = Placement::of(&session).map_err(failed)?;
        let (count, all) = (placement.count(provider.identifier), placement.all());
        let elsewhere = placement.elsewhere(provider.identifier);
        if count == 0 {
            return Err(unsupported(format!(
                "the provider `{}` takes none of its {all} operators: {elsewhere}",
                provider.name
            )));
        }
        if count < all {
            tracing::warn!(
                provider = provider.name,
                operators = count,
                of = all,
                elsewhere,
                "placed in part"
            );
        } else {
            tracing::info!(provider = provider.name, operators = count, "placed whole");
        }
        Ok(session)
    }
}
