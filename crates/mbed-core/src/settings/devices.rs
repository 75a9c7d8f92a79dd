//! Which devices of a backend compute.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Which devices of a backend compute.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub enum DeviceChoice {
    /// All that the backend finds.
    #[default]
    All,
    /// Those with these numbers, at least one; one that stands there twice computes in two sessions. An error where one is
    /// missing.
    Numbers(Vec<u32>),
}

/// A list of devices that names none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the list of devices names none")]
pub struct BadDevices;

impl DeviceChoice {
    /// Devices by number.
    ///
    /// # Errors
    /// There is none.
    pub fn numbers(numbers: Vec<u32>) -> Result<Self, BadDevices> {
        if numbers.is_empty() { Err(BadDevices) } else { Ok(Self::Numbers(numbers)) }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    All,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Word(Word),
    Numbers(Vec<u32>),
}

impl TryFrom<Written> for DeviceChoice {
    type Error = BadDevices;

    fn try_from(written: Written) -> Result<Self, BadDevices> {
        match written {
            Written::Word(Word::All) => Ok(Self::All),
            Written::Numbers(numbers) => Self::numbers(numbers),
        }
    }
}

impl From<DeviceChoice> for Written {
    fn from(choice: DeviceChoice) -> Self {
        match choice {
            DeviceChoice::All => Self::Word(Word::All),
            DeviceChoice::Numbers(numbers) => Self::Numbers(numbers),
        }
    }
}

impl JsonSchema for DeviceChoice {
    fn schema_name() -> Cow<'static, str> {
        "DeviceChoice".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "const": "all" },
                {
                    "type": "array", "minItems": 1,
                    "items": { "type": "integer", "minimum": 0 },
                },
            ],
            "x-range": "`all`, or a list of device numbers from 0",
        })
    }
}
