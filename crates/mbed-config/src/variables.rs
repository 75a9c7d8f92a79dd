//! The layer of the environment: each variable by its own name.

use crate::alias::{ALIASES, Alias, Use};
use crate::catalogue::Catalogue;
use crate::entry::Entry;
use crate::env_vars::{MBED_CACHE, PREFIX};
use crate::file::Layered;
use crate::suggest::closest;
use crate::{ConfigError, Environment, Layer, Origin};

/// What the variables of `environment` set.
pub(crate) fn read(environment: &Environment, catalogue: &Catalogue) -> Result<Layered, ConfigError> {
    let mut layered = Layered::default();
    for (name, value) in &environment.settings {
        let Some(text) = value.to_str() else {
            return Err(ConfigError::NotUnicode { name: name.clone() });
        };
        let (layer, origin) = (Layer::Environment, Origin::Environment(name.clone()));
        if let Some(setting) = catalogue.by_variable(name) {
            layered.entries.push(Entry::checked(setting, &setting.read(text), (layer, origin))?);
        } else if let Some(alias) = alias(name) {
            layered.aliases.push(Use { alias, value: alias.read(text, catalogue), layer, origin });
        } else {
            let suggestion = closest(name, known(catalogue));
            return Err(ConfigError::UnknownVariable { name: name.clone(), suggestion });
        }
    }
    // What is meant for mbed alone is stronger than what other tools read too.
    layered
        .aliases
        .sort_by_key(|used| matches!(&used.origin, Origin::Environment(name) if name.starts_with(PREFIX)));
    Ok(layered)
}

/// The older name that the variable called `name` has.
fn alias(name: &str) -> Option<&'static Alias> {
    ALIASES.iter().find(|alias| alias.variables().iter().any(|variable| variable == name))
}

/// Every variable that begins as ours do.
fn known(catalogue: &Catalogue) -> impl Iterator<Item = String> {
    let settings = catalogue.settings().iter().map(|setting| setting.variable());
    settings.chain(ALIASES.iter().flat_map(Alias::variables)).chain([MBED_CACHE.to_owned()])
}
