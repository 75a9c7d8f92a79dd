//! What is wrong is named: the file with its line, the variable, the flag.

use std::fs;

use mbed_config::{ConfigError, Environment, Platform, Sources, resolve};

use crate::support::World;

/// Proves that a project file with this content is refused with exactly these words.
fn check(content: &str, expected: &str) {
    assert_eq!(World::new().project(content).resolve().error(), expected);
}

#[test]
fn broken_toml_is_shown_with_its_line() {
    check(
        "[batching]\nmax_tokens = = 3\n",
        "project/mbed.toml:2:14: extra `=`, expected nothing\n2 | max_tokens = = 3\n  |              ^",
    );
    let error = World::new().project("# one\n\n[batching\nmax_tokens = 3\n").resolve().error();
    assert!(error.starts_with("project/mbed.toml:3:10: ") && error.contains("\n3 | [batching\n"), "{error}");
    let error = World::new().project("[batching]\nmin_rows = 2\nmin_rows = 3\n").resolve().error();
    assert!(error.starts_with("project/mbed.toml:3:1: ") && error.contains("duplicate"), "{error}");
}

#[test]
fn a_value_of_another_type_is_shown_with_what_is_expected() {
    check(
        "[batching]\n\nmax_tokens = \"many\"\n",
        "project/mbed.toml:3:14: `batching.max_tokens` cannot be `\"many\"`, only a whole number from 1\n\
         3 | max_tokens = \"many\"\n  |              ^",
    );
    check(
        "batching = 3\n",
        "project/mbed.toml:1:12: `batching` cannot be `3`, only a table of settings\n1 | batching = 3\n  |            ^",
    );
    check(
        "[[batching]]\nmin_rows = 3\n",
        "project/mbed.toml:1:1: `batching` cannot be `[{\"min_rows\":3}]`, only a table of settings\n\
         1 | [[batching]]\n  | ^",
    );
    let wrong = [
        ("runtime.threads", "true"),
        ("runtime.threads", "{ least = 1 }"),
        ("runtime.devices", "[\"one\"]"),
        ("cuda.pinned_memory", "1"),
        ("model.id", "7"),
        ("logging.level", "[\"info\"]"),
        ("memory.reserved", "1.5"),
        ("memory.fraction", "nan"),
        ("model.prompt", "inf"),
        ("model.id", "1979-05-27"),
    ];
    for (key, value) in wrong {
        let error = World::new().project(&format!("{key} = {value}\n")).resolve().error();
        assert!(error.contains(&format!("`{key}` cannot be `")), "{error}");
    }
}

#[test]
fn a_value_out_of_range_is_refused_in_every_layer_even_where_another_wins() {
    let wrong = [
        ("batching.max_tokens", "0"),
        ("batching.min_rows", "-1"),
        ("runtime.threads", "0"),
        ("runtime.precision", "\"f64\""),
        ("runtime.backend", "\"abacus\""),
        ("runtime.isa", "\"sse\""),
        ("runtime.devices", "[]"),
        ("runtime.devices", "[-1]"),
        ("memory.safety_factor", "0"),
        ("memory.fraction", "1.01"),
        ("memory.growth.factor", "1"),
        ("memory.max_retries", "-1"),
        ("memory.reserved", "\"9 apples\""),
        ("batching.window_bytes", "0"),
        ("logging.level", "\"loud\""),
        ("chunking.strategy", "\"auto\""),
        ("chunking.size", "\"12 pages\""),
        ("chunking.levels", "0"),
        ("chunking.threshold", "\"median\""),
    ];
    for (key, value) in wrong {
        let world = World::new().system(&format!("{key} = {value}\n"));
        let error = world.flag("--right", "batching.max_tokens", "9").resolve().error();
        let column = key.len() + " = ".len() + 1;
        let place = format!("etc/config.toml:1:{column}: `{key}` cannot be `");
        assert!(error.starts_with(&place) && error.contains(", only "), "{error}");
    }
}

#[test]
fn an_unknown_key_is_shown_with_the_one_that_may_be_meant() {
    check(
        "[batching]\nbatchsize = 3\n",
        "project/mbed.toml:2:1: there is no setting `batching.batchsize`\n2 | batchsize = 3\n  | ^\n\
         hint: did you mean `batching.batch_size`?",
    );
    check(
        "[runtme]\nthreads = 3\n",
        "project/mbed.toml:1:2: there is no setting `runtme`\n1 | [runtme]\n  |  ^\nhint: did you mean `runtime`?",
    );
    check(
        "colour = 3\n",
        "project/mbed.toml:1:1: there is no setting `colour`\n1 | colour = 3\n  | ^\n\
         hint: `mbed config show` lists every setting",
    );
}

#[test]
fn a_variable_with_a_wrong_value_is_named() {
    let error = |name: &str, value: &str| World::new().variable(name, value).resolve().error();
    assert_eq!(
        error("MBED_RUNTIME__PRECISION", "bf61"),
        "environment MBED_RUNTIME__PRECISION: `runtime.precision` cannot be `\"bf61\"`, only one of `auto`, `mixed`, \
         `f32`, `tf32`, `bf16`, `f16`, `int8`, `fp8`"
    );
    assert_eq!(
        error("EMBEDDING_DEVICE", "cuda:first"),
        "environment EMBEDDING_DEVICE: `embedding_device` cannot be `\"cuda:first\"`, only a backend, perhaps with the \
         number of a device: `cpu`, `cuda`, `cuda:1`"
    );
    assert_eq!(
        error("MBED_CUDA_VRAM_RESERVED_GB", "-2"),
        "environment MBED_CUDA_VRAM_RESERVED_GB: `cuda_vram_reserved_gb` cannot be `-2.0`, only a number of gigabytes \
         from 0"
    );
    assert!(error("EMBEDDING_BATCH_SIZE", "lots").contains("EMBEDDING_BATCH_SIZE"));
}

#[test]
fn an_unknown_variable_of_ours_is_an_error() {
    let error = |name: &str| World::new().variable(name, "1").resolve().error();
    assert_eq!(
        error("MBED_RUNTIME_PRECISION"),
        "there is no variable `MBED_RUNTIME_PRECISION`\nhint: did you mean `MBED_RUNTIME__PRECISION`?"
    );
    assert_eq!(error("MBED_CACHES"), "there is no variable `MBED_CACHES`\nhint: did you mean `MBED_CACHE`?");
    let outcome = World::new().variable("MBED_CACHE", "x").variable("MBEDTEST_REQUIRE", "x").resolve();
    assert_eq!(outcome.warnings(), "");
    // Set to nothing is not set.
    World::new()
        .variable("MBED_NO_SUCH_THING", "")
        .variable("MBED_RUNTIME__THREADS", "")
        .resolve()
        .resolved();
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_text_is_named() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt as _;

    let variables = [("MBED_MODEL__ID".into(), OsString::from_vec(vec![0xff]))];
    let environment = Some(Environment::from_variables(Platform::Unix, variables));
    let error = resolve(&Sources { environment, ..Sources::default() }).unwrap_err();
    assert_eq!(error.to_string(), "the variable `MBED_MODEL__ID` is not Unicode");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    // A folder cannot be read as a file, by root either.
    let world = World::new();
    fs::create_dir(world.path("folder")).unwrap();
    for named in [true, false] {
        let mut sources = Sources::default();
        match named {
            true => sources.named_files.push(world.path("folder")),
            false => sources.user_file = Some(world.path("folder")),
        }
        let error = resolve(&sources).unwrap_err();
        assert!(
            matches!(&error, ConfigError::Unreadable { path, .. } if *path == world.path("folder")),
            "{error}"
        );
    }
    let absent = world.path("absent.toml");
    let error = resolve(&Sources { named_files: vec![absent.clone()], ..Sources::default() }).unwrap_err();
    assert!(matches!(error, ConfigError::Unreadable { path, .. } if path == absent));
    resolve(&Sources { user_file: Some(absent), ..Sources::default() }).unwrap();
    let not_text = world.path("latin.toml");
    fs::write(&not_text, b"# \xe9\n").unwrap();
    let error = resolve(&Sources { named_files: vec![not_text], ..Sources::default() }).unwrap_err();
    assert!(matches!(error, ConfigError::Unreadable { .. }));
}

#[test]
fn a_preset_that_does_not_exist_lists_those_that_do() {
    check(
        "preset = \"fast\"\n",
        "project/mbed.toml:1:10: there is no preset `fast`\n1 | preset = \"fast\"\n  |          ^\n\
         hint: presets are throughput, latency, low-memory, reference",
    );
    let error = World::new().flag("--preset", "preset", "fast").resolve().error();
    assert!(error.starts_with("flag --preset: there is no preset `fast`\n"), "{error}");
}

#[test]
fn settings_that_do_not_go_together_name_the_layers_at_fault() {
    let hint = "hint: `mbed config show --origin` tells where every value comes from";
    let outcome = World::new()
        .project("[batching]\nmin_rows = 16\n")
        .flag("--batch-size", "batching.batch_size", "8")
        .resolve();
    assert_eq!(
        outcome.error(),
        format!(
            "`batching.min_rows = 16` (project/mbed.toml:2:12) and `batching.batch_size = 8` (flag --batch-size) do \
             not go together: the first may be at most the second\n{hint}"
        )
    );
    let pairs = [
        ("batching.batch_size", "9", "batching.max_rows", "8"),
        ("batching.min_rows", "9", "batching.max_rows", "8"),
        ("memory.growth.below", "0.8", "memory.pressure_threshold", "0.8"),
        ("runtime.threads", "1", "runtime.workers_per_device", "2"),
        ("model.prompt", "x: ", "model.prompt_name", "query"),
    ];
    for (first, one, second, two) in pairs {
        let error = World::new().flag("--one", first, one).flag("--two", second, two).resolve().error();
        assert!(error.contains("(flag --one)") && error.contains("(flag --two)"), "{error}");
        assert!(error.contains(first) && error.contains(second), "{error}");
    }
}

#[test]
fn a_flag_with_a_wrong_value_is_named() {
    let error = World::new().flag("--backend", "runtime.backend", "abacus").resolve().error();
    assert!(
        error.starts_with("flag --backend: `runtime.backend` cannot be `\"abacus\"`, only one of"),
        "{error}"
    );
}
