//! The keys of all records as columns.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, Float64Builder, Int64Builder, StringBuilder};
use arrow_array::{ArrayRef, NullArray};
use arrow_schema::{Field, Schema};

use super::kind::{Fit, Kind, describe};
use super::object::{Object, unescape};
use crate::columns::JSON_TEXT;
use crate::read::lines::Line;
use crate::{PipelineError, Place};

/// More keys than this are data, not columns; each would cost memory for every record.
const MAX_KEYS: usize = 4096;

/// What is known of all keys, in the order that they first appear in.
#[derive(Default)]
pub(super) struct Keys {
    keys: Vec<Key>,
    by_name: HashMap<String, usize>,
    /// How many records were seen, and the first of them.
    rows: u64,
    first: Option<Place>,
    /// A key whose values count as strings whatever they are: those that are none are bad records.
    strings: Option<String>,
}

/// What is known of one key.
struct Key {
    name: String,
    kind: Kind,
    /// The number of the record that had it last, from 1.
    seen: u64,
    fault: Option<Fault>,
}

/// The first record whose value is not a string, and what it is.
#[derive(Clone)]
pub(super) struct Fault {
    pub(super) place: Place,
    pub(super) got: &'static str,
}

impl Keys {
    /// Knows nothing. Values of the key `strings` that are no strings are not learnt from.
    pub(super) fn new(strings: Option<&str>) -> Self {
        Self { strings: strings.map(str::to_owned), ..Self::default() }
    }

    /// What [`Keys::known`] gave.
    pub(super) fn of_known(known: &[(String, String)]) -> Self {
        let mut keys = Self::default();
        for (index, (name, kind)) in known.iter().enumerate() {
            let kind = Kind::named(kind);
            keys.keys.push(Key { name: name.clone(), kind, seen: 0, fault: None });
            keys.by_name.insert(name.clone(), index);
        }
        keys
    }

    /// The names and kinds of all keys.
    pub(super) fn known(&self) -> Vec<(String, String)> {
        self.keys.iter().map(|key| (key.name.clone(), key.kind.name().to_owned())).collect()
    }

    /// The keys of no records: strings under the name of the text column, and of the id column where there is one.
    pub(super) fn of_nothing(text: &str, id: Option<&str>) -> Self {
        let names = [Some(text), id.filter(|id| *id != text)];
        let key = |name: &str| Key { name: name.to_owned(), kind: Kind::Text, seen: 0, fault: None };
        Self { keys: names.into_iter().flatten().map(key).collect(), ..Self::default() }
    }

    /// Learns from one record.
    ///
    /// # Errors
    /// It is not an object, or brings too many keys.
    pub(super) fn learn(&mut self, line: &Line) -> Result<(), PipelineError> {
        let object = Object::parse(line)?;
        self.rows += 1;
        for (name, raw) in &object.0 {
            let index = match self.by_name.get(name.as_ref()) {
                Some(&index) => index,
                None => self.add(name, &line.place)?,
            };
            let Some(key) = self.keys.get_mut(index) else { continue };
            let kind = Kind::of(raw);
            if kind == Kind::Text || self.strings.as_ref() != Some(&key.name) {
                key.kind = key.kind.join(kind);
            }
            key.seen = self.rows;
            if kind != Kind::Text && key.fault.is_none() {
                key.fault = Some(Fault { place: line.place.clone(), got: describe(raw) });
            }
        }
        for key in self.keys.iter_mut().filter(|key| key.seen != self.rows && key.fault.is_none()) {
            key.fault = Some(Fault { place: line.place.clone(), got: "missing" });
        }
        self.first.get_or_insert_with(|| line.place.clone());
        Ok(())
    }

    fn add(&mut self, name: &str, place: &Place) -> Result<usize, PipelineError> {
        let index = self.keys.len();
        if index >= MAX_KEYS {
            return Err(PipelineError::TooManyKeys { place: place.clone(), limit: MAX_KEYS });
        }
        // All records before this one lack the key.
        let fault = self.first.clone().map(|place| Fault { place, got: "missing" });
        self.keys.push(Key { name: name.to_owned(), kind: Kind::Null, seen: 0, fault });
        self.by_name.insert(name.to_owned(), index);
        Ok(index)
    }

    pub(super) const fn rows(&self) -> u64 {
        self.rows
    }

    /// The number of the key called `name`.
    pub(super) fn index(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// The first record in which key `index` is not a string.
    pub(super) fn fault(&self, index: usize) -> Option<&Fault> {
        self.keys.get(index)?.fault.as_ref()
    }

    /// The names in order.
    pub(super) fn names(&self) -> Vec<String> {
        self.keys.iter().map(|key| key.name.clone()).collect()
    }

    /// The keys as columns.
    pub(super) fn schema(&self) -> Schema {
        let fields: Vec<_> = self.keys.iter().map(|key| field(&key.name, key.kind)).collect();
        Schema::new(fields)
    }

    /// An empty column for each key.
    pub(super) fn builders(&self) -> Vec<Builder> {
        self.keys.iter().map(|key| Builder::new(key.kind)).collect()
    }
}

fn field(name: &str, kind: Kind) -> Field {
    let field = Field::new(name, kind.data_type(), true);
    if kind == Kind::Json {
        return field.with_metadata(HashMap::from([(JSON_TEXT.to_owned(), "true".to_owned())]));
    }
    field
}

/// A column while it is filled.
pub(super) enum Builder {
    Null(usize),
    Bool(BooleanBuilder),
    Integer(Int64Builder),
    Float(Float64Builder),
    Text(StringBuilder),
    Json(StringBuilder),
}

/// A value is of another type than its column.
#[derive(Debug)]
pub(super) struct Misfit;

impl Builder {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Null => Self::Null(0),
            Kind::Bool => Self::Bool(BooleanBuilder::new()),
            Kind::Integer(_) => Self::Integer(Int64Builder::new()),
            Kind::Float => Self::Float(Float64Builder::new()),
            Kind::Text => Self::Text(StringBuilder::new()),
            Kind::Json => Self::Json(StringBuilder::new()),
        }
    }

    /// Adds a value; a missing one is null.
    pub(super) fn push(&mut self, raw: Option<&str>) -> Result<(), Misfit> {
        let raw = raw.unwrap_or("null");
        match (self, Kind::of(raw)) {
            (Self::Json(column), kind) if kind != Kind::Null => column.append_value(raw),
            (column, Kind::Null) => column.push_null(),
            (Self::Bool(column), Kind::Bool) => column.append_value(raw == "true"),
            (Self::Integer(column), Kind::Integer(_)) => {
                column.append_value(raw.parse().map_err(|_| Misfit)?)
            }
            (Self::Float(column), Kind::Float | Kind::Integer(Fit::Exact)) => {
                column.append_value(raw.parse().map_err(|_| Misfit)?);
            }
            (Self::Text(column), Kind::Text) => column.append_value(unescape(raw).map_err(|_| Misfit)?),
            _ => return Err(Misfit),
        }
        Ok(())
    }

    fn push_null(&mut self) {
        match self {
            Self::Null(count) => *count += 1,
            Self::Bool(column) => column.append_null(),
            Self::Integer(column) => column.append_null(),
            Self::Float(column) => column.append_null(),
            Self::Text(column) | Self::Json(column) => column.append_null(),
        }
    }

    /// What the column holds, for a message.
    pub(super) const fn describe(&self) -> &'static str {
        match self {
            Self::Null(_) => "null",
            Self::Bool(_) => "booleans",
            Self::Integer(_) => "whole numbers",
            Self::Float(_) => "numbers",
            Self::Text(_) => "strings",
            Self::Json(_) => "mixed",
        }
    }

    pub(super) fn finish(self) -> ArrayRef {
        match self {
            Self::Null(count) => Arc::new(NullArray::new(count)),
            Self::Bool(mut column) => Arc::new(column.finish()),
            Self::Integer(mut column) => Arc::new(column.finish()),
            Self::Float(mut column) => Arc::new(column.finish()),
            Self::Text(mut column) | Self::Json(mut column) => Arc::new(column.finish()),
        }
    }
}
