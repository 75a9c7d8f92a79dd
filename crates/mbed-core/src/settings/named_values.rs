//! Values by names that something else knows: `name=value; name=value`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Values by names that something else knows: `name=value; name=value`. Values may hold commas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamedValues(Vec<(String, String)>);

/// A text that names no values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{part}` is not `name=value` with another name than those before it")]
pub struct BadNamedValues {
    /// The part that cannot be read.
    pub part: String,
}

impl NamedValues {
    /// Names and values in the order in which they were given.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl JsonSchema for NamedValues {
    fn schema_name() -> Cow<'static, str> {
        "NamedValues".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "x-range": "`name=value`, several with semicolons between them" })
    }
}

impl FromStr for NamedValues {
    type Err = BadNamedValues;

    fn from_str(text: &str) -> Result<Self, BadNamedValues> {
        let mut values: Vec<(String, String)> = Vec::new();
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            // No name and no value of a C library can hold a NUL.
            let pair = part.split_once('=').map(|(name, value)| (name.trim(), value.trim()));
            match pair.filter(|(name, _)| !name.is_empty() && !part.contains('\0')) {
                Some((name, value)) if values.iter().all(|(known, _)| known != name) => {
                    values.push((name.to_owned(), value.to_owned()));
                }
                _ => return Err(BadNamedValues { part: part.to_owned() }),
            }
        }
        Ok(Self(values))
    }
}

impl fmt::Display for NamedValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, value)) in self.iter().enumerate() {
            let before = if index == 0 { "" } else { "; " };
            write!(f, "{before}{name}={value}")?;
        }
        Ok(())
    }
}

impl Serialize for NamedValues {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for NamedValues {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_may_hold_what_is_not_between_them() {
        let given = [("", ""), (" a = 1;b=x,y=z ; ", "a=1; b=x,y=z"), ("session.x=", "session.x=")];
        for (text, shown) in given {
            let read: NamedValues = text.parse().unwrap();
            assert_eq!(read.to_string(), shown, "{text}");
            assert_eq!(shown.parse(), Ok(read), "{text}");
        }
        let values: NamedValues = "b=x,y=z; a=".parse().unwrap();
        assert_eq!(values.iter().collect::<Vec<_>>(), [("b", "x,y=z"), ("a", "")]);
    }

    #[test]
    fn each_name_is_given_once_with_a_value() {
        let refused = |text: &str| text.parse::<NamedValues>().unwrap_err().part;
        assert_eq!(["a", "=1", "a=1; a=2", "a=\0"].map(refused), ["a", "=1", "a=2", "a=\0"]);
    }
}
