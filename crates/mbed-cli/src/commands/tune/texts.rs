//! The texts that `mbed tune` measures with.

use std::path::PathBuf;

use mbed::settings::Settings;
use mbed_pipeline::{Reader, plan_inputs};

use crate::commands::input_options::InputOptions;
use crate::failure::Failure;

/// More are not read: what is measured takes a part of them anyway.
const MOST: usize = 50_000;
/// So many are made up.
const MADE_UP: usize = 4096;

/// The texts of `inputs`, or made-up ones, in an order in which every beginning is like the whole.
pub(super) fn read_texts(
    inputs: &[PathBuf],
    options: &InputOptions,
    settings: &Settings,
) -> Result<Vec<String>, Failure> {
    let texts = if inputs.is_empty() { made_up() } else { read(inputs, options, settings)? };
    if texts.is_empty() {
        return Err(Failure::new(
            "there are no texts to measure with",
            Some("`--texts` names a file with some"),
        ));
    }
    Ok(mixed(texts))
}

fn read(inputs: &[PathBuf], options: &InputOptions, settings: &Settings) -> Result<Vec<String>, Failure> {
    let plan = plan_inputs(inputs, options.input_format.named()).map_err(Failure::pipeline)?;
    let mut reader = Reader::open(&plan, &options.read_options(settings)).map_err(Failure::pipeline)?;
    let mut texts = Vec::new();
    while let Some(window) = reader.next_window().map_err(Failure::pipeline)? {
        texts.extend(window.texts().take(MOST - texts.len()).map(str::to_owned));
        if texts.len() == MOST {
            break;
        }
    }
    Ok(texts)
}

/// Texts of 4 to 250 words, short ones more often, as lengths in real collections are.
fn made_up() -> Vec<String> {
    let words = [
        "the", "harbour", "wall", "was", "repaired", "after", "two", "winters", "of", "storms", "and", "rain",
    ];
    let text = |number: usize| {
        let part = (number * 37 % MADE_UP) as f64 / MADE_UP as f64;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "4 to 250")]
        let length = (4.0 * (250.0_f64 / 4.0).powf(part)) as usize;
        let word = |place: usize| words[(number * 7 + place * place + place * 3) % words.len()];
        (0..length).map(word).collect::<Vec<_>>().join(" ")
    };
    (0..MADE_UP).map(text).collect()
}

/// Files are often sorted; by steps of a golden section neighbours come far apart.
fn mixed(texts: Vec<String>) -> Vec<String> {
    let mut places: Vec<(usize, String)> = texts.into_iter().enumerate().collect();
    places.sort_by_key(|(number, _)| (*number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    places.into_iter().map(|(_, text)| text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_beginning_is_like_the_whole() {
        let texts = mixed((0..1000).map(|number| number.to_string()).collect());
        let early = texts.iter().take(100).filter(|text| text.parse::<usize>().unwrap() < 500).count();
        assert!((40..=60).contains(&early), "{early} of 100");
        let mut lengths: Vec<usize> = made_up().iter().map(|text| text.split(' ').count()).collect();
        lengths.sort_unstable();
        assert_eq!((lengths[0], lengths[lengths.len() - 1]), (4, 249));
        assert!(lengths[lengths.len() / 2] < 60, "short ones are more frequent");
    }
}
