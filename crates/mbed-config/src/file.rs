//! A file of settings: TOML, with the place of every value.

use std::ops::Range;
use std::path::Path;
use std::{fs, io};

use serde_json::{Number, Value, json};
use toml_edit::{Document, Item, TableLike};

use crate::alias::{ALIASES, Alias, Use};
use crate::catalogue::Catalogue;
use crate::entry::{Entry, unknown_key, wrong_value};
use crate::{ConfigError, Layer, Origin, Place};

/// What a layer holds.
#[derive(Debug, Default)]
pub(crate) struct Layered {
    pub(crate) entries: Vec<Entry>,
    pub(crate) aliases: Vec<Use>,
}

/// Whether a file may be absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// It was named, so it must be there.
    Required,
    /// It is looked for, and holds nothing where it is not there.
    Optional,
}

/// Reads the file at `path`; `None` where it is not there and need not be.
pub(crate) fn read(
    path: &Path,
    layer: Layer,
    presence: Presence,
    catalogue: &Catalogue,
) -> Result<Option<Layered>, ConfigError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if presence == Presence::Optional && is_absent(&error) => return Ok(None),
        Err(source) => return Err(ConfigError::Unreadable { path: path.to_owned(), source }),
    };
    let origin = |place| Origin::File(place);
    Reader { path, text: &text, layer, origin: &origin, catalogue }.read().map(Some)
}

/// Reads `text` as the preset called `name`.
pub(crate) fn read_preset(name: &str, text: &str, catalogue: &Catalogue) -> Result<Layered, ConfigError> {
    let origin = |_place| Origin::Preset(name.to_owned());
    Reader { path: Path::new(name), text, layer: Layer::Preset, origin: &origin, catalogue }.read()
}

/// A folder of the path may be a file, or not be there.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    layer: Layer,
    origin: &'a dyn Fn(Place) -> Origin,
    catalogue: &'a Catalogue,
}

impl Reader<'_> {
    fn read(&self) -> Result<Layered, ConfigError> {
        let document = Document::parse(self.text).map_err(|error| ConfigError::Syntax {
            place: Box::new(self.place(error.span(), None)),
            message: error.message().trim().replace('\n', ", "),
        })?;
        let mut layered = Layered::default();
        self.table("", document.as_table(), &mut layered)?;
        Ok(layered)
    }

    fn table(&self, path: &str, table: &dyn TableLike, layered: &mut Layered) -> Result<(), ConfigError> {
        for (name, item) in table.iter() {
            let key = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            let key_span = || table.get_key_value(name).and_then(|(key, _)| key.span());
            let span = item.span().or_else(key_span);
            let place = |span, alias| (self.origin)(self.place(span, alias));
            if let Some(setting) = self.catalogue.get(&key) {
                let whence = (self.layer, place(span, None));
                layered.entries.push(Entry::checked(setting, &as_json(item), whence)?);
            } else if self.catalogue.is_section(&key) {
                let Some(table) = item.as_table_like() else {
                    let expected = "a table of settings".to_owned();
                    return Err(wrong_value(&key, &as_json(item), place(span, None), expected));
                };
                self.table(&key, table, layered)?;
            } else if let Some(alias) = Alias::in_file(&key) {
                let origin = place(span, Some(alias.name.to_owned()));
                layered.aliases.push(Use { alias, value: as_json(item), layer: self.layer, origin });
            } else {
                return Err(unknown_key(key, place(key_span().or(span), None), self.known()));
            }
        }
        Ok(())
    }

    /// Every name that a file may hold.
    fn known(&self) -> impl Iterator<Item = String> {
        let settings = self.catalogue.settings().iter().map(|setting| setting.key.clone());
        let sections = self.catalogue.sections().iter().map(|section| section.key.clone());
        settings.chain(sections).chain(ALIASES.iter().map(|alias| alias.name.to_owned()))
    }

    fn place(&self, span: Option<Range<usize>>, alias: Option<String>) -> Place {
        let at = span.map_or(0, |span| span.start).min(self.text.len());
        let before = self.text.get(..at).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let rest = self.text.get(line_start..).unwrap_or_default();
        Place {
            path: self.path.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
            text: rest.lines().next().unwrap_or_default().to_owned(),
            alias,
        }
    }
}

/// A TOML value as JSON.
fn as_json(item: &Item) -> Value {
    if let Some(table) = item.as_table_like() {
        return table.iter().map(|(name, item)| (name.to_owned(), as_json(item))).collect();
    }
    if let Some(tables) = item.as_array_of_tables() {
        return tables.iter().map(|table| as_json(&Item::Table(table.clone()))).collect();
    }
    item.as_value().map_or(Value::Null, value)
}

/// What JSON has no form for becomes an object, which no setting is, so that it is refused and shown.
fn value(written: &toml_edit::Value) -> Value {
    use toml_edit::Value as Toml;
    match written {
        Toml::String(text) => text.value().as_str().into(),
        Toml::Integer(number) => (*number.value()).into(),
        Toml::Float(number) => match Number::from_f64(*number.value()) {
            Some(finite) => finite.into(),
            None => json!({ "float": number.value().to_string() }),
        },
        Toml::Boolean(yes) => (*yes.value()).into(),
        Toml::Datetime(time) => json!({ "date": time.value().to_string() }),
        Toml::Array(items) => items.iter().map(value).collect(),
        Toml::InlineTable(table) => table.iter().map(|(name, item)| (name.to_owned(), value(item))).collect(),
    }
}
