//! Pooling.

use mbed_core::spec::Pooling;

use super::check::{Check, LaunchError};
use super::{Address, Element, Family, Launch, Unit};

/// Columns of a block and threads of a column in `pool.cu`.
pub(super) const COLUMNS: usize = 32;
pub(super) const PARTS: usize = 8;

/// The states of spans of tokens become one vector each, in binary32. A span without tokens gives zeros.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pool {
    /// The format of the states.
    pub element: Element,
    /// How a vector is made.
    pub pooling: Pooling,
    /// How many spans there are.
    pub rows: usize,
    /// Length of a state.
    pub hidden: usize,
    /// `tokens × hidden`
    pub states: Address,
    /// Three 32-bit integers a row: the span's first token and the one behind its last, counted in the batch, and the
    /// first one's place in its sequence.
    pub spans: Address,
    /// Binary32, `rows × output_stride`.
    pub output: Address,
    /// Length of a row of the output: several poolings are put one behind the other.
    pub output_stride: usize,
    /// Where in a row the vector goes.
    pub column: usize,
}

impl Pool {
    /// The launch. Arguments: output; states; spans; hidden; output stride; column.
    ///
    /// # Errors
    /// There are no rows, the vector does not fit into its row, or a place is not aligned.
    pub fn launch(&self) -> Result<Launch, LaunchError> {
        let check = Check { kernel: "pool" };
        let rows = check.within("rows", self.rows, i32::MAX as usize)?;
        check.within("end of the vector", self.column.saturating_add(self.hidden), self.output_stride)?;
        let column = i32::try_from(self.column).map_err(|_| LaunchError::TooLarge {
            kernel: check.kernel,
            what: "column",
            value: self.column,
            limit: i32::MAX as usize,
        })?;
        let (entry, columns) = match self.pooling {
            Pooling::Cls => ("pool_first", COLUMNS * PARTS),
            Pooling::LastToken => ("pool_last", COLUMNS * PARTS),
            Pooling::Max => ("pool_max", COLUMNS),
            Pooling::Mean => ("pool_mean", COLUMNS),
            Pooling::MeanSqrtLength => ("pool_mean_sqrt_length", COLUMNS),
            Pooling::WeightedMean => ("pool_weighted_mean", COLUMNS),
        };
        let arguments = vec![
            check.place("output", self.output, 4)?,
            check.place("states", self.states, self.element.bytes() as u64)?,
            check.ints("spans", self.spans)?,
            check.int("hidden", self.hidden)?,
            check.int("output stride", self.output_stride)?,
            column.into(),
        ];
        Ok(Launch {
            unit: Unit::new(Family::Pool, self.element),
            entry: entry.to_owned(),
            grid: check.grid(rows, self.hidden.div_ceil(columns))?,
            block: [COLUMNS as u32, PARTS as u32, 1],
            shared_bytes: 0,
            arguments,
        })
    }
}
