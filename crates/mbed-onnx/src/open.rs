//! From a model in one of its forms to a session.

use mbed_core::spec::EncoderSpec;
use mbed_core::{BackendError, GraphFile, GraphModel, Precision, PrecisionChoice, Weights};

use crate::encoder::Encoder;
use crate::errors::{DEVICE, OpenResult};
use crate::export::{Operators, Products, states_model};
use crate::limits::Limits;
use crate::load::{Loader, Outline};
use crate::processor::weight_range;
use crate::session::{OnnxSession, Parts};

/// What the device computes in. Binary32 is first: 8 bits are for those who ask for them, and processors mostly compute
/// binary16 as binary32.
pub(crate) const PRECISIONS: [Precision; 3] = [Precision::F32, Precision::F16, Precision::Int8];

/// A model that is written as a graph for this session alone.
pub(crate) fn spec(
    (spec, weights): (&EncoderSpec, &Weights),
    choice: PrecisionChoice,
    loader: &Loader<'_>,
) -> OpenResult<OnnxSession> {
    let precision = match choice {
        PrecisionChoice::Auto => Precision::F32,
        PrecisionChoice::Exactly(precision) if PRECISIONS.contains(&precision) => precision,
        PrecisionChoice::Exactly(precision) => return Err(refused(precision, PRECISIONS.to_vec())),
    };
    let products = match precision {
        Precision::F16 => Products::F16,
        Precision::Int8 => Products::Int8(weight_range(), Operators::OfOnnxRuntime),
        _ => Products::F32,
    };
    let written = states_model(spec, weights, products)?;
    let bytes = written.weight_bytes();
    let inputs = written.inputs.clone();
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let outline = Outline { inputs: &inputs, longest: spec.position.max_tokens() };
    let encoder = Encoder::inspect(loader.written(written, outline)?, spec.hidden)?;
    let parts = Parts {
        encoder,
        hidden: spec.hidden,
        limits: Limits::of(spec),
        head: &spec.head,
        head_weights: weights,
        precision,
        weights: Some(bytes),
    };
    OnnxSession::assemble(parts, loader)
}

/// A model whose graph somebody else wrote.
pub(crate) fn graph(
    model: &GraphModel,
    choice: PrecisionChoice,
    loader: &Loader<'_>,
) -> OpenResult<OnnxSession> {
    let file = chosen(&model.files, choice)?;
    let encoder = Encoder::inspect(loader.file(&file.path)?, model.hidden)?;
    let parts = Parts {
        limits: Limits::of_graph(model, encoder.has_segments()),
        encoder,
        hidden: model.hidden,
        head: &model.head,
        head_weights: &model.head_weights,
        // A file that says nothing of itself takes and gives binary32.
        precision: file.precision.unwrap_or(Precision::F32),
        weights: None,
    };
    OnnxSession::assemble(parts, loader)
}

fn chosen(files: &[GraphFile], choice: PrecisionChoice) -> OpenResult<&GraphFile> {
    let known = || files.iter().filter_map(|file| file.precision).collect();
    match choice {
        PrecisionChoice::Auto => files.first().ok_or_else(|| refused(Precision::F32, known())),
        PrecisionChoice::Exactly(precision) => {
            let found = files.iter().find(|file| file.precision == Some(precision));
            found.ok_or_else(|| refused(precision, known()))
        }
    }
}

const fn refused(precision: Precision, supported: Vec<Precision>) -> BackendError {
    BackendError::UnsupportedPrecision { device: DEVICE, precision, supported }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_the_one_of_the_precision() {
        let file = |name: &str, precision| GraphFile { path: name.into(), precision };
        let files = [file("a", Some(Precision::F32)), file("b", Some(Precision::Int8)), file("c", None)];
        let check = |choice, expected: Option<&str>| {
            let found = chosen(&files, choice).ok().map(|file| file.path.clone());
            assert_eq!(found, expected.map(Into::into), "{choice}");
        };
        check(PrecisionChoice::Auto, Some("a"));
        check(PrecisionChoice::Exactly(Precision::Int8), Some("b"));
        check(PrecisionChoice::Exactly(Precision::F16), None);
    }
}
