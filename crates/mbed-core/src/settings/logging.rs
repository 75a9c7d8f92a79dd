//! What is told on the way.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// What is told on the way, on standard error.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LoggingSettings {
    /// What is logged: a level, and levels of single targets after commas. `debug` also tells how long each span took:
    /// load, tokenise, batch, compute, write.
    #[schemars(extend("examples" = ["info,mbed_engine=debug"]))]
    pub level: LogLevels,
    /// As lines for people, or as a JSON object a line.
    #[schemars(extend("examples" = ["json"]))]
    pub format: LogFormat,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// A JSON object a line.
    Json,
}

/// How much a target tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// What failed.
    Error,
    /// What deserves a look.
    Warn,
    /// What was chosen.
    Info,
    /// What was done, and how long it took.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    const ALL: [(&'static str, Self); 6] = [
        ("off", Self::Off),
        ("error", Self::Error),
        ("warn", Self::Warn),
        ("info", Self::Info),
        ("debug", Self::Debug),
        ("trace", Self::Trace),
    ];

    /// The lower-case name that settings use.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, level)| *level == self).map_or("off", |(name, _)| name)
    }
}

/// A level for everything, and levels of single targets: `warn,mbed_engine=debug`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LogLevels {
    /// The level of what is not named.
    pub others: LogLevel,
    /// Targets, by the beginning of their names, with their levels.
    pub targets: Vec<(String, LogLevel)>,
}

/// A text that says no levels.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{part}` is not a level or `target=level`")]
pub struct BadLogLevels {
    /// The part that cannot be read.
    pub part: String,
}

impl Default for LogLevels {
    fn default() -> Self {
        Self { others: LogLevel::Warn, targets: Vec::new() }
    }
}

impl FromStr for LogLevels {
    type Err = BadLogLevels;

    fn from_str(text: &str) -> Result<Self, BadLogLevels> {
        let mut levels = Self::default();
        for part in text.split(',').map(str::trim) {
            let bad = || BadLogLevels { part: part.to_owned() };
            let level = |name: &str| {
                let found = LogLevel::ALL.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
                found.map(|(_, level)| *level).ok_or_else(bad)
            };
            match part.split_once('=') {
                None => levels.others = level(part)?,
                Some(("", _)) => return Err(bad()),
                Some((target, name)) => levels.targets.push((target.to_owned(), level(name)?)),
            }
        }
        Ok(levels)
    }
}

impl fmt::Display for LogLevels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.others.name())?;
        self.targets.iter().try_for_each(|(target, level)| write!(f, ",{target}={}", level.name()))
    }
}

impl TryFrom<String> for LogLevels {
    type Error = BadLogLevels;

    fn try_from(text: String) -> Result<Self, BadLogLevels> {
        text.parse()
    }
}

impl From<LogLevels> for String {
    fn from(levels: LogLevels) -> Self {
        levels.to_string()
    }
}

impl JsonSchema for LogLevels {
    fn schema_name() -> Cow<'static, str> {
        "LogLevels".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        let names = LogLevel::ALL.map(|(name, _)| name).join(", ");
        json_schema!({
            "type": "string",
            "x-range": format!("one of {names}, and `target=level` after commas"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_read_and_written_back() {
        let check = |text: &str, shown: &str| {
            assert_eq!(text.parse::<LogLevels>().unwrap().to_string(), shown, "{text}");
        };
        check("info", "info");
        check("INFO", "info");
        check("error, mbed_engine=debug,mbed=off", "error,mbed_engine=debug,mbed=off");
        check("mbed_engine=trace", "warn,mbed_engine=trace");
    }

    #[test]
    fn other_texts_are_refused() {
        for (text, part) in [("", ""), ("loud", "loud"), ("info,", ""), ("a=b", "a=b"), ("=info", "=info")] {
            assert_eq!(text.parse::<LogLevels>(), Err(BadLogLevels { part: part.to_owned() }), "{text}");
        }
    }
}
