//! What only one file may do: read the environment, print, know the backends of a build.

use crate::tokens::{self, Token};
use crate::tree::{self, File};

/// Who reads the environment. The harness of the tests is told by a variable what it must find.
const ENVIRONMENT: [&str; 2] = ["crates/mbed-config/src/env_vars.rs", "tests/src/"];

/// Who prints.
const PRINTERS: [&str; 2] = ["crates/mbed-cli/src/printer.rs", "xtask/src/printer.rs"];

/// Parts of paths of those who print beside what people run: tests, benches, and build scripts, which talk to cargo.
const UNSEEN_PRINTERS: [&str; 3] = ["tests/", "benches/", "build.rs"];

/// Who asks which backends were compiled in.
const REGISTRY: [&str; 1] = ["crates/mbed/src/registry.rs"];

/// The functions of `std::env` that read or change the environment.
const ENVIRONMENT_FUNCTIONS: [&str; 6] = ["var", "var_os", "vars", "vars_os", "set_var", "remove_var"];

/// The macros that print.
const PRINT_MACROS: [&str; 5] = ["print", "println", "eprint", "eprintln", "dbg"];

/// The features that stand for backends, as literals.
const BACKENDS: [&str; 4] = ["\"cpu\"", "\"candle\"", "\"onnx\"", "\"cuda\""];

fn check(files: &[File]) -> Vec<String> {
    let sources = files.iter().filter(|file| file.ends_in(&[".rs"]));
    sources.flat_map(|file| [environment(file), printing(file), backends(file)].concat()).collect()
}

fn environment(file: &File) -> Vec<String> {
    let code = tokens::all(file);
    let paths = tokens::find(&code, &["env", ":", ":"]).into_iter().map(|at| at + 3);
    let names = paths.flat_map(|at| imported(&code, at));
    let found = names.filter(|token| ENVIRONMENT_FUNCTIONS.contains(&token.text.as_str()));
    complain(file, &ENVIRONMENT, found, "reads the environment")
}

/// The names at `at`, where a path goes on: one, or those in braces.
fn imported(code: &[Token], at: usize) -> &[Token] {
    let rest = code.get(at..).unwrap_or_default();
    let length = match rest.first() {
        Some(first) if first.text == "{" => rest.iter().position(|token| token.text == "}"),
        first => first.map(|_| 1),
    };
    &rest[..length.unwrap_or_default()]
}

fn printing(file: &File) -> Vec<String> {
    if UNSEEN_PRINTERS.iter().any(|part| file.path.contains(part)) {
        return Vec::new();
    }
    let code = tokens::parts(file).code;
    let calls = PRINT_MACROS.iter().flat_map(|name| tokens::find(&code, &[name, "!"]));
    complain(file, &PRINTERS, calls.map(|at| &code[at]), "prints")
}

fn backends(file: &File) -> Vec<String> {
    let code = tokens::all(file);
    let asked = tokens::find(&code, &["feature", "="]).into_iter().filter_map(|at| code.get(at + 2));
    let asked = asked.filter(|token| BACKENDS.contains(&token.text.as_str()));
    complain(file, &REGISTRY, asked, "asks for the feature of a backend")
}

fn complain<'a>(
    file: &File,
    allowed: &[&str],
    found: impl Iterator<Item = &'a Token>,
    does: &str,
) -> Vec<String> {
    if file.lies_in(allowed) {
        return Vec::new();
    }
    let place = allowed[0];
    found.map(|token| format!("{}:{}: {does}; that belongs into {place}", file.path, token.line)).collect()
}

#[test]
fn what_one_file_does_no_other_does() {
    tree::assert_tidy(&check(&tree::files()));
}

#[test]
fn a_second_reader_of_the_environment_is_found() {
    let try_code = |code: &str| check(&[File::new("crates/a/src/b.rs", code)]);
    let complaint =
        "crates/a/src/b.rs:1: reads the environment; that belongs into crates/mbed-config/src/env_vars.rs";
    assert_eq!(try_code("fn f() { std::env::var(\"A\"); }"), [complaint]);
    assert_eq!(try_code("fn f() { env::vars_os(); }"), [complaint]);
    assert_eq!(try_code("use std::env::{temp_dir, var_os};"), [complaint]);
    assert_eq!(try_code("use std::env::temp_dir; const A: &str = env!(\"A\"); // env::var"), [""; 0]);
    assert_eq!(check(&[File::new(ENVIRONMENT[0], "fn f() { std::env::var(\"A\"); }")]), [""; 0]);
}

#[test]
fn a_second_printer_is_found() {
    let try_code = |code: &str| check(&[File::new("crates/a/src/b.rs", code)]);
    for name in PRINT_MACROS {
        let complaint = "crates/a/src/b.rs:1: prints; that belongs into crates/mbed-cli/src/printer.rs";
        assert_eq!(try_code(&format!("fn f() {{ {name}!(\"a\"); }}")), [complaint]);
    }
    assert_eq!(try_code("/// println!(\"a\")\nfn f() { let println = 1; }"), [""; 0]);
    assert_eq!(try_code("#[cfg(test)]\nmod tests { fn f() { println!(\"a\"); } }"), [""; 0]);
    for place in [PRINTERS[0], "crates/a/build.rs", "crates/a/tests/b.rs"] {
        assert_eq!(check(&[File::new(place, "fn f() { println!(\"a\"); }")]), [""; 0]);
    }
}

#[test]
fn a_second_registry_is_found() {
    let try_code = |code: &str| check(&[File::new("crates/a/src/b.rs", code)]).len();
    assert_eq!(try_code("#[cfg(feature = \"cuda\")]\nmod a;"), 1);
    assert_eq!(try_code("fn f() -> bool { cfg!(all(unix, feature = \"cpu\")) }"), 1);
    assert_eq!(try_code("#[cfg(feature = \"serde\")]\nmod a;"), 0);
    assert_eq!(check(&[File::new(REGISTRY[0], "#[cfg(feature = \"cpu\")]\nmod a;")]), [""; 0]);
}
