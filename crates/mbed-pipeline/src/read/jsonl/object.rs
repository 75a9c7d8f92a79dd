//! A line as keys and raw values.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::PipelineError;
use crate::read::lines::Line;

/// The keys of one object with their values as they are written.
pub(super) struct Object<'a>(pub(super) Vec<(Cow<'a, str>, &'a str)>);

impl<'a> Object<'a> {
    /// Reads `line`, which must hold one object and nothing else.
    ///
    /// # Errors
    /// It does not ([`PipelineError::BadJson`]).
    pub(super) fn parse(line: &'a Line) -> Result<Self, PipelineError> {
        serde_json::from_str(&line.text).map_err(|error| {
            // Told apart here, because the parser's own words end in its idea of the position: always line 1.
            let position = format!(" at line {} column {}", error.line(), error.column());
            let reason = error.to_string();
            let reason = reason.strip_suffix(&position).unwrap_or(&reason).to_owned();
            PipelineError::BadJson { place: line.place.clone(), reason, column: error.column() }
        })
    }

    /// The keys in their order.
    pub(super) fn keys(&self) -> Vec<String> {
        self.0.iter().map(|(key, _)| key.clone().into_owned()).collect()
    }
}

/// A string that is borrowed where it has no escapes.
#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
        let mut entries = Vec::with_capacity(map.size_hint().unwrap_or_default());
        while let Some((Key(key), value)) = map.next_entry::<Key<'de>, &'de RawValue>()? {
            entries.push((key, value.get()));
        }
        Ok(Object(entries))
    }
}

/// The string that a raw JSON string stands for.
///
/// # Errors
/// It has half of a surrogate pair.
pub(super) fn unescape(raw: &str) -> Result<Cow<'_, str>, serde_json::Error> {
    serde_json::from_str::<Key<'_>>(raw).map(|Key(text)| text)
}
