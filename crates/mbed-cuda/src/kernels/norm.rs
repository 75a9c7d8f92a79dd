//! Norms as kernels take them, and which threads hold a row.

use mbed_core::spec::NormKind;

use super::check::{Check, LaunchError, alignment};
use super::{Address, Argument, Element};

/// A norm. Scale and shift are binary32, one number a column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Norm {
    /// What it computes.
    pub kind: NormKind,
    /// The scale, with what the model adds to it.
    pub scale: Address,
    /// What is added.
    pub shift: Option<Address>,
    /// Added to the variance, or to the mean of squares, before its root.
    pub epsilon: f32,
}

/// Numbers that `row.cu` and `place.cu` know norms by.
const NONE: i32 = 0;
const LAYER: i32 = 1;
const RMS: i32 = 2;

/// What is read in four steps of four bytes.
const SCALES_ALIGNMENT: u64 = alignment(Element::F32, 4);

impl Norm {
    /// Kind, scale, shift and epsilon of a norm that may be absent.
    pub(super) fn arguments(norm: Option<&Self>, check: Check) -> Result<[Argument; 4], LaunchError> {
        let Some(norm) = norm else {
            return Ok([NONE.into(), Argument::Address(0), Argument::Address(0), 0.0.into()]);
        };
        Ok([
            kind(Some(norm), check)?,
            check.place("scale of a norm", norm.scale, SCALES_ALIGNMENT)?,
            check.optional("shift of a norm", norm.shift, SCALES_ALIGNMENT)?,
            norm.epsilon.into(),
        ])
    }
}

/// The number of what a norm computes.
pub(super) fn kind(norm: Option<&Norm>, check: Check) -> Result<Argument, LaunchError> {
    let number = match norm.map(|norm| norm.kind) {
        None => NONE,
        Some(NormKind::Layer) => LAYER,
        Some(NormKind::Rms) => RMS,
        Some(_) => return Err(check.unknown("norm")),
    };
    Ok(number.into())
}

/// Which threads hold a row, and how many values they read at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RowForm {
    /// The end of the entry's name.
    pub(super) suffix: &'static str,
    /// Threads of a row.
    pub(super) threads: usize,
    /// Rows of a block.
    pub(super) rows: usize,
    /// Values that are read at a time.
    pub(super) step: usize,
    /// Values that a thread holds: `HELD` in `row.cu`.
    pub(super) held: usize,
}

impl RowForm {
    pub(super) const ALL: [Self; 4] = [
        Self { suffix: "_warp4", threads: 32, rows: 4, step: 4, held: 32 },
        Self { suffix: "_block4", threads: 256, rows: 1, step: 4, held: 32 },
        Self { suffix: "_warp1", threads: 32, rows: 4, step: 1, held: 8 },
        Self { suffix: "_block1", threads: 256, rows: 1, step: 1, held: 8 },
    ];

    /// The first form that holds rows of `width`.
    pub(super) fn of(check: Check, width: usize) -> Result<Self, LaunchError> {
        let step = if width.is_multiple_of(4) { 4 } else { 1 };
        let fitting = Self::ALL.into_iter().filter(|form| form.step == step);
        let longest = fitting.clone().map(Self::longest).max().unwrap_or_default();
        check.within("width", width, longest)?;
        fitting.into_iter().find(|form| width <= form.longest()).ok_or(LaunchError::TooLarge {
            kernel: check.kernel,
            what: "width",
            value: width,
            limit: longest,
        })
    }

    /// The longest row that fits.
    pub(super) const fn longest(self) -> usize {
        self.threads * self.held
    }

    pub(super) fn block(self) -> [u32; 3] {
        [u32::try_from(self.threads * self.rows).unwrap_or(u32::MAX), 1, 1]
    }

    /// The alignment of rows.
    pub(super) const fn alignment(self, element: Element) -> u64 {
        alignment(element, self.step)
    }
}
