//! What happens to pooled vectors, in binary32.

use super::check::{Check, LaunchError};
use super::{Address, Argument, Element, Family, Launch, Unit};

/// Rows of a block, `WARPS` in `head.cu`.
pub(super) const ROWS_OF_BLOCK: usize = 4;

const UNIT: Unit = Unit::new(Family::Head, Element::F32);

/// Rows are divided by their length, which is taken as at least 1e-12, in place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalize {
    /// How many rows there are.
    pub rows: usize,
    /// Length of a row.
    pub width: usize,
    /// Binary32, `rows × width`.
    pub values: Address,
}

impl Normalize {
    /// The launch. Arguments: values; rows; width.
    ///
    /// # Errors
    /// There are no values, or their place is not aligned.
    pub fn launch(&self) -> Result<Launch, LaunchError> {
        let check = Check { kernel: "normalise" };
        let arguments = vec![
            check.place("values", self.values, 4)?,
            check.int("rows", self.rows)?,
            check.int("width", self.width)?,
        ];
        over_rows(check, check.kernel, self.rows, arguments)
    }
}

/// Whether vectors are made as long as 1 on their way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scaling {
    /// They stay as they are.
    Keep,
    /// They do, after they were shortened.
    UnitLength,
}

/// The first dimensions of each row, in the format in which they leave the device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Take {
    /// How many rows there are.
    pub rows: usize,
    /// Length of a row of the input.
    pub width: usize,
    /// Length of a row of the output, at most `width`.
    pub dimensions: usize,
    /// Whether they are scaled.
    pub scaling: Scaling,
    /// Binary32, `rows × width`.
    pub input: Address,
    /// `rows × dimensions`
    pub output: Address,
    /// The format of the output.
    pub output_element: Element,
}

impl Take {
    /// The launch. Arguments: output; input; 1 for unit length or 0; rows; width; dimensions.
    ///
    /// # Errors
    /// There are no values, there are more dimensions than a row has, or a place is not aligned.
    pub fn launch(&self) -> Result<Launch, LaunchError> {
        let check = Check { kernel: "take" };
        let dimensions = check.within("dimensions", self.dimensions, self.width)?;
        let arguments = vec![
            check.place("output", self.output, self.output_element.bytes() as u64)?,
            check.place("input", self.input, 4)?,
            i32::from(self.scaling == Scaling::UnitLength).into(),
            check.int("rows", self.rows)?,
            check.int("width", self.width)?,
            check.int("dimensions", dimensions)?,
        ];
        over_rows(check, &format!("take_{}", self.output_element), self.rows, arguments)
    }
}

/// `target += addend`, value by value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Add {
    /// How many values there are.
    pub count: usize,
    /// Binary32.
    pub target: Address,
    /// Binary32.
    pub addend: Address,
}

impl Add {
    /// The launch. Arguments: target; addend; count.
    ///
    /// # Errors
    /// There are no values, or a place is not aligned.
    pub fn launch(&self) -> Result<Launch, LaunchError> {
        let check = Check { kernel: "add" };
        let arguments = vec![
            check.place("target", self.target, 4)?,
            check.place("addend", self.addend, 4)?,
            check.long("count", self.count)?,
        ];
        let grid = check.grid(self.count.div_ceil(256), 1)?;
        Ok(Launch {
            unit: UNIT,
            entry: "add".to_owned(),
            grid,
            block: [256, 1, 1],
            shared_bytes: 0,
            arguments,
        })
    }
}

fn over_rows(
    check: Check,
    entry: &str,
    rows: usize,
    arguments: Vec<Argument>,
) -> Result<Launch, LaunchError> {
    let grid = check.grid(rows.div_ceil(ROWS_OF_BLOCK), 1)?;
    let block = [32 * ROWS_OF_BLOCK as u32, 1, 1];
    Ok(Launch { unit: UNIT, entry: entry.to_owned(), grid, block, shared_bytes: 0, arguments })
}
