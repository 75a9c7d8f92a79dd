//! `docs/reference/environment.md`

use std::fmt::Write as _;

use crate::alias::ALIASES;
use crate::env_vars::OTHERS;
use crate::{Catalogue, Effect};

const HEADER: &str = "\
# Environment variables

Written by `cargo xtask generate` from the types; changes made here are lost.

A variable that is set to nothing counts as not set. One that begins with `MBED_` and is not on this page is an error.

## Settings

Stronger than every file, weaker than flags. Lists are written `0,1`. What each setting means, its range and its
default are on the page of [settings](settings.md).

| variable | setting | may be |
|---|---|---|
";

const OLDER: &str = "
## Older names

Names that other embedding tools use. Where both are set, the variable above wins and a warning names both. Each
can also stand at the top of a file, in small letters and without `MBED_`: `batch_size = 32`.

| variable | sets | may be |
|---|---|---|
";

const OTHER: &str = "
## Folders, the hub, devices

| variable | what it does |
|---|---|
";

/// The page of every variable that is read.
#[must_use]
pub fn environment_page() -> String {
    let catalogue = Catalogue::new();
    let mut page = HEADER.to_owned();
    for setting in catalogue.settings() {
        let planned = if setting.effect == Effect::Planned { " (planned)" } else { "" };
        // Writing to a string cannot fail.
        let _ =
            writeln!(page, "| `{}` | `{}`{planned} | {} |", setting.variable(), setting.key, setting.range);
    }
    page.push_str(OLDER);
    for alias in &ALIASES {
        let keys: Vec<String> = alias.keys().iter().map(|key| format!("`{key}`")).collect();
        let names: Vec<String> = alias.variables().iter().map(|name| format!("`{name}`")).collect();
        let _ =
            writeln!(page, "| {} | {} | {} |", names.join(", "), keys.join(", "), alias.range(&catalogue));
    }
    page.push_str(OTHER);
    for (name, about) in OTHERS {
        let _ = writeln!(page, "| `{name}` | {about} |");
    }
    page
}
