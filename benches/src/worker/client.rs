//! The parent's end of a child.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use mbed::settings::Settings;

use super::protocol::{Opened, Ran, Reply, Request};
use crate::BenchError;

/// How a child is started: a program that answers requests on standard input.
#[derive(Clone, Debug)]
pub struct Launcher {
    /// The program.
    pub program: PathBuf,
    /// What makes it answer requests.
    pub arguments: Vec<String>,
}

/// A child with an open model. It ends when this is dropped.
#[derive(Debug)]
pub struct Worker {
    child: Child,
    /// `None` once it was closed, which ends the child.
    requests: Option<ChildStdin>,
    replies: BufReader<ChildStdout>,
    /// What it opened.
    pub opened: Opened,
}

impl Launcher {
    /// This very program, called with `arguments`.
    ///
    /// # Errors
    /// The system does not tell where it lies.
    pub fn this_program(arguments: &[&str]) -> Result<Self, BenchError> {
        let program = std::env::current_exe().map_err(|source| BenchError::Worker { source })?;
        Ok(Self { program, arguments: arguments.iter().map(|&word| word.to_owned()).collect() })
    }

    /// Starts a child that opens the model of `settings` and reads its texts from a file of JSON strings.
    ///
    /// # Errors
    /// It cannot be started, or says why it cannot open the model.
    pub fn open(&self, settings: &Settings, texts: &Path) -> Result<Worker, BenchError> {
        let failed = |source| BenchError::Worker { source };
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(failed)?;
        let (Some(requests), Some(replies)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed(io::ErrorKind::BrokenPipe.into()));
        };
        let opened = Opened::nothing();
        let (requests, replies) = (Some(requests), BufReader::new(replies));
        let mut worker = Worker { child, requests, replies, opened };
        let request = Request::Open { settings: Box::new(settings.clone()), texts: texts.to_owned() };
        match worker.ask(&request)? {
            Reply::Opened(opened) => worker.opened = *opened,
            other => return Err(unexpected(&other)),
        }
        Ok(worker)
    }
}

impl Worker {
    /// Embeds so many texts.
    ///
    /// # Errors
    /// The child fails.
    pub fn run(&mut self, rows: usize) -> Result<Ran, BenchError> {
        match self.ask(&Request::Run { rows })? {
            Reply::Ran(ran) => Ok(ran),
            other => Err(unexpected(&other)),
        }
    }

    /// Embeds texts each by itself and gives the milliseconds of each.
    ///
    /// # Errors
    /// The child fails.
    pub fn alone(&mut self, calls: usize, seconds: f64) -> Result<Vec<f64>, BenchError> {
        match self.ask(&Request::Alone { calls, seconds })? {
            Reply::Alone(times) => Ok(times),
            other => Err(unexpected(&other)),
        }
    }

    /// Embeds the texts of a file and gives their vectors, through a file in `folder`.
    ///
    /// # Errors
    /// The child fails, or what it wrote cannot be read.
    pub fn embed(&mut self, texts: &Path, folder: &Path) -> Result<Vec<Vec<f32>>, BenchError> {
        let path = folder.join("vectors.f32");
        let request = Request::Embed { texts: texts.to_owned(), vectors: path.clone() };
        let (rows, dimensions) = match self.ask(&request)? {
            Reply::Embedded { rows, dimensions } => (rows, dimensions),
            other => return Err(unexpected(&other)),
        };
        let bytes = std::fs::read(&path).map_err(|source| BenchError::Read { path, source })?;
        let (values, _) = bytes.as_chunks::<4>();
        let values: Vec<f32> = values.iter().map(|&value| f32::from_le_bytes(value)).collect();
        let vectors: Vec<Vec<f32>> = values.chunks(dimensions.max(1)).map(<[f32]>::to_vec).collect();
        if vectors.len() == rows { Ok(vectors) } else { Err(gone()) }
    }

    fn ask(&mut self, request: &Request) -> Result<Reply, BenchError> {
        let failed = |source| BenchError::Worker { source };
        let mut line = serde_json::to_string(request).map_err(|error| failed(error.into()))?;
        line.push('\n');
        let requests = self.requests.as_mut().ok_or_else(gone)?;
        requests.write_all(line.as_bytes()).and_then(|()| requests.flush()).map_err(failed)?;
        let mut reply = String::new();
        // Libraries of others print now and then where replies are expected.
        while !reply.starts_with('{') {
            reply.clear();
            if self.replies.read_line(&mut reply).map_err(failed)? == 0 {
                return Err(gone());
            }
        }
        match serde_json::from_str(&reply).map_err(|error| failed(error.into()))? {
            Reply::Failed { reason } => Err(BenchError::Refused { reason }),
            reply => Ok(reply),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.requests.take());
        // One that has ended by itself has nothing to wait for.
        let _ended = self.child.wait();
    }
}

fn gone() -> BenchError {
    BenchError::Refused { reason: "the process that measures has ended".to_owned() }
}

fn unexpected(reply: &Reply) -> BenchError {
    BenchError::Refused { reason: format!("the process that measures answered `{reply:?}`") }
}

impl Opened {
    /// What is known before a child has answered.
    fn nothing() -> Self {
        Self {
            backend: String::new(),
            device: String::new(),
            device_name: String::new(),
            precision: String::new(),
            dimensions: 0,
            model: String::new(),
            parameters: 0,
            load_s: 0.0,
            first_s: 0.0,
            lengths: crate::lengths::TokenLengths::default(),
            operations: None,
            weight_bytes: None,
        }
    }
}
