//! A file with every setting, each as a comment with its default.

use std::fmt::Write as _;

use serde_json::Value;

use crate::{Catalogue, Effect, Setting};

/// How long a line may become.
const WIDTH: usize = 100;

const HEADER: &str = "\
# Settings of mbed. Every line that sets something is a comment and shows the default: take the `#` away and change
# the value. `mbed config show --origin` tells what counts in the end, `mbed config check FILE` whether a file is right.
";

/// A file with every setting, each as a comment with its default: it changes nothing as it is.
#[must_use]
pub fn default_file() -> String {
    let catalogue = Catalogue::new();
    let mut file = HEADER.to_owned();
    let mut current = "";
    for setting in catalogue.settings() {
        let (section, _) = setting.place();
        if section != current {
            let about = catalogue.sections().iter().find(|found| found.key == section);
            file.push('\n');
            comment(&mut file, about.map_or("", |found| &found.about));
            // Writing to a string cannot fail.
            let _ = writeln!(file, "[{section}]");
            current = section;
        }
        file.push('\n');
        describe(&mut file, setting);
    }
    file
}

fn describe(file: &mut String, setting: &Setting) {
    comment(file, &setting.about);
    let mut range = sentence(&setting.range);
    if let Some(unit) = setting.unit.as_deref().filter(|unit| !setting.range.contains(unit)) {
        let _ = write!(range, " Unit: {unit}.");
    }
    if setting.range != "text" {
        comment(file, &range);
    }
    if setting.effect == Effect::Planned {
        comment(file, "Nothing acts on it yet.");
    }
    let (_, name) = setting.place();
    if setting.default == Value::Null {
        comment(file, "Not set by default; this is an example.");
    }
    let shown = if setting.default == Value::Null { &setting.example } else { &setting.default };
    let _ = writeln!(file, "# {name} = {shown}");
}

/// Adds `text` in lines that begin with `##`, so that they differ from settings.
fn comment(file: &mut String, text: &str) {
    let mut line = String::from("##");
    for word in text.split_whitespace() {
        if line.len() + 1 + word.len() > WIDTH {
            let _ = writeln!(file, "{line}");
            line = String::from("##");
        }
        line.push(' ');
        line.push_str(word);
    }
    let _ = writeln!(file, "{line}");
}

/// `text` with a capital at its beginning and a full stop at its end.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}.", letters.as_str())
}
