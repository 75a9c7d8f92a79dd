//! What numbers say, and how sure that is.

mod bootstrap;
mod rank;
mod sample;
mod trend;

pub use bootstrap::{Estimate, Ratio, median_of, ratio_of_medians};
pub use rank::spearman;
pub use sample::{Percentiles, median, outliers, quantile};
pub use trend::{Trend, trend};
