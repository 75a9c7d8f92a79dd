//! Where files of settings are looked for.

use std::path::{Path, PathBuf};

use mbed_config::{Environment, Layer, Platform, Sources};

use crate::support::World;

fn environment(platform: Platform, variables: &[(&str, &str)]) -> Environment {
    let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    Environment::from_variables(platform, variables)
}

#[test]
fn the_persons_file_follows_the_platform() {
    let check = |platform, variables: &[(&str, &str)], expected: Option<&[&str]>| {
        let expected = expected.map(|parts| parts.iter().collect::<PathBuf>());
        assert_eq!(environment(platform, variables).user_config(), expected, "{platform:?} {variables:?}");
    };
    let (home, xdg) = (("HOME", "home"), ("XDG_CONFIG_HOME", "xdg"));
    check(Platform::Unix, &[home], Some(&["home", ".config", "mbed", "config.toml"]));
    check(Platform::Unix, &[home, xdg], Some(&["xdg", "mbed", "config.toml"]));
    check(
        Platform::Unix,
        &[home, ("XDG_CONFIG_HOME", "")],
        Some(&["home", ".config", "mbed", "config.toml"]),
    );
    check(Platform::MacOs, &[home], Some(&["home", "Library", "Application Support", "mbed", "config.toml"]));
    check(Platform::MacOs, &[home, xdg], Some(&["xdg", "mbed", "config.toml"]));
    check(Platform::Windows, &[("APPDATA", "roaming")], Some(&["roaming", "mbed", "config.toml"]));
    check(
        Platform::Windows,
        &[("USERPROFILE", "user")],
        Some(&["user", "AppData", "Roaming", "mbed", "config.toml"]),
    );
    check(Platform::Unix, &[], None);
}

#[test]
fn the_machines_file_follows_the_platform() {
    let etc = Some(Path::new("/etc/mbed/config.toml").to_owned());
    assert_eq!(environment(Platform::Unix, &[]).system_config(), etc);
    assert_eq!(environment(Platform::MacOs, &[]).system_config(), etc);
    assert_eq!(environment(Platform::Windows, &[]).system_config(), None);
    let expected: PathBuf = ["data", "mbed", "config.toml"].iter().collect();
    assert_eq!(environment(Platform::Windows, &[("PROGRAMDATA", "data")]).system_config(), Some(expected));
}

#[test]
fn the_nearest_project_file_counts() {
    let world = World::new();
    for name in ["mbed.toml", "a/mbed.toml"] {
        world.write(name, "");
    }
    let inner = world.path("a/b/c");
    let found = |folder: &Path| {
        let sources = Sources { folder: Some(folder.to_owned()), ..Sources::default() };
        sources.files()
    };
    assert_eq!(found(&inner), [(Layer::Project, world.path("a/mbed.toml"))]);
    assert_eq!(found(&world.path("other")), [(Layer::Project, world.path("mbed.toml"))]);
    assert_eq!(found(world.root()), [(Layer::Project, world.path("mbed.toml"))]);
}
