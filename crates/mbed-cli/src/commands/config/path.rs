//! `mbed config path`

use mbed_config::Sources;

use crate::printer::Printer;

pub(super) fn run(sources: &Sources, printer: &Printer) {
    for (layer, path) in sources.files() {
        let state = if path.exists() { "" } else { "  (not there)" };
        printer.data(&format!("{:8} {}{state}", layer.to_string(), path.display()));
    }
}
