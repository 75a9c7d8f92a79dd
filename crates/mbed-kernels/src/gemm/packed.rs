//! Linear maps in binary32 with weights packed once, on AVX-512.

#![expect(unsafe_code, reason = "the function for AVX-512 is called where a level proves that it is there")]

use super::packed_avx512;
use crate::{Isa, Level};

/// Outputs of a panel, in registers of 16 values.
pub(super) const REGISTERS: usize = 3;
pub(super) const PANEL: usize = 16 * REGISTERS;

/// The weights of a panel's outputs for one input.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Step(pub(super) [[f32; 16]; REGISTERS]);

/// Weights of 48 outputs side by side, input after input, and panel after panel.
#[derive(Clone, Debug)]
pub(super) struct Packed {
    steps: Vec<Step>,
    bias: Vec<Step>,
    input: usize,
    output: usize,
}

impl Packed {
    /// Packs `weight`, `output × input`, where `isa` has the instructions; `bias` is as long as `output`, or empty.
    pub(super) fn new(isa: Isa, weight: &[f32], bias: &[f32], input: usize, output: usize) -> Option<Self> {
        if !isa.has(Level::Avx512) {
            return None;
        }
        let panels = output.div_ceil(PANEL);
        let mut steps = vec![Step([[0.0; 16]; REGISTERS]); panels * input];
        let mut biases = vec![Step([[0.0; 16]; REGISTERS]); panels];
        for (row, weights) in weight.chunks_exact(input).enumerate() {
            let (panel, place) = (row / PANEL, row % PANEL);
            for (step, &value) in steps[panel * input..(panel + 1) * input].iter_mut().zip(weights) {
                step.0.as_flattened_mut()[place] = value;
            }
        }
        for (place, &value) in biases.iter_mut().flat_map(|step| step.0.as_flattened_mut()).zip(bias) {
            *place = value;
        }
        Some(Self { steps, bias: biases, input, output })
    }

    pub(super) const fn bytes(&self) -> usize {
        (self.steps.capacity() + self.bias.capacity()) * size_of::<Step>()
    }

    /// Maps as many rows as both `x` (`rows × input`) and `y` (`rows × output`) hold.
    pub(super) fn apply(&self, x: &[f32], y: &mut [f32]) {
        for (panel, (steps, bias)) in self.steps.chunks_exact(self.input).zip(&self.bias).enumerate() {
            let columns = panel * PANEL..self.output.min((panel + 1) * PANEL);
            // SAFETY: weights are packed where the level stands for AVX-512 alone.
            unsafe { packed_avx512::apply((x, self.input), (steps, bias), (y, self.output), columns) };
        }
    }
}
