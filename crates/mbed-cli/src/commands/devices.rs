//! `mbed devices`

use std::fmt::Write as _;

use clap::Args;
use mbed::{DeviceInfo, Probe};
use mbed_monitor::{GpuSample, Gpus};
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
    let mut found = mbed::probe();
    add_cards(&mut found);
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

/// Adds what the driver's management library tells of cards to the devices that are such cards.
fn add_cards(found: &mut [(&'static str, Probe)]) {
    let devices = found.iter_mut().filter_map(|(_, probe)| match probe {
        Probe::Found(devices) => Some(devices),
        Probe::Absent(_) => None,
    });
    let mut cards: Vec<(&mut DeviceInfo, String)> = devices
        .flatten()
        .filter_map(|device| {
            let uuid =
                device.details.iter().find(|(name, _)| name == "UUID").map(|(_, uuid)| uuid.clone())?;
            Some((device, uuid))
        })
        .collect();
    if cards.is_empty() {
        return;
    }
    let samples = Gpus::load().map(|gpus| gpus.sample()).unwrap_or_default();
    for (device, uuid) in &mut cards {
        if let Some(sample) = samples.iter().find(|sample| sample.uuid.as_ref() == Some(uuid)) {
            device.memory_free = sample.memory_free;
            device.details.extend(card_details(sample));
        }
    }
}

/// What a card tells, in the words of a line.
fn card_details(sample: &GpuSample) -> Vec<(String, String)> {
    let celsius = sample.celsius.map(|celsius| format!("{celsius} °C"));
    let power = sample.watts.map(|watts| match sample.watts_limit {
        Some(limit) => format!("{watts:.0} of {limit:.0} W"),
        None => format!("{watts:.0} W"),
    });
    let megahertz = |clock: Option<u32>| clock.map(|clock| format!("{clock} MHz"));
    let bytes = |bytes: Option<mbed::Bytes>| bytes.map(|bytes| bytes.to_string());
    let all = [
        ("memory used", bytes(sample.memory_used)),
        ("reserved", bytes(sample.memory_reserved)),
        ("clock", megahertz(sample.clock_mhz)),
        ("memory clock", megahertz(sample.memory_clock_mhz)),
        ("temperature", celsius),
        ("power", power),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
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
    if let Some(free) = device.memory_free {
        let _ = write!(line, " ({free} free)");
    }
    let _ = write!(line, "; precisions: {}", precisions.join(", "));
    for (name, value) in &device.details {
        let _ = write!(line, "; {name}: {value}");
    }
    line
}
