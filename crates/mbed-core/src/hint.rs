//! What a person can do about an error.

/// Advice that belongs to an error, apart from its message.
///
/// A message says what happened; a hint says what to try next. Front ends print the chain of messages first and
/// the hint after it.
pub trait Hint {
    /// One or two sentences that tell what to do, or `None` where there is nothing useful to say.
    fn hint(&self) -> Option<String>;
}
