//! Limits of control groups: containers, services, batch systems.

use std::path::{Component, Path, PathBuf};

use mbed_core::Bytes;

use crate::Limit;
use crate::files::{Files, field};

/// Where version 1 has its memory controller by custom.
const V1: &str = "sys/fs/cgroup/memory";
/// Where version 2 is mounted, alone or beside version 1.
const V2: [&str; 2] = ["sys/fs/cgroup", "sys/fs/cgroup/unified"];

/// The files of one version.
struct Version {
    limit: &'static str,
    usage: &'static str,
    /// The field of `memory.stat` with the pages of files that the kernel drops before it runs out.
    reclaimable: &'static str,
}

const FIRST: Version = Version {
    limit: "memory.limit_in_bytes",
    usage: "memory.usage_in_bytes",
    reclaimable: "total_inactive_file",
};
const SECOND: Version =
    Version { limit: "memory.max", usage: "memory.current", reclaimable: "inactive_file" };

/// The limit that leaves a process the least, over its groups and all above them.
pub(crate) fn read(files: &Files, process: &str) -> Option<Limit> {
    let groups = files.text(format!("proc/{process}/cgroup"))?;
    let limits = groups.lines().flat_map(|line| of_line(files, line));
    limits.min_by_key(Limit::free)
}

/// The limits above one line of `/proc/PID/cgroup`: `number:controllers:path`, without controllers for version 2.
fn of_line(files: &Files, line: &str) -> Vec<Limit> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { return Vec::new() };
    if controllers.is_empty() {
        return V2.iter().flat_map(|mount| upwards(files, mount, path, &SECOND)).collect();
    }
    if controllers.split(',').any(|controller| controller == "memory") {
        return upwards(files, V1, path, &FIRST);
    }
    Vec::new()
}

/// A container sees its own group at the mount and the path from outside, so folders that are not there are passed
/// over, and the mount itself is looked at too.
fn upwards(files: &Files, mount: &str, path: &str, version: &Version) -> Vec<Limit> {
    let inside: PathBuf =
        Path::new(path).components().filter(|part| matches!(part, Component::Normal(_))).collect();
    inside.ancestors().filter_map(|group| of_group(files, &Path::new(mount).join(group), version)).collect()
}

fn of_group(files: &Files, group: &Path, version: &Version) -> Option<Limit> {
    // Version 2 writes `max` where there is none; version 1 writes a number near 2^63.
    let limit = files.number(group.join(version.limit)).filter(|&limit| limit < 1 << 62)?;
    let usage = files.number(group.join(version.usage))?;
    let stat = files.text(group.join("memory.stat")).unwrap_or_default();
    let reclaimable = field(&stat, version.reclaimable).unwrap_or(0);
    Some(Limit { limit: Bytes::new(limit), used: Bytes::new(usage.saturating_sub(reclaimable)) })
}
