//! The compiler of kernels, where NVRTC is: below the target folder, where `cargo xtask test` puts it, or on the loader's
//! path. Without it these show as ignored, and fail where `MBEDTEST_REQUIRE` names `nvrtc`.
//!
//! That every kernel compiles for every architecture is a step of `cargo xtask test` of its own, which writes a page.

use std::fs;
use std::path::PathBuf;

use libtest_mimic::{Arguments, Trial};
use mbed_cuda::kernels::{Architecture, Element, Family, Unit};
use mbed_cuda::nvrtc::{self, Compiler, NvrtcError, Origin};
use mbed_tests::{Failure, required};

/// What tests must find, in `MBEDTEST_REQUIRE`.
const NVRTC: &str = "nvrtc";

/// The smallest unit that every architecture has.
const UNIT: Unit = Unit::new(Family::Convert, Element::F32);

const AMPERE: Architecture = Architecture::new(8, 0);

/// What a trial does with the compiler.
type Case = fn(&Compiler) -> Result<(), Failure>;

fn main() {
    let cases: [(&str, Case); 5] = [
        ("errors_show_the_log_and_the_kernel", errors_show_the_log_and_the_kernel),
        ("warnings_are_errors_in_tests", warnings_are_errors_in_tests),
        ("compiled_kernels_are_kept_on_disk", compiled_kernels_are_kept_on_disk),
        ("damaged_files_are_compiled_again", damaged_files_are_compiled_again),
        ("unknown_cards_get_ptx", unknown_cards_get_ptx),
    ];
    let trials = cases.map(|(name, case)| {
        let trial = Trial::test(name, move || {
            compiler(None).and_then(|compiler| case(&compiler)).map_err(Into::into)
        });
        if is_present() || required(NVRTC) {
            trial
        } else {
            trial.with_kind("needs nvrtc").with_ignored_flag(true)
        }
    });
    libtest_mimic::run(&Arguments::from_args(), trials.into()).exit();
}

/// The folder that `cargo xtask test` unpacked NVRTC into.
fn folder() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let tools = program.ancestors().map(|folder| folder.join("tools")).find(|tools| tools.is_dir())?;
    let entries = fs::read_dir(tools).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let mut folders = entries.map(|tool| tool.join("nvidia/cu13/lib")).filter(|folder| folder.is_dir());
    folders.next()
}

fn is_present() -> bool {
    folder().is_some() || Compiler::new(None).is_ok()
}

fn compiler(cache: Option<PathBuf>) -> Result<Compiler, Failure> {
    if let Some(folder) = folder() {
        nvrtc::load_from(&folder)?;
    }
    Ok(Compiler::new(cache)?)
}

fn errors_show_the_log_and_the_kernel(compiler: &Compiler) -> Result<(), Failure> {
    let source = "extern \"C\" __global__ void wrong(float* x) {\n    x[0] = missing;\n}\n";
    let error =
        compiler.examine_text(("a_unit", source), AMPERE).err().ok_or_else(|| Failure::new("it compiles"))?;
    let message = error.to_string();
    for part in
        ["kernel `a_unit` does not compile for `sm_80`", "a_unit(2): error", "\"missing\" is undefined"]
    {
        if !message.contains(part) {
            return Err(Failure::new(format!("`{part}` is not in:\n{message}")));
        }
    }
    Ok(())
}

fn warnings_are_errors_in_tests(compiler: &Compiler) -> Result<(), Failure> {
    let source = "extern \"C\" __global__ void k(float* x) {\n    int unused;\n    x[0] = 0.0f;\n}\n";
    match compiler.examine_text(("a_unit", source), AMPERE) {
        Err(NvrtcError::Refused { log, .. }) if log.contains("unused") => Ok(()),
        other => Err(Failure::new(format!("{other:?}"))),
    }
}

fn compiled_kernels_are_kept_on_disk(_: &Compiler) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let compiler = compiler(Some(folder.path().to_owned()))?;
    let first = compiler.compile(UNIT, AMPERE)?;
    let second = compiler.compile(UNIT, AMPERE)?;
    let other = compiler.compile(UNIT, Architecture::new(9, 0))?;
    let origins = [first.origin, second.origin, other.origin];
    if origins != [Origin::Built, Origin::Cache, Origin::Built] || first.image != second.image {
        return Err(Failure::new(format!(
            "{origins:?}, {} and {} bytes",
            first.image.len(),
            second.image.len()
        )));
    }
    // Machine code is an ELF file.
    if first.image.starts_with(b"\x7fELF") && first.image != other.image {
        return Ok(());
    }
    Err(Failure::new("the images are not what they should be"))
}

fn damaged_files_are_compiled_again(_: &Compiler) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let compiler = compiler(Some(folder.path().to_owned()))?;
    let first = compiler.compile(UNIT, AMPERE)?;
    for entry in fs::read_dir(folder.path())? {
        let path = entry?.path();
        let whole = fs::read(&path)?;
        fs::write(&path, &whole[..whole.len() / 2])?;
    }
    let second = compiler.compile(UNIT, AMPERE)?;
    if second.origin == Origin::Built && second.image == first.image {
        return Ok(());
    }
    Err(Failure::new(format!("{:?}, {} bytes", second.origin, second.image.len())))
}

fn unknown_cards_get_ptx(compiler: &Compiler) -> Result<(), Failure> {
    let compiled = compiler.compile(UNIT, Architecture::new(99, 0))?;
    let text = String::from_utf8_lossy(&compiled.image);
    if text.contains(".entry convert_f32_f16") && compiled.image.ends_with(&[0]) {
        return Ok(());
    }
    Err(Failure::new("no PTX came"))
}
