//! Cases × backends × devices × precisions × models.

use std::path::Path;
use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use mbed_core::{Backend, ModelSource, Precision, Probe};
use mbed_cpu::Level;
use mbed_tests::contract::{CASES, Case, Need, refusal_names_the_architecture};
use mbed_tests::fake::FakeOptions;
use mbed_tests::models::{self, ModelFolder};
use mbed_tests::{Bench, Failure, required};

use crate::subjects::{self, Subject};

/// Where the contract is written down.
const CONTRACT: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/mbed-core/src/backend.rs"));

/// What `MBEDTEST_REQUIRE` calls the default model.
const MODEL: &str = "model";

/// Every trial of this machine.
pub(crate) fn all() -> Vec<Trial> {
    let mut trials = vec![
        test("every_sentence_of_the_contract_has_a_case".to_owned(), sentences),
        test("every_architecture_has_a_model".to_owned(), architectures),
    ];
    for (name, options) in subjects::fakes() {
        trials.extend(fake_trials(name, &options));
    }
    let fixtures = models::fixtures();
    let default_model = models::default_model();
    for subject in subjects::backends() {
        trials.extend(subject_trials(&subject, &fixtures, &default_model));
    }
    trials
}

fn subject_trials(
    subject: &Subject,
    fixtures: &Result<Vec<ModelFolder>, Failure>,
    default_model: &Result<ModelFolder, Failure>,
) -> Vec<Trial> {
    let name = subject.backend.name();
    let probe = subject.backend.probe();
    if let Probe::Absent(reason) = &probe {
        let (reason, needed) = (reason.clone(), required(name));
        return vec![missing(&format!("{name}/any_device"), &format!("needs {name}"), (&reason, needed))];
    }
    let mut trials = Vec::new();
    for device in probe.devices() {
        for &precision in &device.precisions {
            let place = Place { backend: Arc::clone(&subject.backend), device: device.id.index, precision };
            let path = if subject.path.is_empty() { String::new() } else { format!("@{}", subject.path) };
            let prefix = format!("{}{path}/{precision}", device.id);
            match fixtures {
                Ok(fixtures) => {
                    trials.extend(fixtures.iter().flat_map(|model| place.trials(&prefix, subject, model)));
                    let graphs =
                        fixtures.iter().filter(|model| subject.graphs.contains(&model.name.as_str()));
                    trials.extend(graphs.flat_map(|model| place.graph_trials(&prefix, model)));
                }
                Err(failure) => trials.push(failed(format!("{prefix}/fixtures"), failure.clone())),
            }
            match default_model {
                // Plain loops take minutes for it in a build for tests; the small models go every path that it does.
                Ok(_) if subject.path == Level::Portable.name() => {}
                Ok(model) => trials.extend(place.trials(&prefix, subject, model)),
                Err(failure) => {
                    let cases = CASES.iter().filter(|case| case.can_run(&[Need::Golden]));
                    let name = |case: &Case| format!("{prefix}/default-model/{}", case.name);
                    let reason = failure.to_string();
                    let why = (reason.as_str(), required(MODEL));
                    trials.extend(cases.map(|case| missing(&name(case), "needs the default model", why)));
                }
            }
        }
    }
    trials
}

/// Where sessions are opened.
#[derive(Clone)]
struct Place {
    backend: Arc<dyn Backend>,
    device: u32,
    precision: Precision,
}

impl Place {
    fn trials(&self, prefix: &str, subject: &Subject, model: &ModelFolder) -> Vec<Trial> {
        let prefix = format!("{prefix}/{}", model.name);
        if !subject.architectures.contains(&model.architecture.as_str()) {
            let (place, model) = (self.clone(), model.clone());
            let refusal = move || refusal_names_the_architecture(&place.bench(&model)?, &model.architecture);
            return vec![test(format!("{prefix}/refusal_names_the_architecture"), refusal)];
        }
        let mut provided = vec![Need::Golden];
        if model.has_prompted() {
            provided.push(Need::PromptedGolden);
        }
        let cases = CASES.iter().filter(|case| case.can_run(&provided));
        let trial = |case: &'static Case| {
            let (place, model) = (self.clone(), model.clone());
            test(format!("{prefix}/{}", case.name), move || (case.run)(&place.bench(&model)?))
        };
        cases.map(trial).collect()
    }

    /// The same for the model's graph in a folder of its own without weights. It is written anew for each trial, as each
    /// may run in a process of its own. A graph has the precisions of its files and not those of the device, so that case
    /// is left out; `onnx` proves what it would.
    fn graph_trials(&self, prefix: &str, model: &ModelFolder) -> Vec<Trial> {
        let cases = CASES.iter().filter(|case| case.can_run(&[Need::Golden]));
        let cases = cases.filter(|case| case.name != "what_is_not_there_is_refused");
        let trial = |case: &'static Case| {
            let (place, model) = (self.clone(), model.clone());
            test(format!("{prefix}/graph-of-{}/{}", model.name, case.name), move || {
                let folder = tempfile::tempdir()?;
                let graph = graph_of(&model, place.precision, folder.path())?;
                (case.run)(&place.bench(&graph)?)
            })
        };
        cases.map(trial).collect()
    }

    fn bench(&self, model: &ModelFolder) -> Result<Bench, Failure> {
        Bench::of_model(Arc::clone(&self.backend), self.device, self.precision, model)
    }
}

fn graph_of(model: &ModelFolder, precision: Precision, folder: &Path) -> Result<ModelFolder, Failure> {
    let ModelSource::Spec { spec, weights } = model.load()?.source else {
        return Err(Failure::new("only a model with a spec can be written as a graph"));
    };
    mbed_onnx::export(&spec, &weights, precision, &folder.join("onnx"))?;
    mbed_model::copy_without_encoder(&model.folder, folder)?;
    Ok(ModelFolder { folder: folder.to_owned(), ..model.clone() })
}

fn fake_trials(kind: &str, options: &FakeOptions) -> Vec<Trial> {
    let cases = CASES.iter().filter(|case| case.can_run(&[Need::Capacity]));
    let trial = |case: &'static Case| {
        let options = options.clone();
        let name = format!("fake:0/f32/{kind}/{}", case.name);
        test(name, move || (case.run)(&Bench::of_fake(options)?))
    };
    cases.map(trial).collect()
}

/// What no model is there for is proven by nothing, and the CPU backend must run every family that has a spec.
fn architectures() -> Result<(), Failure> {
    let fixtures = models::fixtures()?;
    for subject in subjects::backends() {
        for architecture in &subject.architectures {
            if !fixtures.iter().any(|model| model.architecture == *architecture) {
                return Err(Failure::new(format!("no model of the architecture `{architecture}`")));
            }
        }
        let mut families = mbed_model::known_families();
        families.push("static");
        if subject.backend.name() == "cpu" && subject.architectures != families {
            return Err(Failure::new(format!("families with a spec are {families:?}")));
        }
    }
    Ok(())
}

/// The sentences of the contract are set in italics where they are written down.
fn sentences() -> Result<(), Failure> {
    let documentation = CONTRACT.split("pub trait Session").next().unwrap_or_default();
    let documentation = documentation.rsplit("The contract, each sentence").next().unwrap_or_default();
    let text = documentation.replace("///", "");
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ").replace("* *", "**").replace("**", "*");
    let mut written: Vec<&str> = text.split('*').skip(1).step_by(2).collect();
    let mut proven: Vec<&str> = CASES.iter().filter_map(|case| case.sentence).collect();
    written.sort_unstable();
    proven.sort_unstable();
    if written == proven {
        return Ok(());
    }
    Err(Failure::new(format!("written down: {written:#?}, proven: {proven:#?}")))
}

fn test(name: String, run: impl FnOnce() -> Result<(), Failure> + Send + 'static) -> Trial {
    Trial::test(name, move || run().map_err(Failed::from))
}

fn failed(name: String, failure: Failure) -> Trial {
    test(name, || Err(failure))
}

/// Something that this machine does not have: ignored and marked with what it needs, or failed where that was
/// required. The reason shows where it is run all the same.
fn missing(name: &str, need: &str, (reason, is_required): (&str, bool)) -> Trial {
    let trial = failed(name.to_owned(), Failure::new(reason).during("missing on this machine"));
    if is_required { trial } else { trial.with_kind(need).with_ignored_flag(true) }
}
