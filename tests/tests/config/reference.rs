//! What is generated from the types.

use mbed_config::{Catalogue, Effect, reference};
use mbed_core::settings::Settings;
use serde_json::Value;

use crate::support::World;

#[test]
fn every_setting_has_what_the_reference_promises() {
    let catalogue = Catalogue::new();
    assert!(catalogue.settings().len() > 30);
    for setting in catalogue.settings() {
        assert!(setting.about.ends_with('.'), "{}: {}", setting.key, setting.about);
        assert!(!setting.range.is_empty() && !setting.example.is_null(), "{}", setting.key);
        assert_ne!(setting.example, setting.default, "{}", setting.key);
        let (page, variables) = (reference::settings_page(), reference::environment_page());
        assert!(page.contains(&format!("### `{}`", setting.key)), "{}", setting.key);
        assert!(variables.contains(&format!("| `{}` |", setting.variable())), "{}", setting.key);
    }
}

#[test]
fn the_catalogue_knows_the_tree_and_its_defaults() {
    let tree = serde_json::to_value(Settings::default()).unwrap();
    let mut leaves = Vec::new();
    collect("", &tree, &mut leaves);
    let catalogue = Catalogue::new();
    let described: Vec<(String, Value)> =
        catalogue.settings().iter().map(|setting| (setting.key.clone(), setting.default.clone())).collect();
    assert_eq!(described, leaves);
}

fn collect(path: &str, tree: &Value, leaves: &mut Vec<(String, Value)>) {
    for (name, value) in tree.as_object().unwrap() {
        let key = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match value {
            Value::Object(_) => collect(&key, value, leaves),
            value => leaves.push((key, value.clone())),
        }
    }
}

#[test]
fn every_example_is_a_value_that_the_setting_takes() {
    for setting in Catalogue::new().settings() {
        let outcome = World::new().project(&format!("{} = {}\n", setting.key, setting.example)).resolve();
        assert_eq!(outcome.value(&setting.key), setting.example, "{}", setting.key);
        let warned = outcome.warnings().contains(&setting.key);
        assert_eq!(warned, setting.effect == Effect::Planned, "{}", setting.key);
    }
}

#[test]
fn the_file_to_begin_with_changes_nothing_and_its_lines_can_be_used() {
    let file = reference::default_file();
    let settings = |content: &str| World::new().project(content).resolve().resolved().settings.clone();
    assert_eq!(settings(&file), Settings::default());
    // With every mark of a comment taken away, but for the settings that exclude each other or have no default.
    let unset = ["# preset", "# revision", "# prompt_name", "# prompt "];
    let uncommented: String = file
        .lines()
        .filter(|line| !unset.iter().any(|name| line.starts_with(name)))
        .map(|line| match line.strip_prefix("# ") {
            Some(setting) if setting.contains(" = ") => format!("{setting}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    assert_eq!(settings(&uncommented), Settings::default());
    let set = uncommented.lines().filter(|line| !line.starts_with('#') && line.contains(" = ")).count();
    assert_eq!(set, Catalogue::new().settings().len() - unset.len());
}

#[test]
fn the_schema_lists_every_setting_and_every_older_name() {
    let schema: Value = serde_json::from_str(&reference::schema()).unwrap();
    assert_eq!(schema["additionalProperties"], false);
    for setting in Catalogue::new().settings() {
        let pointer = format!("/properties/{}", setting.key.replace('.', "/properties/"));
        let described = schema.pointer(&pointer).unwrap_or_else(|| panic!("{pointer}"));
        assert!(described["description"].is_string(), "{pointer}");
    }
    for name in
        ["hardware", "batch_size", "mixed_precision", "multi_gpu", "cuda_device", "embedding_batch_size"]
    {
        assert_eq!(schema["properties"][name]["deprecated"], true, "{name}");
    }
}

#[test]
fn every_preset_can_be_chosen_and_warns_of_nothing() {
    for name in mbed_config::preset_names() {
        let outcome = World::new().flag("--preset", "preset", name).resolve();
        assert_eq!(outcome.warnings(), "");
        assert_ne!(
            outcome.resolved().settings,
            Settings { preset: Some(name.to_owned()), ..Settings::default() }
        );
    }
}
