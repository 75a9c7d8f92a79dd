//! What TensorRT is told before it builds an engine, which takes it minutes: where engines are kept, under which name, and
//! for which shapes one is to be good.

use std::fmt::Write as _;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::group::most_sequences;
use crate::provider::Options;

/// What an engine is built for.
pub(crate) struct Engines<'a> {
    /// Where engines are kept, if anywhere.
    pub(crate) folder: Option<&'a Path>,
    /// What tells models apart.
    pub(crate) fingerprint: &'a str,
    /// The graph's inputs, each `sequences × length`; none where they are not known.
    pub(crate) inputs: &'a [&'a str],
    /// The most tokens of a sequence.
    pub(crate) longest: usize,
}

/// TensorRT's options, by the names of <https://onnxruntime.ai/docs/execution-providers/TensorRT-ExecutionProvider.html>.
pub(crate) fn options(engines: &Engines<'_>) -> Options {
    let mut options = Options::new();
    let mut set = |name: &str, value: String| options.push((name.to_owned(), value));
    if let Some(folder) = engines.folder {
        let folder = folder.join("tensorrt").display().to_string();
        set("trt_engine_cache_enable", "1".to_owned());
        set("trt_engine_cache_path", folder.clone());
        set("trt_engine_cache_prefix", engines.fingerprint.to_owned());
        set("trt_timing_cache_enable", "1".to_owned());
        set("trt_timing_cache_path", folder);
    }
    if !engines.inputs.is_empty() {
        let profiles = profiles(engines.longest);
        let shapes = |shape: fn(&Profile) -> [usize; 2]| {
            let all = profiles.iter().map(shape);
            let named = all.flat_map(|[rows, length]| {
                engines.inputs.iter().map(move |name| format!("{name}:{rows}x{length}"))
            });
            named.collect::<Vec<_>>().join(",")
        };
        set("trt_profile_min_shapes", shapes(|profile| [1, profile.shortest]));
        set("trt_profile_opt_shapes", shapes(|profile| [profile.sequences, profile.longest]));
        set("trt_profile_max_shapes", shapes(|profile| [profile.sequences, profile.longest]));
    }
    options
}

/// Shapes that share a plan: up to so many sequences of lengths in a range.
#[derive(Debug, PartialEq, Eq)]
struct Profile {
    shortest: usize,
    longest: usize,
    sequences: usize,
}

/// Lengths from 1 to `longest` in ranges that double, each with as many sequences as are computed together.
fn profiles(longest: usize) -> Vec<Profile> {
    /// Below, engines differ little.
    const FIRST: usize = 16;
    let mut profiles = Vec::new();
    let (mut shortest, mut end) = (1, FIRST.min(longest));
    while shortest <= longest {
        profiles.push(Profile { shortest, longest: end, sequences: most_sequences(shortest) });
        (shortest, end) = (end + 1, end.saturating_mul(2).min(longest));
    }
    profiles
}

/// What tells one model from another: the hash of all that it consists of.
pub(crate) fn fingerprint(parts: impl Iterator<Item: AsRef<[u8]>>) -> String {
    let mut hasher = Sha256::new();
    parts.for_each(|part| hasher.update(part));
    // 64 bits tell a folder full of models apart.
    hasher.finalize().iter().take(8).fold(String::new(), |mut text, byte| {
        // Writing to a text does not fail.
        _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engines_are_kept_by_model_and_built_for_the_shapes_of_groups() {
        let inputs = ["input_ids", "attention_mask"];
        let engines =
            Engines { folder: Some(Path::new("cache")), fingerprint: "f00d", inputs: &inputs, longest: 40 };
        let options = options(&engines);
        let check = |name: &str, expected: &str| {
            let found = options.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
            assert_eq!(found, Some(expected), "{name}");
        };
        check("trt_engine_cache_enable", "1");
        check("trt_engine_cache_path", &Path::new("cache").join("tensorrt").display().to_string());
        check("trt_engine_cache_prefix", "f00d");
        check(
            "trt_profile_min_shapes",
            "input_ids:1x1,attention_mask:1x1,input_ids:1x17,attention_mask:1x17,input_ids:1x33,attention_mask:1x33",
        );
        let longest = options.iter().find(|(name, _)| name == "trt_profile_max_shapes").unwrap().1.clone();
        assert!(longest.ends_with("input_ids:124x40,attention_mask:124x40"), "{longest}");
    }

    #[test]
    fn without_a_folder_or_inputs_there_is_nothing_to_say() {
        let engines = Engines { folder: None, fingerprint: "f00d", inputs: &[], longest: 40 };
        assert_eq!(options(&engines), Options::new());
    }

    #[test]
    fn every_length_has_one_profile() {
        for longest in [1, 15, 16, 17, 100, 512] {
            let profiles = profiles(longest);
            let mut next = 1;
            for profile in &profiles {
                assert_eq!(profile.shortest, next, "{longest}");
                next = profile.longest + 1;
            }
            assert_eq!(next, longest + 1);
        }
    }

    #[test]
    fn fingerprints_follow_content() {
        let of = |parts: &[&[u8]]| fingerprint(parts.iter().copied());
        // sha256("abc") begins so (FIPS 180-2, appendix B.1).
        assert_eq!(of(&[b"a", b"bc"]), "ba7816bf8f01cfea");
        assert_ne!(of(&[b"abc"]), of(&[b"abc", b"d"]));
    }
}
