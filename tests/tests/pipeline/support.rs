//! Folders of inputs, windows as plain values, and vectors that are hard to write.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_cast::display::array_value_to_string;
use mbed_core::{Embeddings, Hint};
use mbed_pipeline::{PipelineError, ReadOptions, Reader, Window, plan_inputs};
use parquet::arrow::ArrowWriter;

/// A folder that goes away with the test.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A file with this content, in a folder of its own where the name says so.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn parquet(&self, name: &str, batch: &RecordBatch) -> PathBuf {
        let file = fs::File::create(self.path(name)).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(batch).unwrap();
        writer.close().unwrap();
        self.path(name)
    }

    /// A named pipe that gives `content` once.
    #[cfg(unix)]
    pub(crate) fn pipe(&self, name: &str, content: impl Into<Vec<u8>>) -> PathBuf {
        let path = self.path(name);
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let (pipe, content) = (path.clone(), content.into());
        // A reader that fails early closes the pipe, which is none of the writer's concern.
        std::thread::spawn(move || drop(fs::write(pipe, content)));
        path
    }

    /// The names of all entries, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// A table of columns that have no nulls.
pub(crate) fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter(columns).unwrap()
}

pub(crate) fn open(path: &Path, options: &ReadOptions) -> Result<Reader, PipelineError> {
    Reader::open(&plan_inputs(&[path.to_owned()], None)?, options)
}

/// All windows of one path.
pub(crate) fn read(path: &Path, options: &ReadOptions) -> Result<Vec<Window>, PipelineError> {
    windows(open(path, options)?)
}

pub(crate) fn windows(mut reader: Reader) -> Result<Vec<Window>, PipelineError> {
    let mut windows = Vec::new();
    while let Some(window) = reader.next_window()? {
        windows.push(window);
    }
    Ok(windows)
}

/// The error of reading one path.
pub(crate) fn read_error(path: &Path, options: &ReadOptions) -> PipelineError {
    read(path, options).unwrap_err()
}

pub(crate) fn texts(windows: &[Window]) -> Vec<&str> {
    windows.iter().flat_map(Window::texts).collect()
}

/// A column as text, nulls as `None`.
pub(crate) fn column(windows: &[Window], name: &str) -> Vec<Option<String>> {
    let cells = windows.iter().flat_map(|window| {
        let column = Arc::clone(window.batch().column_by_name(name).unwrap());
        let nulls = column.logical_nulls();
        (0..column.len()).map(move |row| {
            let null = nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
            (!null).then(|| array_value_to_string(&column, row).unwrap())
        })
    });
    cells.collect()
}

pub(crate) fn some(values: &[&str]) -> Vec<Option<String>> {
    values.iter().map(|value| Some((*value).to_owned())).collect()
}

pub(crate) fn count(value: usize) -> NonZeroUsize {
    NonZeroUsize::new(value).unwrap()
}

pub(crate) fn hint(error: &PipelineError) -> String {
    error.hint().unwrap_or_default()
}

/// Values that a careless writer gets wrong, as bits: zeros of both signs, the smallest and the largest numbers, and
/// those whose shortest digits are many.
const HARD: [u32; 10] = [
    0x0000_0000,
    0x8000_0000,
    0x0000_0001,
    0x807f_ffff,
    0x0080_0000,
    0x7f7f_ffff,
    0x3dcc_cccd,
    0x3eaa_aaab,
    0xbf80_0001,
    0x4b80_0001,
];

/// The vector of row `row`: hard values, turned by the row.
pub(crate) fn vector(row: usize, dimensions: usize) -> Vec<f32> {
    (0..dimensions).map(|index| f32::from_bits(HARD[(row * 7 + index) % HARD.len()])).collect()
}

/// Vectors for `rows` rows from number `first` on.
pub(crate) fn vectors(first: usize, rows: usize, dimensions: usize) -> Embeddings {
    let mut embeddings = Embeddings::new();
    embeddings.reset(rows, dimensions);
    for row in 0..rows {
        embeddings.get_mut(row).unwrap().copy_from_slice(&vector(first + row, dimensions));
    }
    embeddings
}

/// The bits of values, by which zeros of both signs differ.
pub(crate) fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}
