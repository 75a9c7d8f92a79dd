//! A PostgreSQL with pgvector, of the Python package `pgserver`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use mbed_tests::Failure;
use mbed_tests::python::Python;
use postgres::{Client, NoTls};

/// The package that carries PostgreSQL and pgvector.
const PACKAGE: &str = "pgserver";

/// Whom the server runs as where this process is root, which it refuses.
const NOBODY: &str = "65534";

/// The programs of PostgreSQL.
#[derive(Clone, Debug)]
pub(crate) struct Programs(PathBuf);

impl Programs {
    /// Those of the Python that tests may use.
    ///
    /// # Errors
    /// It has no such package.
    pub(crate) fn find() -> Result<Self, Failure> {
        // Importing the package would make folders.
        let find =
            format!("import importlib.util as u; s = u.find_spec('{PACKAGE}'); print(s.origin if s else '')");
        let origin = Python::of_environment().run(&["-c", &find], "")?;
        let folder = Path::new(origin.trim()).parent().filter(|folder| folder.is_dir());
        let programs = folder.map(|folder| folder.join("pginstall/bin"));
        programs.map(Self).ok_or_else(|| Failure::new(format!("Python has no `{PACKAGE}`")))
    }
}

/// A server with a folder of its own; it ends with the value.
pub(crate) struct Server {
    programs: Programs,
    folder: tempfile::TempDir,
}

impl Server {
    /// Makes a server and starts it.
    pub(crate) fn start(programs: &Programs) -> Self {
        let server = Self { programs: programs.clone(), folder: tempfile::tempdir().unwrap() };
        if is_root() {
            let chown = Command::new("chown").arg(NOBODY).arg(server.folder.path()).status();
            assert!(chown.unwrap().success());
        }
        server.run("initdb", &["-D", &server.data(), "-A", "trust", "-U", "postgres", "--no-sync"]);
        server.up();
        server
    }

    fn data(&self) -> String {
        self.folder.path().join("data").display().to_string()
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let program = self.programs.0.join(program);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        let log = fs::File::create(self.folder.path().with_extension("log")).unwrap();
        // The server inherits what its starter has open: a pipe would never end.
        let ended = command
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .status();
        let said = fs::read_to_string(self.folder.path().with_extension("log")).unwrap_or_default();
        assert!(ended.unwrap().success(), "{arguments:?}: {said}");
    }

    /// Starts it again.
    pub(crate) fn up(&self) {
        let options = format!("-h '' -k {} -F", self.folder.path().display());
        self.run("pg_ctl", &["-D", &self.data(), "-o", &options, "-w", "start"]);
    }

    /// Stops it as a power cut would: connections break, what was not committed is gone.
    pub(crate) fn down(&self) {
        self.run("pg_ctl", &["-D", &self.data(), "-m", "immediate", "-w", "stop"]);
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("postgresql:///postgres?host={}&user=postgres", self.folder.path().display())
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(&self.url(), NoTls).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let data = self.data();
        let stop =
            std::panic::AssertUnwindSafe(|| self.run("pg_ctl", &["-D", &data, "-m", "immediate", "stop"]));
        // It may be down already.
        drop(std::panic::catch_unwind(stop));
        drop(fs::remove_file(self.folder.path().with_extension("log")));
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout.trim_ascii() == b"0"
}
