//! From one format to another.

use super::check::{Check, LaunchError, alignment};
use super::{Address, Element, Family, Launch, Unit};

/// Values of a block: 256 threads with four each.
pub(super) const BLOCK: usize = 256 * 4;

/// `output = input` in another format, rounded to nearest. What is too large for binary16 becomes infinite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Convert {
    /// The format of the input.
    pub from: Element,
    /// The format of the output, another one.
    pub to: Element,
    /// How many values there are.
    pub count: usize,
    /// Where they are.
    pub input: Address,
    /// Where they go.
    pub output: Address,
}

impl Convert {
    /// The launch. Arguments: output; input; count.
    ///
    /// # Errors
    /// There are no values, both formats are the same, or a place is not aligned.
    pub fn launch(&self) -> Result<Launch, LaunchError> {
        let check = Check { kernel: "convert" };
        let Self { from, to, .. } = self;
        if from == to {
            return Err(check.unknown("pair of formats"));
        }
        let arguments = vec![
            check.place("output", self.output, alignment(*to, 4))?,
            check.place("input", self.input, alignment(*from, 4))?,
            check.long("count", self.count)?,
        ];
        Ok(Launch {
            unit: Unit::new(Family::Convert, Element::F32),
            entry: format!("convert_{from}_{to}"),
            grid: check.grid(self.count.div_ceil(BLOCK), 1)?,
            block: [256, 1, 1],
            shared_bytes: 0,
            arguments,
        })
    }
}
