//! What stands in an output.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, DictionaryArray, RecordBatch, StringArray, TimestampSecondArray};
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::DataType;
use mbed_core::Embeddings;
use mbed_pipeline::{
    OutputFormat, PipelineError, ReadOptions, Reader, Report, Target, WriteOptions, Writer, plan_inputs,
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use crate::support::{Folder, batch, bits, count, hint, open, vector, vectors};

const DIMENSIONS: usize = 5;

/// Reads `input` in small windows and writes it to `output` with a vector for each row.
fn convert(input: &Path, output: &Path, window_rows: usize) -> Result<Report, PipelineError> {
    let mut options = ReadOptions::default();
    options.window_rows = count(window_rows);
    let mut reader = open(input, &options)?;
    let target = Target::File(output.to_owned());
    let format = OutputFormat::from_path(output)?;
    let mut writer = Writer::create(target, format, reader.schema(), &WriteOptions::new(DIMENSIONS))?;
    let mut row = 0;
    while let Some(window) = reader.next_window()? {
        writer.write(&window, &vectors(row, window.len(), DIMENSIONS))?;
        row += window.len();
    }
    writer.finish()
}

fn jsonl(folder: &Folder) -> std::path::PathBuf {
    let line = |row: usize| {
        let rest = if row.is_multiple_of(3) { "" } else { ", \"odd\": {\"a\":[1, 2.50]}" };
        format!("{{\"n\": {row}, \"text\": \"line\\n{row} \u{e4}\", \"x\": {row}.25{rest}}}\n")
    };
    folder.file("in.jsonl", (0..20).map(line).collect::<String>())
}

/// Checks columns and vectors of an output of [`jsonl`].
fn check(batches: &[RecordBatch]) {
    let mut row = 0;
    for batch in batches {
        let names: Vec<_> = batch.schema().fields().iter().map(|field| field.name().clone()).collect();
        assert_eq!(names, ["n", "text", "x", "odd", "embedding"]);
        let field = batch.schema().field(4).clone();
        let DataType::FixedSizeList(item, length) = field.data_type() else { panic!("{field:?}") };
        assert_eq!((item.name().as_str(), item.data_type(), *length), ("item", &DataType::Float32, 5));
        assert!(!item.is_nullable() && !field.is_nullable());
        let embeddings = batch.column(4).as_fixed_size_list();
        for index in 0..batch.num_rows() {
            assert_eq!(batch.column(0).as_primitive::<Int64Type>().value(index), row as i64);
            assert_eq!(batch.column(1).as_string::<i32>().value(index), format!("line\n{row} \u{e4}"));
            assert_eq!(batch.column(3).is_null(index), row % 3 == 0);
            let values = embeddings.value(index);
            assert_eq!(bits(values.as_primitive::<Float32Type>().values()), bits(&vector(row, DIMENSIONS)));
            row += 1;
        }
    }
    assert_eq!(row, 20);
}

#[test]
fn parquet_holds_every_column_and_the_same_bits() {
    let folder = Folder::new();
    let output = folder.path("out.parquet");
    let report = convert(&jsonl(&folder), &output, 7).unwrap();
    assert_eq!((report.rows, report.bytes.get()), (20, output.metadata().unwrap().len()));
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&output).unwrap()).unwrap();
    check(&reader.build().unwrap().collect::<Result<Vec<_>, _>>().unwrap());
}

#[test]
fn arrow_holds_every_column_and_the_same_bits() {
    let folder = Folder::new();
    let output = folder.path("out.arrow");
    let report = convert(&jsonl(&folder), &output, 7).unwrap();
    assert_eq!((report.rows, report.bytes.get()), (20, output.metadata().unwrap().len()));
    let reader = FileReader::try_new(File::open(&output).unwrap(), None).unwrap();
    check(&reader.collect::<Result<Vec<_>, _>>().unwrap());
}

#[test]
fn jsonl_holds_every_column_and_digits_that_read_back() {
    let folder = Folder::new();
    let output = folder.path("out.jsonl");
    assert_eq!(convert(&jsonl(&folder), &output, 7).unwrap().rows, 20);
    let written = fs::read_to_string(&output).unwrap();
    let first = "{\"n\":0,\"text\":\"line\\n0 \u{e4}\",\"x\":0.25,\"odd\":null,\"embedding\":[";
    assert!(written.starts_with(first), "{written}");
    assert!(written.contains(",\"odd\":{\"a\":[1, 2.50]},"), "JSON stays as it was written");
    assert_eq!(written.lines().count(), 20);
    for (row, line) in written.lines().enumerate() {
        let record: Value = serde_json::from_str(line).unwrap();
        assert_eq!(record["n"], row);
        let digits = line.split_once("\"embedding\":[").unwrap().1.trim_end_matches("]}").split(',');
        let values: Vec<f32> = digits.map(|digits| digits.parse().unwrap()).collect();
        assert_eq!(bits(&values), bits(&vector(row, DIMENSIONS)));
    }
    assert!(written.contains("[0.0,-0.0,1e-45,"), "the shortest digits: {written}");
}

#[test]
fn npy_holds_the_vectors_alone() {
    let folder = Folder::new();
    let output = folder.path("out.npy");
    let report = convert(&jsonl(&folder), &output, 7).unwrap();
    let bytes = fs::read(&output).unwrap();
    assert_eq!((report.rows, report.bytes.get()), (20, bytes.len() as u64));
    check_npy(&bytes, 20);
}

/// Reads the format as its description has it, knowing nothing of how it was written.
fn check_npy(bytes: &[u8], rows: usize) {
    assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
    let start = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    assert!(start.is_multiple_of(64));
    let description = std::str::from_utf8(&bytes[10..start]).unwrap();
    assert!(description.ends_with('\n'));
    let expected = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {DIMENSIONS}), }}");
    assert_eq!(description.trim_end(), expected);
    let (values, rest) = bytes[start..].as_chunks::<4>();
    assert!(rest.is_empty());
    let values: Vec<_> = values.iter().map(|value| f32::from_le_bytes(*value)).collect();
    let wanted: Vec<_> = (0..rows).flat_map(|row| vector(row, DIMENSIONS)).collect();
    assert_eq!(bits(&values), bits(&wanted));
}

#[test]
fn no_records_make_a_whole_output() {
    let folder = Folder::new();
    let input = folder.file("a.jsonl", "");
    for name in ["out.parquet", "out.arrow", "out.jsonl", "out.npy"] {
        let report = convert(&input, &folder.path(name), 7).unwrap();
        assert_eq!((report.rows, report.bytes.get()), (0, folder.path(name).metadata().unwrap().len()));
    }
    check_npy(&fs::read(folder.path("out.npy")).unwrap(), 0);
    assert_eq!(fs::read(folder.path("out.jsonl")).unwrap(), b"");
    for name in ["out.parquet", "out.arrow"] {
        let reader = open(&folder.path(name), &ReadOptions::default()).unwrap();
        assert_eq!((reader.total_rows(), reader.schema().fields().len()), (Some(0), 2), "{name}");
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_gets_npy_and_an_arrow_stream() {
    let folder = Folder::new();
    let input = jsonl(&folder);
    let through = |name: &str| {
        let path = folder.path(name);
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let reading = std::thread::spawn({
            let path = path.clone();
            move || fs::read(path).unwrap()
        });
        convert(&input, &path, 7).unwrap();
        reading.join().unwrap()
    };
    check_npy(&through("out.npy"), 20);
    let stream = through("out.arrow");
    let stream = StreamReader::try_new(stream.as_slice(), None).unwrap();
    check(&stream.collect::<Result<Vec<_>, _>>().unwrap());
}

#[test]
fn an_output_is_an_input_again() {
    let folder = Folder::new();
    let (parquet, jsonl_again) = (folder.path("a.parquet"), folder.path("b.jsonl"));
    convert(&jsonl(&folder), &parquet, 7).unwrap();
    let mut reader = open(&parquet, &ReadOptions::default()).unwrap();
    let options = WriteOptions::new(2).with_vector_column("other");
    let target = Target::File(jsonl_again.clone());
    let mut writer = Writer::create(target, OutputFormat::Jsonl, reader.schema(), &options).unwrap();
    while let Some(window) = reader.next_window().unwrap() {
        writer.write(&window, &vectors(0, window.len(), 2)).unwrap();
    }
    writer.finish().unwrap();
    let written = fs::read_to_string(jsonl_again).unwrap();
    assert!(written.contains(",\"odd\":{\"a\":[1, 2.50]},\"embedding\":["), "{written}");
    assert!(written.lines().all(|line| line.contains(",\"other\":[")));
}

#[test]
fn json_has_the_same_points_in_time_without_names_of_zones() {
    let folder = Folder::new();
    let utc = "2023-11-14T22:13:20Z";
    let cases = [("UTC", utc), ("Europe/Berlin", utc), ("+02:00", "2023-11-15T00:13:20+02:00")];
    for (zone, expected) in cases {
        let times: ArrayRef = Arc::new(TimestampSecondArray::from(vec![1_700_000_000]).with_timezone(zone));
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["a"]));
        let input = folder.parquet("in.parquet", &batch(vec![("t", times), ("text", texts)]));
        convert(&input, &folder.path("out.jsonl"), 7).unwrap();
        let record: Value = serde_json::from_slice(&fs::read(folder.path("out.jsonl")).unwrap()).unwrap();
        assert_eq!(record["t"], expected, "{zone}");
    }
}

#[test]
fn a_file_takes_batches_with_dictionaries_of_their_own() {
    let folder = Folder::new();
    let table = |texts: [&str; 2]| {
        let column: ArrayRef = Arc::new(texts.into_iter().collect::<DictionaryArray<Int32Type>>());
        batch(vec![("text", column)])
    };
    let paths =
        [folder.parquet("a.parquet", &table(["a", "b"])), folder.parquet("b.parquet", &table(["c", "d"]))];
    let mut options = ReadOptions::default();
    options.window_rows = count(2);
    for name in ["out.arrow", "out.parquet", "out.jsonl"] {
        let mut reader = Reader::open(&plan_inputs(&paths, None).unwrap(), &options).unwrap();
        let format = OutputFormat::from_path(name.as_ref()).unwrap();
        let target = Target::File(folder.path(name));
        let mut writer = Writer::create(target, format, reader.schema(), &WriteOptions::new(1)).unwrap();
        while let Some(window) = reader.next_window().unwrap() {
            writer.write(&window, &vectors(0, window.len(), 1)).unwrap();
        }
        assert_eq!(writer.finish().unwrap().rows, 4);
        let mut reader = open(&folder.path(name), &ReadOptions::default()).unwrap();
        let window = reader.next_window().unwrap().unwrap();
        assert_eq!(window.texts().collect::<Vec<_>>(), ["a", "b", "c", "d"], "{name}");
    }
}

#[test]
fn row_groups_stay_small_and_all_rows_come_back() {
    let folder = Folder::new();
    let input = folder.file("a.txt", "x\n".repeat(3000));
    let dimensions = 8192;
    let mut reader = open(&input, &ReadOptions::default()).unwrap();
    let output = folder.path("out.parquet");
    let target = Target::File(output.clone());
    let options = WriteOptions::new(dimensions);
    let mut writer = Writer::create(target, OutputFormat::Parquet, reader.schema(), &options).unwrap();
    let window = reader.next_window().unwrap().unwrap();
    writer.write(&window, &vectors(0, 3000, dimensions)).unwrap();
    writer.finish().unwrap();
    let written = ParquetRecordBatchReaderBuilder::try_new(File::open(&output).unwrap()).unwrap();
    let groups = written.metadata().row_groups();
    assert_eq!(groups.iter().map(|group| group.num_rows()).sum::<i64>(), 3000);
    assert!(groups.iter().all(|group| group.total_byte_size() < 80 << 20), "no group takes much memory");
    let last = written.build().unwrap().last().unwrap().unwrap();
    let values = last.column(3).as_fixed_size_list().value(last.num_rows() - 1);
    assert_eq!(bits(values.as_primitive::<Float32Type>().values()), bits(&vector(2999, dimensions)));
}

#[test]
fn a_taken_column_name_is_refused_before_anything_is_computed() {
    let folder = Folder::new();
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["a"]));
    let schema = batch(vec![("text", Arc::clone(&texts)), ("embedding", texts)]).schema();
    for format in [OutputFormat::Parquet, OutputFormat::Arrow, OutputFormat::Jsonl] {
        let target = Target::File(folder.path("out"));
        let error = Writer::create(target, format, schema.clone(), &WriteOptions::new(1)).unwrap_err();
        assert_eq!(error.to_string(), "the input already has a column `embedding`");
        assert!(hint(&error).contains("--vector-column"));
    }
    assert!(folder.names().is_empty());
}

#[test]
fn a_value_that_json_cannot_write_is_named() {
    let folder = Folder::new();
    let input = folder.file("a.txt", "a\nb\n");
    let mut reader = open(&input, &ReadOptions::default()).unwrap();
    let target = Target::File(folder.path("out.jsonl"));
    let mut writer =
        Writer::create(target, OutputFormat::Jsonl, reader.schema(), &WriteOptions::new(2)).unwrap();
    let window = reader.next_window().unwrap().unwrap();
    let mut embeddings = Embeddings::new();
    embeddings.reset(2, 2);
    embeddings.values_mut()[3] = f32::NAN;
    let error = writer.write(&window, &embeddings).unwrap_err();
    assert_eq!(error.to_string(), format!("value 1 of the vector of {}:2 is `NaN`", input.display()));
    let error = writer.finish().unwrap_err();
    assert!(matches!(error, PipelineError::GivenUp { .. }), "a broken output must not appear");
    assert_eq!(folder.names(), ["a.txt"]);
}

#[test]
fn vectors_must_belong_to_their_window() {
    let folder = Folder::new();
    let mut reader = open(&folder.file("a.txt", "a\nb\n"), &ReadOptions::default()).unwrap();
    let window = reader.next_window().unwrap().unwrap();
    for (rows, dimensions) in [(1, 3), (3, 3), (2, 2)] {
        let target = Target::File(folder.path("out.npy"));
        let mut writer =
            Writer::create(target, OutputFormat::Npy, reader.schema(), &WriteOptions::new(3)).unwrap();
        let error = writer.write(&window, &vectors(0, rows, dimensions)).unwrap_err();
        assert!(matches!(error, PipelineError::Shape { .. }), "{error:?}");
    }
}
