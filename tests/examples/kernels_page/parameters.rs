//! Whether kernels take what launches give.

use std::collections::BTreeMap;

use mbed_cuda::kernels::{Argument, Unit};
use mbed_tests::Failure;

use crate::launches;

/// Compares the kernels in `ptx` with the launches of `unit`: their names, and the kinds of their parameters.
pub(crate) fn check(unit: Unit, ptx: &str) -> Result<(), Failure> {
    let kernels = kernels(ptx);
    let mut launched = BTreeMap::new();
    for launch in launches::all()? {
        if launch.unit == unit {
            let kinds: Vec<_> = launch.arguments.iter().copied().map(kind).collect();
            launched.insert(launch.entry, kinds);
        }
    }
    for (entry, kinds) in &launched {
        match kernels.get(entry) {
            Some(parameters) if parameters == kinds => {}
            Some(parameters) => {
                let message = format!("`{entry}` of `{unit}` takes {parameters:?}, a launch gives {kinds:?}");
                return Err(Failure::new(message));
            }
            None => return Err(Failure::new(format!("`{unit}` has no kernel `{entry}`"))),
        }
    }
    match kernels.keys().find(|entry| !launched.contains_key(*entry)) {
        Some(entry) => Err(Failure::new(format!("`{entry}` of `{unit}` is never launched"))),
        None => Ok(()),
    }
}

/// What PTX calls a parameter's kind.
fn kind(argument: Argument) -> String {
    match argument {
        Argument::Address(_) | Argument::I64(_) => "u64",
        Argument::I32(_) => "u32",
        Argument::F32(_) => "f32",
    }
    .to_owned()
}

/// Kernels and the kinds of their parameters: `.visible .entry name(.param .u64 ..., .param .u32 ...)`.
fn kernels(ptx: &str) -> BTreeMap<String, Vec<String>> {
    let entries = ptx.split(".entry ").skip(1).filter_map(|text| {
        let (name, rest) = text.split_once('(')?;
        let (parameters, _) = rest.split_once(')')?;
        let kinds = parameters.split(".param .").skip(1);
        let kinds = kinds.filter_map(|kind| kind.split_whitespace().next().map(str::to_owned));
        Some((name.trim().to_owned(), kinds.collect()))
    });
    entries.collect()
}
