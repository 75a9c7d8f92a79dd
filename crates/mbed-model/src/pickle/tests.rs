//! Files that torch wrote, against what torch says they hold; and files that nobody should have written.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mbed_core::{Hint, SharedBytes, Tensor};
use proptest::prelude::*;
use serde::Deserialize;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::container::read;
use super::{PickleError, open_file};
use crate::tensors::{NamedTensors, open_folder};
use crate::{ModelError, PickleError as Public};

/// A pickle of one storage of four 32-bit numbers, and what views it; `torch.save` writes more of it in words.
const STORAGE: &[u8] = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x04tQ";

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

#[derive(Deserialize)]
struct Expected {
    floats: BTreeMap<String, Described>,
    typed: Vec<String>,
    untyped: Vec<String>,
    module: BTreeMap<String, Described>,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Described {
    stored: String,
    shape: Vec<usize>,
    values: Vec<f32>,
}

fn expected() -> Expected {
    serde_json::from_slice(&fs::read(data("pickles.json")).unwrap()).unwrap()
}

fn described(tensors: &BTreeMap<String, Tensor>) -> BTreeMap<String, Described> {
    let describe = |tensor: &Tensor| Described {
        stored: format!("{:?}", tensor.stored()),
        shape: tensor.shape().to_vec(),
        values: tensor.to_f32(),
    };
    tensors.iter().map(|(name, tensor)| (name.clone(), describe(tensor))).collect()
}

fn read_bytes(bytes: Vec<u8>) -> Result<NamedTensors, PickleError> {
    read(Path::new("pytorch_model.bin"), &(Arc::new(bytes) as SharedBytes))
}

fn error_of(bytes: Vec<u8>) -> String {
    read_bytes(bytes).unwrap_err().to_string()
}

/// A zip archive with these members in the folder `top`.
fn archive(members: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in members {
        writer
            .start_file(format!("top/{name}"), SimpleFileOptions::default().compression_method(method))
            .unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A file whose pickle is this, with a storage `0` of the numbers 1 to 4.
fn with_pickle(pickle: &[u8]) -> Vec<u8> {
    let values: Vec<u8> = [1.0_f32, 2.0, 3.0, 4.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    archive(&[("data.pkl", pickle), ("data/0", &values)], CompressionMethod::Stored)
}

/// A pickle of a state dict with the tensor `w`, a view of the storage: offset, sizes and strides are pickled too.
fn view(offset: &[u8], sizes: &[u8], strides: &[u8]) -> Vec<u8> {
    let begin = &b"\x80\x02}X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n("[..];
    [begin, STORAGE, offset, sizes, strides, b"\x89ccollections\nOrderedDict\n)RtRs."].concat()
}

#[test]
fn tensors_are_those_that_torch_saved() {
    let expected = expected();
    let all: Vec<_> = expected.typed.iter().chain(&expected.untyped).cloned().collect();
    let check = |file: &str, floats: &BTreeMap<String, Described>, others: &[String]| {
        let tensors = open_file(&data(file)).unwrap();
        assert_eq!(&described(&tensors.by_name), floats, "{file}");
        let mut found: Vec<_> = tensors.others.keys().cloned().collect();
        let mut others = others.to_vec();
        found.sort();
        others.sort();
        assert_eq!(found, others, "{file}");
    };
    check("zip.bin", &expected.floats, &all);
    check("zip-64.bin", &expected.floats, &all);
    check("zip-protocol-5.bin", &expected.floats, &all);
    check("old.bin", &expected.floats, &expected.typed);
    check("old-protocol-4.bin", &expected.floats, &expected.typed);
    check("wrapped.bin", &expected.floats, &[]);
    check("module.bin", &expected.module, &["1.num_batches_tracked".to_owned()]);
}

#[test]
fn values_stay_in_the_file_where_they_lie_row_major() {
    for file in ["zip.bin", "old.bin"] {
        let bytes: SharedBytes = Arc::new(fs::read(data(file)).unwrap());
        let tensors = read(Path::new(file), &bytes).unwrap();
        let inside = |name: &str| {
            let start = tensors.by_name[name].bytes().as_ptr();
            (*bytes).as_ref().as_ptr_range().contains(&start)
        };
        for name in ["f32", "f16", "bf16", "f64", "scalar", "view.rows", "parameter"] {
            assert!(inside(name), "{name} of {file} was copied");
        }
        for name in ["view.columns", "view.transposed", "view.every_second", "view.repeated"] {
            assert!(!inside(name), "{name} of {file} does not lie row-major");
        }
        let place = |name: &str| tensors.by_name[name].bytes().as_ptr();
        assert_eq!(place("tied.one"), place("tied.two"), "{file}");
    }
}

#[test]
fn what_is_asked_for_and_is_no_float_is_named() {
    let tensors = open_file(&data("zip.bin")).unwrap();
    let error = tensors.wrong_type(&["int64".to_owned()]).unwrap();
    assert!(
        matches!(&error, ModelError::StoredType { tensor, stored, .. } if tensor == "int64" && stored == "I64")
    );
}

#[test]
fn code_is_refused_by_name() {
    let check = |file: &str, expected: &str| {
        let error = open_file(&data(file)).unwrap_err();
        let ModelError::Pickle { path, source: Public::RefusedGlobal { name, offset } } = &error else {
            panic!("{file}: {error:?}")
        };
        assert_eq!((path, name.as_str()), (&data(file), expected));
        let bytes = fs::read(path).unwrap();
        assert!(matches!(bytes[*offset], b'c' | 0x93), "{file}: byte {offset} names nothing");
        assert!(error.hint().is_some_and(|hint| hint.contains("save_file")));
    };
    check("evil.bin", "posix.system");
    check("evil-old.bin", "posix.system");
    check("evil-plain.bin", "posix.system");
    check("whole-module.bin", "torch.nn.modules.container.Sequential");
}

#[test]
fn instructions_that_could_call_anything_are_refused() {
    let named = |pickle: &[u8], expected: &str| {
        let error = error_of(with_pickle(pickle));
        assert!(error.contains(expected) && error.contains("could run code"), "{error}");
    };
    named(b"\x80\x02(ios\nsystem\n.", "opcode `0x69` at byte 45");
    named(b"\x80\x02(o.", "opcode `0x6f`");
    named(b"\x80\x02ccollections\nOrderedDict\n)\x81.", "opcode `0x81`");
    named(b"\x80\x02\x82\x01.", "opcode `0x82`");
    named(b"\x80\x02P0\n.", "opcode `0x50`");
    named(b"\x80\x02ccollections\nOrderedDict\n}b.", "opcode `0x62`");
    named(b"\x80\x02ctorch\nload\n.", "`torch.load`");
    named(b"\x80\x02ctorch._utils\n_rebuild_qtensor\n.", "`torch._utils._rebuild_qtensor`");
    named(b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93.", "`builtins.eval`");
    named(b"\x80\x02c\x1b[2J\nname\n.", "`\\x1b[2J.name`");
}

#[test]
fn damaged_pickles_are_errors() {
    let check = |pickle: &[u8], expected: &str| {
        let error = error_of(with_pickle(pickle));
        assert!(error.contains(expected), "{pickle:?}: {error}");
    };
    check(b"", "ends too early");
    check(b"\x80\x02}", "ends too early");
    check(b"\x80\x02X\xff\xff\xff\xff.", "ends too early");
    check(b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xff.", "ends too early");
    check(b"\x80\x02ctorch", "a line without end");
    check(b"\x80\x01.", "protocol");
    check(b"\x80\x02.", "more from the stack");
    check(b"\x80\x02N(s.", "more from the stack");
    check(b"\x80\x02]N(a.", "more from the stack");
    check(b"\x80\x02t.", "a mark is missing");
    check(b"\x80\x02h\x07.", "memo");
    check(b"\x80\x02}Na.", "not a list");
    check(b"\x80\x02]NNs.", "not a dictionary");
    check(b"\x80\x02}(Nu.", "a key without a value");
    check(b"\x80\x02NNa.", "fills what holds no values");
    check(b"\x80\x02X\x01\0\0\0\xff.", "not UTF-8");
    check(b"\x80\x02N)R.", "arguments that do not fit");
    check(b"\x80\x02ccollections\nOrderedDict\nN\x85R.", "arguments that do not fit");
    check(b"\x80\x02NNR.", "not a tuple");
    check(b"\x80\x02NQ.", "not a tuple");
    check(b"\x80\x02)Q.", "not a storage");
    check(b"\x80\x02N.", "does not hold a state dict");
    let key =
        [STORAGE[..33].to_vec(), vec![b'X', 65, 0, 0, 0], vec![b'0'; 65], STORAGE[39..].to_vec()].concat();
    check(&[b"\x80\x02", &key[..], b"."].concat(), "not a storage");
}

#[test]
fn views_stay_inside_of_their_storage() {
    let good = read_bytes(with_pickle(&view(b"K\0", b"K\x02K\x02\x86", b"K\x01K\x02\x86"))).unwrap();
    assert_eq!(good.by_name["w"].to_f32(), [1.0, 3.0, 2.0, 4.0]);
    let check = |offset: &[u8], sizes: &[u8], strides: &[u8], expected: &str| {
        let error = error_of(with_pickle(&view(offset, sizes, strides)));
        assert_eq!(error, format!("tensor `w` {expected}"));
    };
    const FAR: &[u8] = b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f";
    let pair = |one: &[u8]| [one, one, b"\x86"].concat();
    check(b"K\x01", b"K\x04\x85", b"K\x01\x85", "reaches outside of its storage");
    check(b"K\0", b"K\x03\x85", b"K\x02\x85", "reaches outside of its storage");
    check(FAR, b"K\x01\x85", b"K\x01\x85", "reaches outside of its storage");
    check(FAR, b"K\0\x85", b"K\x01\x85", "reaches outside of its storage");
    check(b"K\0", &pair(FAR), &pair(FAR), "reaches outside of its storage");
    check(b"K\0", &pair(FAR), &pair(b"K\0"), "is larger than any memory");
    check(b"K\0", b"J\0\0\0\x7f\x85", b"K\0\x85", "repeats values of a storage too often");
    check(b"J\xff\xff\xff\xff", b"K\x01\x85", b"K\x01\x85", "has a negative size, stride or offset");
    check(b"K\0", b"J\xff\xff\xff\xff\x85", b"K\x01\x85", "has a negative size, stride or offset");
    check(b"K\0", b"K\x02\x85", b"J\xff\xff\xff\xff\x85", "has a negative size, stride or offset");
    check(b"\x8a\x01\xff", b"K\x01\x85", b"K\x01\x85", "has a negative size, stride or offset");
    check(b"K\0", b"K\x02\x85", b")", "has not as many strides as dimensions");
    check(b"K\0", b"]", b")", "has a shape that is not a tuple");
    check(b"K\0", b"(KKKKKKKKKKKKKKKKKKt", b")", "has too many dimensions");
    check(b"N", b")", b")", "has a size, stride or offset that is not a number");
}

#[test]
fn members_are_stored_whole_and_apart() {
    let pickle = view(b"K\0", b"K\x04\x85", b"K\x01\x85");
    let stored = |members: &[(&str, &[u8])]| error_of(archive(members, CompressionMethod::Stored));
    assert!(
        read_bytes(archive(&[("data.pkl", &pickle), ("data/0", &[0; 16])], CompressionMethod::Stored))
            .is_ok()
    );
    assert_eq!(stored(&[("other", b"")]), "member `data.pkl` of its zip archive is missing");
    assert_eq!(stored(&[("data.pkl", &pickle)]), "member `data/0` of its zip archive is missing");
    assert_eq!(
        stored(&[("data.pkl", &pickle), ("data/0", &[0; 15])]),
        "storage `0` has 15 bytes, expected 16"
    );
    assert_eq!(
        stored(&[("data.pkl", &pickle), ("data/0", &[0; 16]), ("byteorder", b"big")]),
        "its numbers are big-endian, mbed reads little-endian ones only"
    );
    let zeros = vec![0; 1 << 20];
    let bomb = archive(&[("data.pkl", &zeros), ("data/0", &zeros)], CompressionMethod::Deflated);
    assert_eq!(
        error_of(bomb),
        "member `data.pkl` of its zip archive is compressed or encrypted, `torch.save` does neither"
    );
}

#[test]
fn names_are_short_and_printable() {
    let named = |name: &[u8]| {
        let length = u32::try_from(name.len()).unwrap().to_le_bytes();
        let pickle = view(b"K\x09", b")", b")");
        let at = pickle.iter().position(|&byte| byte == b'X').unwrap();
        error_of(with_pickle(&[&pickle[..=at], &length, name, &pickle[at + 6..]].concat()))
    };
    assert_eq!(named(b"\x1b[2J"), "tensor `\\u{1b}[2J` reaches outside of its storage");
    let long = vec![b'a'; 2000];
    assert_eq!(named(&long), format!("tensor `{}` has a name that is too long", "a".repeat(1000)));
}

/// The directory says what it likes: sizes beyond the file, other places, more members.
#[test]
fn a_directory_that_lies_is_found_out() {
    let pickle = view(b"K\0", b"K\x04\x85", b"K\x01\x85");
    let good = with_pickle(&pickle);
    let entries: Vec<usize> = (0..good.len()).filter(|&at| good[at..].starts_with(b"PK\x01\x02")).collect();
    let end = good.len() - 22;
    let check = |at: usize, value: u32, expected: &str| {
        let mut changed = good.clone();
        changed[at..at + 4].copy_from_slice(&value.to_le_bytes());
        if at == entries[1] + 20 {
            changed[at + 4..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        let error = error_of(changed);
        assert!(error.contains(expected), "{at}: {error}");
    };
    check(entries[1] + 20, 1 << 30, "does not lie in the file");
    check(entries[1] + 20, 17, "does not lie in the file");
    check(entries[1] + 24, 1 << 30, "is compressed or encrypted");
    check(entries[1] + 42, 1 << 30, "ends too early");
    check(entries[1] + 42, 3, "not where it should be");
    check(entries[1] + 42, 0, "shares bytes with another");
    check(end + 8, 0xffff_ffff, "zip record that is not where it should be");
    check(end + 16, u32::MAX, "cut short");
    check(end + 16, 1, "zip record that is not where it should be");
}

#[test]
fn lists_in_lists_need_no_stack() {
    let depth = 1_000_000;
    let mut pickle = b"\x80\x02}X\x01\0\0\0x".to_vec();
    pickle.extend(vec![b']'; depth]);
    pickle.extend(vec![b'a'; depth - 1]);
    pickle.extend(b"s.");
    assert!(read_bytes(with_pickle(&pickle)).unwrap().by_name.is_empty());
    let itself = b"\x80\x02}q\0X\x01\0\0\0xh\0s.";
    assert!(read_bytes(with_pickle(itself)).unwrap().by_name.is_empty());
}

#[test]
fn pickles_without_end_are_stopped() {
    let error = error_of(with_pickle(&vec![b'N'; (8 << 20) + 2]));
    assert_eq!(error, "its pickle is longer than 8388608 bytes");
}

#[test]
fn other_files_are_named() {
    let unknown = "it is neither a zip archive of `torch.save` nor a file of torch before 1.6";
    for content in
        [&b""[..], b"<!DOCTYPE html>", b"version https://git-lfs.github.com/spec/v1\n", b"\x80\x02N."]
    {
        assert_eq!(error_of(content.to_vec()), unknown);
    }
    let mut old = fs::read(data("old.bin")).unwrap();
    let little = old.windows(13).position(|part| part == b"little_endian").unwrap() + 13;
    let stated = little + old[little..].iter().position(|&byte| byte == 0x88).unwrap();
    old[stated] = 0x89;
    assert_eq!(error_of(old), "its numbers are big-endian, mbed reads little-endian ones only");
}

/// The counts of the old container stand before each storage, and say what the pickle says.
#[test]
fn a_storage_is_as_long_as_its_pickle_says() {
    let old = fs::read(data("old.bin")).unwrap();
    let bytes: SharedBytes = Arc::new(old.clone());
    let tensors = read(Path::new("old.bin"), &bytes).unwrap();
    let values = tensors.by_name["f32"].bytes().as_ptr().addr() - (*bytes).as_ref().as_ptr().addr();
    let check = |count: i64, expected: &str| {
        let mut changed = old.clone();
        assert_eq!(changed[values - 8..values], 6_i64.to_le_bytes());
        changed[values - 8..values].copy_from_slice(&count.to_le_bytes());
        let error = error_of(changed);
        assert!(error.contains(expected), "{error}");
    };
    check(-1, "a storage of a length that cannot be");
    check(i64::MAX, "a storage of a length that cannot be");
    check(1 << 40, "ends too early");
    // The next count is read in the wrong place then.
    check(5, "damaged");
}

#[test]
fn a_file_that_is_cut_anywhere_is_an_error() {
    for file in ["zip.bin", "old.bin"] {
        let whole = fs::read(data(file)).unwrap();
        for length in 0..whole.len() {
            assert!(read_bytes(whole[..length].to_vec()).is_err(), "{length} bytes of {file}");
        }
    }
}

/// A folder with copies of files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, source) in files {
        fs::copy(data(source), folder.path().join(name)).unwrap();
    }
    folder
}

#[test]
fn a_folder_may_have_one_file_or_several() {
    let names = |folder: &Path| open_folder(folder).unwrap().by_name.into_keys().collect::<Vec<_>>();
    let expected = expected();
    let floats: Vec<_> = expected.floats.keys().cloned().collect();
    let mut both: Vec<_> = expected.floats.into_keys().chain(expected.module.into_keys()).collect();
    both.sort();

    let single = folder(&[("pytorch_model.bin", "zip.bin")]);
    assert_eq!(names(single.path()), floats);
    let shards = folder(&[("pytorch_model-1.bin", "old.bin"), ("pytorch_model-2.bin", "module.bin")]);
    let index = br#"{"weight_map": {"a": "pytorch_model-1.bin", "b": "pytorch_model-2.bin"}}"#;
    fs::write(shards.path().join("pytorch_model.bin.index.json"), index).unwrap();
    assert_eq!(names(shards.path()), both);
    fs::copy(data("zip.bin"), shards.path().join("pytorch_model.bin")).unwrap();
    assert_eq!(names(shards.path()), floats);

    let safetensors = single.path().join("model.safetensors");
    let header = br#"{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#;
    fs::write(safetensors, [&(header.len() as u64).to_le_bytes()[..], header].concat()).unwrap();
    assert_eq!(names(single.path()), ["a"]);
}

#[test]
fn a_folder_without_weights_or_with_shards_elsewhere_is_named() {
    let empty = folder(&[]);
    let error = open_folder(empty.path()).unwrap_err();
    assert!(matches!(&error, ModelError::Missing { path } if path.ends_with("model.safetensors")));
    assert!(error.hint().is_some_and(|hint| hint.contains("pytorch_model.bin")));
    let index = br#"{"weight_map": {"a": "../pytorch_model.bin"}}"#;
    fs::write(empty.path().join("pytorch_model.bin.index.json"), index).unwrap();
    let error = open_folder(empty.path()).unwrap_err();
    assert!(matches!(error, ModelError::OutsideFolder { file, .. } if file == "../pytorch_model.bin"));
}

/// Reads it and looks at all that came out.
fn survive(bytes: Vec<u8>) {
    if let Ok(tensors) = read_bytes(bytes) {
        for tensor in tensors.by_name.values() {
            assert_eq!(tensor.to_f32().len(), tensor.elements());
        }
    }
}

fn good_files() -> impl Strategy<Value = Vec<u8>> {
    let files =
        ["zip.bin", "zip-64.bin", "zip-protocol-5.bin", "old.bin", "old-protocol-4.bin", "wrapped.bin"];
    prop::sample::select(files.map(|file| fs::read(data(file)).unwrap()).to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_are_too_much(bytes in prop::collection::vec(any::<u8>(), 0..300), kind in 0..4) {
        survive(match kind {
            0 => bytes,
            1 => [b"PK\x03\x04", &bytes[..]].concat(),
            2 => [b"\x80\x02", &bytes[..]].concat(),
            _ => with_pickle(&bytes),
        });
    }

    #[test]
    fn no_instructions_are_too_much(
        codes in prop::collection::vec(prop::sample::select(&b"()].}NKhqtRQsuaeb\x85\x86\x87\x88\x89\x94"[..]), 0..60),
    ) {
        survive(with_pickle(&[b"\x80\x02", STORAGE, &codes].concat()));
    }

    #[test]
    fn no_change_is_too_much(
        mut file in good_files(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..9),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        for (place, value) in changes {
            let place = place.index(file.len());
            file[place] = value;
        }
        if let Some(cut) = cut {
            file.truncate(cut.index(file.len()));
        }
        survive(file);
    }
}
