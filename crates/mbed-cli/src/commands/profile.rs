//! `mbed profile`

use clap::{Args, Subcommand};
use mbed::memory::{Profile, ProfileStore};
use serde_json::json;

use crate::failure::Failure;
use crate::invocation::Invocation;
use crate::printer::Printer;
use crate::status::Status;

/// Show or remove what runs have learned of memory and speed, each for a model, a backend, a device and a precision
#[derive(Debug, Args)]
pub(crate) struct ProfileArguments {
    #[command(subcommand)]
    action: Action,
}

/// What to do with profiles.
#[derive(Debug, Subcommand)]
enum Action {
    /// List them
    List {
        /// Print one JSON array
        #[arg(long)]
        json: bool,
    },
    /// Show those whose model, backend, device or precision has this in its name
    Show {
        /// A part of a name
        name: String,
    },
    /// Print those whose model, backend, device or precision has this in its name as JSON, all without a name
    Export {
        /// A part of a name
        name: Option<String>,
    },
    /// Remove all
    Clear,
}

pub(crate) fn run(arguments: &ProfileArguments, invocation: &Invocation) -> Result<Status, Failure> {
    let printer = &invocation.printer;
    let folder = invocation.environment.mbed_cache().ok_or(mbed::Error::NoCacheFolder)?;
    let store = ProfileStore::new(folder.join("profiles"));
    match &arguments.action {
        Action::List { json } => list(&store, *json, printer),
        Action::Show { name } => {
            let found = named(&store, Some(name))?;
            found.iter().for_each(|profile| printer.data(&describe(profile)));
            Ok(Status::Success)
        }
        Action::Export { name } => {
            let found = named(&store, name.as_deref())?;
            printer.data(&json!(found).to_string());
            Ok(Status::Success)
        }
        Action::Clear => {
            let removed = store.clear()?;
            printer.note(&format!("{removed} files removed from {}", store.folder().display()));
            Ok(Status::Success)
        }
    }
}

fn list(store: &ProfileStore, json: bool, printer: &Printer) -> Result<Status, Failure> {
    let found = store.list()?;
    if json {
        let keys: Vec<_> =
            found.iter().map(|(path, profile)| json!({ "path": path, "key": profile.key })).collect();
        printer.data(&json!(keys).to_string());
        return Ok(Status::Success);
    }
    for (_, profile) in &found {
        printer.data(&line(profile));
    }
    if found.is_empty() {
        printer.note("no profiles yet; runs of 50 batches and more leave one");
    }
    Ok(Status::Success)
}

fn line(profile: &Profile) -> String {
    let key = &profile.key;
    let tokens = profile.learnt.tokens;
    format!(
        "{}  {} on {} in {}: batches of {tokens} tokens",
        key.model, key.backend, key.device, key.precision
    )
}

fn describe(profile: &Profile) -> String {
    let cost = &profile.learnt.cost;
    let [fixed, place, pair, row] = cost.per_unit();
    let mut text = vec![
        line(profile),
        format!(
            "  a batch needs {fixed:.0} bytes, {place:.1} a token, {pair:.3} a token and token of the longest, {row:.0} a row ({} measurements)",
            cost.measurements()
        ),
    ];
    let fastest = profile.learnt.curve.iter().map(|point| point.tokens_per_s).fold(1.0, f64::max);
    for point in &profile.learnt.curve {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "40 at most")]
        let bar = "#".repeat((point.tokens_per_s / fastest * 40.0) as usize);
        text.push(format!("  {:>7} tokens {:>9.0} tokens/s  {bar}", point.tokens, point.tokens_per_s));
    }
    text.join("\n")
}

fn named(store: &ProfileStore, name: Option<&str>) -> Result<Vec<Profile>, Failure> {
    let all = store.list()?.into_iter().map(|(_, profile)| profile);
    let Some(name) = name else { return Ok(all.collect()) };
    let has = |profile: &Profile| {
        let key = &profile.key;
        [&key.model, &key.backend, &key.device, &key.precision].into_iter().any(|part| part.contains(name))
    };
    let found: Vec<Profile> = all.filter(has).collect();
    if found.is_empty() {
        return Err(Failure::new(
            format!("there is no profile of `{name}`"),
            Some("`mbed profile list` lists them"),
        ));
    }
    Ok(found)
}
