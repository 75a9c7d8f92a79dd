//! Which customs hold for folders.

/// Which customs hold for folders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// Windows: `%LOCALAPPDATA%`.
    Windows,
    /// macOS: `~/Library/Caches`.
    MacOs,
    /// Linux and other Unix systems: XDG base directories.
    Unix,
}

impl Platform {
    /// The platform that this program was built for.
    pub const CURRENT: Self = if cfg!(windows) {
        Self::Windows
    } else if cfg!(target_os = "macos") {
        Self::MacOs
    } else {
        Self::Unix
    };
}
