//! Compiles every kernel for every architecture, and writes or checks the page that tells what they need.
//!
//! `kernels_page LIBRARY FILE` writes it with the NVRTC in the folder LIBRARY, `kernels_page --check LIBRARY FILE` fails
//! if it says something else. A warning of the compiler, and parameters that are not those of a launch, fail in both.

mod column;
mod launches;
mod page;
mod parameters;

use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::{env, fs, thread};

use mbed_cuda::kernels::Architecture;
use mbed_tests::Failure;

use column::Column;

/// What makes one column in a process of its own: the library compiles one source at a time in each.
const COLUMN: &str = "--column";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments[..] {
        [COLUMN, library, architecture] => print_column(library, architecture),
        ["--check", library, file] => measure(library).and_then(|page| compare(&page, Path::new(file))),
        [library, file] => measure(library).and_then(|page| Ok(fs::write(file, page)?)),
        _ => Err(Failure::new("usage: kernels_page [--check] LIBRARY FILE")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            report(&failure);
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "the process that called this one reads it")]
fn print_column(library: &str, architecture: &str) -> Result<(), Failure> {
    let known = Architecture::TESTED.into_iter().find(|known| known.to_string() == architecture);
    let known = known.ok_or_else(|| Failure::new(format!("unknown architecture `{architecture}`")))?;
    print!("{}", Column::measure(Path::new(library), known)?.to_lines());
    Ok(())
}

/// The page, from as many processes at a time as there are cores.
fn measure(library: &str) -> Result<String, Failure> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let mut columns = Vec::new();
    for architectures in Architecture::TESTED.chunks(cores) {
        let children: Result<Vec<_>, _> =
            architectures.iter().map(|&architecture| start(library, architecture)).collect();
        for (child, architecture) in children?.into_iter().zip(architectures) {
            let output = child.wait_with_output()?;
            if !output.status.success() {
                return Err(Failure::new(format!("kernels do not compile for `{architecture}`")));
            }
            columns.push(Column::from_lines(&String::from_utf8_lossy(&output.stdout)));
        }
    }
    Ok(page::render(&columns))
}

fn start(library: &str, architecture: Architecture) -> Result<Child, Failure> {
    let mut command = Command::new(env::current_exe()?);
    command.args([COLUMN, library, &architecture.to_string()]).stdout(Stdio::piped());
    Ok(command.spawn()?)
}

fn compare(fresh: &str, file: &Path) -> Result<(), Failure> {
    let held = fs::read_to_string(file)?;
    let different = held.lines().zip(fresh.lines()).find(|(held, fresh)| held != fresh);
    if let Some((held, fresh)) = different {
        return Err(Failure::new(format!("`{}` says\n{held}\nmeasured was\n{fresh}", file.display())));
    }
    if held.lines().count() != fresh.lines().count() {
        return Err(Failure::new(format!("`{}` has more or fewer kernels than there are", file.display())));
    }
    Ok(())
}

#[expect(clippy::print_stderr, reason = "a tool that is run by hand and by xtask")]
fn report(failure: &Failure) {
    eprintln!("{failure}");
}
