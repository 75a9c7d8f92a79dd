//! Choices by the names that settings and flags use.

use crate::PipelineError;

/// The one of `all` that has this name; `choice` says what is chosen.
///
/// # Errors
/// None has it.
pub(crate) fn find<T: Copy>(
    choice: &'static str,
    name: &str,
    (all, name_of): (&[T], impl Fn(T) -> &'static str),
) -> Result<T, PipelineError> {
    all.iter().copied().find(|&one| name_of(one) == name).ok_or_else(|| PipelineError::UnknownName {
        choice,
        name: name.to_owned(),
        known: all.iter().map(|&one| name_of(one)).collect(),
    })
}
