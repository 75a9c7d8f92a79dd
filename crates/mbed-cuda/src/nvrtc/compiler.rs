//! From a unit to the image that a driver loads.

use std::fmt;
use std::path::PathBuf;

use super::NvrtcError;
use super::cache::{Cache, CacheError, Found, Key, Origin};
use super::figures::{self, KernelFigures};
use super::program::{Built, Nvrtc};
use crate::kernels::{Architecture, Unit};

/// What makes the compiler report what kernels need.
const REPORT: &str = "--ptxas-options=-v";

/// Compiles units for the card that is there, and keeps what it made on disk.
#[derive(Clone, Debug)]
pub struct Compiler {
    nvrtc: Nvrtc,
    version: Version,
    architectures: Vec<Architecture>,
    cache: Option<Cache>,
}

/// The version of the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// That of the CUDA toolkit it belongs to.
    pub major: i32,
    /// The step within it.
    pub minor: i32,
}

/// A module that a driver can load.
#[derive(Debug)]
pub struct Compiled {
    /// Machine code, or PTX with a zero byte behind it for a card that the library is too old for.
    pub image: Vec<u8>,
    /// Where it came from.
    pub origin: Origin,
    /// Why it is not kept on disk, where it should be.
    pub unsaved: Option<CacheError>,
}

/// What tests look at.
#[derive(Debug)]
pub struct Examined {
    /// Machine code.
    pub cubin: Vec<u8>,
    /// The same before registers are given out.
    pub ptx: String,
    /// What each kernel needs, in the order of names.
    pub kernels: Vec<KernelFigures>,
}

/// What is asked of the library for a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    /// Machine code.
    Cubin(Architecture),
    /// PTX of an older architecture, which the driver compiles for a card that the library does not know.
    Ptx(Architecture),
}

impl Compiler {
    /// Looks for the library, which [`load_from`](super::load_from) may have loaded, and keeps images in the folder
    /// `cache`, which is made when it is needed.
    ///
    /// # Errors
    /// The library is not there or does not say what it can do.
    pub fn new(cache: Option<PathBuf>) -> Result<Self, NvrtcError> {
        let nvrtc = Nvrtc::find()?;
        let numbers = nvrtc.architectures()?.into_iter().filter_map(|number| u32::try_from(number).ok());
        let mut architectures: Vec<_> =
            numbers.map(|number| Architecture::new(number / 10, number % 10)).collect();
        architectures.sort_unstable();
        Ok(Self { nvrtc, version: nvrtc.version()?, architectures, cache: cache.map(Cache::new) })
    }

    /// The version of the library.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The module of `unit` for a card of `architecture`, from disk where it was made before.
    ///
    /// # Errors
    /// The library does not know so old a card, or it refuses the source, whose log the error shows.
    pub fn compile(&self, unit: Unit, architecture: Architecture) -> Result<Compiled, NvrtcError> {
        let target = target(&self.architectures, self.version, architecture)?;
        let (name, version) = (format!("{unit}-{architecture}"), self.version.to_string());
        let options = options(unit, target);
        let build = || self.build(unit, &options, target);
        let Some(cache) = &self.cache else {
            return Ok(Compiled { image: build()?, origin: Origin::Built, unsaved: None });
        };
        let key = Key { name: &name, source: unit.source(), options: &options, compiler: &version };
        let Found { image, origin, unsaved } = cache.get_or_build(&key, build)?;
        Ok(Compiled { image, origin, unsaved })
    }

    /// Compiles `unit` afresh and refuses warnings. This is for tests of the tree: another version of the library may
    /// warn of what this one does not, and that must not keep a program from running.
    ///
    /// # Errors
    /// The library refuses the source or warns of something; the error shows what it said.
    pub fn examine(&self, unit: Unit, architecture: Architecture) -> Result<Examined, NvrtcError> {
        let mut options = options(unit, Target::Cubin(architecture));
        options.push(REPORT.to_owned());
        self.examine_source((&unit.to_string(), unit.source()), &options, architecture)
    }

    /// The same for any text, which messages call by its name.
    ///
    /// # Errors
    /// As [`Compiler::examine`].
    pub fn examine_text(
        &self,
        (name, source): (&str, &str),
        architecture: Architecture,
    ) -> Result<Examined, NvrtcError> {
        let options = [architecture_option("sm", architecture), REPORT.to_owned()];
        self.examine_source((name, source), &options, architecture)
    }

    fn examine_source(
        &self,
        (name, source): (&str, &str),
        options: &[String],
        architecture: Architecture,
    ) -> Result<Examined, NvrtcError> {
        let Built { cubin, ptx, log } = self.nvrtc.build(name, source, options, architecture)?;
        if log.lines().any(|line| line.contains("warning")) {
            return Err(NvrtcError::Refused { unit: name.to_owned(), architecture, log });
        }
        Ok(Examined { cubin, ptx, kernels: figures::read(&log) })
    }

    fn build(&self, unit: Unit, options: &[String], target: Target) -> Result<Vec<u8>, NvrtcError> {
        let (Target::Cubin(architecture) | Target::Ptx(architecture)) = target;
        let built = self.nvrtc.build(&unit.to_string(), unit.source(), options, architecture)?;
        Ok(match target {
            Target::Cubin(_) => built.cubin,
            Target::Ptx(_) => {
                let mut ptx = built.ptx.into_bytes();
                ptx.push(0);
                ptx
            }
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// What to ask a library for that knows `known`, in ascending order, for a card of `architecture`.
fn target(
    known: &[Architecture],
    version: Version,
    architecture: Architecture,
) -> Result<Target, NvrtcError> {
    let plain = Architecture::new(architecture.major, architecture.minor);
    if known.contains(&plain) {
        return Ok(Target::Cubin(architecture));
    }
    match (known.iter().rev().find(|older| **older < plain), known.first()) {
        (Some(older), _) => Ok(Target::Ptx(*older)),
        (None, Some(&lowest)) => Err(NvrtcError::ArchitectureTooOld { architecture, version, lowest }),
        (None, None) => Err(NvrtcError::Missing),
    }
}

fn options(unit: Unit, target: Target) -> Vec<String> {
    let architecture = match target {
        Target::Cubin(architecture) => architecture_option("sm", architecture),
        Target::Ptx(architecture) => architecture_option("compute", architecture),
    };
    let mut options = unit.options();
    options.push(architecture);
    options
}

fn architecture_option(kind: &str, architecture: Architecture) -> String {
    format!("--gpu-architecture={}", architecture.to_string().replacen("sm", kind, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSION: Version = Version { major: 13, minor: 0 };

    #[test]
    fn a_card_newer_than_the_library_gets_code_that_its_driver_compiles() {
        let known = [(7, 5), (8, 0), (9, 0)].map(|(major, minor)| Architecture::new(major, minor));
        let check = |major, minor, expected| {
            assert_eq!(target(&known, VERSION, Architecture::new(major, minor)).unwrap(), expected);
        };
        check(8, 0, Target::Cubin(Architecture::new(8, 0)));
        check(8, 7, Target::Ptx(Architecture::new(8, 0)));
        check(12, 1, Target::Ptx(Architecture::new(9, 0)));
    }

    #[test]
    fn a_card_too_old_for_the_library_is_refused() {
        let known = [Architecture::new(7, 5), Architecture::new(8, 0)];
        let error = target(&known, VERSION, Architecture::new(7, 0)).unwrap_err();
        assert_eq!(error.to_string(), "NVRTC 13.0 compiles for `sm_75` and later, not for `sm_70`");
    }

    #[test]
    fn options_name_the_architecture() {
        let architecture = Architecture::new(8, 6);
        assert_eq!(architecture_option("sm", architecture), "--gpu-architecture=sm_86");
        assert_eq!(architecture_option("compute", architecture), "--gpu-architecture=compute_86");
    }
}
