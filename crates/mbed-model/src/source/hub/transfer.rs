//! One file on its way from the hub, watched.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use hf_hub::api::sync::ApiRepo;
use mbed_core::{Progress, Task};

use crate::source::SourceError;

/// One file on its way from the hub.
pub(super) struct Transfer<'a> {
    /// Its path in the model's folder.
    pub file: &'a str,
    /// What people are shown.
    pub label: String,
    /// How long nothing may arrive.
    pub patience: Duration,
    /// Who listens.
    pub progress: &'a dyn Progress,
}

impl Transfer<'_> {
    /// Fetches the file into the cache, on a thread of its own: `hf-hub` sets no time limits and has some
    /// assertions, neither of which may stop the caller. A transfer that is given up is taken up by the next one
    /// where it stopped.
    pub(super) fn run(&self, repository: ApiRepo) -> Result<(), SourceError> {
        let failed = |source| SourceError::Download { file: self.file.to_owned(), source };
        let (sender, events) = channel();
        let file = self.file.to_owned();
        let worker = thread::Builder::new()
            .name("mbed-download".to_owned())
            .spawn(move || repository.download_with_progress(&file, Events(sender)))
            .map_err(|error| failed(Box::new(error)))?;
        self.watch(&events)?;
        match worker.join() {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(failed(Box::new(error))),
            Err(_) => Err(failed("the transfer's thread ended in a panic".into())),
        }
    }

    /// Passes on what is heard of the transfer, until that ends or stops to move.
    fn watch(&self, events: &Receiver<Event>) -> Result<(), SourceError> {
        let mut shown = Shown::default();
        let result = loop {
            match events.recv_timeout(self.patience) {
                Ok(event) => shown.take(event, self),
                Err(RecvTimeoutError::Disconnected) => break Ok(()),
                Err(RecvTimeoutError::Timeout) => {
                    break Err(SourceError::Stalled {
                        file: self.file.to_owned(),
                        seconds: self.patience.as_secs_f64(),
                    });
                }
            }
        };
        if shown.begun == Begun::Yes {
            self.progress.end();
        }
        result
    }
}

/// What is heard of a transfer.
enum Event {
    /// It begins, or begins again where it broke.
    Begin(usize),
    /// So many more bytes are there.
    Bytes(usize),
}

/// How much of a transfer the listener was told of. A transfer that begins again counts from the start again, and
/// a listener counts up only.
#[derive(Default)]
struct Shown {
    begun: Begun,
    done: u64,
    told: u64,
}

#[derive(Default, PartialEq, Eq)]
enum Begun {
    #[default]
    No,
    Yes,
}

impl Shown {
    fn take(&mut self, event: Event, transfer: &Transfer<'_>) {
        match event {
            Event::Begin(size) => {
                self.done = 0;
                if self.begun == Begun::No {
                    self.begun = Begun::Yes;
                    transfer.progress.begin(&Task::Download(transfer.label.clone()), Some(size as u64));
                }
            }
            Event::Bytes(count) => {
                self.done += count as u64;
                if self.done > self.told {
                    transfer.progress.advance(self.done - self.told, 0);
                    self.told = self.done;
                }
            }
        }
    }
}

/// Sends on what `hf-hub` tells. That nobody listens any more is no reason to stop: the bytes are kept.
struct Events(Sender<Event>);

impl hf_hub::api::Progress for Events {
    fn init(&mut self, size: usize, _filename: &str) {
        let _ = self.0.send(Event::Begin(size));
    }

    fn update(&mut self, size: usize) {
        let _ = self.0.send(Event::Bytes(size));
    }

    fn finish(&mut self) {}
}
