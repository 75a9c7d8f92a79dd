//! The JSON schema of a file of settings.

use serde_json::{Value, json};

use crate::alias::{ALIASES, Alias};
use crate::{Catalogue, catalogue, preset_names};

/// The JSON schema of a file of settings, older names included, for editors that complete and check TOML.
#[must_use]
pub fn schema() -> String {
    let mut schema = catalogue::schema();
    let catalogue = Catalogue::new();
    schema["title"] = json!("Settings of mbed");
    schema["properties"]["preset"]["enum"] = json!(preset_names());
    for alias in &ALIASES {
        schema["properties"][alias.name] = describe(alias, &catalogue);
    }
    tidy(&mut schema);
    format!("{schema:#}\n")
}

fn describe(alias: &Alias, catalogue: &Catalogue) -> Value {
    let keys: Vec<String> = alias.keys().iter().map(|key| format!("`{key}`")).collect();
    let range = alias.range(catalogue);
    let about = format!("Older name of {}: {range}.", keys.join(" and "));
    json!({ "description": about, "deprecated": true })
}

/// Joins descriptions that are wrapped in the source.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            for (name, value) in map.iter_mut() {
                match (name.as_str(), value.as_str()) {
                    ("description", Some(text)) => *value = text.replace('\n', " ").into(),
                    _ => tidy(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}
