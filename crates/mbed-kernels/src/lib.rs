//! Arithmetic on slices: matrix products, norms, activations, attention, pooling.
