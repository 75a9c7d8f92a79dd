//! Which provider computes which operator of an open session.

#![expect(unsafe_code, reason = "`ort` has no safe call for what ONNX Runtime 1.24 tells about placement")]

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char};
use std::{ptr, slice};

use ort::AsPointer;
use ort::session::Session;
use ort::sys::{OrtEpAssignedNode, OrtEpAssignedSubgraph, OrtStatusPtr};

/// A session must be opened with this entry set to 1 to remember where it put what
/// (`onnxruntime_session_options_config_keys.h`).
pub(crate) const RECORD: &str = "session.record_ep_graph_assignment_info";

/// How many operators of each kind a provider computes, by the name of the provider.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Placement(BTreeMap<String, BTreeMap<String, usize>>);

impl Placement {
    /// What `session` placed where, before operators were joined to larger ones.
    ///
    /// # Errors
    /// It was opened without [`RECORD`].
    pub(crate) fn of(session: &Session) -> ort::Result<Self> {
        let mut placement = Self::default();
        for subgraph in subgraphs(session)? {
            let provider = name(*subgraph, ort::api().EpAssignedSubgraph_GetEpName)?;
            let kinds = placement.0.entry(provider).or_default();
            for node in nodes(session, *subgraph)? {
                *kinds.entry(name(*node, ort::api().EpAssignedNode_GetOperatorType)?).or_default() += 1;
            }
        }
        Ok(placement)
    }

    /// How many operators `provider` computes.
    pub(crate) fn count(&self, provider: &str) -> usize {
        self.0.get(provider).into_iter().flat_map(BTreeMap::values).sum()
    }

    /// How many operators there are.
    pub(crate) fn all(&self) -> usize {
        self.0.values().flat_map(BTreeMap::values).sum()
    }

    /// What others than `provider` compute, the most frequent first: `30 Gather and 2 Shape on CPUExecutionProvider`.
    pub(crate) fn elsewhere(&self, provider: &str) -> String {
        let others = self.0.iter().filter(|(name, kinds)| *name != provider && !kinds.is_empty());
        let described = others.map(|(name, kinds)| {
            let mut kinds: Vec<(&String, &usize)> = kinds.iter().collect();
            kinds.sort_by_key(|&(kind, count)| (std::cmp::Reverse(count), kind));
            let kinds: Vec<String> =
                kinds.into_iter().map(|(kind, count)| format!("{count} {kind}")).collect();
            format!("{} on {name}", kinds.join(", "))
        });
        described.collect::<Vec<_>>().join("; ")
    }
}

fn subgraphs(session: &Session) -> ort::Result<&[*const OrtEpAssignedSubgraph]> {
    let (mut first, mut count) = (ptr::null(), 0);
    // SAFETY: the session is open, and both places to write to live until the call returns.
    let status = unsafe {
        (ort::api().Session_GetEpGraphAssignmentInfo)(session.ptr(), &raw mut first, &raw mut count)
    };
    check(status)?;
    // SAFETY: the call gave an array of so many entries, which the session owns and never changes.
    Ok(unsafe { array(first, count) })
}

/// The nodes of a subgraph of `session`, which owns them.
fn nodes(
    _session: &Session,
    subgraph: *const OrtEpAssignedSubgraph,
) -> ort::Result<&[*const OrtEpAssignedNode]> {
    let (mut first, mut count) = (ptr::null(), 0);
    // SAFETY: the subgraph is one that its session owns, and both places to write to live until the call returns.
    let status =
        unsafe { (ort::api().EpAssignedSubgraph_GetNodes)(subgraph, &raw mut first, &raw mut count) };
    check(status)?;
    // SAFETY: the call gave an array of so many entries, which the session owns and never changes.
    Ok(unsafe { array(first, count) })
}

/// # Safety
/// `first` is null or the start of `count` entries that live as long as `'a`.
unsafe fn array<'a, T>(first: *const T, count: usize) -> &'a [T] {
    if first.is_null() || count == 0 {
        return &[];
    }
    // SAFETY: the caller says that there are so many entries and that they live long enough.
    unsafe { slice::from_raw_parts(first, count) }
}

/// The text that `ask` gives for `thing`.
fn name<T>(
    thing: *const T,
    ask: unsafe extern "system" fn(*const T, *mut *const c_char) -> OrtStatusPtr,
) -> ort::Result<String> {
    let mut text = ptr::null();
    // SAFETY: `thing` is one that its session owns, and the place to write to lives until the call returns.
    check(unsafe { ask(thing, &raw mut text) })?;
    if text.is_null() {
        return Ok(String::new());
    }
    // SAFETY: the call gave a text with a NUL at its end, which the session owns.
    Ok(unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}

fn check(status: OrtStatusPtr) -> ort::Result<()> {
    // SAFETY: the status comes from a call just made and is handed over to be freed.
    unsafe { ort::Error::result_from_status(status) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_elsewhere_is_counted_by_kind() {
        let kinds = |counts: &[(&str, usize)]| {
            counts.iter().map(|&(kind, count)| (kind.to_owned(), count)).collect::<BTreeMap<_, _>>()
        };
        let placement = Placement(BTreeMap::from([
            ("CPUExecutionProvider".to_owned(), kinds(&[("Gather", 2), ("Shape", 3)])),
            ("CUDAExecutionProvider".to_owned(), kinds(&[("MatMul", 36)])),
        ]));
        assert_eq!((placement.count("CUDAExecutionProvider"), placement.all()), (36, 41));
        assert_eq!(placement.count("CoreMLExecutionProvider"), 0);
        assert_eq!(placement.elsewhere("CUDAExecutionProvider"), "3 Shape, 2 Gather on CPUExecutionProvider");
    }
}
