//! Which crate may use which: dependencies point one way.

use cargo_metadata::{DependencyKind, MetadataCommand};

use crate::tree;

/// The crates from the top down, as in `docs/architecture.md`. A crate uses crates of later lines alone.
const LAYERS: [&[&str]; 6] = [
    &["mbed-cli", "mbed-py", "xtask"],
    &["mbed-bench", "mbed-tests"],
    &["mbed", "mbed-pipeline", "mbed-server"],
    &["mbed-engine"],
    &[
        "mbed-candle",
        "mbed-config",
        "mbed-cpu",
        "mbed-cuda",
        "mbed-model",
        "mbed-monitor",
        "mbed-onnx",
        "mbed-text",
    ],
    &["mbed-core", "mbed-kernels"],
];

/// Crates that only tests may use, wherever they stand: their code is never part of what people run.
const FOR_TESTS: [&str; 1] = ["mbed-tests"];

/// A crate of this workspace, and those that it uses other than in its tests.
struct Crate {
    name: String,
    uses: Vec<String>,
}

/// Asks cargo; dependencies from elsewhere are left out, so no network is needed.
fn workspace() -> Vec<Crate> {
    let manifest = tree::root().join("Cargo.toml");
    let metadata = MetadataCommand::new().manifest_path(manifest).no_deps().exec();
    let metadata = metadata.unwrap_or_else(|error| panic!("cannot ask cargo for the workspace: {error}"));
    let crates = metadata.packages.into_iter().map(|package| {
        let ours = package.dependencies.into_iter().filter(|dependency| dependency.path.is_some());
        let uses = ours.filter(|dependency| dependency.kind != DependencyKind::Development);
        Crate { name: package.name.to_string(), uses: uses.map(|dependency| dependency.name).collect() }
    });
    crates.collect()
}

fn layer(name: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&name))
}

fn check(crates: &[Crate]) -> Vec<String> {
    let mut complaints = Vec::new();
    for Crate { name, uses } in crates {
        if layer(name).is_none() {
            complaints.push(format!("`{name}` has no place in LAYERS and in docs/architecture.md"));
        }
        for used in uses {
            if FOR_TESTS.contains(&used.as_str()) {
                complaints.push(format!("`{name}` uses `{used}`, which is for tests alone"));
            } else if layer(name) >= layer(used) {
                complaints.push(format!("`{name}` uses `{used}`, which does not stand below it"));
            }
        }
    }
    complaints
}

#[test]
fn crates_use_only_crates_below_them() {
    let crates = workspace();
    assert!(
        crates.iter().any(|found| found.name == "mbed" && !found.uses.is_empty()),
        "the facade is not found"
    );
    tree::assert_tidy(&check(&crates));
}

#[test]
fn an_edge_that_points_up_or_sideways_is_found() {
    let try_edge = |name: &str, used: &str| {
        check(&[Crate { name: name.to_owned(), uses: vec![used.to_owned()] }]).into_iter().next()
    };
    assert_eq!(try_edge("mbed-cli", "mbed"), None);
    assert_eq!(try_edge("mbed-engine", "mbed-core"), None);
    let expect = |name, used, complaint: &str| assert_eq!(try_edge(name, used).as_deref(), Some(complaint));
    expect("mbed-core", "mbed-text", "`mbed-core` uses `mbed-text`, which does not stand below it");
    expect("mbed-text", "mbed-model", "`mbed-text` uses `mbed-model`, which does not stand below it");
    expect("mbed-bench", "mbed-tests", "`mbed-bench` uses `mbed-tests`, which is for tests alone");
    expect("mbed-new", "mbed-core", "`mbed-new` has no place in LAYERS and in docs/architecture.md");
}
