//! `docs/reference/settings.md`

use std::fmt::Write as _;

use serde_json::Value;

use crate::alias::{ALIASES, Alias};
use crate::{Catalogue, Effect, Setting, preset_names};

const HEADER: &str = "\
# Settings

Written by `cargo xtask generate` from the types; changes made here are lost.

A setting can stand in a file, in a variable or on the command line. From the weakest to the strongest layer:

1. what this page calls the default,
2. a preset, chosen with `preset = \"NAME\"`, `MBED_PRESET` or `--preset`,
3. the machine's file: `/etc/mbed/config.toml`, on Windows `%PROGRAMDATA%\\mbed\\config.toml`,
4. the person's file: `$XDG_CONFIG_HOME/mbed/config.toml`; where that variable is not set `~/.config/mbed/config.toml`, on
   macOS `~/Library/Application Support/mbed/config.toml`, on Windows `%APPDATA%\\mbed\\config.toml`,
5. the project's file: `mbed.toml` in this folder or the nearest above,
6. files named with `--config`, a later one being stronger,
7. [variables](environment.md),
8. flags of the [command line](cli.md).

Tables merge key by key; a list replaces a list. An unknown key, a value of the wrong type and one out of range are
errors, in every layer. `mbed config show --origin` tells what counts and where it came from.
";

/// The page of every setting: default, unit, range, example, variable, older names.
#[must_use]
pub fn settings_page() -> String {
    let catalogue = Catalogue::new();
    let mut page = HEADER.to_owned();
    // Writing to a string cannot fail.
    let _ = writeln!(page, "\nPresets: `{}`.", preset_names().join("`, `"));
    let mut current = "";
    for setting in catalogue.settings() {
        let (section, _) = setting.place();
        if section != current {
            let about = catalogue.sections().iter().find(|found| found.key == section);
            let _ = write!(page, "\n## `[{section}]`\n\n{}\n", about.map_or("", |found| &found.about));
            current = section;
        }
        describe(&mut page, setting);
    }
    page
}

fn describe(page: &mut String, setting: &Setting) {
    let code = |value: &Value| match value {
        Value::Null => "not set".to_owned(),
        value => format!("`{value}`"),
    };
    let (_, name) = setting.place();
    let _ = write!(page, "\n### `{}`\n\n{}\n\n", setting.key, setting.about);
    if setting.effect == Effect::Planned {
        page.push_str("Nothing acts on it yet; whoever sets it is told so.\n\n");
    }
    let mut rows = vec![
        ("default", code(&setting.default)),
        ("unit", setting.unit.clone().unwrap_or_else(|| "none".to_owned())),
        ("range", setting.range.clone()),
        ("example", format!("`{name} = {}`", setting.example)),
        ("variable", format!("`{}`", setting.variable())),
    ];
    let older: Vec<String> = older_names(&setting.key).map(|alias| format!("`{}`", alias.name)).collect();
    if !older.is_empty() {
        rows.push(("older names", older.join(", ")));
    }
    page.push_str("| | |\n|---|---|\n");
    for (what, value) in rows {
        let _ = writeln!(page, "| {what} | {value} |");
    }
}

fn older_names(key: &str) -> impl Iterator<Item = &'static Alias> {
    ALIASES.iter().filter(move |alias| alias.keys().contains(&key))
}
