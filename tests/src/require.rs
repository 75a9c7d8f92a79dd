//! What a test run must find on this machine.

/// The variable with what must be there, names with commas between them, such as `model`. What is missing and not in
/// it shows as ignored; what is in it fails.
pub const REQUIRE: &str = "MBEDTEST_REQUIRE";

/// Whether [`REQUIRE`] names `what`.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the harness is told by this variable, and is no part of mbed")]
pub fn required(what: &str) -> bool {
    std::env::var(REQUIRE).is_ok_and(|list| list.split(',').any(|name| name.trim() == what))
}
