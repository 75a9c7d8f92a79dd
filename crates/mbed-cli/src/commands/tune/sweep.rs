//! Many settings on few texts, then the better half on more: successive halving.

use std::convert::Infallible;
use std::time::Duration;

use mbed::{Cancel, Context, EngineError, RunError, RunStats, Silent};
use serde::Serialize;

use super::plan::{Plan, Trial};
use crate::failure::Failure;

/// After each round this part of the settings is left.
const LEFT: usize = 3;
/// Fewer texts say nothing.
const FEWEST: usize = 32;

/// A trial, and how fast it was when it was last measured.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Measured {
    #[serde(flatten)]
    pub(super) trial: Trial,
    /// Rounds that it came through, the more the better it is.
    pub(super) rounds: usize,
    pub(super) texts: usize,
    pub(super) texts_per_s: f64,
    pub(super) tokens_per_s: f64,
}

/// Measures every trial of `plan`. The best comes first.
pub(super) fn sweep(
    plan: &Plan,
    texts: &[String],
    time: Duration,
    (context, say): (&Context<'_>, &mut dyn FnMut(&str)),
) -> Result<Vec<Measured>, Failure> {
    let rounds = rounds(plan.trials.len());
    // What a text takes, from the first that are measured on.
    let mut pace = None;
    let mut trials = plan.trials.clone();
    let mut results: Vec<Measured> = Vec::new();
    for round in 1..=rounds {
        let each = time.div_f64(rounds as f64 * trials.len() as f64);
        let mut measured = Vec::new();
        for crew in crews(&trials) {
            let of_crew = trials.iter().copied().filter(|trial| trial.crew == crew);
            for found in measure_crew(plan, of_crew.collect(), (texts, each, &mut pace), context)? {
                match found {
                    Ok(found) => measured.push(Measured { rounds: round, ..found }),
                    Err((trial, error)) => say(&format!("{} tokens a batch: {error}", trial.max_tokens)),
                }
            }
        }
        measured.sort_by(|a, b| b.tokens_per_s.total_cmp(&a.tokens_per_s));
        let left = measured.len().div_ceil(LEFT);
        say(&format!("round {round} of {rounds}: {} settings measured, {left} go on", measured.len()));
        trials = measured.iter().take(left).map(|found| found.trial).collect();
        results.retain(|old| measured.iter().all(|new| new.trial != old.trial));
        measured.append(&mut results);
        results = measured;
    }
    Ok(results)
}

/// Until two or three are left, which are measured once more.
fn rounds(trials: usize) -> usize {
    std::iter::successors(Some(trials), |left| Some(left.div_ceil(LEFT))).take_while(|&left| left > 1).count()
}

fn crews(trials: &[Trial]) -> Vec<super::plan::Crew> {
    let mut crews = Vec::new();
    for trial in trials {
        if !crews.contains(&trial.crew) {
            crews.push(trial.crew);
        }
    }
    crews
}

type Tried = Result<Measured, (Trial, EngineError)>;

/// Opens the model once for trials with the same crew, and measures each for about the time of `each`.
fn measure_crew(
    plan: &Plan,
    trials: Vec<Trial>,
    (texts, each, pace): (&[String], Duration, &mut Option<f64>),
    context: &Context<'_>,
) -> Result<Vec<Tried>, Failure> {
    let Some(first) = trials.first() else { return Ok(Vec::new()) };
    let mut opened = mbed::open(&plan.settings_of(*first), context)?;
    let mut found = Vec::new();
    for trial in trials {
        let engine = opened.embedder.engine_mut();
        engine.set_batching(plan.settings_of(trial).batching);
        let known = match *pace {
            Some(pace) => pace,
            None => {
                // The first run pays for what is not warm, the second tells how many texts there is time for.
                let some = texts.get(..FEWEST.min(texts.len())).unwrap_or(texts);
                let stats = run(engine, some).and_then(|_warm| run(engine, some));
                let seconds = stats.map_or(0.0, |stats| stats.elapsed.as_secs_f64());
                *pace.insert((seconds / some.len() as f64).max(1e-6))
            }
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count, and casts saturate"
        )]
        let count = ((each.as_secs_f64() / known) as usize).max(FEWEST).min(texts.len());
        let some = texts.get(..count).unwrap_or(texts);
        found.push(match run(engine, some) {
            Ok(stats) => Ok(Measured {
                trial,
                rounds: 0,
                texts: some.len(),
                texts_per_s: stats.texts_per_second(),
                tokens_per_s: stats.tokens_per_second(),
            }),
            Err(error) => Err((trial, error)),
        });
    }
    Ok(found)
}

/// Embeds texts with all sessions, and forgets the vectors.
fn run(engine: &mut mbed::Engine, texts: &[String]) -> Result<RunStats, EngineError> {
    let mut source = Once(Some(Texts(texts)));
    match engine.run(&mut source, &mut Nowhere(std::marker::PhantomData), &Silent, &Cancel::new()) {
        Ok(stats) => Ok(stats),
        Err(RunError::Engine(error)) => Err(error),
        Err(RunError::Read(never) | RunError::Write(never)) => match never {},
    }
}

/// Texts in memory.
struct Texts<'a>(&'a [String]);

impl mbed::Rows for Texts<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn text(&self, row: usize) -> &str {
        self.0.get(row).map_or("", String::as_str)
    }

    fn name(&self, row: usize) -> String {
        format!("text {row}")
    }
}

/// One window.
struct Once<'a>(Option<Texts<'a>>);

impl<'a> mbed::Source for Once<'a> {
    type Rows = Texts<'a>;
    type Error = Infallible;

    fn next_rows(&mut self) -> Result<Option<Texts<'a>>, Infallible> {
        Ok(self.0.take())
    }
}

struct Nowhere<'a>(std::marker::PhantomData<&'a ()>);

impl<'a> mbed::Sink for Nowhere<'a> {
    type Rows = Texts<'a>;
    type Error = Infallible;

    fn write(&mut self, _rows: &Texts<'a>, _vectors: &mbed::Embeddings) -> Result<(), Infallible> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_go_on_until_one_is_left() {
        assert_eq!([1, 2, 3, 14, 56].map(rounds), [0, 1, 1, 3, 4]);
    }
}
