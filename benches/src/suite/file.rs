//! The file of a suite.

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;

use mbed::settings::PrecisionSetting;
use mbed::{KNOWN_BACKENDS, Precision};
use serde::Deserialize;

use super::BatchTokens;
use crate::BenchError;
use crate::workload::WorkloadName;

/// Suites that come with this program, and their files.
pub const SUITES: [(&str, &str); 3] = [
    ("quick", include_str!("../../suites/quick.toml")),
    ("full", include_str!("../../suites/full.toml")),
    ("seed-targets", include_str!("../../suites/seed-targets.toml")),
];

/// What is to be measured, and how long.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suite {
    /// What it is called.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// How often each cell is measured, in turns with the others.
    pub rounds: usize,
    /// How long a round is to take; one that embeds all texts once may take longer.
    pub round_seconds: f64,
    /// Rounds that are thrown away at most, until rates are steady.
    pub warm_up_rounds: usize,
    /// Lists, of which every combination is a cell.
    pub matrix: Vec<Matrix>,
    /// Questions that are asked behind the cells.
    pub studies: Option<Studies>,
}

/// Questions about the program's own choices for one workload. An empty list or a 0 leaves one out.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Studies {
    /// The texts.
    pub workload: WorkloadName,
    /// Rows of a batch that are tried.
    pub batch_rows: Vec<NonZeroUsize>,
    /// Copies of the model that are tried.
    pub workers: Vec<NonZeroUsize>,
    /// How many texts are embedded at a time.
    pub texts: Vec<usize>,
    /// Turns of each of those.
    pub rounds: usize,
    /// How long a turn is to take at least.
    pub round_seconds: f64,
    /// Texts whose vectors are compared with the reference's.
    pub accuracy_texts: usize,
    /// How long the long run is.
    pub sustain_seconds: f64,
    /// How long each of its windows is.
    pub window_seconds: f64,
}

/// Lists, of which every combination is a cell.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Matrix {
    /// Models.
    #[serde(default = "default_models")]
    pub models: Vec<String>,
    /// Backends, or `auto`.
    pub backends: Vec<String>,
    /// Devices by number.
    #[serde(default = "first_device")]
    pub devices: Vec<u32>,
    /// Precisions.
    #[serde(default = "auto")]
    pub precisions: Vec<String>,
    /// Workloads.
    pub workloads: Vec<WorkloadName>,
    /// Texts of each workload, where it is not to have as many as it has by itself.
    pub texts: Option<usize>,
    /// How many tokens a batch may have.
    #[serde(default = "auto_tokens")]
    pub batch_tokens: Vec<BatchTokens>,
    /// Copies of the model.
    #[serde(default = "one")]
    pub workers: Vec<NonZeroUsize>,
    /// Threads; one a core where this is missing.
    pub threads: Option<NonZeroUsize>,
}

fn default_models() -> Vec<String> {
    vec![mbed::settings::ModelSettings::default().id]
}

fn first_device() -> Vec<u32> {
    vec![0]
}

fn auto() -> Vec<String> {
    vec!["auto".to_owned()]
}

fn auto_tokens() -> Vec<BatchTokens> {
    vec![BatchTokens::Auto]
}

fn one() -> Vec<NonZeroUsize> {
    vec![NonZeroUsize::MIN]
}

impl Suite {
    /// The suite that comes with this program as `name`, or the one in that file.
    ///
    /// # Errors
    /// There is none, or it asks for what does not exist.
    pub fn find(name: &str) -> Result<Self, BenchError> {
        if let Some((_, text)) = SUITES.iter().find(|(known, _)| *known == name) {
            return Self::parse(text, name);
        }
        let path = Path::new(name);
        if path.extension().is_none_or(|extension| extension != "toml") {
            let known = SUITES.iter().map(|(known, _)| *known).collect();
            return Err(BenchError::UnknownSuite { name: name.to_owned(), known });
        }
        let text =
            fs::read_to_string(path).map_err(|source| BenchError::Read { path: path.to_owned(), source })?;
        Self::parse(&text, name)
    }

    /// Reads the text of a suite, which `origin` names.
    ///
    /// # Errors
    /// A key or a value does not exist, or there is nothing to measure.
    pub fn parse(text: &str, origin: &str) -> Result<Self, BenchError> {
        let bad = |reason: String| BenchError::BadFile { path: origin.into(), reason };
        let suite: Self =
            toml::from_str(text).map_err(|error| bad(error.to_string().trim_end().to_owned()))?;
        let seconds = suite.round_seconds;
        let is_above = |seconds: f64| seconds.is_finite() && seconds > 0.0;
        if suite.rounds == 0 || !is_above(seconds) {
            return Err(bad("`rounds` and `round_seconds` must be above 0".to_owned()));
        }
        if let Some(studies) = &suite.studies {
            let spans = [studies.round_seconds, studies.window_seconds];
            let texts = studies.texts.iter().all(|&count| count > 0);
            if studies.rounds == 0
                || !texts
                || !spans.into_iter().all(is_above)
                || !studies.sustain_seconds.is_finite()
            {
                return Err(bad("counts and seconds of `studies` must be above 0".to_owned()));
            }
        }
        suite.check()?;
        Ok(suite)
    }

    /// Makes sure that what its lists name exists.
    ///
    /// # Errors
    /// Something does not, or a workload would have no texts.
    pub fn check(&self) -> Result<(), BenchError> {
        self.matrix.iter().try_for_each(|matrix| matrix.check(&self.name))
    }
}

impl Matrix {
    fn check(&self, suite: &str) -> Result<(), BenchError> {
        let backends = [&["auto"], KNOWN_BACKENDS].concat();
        let unknown = |what, name: &str, known: Vec<String>| BenchError::UnknownInSuite {
            suite: suite.to_owned(),
            what,
            name: name.to_owned(),
            known,
        };
        if let Some(name) = self.backends.iter().find(|name| !backends.contains(&name.as_str())) {
            return Err(unknown("backend", name, backends.iter().map(|&name| name.to_owned()).collect()));
        }
        if let Some(name) = self.precisions.iter().find(|name| name.parse::<PrecisionSetting>().is_err()) {
            let known = Precision::ALL.map(|precision| precision.name().to_owned());
            return Err(unknown("precision", name, [vec!["auto".to_owned()], known.to_vec()].concat()));
        }
        if self.texts == Some(0) {
            let workload = self.workloads.first().map_or_else(String::new, ToString::to_string);
            return Err(BenchError::NoTexts { workload });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str =
        "name = \"try\"\ndescription = \"\"\nrounds = 3\nround_seconds = 0.5\nwarm_up_rounds = 4\n";

    fn error(matrix: &str) -> String {
        Suite::parse(&format!("{HEAD}[[matrix]]\n{matrix}"), "try.toml").unwrap_err().to_string()
    }

    #[test]
    fn every_suite_of_this_program_is_right() {
        for (name, _) in SUITES {
            let suite = Suite::find(name).unwrap();
            assert_eq!(suite.name, name);
            assert!(!suite.matrix.is_empty());
        }
        let error = Suite::find("slow").unwrap_err().to_string();
        assert_eq!(error, "there is no suite `slow`");
        let error = Suite::find("no/such.toml").unwrap_err().to_string();
        assert_eq!(error, "cannot read `no/such.toml`");
    }

    #[test]
    fn what_does_not_exist_is_named() {
        let check = |matrix: &str, message: &str| assert_eq!(error(matrix), message);
        check(
            "backends = [\"cpu\", \"tpu\"]\nworkloads = [\"mixed\"]\n",
            "suite `try`: there is no backend `tpu`",
        );
        check(
            "backends = [\"cpu\"]\nprecisions = [\"f8\"]\nworkloads = [\"mixed\"]\n",
            "suite `try`: there is no precision `f8`",
        );
        check(
            "backends = [\"cpu\"]\nworkloads = [\"mixed\"]\ntexts = 0\n",
            "the workload `mixed` has no texts",
        );
    }

    #[test]
    fn files_that_say_something_else_are_refused_with_their_line() {
        let found = error("backends = [\"cpu\"]\nworkloads = [\"mixed\"]\nwarkers = [1]\n");
        assert!(found.contains("line 9") && found.contains("unknown field `warkers`"), "{found}");
        let found = error("backends = [\"cpu\"]\nworkloads = [\"poems\"]\n");
        assert!(found.contains("line 8") && found.contains("there is no workload `poems`"), "{found}");
        let found = error("backends = [\"cpu\"]\nworkloads = [\"mixed\"]\nbatch_tokens = [\"some\"]\n");
        assert!(found.contains("`some` is neither `auto` nor a number of tokens from 1"), "{found}");
        let zero = HEAD.replace("rounds = 3", "rounds = 0") + "matrix = []\n";
        let found = Suite::parse(&zero, "try.toml").unwrap_err().to_string();
        assert!(found.ends_with("`rounds` and `round_seconds` must be above 0"), "{found}");
    }
}
