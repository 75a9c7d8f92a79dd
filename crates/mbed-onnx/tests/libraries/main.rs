//! Real libraries that cannot be used: each is a reason with what was found and what is needed.
//!
//! A library that says it is of an old version is compiled here; where there is no C compiler that shows as ignored. None of
//! these is ever loaded to the end, so that they can share a process.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fs, io};

use libtest_mimic::{Arguments, Failed, Trial};
use mbed_core::{Backend, Probe};
use mbed_onnx::{LibrarySearch, OnnxBackend};

fn main() {
    let trials = vec![
        Trial::test("another_machine", another_machine),
        Trial::test("another_library", || {
            of_source("int answer(void) { return 42; }", "lacks `OrtGetApiBase`")
        })
        .with_ignored_flag(!has_compiler()),
        Trial::test("too_old", || of_source(OLD, "is version 1.20.1, 1.24 or newer is needed"))
            .with_ignored_flag(!has_compiler()),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

/// ONNX Runtime's entry, after `onnxruntime_c_api.h`: an `OrtApiBase` of `GetApi` and `GetVersionString`.
const OLD: &str = r#"
struct base { const void* (*get_api)(unsigned); const char* (*get_version)(void); };
static const void* get_api(unsigned version) { return version > 20 ? 0 : "an api"; }
static const char* get_version(void) { return "1.20.1"; }
static const struct base BASE = { get_api, get_version };
const struct base* OrtGetApiBase(void) { return &BASE; }
"#;

/// What the backend says of the library `file`.
fn reason(file: &Path) -> Result<String, Failed> {
    let search = LibrarySearch { named: Some(file.to_owned()), folders: Vec::new() };
    match OnnxBackend::new(search).probe() {
        Probe::Absent(reason) => Ok(reason),
        Probe::Found(devices) => Err(format!("it was loaded: {devices:?}").into()),
    }
}

fn expect(said: &str, parts: &[&str]) -> Result<(), Failed> {
    match parts.iter().find(|part| !said.contains(**part)) {
        None => Ok(()),
        Some(part) => Err(format!("`{part}` is missing from: {said}").into()),
    }
}

/// The header of a library (`Elf64_Ehdr`) for a processor that this one is not.
fn another_machine() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join(name());
    let (machine, named) = if cfg!(target_arch = "aarch64") { (62, "x86_64") } else { (183, "aarch64") };
    let mut header = [0_u8; 64];
    header[..7].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1, 1]);
    header[16..20].copy_from_slice(&[3, 0, machine, 0]);
    header[20] = 1;
    header[52] = 64;
    fs::write(&file, header)?;
    let own = format!("this program for {}", std::env::consts::ARCH);
    expect(
        &reason(&file)?,
        &[&file.display().to_string(), &format!("is built for {named}"), &own, "1.24 or newer"],
    )
}

fn of_source(source: &str, expected: &str) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let file = compile(folder.path(), source)?;
    expect(
        &reason(&file)?,
        &[&file.display().to_string(), expected, "no ONNX Runtime 1.24 or newer was found"],
    )
}

fn compile(folder: &Path, source: &str) -> io::Result<PathBuf> {
    let (text, library) = (folder.join("source.c"), folder.join(name()));
    fs::write(&text, source)?;
    let done = Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &text]).status()?;
    if done.success() { Ok(library) } else { Err(io::Error::other(format!("cc: {done}"))) }
}

fn has_compiler() -> bool {
    let asked = Command::new("cc").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    asked.is_ok_and(|status| status.success())
}

fn name() -> String {
    format!("{}onnxruntime{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX)
}
