//! How large batches may be and how large they should be.
//!
//! [`CostModel`] tells what a batch needs, `budget` what there is, `limit` what was learned from running out, `search`
//! what is fastest; `controller` joins them and `recover` computes by them. [`Ledgers`] keep engines of one process
//! from counting on the same bytes, [`ProfileStore`] keeps what was learned.

mod budget;
mod clock;
mod controller;
mod cost;
mod desk;
mod events;
mod ledger;
mod limit;
mod options;
mod profile;
mod recover;
mod report;
mod room;
mod search;
mod shape;

pub use budget::{Reading, rows_per_gib};
pub use clock::{Clock, SystemClock};
pub(crate) use controller::Controller;
pub use cost::CostModel;
pub use events::{Change, MemoryEvent};
pub use ledger::Ledgers;
pub use options::MemoryOptions;
pub use profile::{Learnt, Profile, ProfileError, ProfileKey, ProfileStore};
pub(crate) use recover::Place;
pub use report::{CurvePoint, MemoryReport};
pub(crate) use room::AtWork;
pub use shape::Shape;
