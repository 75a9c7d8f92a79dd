//! Which files are read, in which order, as what.

use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use crate::compression::Compression;
use crate::objects::Object;
#[cfg(feature = "objects")]
use crate::objects::Objects;
#[cfg(feature = "objects")]
use crate::pattern::url_pattern;
use crate::pattern::{is_pattern, matches};
use crate::place::{STDIN, label};
use crate::walk::walk;
use crate::{InputFormat, PipelineError};

/// The files to read, all of formats that make one table.
#[derive(Clone, Debug)]
pub struct InputPlan {
    files: Vec<InputFile>,
    skipped: u64,
}

/// One file to read, or standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputFile {
    path: PathBuf,
    format: InputFormat,
    /// The object that it is, where it is no file.
    object: Option<Object>,
}

impl InputFile {
    pub(crate) const fn new(path: PathBuf, format: InputFormat) -> Self {
        Self { path, format, object: None }
    }

    /// The object, where it is one.
    pub(crate) const fn object(&self) -> Option<&Object> {
        self.object.as_ref()
    }

    /// Its size, and when it was changed last in nanoseconds since 1970, as it is now.
    ///
    /// # Errors
    /// It is gone.
    pub(crate) fn stamp(&self) -> io::Result<(u64, u64)> {
        if let Some(object) = &self.object {
            return Ok(object.again()?.stamp());
        }
        let metadata = self.path.metadata()?;
        let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let modified = modified.and_then(|time| u64::try_from(time.as_nanos()).ok()).unwrap_or_default();
        Ok((metadata.len(), modified))
    }

    /// The path as it was given or found, `-` for standard input.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it is read as.
    #[must_use]
    pub const fn format(&self) -> InputFormat {
        self.format
    }

    /// Whether it is standard input.
    #[must_use]
    pub fn is_stdin(&self) -> bool {
        is_stdin(&self.path)
    }

    /// Whether it can be read more than once: a regular file, not a pipe.
    pub(crate) fn is_regular(&self) -> bool {
        self.object.is_some() || (!self.is_stdin() && self.path.is_file())
    }

    /// Whether it can be read at any place: a regular file that is not compressed.
    pub(crate) fn is_seekable(&self) -> bool {
        self.is_regular() && self.compression() == Compression::None
    }

    /// How it is compressed.
    pub(crate) fn compression(&self) -> Compression {
        Compression::of(&self.path).0
    }

    /// The path as text, `-` for standard input; bytes of a path that are not UTF-8 become U+FFFD.
    pub(crate) fn name(&self) -> String {
        self.path.to_string_lossy().into_owned()
    }
}

impl InputPlan {
    /// The files in reading order; never empty.
    #[must_use]
    pub fn files(&self) -> &[InputFile] {
        &self.files
    }

    /// How many files and hidden folders inside of the named folders are not read: hidden ones, and those of an
    /// unknown or another format than was asked for.
    #[must_use]
    pub const fn skipped_files(&self) -> u64 {
        self.skipped
    }

    /// Whether `path` is one of the files, by whatever name.
    #[must_use]
    pub fn contains(&self, path: &Path) -> bool {
        let Ok(path) = path.canonicalize() else { return false };
        let named = self.files.iter().filter(|file| !file.is_stdin());
        named.filter_map(|file| file.path.canonicalize().ok()).any(|file| file == path)
    }

    /// Makes sure that writing to `output` does not destroy an input.
    ///
    /// # Errors
    /// `output` is one of the files ([`PipelineError::OutputIsInput`]).
    pub fn check_output(&self, output: &Path) -> Result<(), PipelineError> {
        // Devices and pipes may well be both, such as a terminal: writing takes nothing away from them.
        if output.is_file() && self.contains(output) {
            return Err(PipelineError::OutputIsInput { path: output.to_owned() });
        }
        Ok(())
    }
}

/// Plans to read `paths` in their order: files, folders with all that is in them, patterns such as `data/**/*.csv` where no
/// file has that name, and `-` for standard input. Files that end in `.gz` or `.zst` are read through the decoder.
///
/// Objects have addresses, `s3://bucket/key`: of one, of a prefix that ends in `/`, or with a pattern in its key.
///
/// A file is read as its extension says, standard input as text, unless `format` says otherwise. Folders are
/// searched through, names in order; of their files only those are taken that are of `format`, or of any known
/// format where none is given.
///
/// # Errors
/// Nothing is named, a path does not exist or a folder cannot be listed ([`PipelineError::Read`]), a format is
/// unknown, a folder has nothing to read, or two files do not become one table
/// ([`PipelineError::MixedFormats`]).
pub fn plan_inputs(paths: &[PathBuf], format: Option<InputFormat>) -> Result<InputPlan, PipelineError> {
    let mut plan = InputPlan { files: Vec::new(), skipped: 0 };
    for path in paths {
        if let Some(url) = as_url(path) {
            add_objects(&mut plan, url, format)?;
            continue;
        }
        if is_stdin(path) || !is_pattern(path) {
            add(&mut plan, path, format)?;
            continue;
        }
        for path in matches(path)? {
            add(&mut plan, &path, format)?;
        }
    }
    check(plan)
}

/// Plans to read all objects below a prefix, of `format` or of any known one.
///
/// # Errors
/// As [`plan_inputs`].
#[cfg(feature = "objects")]
pub fn plan_objects(objects: &Objects, format: Option<InputFormat>) -> Result<InputPlan, PipelineError> {
    let mut plan = InputPlan { files: Vec::new(), skipped: 0 };
    add_below(&mut plan, objects, format, |_| true)?;
    check(plan)
}

/// Makes sure that there is something to read, and that it makes one table.
fn check(plan: InputPlan) -> Result<InputPlan, PipelineError> {
    let Some(first) = plan.files.first() else { return Err(PipelineError::NoInput) };
    if let Some(second) = plan.files.iter().find(|file| !file.format.mixes_with(first.format)) {
        return Err(PipelineError::MixedFormats {
            first: label(&first.name()).to_owned(),
            first_format: first.format,
            second: label(&second.name()).to_owned(),
            second_format: second.format,
        });
    }
    if plan.files.iter().filter(|file| file.is_stdin()).count() > 1 {
        return Err(PipelineError::StdinTwice);
    }
    Ok(plan)
}

/// Plans to read files of these formats, in this order.
///
/// # Errors
/// An object cannot be found.
pub(crate) fn plan_exactly(files: Vec<(PathBuf, InputFormat)>) -> Result<InputPlan, PipelineError> {
    let mut plan = InputPlan { files: Vec::new(), skipped: 0 };
    for (path, format) in files {
        match as_url(&path) {
            Some(url) => add_objects(&mut plan, url, Some(format))?,
            None => plan.files.push(InputFile::new(path, format)),
        }
    }
    check(plan)
}

fn add(plan: &mut InputPlan, path: &Path, format: Option<InputFormat>) -> Result<(), PipelineError> {
    if is_stdin(path) {
        plan.files.push(InputFile::new(path.to_owned(), format.unwrap_or(InputFormat::Text)));
        return Ok(());
    }
    let kind = path.metadata().map_err(|source| PipelineError::read(&path.to_string_lossy(), source))?;
    if !kind.is_dir() {
        let unknown = || PipelineError::UnknownInputFormat { path: path.to_owned() };
        let format = format.or_else(|| InputFormat::from_path(path)).ok_or_else(unknown)?;
        plan.files.push(InputFile::new(path.to_owned(), format));
        return Ok(());
    }
    let found = walk(path, format)?;
    plan.skipped += found.skipped;
    if found.files.is_empty() {
        return Err(PipelineError::NothingInFolder { folder: path.to_owned(), skipped: found.skipped });
    }
    plan.files.extend(found.files);
    Ok(())
}

/// The address that a path really is.
pub(crate) fn as_url(path: &Path) -> Option<&str> {
    path.to_str().filter(|text| text.contains("://"))
}

#[cfg(not(feature = "objects"))]
fn add_objects(_plan: &mut InputPlan, url: &str, _format: Option<InputFormat>) -> Result<(), PipelineError> {
    Err(PipelineError::UnknownAddress { url: url.to_owned() })
}

#[cfg(feature = "objects")]
fn add_objects(plan: &mut InputPlan, url: &str, format: Option<InputFormat>) -> Result<(), PipelineError> {
    if let Some((base, glob)) = url_pattern(url)? {
        let found = plan.files.len();
        add_below(plan, &Objects::open(base)?, format, |url| glob.is_match(url))?;
        if plan.files.len() == found {
            return Err(PipelineError::NoMatch { pattern: url.to_owned() });
        }
        return Ok(());
    }
    let objects = Objects::open(url)?;
    let one = if url.ends_with('/') { None } else { objects.object()? };
    let Some(object) = one else {
        let found = plan.files.len();
        add_below(plan, &objects, format, |_| true)?;
        if plan.files.len() == found {
            return Err(PipelineError::NothingInFolder { folder: url.into(), skipped: plan.skipped });
        }
        return Ok(());
    };
    let path = PathBuf::from(url);
    let unknown = || PipelineError::UnknownInputFormat { path: path.clone() };
    let format = format.or_else(|| InputFormat::from_path(&path)).ok_or_else(unknown)?;
    plan.files.push(InputFile { path, format, object: Some(object) });
    Ok(())
}

/// Adds the objects below a prefix whose address is wanted.
#[cfg(feature = "objects")]
fn add_below(
    plan: &mut InputPlan,
    objects: &Objects,
    format: Option<InputFormat>,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<(), PipelineError> {
    for (url, object) in objects.list()?.into_iter().filter(|(url, _)| is_wanted(url)) {
        let path = PathBuf::from(url);
        match InputFormat::from_path(&path).filter(|&found| format.is_none_or(|wanted| wanted == found)) {
            Some(format) => plan.files.push(InputFile { path, format, object: Some(object) }),
            None => plan.skipped += 1,
        }
    }
    Ok(())
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == STDIN
}
