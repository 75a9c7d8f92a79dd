//! Runtimes × precisions × models.

use libtest_mimic::{Failed, Trial};
use mbed_core::settings::PromptChoice;
use mbed_core::{Embeddings, ModelSource, Precision};
use mbed_tests::models::{self, GoldenModel, ModelFolder};
use mbed_tests::python::Python;
use mbed_tests::{Failure, required};
use mbed_text::Encoded;
use serde_json::json;

use crate::runtimes::{Nearness, RUNTIMES, Runtime};

/// Every trial of this machine.
pub(crate) fn all() -> Vec<Trial> {
    let python = Python::of_environment();
    let mut folders = match models::fixtures() {
        Ok(folders) => folders,
        Err(failure) => return vec![Trial::test("fixtures", || Err(failure.into()))],
    };
    folders.extend(models::default_model());
    RUNTIMES.iter().flat_map(|runtime| trials(&python, *runtime, &folders)).collect()
}

fn trials(python: &Python, runtime: Runtime, folders: &[ModelFolder]) -> Vec<Trial> {
    if let Err(failure) = python.has(runtime.package) {
        let need = format!("needs Python with {}", runtime.package);
        let trial = Trial::test(format!("{}/any", runtime.name), || Err(failure.into()));
        let is_ignored = !required(&format!("python-{}", runtime.package));
        return vec![trial.with_kind(need).with_ignored_flag(is_ignored)];
    }
    let mut trials = Vec::new();
    for &(precision, nearness) in runtime.precisions {
        for folder in folders {
            let name = format!("{}/{precision}/{}", runtime.name, folder.name);
            let (python, folder) = (python.clone(), folder.clone());
            let run =
                move || try_export(&python, runtime, &folder, (precision, nearness)).map_err(Failed::from);
            trials.push(Trial::test(name, run));
        }
    }
    trials
}

/// Exports a model and gives it to a runtime.
fn try_export(
    python: &Python,
    runtime: Runtime,
    folder: &ModelFolder,
    (precision, nearness): (Precision, Nearness),
) -> Result<(), Failure> {
    let model = folder.load()?;
    // What has no encoder spec is nobody's to export, and refused before anything is written.
    let ModelSource::Spec { spec, weights } = &model.source else { return Ok(()) };
    let target = tempfile::tempdir()?;
    let written = mbed_onnx::export(spec, weights, precision, target.path())?;
    let (sequences, expected) = whole_sequences(&model)?;
    let said = runtime.run(python, &written.model, &sequences)?;
    let Some(tolerance) = nearness.tolerance() else { return Ok(()) };
    let rows: Vec<Vec<f32>> = serde_json::from_str(&said)?;
    tolerance.check(&matrix(&rows), &expected)?;
    Ok(())
}

/// The texts that are pooled whole, as a graph has no spans, and their known vectors.
fn whole_sequences(model: &GoldenModel) -> Result<(String, Embeddings), Failure> {
    let encoded = model.encode(PromptChoice::Text(String::new()))?;
    let is_whole = |text: &Encoded| text.pooled == (0..text.tokens.len());
    let pairs = encoded.iter().zip(model.golden.vectors.iter());
    let (texts, vectors): (Vec<&Encoded>, Vec<Vec<f32>>) =
        pairs.filter(|(text, _)| is_whole(text)).map(|(text, vector)| (text, vector.to_vec())).unzip();
    if texts.is_empty() {
        return Err(Failure::new("no text is pooled whole"));
    }
    let sequence = |text: &&Encoded| {
        let ids: Vec<u32> = text.tokens.iter().map(|token| token.id).collect();
        let type_ids: Vec<u32> = text.tokens.iter().map(|token| token.type_id).collect();
        json!({ "ids": ids, "type_ids": type_ids })
    };
    let sequences: Vec<_> = texts.iter().map(sequence).collect();
    Ok((json!({ "sequences": sequences }).to_string(), matrix(&vectors)))
}

fn matrix(rows: &[Vec<f32>]) -> Embeddings {
    let mut matrix = Embeddings::new();
    matrix.reset(rows.len(), rows.first().map_or(0, Vec::len));
    let values: Vec<f32> = rows.concat();
    // Rows of several lengths would differ in their sum, which the shape then shows.
    if values.len() == matrix.values().len() {
        matrix.values_mut().copy_from_slice(&values);
    }
    matrix
}
