//! The rows of CSV files, one after the other.

use std::borrow::Cow;
use std::collections::VecDeque;

use csv::ByteRecord;

use super::file::OpenFile;
use crate::plan::InputFile;
use crate::read::InvalidUtf8;
use crate::read::limits::check_length;
use crate::read::reader::{BadRecords, Bookmark, ReadOptions};
use crate::read::rejected::Rejected;
use crate::{PipelineError, Place};

/// The rows of several files, one after the other.
pub(super) struct Rows {
    files: VecDeque<InputFile>,
    /// How many files were opened.
    opened: u64,
    current: Option<OpenFile>,
    first: Option<Header>,
    record: ByteRecord,
    policy: InvalidUtf8,
    pub(super) rejected: Rejected,
    skipped: u64,
}

/// What comes next.
pub(super) enum Next {
    /// A row, and where it is.
    Row(Place),
    /// One that was put aside.
    Bad,
}

/// Column names, and the file they are from.
pub(super) struct Header {
    pub(super) file: String,
    pub(super) names: Vec<String>,
}

impl Rows {
    pub(super) fn new(files: &[InputFile], options: &ReadOptions) -> Self {
        Self {
            files: files.iter().cloned().collect(),
            opened: 0,
            current: None,
            first: None,
            record: ByteRecord::new(),
            policy: options.invalid_utf8,
            rejected: Rejected::new(options.bad_records),
            skipped: 0,
        }
    }

    /// Where the next row begins.
    pub(super) fn bookmark(&self) -> Option<Bookmark> {
        let Some(current) = &self.current else { return Some(Bookmark::start_of(self.opened)) };
        let (offset, line) = current.place()?;
        Some(Bookmark { file: self.opened.saturating_sub(1), offset, line })
    }

    /// Goes to where a row begins. The first file is open for its header, and no row was read.
    pub(super) fn seek(&mut self, to: &Bookmark) -> Result<(), PipelineError> {
        if to.file > 0 {
            self.current = None;
        }
        for _ in self.opened..to.file {
            self.files.pop_front();
            self.opened += 1;
        }
        if to.offset == 0 {
            return Ok(());
        }
        let file = match &self.current {
            Some(current) => Some(current.file().clone()),
            None => self.files.pop_front().inspect(|_| self.opened += 1),
        };
        self.current = file.map(|file| OpenFile::open_at(&file, self.policy(), to)).transpose()?;
        Ok(())
    }

    /// What the parser does with bytes that are not UTF-8: where bad records are put aside it leaves them for later.
    const fn policy(&self) -> InvalidUtf8 {
        match self.rejected.policy() {
            BadRecords::Fail => self.policy,
            BadRecords::Collect => InvalidUtf8::Replace,
        }
    }

    /// The column names of all files.
    pub(super) fn header(&mut self) -> Result<&[String], PipelineError> {
        if self.current.is_none() {
            self.open_next()?;
        }
        Ok(self.first.as_ref().map_or(&[], |header| header.names.as_slice()))
    }

    pub(super) fn count(mut self) -> Result<u64, PipelineError> {
        let mut count = 0;
        while self.advance()?.is_some() {
            self.rejected.take();
            count += 1;
        }
        Ok(count)
    }

    /// Goes to the next row, `None` at the end of the last file.
    pub(super) fn advance(&mut self) -> Result<Option<Next>, PipelineError> {
        loop {
            let Some(current) = &mut self.current else {
                if self.open_next()? {
                    continue;
                }
                return Ok(None);
            };
            let Some(place) = current.read(&mut self.record)? else {
                self.current = None;
                continue;
            };
            check_length(self.record.as_slice().len(), &place)?;
            if self.policy == InvalidUtf8::Skip && self.bad_field().is_some() {
                self.skipped += 1;
                continue;
            }
            match self.check(&place) {
                Ok(()) => return Ok(Some(Next::Row(place))),
                Err(error) => {
                    self.rejected.add(place, error)?;
                    return Ok(Some(Next::Bad));
                }
            }
        }
    }

    /// How many rows were left out so far.
    pub(super) const fn skipped(&self) -> u64 {
        self.skipped
    }

    /// The first field that is not UTF-8.
    fn bad_field(&self) -> Option<usize> {
        self.record.iter().position(|field| str::from_utf8(field).is_err())
    }

    /// Makes sure that the row has a field for each column, all of them UTF-8 where that matters.
    fn check(&self, place: &Place) -> Result<(), PipelineError> {
        let columns = self.first.as_ref().map_or(&[][..], |header| header.names.as_slice());
        let (expected, got) = (columns.len() as u64, self.record.len() as u64);
        if got != expected {
            return Err(PipelineError::RaggedRow { place: place.clone(), expected, got });
        }
        match self.bad_field().filter(|_| self.policy == InvalidUtf8::Error) {
            Some(field) => Err(PipelineError::FieldNotUtf8 {
                place: place.clone(),
                column: columns.get(field).cloned().unwrap_or_default(),
            }),
            None => Ok(()),
        }
    }

    /// The fields of the row that [`Rows::advance`] went to.
    pub(super) fn fields(&self) -> impl Iterator<Item = Cow<'_, str>> {
        self.record.iter().map(String::from_utf8_lossy)
    }

    /// Opens the next file and checks its header; `false` where there is none.
    fn open_next(&mut self) -> Result<bool, PipelineError> {
        let Some(file) = self.files.pop_front() else { return Ok(false) };
        self.opened += 1;
        let mut opened = OpenFile::open(&file, self.policy())?;
        let header = opened.header()?;
        match &self.first {
            None => self.first = Some(header),
            Some(first) => first.check_same(&header)?,
        }
        self.current = Some(opened);
        Ok(true)
    }
}

impl Header {
    fn check_same(&self, other: &Self) -> Result<(), PipelineError> {
        if self.names == other.names {
            return Ok(());
        }
        Err(PipelineError::DifferentColumns {
            first: self.file.clone(),
            second: other.file.clone(),
            difference: format!("`{}` instead of `{}`", other.names.join("`, `"), self.names.join("`, `")),
        })
    }
}
