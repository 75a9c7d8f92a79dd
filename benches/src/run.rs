//! Runs a suite.

use std::time::Duration;

use crate::BenchError;
use crate::machine::Watch;
use crate::measure::{Bench, Effort};
use crate::peak::Peak;
use crate::rows::{Body, Origin, Row};
use crate::study::{
    AccuracyOptions, SustainOptions, SweepOptions, accuracy, sustain, sweep_batch, sweep_workers,
};
use crate::suite::{Cell, Skipped, Studies, Suite, plan};
use crate::workload::Workload;

/// Measures every cell of `suite` that this machine can, names the others, and asks what the suite asks behind them. `tell`
/// hears what is done.
///
/// # Errors
/// A workload has no texts, or nothing can be measured at all.
pub fn run_suite(bench: &Bench, suite: &Suite, tell: &mut dyn FnMut(&str)) -> Result<Vec<Row>, BenchError> {
    let origin = Origin::here(&suite.name);
    let plan = plan(&suite.matrix, &mbed::probe());
    tell("measuring what the processor can do at best");
    let peak = Peak::measure();
    // Begun after the peak: what that used is nobody else's.
    let mut watch = Watch::begin();
    let mut bodies = vec![Body::Peak(peak)];
    let mut skipped = plan.skipped;
    let same_texts = |(left, some): &(Cell, _), (right, others): &(Cell, _)| {
        left.model == right.model && left.workload == right.workload && some == others
    };
    let effort = Effort {
        rounds: suite.rounds,
        round_seconds: suite.round_seconds,
        warm_up_rounds: suite.warm_up_rounds,
    };
    for group in plan.cells.chunk_by(same_texts) {
        let Some((first, count)) = group.first() else { continue };
        let workload = Workload::new(&first.workload, *count)?;
        tell(&format!("{}: {}", workload.name, workload.description));
        let cells: Vec<Cell> = group.iter().map(|(cell, _)| cell.clone()).collect();
        let measured = bench.measure((&cells, &workload), effort, (&peak, &mut watch), tell)?;
        bodies.extend(measured.done.into_iter().map(|done| Body::Throughput(Box::new(done))));
        skipped.extend(measured.skipped);
    }
    let measured: Vec<Cell> = bodies.iter().filter_map(cell_of).collect();
    let Some(model) = measured.first().map(|cell| cell.model.clone()) else {
        let name = |left: &Skipped| format!("{}: {}", left.cell.key(), left.reason);
        return Err(BenchError::NothingToMeasure { skipped: skipped.iter().map(name).collect() });
    };
    bodies.extend(skipped.into_iter().map(Body::Skipped));
    bodies.extend(doubts(&watch, &origin));
    let mut rows: Vec<Row> = bodies.into_iter().map(|body| origin.row(body)).collect();
    if let Some(studies) = &suite.studies {
        rows.extend(ask(bench, studies, (&model, &measured), tell)?);
    }
    Ok(rows)
}

fn cell_of(body: &Body) -> Option<Cell> {
    match body {
        Body::Throughput(done) => Some(done.cell.clone()),
        _ => None,
    }
}

/// What a suite asks behind its cells, of the program's own choices for a model.
fn ask(
    bench: &Bench,
    studies: &Studies,
    (model, measured): (&str, &[Cell]),
    tell: &mut dyn FnMut(&str),
) -> Result<Vec<Row>, BenchError> {
    let own = Cell::of(model, studies.workload.clone());
    let batches = SweepOptions {
        cell: own.clone(),
        values: studies.batch_rows.clone(),
        texts: studies.texts.clone(),
        rounds: studies.rounds,
        round_seconds: studies.round_seconds,
    };
    let workers = SweepOptions { values: studies.workers.clone(), ..batches.clone() };
    let mut rows = Vec::new();
    if !batches.values.is_empty() {
        rows.extend(sweep_batch(bench, &batches, tell)?);
    }
    if !workers.values.is_empty() {
        rows.extend(sweep_workers(bench, &workers, tell)?);
    }
    if let (Some(cells), true) = (with_reference(measured, &own), studies.accuracy_texts > 0) {
        let (reference, cells) = cells;
        let options = AccuracyOptions { reference, cells, texts: Some(studies.accuracy_texts), pairs: None };
        rows.extend(accuracy(bench, &options, tell)?);
    }
    if studies.sustain_seconds > 0.0 {
        let [duration, window] =
            [studies.sustain_seconds, studies.window_seconds].map(Duration::from_secs_f64);
        rows.extend(sustain(bench, &SustainOptions { cell: own, duration, window }, tell)?);
    }
    Ok(rows)
}

/// The variants that were measured on the texts of `own`, one in f32 among them as the reference: candle's where there is
/// one, which shares no arithmetic with the others.
fn with_reference(measured: &[Cell], own: &Cell) -> Option<(Cell, Vec<Cell>)> {
    let fits = |cell: &&Cell| {
        cell.workload == own.workload && cell.model == own.model && cell.batch_tokens == own.batch_tokens
    };
    let mut cells: Vec<Cell> = measured.iter().filter(fits).cloned().collect();
    // Lists of a suite may overlap.
    let all = cells.clone();
    let mut number = 0;
    cells.retain(|cell| {
        number += 1;
        all.iter().position(|first| first == cell) == Some(number - 1)
    });
    let exact = |cell: &Cell| cell.precision == "f32";
    let place = cells.iter().position(|cell| exact(cell) && cell.backend == "candle");
    let place = place.or_else(|| cells.iter().position(exact))?;
    Some((cells.remove(place), cells))
}

/// Why the figures deserve a second look.
pub(crate) fn doubts(watch: &Watch, origin: &Origin) -> Vec<Body> {
    let mut found = watch.warnings();
    if origin.profile != "release" {
        found.push(format!("a {} build was measured; build with `--release`", origin.profile));
    }
    found.into_iter().map(|text| Body::Warning { text }).collect()
}
