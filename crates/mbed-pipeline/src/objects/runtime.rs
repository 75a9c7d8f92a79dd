//! Requests from code that waits for them.

use std::io;
use std::sync::OnceLock;

use tokio::runtime::{Builder, Runtime};

/// What drives requests; made when it is first needed.
///
/// # Errors
/// The system has no thread to give.
pub(crate) fn runtime() -> io::Result<&'static Runtime> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let runtime =
        Builder::new_multi_thread().worker_threads(1).thread_name("mbed-objects").enable_all().build()?;
    Ok(RUNTIME.get_or_init(|| runtime))
}

/// What a store said, as an error of reading.
pub(crate) fn explain(error: object_store::Error) -> io::Error {
    use object_store::Error as E;
    let kind = match &error {
        E::NotFound { .. } => io::ErrorKind::NotFound,
        E::PermissionDenied { .. } | E::Unauthenticated { .. } => io::ErrorKind::PermissionDenied,
        E::Precondition { .. } => io::ErrorKind::InvalidData,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}
