//! How long texts are.

use serde::Deserialize;

use crate::BenchError;
use crate::random::Random;

/// How many words texts have, as a file tells.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lengths {
    /// What such texts are.
    pub(crate) description: String,
    /// Parts of all texts from 0 to 1, and the words that they have at most.
    words: Vec<(f64, f64)>,
    /// Texts where nobody says how many.
    pub(crate) texts: usize,
}

impl Lengths {
    /// Reads a file's text, which `origin` names.
    ///
    /// # Errors
    /// It is no such file, or its parts do not rise from 0 to 1.
    pub(crate) fn parse(text: &str, origin: &str) -> Result<Self, BenchError> {
        let bad = |reason: String| BenchError::BadFile { path: origin.into(), reason };
        let lengths: Self = toml::from_str(text).map_err(|error| bad(error.to_string()))?;
        let rises = lengths.words.windows(2).all(|pair| match pair {
            [(part, words), (next, more)] => part < next && words <= more,
            _ => true,
        });
        let ends = (lengths.words.first().map(|end| end.0), lengths.words.last().map(|end| end.0));
        if !rises || ends != (Some(0.0), Some(1.0)) {
            return Err(bad("`words` must rise from a part of 0 to a part of 1".to_owned()));
        }
        Ok(lengths)
    }

    /// How many words the next text has.
    pub(crate) fn draw(&self, random: &mut Random) -> usize {
        let part = random.unit();
        let found = self.words.windows(2).find_map(|pair| match *pair {
            [(from, few), (to, many)] if part < to => Some(few + (many - few) * (part - from) / (to - from)),
            _ => None,
        });
        found.unwrap_or_default().round().max(1.0) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_follow_the_parts() {
        let lengths = Lengths::parse(
            "description = \"\"\nwords = [[0.0, 10], [0.5, 20], [1.0, 100]]\ntexts = 1\n",
            "a.toml",
        )
        .unwrap();
        let mut random = Random::new(1);
        let drawn: Vec<usize> = (0..4000).map(|_| lengths.draw(&mut random)).collect();
        let share = |bound| drawn.iter().filter(|&&words| words <= bound).count() as f64 / 4000.0;
        assert!((share(20) - 0.5).abs() < 0.03 && (share(60) - 0.75).abs() < 0.03 && share(9) == 0.0);
    }

    #[test]
    fn parts_that_do_not_rise_are_refused() {
        let check = |words: &str| {
            let text = format!("description = \"\"\nwords = {words}\ntexts = 1\n");
            Lengths::parse(&text, "a.toml").unwrap_err().to_string()
        };
        let message = "`a.toml` cannot be used: `words` must rise from a part of 0 to a part of 1";
        assert_eq!(check("[[0.0, 10], [0.5, 20]]"), message);
        assert_eq!(check("[[0.0, 10], [1.0, 5]]"), message);
        assert_eq!(check("[]"), message);
    }
}
