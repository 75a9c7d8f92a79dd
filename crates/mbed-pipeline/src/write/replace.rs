//! Files that appear whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::PipelineError;

/// The longest part of a file's name that its temporary file repeats. Names have at most 255 bytes on the usual file
/// systems, which the random part and the ending must fit into too.
const NAME_BYTES: usize = 128;

/// How many links to nothing are followed; as many as Linux follows itself.
const MAX_LINKS: usize = 40;

/// A file under a temporary name in the folder that it will appear in. Dropping it removes it.
#[derive(Debug)]
pub(super) struct Replacement {
    file: NamedTempFile,
    path: PathBuf,
    /// What the file that is replaced allows, where there is one.
    permissions: Option<Permissions>,
}

impl Replacement {
    /// Begins to write what will be at `path`; where that is a link, what it points to is replaced.
    ///
    /// # Errors
    /// The folder does not exist or cannot be written in, or what is at `path` must not be written.
    pub(super) fn begin(path: &Path) -> Result<Self, PipelineError> {
        let path = follow(path);
        let permissions = existing_permissions(&path)?;
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let file = temporary(&path, folder).map_err(|source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                PipelineError::write(&path.to_string_lossy(), source)
            }
            _ => PipelineError::OutputFolder { folder: folder.to_owned(), source },
        })?;
        Ok(Self { file, path, permissions })
    }

    /// The temporary file.
    pub(super) fn file_mut(&mut self) -> &mut File {
        self.file.as_file_mut()
    }

    /// Gives the file its name once its bytes are safely on the disk.
    pub(super) fn commit(self) -> io::Result<()> {
        if let Some(permissions) = self.permissions {
            self.file.as_file().set_permissions(permissions)?;
        }
        self.file.as_file().sync_all()?;
        let folder = self.file.path().parent().map(Path::to_owned);
        self.file.persist(&self.path).map_err(|error| error.error)?;
        folder.map_or(Ok(()), |folder| sync_folder(&folder))
    }
}

/// Makes the file under a name such as `.vectors.npy.x8Kd2Q.tmp`.
fn temporary(path: &Path, folder: &Path) -> io::Result<NamedTempFile> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut prefix = OsString::from(".");
    prefix.push(name.get(..name.floor_char_boundary(NAME_BYTES)).unwrap_or_default());
    prefix.push(".");
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(".tmp");
    // By default temporary files are for their owner alone. This one becomes a file like any other, so that it asks
    // for what all files ask for, of which the system takes away what the umask says.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

/// What the file at `path` allows. A file that could not be written must not be replaced either, although only its
/// folder would have to allow that.
fn existing_permissions(path: &Path) -> Result<Option<Permissions>, PipelineError> {
    let Ok(metadata) = path.metadata() else { return Ok(None) };
    OpenOptions::new()
        .write(true)
        .open(path)
        .map_err(|source| PipelineError::write(&path.to_string_lossy(), source))?;
    Ok(Some(metadata.permissions()))
}

/// The path behind all links, also where the last one points to nothing yet.
fn follow(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        let Ok(next) = fs::read_link(&path) else { break };
        path = path.parent().unwrap_or(Path::new("")).join(next);
    }
    path
}

/// Makes the new name survive a power cut. Only Unix opens folders as files.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
