//! `mbed config init`

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use mbed_config::{PROJECT_FILE, Sources, reference};

use crate::failure::Failure;
use crate::printer::Printer;
use crate::status::Status;

/// Write a file with every setting as a comment, to begin with
#[derive(Debug, Args)]
pub(crate) struct InitArguments {
    /// The file to write, which must not exist; - for standard output
    #[arg(value_name = "FILE", default_value = PROJECT_FILE, conflicts_with = "user")]
    file: PathBuf,
    /// Write your own file, which counts in every folder
    #[arg(long)]
    user: bool,
}

pub(super) fn run(
    arguments: &InitArguments,
    sources: &Sources,
    printer: &Printer,
) -> Result<Status, Failure> {
    if arguments.file == Path::new("-") {
        printer.data(reference::default_file().trim_end());
        return Ok(Status::Success);
    }
    let nowhere = || Failure::new("nothing tells where your own file would be", Some("name a file instead"));
    let file = match arguments.user {
        true => sources.user_file.clone().ok_or_else(nowhere)?,
        false => arguments.file.clone(),
    };
    write(&file).map_err(|error| explain(&file, &error))?;
    printer.data(&file.display().to_string());
    printer.note("every setting in it is a comment: take the `#` away and change the value");
    Ok(Status::Success)
}

/// Writes a file that is not there yet, and the folder it lies in.
fn write(file: &Path) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(file)?;
    file.write_all(reference::default_file().as_bytes())
}

fn explain(file: &Path, error: &io::Error) -> Failure {
    let name = file.display();
    if error.kind() == io::ErrorKind::AlreadyExists {
        let hint = "`mbed config init -` prints what would be written";
        return Failure::new(format!("`{name}` is there already and stays as it is"), Some(hint));
    }
    Failure::new(format!("cannot write `{name}`: {error}"), None)
}
