//! From places to settings: read every layer, merge them, remember who won.

use figment::value::{Dict, Map};
use figment::{Figment, Metadata, Profile, Provider};
use mbed_core::settings::Settings;
use serde_json::Value;

use crate::alias::Translator;
use crate::catalogue::{Catalogue, Effect, nested};
use crate::entry::Entry;
use crate::file::{self, Layered, Presence};
use crate::{
    ConfigError, FileState, Layer, Origin, Overridden, Resolved, ResolvedValue, SettingsFile, Sources,
    Stated, Warning, preset, rules, variables,
};

/// Reads all layers of `sources` and merges them, the strongest last.
///
/// Every layer is checked by itself, values that a stronger layer replaces too: what is wrong is found before the day
/// on which it counts.
///
/// # Errors
/// A file cannot be read, a name is unknown, a value is not what its type allows, or values do not go together.
pub fn resolve(sources: &Sources) -> Result<Resolved, ConfigError> {
    let catalogue = Catalogue::new();
    let mut merging = Merging::new(&catalogue);
    let mut files = Vec::new();
    for (layer, path) in sources.files() {
        let presence = if matches!(layer, Layer::Named(_)) { Presence::Required } else { Presence::Optional };
        let read = file::read(&path, layer, presence, &catalogue)?;
        let state = if read.is_some() { FileState::Read } else { FileState::Absent };
        files.push(SettingsFile { layer, path, state });
        merging.add(read.unwrap_or_default())?;
    }
    if let Some(environment) = &sources.environment {
        merging.add(variables::read(environment, &catalogue)?)?;
    }
    for flag in &sources.flags {
        merging.add(flag_entry(flag, &catalogue)?)?;
    }
    merging.add_preset()?;
    merging.settle_dependants()?;
    let mut resolved = merging.finish()?;
    resolved.files = files;
    rules::check(&resolved)?;
    Ok(resolved)
}

fn flag_entry(flag: &crate::Flag, catalogue: &Catalogue) -> Result<Layered, ConfigError> {
    let origin = Origin::Flag(flag.name.to_owned());
    let Some(setting) = catalogue.get(flag.key) else {
        let known = catalogue.settings().iter().map(|setting| setting.key.clone());
        return Err(crate::entry::unknown_key(flag.key.to_owned(), origin, known));
    };
    let entry = Entry::checked(setting, &setting.read(&flag.value), (Layer::Flags, origin))?;
    Ok(Layered { entries: vec![entry], aliases: Vec::new() })
}

struct Merging<'a> {
    catalogue: &'a Catalogue,
    translator: Translator<'a>,
    /// From the weakest to the strongest.
    entries: Vec<Entry>,
    warnings: Vec<Warning>,
}

impl<'a> Merging<'a> {
    fn new(catalogue: &'a Catalogue) -> Self {
        Self {
            catalogue,
            translator: Translator::new(catalogue),
            entries: Entry::defaults(catalogue).collect(),
            warnings: Vec::new(),
        }
    }

    /// Adds a layer that is stronger than all before it. In it, a setting's own name is stronger than an older one.
    fn add(&mut self, layer: Layered) -> Result<(), ConfigError> {
        let mut entries = self.translator.translate(layer.aliases)?;
        entries.extend(layer.entries);
        for (at, entry) in entries.iter().enumerate() {
            let stronger = entries.iter().skip(at + 1).rev().find(|other| other.key == entry.key);
            if let Some(used) = stronger.filter(|used| used.value != entry.value) {
                self.warnings.push(Warning::Contradiction { used: used.stated(), ignored: entry.stated() });
            }
        }
        self.entries.extend(entries);
        Ok(())
    }

    /// Adds the preset that the strongest layer names, above the types and below everything else.
    fn add_preset(&mut self) -> Result<(), ConfigError> {
        let Some(Entry { value, origin, .. }) = self.winner("preset") else { return Ok(()) };
        let Some(name) = value.as_str() else { return Ok(()) };
        let Some(content) = preset::content(name) else {
            let (name, origin) = (name.to_owned(), Box::new(origin.clone()));
            return Err(ConfigError::UnknownPreset { name, origin, known: preset::preset_names() });
        };
        let Layered { entries, .. } = file::read_preset(name, content, self.catalogue)?;
        let types = self.entries.iter().take_while(|entry| entry.layer == Layer::BuiltIn).count();
        self.entries.splice(types..types, entries);
        Ok(())
    }

    /// A value that only makes sense beside another is dropped where a stronger layer sets that other one.
    fn settle_dependants(&mut self) -> Result<(), ConfigError> {
        self.drop_weaker("model.id", "model.revision");
        self.drop_devices_of_another_backend();
        let prompts = (self.given("model.prompt"), self.given("model.prompt_name"));
        if let (Some(text), Some(name)) = prompts {
            if text.layer == name.layer {
                return Err(ConfigError::Conflict {
                    first: Box::new(text.stated()),
                    second: Box::new(name.stated()),
                    rule: "only one of them can be put before each text",
                });
            }
            self.drop_weaker("model.prompt", "model.prompt_name");
            self.drop_weaker("model.prompt_name", "model.prompt");
        }
        Ok(())
    }

    /// Unsets `dependant` where its layer is weaker than the one that gives `key`.
    fn drop_weaker(&mut self, key: &str, dependant: &str) {
        let (Some(strong), Some(weak)) = (self.given(key), self.given(dependant)) else { return };
        if weak.layer < strong.layer {
            let (layer, origin) = (strong.layer, strong.origin.clone());
            let entry = Entry { key: dependant.to_owned(), value: Value::Null, layer, origin };
            self.entries.push(entry);
        }
    }

    /// Takes all devices where the numbers were meant for a backend that did not win: `cuda:1` of the environment says
    /// nothing about the `cpu` of a flag.
    fn drop_devices_of_another_backend(&mut self) {
        let pair = (self.given("runtime.backend"), self.given("runtime.devices"));
        let (Some(backend), Some(devices)) = pair else { return };
        let said_together = |entry: &&Entry| {
            entry.origin == devices.origin || entry.layer == devices.layer && devices.layer < backend.layer
        };
        let mut stated = self.entries.iter().filter(|entry| entry.key == backend.key).filter(said_together);
        if stated.any(|entry| entry.value != backend.value) {
            let default = self.catalogue.get(&devices.key).map(|setting| setting.default.clone());
            let value = default.unwrap_or_default();
            self.entries.push(Entry { key: devices.key.clone(), value, ..backend.clone() });
        }
    }

    fn winner(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().rev().find(|entry| entry.key == key)
    }

    /// The winner, where somebody gave it a value.
    fn given(&self, key: &str) -> Option<&Entry> {
        self.winner(key).filter(|entry| entry.layer > Layer::BuiltIn && !entry.value.is_null())
    }

    fn finish(mut self) -> Result<Resolved, ConfigError> {
        let merge = |figment: Figment, (number, entry)| figment.merge(Single { number, entry });
        let figment = self.entries.iter().enumerate().fold(Figment::new(), merge);
        let settings: Settings = figment.extract().map_err(|error| ConfigError::Merge(Box::new(error)))?;
        let values: Vec<ResolvedValue> = self
            .catalogue
            .settings()
            .iter()
            .filter_map(|setting| self.value(&figment, &setting.key))
            .collect();
        self.warn_of_idle(&values);
        Ok(Resolved { settings, values, files: Vec::new(), warnings: self.warnings })
    }

    /// The value that won at `key`, with those that it replaced.
    fn value(&self, figment: &Figment, key: &str) -> Option<ResolvedValue> {
        let number: usize = figment.find_metadata(key)?.name.parse().ok()?;
        let Entry { key, value, origin, .. } = self.entries.get(number)?;
        let weaker = self.entries.iter().take(number).rev();
        let weaker = weaker.filter(|entry| entry.key == *key && entry.layer > Layer::BuiltIn);
        let overridden = weaker
            .map(|entry| Overridden { value: entry.value.clone(), origin: entry.origin.clone() })
            .collect();
        Some(ResolvedValue { key: key.clone(), value: value.clone(), origin: origin.clone(), overridden })
    }

    /// Names the values that a person gave and that nothing acts on.
    fn warn_of_idle(&mut self, values: &[ResolvedValue]) {
        for value in values {
            let planned = self.catalogue.get(&value.key).filter(|setting| setting.effect == Effect::Planned);
            let typed = !matches!(value.origin, Origin::Default | Origin::Preset(_));
            if planned.is_some_and(|setting| typed && setting.default != value.value) {
                let stated = Stated::new(&value.key, &value.value, &value.origin);
                self.warnings.push(Warning::NotActedOn(stated));
            }
        }
    }
}

impl Entry {
    fn stated(&self) -> Stated {
        Stated::new(&self.key, &self.value, &self.origin)
    }
}

/// A provider of one value, whose name in figment's metadata is its number: so the origin of each value is known
/// exactly, down to the variable and the line.
struct Single<'a> {
    number: usize,
    entry: &'a Entry,
}

impl Provider for Single<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.number.to_string())
    }

    fn data(&self) -> figment::error::Result<Map<Profile, Dict>> {
        let tree = figment::value::Value::serialize(nested(&self.entry.key, self.entry.value.clone()))?;
        let dict = tree.into_dict().unwrap_or_default();
        Ok(Map::from([(Profile::Default, dict)]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Flag;

    #[test]
    fn a_setting_that_nothing_acts_on_is_named_where_a_person_set_it() {
        let catalogue = ["cuda.pinned_memory", "cuda.graphs", "memory.fraction"]
            .into_iter()
            .fold(Catalogue::new(), Catalogue::with_planned);
        let mut merging = Merging::new(&catalogue);
        // The second is its default, and the preset sets the third.
        for (key, value) in
            [("cuda.pinned_memory", "false"), ("cuda.graphs", "auto"), ("preset", "low-memory")]
        {
            let flag = Flag { name: "--set", key, value: value.to_owned() };
            merging.add(flag_entry(&flag, &catalogue).unwrap()).unwrap();
        }
        merging.add_preset().unwrap();
        let resolved = merging.finish().unwrap();
        assert_ne!(
            resolved.get("memory.fraction").unwrap().value,
            catalogue.get("memory.fraction").unwrap().default
        );
        let warnings: Vec<String> = resolved.warnings.iter().map(ToString::to_string).collect();
        let expected =
            "`cuda.pinned_memory = false` (flag --set) has no effect: no part of this build acts on it yet";
        assert_eq!(warnings, [expected]);
    }
}
