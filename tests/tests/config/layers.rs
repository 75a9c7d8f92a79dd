//! Eight layers, each stronger than the one before it.

use serde_json::{Value, json};

use crate::support::World;

/// A setting and its value in each layer.
struct Case {
    key: &'static str,
    /// How a file writes a value of it.
    toml: fn(&str) -> String,
    variable: &'static str,
    /// A preset that sets it.
    preset: &'static str,
    /// Default, preset, system, user, project, named file, environment, flag.
    values: [Value; 8],
}

/// A layer, and what its origin is called, where it has a fixed name.
const LAYERS: [&str; 8] = ["default", "preset", "system", "user", "project", "named", "environment", "flag"];

fn cases() -> [Case; 3] {
    [
        Case {
            key: "batching.max_tokens",
            toml: |value| format!("[batching]\nmax_tokens = {value}\n"),
            variable: "MBED_BATCHING__MAX_TOKENS",
            preset: "throughput",
            values: [8192, 16384, 3, 4, 5, 6, 7, 8].map(Value::from),
        },
        Case {
            key: "runtime.devices",
            toml: |value| format!("[runtime]\ndevices = {value}\n"),
            variable: "MBED_RUNTIME__DEVICES",
            preset: "reference",
            values: [
                json!("all"),
                json!([0]),
                json!([3, 0]),
                json!([4]),
                json!("all"),
                json!([6, 5, 4]),
                json!([7]),
                json!([8, 9]),
            ],
        },
        Case {
            key: "memory.growth.after",
            toml: |value| format!("[memory.growth]\nafter = {value}\n"),
            variable: "MBED_MEMORY__GROWTH__AFTER",
            preset: "low-memory",
            values: [10, 50, 3, 4, 5, 6, 7, 8].map(Value::from),
        },
    ]
}

/// How a variable or a flag writes a value.
fn typed(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A world in which layer `layer` of `case` is there too.
fn add(world: World, case: &Case, layer: usize) -> World {
    let value = &case.values[layer];
    let file = (case.toml)(&value.to_string());
    match LAYERS[layer] {
        "default" => world,
        "preset" => world.flag("--preset", "preset", case.preset),
        "system" => world.system(&file),
        "user" => world.user(&file),
        "project" => world.project(&file),
        "named" => world.named("named.toml", &file),
        "environment" => world.variable(case.variable, &typed(value)),
        _ => world.flag("--flag", case.key, &typed(value)),
    }
}

/// What the origin of layer `layer` is called.
fn origin(case: &Case, layer: usize) -> String {
    let column = case.key.rsplit('.').next().unwrap().len() + " = ".len() + 1;
    match LAYERS[layer] {
        "default" => "default".to_owned(),
        "preset" => format!("preset {}", case.preset),
        "system" => format!("etc/config.toml:2:{column}"),
        "user" => format!("user/config.toml:2:{column}"),
        "project" => format!("project/mbed.toml:2:{column}"),
        "named" => format!("named.toml:2:{column}"),
        "environment" => format!("environment {}", case.variable),
        _ => "flag --flag".to_owned(),
    }
}

#[test]
fn the_strongest_layer_wins_and_every_origin_is_known() {
    for case in cases() {
        // Every set of layers there is.
        for layers in 0_u32..1 << 7 {
            let there: Vec<usize> =
                (0..8).filter(|layer| *layer == 0 || layers & (1 << (layer - 1)) != 0).collect();
            let world = there.iter().fold(World::new(), |world, layer| add(world, &case, *layer));
            let outcome = world.resolve();
            let history: Vec<(Value, String)> = there
                .iter()
                .rev()
                .enumerate()
                .filter(|(place, layer)| *place == 0 || **layer > 0)
                .map(|(_, layer)| (case.values[*layer].clone(), origin(&case, *layer)))
                .collect();
            assert_eq!(outcome.history(case.key), history, "{} in {there:?}", case.key);
        }
    }
}

#[test]
fn tables_merge_key_by_key_and_lists_replace_lists() {
    let outcome = World::new()
        .system("[memory.growth]\nafter = 3\nbelow = 0.5\n[runtime]\ndevices = [0, 1, 2]\n")
        .user("memory = { growth = { after = 4 } }\n")
        .project("runtime.devices = [3]\n")
        .resolve();
    let growth = outcome.resolved().settings.memory.growth;
    assert_eq!((growth.after.get(), growth.below.get(), growth.factor.get()), (4, 0.5, 1.5));
    assert_eq!(outcome.origin("memory.growth.after"), "user/config.toml:1:31");
    assert_eq!(outcome.origin("memory.growth.below"), "etc/config.toml:3:9");
    assert_eq!(outcome.value("runtime.devices"), json!([3]));
    assert_eq!(outcome.origin("runtime.devices"), "project/mbed.toml:1:19");
}

#[test]
fn a_later_named_file_is_stronger() {
    let outcome = World::new()
        .named("one.toml", "[batching]\nmin_rows = 2\nmax_tokens = 100\n")
        .named("two.toml", "[batching]\nmin_rows = 3\n")
        .resolve();
    assert_eq!(
        outcome.history("batching.min_rows"),
        [(json!(3), "two.toml:2:12".to_owned()), (json!(2), "one.toml:2:12".to_owned())]
    );
    assert_eq!(outcome.value("batching.max_tokens"), json!(100));
}

#[test]
fn a_preset_is_chosen_by_the_strongest_layer_and_weaker_than_every_file() {
    let chosen = |world: World| {
        let outcome = world.resolve();
        (
            outcome.origin("preset"),
            outcome.value("batching.max_tokens"),
            outcome.origin("batching.max_tokens"),
        )
    };
    let world = World::new().system("preset = \"latency\"\n");
    assert_eq!(chosen(world), ("etc/config.toml:1:10".into(), json!(2048), "preset latency".into()));
    let world = World::new().system("preset = \"latency\"\n").variable("MBED_PRESET", "throughput");
    assert_eq!(chosen(world), ("environment MBED_PRESET".into(), json!(16384), "preset throughput".into()));
    let world = World::new()
        .system("batching.max_tokens = 9\n")
        .variable("MBED_PRESET", "throughput")
        .flag("--preset", "preset", "latency");
    assert_eq!(chosen(world), ("flag --preset".into(), json!(9), "etc/config.toml:1:23".into()));
}

#[test]
fn a_revision_belongs_to_its_model() {
    let world = || World::new().system("[model]\nid = \"a/b\"\nrevision = \"v1\"\n");
    assert_eq!(world().resolve().value("model.revision"), json!("v1"));
    let outcome = world().flag("--model", "model.id", "c/d").resolve();
    assert_eq!(outcome.resolved().settings.model.revision, None);
    assert_eq!(
        outcome.history("model.revision"),
        [(Value::Null, "flag --model".to_owned()), (json!("v1"), "etc/config.toml:3:12".to_owned())]
    );
    let outcome =
        world().flag("--model", "model.id", "c/d").flag("--revision", "model.revision", "v2").resolve();
    assert_eq!(outcome.value("model.revision"), json!("v2"));
}

#[test]
fn the_stronger_of_two_kinds_of_prompt_counts() {
    let outcome = World::new()
        .project("model.prompt_name = \"query\"\n")
        .flag("--prompt", "model.prompt", "")
        .resolve();
    let model = &outcome.resolved().settings.model;
    assert_eq!((model.prompt.as_deref(), model.prompt_name.as_deref()), (Some(""), None));
    assert_eq!(outcome.origin("model.prompt_name"), "flag --prompt");
}

#[test]
fn values_are_shown_in_one_form() {
    let outcome = World::new()
        .variable("MBED_MEMORY__RESERVED", "9 gb")
        .variable("MBED_LOGGING__LEVEL", "INFO")
        .variable("MBED_CUDA__PINNED_MEMORY", "no")
        .variable("MBED_MEMORY__FRACTION", "1")
        .variable("MBED_RUNTIME__DEVICES", "[0, 2]")
        .variable("MBED_MODEL__ID", "123")
        .resolve();
    assert_eq!(outcome.value("memory.reserved"), json!("9GB"));
    assert_eq!(outcome.resolved().settings.memory.reserved.bytes().get(), 9_000_000_000);
    assert_eq!(outcome.value("logging.level"), json!("info"));
    assert_eq!(outcome.value("cuda.pinned_memory"), json!(false));
    assert_eq!(outcome.value("memory.fraction"), json!(1.0));
    assert_eq!(outcome.value("runtime.devices"), json!([0, 2]));
    assert_eq!(outcome.value("model.id"), json!("123"));
}

#[test]
fn a_setting_that_nothing_acts_on_is_named_where_a_person_set_it() {
    let outcome = World::new()
        .project("[runtime]\nisa = \"avx2\"\nthreads = \"auto\"\n")
        .flag("--preset", "preset", "low-memory")
        .resolve();
    assert_eq!(
        outcome.warnings(),
        "`runtime.isa = \"avx2\"` (project/mbed.toml:2:7) has no effect: no part of this build acts on it yet"
    );
}
