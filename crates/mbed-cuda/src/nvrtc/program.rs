//! Calls of the library, made safe: a program is created, compiled, read and destroyed here and nowhere else.
#![expect(unsafe_code, reason = "the library is C")]

use std::ffi::{CString, c_char};

use cudarc::nvrtc::result;
use cudarc::nvrtc::sys::{self, nvrtcProgram, nvrtcResult};

use super::{NvrtcError, Version, library};
use crate::kernels::Architecture;

/// That the library is there: asked once, so that no call of it can find it missing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Nvrtc(());

/// What the library made of a source.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) cubin: Vec<u8>,
    pub(super) ptx: String,
    pub(super) log: String,
}

/// A program of the library.
struct Program<'a> {
    handle: nvrtcProgram,
    unit: &'a str,
}

impl Nvrtc {
    pub(super) fn find() -> Result<Self, NvrtcError> {
        if library::is_present() { Ok(Self(())) } else { Err(NvrtcError::Missing) }
    }

    pub(super) fn version(self) -> Result<Version, NvrtcError> {
        let (mut major, mut minor) = (0, 0);
        // SAFETY: both places outlive the call.
        let answer = unsafe { sys::nvrtcVersion(&raw mut major, &raw mut minor) };
        succeed("nvrtcVersion", "", answer)?;
        Ok(Version { major, minor })
    }

    /// What it compiles for, as compute capabilities in one number each: 75 is 7.5.
    pub(super) fn architectures(self) -> Result<Vec<i32>, NvrtcError> {
        let mut count = 0;
        // SAFETY: the place outlives the call.
        let answer = unsafe { sys::nvrtcGetNumSupportedArchs(&raw mut count) };
        succeed("nvrtcGetNumSupportedArchs", "", answer)?;
        let mut list = vec![0; usize::try_from(count).unwrap_or_default()];
        // SAFETY: the list has room for as many numbers as the library just said.
        let answer = unsafe { sys::nvrtcGetSupportedArchs(list.as_mut_ptr()) };
        succeed("nvrtcGetSupportedArchs", "", answer)?;
        Ok(list)
    }

    /// Compiles `source`, which messages call `unit`, with `options`. Warnings are in the log.
    pub(super) fn build(
        self,
        unit: &str,
        source: &str,
        options: &[String],
        architecture: Architecture,
    ) -> Result<Built, NvrtcError> {
        let program = Program::create(unit, source)?;
        // SAFETY: the program is this one's own and not destroyed yet.
        let compiled = unsafe { result::compile_program(program.handle, options) };
        let log = program.log()?;
        match compiled {
            Ok(()) => Ok(Built { cubin: program.cubin()?, ptx: program.ptx()?, log }),
            Err(error) if log.is_empty() => Err(failed("nvrtcCompileProgram", unit, error.0)),
            Err(_) => Err(NvrtcError::Refused { unit: unit.to_owned(), architecture, log }),
        }
    }
}

impl<'a> Program<'a> {
    fn create(unit: &'a str, source: &str) -> Result<Self, NvrtcError> {
        let invalid = |_| failed("nvrtcCreateProgram", unit, nvrtcResult::NVRTC_ERROR_INVALID_INPUT);
        // The library copies both, so they need not live on.
        let (name, source) = (CString::new(unit).map_err(invalid)?, CString::new(source).map_err(invalid)?);
        let created = result::create_program(&source, Some(&name));
        let handle = created.map_err(|error| failed("nvrtcCreateProgram", unit, error.0))?;
        Ok(Self { handle, unit })
    }

    fn log(&self) -> Result<String, NvrtcError> {
        // SAFETY: the program is this one's own and not destroyed yet.
        let log = unsafe { result::get_program_log(self.handle) };
        log.map(|log| text(&log)).map_err(|error| failed("nvrtcGetProgramLog", self.unit, error.0))
    }

    fn ptx(&self) -> Result<String, NvrtcError> {
        // SAFETY: the program is this one's own, compiled and not destroyed yet.
        let ptx = unsafe { result::get_ptx(self.handle) };
        ptx.map(|ptx| text(&ptx)).map_err(|error| failed("nvrtcGetPTX", self.unit, error.0))
    }

    fn cubin(&self) -> Result<Vec<u8>, NvrtcError> {
        let mut size = 0;
        // SAFETY: the program is this one's own and compiled, and the place outlives the call.
        let answer = unsafe { sys::nvrtcGetCUBINSize(self.handle, &raw mut size) };
        succeed("nvrtcGetCUBINSize", self.unit, answer)?;
        if size == 0 {
            // Compiled for an architecture without machine code of its own.
            return Ok(Vec::new());
        }
        let mut cubin = vec![0_u8; size];
        // SAFETY: there is room for as many bytes as the library just said.
        let answer = unsafe { sys::nvrtcGetCUBIN(self.handle, cubin.as_mut_ptr().cast::<c_char>()) };
        succeed("nvrtcGetCUBIN", self.unit, answer)?;
        Ok(cubin)
    }
}

impl Drop for Program<'_> {
    fn drop(&mut self) {
        // SAFETY: the program is this one's own, and nobody has it after this.
        // An answer would come too late for anybody.
        let _ = unsafe { result::destroy_program(self.handle) };
    }
}

/// Text of the library up to its zero byte.
fn text(bytes: &[c_char]) -> String {
    let bytes: Vec<_> =
        bytes.iter().map(|&byte| byte.cast_unsigned()).take_while(|&byte| byte != 0).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn succeed(call: &'static str, unit: &str, answer: nvrtcResult) -> Result<(), NvrtcError> {
    if answer == nvrtcResult::NVRTC_SUCCESS { Ok(()) } else { Err(failed(call, unit, answer)) }
}

fn failed(call: &'static str, unit: &str, answer: nvrtcResult) -> NvrtcError {
    NvrtcError::Call { call, unit: unit.to_owned(), code: format!("{answer:?}") }
}
