//! Readings from trees that look like `/proc` and `/sys`, and from this machine.

#![expect(clippy::unwrap_used, reason = "these are tests: what does not work is a failure")]

use std::fs;
use std::num::NonZeroUsize;
use std::time::Duration;

use mbed_core::Bytes;
use mbed_monitor::{Bound, Gpus, Host, MonitorError, Sampler};
use tempfile::TempDir;

const MIB: u64 = 1 << 20;

/// A machine of 8 GiB with 6 GiB available, and a process of 500 MiB of addresses, 100 MiB of data.
const MACHINE: [(&str, &str); 4] = [
    (
        "proc/meminfo",
        "MemTotal: 8388608 kB\nMemAvailable: 6291456 kB\nSwapTotal: 1024 kB\nSwapFree: 512 kB\n",
    ),
    (
        "proc/self/status",
        "Name:\tmbed\nVmSize: 512000 kB\nVmHWM: 90000 kB\nVmRSS: 80000 kB\nVmData: 102400 kB\n",
    ),
    (
        "proc/self/limits",
        "Limit  Soft Limit  Hard Limit  Units\nMax data size  unlimited  unlimited  bytes\nMax address space  unlimited  unlimited  bytes\n",
    ),
    (
        "proc/stat",
        "cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 50 0 50 350 50 0 0 0 0 0\ncpu1 50 0 50 350 50 0 0 0 0 0\n",
    ),
];

fn machine(others: &[(&str, &str)]) -> (TempDir, Host) {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in MACHINE.iter().chain(others) {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let host = Host::at(folder.path().to_owned());
    (folder, host)
}

#[test]
fn the_limit_that_leaves_the_least_counts() {
    let check = |others: &[(&str, &str)], bound, free: u64| {
        let (_folder, host) = machine(others);
        let headroom = host.headroom().unwrap();
        assert_eq!((headroom.bound, headroom.limit.free()), (bound, Bytes::new(free)));
    };
    check(&[], Bound::Machine, 6 << 30);
    let limits = "Max data size 157286400 unlimited bytes\nMax address space 1536000000 unlimited bytes\n";
    check(&[("proc/self/limits", limits)], Bound::Data, 50 * MIB);
    let limits = "Max data size unlimited unlimited bytes\nMax address space 629145600 629145600 bytes\n";
    check(&[("proc/self/limits", limits)], Bound::AddressSpace, 100 * MIB);
    // A process that is over a limit that was lowered under it has nothing left.
    let limits = "Max address space 1000 1000 bytes\n";
    check(&[("proc/self/limits", limits)], Bound::AddressSpace, 0);
}

#[test]
fn control_groups_of_both_versions_are_read_up_to_the_root() {
    let check = |others: &[(&str, &str)], free: Option<u64>| {
        let (_folder, host) = machine(others);
        let headroom = host.headroom().unwrap();
        let found = (headroom.bound == Bound::ControlGroup).then(|| headroom.limit.free().get() / MIB);
        assert_eq!(found, free);
    };
    let v2 = ("proc/self/cgroup", "0::/job/inner\n");
    let inner = [
        v2,
        ("sys/fs/cgroup/job/inner/memory.max", "max\n"),
        ("sys/fs/cgroup/job/inner/memory.current", "1\n"),
        ("sys/fs/cgroup/job/memory.max", "1073741824\n"),
        ("sys/fs/cgroup/job/memory.current", "629145600\n"),
        ("sys/fs/cgroup/job/memory.stat", "anon 5\ninactive_file 104857600\n"),
    ];
    check(&inner, Some(1024 - 500));
    // In a container the path is of the outside, and the limit stands at the mount.
    let mount = [
        ("proc/self/cgroup", "0::/../outside/of/here\n"),
        ("sys/fs/cgroup/memory.max", "209715200\n"),
        ("sys/fs/cgroup/memory.current", "104857600\n"),
    ];
    check(&mount, Some(100));
    let v1 = [
        ("proc/self/cgroup", "9:name=systemd:/\n4:cpu,memory:/box\n0::/\n"),
        ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
        ("sys/fs/cgroup/memory/memory.usage_in_bytes", "5\n"),
        ("sys/fs/cgroup/memory/box/memory.limit_in_bytes", "314572800\n"),
        ("sys/fs/cgroup/memory/box/memory.usage_in_bytes", "104857600\n"),
        ("sys/fs/cgroup/memory/box/memory.stat", "inactive_file 1\ntotal_inactive_file 52428800\n"),
    ];
    check(&v1, Some(250));
    check(&[v2], None);
    check(&[("proc/self/cgroup", "broken\n")], None);
}

#[test]
fn a_system_that_tells_nothing_has_no_headroom() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::at(folder.path().to_owned());
    assert!(host.headroom().is_none() && host.process().is_none() && host.memory().is_none());
}

#[cfg(target_os = "linux")]
#[test]
fn this_process_is_seen_to_take_memory() {
    let host = Host::new();
    let before = host.process().unwrap();
    let touched = vec![1_u8; 200 << 20];
    let after = host.process().unwrap();
    assert!(touched.iter().all(|&byte| byte == 1));
    for (before, after) in [(before.resident, after.resident), (before.data, after.data)] {
        assert!(after.get() > before.get() + 150 * MIB, "{before} to {after}");
    }
    assert!(host.headroom().unwrap().limit.limit.get() > 100 * MIB);
}

#[test]
fn samples_are_kept_in_a_ring() {
    let (folder, host) = machine(&[
        ("proc/self/stat", "7 (a) name) S 1 2 3 4 5 6 7 8 9 10 40 10 0 0"),
        ("sys/class/thermal/thermal_zone0/temp", "41000\n"),
        ("sys/class/thermal/thermal_zone1/temp", "55500\n"),
    ]);
    let kept = NonZeroUsize::new(3).unwrap();
    let sampler = Sampler::start(host, None, Duration::from_millis(1), kept).unwrap();
    let patience = Duration::from_secs(60);
    let (first, seen) = sampler.wait(0, patience).unwrap();
    assert_eq!(first.host.hottest_celsius, Some(55.5));
    // 1000 ticks more, 500 of them busy, 250 by the process, on 2 cores.
    let busy = "cpu  350 0 350 1200 100 0 0 0 0 0\ncpu0 1\ncpu1 1\n";
    fs::write(folder.path().join("proc/self/stat"), "7 (a) name) S 1 2 3 4 5 6 7 8 9 10 240 60 0 0").unwrap();
    // A sample must not see half a file.
    fs::write(folder.path().join("proc/new"), busy).unwrap();
    fs::rename(folder.path().join("proc/new"), folder.path().join("proc/stat")).unwrap();
    let mut seen = seen;
    let cpu = loop {
        let (sample, taken) = sampler.wait(seen, patience).unwrap();
        seen = taken;
        if let Some(cpu) = sample.host.cpu {
            break cpu;
        }
    };
    assert!((cpu.busy - 0.5).abs() < 1e-9, "{cpu:?}");
    while seen < 10 {
        seen = sampler.wait(seen, patience).unwrap().1;
    }
    let samples = sampler.samples();
    assert_eq!(samples.len(), 3);
    assert!(samples.windows(2).all(|pair| pair[0].seconds < pair[1].seconds));
}

#[test]
fn a_library_that_is_not_there_is_told_from_one_that_is_broken() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("libnvidia-ml.so.1");
    let error = Gpus::from_file(path.as_os_str()).unwrap_err();
    assert!(matches!(error, MonitorError::NoLibrary { .. }), "{error:?}");
    fs::write(&path, "no library").unwrap();
    let error = Gpus::from_file(path.as_os_str()).unwrap_err();
    assert!(matches!(error, MonitorError::BrokenLibrary { .. }), "{error:?}");
    match Gpus::load() {
        Ok(gpus) => assert!(gpus.sample().iter().all(|card| card.memory_total.is_some())),
        Err(error) => assert!(matches!(error, MonitorError::NoLibrary { .. }), "{error:?}"),
    }
}
