//! ONNX Runtime's library out of a Python wheel. `pip` is played by `fixtures/fake_python.sh`.

use std::env::consts::{ARCH, OS};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use mbed_core::Silent;
use mbed_model::{KnownModels, Network, OnnxRuntimeWheels, Refresh, SourceError};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::support::{Heard, Place, hex_sha256};

const LIBRARY: &str = "libonnxruntime.so.9.9.9";
const CONTENT: &[u8] = b"no library at all";

/// A place where `pip` would find the wheel.
struct Runtime {
    place: Place,
    wheels: OnnxRuntimeWheels,
}

impl Runtime {
    fn new() -> Self {
        let wheel = wheel();
        Self::of(&wheel, &hex_sha256(&wheel), ARCH)
    }

    fn of(wheel: &[u8], sha256: &str, arch: &str) -> Self {
        let list = format!(
            "package = \"tiny-runtime\"\nversion = \"9.9.9\"\npython = \"3.12\"\nfolder = \"tiny/capi\"\n\
             [[wheel]]\nos = \"{OS}\"\narch = \"{arch}\"\nplatform = \"some_platform\"\nlibrary = \"{LIBRARY}\"\n\
             unpacked_bytes = {}\nsha256 = \"{sha256}\"\n",
            CONTENT.len()
        );
        let mut place = Place::with_known(KnownModels::default());
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/fake_python.sh");
        let bin = place.root.path().join("bin");
        fs::create_dir(&bin).unwrap();
        symlink(script, bin.join("python")).unwrap();
        fs::write(bin.join("tiny_runtime-9.9.9-cp312-cp312-some_platform.whl"), wheel).unwrap();
        place.locations.python = bin.join("python");
        place.locations.network = Network::Allowed;
        Self { place, wheels: OnnxRuntimeWheels::parse(&list).unwrap() }
    }

    fn folder(&self) -> PathBuf {
        self.place.root.path().join("libraries")
    }

    fn fetch(&self, refresh: Refresh) -> Result<PathBuf, SourceError> {
        self.wheels.fetch(&self.folder(), refresh, &self.place.locations, &Silent)
    }

    fn arguments(&self) -> String {
        fs::read_to_string(self.place.root.path().join("bin/arguments")).unwrap_or_default()
    }

    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder()).into_iter().flatten();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

/// A wheel with the library, and what else such wheels hold.
fn wheel() -> Vec<u8> {
    let mut zip = ZipWriter::new(std::io::Cursor::default());
    for (name, content) in
        [(LIBRARY, CONTENT), ("__init__.py", b""), ("binding.so", b"larger than what may be unpacked")]
    {
        zip.start_file(format!("tiny/capi/{name}"), SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn the_library_alone_is_fetched_and_kept() {
    let mut runtime = Runtime::new();
    let heard = Heard::default();
    let library = runtime.folder().join(LIBRARY);
    let locations = &runtime.place.locations;
    let found = runtime.wheels.fetch(&runtime.folder(), Refresh::IfMissing, locations, &heard).unwrap();
    assert_eq!((found, fs::read(&library).unwrap()), (library.clone(), CONTENT.to_vec()));
    assert_eq!(runtime.files(), [LIBRARY]);
    assert_eq!(heard.tasks(), [("tiny-runtime==9.9.9".to_owned(), None, 0)]);
    // The wheel is chosen by the machine, and not by the Python that happens to run `pip`.
    let expected = "--progress-bar=off --platform some_platform --python-version 3.12 --implementation cp \
                    --abi cp312 tiny-runtime==9.9.9 -d ";
    assert!(runtime.arguments().contains(expected), "{}", runtime.arguments());
    // From now on neither network nor Python is needed, but for a new one.
    runtime.place.locations.network = Network::Offline { because: "the test says so".to_owned() };
    assert_eq!(runtime.fetch(Refresh::IfMissing).unwrap(), library);
    assert!(matches!(runtime.fetch(Refresh::Always), Err(SourceError::Offline { .. })));
}

#[test]
fn a_library_that_was_cut_short_is_replaced() {
    let runtime = Runtime::new();
    let library = runtime.fetch(Refresh::IfMissing).unwrap();
    fs::write(&library, "half").unwrap();
    assert_eq!(runtime.fetch(Refresh::IfMissing).unwrap(), library);
    assert_eq!(fs::read(&library).unwrap(), CONTENT);
    // One of the same length is taken for it, unless a new one is asked for.
    fs::write(&library, [7; CONTENT.len()]).unwrap();
    runtime.fetch(Refresh::IfMissing).unwrap();
    assert_eq!(fs::read(&library).unwrap(), [7; CONTENT.len()]);
    runtime.fetch(Refresh::Always).unwrap();
    assert_eq!(fs::read(&library).unwrap(), CONTENT);
}

#[test]
fn what_is_not_the_pinned_wheel_is_refused() {
    let wheel = wheel();
    let runtime = Runtime::of(&wheel, &"0".repeat(64), ARCH);
    let error = runtime.fetch(Refresh::IfMissing).unwrap_err();
    assert!(matches!(&error, SourceError::Mismatch { got, .. } if *got == hex_sha256(&wheel)), "{error:?}");
    assert_eq!(runtime.files(), [""; 0], "a refusal leaves nothing");
}

#[test]
fn without_a_network_or_a_wheel_nothing_is_started() {
    let wheel = wheel();
    let mut runtime = Runtime::of(&wheel, &hex_sha256(&wheel), "abacus");
    let error = runtime.fetch(Refresh::IfMissing).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("no package with ONNX Runtime's library is known for {OS} on {ARCH}")
    );
    runtime = Runtime::new();
    runtime.place.locations.network = Network::Offline { because: "the test says so".to_owned() };
    let error = runtime.fetch(Refresh::IfMissing).unwrap_err();
    assert_eq!(error.to_string(), "not asked, the network is off: the test says so");
    assert_eq!(runtime.arguments(), "");
}
