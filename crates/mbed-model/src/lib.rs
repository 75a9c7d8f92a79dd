//! From a model's name to its folder, and from its folder to an encoder spec, weights and text rules.
