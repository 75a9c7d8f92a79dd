//! Tells the program which commit it was built from, so that a row of results names it.

use std::process::Command;

fn main() {
    let git = |arguments: &[&str]| {
        let output =
            Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short", "HEAD"]).unwrap_or_else(|| "unknown".to_owned());
    let changed =
        git(&["status", "--porcelain", "--", "../crates", "src"]).is_some_and(|list| !list.is_empty());
    let mark = if changed { "+changes" } else { "" };
    println!("cargo::rustc-env=MBED_BENCH_COMMIT={commit}{mark}");
    // What is computed lies in the crates; the log grows with every commit.
    for path in ["../crates", "src"] {
        println!("cargo::rerun-if-changed={path}");
    }
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={log}");
    }
}
