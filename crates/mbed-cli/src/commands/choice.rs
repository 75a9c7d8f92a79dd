//! Choices that include not to choose.

use std::str::FromStr;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use mbed_pipeline::{InputFormat, OutputFormat, PipelineError};

/// What stands for no choice.
const AUTO: &str = "auto";

/// One of the values of `T`, or none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choice<T>(Option<T>);

impl<T: Copy> Choice<T> {
    /// What was named, if something was.
    pub(crate) const fn named(self) -> Option<T> {
        self.0
    }
}

/// Reads `--input-format`.
pub(super) fn input_choices() -> impl TypedValueParser<Value = Choice<InputFormat>> {
    choices(InputFormat::ALL.map(InputFormat::name))
}

/// Reads `--format`.
pub(crate) fn output_choices() -> impl TypedValueParser<Value = Choice<OutputFormat>> {
    choices(OutputFormat::ALL.map(OutputFormat::name))
}

fn choices<T: FromStr<Err = PipelineError> + Clone + Send + Sync + 'static, const N: usize>(
    names: [&'static str; N],
) -> impl TypedValueParser<Value = Choice<T>> {
    PossibleValuesParser::new([AUTO].into_iter().chain(names)).try_map(|name: String| {
        if name == AUTO { Ok(Choice(None)) } else { name.parse().map(|format| Choice(Some(format))) }
    })
}
