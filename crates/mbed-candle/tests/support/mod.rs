//! The committed tiny models, read as simply as the tests need it.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]

mod bert;
mod fixture;

pub use fixture::{Fixture, embed};
