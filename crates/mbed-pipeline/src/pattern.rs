//! Paths with `*`, `?` and `[...]` in them.

use std::fs::DirEntry;
use std::io;
use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};

use crate::PipelineError;

/// The letters that make a path a pattern.
const MARKS: [char; 4] = ['*', '?', '[', '{'];

/// Whether `path` is a pattern: it has a mark of one, and there is no file of that name.
pub(crate) fn is_pattern(path: &Path) -> bool {
    path.to_string_lossy().contains(MARKS) && !path.exists()
}

/// The files that match, in the order of their names, folder by folder. `*` and `?` stay within one name, `**` goes through
/// folders. Hidden files and folders match only where the pattern names their dot.
///
/// # Errors
/// It is no pattern, a folder cannot be listed, or nothing matches.
pub(crate) fn matches(pattern: &Path) -> Result<Vec<PathBuf>, PipelineError> {
    let shown = pattern.to_string_lossy().into_owned();
    let glob = compile(&shown)?;
    let has_mark = |part: &Component<'_>| part.as_os_str().to_string_lossy().contains(MARKS);
    let base: PathBuf = pattern.components().take_while(|part| !has_mark(part)).collect();
    let is_hidden = |part: Component<'_>| part.as_os_str().as_encoded_bytes().starts_with(b".");
    let hidden = pattern.components().skip(base.components().count()).any(is_hidden);
    let search = Search { glob, hidden: if hidden { Hidden::Seen } else { Hidden::PassedOver } };
    let mut found = Vec::new();
    search.visit(&base, &mut found)?;
    if found.is_empty() {
        return Err(PipelineError::NoMatch { pattern: shown });
    }
    Ok(found)
}

fn compile(pattern: &str) -> Result<GlobMatcher, PipelineError> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    let failed = |source: globset::Error| PipelineError::BadPattern {
        pattern: pattern.to_owned(),
        source: source.into(),
    };
    Ok(glob.map_err(failed)?.compile_matcher())
}

/// What is in front of the first mark of an address that is a pattern, and the pattern; `None` where it is none.
///
/// # Errors
/// It is no pattern although it has marks.
#[cfg(feature = "objects")]
pub(crate) fn url_pattern(url: &str) -> Result<Option<(&str, GlobMatcher)>, PipelineError> {
    let Some(mark) = url.find(MARKS) else { return Ok(None) };
    let base = url.get(..mark).and_then(|front| front.rfind('/')).and_then(|end| url.get(..=end));
    Ok(Some((base.unwrap_or(url), compile(url)?)))
}

struct Search {
    glob: GlobMatcher,
    hidden: Hidden,
}

/// What happens to hidden files and folders.
#[derive(PartialEq, Eq)]
enum Hidden {
    Seen,
    PassedOver,
}

impl Search {
    fn visit(&self, folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), PipelineError> {
        let named = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let failed = |source| PipelineError::read(&named.to_string_lossy(), source);
        let mut entries =
            named.read_dir().and_then(Iterator::collect::<io::Result<Vec<_>>>).map_err(failed)?;
        entries.sort_by_key(DirEntry::file_name);
        for entry in entries {
            let path = folder.join(entry.file_name());
            let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
            if hidden && self.hidden == Hidden::PassedOver {
                continue;
            }
            if entry.file_type().map_err(failed)?.is_dir() {
                self.visit(&path, found)?;
            } else if self.glob.is_match(&path) {
                found.push(path);
            }
        }
        Ok(())
    }
}
