//! Parquet and Arrow files in.

use std::fs::{self, File};
use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, DictionaryArray, Int32Array, LargeStringArray, RecordBatch, StringArray, StringViewArray,
};
use arrow_ipc::writer::{FileWriter, StreamWriter};
use mbed_pipeline::{PipelineError, ReadOptions, Reader, Window, plan_inputs};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, GzipLevel, ZstdLevel};
use parquet::file::properties::WriterProperties;
use rstest::rstest;

use crate::support::{Folder, batch, column, count, hint, open, read, read_error, some, texts, windows};

fn table() -> RecordBatch {
    let numbers: ArrayRef = Arc::new(Int32Array::from_iter_values(0..10));
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values((0..10).map(|row| format!("text {row}"))));
    batch(vec![("n", numbers), ("text", texts)])
}

fn expected() -> Vec<String> {
    (0..10).map(|row| format!("text {row}")).collect()
}

fn ipc_file(batches: &[RecordBatch]) -> Vec<u8> {
    let mut writer = FileWriter::try_new(Vec::new(), batches[0].schema_ref()).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.into_inner().unwrap()
}

fn ipc_stream(batches: &[RecordBatch]) -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), batches[0].schema_ref()).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.into_inner().unwrap()
}

fn in_file_and_stream(folder: &Folder) -> Vec<std::path::PathBuf> {
    let halves = [table().slice(0, 6), table().slice(6, 4)];
    vec![
        folder.parquet("a.parquet", &table()),
        folder.file("a.arrow", ipc_file(&halves)),
        folder.file("b.arrow", ipc_stream(&halves)),
    ]
}

#[test]
fn every_layout_is_read_in_windows_with_all_columns() {
    let folder = Folder::new();
    for path in in_file_and_stream(&folder) {
        let mut options = ReadOptions::default();
        options.window_rows = count(4);
        options.id_column = Some("n".to_owned());
        let reader = open(&path, &options).unwrap();
        assert_eq!(reader.total_rows(), Some(10), "{path:?}");
        assert_eq!(reader.schema(), table().schema());
        let windows = windows(reader).unwrap();
        assert_eq!(windows.iter().map(Window::len).collect::<Vec<_>>(), [4, 4, 2]);
        assert_eq!(texts(&windows), expected());
        assert_eq!(windows[2].name(1), format!("id \"9\" ({} row 10)", path.display()));
    }
}

#[test]
fn windows_end_at_their_bytes_and_go_across_files() {
    let folder = Folder::new();
    for path in in_file_and_stream(&folder) {
        let plan = plan_inputs(&[path.clone(), path.clone()], None).unwrap();
        let all = windows(Reader::open(&plan, &ReadOptions::default()).unwrap()).unwrap();
        assert_eq!(all.iter().map(Window::len).collect::<Vec<_>>(), [20]);
        assert_eq!(texts(&all), [expected(), expected()].concat());
        assert_eq!(all[0].name(10), format!("{} row 1", path.display()));

        let mut options = ReadOptions::default();
        options.window_bytes = count(40);
        let small = read(&path, &options).unwrap();
        assert!(small.iter().all(|window| window.len() < 5), "{path:?}");
        assert_eq!(texts(&small), expected());
    }
}

#[test]
fn texts_may_be_any_type_of_string_and_keep_it() {
    let folder = Folder::new();
    let plain: Vec<_> = expected();
    let columns: [ArrayRef; 4] = [
        Arc::new(StringArray::from(plain.clone())),
        Arc::new(LargeStringArray::from(plain.clone())),
        Arc::new(StringViewArray::from_iter_values(&plain)),
        Arc::new(plain.iter().map(|text| Some(text.as_str())).collect::<DictionaryArray<Int32Type>>()),
    ];
    for (number, column) in columns.into_iter().enumerate() {
        let table = batch(vec![("body", Arc::clone(&column))]);
        let parquet = folder.parquet(&format!("{number}.parquet"), &table);
        let arrow = folder.file(&format!("{number}.arrow"), ipc_file(&[table]));
        for path in [parquet, arrow] {
            let windows = read(&path, &ReadOptions::default()).unwrap();
            assert_eq!(texts(&windows), plain);
            assert_eq!(windows[0].batch().column(0).data_type(), column.data_type());
        }
    }
}

#[rstest]
#[case::snappy(Compression::SNAPPY)]
#[case::gzip(Compression::GZIP(GzipLevel::default()))]
#[case::zstd(Compression::ZSTD(ZstdLevel::default()))]
#[case::lz4(Compression::LZ4_RAW)]
fn the_usual_codecs_are_read(#[case] codec: Compression) {
    let folder = Folder::new();
    let properties = WriterProperties::builder().set_compression(codec).build();
    let file = File::create(folder.path("a.parquet")).unwrap();
    let mut writer = ArrowWriter::try_new(file, table().schema(), Some(properties)).unwrap();
    writer.write(&table()).unwrap();
    writer.close().unwrap();
    assert_eq!(texts(&read(&folder.path("a.parquet"), &ReadOptions::default()).unwrap()), expected());
}

#[test]
fn a_null_text_is_named() {
    let folder = Folder::new();
    let column: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), Some("b"), None, None]));
    let path = folder.parquet("a.parquet", &batch(vec![("text", column)]));
    let mut options = ReadOptions::default();
    options.window_rows = count(2);
    let error = read_error(&path, &options);
    assert_eq!(error.to_string(), format!("column `text` is null at `{} row 3`", path.display()));
    assert!(hint(&error).contains("leave such rows out"));
}

#[test]
fn a_null_behind_a_dictionary_is_named() {
    let folder = Folder::new();
    let values: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None]));
    let column: ArrayRef = Arc::new(DictionaryArray::<Int32Type>::new(vec![0, 1].into(), values));
    let path = folder.file("a.arrow", ipc_file(&[batch(vec![("text", column)])]));
    let error = read_error(&path, &ReadOptions::default());
    assert_eq!(error.to_string(), format!("column `text` is null at `{} row 2`", path.display()));
}

#[test]
fn a_file_that_is_cut_short_is_named() {
    let folder = Folder::new();
    for path in in_file_and_stream(&folder) {
        let whole = fs::read(&path).unwrap();
        for length in [0, 1, 7, whole.len() / 3, whole.len() / 2, whole.len() * 4 / 5] {
            fs::write(&path, &whole[..length]).unwrap();
            let error = read_error(&path, &ReadOptions::default());
            assert!(matches!(error, PipelineError::Corrupt { .. }), "{path:?} of {length} bytes: {error:?}");
            assert!(error.to_string().starts_with(&format!("`{}` cannot be read as ", path.display())));
            assert!(hint(&error).contains("cut short"));
        }
    }
}

/// Also between two messages, where a stream that was cut looks like one that its writer closed.
#[test]
fn a_stream_cut_anywhere_is_an_error() {
    let folder = Folder::new();
    let whole = ipc_stream(&[table().slice(0, 6), table().slice(6, 4)]);
    for length in 0..whole.len() {
        let path = folder.file("cut.arrow", &whole[..length]);
        let error = read_error(&path, &ReadOptions::default());
        assert!(matches!(error, PipelineError::Corrupt { .. }), "{length} bytes: {error:?}");
    }
    let path = folder.file("whole.arrow", &whole);
    assert_eq!(texts(&windows(open(&path, &ReadOptions::default()).unwrap()).unwrap()), expected());
}

#[test]
fn files_must_have_the_same_columns() {
    let folder = Folder::new();
    let other: ArrayRef = Arc::new(LargeStringArray::from(vec!["x"]));
    let number: ArrayRef = Arc::new(Int32Array::from(vec![1]));
    let paths = [
        folder.parquet("a.parquet", &table()),
        folder.parquet("b.parquet", &batch(vec![("n", number), ("text", other)])),
    ];
    let error = Reader::open(&plan_inputs(&paths, None).unwrap(), &ReadOptions::default()).unwrap_err();
    assert!(error.to_string().ends_with("`text` (LargeUtf8) instead of `text` (Utf8)"), "{error}");
}

#[test]
fn a_column_may_be_nullable_in_one_file_only() {
    let folder = Folder::new();
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["x"]));
    let nullable: ArrayRef = Arc::new(Int32Array::from(vec![None]));
    let paths = [
        folder.parquet("a.parquet", &table()),
        folder.parquet("b.parquet", &batch(vec![("n", nullable), ("text", texts)])),
    ];
    let windows =
        windows(Reader::open(&plan_inputs(&paths, None).unwrap(), &ReadOptions::default()).unwrap());
    let windows = windows.unwrap();
    assert_eq!(column(&windows, "n").last(), Some(&None));
}

#[test]
fn a_column_of_numbers_holds_no_texts() {
    let folder = Folder::new();
    let mut options = ReadOptions::default();
    options.text_column = Some("n".to_owned());
    let error = read_error(&folder.parquet("a.parquet", &table()), &options);
    assert_eq!(error.to_string(), "column `n` holds Int32, not text");
}

#[cfg(unix)]
#[test]
fn pipes_are_read_too() {
    let folder = Folder::new();
    let parquet = fs::read(folder.parquet("a.parquet", &table())).unwrap();
    let pipes = [
        (folder.pipe("b.parquet", parquet), Some(10)),
        (folder.pipe("a.arrow", ipc_file(&[table()])), Some(10)),
        (folder.pipe("b.arrow", ipc_stream(&[table()])), None),
    ];
    for (path, total) in pipes {
        let reader = open(&path, &ReadOptions::default()).unwrap();
        assert_eq!(reader.total_rows(), total, "{path:?}");
        let windows = windows(reader).unwrap();
        assert_eq!(texts(&windows), expected());
        assert_eq!(column(&windows, "n"), some(&["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]));
    }
}
