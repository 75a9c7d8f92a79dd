//! The charts of a report, each with what it shows in words.

use super::bars::{Bar, bars};
use super::lines::{Axis, Line, LineKind, Scale, lines};
use crate::BenchError;
use crate::peak::Peak;
use crate::rows::{Accuracy, Body, Peer, Row, Sustained, SweepPoint, Throughput};
use crate::stats::median_of;
use crate::suite::BatchTokens;
use crate::workload::WorkloadName;

/// A chart with what stands around it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Figure {
    pub(crate) title: String,
    pub(crate) svg: String,
    /// Names of series with the numbers of their colours; `None` is a line that others are compared with.
    pub(crate) legend: Vec<(String, Option<usize>)>,
    pub(crate) note: String,
}

/// Results by their kind.
#[derive(Debug, Default)]
pub(crate) struct Results<'a> {
    pub(crate) throughput: Vec<&'a Throughput>,
    pub(crate) sweeps: Vec<&'a SweepPoint>,
    pub(crate) sustained: Vec<&'a Sustained>,
    pub(crate) accuracy: Vec<&'a Accuracy>,
    pub(crate) peers: Vec<&'a Peer>,
    pub(crate) peak: Option<Peak>,
    /// Every device and precision that was measured; the place in it is its colour.
    pub(crate) variants: Vec<String>,
}

impl<'a> Results<'a> {
    pub(crate) fn of(rows: &'a [Row]) -> Self {
        let mut found = Self::default();
        for row in rows {
            match &row.body {
                Body::Throughput(done) => found.throughput.push(done),
                Body::Sweep(point) => found.sweeps.push(point),
                Body::Sustained(run) => found.sustained.push(run),
                Body::Accuracy(compared) => found.accuracy.push(compared),
                Body::Peer(peer) => found.peers.push(peer),
                Body::Peak(peak) => found.peak = Some(*peak),
                Body::Advice(_) | Body::Skipped(_) | Body::Warning { .. } => {}
            }
        }
        for done in &found.throughput {
            let name = variant(done);
            if !found.variants.contains(&name) {
                found.variants.push(name);
            }
        }
        found
    }

    fn color(&self, variant: &str) -> usize {
        self.variants.iter().position(|name| name == variant).unwrap_or_default()
    }

    /// Measurements with the program's own batches and one worker, which are compared with each other.
    pub(crate) fn plain(&self) -> impl Iterator<Item = &'a Throughput> {
        let is_plain = |done: &&Throughput| done.cell.batch_tokens == BatchTokens::Auto;
        self.throughput.iter().copied().filter(is_plain)
    }
}

/// Device and precision, as they really were: `cpu:0 bf16`.
pub(crate) fn variant(done: &Throughput) -> String {
    format!("{} {}", done.opened.device, done.opened.precision)
}

/// Every chart that `rows` have something for.
///
/// # Errors
/// One cannot be drawn.
pub(crate) fn figures(rows: &[Row]) -> Result<Vec<Figure>, BenchError> {
    let results = Results::of(rows);
    let mut found = throughput(&results)?;
    let parts = [
        by_length(&results)?,
        roofline(&results)?,
        batch_tokens(&results)?,
        sweep(&results, "batch")?,
        sweep(&results, "workers")?,
        accuracy(&results)?,
    ];
    found.extend(parts.into_iter().flatten());
    for run in &results.sustained {
        found.extend(sustained(run)?);
    }
    found.extend(peers(&results)?);
    Ok(found)
}

fn names_of(rows: &[&Throughput]) -> Vec<(String, WorkloadName)> {
    let mut names: Vec<(String, WorkloadName)> = Vec::new();
    for done in rows {
        let name = (done.cell.model.clone(), done.cell.workload.clone());
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn throughput(results: &Results<'_>) -> Result<Vec<Figure>, BenchError> {
    let plain: Vec<&Throughput> =
        results.plain().filter(|done| !matches!(done.cell.workload, WorkloadName::Constant(_))).collect();
    let mut found = Vec::new();
    for (model, workload) in names_of(&plain) {
        let of_name = plain.iter().filter(|done| done.cell.model == model && done.cell.workload == workload);
        let mut rows: Vec<&&Throughput> = of_name.collect();
        rows.sort_by(|a, b| b.texts_per_s.median.total_cmp(&a.texts_per_s.median));
        rows.dedup_by_key(|done| variant(done));
        let mean = rows.first().map_or(0.0, |done| done.opened.lengths.mean);
        let bar = |done: &&&Throughput| {
            let name = variant(done);
            let series = results.color(&name);
            Bar { name, value: done.texts_per_s, dots: done.rounds.clone(), series }
        };
        let title = format!("Texts a second: {workload}, {mean:.0} tokens on the average");
        let svg = bars(&title, &rows.iter().map(bar).collect::<Vec<_>>())?;
        let note = format!(
            "{model}. Bars are medians, lines their 95 % intervals, dots single rounds; every variant had its turn in \
             each round."
        );
        found.push(Figure { title, svg, legend: Vec::new(), note });
    }
    Ok(found)
}

fn by_length(results: &Results<'_>) -> Result<Option<Figure>, BenchError> {
    let constant = |done: &Throughput| match done.cell.workload {
        WorkloadName::Constant(tokens) => Some((tokens as f64, done.tokens_per_s.median)),
        _ => None,
    };
    let found =
        by_variant(results, results.plain().filter_map(|done| Some((variant(done), constant(done)?))));
    let axes = [
        Axis { name: "tokens of a text", scale: Scale::Log },
        Axis { name: "tokens a second", scale: Scale::FromZero },
    ];
    let note = "Texts that all have the same length; attention costs more the longer they are.";
    figure("Tokens a second by length", found, &axes, note)
}

/// Points by variant, each a line with dots.
fn by_variant(results: &Results<'_>, points: impl Iterator<Item = (String, (f64, f64))>) -> Vec<Line> {
    let mut found: Vec<Line> = Vec::new();
    for (name, point) in points {
        match found.iter_mut().find(|line| line.name == name) {
            Some(line) => line.points.push(point),
            None => {
                let series = results.color(&name);
                found.push(Line { name, points: vec![point], kind: LineKind::Dotted, series });
            }
        }
    }
    for line in &mut found {
        line.points.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    found
}

/// A chart of lines; `None` where there is nothing on it.
fn figure(title: &str, found: Vec<Line>, axes: &[Axis; 2], note: &str) -> Result<Option<Figure>, BenchError> {
    if found.iter().all(|line| line.kind == LineKind::Bound || line.points.is_empty()) {
        return Ok(None);
    }
    let svg = lines(title, &found, [&axes[0], &axes[1]])?;
    let entry = |line: Line| (line.name, (line.kind != LineKind::Bound).then_some(line.series));
    let mut legend: Vec<(String, Option<usize>)> = found.into_iter().map(entry).collect();
    legend.dedup();
    Ok(Some(Figure { title: title.to_owned(), svg, legend, note: note.to_owned() }))
}

/// Operations for each byte of weights that a batch reads, and operations a second.
fn roofline(results: &Results<'_>) -> Result<Option<Figure>, BenchError> {
    let Some(peak) = results.peak else { return Ok(None) };
    let point = |done: &Throughput| {
        let batches = done.opened.lengths.tokens as f64 / mean_batch_tokens(done)?;
        let bytes = done.opened.weight_bytes? * batches.max(1.0);
        Some((done.opened.operations? / bytes, done.gflops?))
    };
    let mut found =
        by_variant(results, results.plain().filter_map(|done| Some((variant(done), point(done)?))));
    for line in &mut found {
        line.kind = LineKind::Points;
    }
    let reach = found.iter().flat_map(|line| &line.points).map(|point| point.0).fold(1.0, f64::max) * 2.0;
    let roofs = [("peak in bf16", peak.bf16_gflops), ("peak in f32", peak.f32_gflops)];
    for (name, best) in roofs {
        let Some(best) = best else { continue };
        let ridge = best / peak.read_gbytes.max(1e-9);
        let start = (ridge / 8.0, best / 8.0);
        let points = vec![start, (ridge, best), (reach.max(ridge * 2.0), best)];
        found.push(Line { name: name.to_owned(), points, kind: LineKind::Bound, series: 0 });
    }
    let axes = [
        Axis { name: "operations for each byte of weights", scale: Scale::Log },
        Axis { name: "GFLOP a second", scale: Scale::Log },
    ];
    let note = format!(
        "Roofs are what our own matrix products and plain reading reach on this machine with {} threads; reading: {:.0} GB a \
         second. A point is a backend and a workload, from text to vector.",
        peak.threads, peak.read_gbytes
    );
    figure("Roofline", found, &axes, &note)
}

/// Tokens of a batch on the average.
fn mean_batch_tokens(done: &Throughput) -> Option<f64> {
    done.batch_tokens_mean.filter(|&tokens| tokens > 0.0)
}

fn batch_tokens(results: &Results<'_>) -> Result<Option<Figure>, BenchError> {
    let point = |done: &&&Throughput| match done.cell.batch_tokens {
        BatchTokens::Exactly(tokens) => Some((tokens.get() as f64, done.texts_per_s.median)),
        BatchTokens::Auto => None,
    };
    let fixed = results.throughput.iter().filter_map(|done| Some((variant(done), point(&done)?)));
    let mut found = by_variant(results, fixed);
    let reach = |line: &Line| Some((line.points.first()?.0, line.points.last()?.0));
    let ends = found.first().and_then(reach);
    let own = results.plain().find(|done| {
        let fixed = |other: &&&Throughput| other.cell.batch_tokens != BatchTokens::Auto;
        let mut others = results.throughput.iter().filter(fixed);
        others.any(|other| other.cell.workload == done.cell.workload && other.cell.model == done.cell.model)
    });
    if let (Some((first, last)), Some(own)) = (ends, own) {
        let rate = own.texts_per_s.median;
        let points = vec![(first, rate), (last, rate)];
        found.push(Line {
            name: "the program's own choice".to_owned(),
            points,
            kind: LineKind::Bound,
            series: 0,
        });
    }
    let axes = [
        Axis { name: "tokens of a batch at most", scale: Scale::Log },
        Axis { name: "texts a second", scale: Scale::FromZero },
    ];
    figure("Batches by tokens", found, &axes, "Measured in turns with batches that size themselves.")
}

fn sweep(results: &Results<'_>, of: &str) -> Result<Option<Figure>, BenchError> {
    let (title, x) = match of {
        "batch" => ("Batch sizes", "rows of a batch"),
        _ => ("Workers", "copies of the model"),
    };
    let mut found: Vec<Line> = Vec::new();
    for point in results.sweeps.iter().filter(|point| point.of == of) {
        let name = format!("{} texts at a time", point.texts);
        let at = (point.value as f64, point.beside_default.median * 100.0);
        match found.iter_mut().find(|line| line.name == name) {
            Some(line) => line.points.push(at),
            None => {
                let series = found.len();
                found.push(Line { name, points: vec![at], kind: LineKind::Dotted, series });
            }
        }
    }
    let ends = found.iter().flat_map(|line| &line.points).map(|point| point.0);
    let (low, high) = ends.fold((f64::MAX, 0.0), |(low, high): (f64, f64), x| (low.min(x), high.max(x)));
    let name = "the program's own choice".to_owned();
    let points = vec![(low, 100.0), (high, 100.0)];
    found.push(Line { name, points, kind: LineKind::Bound, series: 0 });
    let axes =
        [Axis { name: x, scale: Scale::Log }, Axis { name: "% of the own choice", scale: Scale::FromZero }];
    figure(
        title,
        found,
        &axes,
        "Each point was measured in turns with the program's own choice, which is 100 %.",
    )
}

fn sustained(run: &Sustained) -> Result<Vec<Figure>, BenchError> {
    let name = format!("{} {}", run.opened.device, run.opened.precision);
    let series = |name: &str, number, points: Vec<(f64, f64)>| Line {
        name: name.to_owned(),
        points,
        kind: LineKind::Dotted,
        series: number,
    };
    let rates = run.windows.iter().map(|window| (window.seconds, window.texts_per_s)).collect();
    let ends: Vec<f64> = run.windows.iter().map(|window| window.seconds).collect();
    let mut found = vec![series(&name, 0, rates)];
    if let (Some(&first), Some(&last)) = (ends.first(), ends.last()) {
        let steady = run.texts_per_s.median;
        let points = vec![(first, steady), (last, steady)];
        let name = "median of the steady part".to_owned();
        found.push(Line { name, points, kind: LineKind::Bound, series: 0 });
    }
    let axes = [
        Axis { name: "seconds", scale: Scale::Around },
        Axis { name: "texts a second", scale: Scale::FromZero },
    ];
    let heats: Vec<(f64, f64)> =
        run.windows.iter().filter_map(|window| Some((window.seconds, window.celsius?))).collect();
    let mut note = sustained_note(run);
    if heats.is_empty() {
        note += " This machine shows no temperature.";
    }
    let mut figures: Vec<Figure> = figure("Sustained rate", found, &axes, &note)?.into_iter().collect();
    let axes = [Axis { name: "seconds", scale: Scale::Around }, Axis { name: "°C", scale: Scale::Around }];
    let heat = vec![series("the hottest sensor", 1, heats)];
    figures.extend(figure("Temperature meanwhile", heat, &axes, "At the end of each window.")?);
    Ok(figures)
}

/// The drift and what the first texts would have predicted, in words.
pub(crate) fn sustained_note(run: &Sustained) -> String {
    let drift = match run.trend {
        None => "Too short for a trend.".to_owned(),
        Some(trend) if trend.p > 0.05 => format!("No drift (p = {:.2}).", trend.p),
        Some(trend) => {
            let percent = trend.slope / run.texts_per_s.median.max(1e-9) * 100.0;
            format!("It drifts by {percent:+.2} % a window (p = {:.3}).", trend.p)
        }
    };
    let predicted = run.rehearsals.iter().map(|guess| {
        let wrong = (guess.predicted_s / guess.actual_s - 1.0) * 100.0;
        format!("{} texts {wrong:+.0} %", guess.texts)
    });
    let predicted: Vec<String> = predicted.collect();
    let warm = run.warm_up;
    let guesses = predicted.join(", ");
    format!(
        "{drift} Warm-up: {warm} windows. How wrong the whole time was, as the first texts predict it: {guesses}."
    )
}

fn accuracy(results: &Results<'_>) -> Result<Option<Figure>, BenchError> {
    let speed = |compared: &Accuracy| {
        let opened = &compared.opened;
        let same = |done: &&Throughput| {
            done.opened.device == opened.device && done.opened.precision == opened.precision
        };
        results.plain().find(|done| same(done)).map(|done| done.texts_per_s.median)
    };
    let mut found = Vec::new();
    for compared in &results.accuracy {
        let name = format!("{} {}", compared.opened.device, compared.opened.precision);
        let Some(rate) = speed(compared) else { continue };
        let series = results.color(&name);
        // The reference itself, and what has its very bits, stand at the last place that f32 can tell apart from 1.
        let distance = compared.distances[3].max(1e-7);
        found.push(Line { name, points: vec![(rate, distance)], kind: LineKind::Points, series });
    }
    let axes = [
        Axis { name: "texts a second", scale: Scale::Log },
        Axis { name: "1 − smallest cosine", scale: Scale::Log },
    ];
    figure("Accuracy against speed", found, &axes, "Right and below is better. The reference is f32.")
}

fn peers(results: &Results<'_>) -> Result<Vec<Figure>, BenchError> {
    let mut names: Vec<&str> = Vec::new();
    for peer in &results.peers {
        if !names.contains(&peer.texts.as_str()) {
            names.push(&peer.texts);
        }
    }
    let mut found = Vec::new();
    for name in names {
        let of_name = results.peers.iter().filter(|peer| peer.texts == name && !peer.rounds.is_empty());
        let bar = |peer: &&Peer| Bar {
            name: peer.engine.clone(),
            value: median_of(&peer.rounds),
            dots: peer.rounds.clone(),
            series: usize::from(!peer.engine.starts_with("mbed")),
        };
        let mut all: Vec<Bar> = of_name.map(bar).collect();
        all.sort_by(|a, b| b.value.median.total_cmp(&a.value.median));
        if all.is_empty() {
            continue;
        }
        let title = format!("Beside other engines: {name}");
        let svg = bars(&title, &all)?;
        let note =
            "Texts a second from text to normalised vector, in turns, each engine at its best batch size.";
        found.push(Figure { title, svg, legend: Vec::new(), note: note.to_owned() });
    }
    Ok(found)
}
