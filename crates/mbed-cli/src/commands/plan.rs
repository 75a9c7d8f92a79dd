//! `mbed plan`

use std::str::FromStr;

use clap::Args;
use mbed::memory::{CostModel, Reading};
use mbed::settings::{BadByteSize, ByteSize, Settings};
use mbed::{Bytes, Embedder};
use serde_json::json;

use super::model_options::ModelOptions;
use crate::failure::Failure;
use crate::invocation::Invocation;
use crate::progress::Bars;
use crate::settings_options::Flags;
use crate::status::Status;

/// Show what fits: the memory that batches may take here, what that rests on, and how many rows of each length it is
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct PlanArguments {
    #[command(flatten)]
    model: ModelOptions,
    /// Which devices compute, by number
    #[arg(long, value_name = "N[,N...]", help_heading = "Runtime")]
    device: Option<String>,
    /// Memory that is left to others, such as 9GB
    #[arg(long, value_name = "SIZE", help_heading = "Memory")]
    reserve: Option<ByteSize>,
    /// Memory that others will take who are not there yet, by name
    #[arg(long, value_name = "NAME=SIZE", value_delimiter = ',', help_heading = "Memory")]
    beside: Vec<Beside>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "Examples:
  mbed plan --model BAAI/bge-large-en-v1.5
  mbed plan --reserve 9GB
  mbed plan --beside whisper=2.5GB,reranker=1GB --max-length 256";

/// Somebody who will take memory.
#[derive(Clone, Debug)]
struct Beside {
    name: String,
    size: ByteSize,
}

/// What is no name with a size.
#[derive(Debug, thiserror::Error)]
enum BadBeside {
    #[error("`{0}` is not a name and a size such as `whisper=2.5GB`")]
    Form(String),
    #[error(transparent)]
    Size(#[from] BadByteSize),
}

impl FromStr for Beside {
    type Err = BadBeside;

    fn from_str(text: &str) -> Result<Self, BadBeside> {
        let parts = text.split_once('=').filter(|(name, _)| !name.trim().is_empty());
        let (name, size) = parts.ok_or_else(|| BadBeside::Form(text.to_owned()))?;
        Ok(Self { name: name.to_owned(), size: size.parse()? })
    }
}

impl PlanArguments {
    pub(crate) fn flags(&self) -> Flags {
        let reserved = self.reserved();
        self.model.flags().with("--device", "runtime.devices", self.device.as_ref()).with(
            "--reserve",
            "memory.reserved",
            (reserved > 0).then(|| format!("{reserved}B")),
        )
    }

    /// All that is left to others.
    fn reserved(&self) -> u64 {
        let sizes = self.reserve.iter().chain(self.beside.iter().map(|beside| &beside.size));
        sizes.fold(0, |sum, size| sum.saturating_add(size.bytes().get()))
    }
}

/// Rows of one length.
struct Line {
    tokens: usize,
    rows: usize,
    needs: Bytes,
}

pub(crate) fn run(arguments: &PlanArguments, invocation: &Invocation) -> Result<Status, Failure> {
    let bars = Bars::new(&invocation.printer);
    let mut settings = invocation.settings().clone();
    settings.memory.adapt = mbed::settings::Adapt::Auto;
    let opened = mbed::open(&settings, &invocation.context(&bars)?)?;
    let Some((cost, budget)) = opened.embedder.memory_budget() else {
        return Err(Failure::new("the model has no session to plan for", None));
    };
    let lines = budget.map_or_else(Vec::new, |(bytes, _)| table(&settings, &opened.embedder, &cost, bytes));
    let known = (&cost, budget, settings.memory.reserved.bytes());
    let text = if arguments.json {
        as_json(arguments, &opened.embedder, known, &lines)
    } else {
        as_text(arguments, &opened.embedder, known, &lines)
    };
    invocation.printer.data(&text);
    Ok(Status::Success)
}

/// Doubling lengths up to the model's own.
fn table(settings: &Settings, embedder: &Embedder, cost: &CostModel, budget: Bytes) -> Vec<Line> {
    let longest = embedder.max_tokens();
    let mut lengths: Vec<usize> = std::iter::successors(Some(16), |length| Some(length * 2))
        .take_while(|&length| length < longest)
        .collect();
    lengths.push(longest);
    let cap = settings.batching.row_cap().map_or(usize::MAX, std::num::NonZeroUsize::get);
    let most = settings.batching.max_tokens.get();
    let line = |tokens| {
        let rows = cost.rows_within(budget.get(), tokens, most).min(cap);
        Line { tokens, rows, needs: cost.most(mbed::memory::Shape::even(rows, tokens)) }
    };
    lengths.into_iter().map(line).collect()
}

/// What a batch costs, what batches may take and what that rests on, and what is left to others.
type Known<'a> = (&'a CostModel, Option<(Bytes, Reading)>, Bytes);

fn as_text(
    arguments: &PlanArguments,
    embedder: &Embedder,
    (cost, budget, reserved): Known<'_>,
    lines: &[Line],
) -> String {
    let device = embedder.capabilities().map_or_else(String::new, |capabilities| {
        format!("{} ({}) in {}", capabilities.device, capabilities.device_name, capabilities.precision)
    });
    let mut text = vec![format!("on {device}")];
    let basis = match cost.measurements() {
        0 => "the sizes of the architecture".to_owned(),
        count => format!("{count} batches that were measured"),
    };
    match budget {
        Some((bytes, reading)) => {
            text.push(format!("batches may take {bytes}: {reading}, {reserved} left to others"));
        }
        None => text.push(
            "nobody tells how much memory there is here: batches begin with a rule of thumb".to_owned(),
        ),
    }
    for Beside { name, size } in &arguments.beside {
        text.push(format!("beside {name}: {}", size.bytes()));
    }
    text.push(format!("what a batch needs rests on {basis}"));
    if !lines.is_empty() {
        text.push(format!("{:>8} {:>8} {:>12}", "tokens", "rows", "needs"));
    }
    text.extend(lines.iter().map(|line| match line.rows {
        0 => format!("{:>8} {:>8} {:>12}", line.tokens, "none", "-"),
        rows => format!("{:>8} {rows:>8} {:>12}", line.tokens, line.needs.to_string()),
    }));
    text.join("\n")
}

fn as_json(
    arguments: &PlanArguments,
    embedder: &Embedder,
    (cost, budget, reserved): Known<'_>,
    lines: &[Line],
) -> String {
    let lines: Vec<_> = lines
        .iter()
        .map(|line| json!({ "tokens": line.tokens, "rows": line.rows, "needs_bytes": line.needs }))
        .collect();
    let beside: Vec<_> = arguments
        .beside
        .iter()
        .map(|beside| json!({ "name": beside.name, "bytes": beside.size.bytes() }))
        .collect();
    json!({
        "device": embedder.capabilities().map(|capabilities| capabilities.device.to_string()),
        "budget_bytes": budget.map(|(bytes, _)| bytes),
        "reading": budget.map(|(_, reading)| reading),
        "reserved_bytes": reserved,
        "beside": beside,
        "measurements": cost.measurements(),
        "table": lines,
    })
    .to_string()
}
