//! A number of bytes as people write it.

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Bytes;

/// Units by the end of a size, longer names before those that end in the same letters.
const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("B", 1),
];

/// A number of bytes that is read with its unit, such as `9GB` or `512MiB`, and written back exactly.
///
/// `GB` is 10^9 bytes and `GiB` is 2^30, as the IEC defines them; a plain number is bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

/// A text that is not a number of bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a number of bytes such as `512MiB` or `9GB`")]
pub struct BadByteSize {
    /// The text as it was given.
    pub text: String,
}

impl ByteSize {
    /// `count` bytes.
    #[must_use]
    pub const fn new(count: u64) -> Self {
        Self(count)
    }

    /// As a plain quantity.
    #[must_use]
    pub const fn bytes(self) -> Bytes {
        Bytes::new(self.0)
    }
}

impl FromStr for ByteSize {
    type Err = BadByteSize;

    fn from_str(text: &str) -> Result<Self, BadByteSize> {
        let bad = || BadByteSize { text: text.to_owned() };
        let split =
            text.find(|letter: char| !(letter.is_ascii_digit() || letter == '.')).unwrap_or(text.len());
        let (number, unit) = text.split_at(split);
        let unit = match unit.trim() {
            "" => 1,
            unit => UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).ok_or_else(bad)?.1,
        };
        let exact = number.parse::<u64>().ok().map(|number| number.checked_mul(unit));
        match exact {
            Some(bytes) => bytes.map(Self).ok_or_else(bad),
            None => number.parse().ok().and_then(|number| scaled(number, unit)).map(Self).ok_or_else(bad),
        }
    }
}

/// `number` units in whole bytes, or `None` where that is no number of bytes.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be positive and far below the limit"
)]
fn scaled(number: f64, unit: u64) -> Option<u64> {
    let bytes = (number * unit as f64).round();
    // 2^53: up to here every whole number is exact in binary64.
    (0.0..=9_007_199_254_740_992.0).contains(&bytes).then_some(bytes as u64)
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0B");
        }
        // The largest unit: both 2GB and 1953125KiB are exact.
        let exact = UNITS.iter().filter(|(_, size)| self.0.is_multiple_of(*size));
        let (name, size) = exact.max_by_key(|(_, size)| size).unwrap_or(&("B", 1));
        write!(f, "{}{name}", self.0 / size)
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Count(u64),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Count(count) => Ok(Self(count)),
            Written::Text(text) => text.parse().map_err(serde::de::Error::custom),
        }
    }
}

impl JsonSchema for ByteSize {
    fn schema_name() -> Cow<'static, str> {
        "ByteSize".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "integer", "minimum": 0 },
                { "type": "string", "pattern": "^[0-9.]+ ?([KkMmGgTt][Ii]?)?[Bb]?$" },
            ],
            "x-unit": "bytes",
            "x-range": "a number of bytes, or a size such as `512MiB` or `9GB`",
        })
    }
}

/// A size that is not nothing, in whole bytes.
pub(super) mod from_one {
    use super::*;

    pub(in super::super) fn serialize<S: Serializer>(
        size: &NonZeroUsize,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        ByteSize(size.get() as u64).serialize(serializer)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<NonZeroUsize, D::Error> {
        let size = ByteSize::deserialize(deserializer)?;
        let count = usize::try_from(size.0).ok().and_then(NonZeroUsize::new);
        count.ok_or_else(|| serde::de::Error::custom(BadByteSize { text: size.to_string() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_units_and_written_back() {
        let check = |text: &str, bytes, shown: &str| {
            let size: ByteSize = text.parse().unwrap();
            assert_eq!((size, size.to_string().as_str()), (ByteSize(bytes), shown), "{text}");
        };
        check("0", 0, "0B");
        check("512MiB", 512 << 20, "512MiB");
        check("9GB", 9_000_000_000, "9GB");
        check("9 gb", 9_000_000_000, "9GB");
        check("1.5GiB", 3 << 29, "1536MiB");
        check("1024", 1024, "1KiB");
        check("2000000000", 2_000_000_000, "2GB");
        check("1001", 1001, "1001B");
        check("0.5kb", 500, "500B");
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "GB", "9 apples", "-1", "1e9", "9GB9", "1.2.3MB", "99999999999TiB"] {
            assert_eq!(text.parse::<ByteSize>(), Err(BadByteSize { text: text.to_owned() }), "{text}");
        }
    }
}
