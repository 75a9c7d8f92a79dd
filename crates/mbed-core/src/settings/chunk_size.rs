//! How long a chunk is, as people write it.

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serializer};

/// A length of text, written `800c`, `120w` or `256t`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkSize {
    /// How many.
    pub amount: NonZeroUsize,
    /// Of what.
    pub unit: SizeUnit,
}

/// What lengths of text are counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizeUnit {
    /// Unicode scalar values.
    Characters,
    /// Words as Unicode Standard Annex 29 finds them, with what stands between them and the next.
    Words,
    /// Tokens of the model, special ones left out.
    Tokens,
}

/// A text that is no size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a size: a number of at least 1, and `c`, `w` or `t` for characters, words or tokens"
)]
pub struct BadChunkSize {
    /// The text.
    pub text: String,
}

impl FromStr for ChunkSize {
    type Err = BadChunkSize;

    /// Reads `800c`, `120w`, `256t`; without a letter the unit is characters.
    fn from_str(text: &str) -> Result<Self, BadChunkSize> {
        let units = [("c", SizeUnit::Characters), ("w", SizeUnit::Words), ("t", SizeUnit::Tokens)];
        let found = units.into_iter().find_map(|(end, unit)| Some((text.strip_suffix(end)?, unit)));
        let (number, unit) = found.unwrap_or((text, SizeUnit::Characters));
        let amount = number.parse().map_err(|_other| BadChunkSize { text: text.to_owned() })?;
        Ok(Self { amount, unit })
    }
}

impl fmt::Display for ChunkSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            SizeUnit::Characters => "c",
            SizeUnit::Words => "w",
            SizeUnit::Tokens => "t",
        };
        write!(f, "{}{unit}", self.amount)
    }
}

/// The word for a size that follows the model.
const AUTO: &str = "auto";

#[expect(clippy::ref_option, reason = "serde calls it so")]
pub(super) fn serialize<S: Serializer>(size: &Option<ChunkSize>, serializer: S) -> Result<S::Ok, S::Error> {
    match size {
        Some(size) => serializer.collect_str(size),
        None => serializer.serialize_str(AUTO),
    }
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ChunkSize>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Characters(NonZeroUsize),
        Text(String),
    }
    match Written::deserialize(deserializer)? {
        Written::Characters(amount) => Ok(Some(ChunkSize { amount, unit: SizeUnit::Characters })),
        Written::Text(text) if text == AUTO => Ok(None),
        Written::Text(text) => text.parse().map(Some).map_err(serde::de::Error::custom),
    }
}

/// The schema of a size that may be left to the model.
pub(super) struct AutoSize;

impl JsonSchema for AutoSize {
    fn schema_name() -> Cow<'static, str> {
        "AutoSize".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "const": AUTO },
                { "type": "string", "pattern": "^[0-9]*[1-9][0-9]*[cwt]?$" },
                { "type": "integer", "minimum": 1 },
            ],
            "x-range": "`auto`, or a number from 1 with `c` for characters, `w` for words or `t` for tokens",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_unit_and_written_back() {
        let check = |text: &str, expected: Option<(usize, SizeUnit, &str)>| {
            let got = text.parse::<ChunkSize>().ok();
            let got = got.map(|size| (size.amount.get(), size.unit, size.to_string()));
            assert_eq!(got, expected.map(|(amount, unit, text)| (amount, unit, text.to_owned())), "{text:?}");
        };
        check("800c", Some((800, SizeUnit::Characters, "800c")));
        check("800", Some((800, SizeUnit::Characters, "800c")));
        check("12w", Some((12, SizeUnit::Words, "12w")));
        check("256t", Some((256, SizeUnit::Tokens, "256t")));
        for wrong in ["", "0", "0t", "c", "-1", "12x", "1.5w", "12 t", "é"] {
            check(wrong, None);
        }
    }
}
