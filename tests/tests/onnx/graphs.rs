//! Folders that hold a graph and no weights.

use std::fs;
use std::path::{Path, PathBuf};

use libtest_mimic::{Failed, Trial};
use mbed_config::Environment;
use mbed_core::settings::PromptChoice;
use mbed_core::{
    Backend, BackendError, Batch, Embeddings, ModelSource, OpenRequest, Precision, PrecisionChoice, Probe,
    Session, Silent, SpanSupport,
};
use mbed_model::{KnownModels, Locations};
use mbed_onnx::{LibrarySearch, OnnxBackend};
use mbed_tests::models::{self, GoldenModel, ModelFolder};
use mbed_tests::{Failure, Tolerance, required};
use tempfile::TempDir;

type Check = fn() -> Result<(), Failure>;

const CHECKS: [(&str, Check); 8] = [
    ("a_graph_of_vectors_is_taken_whole", a_graph_of_vectors_is_taken_whole),
    ("a_graph_is_taken_by_its_path", a_graph_is_taken_by_its_path),
    ("the_precision_chooses_the_file", the_precision_chooses_the_file),
    ("a_file_that_is_no_graph_is_refused", a_file_that_is_no_graph_is_refused),
    ("an_unknown_operator_is_named_with_its_node", an_unknown_operator_is_named_with_its_node),
    ("an_input_that_is_not_had_is_named", an_input_that_is_not_had_is_named),
    ("a_graph_of_another_size_is_refused", a_graph_of_another_size_is_refused),
    ("a_graph_that_gives_nothing_known_is_refused", a_graph_that_gives_nothing_known_is_refused),
];

pub(crate) fn all() -> Vec<Trial> {
    let probe = backend().probe();
    let missing = match &probe {
        Probe::Absent(reason) => Some(reason.clone()),
        Probe::Found(_) => None,
    };
    let trial = |(name, check): (&str, Check)| {
        let name = format!("graphs/{name}");
        match missing.clone() {
            Some(reason) => {
                let trial = Trial::test(name, || Err(Failed::from(reason)));
                trial.with_kind("needs onnx").with_ignored_flag(!required("onnx"))
            }
            None => Trial::test(name, move || check().map_err(Failed::from)),
        }
    };
    CHECKS.into_iter().map(trial).collect()
}

pub(crate) fn backend() -> OnnxBackend {
    let environment = Environment::read();
    let (named, folders) = (environment.onnx_library(), environment.onnx_library_folders());
    OnnxBackend::new(LibrarySearch { named, folders })
}

/// The model `bert-mean` with graphs instead of weights.
struct Place {
    folder: TempDir,
    model: ModelFolder,
}

impl Place {
    fn with(precisions: &[Precision]) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let model = models::fixture("bert-mean")?;
        let ModelSource::Spec { spec, weights } = model.load()?.source else {
            return Err(Failure::new("it has no spec"));
        };
        for &precision in precisions {
            mbed_onnx::export(&spec, &weights, precision, &folder.path().join("onnx"))?;
        }
        mbed_model::copy_without_encoder(&model.folder, folder.path())?;
        let model = ModelFolder { folder: folder.path().to_owned(), ..model };
        Ok(Self { folder, model })
    }

    fn new() -> Result<Self, Failure> {
        Self::with(&[Precision::F32])
    }

    fn graph(&self) -> PathBuf {
        self.folder.path().join("onnx/model.onnx")
    }

    /// Replaces words of the graph by others of the same length, so that nothing else changes.
    fn replace(&self, from: &str, to: &str) -> Result<(), Failure> {
        assert_eq!(from.len(), to.len());
        let mut bytes = fs::read(self.graph())?;
        let places: Vec<usize> = bytes
            .windows(from.len())
            .enumerate()
            .filter(|(_, w)| *w == from.as_bytes())
            .map(|(at, _)| at)
            .collect();
        if places.is_empty() {
            return Err(Failure::new(format!("the graph has no `{from}`")));
        }
        for at in places {
            bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        }
        Ok(fs::write(self.graph(), bytes)?)
    }

    fn open(&self, precision: PrecisionChoice) -> Result<Box<dyn Session>, BackendError> {
        let model = mbed_model::load_folder(self.folder.path())
            .map_err(|error| BackendError::UnsupportedModel { backend: "none", reason: error.to_string() })?;
        backend().open(OpenRequest::new(model.source).with_precision(precision))
    }

    /// What the backend says that cannot run this model.
    fn reason(&self) -> Result<String, Failure> {
        match self.open(PrecisionChoice::Auto) {
            Err(BackendError::UnsupportedModel { backend: "onnx", reason }) => Ok(reason),
            Err(other) => Err(Failure::from(other).during("another refusal")),
            Ok(_) => Err(Failure::new("it was opened")),
        }
    }
}

pub(crate) fn check_vectors(
    session: &mut dyn Session,
    model: &GoldenModel,
    tolerance: Tolerance,
) -> Result<(), Failure> {
    let mut batch = Batch::new();
    for text in model.encode(PromptChoice::Text(String::new()))? {
        batch.push(&text.tokens);
    }
    let mut got = Embeddings::new();
    session.embed(&batch, &mut got)?;
    tolerance.check(&got, &model.golden.vectors)?;
    Ok(())
}

fn expect(said: &str, parts: &[&str]) -> Result<(), Failure> {
    match parts.iter().find(|part| !said.contains(**part)) {
        None => Ok(()),
        Some(part) => Err(Failure::new(format!("`{part}` is missing from: {said}"))),
    }
}

/// A graph that pools by itself: its vectors are right, and parts of sequences are refused.
fn a_graph_of_vectors_is_taken_whole() -> Result<(), Failure> {
    let place = Place::new()?;
    place.replace("last_hidden_state", "lost_hidden_state")?;
    let mut session = place.open(PrecisionChoice::Auto)?;
    if session.capabilities().spans != SpanSupport::WholeSequence {
        return Err(Failure::new("it says that it pools spans"));
    }
    let model = place.model.load()?;
    check_vectors(session.as_mut(), &model, Tolerance::new(2e-5))?;
    let tokens = model.sequences()?.into_iter().find(|tokens| tokens.len() > 2).unwrap_or_default();
    let mut batch = Batch::new();
    batch.push_unpooled(&tokens);
    batch.push_span(0, 1..2)?;
    match session.embed(&batch, &mut Embeddings::new()) {
        Err(BackendError::SpansUnsupported { .. }) => {}
        other => return Err(Failure::new(format!("a part of a sequence gave {other:?}"))),
    }
    check_vectors(session.as_mut(), &model, Tolerance::new(2e-5))
}

/// Also where the folder has weights, and in any precision by its name.
fn a_graph_is_taken_by_its_path() -> Result<(), Failure> {
    let place = Place::with(&[Precision::F32, Precision::Int8])?;
    let weights = "model.safetensors";
    fs::copy(models::fixture("bert-mean")?.folder.join(weights), place.folder.path().join(weights))?;
    let graph = place.folder.path().join("onnx/model_int8.onnx");
    let nowhere = Path::new("nowhere").to_owned();
    let locations = Locations::new(nowhere.clone(), nowhere, KnownModels::default());
    let found = mbed_model::resolve(&graph.display().to_string(), None, &locations, &Silent)?;
    assert_eq!(
        (found.folder.as_path(), found.graph.as_deref()),
        (place.folder.path(), Some(graph.as_path()))
    );
    let source = mbed_model::load(&found)?.source;
    let mut session = backend().open(OpenRequest::new(source))?;
    assert_eq!(session.capabilities().precision, Precision::Int8);
    check_vectors(session.as_mut(), &place.model.load()?, Tolerance::of_cosine(0.98))
}

fn the_precision_chooses_the_file() -> Result<(), Failure> {
    let place = Place::with(&[Precision::F32, Precision::F16])?;
    let precision = |choice| Ok::<_, Failure>(place.open(choice)?.capabilities().precision);
    assert_eq!(precision(PrecisionChoice::Auto)?, Precision::F32);
    assert_eq!(precision(PrecisionChoice::Exactly(Precision::F16))?, Precision::F16);
    match place.open(PrecisionChoice::Exactly(Precision::Int8)) {
        Err(BackendError::UnsupportedPrecision { supported, .. }) => {
            assert_eq!(supported, [Precision::F32, Precision::F16]);
            Ok(())
        }
        _ => Err(Failure::new("a precision that no file has was opened")),
    }
}

fn a_file_that_is_no_graph_is_refused() -> Result<(), Failure> {
    let place = Place::new()?;
    let whole = fs::read(place.graph())?;
    for bytes in [&whole[..whole.len() / 2], b"no graph at all", b""] {
        fs::write(place.graph(), bytes)?;
        expect(&place.reason()?, &["model.onnx` cannot be loaded"])?;
    }
    Ok(())
}

fn an_unknown_operator_is_named_with_its_node() -> Result<(), Failure> {
    let place = Place::new()?;
    place.replace("Softmax", "Saftmax")?;
    expect(&place.reason()?, &["cannot be loaded", "Saftmax", "Saftmax_"])
}

fn an_input_that_is_not_had_is_named() -> Result<(), Failure> {
    let place = Place::new()?;
    place.replace("token_type_ids", "pixel_values__")?;
    expect(&place.reason()?, &["wants an input `pixel_values__`"])
}

/// The settings of the folder say another length of states than the graph gives.
fn a_graph_of_another_size_is_refused() -> Result<(), Failure> {
    let place = Place::new()?;
    let path = place.folder.path().join("config.json");
    let config = fs::read_to_string(&path)?.replace("\"hidden_size\": 64", "\"hidden_size\": 48");
    fs::write(path, config)?;
    expect(&place.reason()?, &["states of 64 values", "its settings say 48"])
}

fn a_graph_that_gives_nothing_known_is_refused() -> Result<(), Failure> {
    let place = Place::new()?;
    place.replace("last_hidden_state", "lost_hidden_state")?;
    place.replace("sentence_embedding", "sentence_embedded_")?;
    expect(&place.reason()?, &["`lost_hidden_state`, `sentence_embedded_`", "none of which is known"])
}
