//! Other engines, each in a Python process of its own; see `benches/peers`.

use std::path::PathBuf;
use std::process::Command;

use crate::BenchError;
use crate::rows::{Body, Origin, Peer, Row};

/// Which engines are compared on which texts.
#[derive(Clone, Debug)]
pub struct PeerOptions {
    /// A Python with the engines' packages.
    pub python: PathBuf,
    /// The program that compares.
    pub script: PathBuf,
    /// Its arguments: the model's folder, a folder to work in, the texts, engines.
    pub arguments: Vec<String>,
}

/// Lets the script compare engines in turns. Those that are missing are rows with a reason.
///
/// # Errors
/// Python cannot be started, the script fails, or it says what is no row.
pub fn peers(options: &PeerOptions) -> Result<Vec<Row>, BenchError> {
    let origin = Origin::here("peers");
    let mut command = Command::new(&options.python);
    command.arg(&options.script).args(&options.arguments);
    let failed = |source| BenchError::Worker { source };
    let output = command.stderr(std::process::Stdio::inherit()).output().map_err(failed)?;
    if !output.status.success() {
        let reason = format!("`{}` ended with {}", options.script.display(), output.status);
        return Err(BenchError::Refused { reason });
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let lines = text.lines().filter(|line| line.starts_with('{'));
    let peers = lines.map(|line| {
        let bad = |error: serde_json::Error| BenchError::BadFile {
            path: options.script.clone(),
            reason: format!("it wrote `{line}`: {error}"),
        };
        serde_json::from_str::<Peer>(line).map_err(bad)
    });
    let rows = peers.map(|peer| Ok(origin.row(Body::Peer(Box::new(peer?)))));
    rows.collect()
}
