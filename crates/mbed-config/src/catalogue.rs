//! Every setting as the types describe it: key, meaning, default, unit, range, example.

use mbed_core::settings::Settings;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use crate::preset_names;

/// Every setting, in the order of the types.
#[derive(Clone, Debug)]
pub struct Catalogue {
    sections: Vec<Section>,
    settings: Vec<Setting>,
}

/// A table of settings.
#[derive(Clone, Debug)]
pub struct Section {
    /// Its path, such as `memory.growth`.
    pub key: String,
    /// What it is for.
    pub about: String,
}

/// One setting.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Setting {
    /// Its path, such as `batching.max_tokens`.
    pub key: String,
    /// What it means.
    pub about: String,
    /// Its value where nobody sets it, null where it has none.
    pub default: Value,
    /// The unit of a plain number.
    pub unit: Option<String>,
    /// What it may be, in words.
    pub range: String,
    /// A value to show.
    pub example: Value,
    /// Whether mbed acts on it.
    pub effect: Effect,
    /// Words that it may be, where its type does not check them.
    words: Vec<String>,
    forms: Forms,
}

/// Whether mbed acts on a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It does.
    Acts,
    /// No part of mbed acts on it yet; who sets it is told so.
    Planned,
}

/// The JSON types that a setting may have, which say how a text is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "a set of four")]
pub(crate) struct Forms {
    pub(crate) boolean: bool,
    pub(crate) integer: bool,
    pub(crate) number: bool,
    pub(crate) array: bool,
}

/// The JSON schema of all settings, with every type written out where it is used.
pub(crate) fn schema() -> Value {
    let generator = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    generator.into_generator().into_root_schema_for::<Settings>().to_value()
}

impl Catalogue {
    /// Reads the types.
    #[must_use]
    pub fn new() -> Self {
        let mut catalogue = Self { sections: Vec::new(), settings: Vec::new() };
        catalogue.collect("", &schema());
        // Presets are files beside this crate, which the types below do not see.
        if let Some(preset) = catalogue.settings.iter_mut().find(|setting| setting.key == "preset") {
            preset.range = one_of(preset_names());
        }
        catalogue
    }

    /// Every setting.
    #[must_use]
    pub fn settings(&self) -> &[Setting] {
        &self.settings
    }

    /// Every table of settings.
    #[must_use]
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// The setting at `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.key == key)
    }

    /// The setting that the variable called `name` sets.
    #[must_use]
    pub fn by_variable(&self, name: &str) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.variable() == name)
    }

    /// As if nothing acted on a setting yet: there may be none of which that is true.
    #[cfg(test)]
    pub(crate) fn with_planned(mut self, key: &str) -> Self {
        for setting in self.settings.iter_mut().filter(|setting| setting.key == key) {
            setting.effect = Effect::Planned;
        }
        self
    }

    pub(crate) fn is_section(&self, key: &str) -> bool {
        self.sections.iter().any(|section| section.key == key)
    }

    fn collect(&mut self, path: &str, schema: &Value) {
        let none = Map::new();
        let properties = schema["properties"].as_object().unwrap_or(&none);
        for (name, schema) in properties {
            let key = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            if schema["properties"].is_object() {
                self.sections.push(Section { key: key.clone(), about: about(schema) });
                self.collect(&key, schema);
            } else {
                self.settings.push(Setting::new(key, schema));
            }
        }
    }
}

impl Default for Catalogue {
    fn default() -> Self {
        Self::new()
    }
}

impl Setting {
    fn new(key: String, schema: &Value) -> Self {
        let planned = schema["x-effect"] == "planned";
        let words = schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
        Self {
            key,
            about: about(schema),
            default: schema["default"].clone(),
            unit: schema["x-unit"].as_str().map(str::to_owned),
            range: range(schema),
            example: schema["examples"][0].clone(),
            effect: if planned { Effect::Planned } else { Effect::Acts },
            words: words.map(str::to_owned).collect(),
            forms: Forms::new(schema),
        }
    }

    /// The variable that sets it, such as `MBED_BATCHING__MAX_TOKENS`.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("MBED_{}", self.key.replace('.', "__").to_uppercase())
    }

    /// The section it stands in, empty for the top, and its name there.
    #[must_use]
    pub fn place(&self) -> (&str, &str) {
        self.key.rsplit_once('.').unwrap_or(("", &self.key))
    }

    /// `text` in the form that this setting has in a file, as far as it can be read so.
    pub(crate) fn read(&self, text: &str) -> Value {
        self.forms.read(text)
    }

    /// `value` as the type writes it, or `None` where the type refuses it.
    pub(crate) fn canonical(&self, value: &Value) -> Option<Value> {
        let word = value.as_str().unwrap_or_default();
        if !self.words.is_empty() && !self.words.iter().any(|known| known == word) {
            return None;
        }
        let settings: Settings = serde_json::from_value(nested(&self.key, value.clone())).ok()?;
        let tree = serde_json::to_value(settings).ok()?;
        tree.pointer(&format!("/{}", self.key.replace('.', "/"))).cloned()
    }
}

impl Forms {
    fn new(schema: &Value) -> Self {
        let mut forms = Self::default();
        let branches = schema["anyOf"].as_array().into_iter().flatten();
        for schema in branches.chain([schema]) {
            match schema["type"].as_str() {
                Some("boolean") => forms.boolean = true,
                Some("integer") => forms.integer = true,
                Some("number") => forms.number = true,
                Some("array") => forms.array = true,
                _ => {}
            }
        }
        forms
    }

    /// `text` as the first of its forms that it can be, else as a string.
    pub(crate) fn read(self, text: &str) -> Value {
        let trimmed = text.trim();
        let boolean = || match trimmed.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Some(Value::from(true)),
            "false" | "no" | "off" | "0" => Some(Value::from(false)),
            _ => None,
        };
        let integer = |text: &str| text.trim().parse::<i64>().ok().map(Value::from);
        let list = || {
            let items = trimmed.trim_start_matches('[').trim_end_matches(']');
            items.split(',').map(integer).collect::<Option<Vec<_>>>().map(Value::from)
        };
        let number = || trimmed.parse::<f64>().ok().map(Value::from).filter(Value::is_number);
        None.or_else(|| if self.boolean { boolean() } else { None })
            .or_else(|| if self.integer { integer(trimmed) } else { None })
            .or_else(|| if self.number { number() } else { None })
            .or_else(|| if self.array { list() } else { None })
            .unwrap_or_else(|| Value::from(text))
    }
}

/// A tree with `value` at `key` and nothing else.
pub(crate) fn nested(key: &str, value: Value) -> Value {
    key.rsplit('.').fold(value, |inner, name| Value::from(Map::from_iter([(name.to_owned(), inner)])))
}

fn about(schema: &Value) -> String {
    let text = schema["description"].as_str().unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a schema allows, in words.
fn range(schema: &Value) -> String {
    if let Some(range) = schema["x-range"].as_str() {
        return range.to_owned();
    }
    if words(schema).next().is_some() {
        return one_of(words(schema));
    }
    if let Some(branches) = schema["anyOf"].as_array() {
        return branches.iter().map(range).collect::<Vec<_>>().join(", or ");
    }
    if let Some(word) = schema["const"].as_str() {
        return format!("`{word}`");
    }
    match schema["type"].as_str() {
        Some("boolean") => "`true` or `false`".to_owned(),
        Some("integer") => format!("a whole number from {}", schema["minimum"].as_u64().unwrap_or(0)),
        Some("number") => {
            let bound = |name: &str| schema[name].as_f64().unwrap_or_default();
            format!("a number above {}, at most {}", bound("exclusiveMinimum"), bound("maximum"))
        }
        _ => "text".to_owned(),
    }
}

fn one_of<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    format!("one of {}", quoted.join(", "))
}

/// The words of an enum, with or without a description of each.
fn words(schema: &Value) -> impl Iterator<Item = &str> {
    let plain = schema["enum"].as_array().into_iter().flatten();
    let described = schema["oneOf"].as_array().into_iter().flatten().map(|branch| &branch["const"]);
    plain.chain(described).filter_map(Value::as_str)
}
