//! Jobs that are killed and disks that fail, at every step and at any moment: what comes out is what an undisturbed run
//! gives.
//!
//! The program is its own victim: called with `victim` it works on a job, and dies where it was told to. The many kills of
//! `kills_at_200_random_moments` take a minute or more and are run by `--run-ignored all`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests: what does not work is a failure")]

mod disks;
mod jobs;
mod s3;
mod server;
mod tables;
mod trials;
mod victim;

use libtest_mimic::Arguments;

fn trials() -> Vec<libtest_mimic::Trial> {
    [trials::all(), jobs::all(), tables::all(), s3::all()].into_iter().flatten().collect()
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.split_first() {
        Some((first, rest)) if first == "victim" => victim::work(rest),
        _ => libtest_mimic::run(&Arguments::from_args(), trials()).exit(),
    }
}
