//! From lists to cells, and why some of them are left out here.

use mbed::{KNOWN_BACKENDS, Probe};
use serde::{Deserialize, Serialize};

use super::{Cell, Matrix};

/// A cell that this machine or this build cannot measure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// The cell.
    pub cell: Cell,
    /// Why not.
    pub reason: String,
}

/// What is measured and what is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Cells to measure, with how many texts each is to have; those of one model and workload one behind the other.
    pub cells: Vec<(Cell, Option<usize>)>,
    /// Cells that are left out.
    pub skipped: Vec<Skipped>,
}

/// Every combination of `matrices`, of which `found` decides what can be measured: what each backend of this build finds.
#[must_use]
pub fn plan(matrices: &[Matrix], found: &[(&str, Probe)]) -> Plan {
    let mut plan = Plan::default();
    for matrix in matrices {
        for cell in combinations(matrix) {
            match obstacle(&cell, found) {
                Some(reason) => plan.skipped.push(Skipped { cell, reason }),
                None => plan.cells.push((cell, matrix.texts)),
            }
        }
    }
    plan
}

/// Workloads change slowest, so that what is compared is measured in turns.
fn combinations(matrix: &Matrix) -> Vec<Cell> {
    let mut cells = Vec::new();
    for model in &matrix.models {
        for workload in &matrix.workloads {
            let base = Cell { threads: matrix.threads, ..Cell::of(model, workload.clone()) };
            cells.extend(variants(matrix, &base));
        }
    }
    cells
}

fn variants(matrix: &Matrix, base: &Cell) -> Vec<Cell> {
    let mut cells = vec![base.clone()];
    cells = spread(&cells, &matrix.backends, |cell, backend| cell.backend.clone_from(backend));
    cells = spread(&cells, &matrix.devices, |cell, device| cell.device = *device);
    cells = spread(&cells, &matrix.precisions, |cell, precision| cell.precision.clone_from(precision));
    cells = spread(&cells, &matrix.batch_tokens, |cell, tokens| cell.batch_tokens = *tokens);
    spread(&cells, &matrix.workers, |cell, workers| cell.workers = Some(*workers))
}

fn spread<T>(cells: &[Cell], values: &[T], set: impl Fn(&mut Cell, &T)) -> Vec<Cell> {
    let with = |cell: &Cell, value: &T| {
        let mut cell = cell.clone();
        set(&mut cell, value);
        cell
    };
    cells.iter().flat_map(|cell| values.iter().map(|value| with(cell, value)).collect::<Vec<_>>()).collect()
}

/// Why a cell cannot be measured here, as far as that shows before its model is opened.
fn obstacle(cell: &Cell, found: &[(&str, Probe)]) -> Option<String> {
    let Cell { backend, device, precision, .. } = cell;
    if backend == "auto" {
        return None;
    }
    let Some((_, probe)) = found.iter().find(|(name, _)| name == backend) else {
        let is_known = KNOWN_BACKENDS.contains(&backend.as_str());
        let why = if is_known { "this build does not have it" } else { "no build of mbed has it yet" };
        return Some(format!("backend `{backend}`: {why}"));
    };
    let devices = match probe {
        // ONNX Runtime's library is fetched where a model is opened with it.
        Probe::Absent(_) if backend == "onnx" => return None,
        Probe::Absent(reason) => return Some(format!("backend `{backend}` finds no device: {reason}")),
        Probe::Found(devices) => devices,
    };
    let Some(info) = devices.iter().find(|info| info.id.index == *device) else {
        return Some(format!("backend `{backend}` has no device {device}"));
    };
    let has = info.precisions.iter().any(|known| known.name() == precision);
    let is_choice = matches!(precision.as_str(), "auto" | "mixed");
    (!has && !is_choice).then(|| format!("`{}` does not compute in {precision}", info.id))
}

#[cfg(test)]
mod tests {
    use mbed::{DeviceId, DeviceInfo, Precision};

    use super::*;
    use crate::suite::Suite;

    #[test]
    fn every_combination_is_a_cell_or_has_a_reason() {
        let suite = Suite::parse(
            "name = \"a\"\ndescription = \"\"\nrounds = 1\nround_seconds = 1.0\nwarm_up_rounds = 1\n\
             [[matrix]]\nmodels = [\"m\"]\nbackends = [\"cpu\", \"candle\", \"onnx\"]\ndevices = [0, 1]\n\
             precisions = [\"f32\", \"int8\"]\nworkloads = [\"queries\", \"mixed\"]\nbatch_tokens = [\"auto\", 512]\n",
            "a.toml",
        )
        .unwrap();
        let cpu = DeviceInfo::new(DeviceId::new("cpu", 0), "a processor".to_owned(), vec![Precision::F32]);
        let found = [("cpu", Probe::Found(vec![cpu])), ("onnx", Probe::Absent("no library".to_owned()))];
        let plan = plan(&suite.matrix, &found);
        assert_eq!(plan.cells.len() + plan.skipped.len(), 3 * 2 * 2 * 2 * 2);
        let of_cpu: Vec<_> = plan.cells.iter().filter(|(cell, _)| cell.backend == "cpu").collect();
        assert!(of_cpu.iter().all(|(cell, _)| cell.variant() == "cpu:0 f32") && of_cpu.len() == 4);
        let reason = |variant: &str| {
            let skipped = plan.skipped.iter().find(|skipped| skipped.cell.variant() == variant);
            skipped.map(|skipped| skipped.reason.as_str())
        };
        assert_eq!(reason("cpu:0 int8"), Some("`cpu:0` does not compute in int8"));
        assert_eq!(reason("cpu:1 f32"), Some("backend `cpu` has no device 1"));
        assert_eq!(reason("candle:0 f32"), Some("backend `candle`: this build does not have it"));
        assert_eq!(reason("onnx:0 f32"), None);
        let workloads: Vec<String> = plan.cells.iter().map(|(cell, _)| cell.workload.to_string()).collect();
        assert!(workloads.is_sorted_by(|a, b| a == b || b == "mixed"), "those of a workload stand together");
    }
}
