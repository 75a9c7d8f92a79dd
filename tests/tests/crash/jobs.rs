//! Jobs of every form: what they write, what they put aside, what they refuse.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use libtest_mimic::{Failed, Trial};
use mbed_core::Bytes;
use mbed_pipeline::bulk::{self, Check, Job, JobError, JobReport, Keep, LocalDisk};
use mbed_pipeline::{
    Objects, OutputFormat, ParquetOptions, PipelineError, ReadOptions, Reader, Target, VectorType,
    plan_objects,
};
use object_store::memory::InMemory;
use parquet::arrow::ArrowWriter;
use parquet::file::reader::{FileReader as _, SerializedFileReader};

use crate::disks::{BadDisk, Strike, When};
use crate::trials::{NEVER, SMALL};
use crate::victim::{self, Task};

/// What is tried in a folder of its own.
type Test = fn(&Place);

pub(crate) fn all() -> Vec<Trial> {
    let tests: [(&str, Test); 13] = [
        ("every_format_of_shards_holds_the_same", every_format_of_shards_holds_the_same),
        ("parquet_is_written_as_asked", parquet_is_written_as_asked),
        ("objects_hold_what_files_hold", objects_hold_what_files_hold),
        ("objects_are_read_as_files_are", objects_are_read_as_files_are),
        ("texts_that_come_again_are_computed_once", texts_that_come_again_are_computed_once),
        ("rows_of_csv_that_are_broken_are_put_aside", rows_of_csv_that_are_broken_are_put_aside),
        ("texts_of_a_wrong_type_are_put_aside", texts_of_a_wrong_type_are_put_aside),
        ("texts_that_are_too_long_are_put_aside", texts_that_are_too_long_are_put_aside),
        ("a_resumed_job_goes_to_its_place_at_once", a_resumed_job_goes_to_its_place_at_once),
        ("inputs_are_compared_with_what_was_read", inputs_are_compared_with_what_was_read),
        ("tables_that_do_not_fit_are_refused", tables_that_do_not_fit_are_refused),
        ("clocks_that_jump_change_nothing", clocks_that_jump_change_nothing),
        ("a_parquet_file_that_changes_ends_the_run", a_parquet_file_that_changes_ends_the_run),
    ];
    let trial = |(name, test): (&str, Test)| {
        Trial::test(format!("jobs/{name}"), move || {
            test(&Place(tempfile::tempdir().unwrap()));
            Ok::<(), Failed>(())
        })
    };
    tests.into_iter().map(trial).collect()
}

/// A folder for a test.
struct Place(tempfile::TempDir);

impl Place {
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    fn parquet(&self, name: &str, columns: Vec<(&str, ArrayRef)>) -> PathBuf {
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut writer =
            ArrowWriter::try_new(fs::File::create(&path).unwrap(), batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        path
    }

    /// Does the job `name` with all of `input`, and looks at everything of it.
    fn run(&self, name: &str, input: &Path, change: &dyn Fn(&mut Job)) -> Result<JobReport, JobError> {
        let folder = self.path(name);
        let task = Task { change, ..Task::new(&folder, input) };
        let report = victim::run(&task, Arc::new(LocalDisk), SMALL)?.unwrap();
        let mut keep = Keep::Folder;
        let mut seen = Job::new(
            folder.clone(),
            mbed_pipeline::plan_inputs(&[input.to_owned()], None)?,
            ReadOptions::default(),
        );
        change(&mut seen);
        std::mem::swap(&mut keep, &mut seen.options.keep);
        let mut check = Check::default();
        check.keep = Some(keep);
        assert_eq!(bulk::verify(&folder, &check)?.faults, [""; 0]);
        Ok(report)
    }

    fn merged(&self, job: &str, format: OutputFormat) -> Vec<u8> {
        let target = self.path(&format!("{job}.{}", format.extension()));
        bulk::merge(&[self.path(job)], Target::File(target.clone()), (format, ParquetOptions::default()))
            .unwrap();
        fs::read(target).unwrap()
    }

    /// The reasons why rows of a job were put aside, each with its row.
    fn letters(&self, job: &str) -> Vec<(String, String)> {
        let mut files: Vec<_> =
            fs::read_dir(self.path(job).join("dead")).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let text: String = files.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
        let letter = |line: &str| {
            let letter: serde_json::Value = serde_json::from_str(line).unwrap();
            let word = |key: &str| {
                letter[key].as_str().unwrap().replace(&format!("{}/", self.0.path().display()), "")
            };
            (word("row"), word("reason"))
        };
        text.lines().map(letter).collect()
    }
}

/// Texts of which every third comes again and again.
fn numbers(count: usize) -> String {
    let text = |row: usize| if row.is_multiple_of(3) { "9 9".to_owned() } else { format!("{row} 7") };
    (0..count).map(|row| format!("{{\"n\": {row}, \"text\": \"{}\"}}\n", text(row))).collect()
}

fn every_format_of_shards_holds_the_same(place: &Place) {
    let input = place.file("input.jsonl", numbers(100));
    for format in OutputFormat::ALL {
        place.run(format.name(), &input, &|job| job.options.format = format).unwrap();
        let shard = place.path(format.name()).join("shards").join(format!("00000002.{}", format.extension()));
        assert!(shard.is_file(), "{}", shard.display());
    }
    let expected = place.merged("parquet", OutputFormat::Jsonl);
    assert!(
        place.merged("arrow", OutputFormat::Jsonl) == expected
            && place.merged("jsonl", OutputFormat::Jsonl) == expected
    );
    let vectors = place.merged("parquet", OutputFormat::Npy);
    assert!(
        place.merged("npy", OutputFormat::Npy) == vectors
            && place.merged("arrow", OutputFormat::Npy) == vectors
    );
    for (job, format) in [("jsonl", OutputFormat::Parquet), ("npy", OutputFormat::Jsonl)] {
        let target = Target::File(place.path("never"));
        let error = bulk::merge(&[place.path(job)], target, (format, ParquetOptions::default())).unwrap_err();
        assert!(matches!(error, JobError::NoMerge { .. }), "{error}");
    }
    // Damage that keeps the length is found in each.
    for format in OutputFormat::ALL {
        let shard = place.path(format.name()).join("shards").join(format!("00000001.{}", format.extension()));
        let mut bytes = fs::read(&shard).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&shard, bytes).unwrap();
        assert_eq!(bulk::verify(&place.path(format.name()), &Check::default()).unwrap().faults.len(), 1);
    }
}

fn parquet_is_written_as_asked(place: &Place) {
    let input = place.file("input.jsonl", numbers(100));
    place.run("job", &input, &|job| job.options.vectors = VectorType::Float16).unwrap();
    let merge = |name: &str, rows: Option<usize>, level: i32| {
        let mut options = ParquetOptions::default();
        (options.row_group_rows, options.zstd_level) = (rows.and_then(std::num::NonZeroUsize::new), level);
        let target = Target::File(place.path(name));
        bulk::merge(&[place.path("job")], target, (OutputFormat::Parquet, options)).unwrap();
        SerializedFileReader::new(fs::File::open(place.path(name)).unwrap()).unwrap().metadata().clone()
    };
    let (one, many) = (merge("one", None, 1), merge("many", Some(30), 19));
    assert_eq!((one.num_row_groups(), many.num_row_groups()), (1, 4));
    assert_eq!(many.row_group(3).num_rows(), 10);
    let size = |metadata: &parquet::file::metadata::ParquetMetaData| metadata.row_group(0).compressed_size();
    let smaller = merge("smaller", None, 19);
    assert!(size(&smaller) < size(&one), "level 19 takes {} bytes, level 1 {}", size(&smaller), size(&one));
    let kept = |job: &mut Job| job.options.parquet.row_group_rows = std::num::NonZeroUsize::new(5);
    place.run("shards", &input, &kept).unwrap();
    let shard = fs::File::open(place.path("shards/shards/00000000.parquet")).unwrap();
    assert_eq!(SerializedFileReader::new(shard).unwrap().metadata().num_row_groups(), 4);
}

fn objects_hold_what_files_hold(place: &Place) {
    let input = place.file("input.jsonl", numbers(100));
    place.run("here", &input, &|_| {}).unwrap();
    let memory = Arc::new(InMemory::new());
    let objects = Objects::over(memory, "out", "memory:///out");
    let folder = Keep::parse(&format!("file://{}", place.path("far").display()), None).unwrap();
    for (job, keep) in [("memory", Keep::Objects(objects.clone())), ("local", folder)] {
        place.run(job, &input, &|job| job.options.keep = keep.clone()).unwrap();
        assert_eq!(fs::read_dir(place.path(job).join("shards")).unwrap().count(), 0);
    }
    assert!(place.merged("local", OutputFormat::Jsonl) == place.merged("here", OutputFormat::Jsonl));
    let shards = |folder: &str| {
        let mut files: Vec<_> =
            fs::read_dir(place.path(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files.iter().map(|path| fs::read(path).unwrap()).collect::<Vec<_>>()
    };
    assert!(shards("far") == shards("here/shards") && shards("far").len() == 7);
    // What is in memory reads back as an input.
    let mut reader = Reader::open(&plan_objects(&objects, None).unwrap(), &ReadOptions::default()).unwrap();
    let mut texts = Vec::new();
    while let Some(window) = reader.next_window().unwrap() {
        texts.extend(window.texts().map(str::to_owned).collect::<Vec<_>>());
    }
    assert_eq!((texts.len(), texts[3].as_str(), texts[98].as_str()), (100, "9 9", "98 7"));
    let wrong = Keep::parse("ftp://host/folder", None).unwrap_err();
    assert!(matches!(wrong, JobError::BadSink { .. }), "{wrong}");
    assert!(Keep::parse("file:///x", Some("table")).is_err());
}

fn objects_are_read_as_files_are(place: &Place) {
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values((0..50).map(|row| format!("{row} 3"))));
    place.parquet("in/a.parquet", vec![("text", Arc::clone(&texts))]);
    place.parquet("in/b.parquet", vec![("text", texts)]);
    let jsonl = numbers(40);
    place.file("in/lines/a.jsonl", &jsonl);
    let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut zipped, jsonl.as_bytes()).unwrap();
    place.file("in/lines/b.jsonl.gz", zipped.finish().unwrap());
    place.file("in/table.csv", "id,text\n1,4 5\n2,\"6\n7\"\n3,8\n");
    for (name, pattern) in [("parquet", "in/*.parquet"), ("lines", "in/lines"), ("csv", "in/table.csv")] {
        let far = PathBuf::from(format!("file://{}", place.path(pattern).display()));
        place.run(&format!("{name}-far"), &far, &|_| {}).unwrap();
        place.run(&format!("{name}-here"), &place.path(pattern), &|_| {}).unwrap();
        let rows = |job: &str| place.merged(job, OutputFormat::Jsonl);
        assert!(rows(&format!("{name}-far")) == rows(&format!("{name}-here")), "{name}");
    }
    let gone = PathBuf::from(format!("file://{}/in/none/", place.0.path().display()));
    let error = place.run("gone", &gone, &|_| {}).unwrap_err();
    assert!(
        matches!(
            error,
            JobError::Pipeline(PipelineError::NothingInFolder { .. } | PipelineError::Read { .. })
        ),
        "{error}"
    );
}

fn texts_that_come_again_are_computed_once(place: &Place) {
    let input = place.file("input.jsonl", numbers(300));
    let all = place.run("all", &input, &|_| {}).unwrap();
    let once = place.run("once", &input, &|job| job.options.dedup = Some(Bytes::new(1 << 20))).unwrap();
    // Every third text is the same one.
    assert_eq!((all.repeated, once.repeated), (0, 99));
    assert_eq!(all.tokens - once.tokens, 2 * 99);
    assert_eq!(once.totals, all.totals);
    assert!(place.merged("once", OutputFormat::Jsonl) == place.merged("all", OutputFormat::Jsonl));
}

/// Puts bad records aside.
fn skipping(job: &mut Job) {
    job.options.on_error = bulk::OnError::Skip;
}

fn rows_of_csv_that_are_broken_are_put_aside(place: &Place) {
    let csv = b"id,text\n1,one\n2,two,three\n3\n4,\"5\n6\"\n5,bad \xff\n6,7\n";
    let input = place.file("table.csv", csv);
    let failing = |job: &mut Job| job.options.on_error = bulk::OnError::Fail;
    let error = place.run("strict", &input, &failing).unwrap_err();
    assert!(
        matches!(
            error,
            JobError::Pipeline(PipelineError::RaggedRow { .. } | PipelineError::InvalidUtf8 { .. })
        ),
        "{error}"
    );
    let report = place.run("job", &input, &skipping).unwrap();
    assert_eq!((report.totals.records, report.totals.written, report.totals.dead), (6, 3, 3));
    let expected = [
        ("table.csv:3", "`table.csv:3` has 3 fields, the header has 2"),
        ("table.csv:4", "`table.csv:4` has 1 fields, the header has 2"),
        ("table.csv:7", "column `text` is not UTF-8 at `table.csv:7`"),
    ];
    assert_eq!(place.letters("job"), expected.map(|(row, reason)| (row.to_owned(), reason.to_owned())));
    let replacing = |job: &mut Job| {
        skipping(job);
        job.read.invalid_utf8 = mbed_pipeline::InvalidUtf8::Replace;
    };
    assert_eq!(place.run("replaced", &input, &replacing).unwrap().totals.dead, 2);
}

fn texts_of_a_wrong_type_are_put_aside(place: &Place) {
    let lines = "{\"id\": \"a\", \"text\": \"1\"}\n{\"id\": \"b\", \"text\": 2}\n{\"id\": \"c\", \"text\": [\"3\"]}\n\
                 {\"id\": \"d\", \"text\": {\"x\": 4}}\n{\"id\": \"e\", \"text\": true}\n{\"id\": \"f\", \"text\": \"6\"}\n";
    let input = place.file("rows.jsonl", lines);
    let report = place.run("job", &input, &skipping).unwrap();
    assert_eq!((report.totals.records, report.totals.written, report.totals.dead), (6, 2, 4));
    let rows: Vec<String> = place.letters("job").into_iter().map(|(row, _)| row).collect();
    assert_eq!(rows, ["rows.jsonl:2", "rows.jsonl:3", "rows.jsonl:4", "rows.jsonl:5"]);
    let reasons: Vec<String> = place.letters("job").into_iter().map(|(_, reason)| reason).collect();
    assert!(reasons[0].contains("is a number") && reasons[1].contains("is an array"), "{reasons:?}");
    let none = place.file("none.jsonl", "{\"text\": 1}\n{\"text\": 2}\n");
    assert!(place.run("none", &none, &skipping).is_err(), "a column without any text is no column of texts");
}

fn texts_that_are_too_long_are_put_aside(place: &Place) {
    let long = "1 ".repeat(40);
    let input = place.file("texts.txt", format!("1\n{long}\n2\n{long}\n3\n"));
    let folder = place.path("job");
    let task = Task { change: &skipping, ..Task::new(&folder, &input) };
    let report = victim::run_strictly(&task).unwrap().unwrap();
    assert_eq!((report.totals.written, report.totals.dead), (3, 2));
    let letters = place.letters("job");
    assert_eq!(
        letters.iter().map(|(row, _)| row.as_str()).collect::<Vec<_>>(),
        ["texts.txt:2", "texts.txt:4"]
    );
    assert!(letters[0].1.contains("has more than 16 tokens"), "{letters:?}");
    let again = |job: &mut Job| {
        skipping(job);
        job.options.dedup = Some(Bytes::new(1 << 20));
    };
    let folder = place.path("once");
    let task = Task { change: &again, ..Task::new(&folder, &input) };
    let report = victim::run_strictly(&task).unwrap().unwrap();
    assert_eq!((report.totals.written, report.totals.dead, report.repeated), (3, 2, 1));
    let folder = place.path("strict");
    let strict = |job: &mut Job| job.options.on_error = bulk::OnError::Fail;
    let task = Task { change: &strict, ..Task::new(&folder, &input) };
    let error = victim::run_strictly(&task).unwrap_err();
    assert!(
        error.to_string().contains("texts.txt:2` has more than 16 tokens")
            || error.to_string().contains("texts.txt:2 has more than 16 tokens"),
        "{error}"
    );
}

/// Goes on behind 50 records of an input whose first bytes can no longer be read as they were, and gives all rows.
fn resumed(place: &Place, name: &str, content: &[u8], spoil: usize) -> Vec<u8> {
    let input = place.file(name, content);
    let whole = format!("{name}-whole");
    place.run(&whole, &input, &|_| {}).unwrap();
    let part = format!("{name}-part");
    let folder = place.path(&part);
    let first = |job: &mut Job| job.options.max_records = Some(50);
    let task = Task { change: &first, ..Task::new(&folder, &input) };
    assert!(!victim::run(&task, Arc::new(LocalDisk), SMALL).unwrap().unwrap().is_finished);
    // Bytes in front of the place are spoilt, size and time are as before: who reads them again fails.
    let time = input.metadata().unwrap().modified().unwrap();
    let mut spoilt = content.to_vec();
    spoilt[spoil..spoil + 100].fill(0xff);
    fs::write(&input, spoilt).unwrap();
    fs::File::options().write(true).open(&input).unwrap().set_modified(time).unwrap();
    let report = victim::run(&Task::new(&folder, &input), Arc::new(LocalDisk), SMALL).unwrap().unwrap();
    assert!(report.is_finished);
    assert_eq!(report.totals.dead, 0);
    let merged = place.merged(&part, OutputFormat::Jsonl);
    assert!(merged == place.merged(&whole, OutputFormat::Jsonl), "{name}");
    merged
}

fn a_resumed_job_goes_to_its_place_at_once(place: &Place) {
    let text: String = (0..200).map(|row| format!("{row} {row}\n")).collect();
    resumed(place, "texts.txt", text.as_bytes(), 100);
    resumed(place, "rows.jsonl", numbers(200).as_bytes(), 100);
    for (name, end) in [("unix.csv", "\n"), ("windows.csv", "\r\n")] {
        let row = |row: usize| {
            if row.is_multiple_of(7) { format!("{row},\"{row}\n5\"") } else { format!("{row},{row} 4") }
        };
        let csv = format!("id,text{end}") + &(0..200).map(|number| row(number) + end).collect::<String>();
        resumed(place, name, csv.as_bytes(), 100);
    }
    // The rows and the lines that messages name are those of a run that was not ended.
    let rows = String::from_utf8(resumed(
        place,
        "marked.csv",
        &[b"\xef\xbb\xbf", numbers_csv().as_bytes()].concat(),
        100,
    ))
    .unwrap();
    assert_eq!(rows.lines().count(), 200);
    // Columns are passed over by their own counts: within a file, too.
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values((0..100).map(|row| format!("{row} 3"))));
    let input = place.parquet("rows.parquet", vec![("text", texts)]);
    let folder = place.path("columns");
    let first = |job: &mut Job| job.options.max_records = Some(30);
    let task = Task { change: &first, ..Task::new(&folder, &input) };
    while !victim::run(&task, Arc::new(LocalDisk), SMALL).unwrap().unwrap().is_finished {}
    place.run("columns-whole", &input, &|_| {}).unwrap();
    assert!(
        place.merged("columns", OutputFormat::Jsonl) == place.merged("columns-whole", OutputFormat::Jsonl)
    );
}

fn numbers_csv() -> String {
    "id,text\n".to_owned() + &(0..200).map(|row| format!("{row},{row}\n")).collect::<String>()
}

fn inputs_are_compared_with_what_was_read(place: &Place) {
    let csv = numbers_csv();
    let input = place.file("in/table.csv", &csv);
    place.file("in/more.csv", "id,text\n1\n2,3\n");
    place.run("job", &place.path("in"), &skipping).unwrap();
    let mut check = Check::default();
    check.inputs = true;
    let found = bulk::verify(&place.path("job"), &check).unwrap();
    assert_eq!((found.faults.len(), found.inputs), (0, Some(202)), "{:?}", found.faults);
    // Size and time are as before, one digit is not.
    let time = input.metadata().unwrap().modified().unwrap();
    fs::write(&input, csv.replace("\n150,150\n", "\n150,151\n")).unwrap();
    fs::File::options().write(true).open(&input).unwrap().set_modified(time).unwrap();
    let faults = bulk::verify(&place.path("job"), &check).unwrap().faults;
    // Records come in units of 16, behind the two of the file before.
    assert_eq!(faults, ["unit 9: its input is not what was read then"]);
    fs::remove_file(&input).unwrap();
    let faults = bulk::verify(&place.path("job"), &check).unwrap().faults;
    assert!(!faults.is_empty() && faults.iter().any(|fault| fault.contains("table.csv")), "{faults:?}");
}

fn tables_that_do_not_fit_are_refused(place: &Place) {
    let refused = |name: &str, input: &Path, words: &str| {
        let error = place.run(name, input, &skipping).unwrap_err().to_string();
        assert!(error.contains(words), "{name}: {error}");
    };
    let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("1"), None, Some("3")]));
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
    let wrong = place.parquet("wrong.parquet", vec![("text", Arc::clone(&ids))]);
    refused("wrong", &wrong, "column `text` holds Int64, not text");
    let nested: ArrayRef = Arc::new(arrow_array::StructArray::from(vec![(
        Arc::new(arrow_schema::Field::new("a", arrow_schema::DataType::Int64, true)),
        Arc::clone(&ids),
    )]));
    let deep = place.parquet("deep.parquet", vec![("text", Arc::clone(&nested))]);
    refused("deep", &deep, "column `text` holds Struct");
    let both = place.parquet(
        "nulls.parquet",
        vec![("id", Arc::clone(&ids)), ("text", Arc::clone(&texts)), ("more", nested)],
    );
    let report = place.run("nulls", &both, &skipping).unwrap();
    assert_eq!((report.totals.written, report.totals.dead), (2, 1));
    assert_eq!(
        place.letters("nulls"),
        [("nulls.parquet row 2".to_owned(), "column `text` is null".to_owned())]
    );
    place.parquet("mixed/a.parquet", vec![("text", Arc::clone(&texts))]);
    place.parquet("mixed/b.parquet", vec![("text", texts), ("id", ids)]);
    refused("mixed-job", &place.path("mixed"), "2 columns instead of 1");
    refused("gone", &place.path("gone.parquet"), "cannot read");
    let taken = place.file("taken.jsonl", "{\"text\": \"1\", \"embedding\": 2}\n");
    refused("taken", &taken, "the input already has a column `embedding`");
}

fn a_parquet_file_that_changes_ends_the_run(place: &Place) {
    let rows = |count: i64| -> Vec<(&str, ArrayRef)> {
        vec![("text", Arc::new(StringArray::from_iter_values((0..count).map(|row| format!("{row} 3")))))]
    };
    let input = place.parquet("rows.parquet", rows(100));
    let (job, other) = (place.path("job"), place.parquet("other.parquet", rows(60)));
    let undisturbed = fs::read(&input).unwrap();
    let disk = Arc::new(BadDisk::new(9, When::After, Strike::Replace(input.clone(), other)));
    let error = victim::run(&Task::new(&job, &input), disk, SMALL).unwrap_err();
    let JobError::OtherJob { differences, .. } = error else { panic!("{error}") };
    assert!(differences[0].contains("has changed"), "{differences:?}");
    let gone = Arc::new(BadDisk::new(NEVER, When::After, Strike::Error));
    fs::remove_file(&input).unwrap();
    assert!(victim::run(&Task::new(&job, &input), gone, SMALL).is_err(), "a file that is gone");
    fs::write(&input, undisturbed).unwrap();
    assert_ne!(bulk::status(&job).unwrap().state, bulk::JobState::Finished);
}

fn clocks_that_jump_change_nothing(place: &Place) {
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    // A file from before 1970 or from the year 2100 is one like any other: nothing is compared with the clock.
    let times: [SystemTime; 2] =
        [UNIX_EPOCH - Duration::from_secs(1000), UNIX_EPOCH + Duration::from_secs(4_102_444_800)];
    for (number, time) in times.into_iter().enumerate() {
        let input = place.file(&format!("{number}.jsonl"), numbers(100));
        fs::File::options().write(true).open(&input).unwrap().set_modified(time).unwrap();
        let folder = place.path(&number.to_string());
        let first = |job: &mut Job| job.options.max_records = Some(30);
        let task = Task { change: &first, ..Task::new(&folder, &input) };
        let mut runs = 1;
        while !victim::run(&task, Arc::new(LocalDisk), SMALL).unwrap().unwrap().is_finished {
            runs += 1;
        }
        assert_eq!(runs, 4);
    }
}
