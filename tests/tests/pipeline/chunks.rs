//! Documents in, chunks out.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{UInt32Type, UInt64Type};
use arrow_array::{ArrayRef, Int64Array, StringArray};
use mbed_core::settings::{ChunkSize, ChunkingSettings, ChunkingStrategy};
use mbed_pipeline::{
    ChunkedReader, PipelineError, ReadOptions, Reader, TextFiles, Window, Windows, plan_inputs,
};
use mbed_text::chunk::{Chunker, ChunkingParts, chunker};

use crate::support::{Folder, column, count, open, some, texts};

fn by(strategy: ChunkingStrategy, size: &str) -> Arc<dyn Chunker> {
    let size: Option<ChunkSize> = Some(size.parse().unwrap());
    let settings = ChunkingSettings { strategy, size, ..ChunkingSettings::default() };
    Arc::from(chunker(&settings, &ChunkingParts::default()).unwrap().unwrap())
}

fn cut(reader: Reader, chunker: Arc<dyn Chunker>) -> Vec<Window> {
    let mut reader = ChunkedReader::new(reader, chunker).unwrap();
    let mut windows = Vec::new();
    while let Some(window) = reader.next_window().unwrap() {
        assert_eq!(window.batch().schema(), reader.schema());
        windows.push(window);
    }
    windows
}

fn whole() -> ReadOptions {
    let mut options = ReadOptions::default();
    options.text_files = TextFiles::Whole;
    options
}

#[test]
fn a_text_file_is_one_document_and_its_chunks_are_where_they_say() {
    let folder = Folder::new();
    let content = "First line.\nSecond line, with ä and 日本語.\n\nA new paragraph. And more of it.\n";
    let path = folder.file("a.txt", content);
    let reader = open(&path, &whole()).unwrap();
    assert_eq!(reader.total_rows(), Some(1));
    let windows = cut(reader, by(ChunkingStrategy::Recursive, "20c"));
    assert_eq!(texts(&windows).concat(), content);
    for window in &windows {
        let at =
            |name: &str| window.batch().column_by_name(name).unwrap().as_primitive::<UInt64Type>().clone();
        let (start, end) = (at("start"), at("end"));
        for row in 0..window.len() {
            let span = usize::try_from(start.value(row)).unwrap()..usize::try_from(end.value(row)).unwrap();
            assert_eq!(window.text(row), Some(&content[span]));
        }
    }
    let documents = column(&windows, "document");
    assert!(documents.len() > 4 && documents.iter().all(|name| name.as_deref() == path.to_str()));
    let numbers: Vec<String> = (0..documents.len()).map(|number| number.to_string()).collect();
    assert_eq!(column(&windows, "chunk"), numbers.into_iter().map(Some).collect::<Vec<_>>());
}

#[test]
fn every_column_of_a_document_goes_with_its_chunks() {
    let folder = Folder::new();
    let bodies: ArrayRef = Arc::new(StringArray::from(vec!["one two 33333", "", "four five"]));
    let years: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, Some(3)]));
    let names: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "c"]));
    let path = folder.parquet("a.parquet", &batch_of(bodies, years, names));
    let mut options = ReadOptions::default();
    options.text_column = Some("body".to_owned());
    options.id_column = Some("name".to_owned());
    // Windows of two rows: of chunks as well as of documents.
    options.window_rows = count(2);
    let windows = cut(open(&path, &options).unwrap(), by(ChunkingStrategy::Character, "6c"));
    assert_eq!(texts(&windows), ["one tw", "o 3333", "3", "", "four f", "ive"]);
    assert_eq!(column(&windows, "document"), some(&["a", "a", "a", "b", "c", "c"]));
    assert_eq!(column(&windows, "chunk"), some(&["0", "1", "2", "0", "0", "1"]));
    let year = |text: &str| Some(text.to_owned());
    assert_eq!(column(&windows, "year"), [year("1"), year("1"), year("1"), None, year("3"), year("3")]);
    assert!(windows.iter().all(|window| window.len() <= 2));
}

fn batch_of(bodies: ArrayRef, years: ArrayRef, names: ArrayRef) -> arrow_array::RecordBatch {
    let fields = [("body", bodies, false), ("year", years, true), ("name", names, false)];
    arrow_array::RecordBatch::try_from_iter_with_nullable(fields).unwrap()
}

#[test]
fn parents_and_headings_are_kept() {
    let folder = Folder::new();
    let path = folder.file("a.md", "# Boats\n\nOne two three four.\n\n## Nets\n\nFive six.\n");
    let windows = cut(open(&path, &whole()).unwrap(), by(ChunkingStrategy::Hierarchical, "40c"));
    let batch = windows[0].batch();
    let number = |name: &str| batch.column_by_name(name).unwrap().as_primitive::<UInt32Type>().clone();
    let (level, parent) = (number("level"), number("parent"));
    let texts = texts(&windows);
    assert!(level.iter().flatten().any(|level| level == 1));
    for row in 0..batch.num_rows() {
        let parent = parent.iter().nth(row).flatten();
        assert_eq!(parent.is_some(), level.value(row) == 1);
        if let Some(parent) = parent {
            assert!(texts[parent as usize].contains(texts[row]), "{row}");
        }
    }
    let windows = cut(open(&path, &whole()).unwrap(), by(ChunkingStrategy::Markdown, "40c"));
    assert_eq!(column(&windows, "headings"), some(&["[Boats]", "[Boats, Nets]"]));
}

#[test]
fn a_column_of_a_name_that_chunks_need_is_refused() {
    let folder = Folder::new();
    let path = folder.file("a.csv", "text,level\nx,1\n");
    let reader = open(&path, &ReadOptions::default()).unwrap();
    let error = ChunkedReader::new(reader, by(ChunkingStrategy::Recursive, "9c")).unwrap_err();
    assert!(matches!(error, PipelineError::ColumnTaken { column } if column == "level"));
}

#[test]
fn records_are_counted_as_documents() {
    let folder = Folder::new();
    let path = folder.file("a.jsonl", "{\"text\": \"one two\"}\n{\"text\": \"three\"}\n");
    let reader = Reader::open(&plan_inputs(&[path], None).unwrap(), &ReadOptions::default()).unwrap();
    let mut reader = ChunkedReader::new(reader, by(ChunkingStrategy::Character, "2c")).unwrap();
    while reader.next_window().unwrap().is_some() {}
    assert_eq!(reader.read_rows(), 2);
}
