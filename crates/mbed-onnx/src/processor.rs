//! What the processor does with products of 8 bits.

use crate::export::WeightRange;

/// How large weights of 8 bits may be so that this processor's sums of two products do not overflow.
pub(crate) fn weight_range() -> WeightRange {
    if adds_in_32_bits() { WeightRange::Full } else { WeightRange::Reduced }
}

#[cfg(target_arch = "x86_64")]
fn adds_in_32_bits() -> bool {
    is_x86_feature_detected!("avx512vnni") || is_x86_feature_detected!("avxvnni")
}

#[cfg(not(target_arch = "x86_64"))]
const fn adds_in_32_bits() -> bool {
    true
}
