//! Where `unsafe` may be written.

use crate::tokens;
use crate::tree::{self, File};

/// Every file with unsafe code. A new one is a decision, not a detail.
const FILES: [&str; 16] = [
    "crates/mbed-cuda/src/ffi/context.rs",
    "crates/mbed-cuda/src/ffi/device.rs",
    "crates/mbed-cuda/src/ffi/host.rs",
    "crates/mbed-cuda/src/ffi/libraries.rs",
    "crates/mbed-cuda/src/ffi/matrix.rs",
    "crates/mbed-cuda/src/nvrtc/library.rs",
    "crates/mbed-cuda/src/nvrtc/program.rs",
    "crates/mbed-kernels/src/avx512.rs",
    "crates/mbed-kernels/src/bf16/amx.rs",
    "crates/mbed-kernels/src/bf16/amx_beside.rs",
    "crates/mbed-kernels/src/bf16/machine.rs",
    "crates/mbed-kernels/src/guarded.rs",
    "crates/mbed-kernels/src/int8/machine.rs",
    "crates/mbed-kernels/src/isa.rs",
    "crates/mbed-model/src/mapped.rs",
    "crates/mbed-onnx/src/placement.rs",
];

fn check(files: &[File], listed: &[&str]) -> Vec<String> {
    let mut complaints = Vec::new();
    let sources = files.iter().filter(|file| file.ends_in(&[".rs"]));
    for file in sources {
        let code = tokens::all(file);
        let opened = !tokens::find(&code, &["expect", "(", "unsafe_code"]).is_empty();
        let touched = code.iter().find(|token| matches!(token.text.as_str(), "unsafe" | "unsafe_code"));
        match (touched, listed.contains(&file.path.as_str())) {
            (Some(token), false) => {
                complaints
                    .push(format!("{}:{}: unsafe code in a file that is not listed", file.path, token.line));
            }
            (Some(_), true) if opened => {}
            (_, true) => complaints.push(format!("{}: listed, but without `expect(unsafe_code)`", file.path)),
            (None, false) => {}
        }
    }
    let missing = listed.iter().filter(|path| !files.iter().any(|file| file.path == **path));
    complaints.extend(missing.map(|path| format!("{path}: listed, but not there")));
    complaints
}

#[test]
fn unsafe_code_stays_where_it_is_listed() {
    tree::assert_tidy(&check(&tree::files(), &FILES));
}

#[test]
fn unsafe_code_elsewhere_and_a_stale_list_are_found() {
    let opened = "#![expect(unsafe_code, reason = \"a\")]\nfn f() { unsafe {} }\n";
    let try_file = |content: &str, listed: &[&str]| check(&[File::new("a.rs", content)], listed);
    assert_eq!(try_file(opened, &["a.rs"]), [""; 0]);
    assert_eq!(try_file("// unsafe\nfn f() -> &'static str { \"unsafe\" }\n", &[]), [""; 0]);
    assert_eq!(try_file(opened, &[]), ["a.rs:1: unsafe code in a file that is not listed"]);
    assert_eq!(try_file("fn f() { unsafe {} }\n", &[]), ["a.rs:1: unsafe code in a file that is not listed"]);
    assert_eq!(try_file("#![allow(unsafe_code)]\n", &[]).len(), 1);
    assert_eq!(try_file("fn f() {}\n", &["a.rs"]), ["a.rs: listed, but without `expect(unsafe_code)`"]);
    assert_eq!(try_file("fn f() {}\n", &["b.rs"]), ["b.rs: listed, but not there"]);
}
