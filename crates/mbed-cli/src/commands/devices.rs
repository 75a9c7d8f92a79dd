//! `mbed devices`

use std::fmt::Write as _;

use clap::Args;
use mbed::{DeviceInfo, Probe};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::printer::Printer;
use crate::status::Status;

/// Show what each backend of this build finds on this machine, or why it finds nothing
#[derive(Debug, Args)]
pub(crate) struct DevicesArguments {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &DevicesArguments, printer: &Printer) -> Result<Status, Failure> {
    let found = mbed::probe();
    if arguments.json {
        let backends: Vec<Value> = found.iter().map(|(name, probe)| as_json(name, probe)).collect();
        printer.data(&json!({ "backends": backends }).to_string());
        return Ok(Status::Success);
    }
    for name in mbed::KNOWN_BACKENDS {
        match found.iter().find(|(backend, _)| backend == name) {
            None => printer.data(&format!("{name:8} not in this build (feature `{name}`)")),
            Some((_, Probe::Absent(reason))) => printer.data(&format!("{name:8} no device: {reason}")),
            Some((_, Probe::Found(devices))) => {
                for device in devices {
                    printer.data(&describe(device));
                }
            }
        }
    }
    Ok(Status::Success)
}

fn as_json(name: &str, probe: &Probe) -> Value {
    match probe {
        Probe::Found(devices) => json!({ "backend": name, "devices": devices }),
        Probe::Absent(reason) => json!({ "backend": name, "devices": [], "reason": reason }),
    }
}

fn describe(device: &DeviceInfo) -> String {
    let precisions: Vec<&str> = device.precisions.iter().map(|precision| precision.name()).collect();
    let mut line = format!("{:8} {}", device.id.to_string(), device.name);
    // Writing to a String cannot fail.
    if let Some(parallelism) = device.parallelism {
        let _ = write!(line, ", {parallelism} threads");
    }
    if let Some(total) = device.memory_total {
        let _ = write!(line, ", {total}");
    }
    let _ = write!(line, "; precisions: {}", precisions.join(", "));
    for (name, value) in &device.details {
        let _ = write!(line, "; {name}: {value}");
    }
    line
}
