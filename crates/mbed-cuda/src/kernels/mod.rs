//! The kernels: for each its source, its entry, and the checked parameters of a launch.
