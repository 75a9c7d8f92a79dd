//! Finding the size of batches that is fastest, by trying others now and then.

mod arm;
mod between;
mod turns;

#[cfg(test)]
mod tests;

pub(crate) use turns::Search;
