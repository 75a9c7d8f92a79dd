//! A count that may be left to the program: `auto`, or a whole number from 1.

use std::num::NonZeroUsize;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How a file writes `None`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Auto,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Count(NonZeroUsize),
    Word(Word),
}

#[expect(clippy::ref_option, reason = "serde calls it so")]
pub(super) fn serialize<S: Serializer>(
    count: &Option<NonZeroUsize>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    count.map_or(Written::Word(Word::Auto), Written::Count).serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<NonZeroUsize>, D::Error> {
    Ok(match Written::deserialize(deserializer)? {
        Written::Count(count) => Some(count),
        Written::Word(Word::Auto) => None,
    })
}

/// The schema of such a count.
pub(super) struct AutoCount;

impl JsonSchema for AutoCount {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "AutoCount".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "const": "auto" }, { "type": "integer", "minimum": 1 }] })
    }
}
