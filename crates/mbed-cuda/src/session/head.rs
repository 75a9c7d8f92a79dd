//! The end of a forward pass: from the states of tokens to vectors.

use mbed_core::BackendError;
use mbed_core::spec::Activation;

use super::walk::Walk;
use super::ways::Ways;
use crate::kernels::{Activate, Add, Address, Element, Normalize, Pool, RowNorm, Scaling, Take};
use crate::model::{Shortcut, Stage};

impl Walk<'_> {
    /// Pools spans, walks the stages of the head and puts the vectors where they are copied down from.
    pub(super) fn head(&self, ways: &mut Ways) -> Result<(), BackendError> {
        let width = self.pool()?;
        let mut vectors = Vectors { free: self.regions.vectors, width };
        for stage in &self.model.stages {
            self.stage(stage, &mut vectors, ways)?;
        }
        let take = Take {
            rows: self.bucket.rows,
            width: vectors.width,
            dimensions: vectors.width,
            input: vectors.now(),
            output: self.output,
            output_element: Element::F32,
            scaling: Scaling::Keep,
        };
        self.launch(take.launch())
    }

    /// Writes pooled rows to the first place for vectors and gives their length.
    fn pool(&self) -> Result<usize, BackendError> {
        let spec = &self.model.spec;
        let width = spec.hidden * spec.head.pooling.len();
        for (number, &pooling) in spec.head.pooling.iter().enumerate() {
            let pool = Pool {
                element: self.element(),
                pooling,
                rows: self.bucket.rows,
                hidden: spec.hidden,
                states: self.regions.states,
                spans: self.at(self.places.spans),
                output: self.regions.vectors[0],
                output_stride: width,
                column: number * spec.hidden,
            };
            self.launch(pool.launch())?;
        }
        Ok(width)
    }

    fn stage(&self, stage: &Stage, vectors: &mut Vectors, ways: &mut Ways) -> Result<(), BackendError> {
        let (rows, element) = (self.bucket.rows, Element::F32);
        match stage {
            Stage::Normalize => {
                self.launch(Normalize { rows, width: vectors.width, values: vectors.now() }.launch())
            }
            Stage::Norm { norm, width } => {
                let (input, output) = (vectors.now(), vectors.now());
                self.launch(RowNorm { element, rows, width: *width, norm: *norm, input, output }.launch())
            }
            Stage::Dense { linear, bias, activation, residual } => {
                let (input, output, spare) = (vectors.now(), vectors.next(), vectors.spare());
                self.linear(linear, (input, output, rows), ways)?;
                let (width, bias) = (linear.outputs, *bias);
                if bias.is_some() || *activation != Activation::Identity {
                    let function = *activation;
                    self.launch(Activate { element, function, rows, width, bias, values: output }.launch())?;
                }
                let addend = match residual {
                    Shortcut::None => None,
                    Shortcut::Input => Some(input),
                    Shortcut::Projected(projection) => {
                        self.linear(projection, (input, spare, rows), ways)?;
                        Some(spare)
                    }
                };
                if let Some(addend) = addend {
                    self.launch(Add { count: rows * width, target: output, addend }.launch())?;
                }
                vectors.advance(width);
                Ok(())
            }
        }
    }
}

/// Three places that vectors take turns in.
struct Vectors {
    /// The place they are in now, the next one, and one to spare.
    free: [Address; 3],
    /// Their length.
    width: usize,
}

impl Vectors {
    const fn now(&self) -> Address {
        self.free[0]
    }

    const fn next(&self) -> Address {
        self.free[1]
    }

    const fn spare(&self) -> Address {
        self.free[2]
    }

    /// They are in the next place now, and so long.
    const fn advance(&mut self, width: usize) {
        self.free.swap(0, 1);
        self.width = width;
    }
}
