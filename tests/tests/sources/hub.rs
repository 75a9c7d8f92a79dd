//! The hub, played by a server of this process.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use mbed_core::{Hint, Silent};
use mbed_model::{Network, Origin, Refresh, SourceError, pull, resolve};
use serde_json::json;

use crate::support::{
    COMMIT, Files, Heard, MODEL, NEEDED, OTHER_COMMIT, Place, attempts, hex_sha256, model_files,
};

/// What the server does wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// It accepts connections and says nothing.
    Silent,
    /// It answers every question with this status.
    Status(u16),
    /// It sends other bytes of `model.safetensors` than it told of.
    Corrupt,
    /// It stops in the middle of `model.safetensors`.
    Stall,
}

/// A hub with one model.
struct FakeHub {
    address: SocketAddr,
    log: Arc<Mutex<Vec<Asked>>>,
}

/// One question to the server.
#[derive(Clone, Debug)]
struct Asked {
    path: String,
    headers: BTreeMap<String, String>,
}

impl FakeHub {
    fn start(files: Files, fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let asked = Arc::clone(&log);
        // It ends with the process.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (files, asked) = (files.clone(), Arc::clone(&asked));
                thread::spawn(move || answer(&stream.unwrap(), &files, fault, &asked));
            }
        });
        Self { address, log }
    }

    /// A place whose hub this is.
    fn place(&self) -> Place {
        let mut place = Place::new();
        place.locations.endpoint = format!("http://{}", self.address);
        place.locations.network = Network::Allowed;
        place
    }

    /// The files that were asked for, in order and each once, with the ranges that were wanted of them.
    fn files_asked(&self) -> BTreeMap<String, Vec<String>> {
        let mut files: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for asked in self.log.lock().unwrap().iter() {
            if let Some((_, file)) = asked.path.split_once(&format!("/resolve/{COMMIT}/")) {
                files.entry(file.to_owned()).or_default().push(asked.headers["range"].clone());
            }
        }
        files
    }
}

fn answer(stream: &TcpStream, files: &Files, fault: Fault, log: &Mutex<Vec<Asked>>) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
    let Some(path) = lines.next().and_then(|line| line.split(' ').nth(1).map(str::to_owned)) else { return };
    let headers = lines.filter_map(|line| {
        line.split_once(": ").map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
    });
    let asked = Asked { path, headers: headers.collect() };
    log.lock().unwrap().push(asked.clone());
    match fault {
        Fault::Silent => thread::sleep(Duration::from_secs(30)),
        Fault::Status(status) => send(stream, status, "X-Error-Message: the test says so\r\n", b""),
        _ if asked.path.starts_with("/api/") => {
            assert_eq!(asked.path, format!("/api/models/{MODEL}/revision/main?blobs=true"));
            send(stream, 200, "Content-Type: application/json\r\n", &listing(files));
        }
        _ => send_file(stream, &asked, files, fault),
    }
}

fn is_large(name: &str) -> bool {
    name.ends_with(".safetensors")
}

fn listing(files: &Files) -> Vec<u8> {
    let siblings: Vec<_> = files
        .iter()
        .map(|(name, content)| {
            let lfs = is_large(name).then(|| json!({"sha256": hex_sha256(content), "size": content.len()}));
            json!({"rfilename": name, "size": content.len(), "lfs": lfs})
        })
        .collect();
    json!({"id": MODEL, "sha": COMMIT, "siblings": siblings}).to_string().into_bytes()
}

fn send_file(stream: &TcpStream, asked: &Asked, files: &Files, fault: Fault) {
    let prefix = format!("/{MODEL}/resolve/{COMMIT}/");
    let name = asked.path.strip_prefix(&prefix).unwrap();
    let mut content = files[name].clone();
    // The hub calls large files by SHA-256, small ones by git's digest of 40 digits.
    let digest = hex_sha256(&content);
    let tag = if is_large(name) { &digest } else { &digest[..40] };
    let range = asked.headers["range"].strip_prefix("bytes=").unwrap();
    let (start, end) = range.split_once('-').unwrap();
    let start: usize = start.parse().unwrap();
    let end = end.parse().unwrap_or(content.len() - 1);
    let headers = format!(
        "ETag: \"{tag}\"\r\nX-Repo-Commit: {COMMIT}\r\nContent-Range: bytes {start}-{end}/{}\r\n",
        content.len()
    );
    if fault == Fault::Corrupt && is_large(name) {
        content[100] ^= 1;
    }
    let body = &content[start..=end];
    if fault == Fault::Stall && is_large(name) && body.len() > 1 {
        let head = format!("HTTP/1.1 206 Partial\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
        let mut stream = stream;
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&body[..1000]).unwrap();
        thread::sleep(Duration::from_secs(30));
    } else {
        send(stream, 206, &headers, body);
    }
}

fn send(mut stream: &TcpStream, status: u16, headers: &str, body: &[u8]) {
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status} Said\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n");
    // A client that has given up is no fault of the server.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
}

#[test]
fn what_is_needed_is_fetched_into_the_cache_of_python() {
    let hub = FakeHub::start(model_files(), Fault::None);
    let mut place = hub.place();
    place.locations.token = Some("secret".to_owned());
    let heard = Heard::default();
    let found = resolve(MODEL, None, &place.locations, &heard).unwrap();
    assert_eq!(found.origin, Origin::Hub { revision: COMMIT.to_owned() });
    assert_eq!(found.folder, place.repository().join("snapshots").join(COMMIT));
    for name in NEEDED {
        assert_eq!(fs::read(found.folder.join(name)).unwrap(), model_files()[name], "{name}");
    }
    assert!(hub.files_asked().keys().eq(NEEDED.iter()), "{:?}", hub.files_asked());
    assert!(hub.log.lock().unwrap().iter().all(|asked| asked.headers["authorization"] == "Bearer secret"));
    // The layout is that of `huggingface_hub`: one ref, the branch.
    let refs: Vec<_> =
        fs::read_dir(place.repository().join("refs")).unwrap().map(|it| it.unwrap().path()).collect();
    assert_eq!(refs, [place.repository().join("refs/main")]);
    assert_eq!(fs::read_to_string(&refs[0]).unwrap(), COMMIT);
    assert!(place.repository().join("blobs").join(hex_sha256(&[7; 5000])).is_file());
    let weights = (format!("{MODEL} model.safetensors"), Some(5000), 5000);
    assert!(heard.tasks().contains(&weights) && heard.tasks().len() == NEEDED.len(), "{:?}", heard.tasks());
    // From now on the network is not needed, and not used where it is there.
    let questions = hub.log.lock().unwrap().len();
    let again = place.resolve(MODEL).unwrap();
    assert_eq!(
        (again.folder, again.origin),
        (found.folder, Origin::HubCache { revision: COMMIT.to_owned() })
    );
    assert_eq!(hub.log.lock().unwrap().len(), questions);
}

#[test]
fn a_snapshot_that_is_incomplete_is_completed() {
    let hub = FakeHub::start(model_files(), Fault::None);
    let place = hub.place();
    let mut files = model_files();
    files.retain(|name, _| *name != "tokenizer.json");
    place.cache_snapshot(COMMIT, &files);
    place.resolve(MODEL).unwrap();
    assert!(hub.files_asked().keys().eq(["tokenizer.json"]), "{:?}", hub.files_asked());
    assert!(place.repository().join("refs/main").is_file());
}

#[test]
fn a_transfer_that_broke_is_taken_up_where_it_broke() {
    let content = &model_files()["model.safetensors"];
    for (arrived, expected) in [(2000, "bytes=2000-"), (5000, "bytes=0-")] {
        let hub = FakeHub::start(model_files(), Fault::None);
        let place = hub.place();
        let blobs = place.repository().join("blobs");
        fs::create_dir_all(&blobs).unwrap();
        fs::write(blobs.join(hex_sha256(content)).with_extension("part"), &content[..arrived]).unwrap();
        let heard = Heard::default();
        let found = resolve(MODEL, None, &place.locations, &heard).unwrap();
        assert_eq!(&fs::read(found.folder.join("model.safetensors")).unwrap(), content);
        assert_eq!(hub.files_asked()["model.safetensors"], ["bytes=0-0", expected]);
        assert!(heard.tasks().iter().all(|(_, total, done)| *total == Some(*done)), "{:?}", heard.tasks());
    }
}

#[test]
fn weights_in_shards_are_fetched_with_their_index() {
    let mut files = model_files();
    files.remove("model.safetensors");
    files.insert("a.safetensors", vec![1; 10]);
    files.insert("b.safetensors", vec![2; 20]);
    files.insert("unused.safetensors", vec![3; 30]);
    let index = json!({"weight_map": {"x": "a.safetensors", "y": "b.safetensors"}});
    files.insert("model.safetensors.index.json", index.to_string().into_bytes());
    let hub = FakeHub::start(files, Fault::None);
    let found = hub.place().resolve(MODEL).unwrap();
    let asked = hub.files_asked();
    for (name, wanted) in [("a.safetensors", true), ("b.safetensors", true), ("unused.safetensors", false)] {
        assert_eq!(asked.contains_key(name), wanted, "{name}");
    }
    assert!(found.folder.ends_with(COMMIT));
}

#[test]
fn a_model_without_what_is_needed_is_refused_before_its_weights_are_fetched() {
    let mut files = model_files();
    files.remove("tokenizer.json");
    let hub = FakeHub::start(files, Fault::None);
    let error = &attempts(hub.place().resolve(MODEL))[1].error;
    assert_eq!(error.to_string(), "`tiny/model` is incomplete: it lacks `tokenizer.json`");
    assert!(hub.files_asked().keys().eq(["modules.json"]));
}

#[test]
fn other_bytes_than_were_told_of_are_refused_and_removed() {
    let hub = FakeHub::start(model_files(), Fault::Corrupt);
    let place = hub.place();
    let error = &attempts(place.resolve(MODEL))[1].error;
    let content = &model_files()["model.safetensors"];
    let mut other = content.clone();
    other[100] ^= 1;
    match error {
        SourceError::Mismatch { file, expected, got } => {
            assert!(file.ends_with("model.safetensors"));
            assert_eq!((expected, got), (&hex_sha256(content), &hex_sha256(&other)));
        }
        other => panic!("{other:?}"),
    }
    assert!(!place.repository().join("blobs").join(hex_sha256(content)).exists());
    assert!(!place.repository().join("refs/main").exists());
    // Nothing of it is taken for a model later.
    assert!(place.resolve(MODEL).is_err());
}

#[test]
fn a_refusal_is_told_in_the_hubs_own_words() {
    let hub = FakeHub::start(model_files(), Fault::Status(401));
    let error = hub.place().resolve(MODEL).unwrap_err();
    let line = format!("\n  hub `http://{}`: it answered 401: the test says so", hub.address);
    assert!(error.to_string().contains(&line), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("HF_TOKEN")));
}

#[test]
fn a_hub_that_is_not_there_or_says_nothing_is_given_up_soon() {
    let hub = FakeHub::start(model_files(), Fault::Silent);
    let mut gone = Place::new();
    gone.locations.network = Network::Allowed;
    for place in [hub.place(), gone] {
        let start = Instant::now();
        let error = &attempts(place.resolve(MODEL))[1].error;
        assert!(matches!(error, SourceError::Unreachable { .. }), "{error:?}");
        assert!(start.elapsed() < Duration::from_secs(10), "it took {:?}", start.elapsed());
    }
}

#[test]
fn a_transfer_that_stops_to_move_is_given_up() {
    let hub = FakeHub::start(model_files(), Fault::Stall);
    let heard = Heard::default();
    let place = hub.place();
    let start = Instant::now();
    let error = &attempts(resolve(MODEL, None, &place.locations, &heard))[1].error;
    assert!(matches!(error, SourceError::Stalled { file, .. } if file == "model.safetensors"), "{error:?}");
    assert!(start.elapsed() < Duration::from_secs(15), "it took {:?}", start.elapsed());
    let (label, total, done) = heard.tasks().pop().unwrap();
    assert_eq!((label.as_str(), total, done), ("tiny/model model.safetensors", Some(5000), 1000));
}

#[test]
fn a_file_that_another_process_is_fetching_is_waited_for() {
    let hub = FakeHub::start(model_files(), Fault::None);
    let mut place = hub.place();
    place.locations.patience = Duration::from_secs(20);
    // The other process: it holds the lock, and has the file in its place when it is done.
    let blobs = place.repository().join("blobs");
    fs::create_dir_all(&blobs).unwrap();
    let blob = blobs.join(hex_sha256(&[7; 5000]));
    let lock = fs::File::create(blob.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    let pointer = place.repository().join("snapshots").join(COMMIT).join("model.safetensors");
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_secs(2));
            fs::write(&blob, [7; 5000]).unwrap();
            fs::create_dir_all(pointer.parent().unwrap()).unwrap();
            fs::copy(&blob, &pointer).unwrap();
        });
        place.resolve(MODEL).unwrap();
    });
    assert_eq!(hub.files_asked()["model.safetensors"], ["bytes=0-0"]);
}

#[test]
fn a_pull_that_shall_have_it_anew_mends_what_is_broken() {
    let hub = FakeHub::start(model_files(), Fault::None);
    let place = hub.place();
    let folder = place.resolve(MODEL).unwrap().folder;
    // Of the same length, so that a glance does not tell.
    fs::write(folder.join("model.safetensors"), vec![8; 5000]).unwrap();
    fs::write(folder.join("config.json"), "[]").unwrap();
    let kept = pull(MODEL, None, Refresh::IfMissing, &place.locations, &Silent).unwrap();
    assert_eq!(kept.origin, Origin::HubCache { revision: COMMIT.to_owned() });
    let anew = pull(MODEL, None, Refresh::Always, &place.locations, &Silent).unwrap();
    assert_eq!(anew.origin, Origin::Hub { revision: COMMIT.to_owned() });
    for name in NEEDED {
        assert_eq!(fs::read(folder.join(name)).unwrap(), model_files()[name], "{name}");
    }
    // A third time the weights are as the hub tells, and not transferred.
    pull(MODEL, None, Refresh::Always, &place.locations, &Silent).unwrap();
    let asked = hub.files_asked();
    assert_eq!((asked["model.safetensors"].len(), asked["config.json"].len()), (4, 6));
}

#[test]
fn what_two_revisions_share_is_transferred_once() {
    let hub = FakeHub::start(model_files(), Fault::None);
    let place = hub.place();
    place.cache_snapshot(OTHER_COMMIT, &model_files());
    place.cache_ref("main", OTHER_COMMIT);
    let found = pull(MODEL, None, Refresh::Always, &place.locations, &Silent).unwrap();
    assert_eq!(found.origin, Origin::Hub { revision: COMMIT.to_owned() });
    assert!(!hub.files_asked().contains_key("model.safetensors"));
    let weights = found.folder.join("model.safetensors");
    assert_eq!(fs::read(&weights).unwrap(), model_files()["model.safetensors"]);
    #[cfg(unix)]
    {
        let blob = format!("../../blobs/{}", hex_sha256(&[7; 5000]));
        assert_eq!(fs::read_link(&weights).unwrap().to_str(), Some(blob.as_str()));
    }
}

#[test]
fn a_fetch_that_fails_leaves_what_was_cached_in_use() {
    let hub = FakeHub::start(model_files(), Fault::Corrupt);
    let place = hub.place();
    let mut older = model_files();
    older.insert("model.safetensors", vec![6; 5000]);
    place.cache_snapshot(OTHER_COMMIT, &older);
    place.cache_ref("main", OTHER_COMMIT);
    assert!(pull(MODEL, None, Refresh::Always, &place.locations, &Silent).is_err());
    let found = place.resolve(MODEL).unwrap();
    assert_eq!(found.origin, Origin::HubCache { revision: OTHER_COMMIT.to_owned() });
}
