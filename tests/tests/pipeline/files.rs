//! How an output appears, and what is left when it does not.

use std::fs;
use std::path::Path;

use mbed_pipeline::{OutputFormat, PipelineError, ReadOptions, Reader, Target, WriteOptions, Writer};
use rstest::rstest;

use crate::support::{Folder, hint, open, vectors};

const FORMATS: [OutputFormat; 4] =
    [OutputFormat::Parquet, OutputFormat::Jsonl, OutputFormat::Npy, OutputFormat::Arrow];

fn reader(folder: &Folder) -> Reader {
    open(&folder.file("in/a.txt", "one\ntwo\n"), &ReadOptions::default()).unwrap()
}

fn create(folder: &Folder, path: &Path, format: OutputFormat) -> Result<Writer, PipelineError> {
    Writer::create(Target::File(path.to_owned()), format, reader(folder).schema(), &WriteOptions::new(4))
}

fn write_all(folder: &Folder, path: &Path, format: OutputFormat) -> Result<(), PipelineError> {
    let mut reader = reader(folder);
    let mut writer = create(folder, path, format)?;
    while let Some(window) = reader.next_window()? {
        writer.write(&window, &vectors(0, window.len(), 4))?;
    }
    writer.finish().map(drop)
}

#[test]
fn a_file_appears_at_the_end_and_not_before() {
    let folder = Folder::new();
    for format in FORMATS {
        let path = folder.path("out");
        let mut reader = reader(&folder);
        let mut writer = create(&folder, &path, format).unwrap();
        let window = reader.next_window().unwrap().unwrap();
        writer.write(&window, &vectors(0, 2, 4)).unwrap();
        assert!(!path.exists());
        let names = folder.names();
        let [temporary, _] = names.as_slice() else { panic!("{names:?}") };
        assert!(temporary.starts_with(".out.") && temporary.ends_with(".tmp"), "{temporary}");
        writer.finish().unwrap();
        assert_eq!(folder.names(), ["in", "out"]);
        fs::remove_file(path).unwrap();
    }
}

#[test]
fn a_writer_that_is_dropped_leaves_nothing_and_touches_nothing() {
    let folder = Folder::new();
    let path = folder.file("out", "before");
    for format in FORMATS {
        drop(create(&folder, &path, format).unwrap());
        assert_eq!(folder.names(), ["in", "out"]);
        assert_eq!(fs::read(&path).unwrap(), b"before");
    }
}

#[test]
fn an_older_file_is_replaced() {
    let folder = Folder::new();
    let path = folder.file("out", "before");
    write_all(&folder, &path, OutputFormat::Jsonl).unwrap();
    assert!(fs::read_to_string(&path).unwrap().starts_with("{\"source\":"));
}

#[test]
fn a_very_long_name_can_be_written() {
    let folder = Folder::new();
    let path = folder.path(&format!("{}.npy", "\u{e4}".repeat(125)));
    write_all(&folder, &path, OutputFormat::Npy).unwrap();
    assert!(path.is_file());
}

#[test]
fn a_folder_that_is_missing_or_none_is_named_before_anything_is_computed() {
    let folder = Folder::new();
    let file = folder.file("file", "");
    for parent in [folder.path("none"), file] {
        let error = create(&folder, &parent.join("out.npy"), OutputFormat::Npy).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot write in folder `{}`", parent.display()));
        assert!(!hint(&error).is_empty());
    }
    let error = create(&folder, &folder.path("in"), OutputFormat::Npy).unwrap_err();
    assert!(matches!(error, PipelineError::OutputIsFolder { .. }));
}

#[test]
fn an_unknown_length_of_vectors_is_refused() {
    let folder = Folder::new();
    let target = Target::File(folder.path("out.npy"));
    let schema = reader(&folder).schema();
    let error = Writer::create(target, OutputFormat::Npy, schema, &WriteOptions::new(0)).unwrap_err();
    assert_eq!(error.to_string(), "vectors of 0 values cannot be written");
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_new_file_allows_what_any_new_file_does() {
        let folder = Folder::new();
        let plain = folder.file("plain", "");
        write_all(&folder, &folder.path("out"), OutputFormat::Npy).unwrap();
        assert_eq!(mode(&folder.path("out")), mode(&plain));
    }

    #[rstest]
    #[case(0o600)]
    #[case(0o664)]
    fn a_file_that_is_replaced_keeps_what_it_allows(#[case] allowed: u32) {
        let folder = Folder::new();
        let path = folder.file("out", "before");
        fs::set_permissions(&path, fs::Permissions::from_mode(allowed)).unwrap();
        write_all(&folder, &path, OutputFormat::Npy).unwrap();
        assert_eq!(mode(&path), allowed);
    }

    #[test]
    fn a_link_stays_and_what_it_points_to_is_replaced() {
        let folder = Folder::new();
        let real = folder.file("there/real", "before");
        symlink("there/real", folder.path("link")).unwrap();
        symlink("there/new", folder.path("dangling")).unwrap();
        for (link, target) in [("link", real), ("dangling", folder.path("there/new"))] {
            write_all(&folder, &folder.path(link), OutputFormat::Npy).unwrap();
            assert!(folder.path(link).is_symlink(), "{link}");
            assert!(fs::read(target).unwrap().starts_with(b"\x93NUMPY"), "{link}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told_apart() {
        let folder = Folder::new();
        for format in FORMATS {
            let error = write_all(&folder, Path::new("/dev/full"), format).unwrap_err();
            assert!(matches!(error, PipelineError::DiskFull { .. }), "{format}: {error:?}");
            assert_eq!(error.to_string(), "no space is left to write `/dev/full`");
            assert!(hint(&error).contains("free some space"));
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_folder_that_takes_no_files_is_named() {
        let folder = Folder::new();
        let error = create(&folder, Path::new("/proc/self/out.npy"), OutputFormat::Npy).unwrap_err();
        assert_eq!(error.to_string(), "cannot write in folder `/proc/self`");
    }

    #[test]
    fn a_pipe_that_nobody_reads_is_told_apart() {
        for format in FORMATS {
            let folder = Folder::new();
            let path = folder.path("pipe");
            assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
            let reading = std::thread::spawn({
                let path = path.clone();
                move || fs::File::open(path).map(drop)
            });
            let mut writer = create(&folder, &path, format).unwrap();
            reading.join().unwrap().unwrap();
            let mut reader = reader(&folder);
            let window = reader.next_window().unwrap().unwrap();
            let written = writer.write(&window, &vectors(0, 2, 4));
            let error = written.and_then(|()| writer.finish().map(drop)).unwrap_err();
            assert!(error.is_closed_pipe(), "{format}: {error:?}");
        }
    }
}
