//! Inputs and rows on a server that speaks the protocol of S3: `moto`, a Python package.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use mbed_tests::python::Python;
use mbed_tests::required;

use crate::trials::{SMALL, World, moments};
use crate::victim::{self, Gait};

const SLOW: Gait = Gait { unit: 8, delay_ms: 1 };

/// Kills at random moments.
const KILLS: usize = 6;

/// The trial, ignored where this machine has no such server.
pub(crate) fn all() -> Vec<Trial> {
    let python = Python::of_environment();
    let found = python.has("moto.server");
    let is_ignored = found.is_err() && !required("python-moto");
    let test = move || {
        found.map_err(Failed::from)?;
        jobs_that_are_killed_end_with_every_row(&python);
        Ok(())
    };
    let trial = Trial::test("s3/jobs_that_are_killed_end_with_every_row", test);
    if !is_ignored {
        return vec![trial];
    }
    vec![trial.with_kind("needs Python with moto").with_ignored_flag(true)]
}

/// A server on this machine; it ends with the value.
struct Server {
    process: Child,
    port: u16,
}

impl Server {
    fn start(python: &Python) -> Self {
        // The port is free now, and nobody else is likely to take it in the next moment.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new(python.program())
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { process, port };
        let deadline = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "the server does not begin");
            thread::sleep(Duration::from_millis(100));
        }
        server
    }

    /// Asks the server for something, and gives what it says.
    fn ask(&self, method: &str, path: &str, body: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 2"), "{}", String::from_utf8_lossy(&answer));
        answer
    }

    /// Says to a process where the server is.
    fn tell<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("AWS_ENDPOINT", format!("http://127.0.0.1:{}", self.port))
            .env("AWS_ALLOW_HTTP", "true")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "nobody")
            .env("AWS_SECRET_ACCESS_KEY", "nothing")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn jobs_that_are_killed_end_with_every_row(python: &Python) {
    let server = Server::start(python);
    let world = World::new(600, SMALL);
    server.ask("PUT", "/texts", b"");
    server.ask("PUT", "/texts/in/input.jsonl", &fs::read(&world.input).unwrap());
    let (mut kills, mut round, mut wait) = (0, 0, moments());
    while kills < KILLS {
        let (job, kept) = (world.job(&format!("far-{round}")), format!("out-{round}"));
        round += 1;
        loop {
            let mut command = victim::far(&job, "s3://texts/in/*.jsonl", &format!("s3://texts/{kept}"), SLOW);
            let mut child = server.tell(&mut command).spawn().unwrap();
            // Requests make a run slower than one on files.
            thread::sleep(wait() * 4);
            // One that has ended by itself is done, and another job begins.
            if child.try_wait().unwrap().is_some() || kills == KILLS {
                assert!(child.wait().unwrap().success());
                break;
            }
            child.kill().unwrap();
            kills += usize::from(child.wait().unwrap().code().is_none());
        }
        let mut merge = victim::merging(&job);
        assert!(server.tell(&mut merge).status().unwrap().success());
        let merged = fs::read_to_string(job.join("merged.jsonl")).unwrap();
        assert!(merged == world.expected.rows, "after {kills} kills");
        assert_eq!(
            fs::read_dir(job.join("shards")).unwrap().count(),
            0,
            "shards are where they were asked to be"
        );
        let query = format!("/texts?list-type=2&prefix={kept}/");
        let listed = String::from_utf8(server.ask("GET", &query, b"")).unwrap();
        assert!(listed.contains(&format!("{kept}/00000000.parquet")), "{listed}");
        let shown = fs::read_to_string(Path::new(&job).join("manifest.json")).unwrap();
        assert!(!shown.contains("nothing"), "{shown}");
    }
}
