//! How each shape of product is computed, kept while it is in use.

use std::collections::HashMap;
use std::sync::Arc;

use crate::driver::{Device, DriverError, Operands, Product};
use crate::owned::{Lane, Way};

/// So many are kept. A model has about ten products, and batches come in a few dozen sizes.
const MOST: usize = 512;

/// How each shape of product is computed. The device is asked once for a shape.
#[derive(Debug, Default)]
pub(crate) struct Ways {
    known: HashMap<Product, (Way, u64)>,
    clock: u64,
}

impl Ways {
    /// Puts a product into `lane`.
    pub(crate) fn run(
        &mut self,
        device: &Arc<dyn Device>,
        (product, operands): (&Product, &Operands),
        lane: &Lane,
    ) -> Result<(), DriverError> {
        self.clock += 1;
        if let Some((way, used)) = self.known.get_mut(product) {
            *used = self.clock;
            return way.run(operands, lane);
        }
        if self.known.len() >= MOST {
            let oldest = self.known.iter().min_by_key(|(_, (_, used))| *used).map(|(&product, _)| product);
            oldest.and_then(|oldest| self.known.remove(&oldest));
        }
        let way = Way::new(device, (product, operands), lane)?;
        way.run(operands, lane)?;
        self.known.insert(*product, (way, self.clock));
        Ok(())
    }
}
