//! Texts of files: their lines, or all of a file at once.

use std::collections::VecDeque;
use std::io::{BufRead, Read};
use std::mem;
use std::sync::Arc;

use super::limits::{MAX_TEXT_BYTES, check_length};
use super::open::TextBytes;
use super::reader::{Bookmark, ReadOptions};
use super::rejected::Rejected;
use super::{InvalidUtf8, TextFiles};
use crate::place::label;
use crate::plan::InputFile;
use crate::{InputFormat, PipelineError, Place, Position};

/// The texts of several files, one after the other: Markdown files whole, text files as was asked for, all others line by
/// line.
///
/// A line ends with a line feed or with the file, and loses a carriage return at its end.
pub(super) struct Lines {
    files: VecDeque<InputFile>,
    /// How many files were opened.
    opened: u64,
    current: Option<OpenFile>,
    policy: InvalidUtf8,
    text_files: TextFiles,
    pub(super) rejected: Rejected,
    skipped: u64,
}

/// One text.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) text: String,
    pub(super) place: Place,
}

/// What comes next.
pub(super) enum Next {
    /// A text.
    Line(Line),
    /// A record that was put aside.
    Bad,
}

struct OpenFile {
    name: Arc<str>,
    bytes: TextBytes,
    state: State,
    can_seek: bool,
}

/// What is next in an open file.
enum State {
    /// All of it.
    Whole,
    /// The line after so many.
    Line(u64),
    /// Nothing.
    Done,
}

/// A text before it is known to be UTF-8.
struct Raw {
    bytes: Vec<u8>,
    /// Where in the file it begins.
    offset: u64,
    place: Place,
}

impl Lines {
    pub(super) fn new(files: &[InputFile], options: &ReadOptions, text_files: TextFiles) -> Self {
        Self {
            files: files.iter().cloned().collect(),
            opened: 0,
            current: None,
            policy: options.invalid_utf8,
            text_files,
            rejected: Rejected::new(options.bad_records),
            skipped: 0,
        }
    }

    /// How many texts were left out so far.
    pub(super) const fn skipped(&self) -> u64 {
        self.skipped
    }

    /// The next text or bad record, `None` at the end of the last file.
    ///
    /// # Errors
    /// Reading fails, a text is too long, or it is not UTF-8 and that is an error.
    pub(super) fn advance(&mut self) -> Result<Option<Next>, PipelineError> {
        loop {
            let Some(current) = &mut self.current else {
                let Some(file) = self.files.pop_front() else { return Ok(None) };
                self.opened += 1;
                self.current = Some(OpenFile::open(&file, self.text_files)?);
                continue;
            };
            let Some(raw) = current.next_raw()? else {
                self.current = None;
                continue;
            };
            let place = raw.place.clone();
            match self.policy.decode(raw) {
                Ok(Some(line)) => return Ok(Some(Next::Line(line))),
                Ok(None) => self.skipped += 1,
                Err(error) => {
                    self.rejected.add(place, error)?;
                    return Ok(Some(Next::Bad));
                }
            }
        }
    }

    /// Where the next text begins, where one can go there at once.
    pub(super) fn bookmark(&self) -> Option<Bookmark> {
        let Some(current) = &self.current else { return Some(Bookmark::start_of(self.opened)) };
        let file = self.opened.saturating_sub(1);
        match current.state {
            State::Whole => Some(Bookmark::start_of(file)),
            State::Done => Some(Bookmark::start_of(self.opened)),
            State::Line(line) if current.can_seek => {
                Some(Bookmark { file, offset: current.bytes.offset, line })
            }
            State::Line(_) => None,
        }
    }

    /// Goes to where a text begins. Nothing may have been read before.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub(super) fn seek(&mut self, to: &Bookmark) -> Result<(), PipelineError> {
        for _ in 0..to.file {
            self.files.pop_front();
        }
        self.opened = to.file;
        if to.offset == 0 {
            return Ok(());
        }
        let Some(file) = self.files.pop_front() else { return Ok(()) };
        self.opened += 1;
        self.current = Some(OpenFile {
            name: file.name().into(),
            bytes: TextBytes::open_at(&file, to.offset)?,
            state: State::Line(to.line),
            can_seek: true,
        });
        Ok(())
    }

    /// How many texts are left, bad ones too, all of which are read and forgotten.
    ///
    /// # Errors
    /// As [`Lines::advance`].
    pub(super) fn count(mut self) -> Result<u64, PipelineError> {
        let mut count = 0;
        while self.advance()?.is_some() {
            self.rejected.take();
            count += 1;
        }
        Ok(count)
    }
}

impl OpenFile {
    fn open(file: &InputFile, text_files: TextFiles) -> Result<Self, PipelineError> {
        let whole = match file.format() {
            InputFormat::Markdown => true,
            InputFormat::Text => text_files == TextFiles::Whole,
            _ => false,
        };
        let state = if whole { State::Whole } else { State::Line(0) };
        let can_seek = file.is_seekable();
        Ok(Self { name: file.name().into(), bytes: TextBytes::open(file)?, state, can_seek })
    }

    fn next_raw(&mut self) -> Result<Option<Raw>, PipelineError> {
        match mem::replace(&mut self.state, State::Done) {
            State::Done => Ok(None),
            State::Whole => self.read_whole().map(Some),
            State::Line(before) => self.read_line(before + 1),
        }
    }

    fn read_whole(&mut self) -> Result<Raw, PipelineError> {
        let mut bytes = Vec::new();
        // One byte more than may be tells a text that is too long from one that just fits.
        let mut reader = (&mut self.bytes.reader).take(MAX_TEXT_BYTES as u64 + 1);
        reader.read_to_end(&mut bytes).map_err(|source| PipelineError::read(&self.name, source))?;
        let place = Place::new(Arc::clone(&self.name), Position::Whole);
        check_length(bytes.len(), &place)?;
        Ok(Raw { bytes, offset: self.bytes.offset, place })
    }

    fn read_line(&mut self, number: u64) -> Result<Option<Raw>, PipelineError> {
        let mut bytes = Vec::new();
        // As above, with room for the line's end.
        let mut reader = (&mut self.bytes.reader).take(MAX_TEXT_BYTES as u64 + 2);
        let count =
            reader.read_until(b'\n', &mut bytes).map_err(|source| PipelineError::read(&self.name, source))?;
        if count == 0 {
            return Ok(None);
        }
        for end in *b"\n\r" {
            bytes.pop_if(|last| *last == end);
        }
        let place = Place::new(Arc::clone(&self.name), Position::Line(number));
        check_length(bytes.len(), &place)?;
        let offset = self.bytes.offset;
        self.bytes.offset += count as u64;
        self.state = State::Line(number);
        Ok(Some(Raw { bytes, offset, place }))
    }
}

impl InvalidUtf8 {
    /// The text of `raw`, or `None` where it is to be left out.
    fn decode(self, raw: Raw) -> Result<Option<Line>, PipelineError> {
        let Raw { bytes, offset, place } = raw;
        let error = match String::from_utf8(bytes) {
            Ok(text) => return Ok(Some(Line { text, place })),
            Err(error) => error,
        };
        match self {
            Self::Error => Err(PipelineError::InvalidUtf8 {
                path: label(place.file()).to_owned(),
                offset: offset + error.utf8_error().valid_up_to() as u64,
            }),
            Self::Replace => {
                let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                // Each bad byte can become three.
                check_length(text.len(), &place)?;
                Ok(Some(Line { text, place }))
            }
            Self::Skip => Ok(None),
        }
    }
}
