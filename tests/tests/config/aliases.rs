//! The names that older tools use.

use serde_json::{Value, json};

use crate::support::World;

#[test]
fn each_older_name_sets_what_it_means() {
    let check = |name: &str, typed: &str, key: &str, value: Value| {
        let bare = ["EMBEDDING_", "SEMANTIC_", "GPU_"].iter().any(|prefix| name.starts_with(prefix));
        let mut variables = vec![format!("MBED_{name}")];
        variables.extend(bare.then(|| name.to_owned()));
        for variable in variables {
            let outcome = World::new().variable(&variable, typed).resolve();
            assert_eq!(outcome.value(key), value, "{variable}={typed}");
            assert_eq!(outcome.origin(key), format!("environment {variable}"));
        }
        let quoted = typed.parse::<f64>().is_err() && typed.parse::<bool>().is_err();
        let typed = if quoted { format!("{typed:?}") } else { typed.to_owned() };
        let name = name.to_lowercase();
        let outcome = World::new().project(&format!("{name} = {typed}\n")).resolve();
        assert_eq!(outcome.value(key), value, "{name} = {typed}");
        let column = name.len() + " = ".len() + 1;
        assert_eq!(outcome.origin(key), format!("project/mbed.toml:1:{column} ({name})"));
    };
    check("EMBEDDING_DEVICE", "cpu", "runtime.backend", json!("cpu"));
    check("EMBEDDING_DEVICE", "cuda", "runtime.backend", json!("cuda"));
    check("EMBEDDING_DEVICE", "cuda:1", "runtime.backend", json!("cuda"));
    check("EMBEDDING_DEVICE", "cuda:1", "runtime.devices", json!([1]));
    check("EMBEDDING_MODEL_POOL_SIZE", "2", "runtime.workers_per_device", json!(2));
    check("EMBEDDING_BATCH_SIZE", "64", "batching.batch_size", json!(64));
    check("SEMANTIC_MIN_BATCH_SIZE", "2", "batching.min_rows", json!(2));
    check("SEMANTIC_MAX_BATCH_SIZE", "512", "batching.max_rows", json!(512));
    check("GPU_MEMORY_SAFETY_FACTOR", "0.5", "memory.safety_factor", json!(0.5));
    check("HARDWARE", "candle", "runtime.backend", json!("candle"));
    check("BATCH_SIZE", "16", "batching.batch_size", json!(16));
    check("MIXED_PRECISION", "true", "runtime.precision", json!("mixed"));
    check("MIXED_PRECISION", "false", "runtime.precision", json!("f32"));
    check("CUDA_DEVICE", "3", "runtime.devices", json!([3]));
    check("MULTI_GPU", "true", "runtime.devices", json!("all"));
    check("MULTI_GPU", "false", "runtime.devices", json!([0]));
    check("CUDA_VRAM_RESERVED_GB", "1.5", "memory.reserved", json!("1500MB"));
    check("CUDA_USE_PINNED_MEMORY", "false", "cuda.pinned_memory", json!(false));
}

#[test]
fn names_that_other_tools_read_too_are_only_taken_where_they_are_listed() {
    let outcome = World::new()
        .variable("BATCH_SIZE", "16")
        .variable("MULTI_GPU", "maybe")
        .variable("HARDWARE", "abacus")
        .resolve();
    assert_eq!(outcome.value("batching.batch_size"), json!("auto"));
}

#[test]
fn without_several_cards_the_named_one_computes_whichever_layer_names_it() {
    let check = |world: World, devices: Value, origin: &str| {
        let outcome = world.resolve();
        assert_eq!(
            (outcome.value("runtime.devices"), outcome.origin("runtime.devices").as_str()),
            (devices, origin)
        );
        assert_eq!(outcome.warnings(), "");
    };
    let one = "multi_gpu = false\ncuda_device = 2\n";
    check(World::new().project(one), json!([2]), "project/mbed.toml:1:13 (multi_gpu)");
    check(
        World::new().project("cuda_device = 2\n").variable("MBED_MULTI_GPU", "false"),
        json!([2]),
        "environment MBED_MULTI_GPU",
    );
    check(
        World::new().project("multi_gpu = false\n").variable("MBED_CUDA_DEVICE", "2"),
        json!([2]),
        "environment MBED_CUDA_DEVICE",
    );
    check(
        World::new().variable("MBED_EMBEDDING_DEVICE", "cuda:1").variable("MBED_MULTI_GPU", "0"),
        json!([1]),
        "environment MBED_MULTI_GPU",
    );
}

#[test]
fn a_native_name_wins_in_its_layer_and_a_warning_names_both() {
    let outcome = World::new()
        .variable("EMBEDDING_BATCH_SIZE", "64")
        .variable("MBED_BATCHING__BATCH_SIZE", "16")
        .resolve();
    assert_eq!(
        outcome.history("batching.batch_size"),
        [
            (json!(16), "environment MBED_BATCHING__BATCH_SIZE".to_owned()),
            (json!(64), "environment EMBEDDING_BATCH_SIZE".to_owned()),
        ]
    );
    assert_eq!(
        outcome.warnings(),
        "`batching.batch_size = 64` (environment EMBEDDING_BATCH_SIZE) is not used, because of \
         `batching.batch_size = 16` (environment MBED_BATCHING__BATCH_SIZE)"
    );
    let outcome = World::new().project("multi_gpu = false\n[runtime]\ndevices = [0, 1]\n").resolve();
    assert_eq!(outcome.value("runtime.devices"), json!([0, 1]));
    assert_eq!(
        outcome.warnings(),
        "`runtime.devices = [0]` (project/mbed.toml:1:13 (multi_gpu)) is not used, because of \
         `runtime.devices = [0,1]` (project/mbed.toml:3:11)"
    );
}

#[test]
fn names_that_agree_are_no_contradiction() {
    let outcome = World::new()
        .variable("EMBEDDING_BATCH_SIZE", "16")
        .variable("MBED_BATCH_SIZE", " 16")
        .variable("MBED_BATCHING__BATCH_SIZE", "16")
        .resolve();
    assert_eq!(outcome.warnings(), "");
}

#[test]
fn an_older_name_in_a_stronger_layer_beats_a_native_one_in_a_weaker() {
    let outcome = World::new()
        .project("[batching]\nbatch_size = 16\n")
        .variable("EMBEDDING_BATCH_SIZE", "64")
        .resolve();
    assert_eq!(outcome.value("batching.batch_size"), json!(64));
    assert_eq!(outcome.warnings(), "");
}

#[test]
fn what_is_meant_for_mbed_is_stronger_than_what_all_tools_read() {
    let outcome = World::new()
        .variable("SEMANTIC_MAX_BATCH_SIZE", "8")
        .variable("MBED_SEMANTIC_MAX_BATCH_SIZE", "4")
        .resolve();
    assert_eq!(outcome.value("batching.max_rows"), json!(4));
    assert!(outcome.warnings().contains("SEMANTIC_MAX_BATCH_SIZE"), "{}", outcome.warnings());
}

#[test]
fn the_number_of_a_device_is_that_of_its_backend() {
    let check = |world: World, backend: &str, devices: Value| {
        let outcome = world.resolve();
        assert_eq!(
            (outcome.value("runtime.backend"), outcome.value("runtime.devices")),
            (json!(backend), devices)
        );
    };
    let second_card = || World::new().variable("EMBEDDING_DEVICE", "cuda:1");
    check(second_card(), "cuda", json!([1]));
    check(second_card().flag("--backend", "runtime.backend", "cpu"), "cpu", json!("all"));
    check(second_card().variable("MBED_RUNTIME__BACKEND", "cpu"), "cpu", json!("all"));
    check(second_card().flag("--backend", "runtime.backend", "cuda"), "cuda", json!([1]));
    let file = || World::new().project("[runtime]\nbackend = \"cuda\"\ndevices = [2]\n");
    check(file().flag("--backend", "runtime.backend", "cpu"), "cpu", json!("all"));
    check(file().variable("MBED_RUNTIME__DEVICES", "3"), "cuda", json!([3]));
    let devices_alone = World::new().project("[runtime]\ndevices = [2]\n");
    check(devices_alone.flag("--backend", "runtime.backend", "cuda"), "cuda", json!([2]));
}
