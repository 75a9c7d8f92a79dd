//! `mbed config show`

use clap::Args;
use mbed_config::{Origin, Overridden, ResolvedValue, Sources};
use serde_json::{Map, Value, json};

use crate::failure::Failure;
use crate::printer::Printer;
use crate::status::Status;

/// Show the value of every setting
///
/// The output is TOML: saved in a file, it sets the same.
#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// Only settings that begin with this, such as `batching`
    key: Option<String>,
    /// Tell where each value comes from, and which ones it overrides
    #[arg(long)]
    origin: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(
    arguments: &ShowArguments,
    sources: &Sources,
    printer: &Printer,
) -> Result<Status, Failure> {
    let resolved = mbed_config::resolve(sources)?;
    for warning in &resolved.warnings {
        printer.note(&format!("warning: {warning}"));
    }
    let prefix = arguments.key.as_deref().unwrap_or_default();
    let values: Vec<&ResolvedValue> =
        resolved.values.iter().filter(|value| value.key.starts_with(prefix)).collect();
    if values.is_empty() {
        let hint = "`mbed config show` lists every setting";
        return Err(Failure::new(format!("no setting begins with `{prefix}`"), Some(hint)));
    }
    match (arguments.json, arguments.origin) {
        (true, true) => printer.data(&format!("{:#}", with_origins(&values))),
        (true, false) => printer.data(&format!("{:#}", tree(&values))),
        (false, true) => {
            values.iter().flat_map(|value| explained(value)).for_each(|line| printer.data(&line))
        }
        (false, false) => values.iter().for_each(|value| printer.data(&line(value))),
    }
    Ok(Status::Success)
}

fn line(value: &ResolvedValue) -> String {
    match &value.value {
        Value::Null => format!("# {} is not set", value.key),
        set => format!("{} = {set}", value.key),
    }
}

/// The line of a value with its origin, and a line for each value that it overrides.
fn explained(value: &ResolvedValue) -> Vec<String> {
    let mut lines = vec![format!("{}  # {}", line(value), value.origin)];
    let weaker = value.overridden.iter();
    lines.extend(weaker.map(|Overridden { value, origin }| format!("#   overrides {value}  # {origin}")));
    lines
}

fn with_origins(values: &[&ResolvedValue]) -> Value {
    let object = |value: &Value, source: &Origin| json!({ "value": value, "origin": origin(source) });
    let explain = |found: &ResolvedValue| {
        let mut explained = object(&found.value, &found.origin);
        explained["overridden"] =
            found.overridden.iter().map(|weaker| object(&weaker.value, &weaker.origin)).collect();
        (found.key.clone(), explained)
    };
    values.iter().map(|value| explain(value)).collect()
}

fn origin(origin: &Origin) -> Value {
    match origin {
        Origin::Preset(name) => json!({ "layer": "preset", "name": name }),
        Origin::File(place) => json!({
            "layer": "file", "path": place.path, "line": place.line, "column": place.column, "alias": place.alias,
        }),
        Origin::Environment(name) => json!({ "layer": "environment", "name": name }),
        Origin::Flag(name) => json!({ "layer": "flag", "name": name }),
        _ => json!({ "layer": "default" }),
    }
}

/// The values as the tree that a file has.
fn tree(values: &[&ResolvedValue]) -> Value {
    let mut tree = Value::Object(Map::new());
    for found in values {
        let mut place = &mut tree;
        for name in found.key.split('.') {
            place = &mut place[name];
        }
        *place = found.value.clone();
    }
    tree
}
