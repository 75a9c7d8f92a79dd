//! Where meaning changes enough for a cut, as people write it.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Which distances between neighbouring sentences of a document are large enough for a cut.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Threshold {
    /// Those above this percentile of all, from 0 to 100.
    Percentile(f64),
    /// Those that are more than so many standard deviations above the mean.
    Deviation(f64),
    /// Those that are more than so many interquartile ranges above the mean.
    Interquartile(f64),
    /// Those at which the slope of the distances is above this percentile of all slopes.
    Gradient(f64),
}

/// A text that is no threshold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a threshold such as `percentile:95`, `deviation:3`, `interquartile:1.5` or `gradient:95`"
)]
pub struct BadThreshold {
    /// The text.
    pub text: String,
}

impl Threshold {
    const fn parts(self) -> (&'static str, f64) {
        match self {
            Self::Percentile(amount) => ("percentile", amount),
            Self::Deviation(amount) => ("deviation", amount),
            Self::Interquartile(amount) => ("interquartile", amount),
            Self::Gradient(amount) => ("gradient", amount),
        }
    }
}

impl Default for Threshold {
    fn default() -> Self {
        Self::Percentile(95.0)
    }
}

impl FromStr for Threshold {
    type Err = BadThreshold;

    /// Reads `percentile:95`; a kind alone has the amount that is usual for it.
    fn from_str(text: &str) -> Result<Self, BadThreshold> {
        let bad = || BadThreshold { text: text.to_owned() };
        let (kind, amount) = text.split_once(':').map_or((text, None), |(kind, amount)| (kind, Some(amount)));
        let amount = amount.map(|amount| amount.parse::<f64>().map_err(|_other| bad())).transpose()?;
        let within = |usual: f64, most: f64| {
            let amount = amount.unwrap_or(usual);
            (0.0..=most).contains(&amount).then_some(amount).ok_or_else(bad)
        };
        match kind {
            "percentile" => within(95.0, 100.0).map(Self::Percentile),
            "deviation" => within(3.0, f64::MAX).map(Self::Deviation),
            "interquartile" => within(1.5, f64::MAX).map(Self::Interquartile),
            "gradient" => within(95.0, 100.0).map(Self::Gradient),
            _ => Err(bad()),
        }
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, amount) = self.parts();
        write!(f, "{kind}:{amount}")
    }
}

impl TryFrom<String> for Threshold {
    type Error = BadThreshold;

    fn try_from(text: String) -> Result<Self, BadThreshold> {
        text.parse()
    }
}

impl From<Threshold> for String {
    fn from(threshold: Threshold) -> Self {
        threshold.to_string()
    }
}

impl JsonSchema for Threshold {
    fn schema_name() -> Cow<'static, str> {
        "Threshold".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^(percentile|deviation|interquartile|gradient)(:[0-9.]+)?$",
            "x-range": "`percentile:P`, `deviation:N`, `interquartile:N` or `gradient:P`; P from 0 to 100",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_read_and_written_back() {
        for text in ["percentile:95", "deviation:3", "interquartile:1.5", "gradient:90.5"] {
            assert_eq!(text.parse::<Threshold>().unwrap().to_string(), text);
        }
        assert_eq!("gradient".parse(), Ok(Threshold::Gradient(95.0)));
        for wrong in ["", "95", "percentile:101", "percentile:-1", "deviation:NaN", "median:1", "percentile:"]
        {
            assert!(wrong.parse::<Threshold>().is_err(), "{wrong}");
        }
    }
}
