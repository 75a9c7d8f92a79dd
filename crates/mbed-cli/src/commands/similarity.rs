//! `mbed similarity`

use clap::Args;

use super::model_options::ModelOptions;
use crate::failure::Failure;
use crate::invocation::Invocation;
use crate::progress::Bars;
use crate::settings_options::Flags;
use crate::status::Status;

/// Compare one text with others: the cosine of their vectors, the most similar first
#[derive(Debug, Args)]
pub(crate) struct SimilarityArguments {
    /// The text that the others are compared with
    query: String,
    /// The others
    #[arg(required = true, num_args = 1..)]
    texts: Vec<String>,
    #[command(flatten)]
    model: ModelOptions,
    /// Print one JSON array of objects with `text` and `cosine`, in the order of the texts
    #[arg(long)]
    json: bool,
}

impl SimilarityArguments {
    pub(crate) fn flags(&self) -> Flags {
        self.model.flags()
    }
}

pub(crate) fn run(arguments: &SimilarityArguments, invocation: &Invocation) -> Result<Status, Failure> {
    let printer = &invocation.printer;
    let bars = Bars::new(printer);
    let mut opened = mbed::open(invocation.settings(), &invocation.context(&bars)?)?;
    let texts: Vec<&str> =
        std::iter::once(&arguments.query).chain(&arguments.texts).map(String::as_str).collect();
    let vectors = opened.embedder.embed(&texts)?;
    let query = vectors.get(0).unwrap_or_default();
    let cosines = vectors.iter().skip(1).map(|vector| cosine(query, vector));
    let mut rows: Vec<(f64, &str)> = cosines.zip(arguments.texts.iter().map(String::as_str)).collect();
    if arguments.json {
        let rows: Vec<_> =
            rows.iter().map(|(cosine, text)| serde_json::json!({ "text": text, "cosine": cosine })).collect();
        printer.data(&serde_json::Value::from(rows).to_string());
        return Ok(Status::Success);
    }
    rows.sort_by(|(left, _), (right, _)| right.total_cmp(left));
    for (cosine, text) in rows {
        printer.data(&format!("{cosine:7.4}  {text}"));
    }
    Ok(Status::Success)
}

/// The cosine of the angle between two vectors, 0 where one has no length.
fn cosine(left: &[f32], right: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
    let lengths = (dot(left, left) * dot(right, right)).sqrt();
    if lengths > 0.0 { dot(left, right) / lengths } else { 0.0 }
}
