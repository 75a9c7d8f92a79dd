//! Settings in layers, and the one place that reads the environment.
