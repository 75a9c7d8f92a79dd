//! The house-keeping of the project, called as `cargo xtask`: the same steps for people and for CI.

mod args;
mod check;
mod command;
mod generate;
mod gpu;
mod journal;
mod nvrtc;
mod printer;
mod setup;
mod test;
mod tool;
mod workspace;

use std::process::ExitCode;

use anyhow::Context;

use args::Task;
use workspace::Workspace;

fn main() -> ExitCode {
    let task = match args::parse(std::env::args().skip(1)) {
        Ok(task) => task,
        Err(error) => {
            printer::line(&format!("error: {error}\n\n{}", args::USAGE));
            return ExitCode::from(2);
        }
    };
    match perform(task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            printer::line(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn perform(task: Task) -> anyhow::Result<()> {
    if matches!(task, Task::Help) {
        printer::line(args::USAGE);
        return Ok(());
    }
    let workspace = Workspace::read()?;
    // Every path and every command line below is relative to the root of the repository.
    std::env::set_current_dir(&workspace.root)
        .with_context(|| format!("cannot enter `{}`", workspace.root.display()))?;
    match task {
        Task::Help => Ok(()),
        Task::SetUp => setup::run(&workspace),
        Task::Check => check::run(&workspace),
        Task::Test(options) => test::run(&workspace, &options),
        Task::Gpu => gpu::run(&workspace),
        Task::Generate(mode) => generate::run(&workspace, mode),
    }
}
