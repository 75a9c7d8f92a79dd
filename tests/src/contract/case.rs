//! The cases as data.

use super::{goldens, neighbours, refusals, rows};
use crate::{Bench, Failure};

/// One thing that a session must do.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Its name in a test run: its sentence as one word.
    pub name: &'static str,
    /// The sentence of the contract that it proves, as it stands in the documentation of
    /// [`Session`](mbed_core::Session); `None` where it proves more than that documentation asks by name.
    pub sentence: Option<&'static str>,
    /// What a bench must have for it.
    pub needs: &'static [Need],
    /// Runs it.
    pub run: fn(&Bench) -> Result<(), Failure>,
}

/// Something that not every bench has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Known vectors.
    Golden,
    /// Known vectors with a prompt.
    PromptedGolden,
    /// A backend that can be told how much fits into its memory.
    Capacity,
}

impl Case {
    /// Whether a bench that has `provided` can run it.
    #[must_use]
    pub fn can_run(&self, provided: &[Need]) -> bool {
        self.needs.iter().all(|need| provided.contains(need))
    }

    const fn of_sentence(
        name: &'static str,
        sentence: &'static str,
        run: fn(&Bench) -> Result<(), Failure>,
    ) -> Self {
        Self { name, sentence: Some(sentence), needs: &[], run }
    }

    const fn more(
        name: &'static str,
        needs: &'static [Need],
        run: fn(&Bench) -> Result<(), Failure>,
    ) -> Self {
        Self { name, sentence: None, needs, run }
    }
}

/// Every case.
pub const CASES: &[Case] = &[
    Case::more("golden_vectors_one_at_a_time", &[Need::Golden], goldens::one_at_a_time),
    Case::more("golden_vectors_in_one_batch", &[Need::Golden], goldens::in_one_batch),
    Case::more("golden_vectors_with_a_prompt", &[Need::PromptedGolden], goldens::with_a_prompt),
    Case::of_sentence("rows_follow_spans", "Rows follow spans", rows::rows_follow_spans),
    Case::of_sentence(
        "neighbours_do_not_matter",
        "Neighbours do not matter",
        neighbours::neighbours_do_not_matter,
    ),
    Case::of_sentence(
        "an_empty_batch_is_no_rows",
        "An empty batch is no rows",
        rows::an_empty_batch_is_no_rows,
    ),
    Case::of_sentence(
        "an_empty_span_is_zeros_before_the_heads_later_stages",
        "an empty span is zeros before the head's later stages",
        rows::an_empty_span_is_zeros,
    ),
    Case::of_sentence(
        "bad_batches_are_refused",
        "Bad batches are refused",
        refusals::bad_batches_are_refused,
    ),
    Case {
        needs: &[Need::Capacity],
        ..Case::of_sentence(
            "out_of_memory_leaves_the_session_usable",
            "Out of memory leaves the session usable",
            refusals::out_of_memory_leaves_the_session_usable,
        )
    },
    Case::more("a_single_token_is_a_sequence", &[], rows::a_single_token_is_a_sequence),
    Case::more("the_longest_sequence_is_taken", &[], rows::the_longest_sequence_is_taken),
    Case::more("threads_do_not_matter", &[], neighbours::threads_do_not_matter),
    Case::more("old_output_is_forgotten", &[], neighbours::old_output_is_forgotten),
    Case::more("housekeeping_changes_no_vector", &[], neighbours::housekeeping_changes_no_vector),
    Case::more("capabilities_tell_what_was_opened", &[], refusals::capabilities_tell_what_was_opened),
    Case::more("what_is_not_there_is_refused", &[], refusals::what_is_not_there_is_refused),
];
