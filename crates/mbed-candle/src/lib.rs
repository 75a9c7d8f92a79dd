//! The reference backend: the same spec on candle tensors, and the door to candle's own architectures.
