//! Sets of values that ship with mbed.

/// Name and content of every preset.
const PRESETS: [(&str, &str); 4] = [
    ("throughput", include_str!("../../../config/presets/throughput.toml")),
    ("latency", include_str!("../../../config/presets/latency.toml")),
    ("low-memory", include_str!("../../../config/presets/low-memory.toml")),
    ("reference", include_str!("../../../config/presets/reference.toml")),
];

/// The names of all presets.
#[must_use]
pub fn preset_names() -> Vec<&'static str> {
    PRESETS.iter().map(|(name, _)| *name).collect()
}

/// The content of the preset called `name`.
pub(crate) fn content(name: &str) -> Option<&'static str> {
    PRESETS.iter().find(|(known, _)| *known == name).map(|(_, content)| *content)
}
