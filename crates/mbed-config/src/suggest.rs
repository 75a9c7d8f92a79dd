//! Did you mean?

/// How alike two names must be, as Jaro and Winkler count, so that one is offered for the other. Typing errors lie
/// above 0.85; names that only begin alike, such as `batch_size` and `backend`, below.
const ALIKE: f64 = 0.85;

/// The one of `known` that is most like `name`, if one is.
pub(crate) fn closest(name: &str, known: impl Iterator<Item = String>) -> Option<String> {
    let last = |name: &str| name.rsplit(['.']).next().unwrap_or_default().to_owned();
    let likeness = |known: &str| {
        // A right name in a wrong section is worth offering too, but less than a wrong letter.
        let moved = if last(known) == last(name) { 0.9 } else { 0.0 };
        strsim::jaro_winkler(name, known).max(moved)
    };
    let rated = known.map(|known| (likeness(&known), known)).filter(|(likeness, _)| *likeness >= ALIKE);
    rated.max_by(|(left, _), (right, _)| left.total_cmp(right)).map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn typing_errors_are_told_from_other_names() {
        let known = ["batching.batch_size", "batching.max_tokens", "runtime.backend", "memory.growth.after"];
        let check = |name, expected: Option<&str>| {
            assert_eq!(closest(name, known.map(str::to_owned).into_iter()).as_deref(), expected, "{name}");
        };
        check("batching.batchsize", Some("batching.batch_size"));
        check("runtime.bckend", Some("runtime.backend"));
        check("runtime.max_tokens", Some("batching.max_tokens"));
        check("colour", None);
    }
}
