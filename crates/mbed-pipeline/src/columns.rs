//! Which column holds the texts, and which the ids.

use arrow_schema::{DataType, Field, Schema};

use crate::PipelineError;

/// The metadata key of a text column whose texts are JSON: values of mixed types, lists and objects, and whole
/// numbers that are too large for 64 bits. It is `true` there and absent elsewhere.
pub const JSON_TEXT: &str = "mbed:json";

/// The column that holds the texts where nobody names another.
pub(crate) const TEXT: &str = "text";

/// The columns of a table that have a meaning here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Columns {
    /// The texts.
    pub(crate) text: usize,
    /// The ids, where a column was chosen for them.
    pub(crate) id: Option<usize>,
}

impl Columns {
    /// Whether a column can hold texts.
    pub(crate) fn is_text(field: &Field) -> bool {
        is_text(field)
    }

    /// The columns by the names that were asked for; the texts by default are in `text`, or else in the only
    /// column of strings.
    ///
    /// # Errors
    /// A column that was asked for does not exist, the one for texts does not hold strings, or none was asked
    /// for and it is not clear which one is meant.
    pub(crate) fn choose(
        schema: &Schema,
        text: Option<&str>,
        id: Option<&str>,
    ) -> Result<Self, PipelineError> {
        let text = match text.or_else(|| schema.index_of(TEXT).is_ok().then_some(TEXT)) {
            Some(name) => find(schema, name)?,
            None => only_text(schema)?,
        };
        let field = schema.field(text);
        if !is_text(field) {
            let got = field.data_type().to_string();
            return Err(PipelineError::NotText { column: field.name().clone(), got });
        }
        Ok(Self { text, id: id.map(|name| find(schema, name)).transpose()? })
    }
}

/// Whether a text column holds JSON.
pub(crate) fn is_json(field: &Field) -> bool {
    field.metadata().get(JSON_TEXT).is_some_and(|value| value == "true")
}

fn is_text(field: &Field) -> bool {
    fn is_string(data_type: &DataType) -> bool {
        match data_type {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
            DataType::Dictionary(_, values) => is_string(values),
            _ => false,
        }
    }
    is_string(field.data_type()) && !is_json(field)
}

fn only_text(schema: &Schema) -> Result<usize, PipelineError> {
    let mut texts = schema.fields().iter().enumerate().filter(|(_, field)| is_text(field));
    match (texts.next(), texts.next()) {
        (Some((index, _)), None) => Ok(index),
        _ => Err(PipelineError::NoTextColumn { columns: names(schema) }),
    }
}

fn find(schema: &Schema, name: &str) -> Result<usize, PipelineError> {
    let missing = |_| PipelineError::NoSuchColumn { column: name.to_owned(), columns: names(schema) };
    schema.index_of(name).map_err(missing)
}

fn names(schema: &Schema) -> Vec<String> {
    schema.fields().iter().map(|field| field.name().clone()).collect()
}
