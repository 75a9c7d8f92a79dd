//! Limits that only some machines let a test set: a control group with little memory.
//!
//! The group is made below the one that the test runs in, and goes when it ends. Where that is not allowed the trial
//! shows as ignored and tells why in its name; it fails where `MBEDTEST_REQUIRE` names `control-group`.

#![expect(clippy::unwrap_used, reason = "these are tests: what does not work is a failure")]

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::{Arguments, Failed, Trial};

/// What is required by this name.
const REQUIREMENT: &str = "control-group";
const GIB: u64 = 1 << 30;

fn main() {
    let name = "control-group/full_length_texts_fit_into_1_gib_with_default_settings";
    let trial = match Group::below_ours(GIB) {
        Ok(group) => Trial::test(name, move || full_length_texts_fit(&group)),
        Err(why) if mbed_tests::required(REQUIREMENT) => {
            Trial::test(name, move || Err(Failed::from(format!("there is no control group: {why}"))))
        }
        Err(why) => {
            Trial::test(format!("{name} (no control group: {why})"), || Ok(())).with_ignored_flag(true)
        }
    };
    libtest_mimic::run(&Arguments::from_args(), vec![trial]).exit();
}

fn full_length_texts_fit(group: &Group) -> Result<(), Failed> {
    let place = tempfile::tempdir()?;
    let words = ["the", "bridge", "near", "harbour", "a", "quiet", "library", "and", "more"];
    let text = |row: usize| {
        (0..600).map(|word| words[(row + word * word) % words.len()]).collect::<Vec<_>>().join(" ")
    };
    let texts: String = (0..1200).map(|row| text(row) + "\n").collect();
    fs::write(place.path().join("texts.txt"), texts)?;
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/models/bert-mean");
    let enter = "echo $$ > \"$0\" && exec \"$@\"";
    let output = Command::new("sh")
        .current_dir(place.path())
        .env("MBED_CACHE", place.path().join("cache"))
        .env("XDG_CONFIG_HOME", place.path())
        .args(["-c", enter])
        .arg(group.0.join("cgroup.procs"))
        .args([env!("CARGO_BIN_EXE_mbed"), "embed", "texts.txt", "-o", "out.npy", "--json", "--offline"])
        .args(["--model", model, "--max-length", "512"])
        .output()?;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        return Err(format!("{}: {told}", output.status).into());
    }
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!(summary["rows"], 1200);
    assert_eq!(summary["tokens"], 1200 * 512);
    assert!(summary["peak_memory_bytes"].as_u64().unwrap() < GIB, "{summary}");
    let budget = summary["memory"]["first_budget"].as_u64().unwrap();
    assert!(budget < GIB * 7 / 10, "the group is what counts: {summary}");
    Ok(())
}

/// A control group, removed when it is dropped.
struct Group(PathBuf);

impl Group {
    /// A group with `most` bytes below the one that this process is in.
    fn below_ours(most: u64) -> io::Result<Self> {
        let groups = fs::read_to_string("/proc/self/cgroup")?;
        // Lines are `number:controllers:path`; the unified hierarchy has number 0 and names none.
        let find = |is_wanted: fn(&str) -> bool| {
            groups.lines().find_map(|line| {
                let mut parts = line.splitn(3, ':').skip(1);
                let (controllers, path) = (parts.next()?, parts.next()?);
                is_wanted(controllers).then(|| path.trim_start_matches('/').to_owned())
            })
        };
        let is_memory = |controllers: &str| controllers.split(',').any(|name| name == "memory");
        let root = Path::new("/sys/fs/cgroup");
        let (parent, file) = match (find(is_memory), find(str::is_empty)) {
            (Some(path), _) => (root.join("memory").join(path), "memory.limit_in_bytes"),
            (None, Some(path)) => (root.join(path), "memory.max"),
            (None, None) => return Err(io::Error::other("none is told")),
        };
        let group = Self(parent.join(format!("mbed-test-{}", std::process::id())));
        fs::create_dir(&group.0)?;
        fs::write(group.0.join(file), most.to_string())?;
        Ok(group)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // It is empty by now: its only process has ended.
        let _gone = fs::remove_dir(&self.0);
    }
}
