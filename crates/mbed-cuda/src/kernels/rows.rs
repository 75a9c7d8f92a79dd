//! Kernels over rows: first states, norms, and the sums around them.

use super::check::{Check, LaunchError};
use super::norm::{Norm, RowForm};
use super::{Address, Argument, Element, Family, Launch, Unit};

/// Rows of a table that are looked up, one a token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Indexed {
    /// The table, `rows × width`.
    pub table: Address,
    /// Numbers of its rows, 32-bit integers.
    pub rows: Address,
}

/// `output = norm(scale · tokens[id] + segments[segment] + positions[position])`, in this order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Embed {
    /// The format of tables and output.
    pub element: Element,
    /// How many tokens there are.
    pub tokens: usize,
    /// Length of an embedding.
    pub width: usize,
    /// Token embeddings.
    pub table: Indexed,
    /// What token embeddings are multiplied by.
    pub scale: f32,
    /// Segment embeddings.
    pub segments: Option<Indexed>,
    /// Position embeddings.
    pub positions: Option<Indexed>,
    /// The norm of the sum.
    pub norm: Option<Norm>,
    /// The states, `tokens × width`.
    pub output: Address,
}

impl Embed {
    /// The launch. Arguments: output; rows and table of tokens; rows and table of segments; rows and table of
    /// positions; scale; kind, scale, shift and epsilon of the norm; tokens; width.
    ///
    /// # Errors
    /// There are no tokens, a row is too long, or a place is not aligned.
    pub fn launch(&self) -> Result<Launch, LaunchError> {
        let check = Check { kernel: "embed" };
        let form = RowForm::of(check, self.width)?;
        let alignment = form.alignment(self.element);
        let table = |what, indexed: Option<Indexed>| -> Result<[Argument; 2], LaunchError> {
            Ok([
                check.optional("row numbers", indexed.map(|found| found.rows), 4)?,
                check.optional(what, indexed.map(|found| found.table), alignment)?,
            ])
        };
        let mut arguments = vec![check.place("output", self.output, alignment)?];
        arguments.extend(table("token table", Some(self.table))?);
        arguments.extend(table("segment table", self.segments)?);
        arguments.extend(table("position table", self.positions)?);
        arguments.push(self.scale.into());
        arguments.extend(Norm::arguments(self.norm.as_ref(), check)?);
        arguments.extend([check.int("tokens", self.tokens)?, check.int("width", self.width)?]);
        let unit = Unit::new(Family::Embed, self.element);
        over_rows(check, unit, form, (self.tokens, arguments))
    }
}

/// `output = norm(input)`, row by row; both may be the same place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RowNorm {
    /// The format of input and output.
    pub element: Element,
    /// How many rows there are.
    pub rows: usize,
    /// Length of a row.
    pub width: usize,
    /// The norm.
    pub norm: Norm,
    /// `rows × width`
    pub input: Address,
    /// `rows × width`
    pub output: Address,
}

impl RowNorm {
    /// The launch: [`ResidualNorm`]'s kernel without a stream.
    ///
    /// # Errors
    /// There are no rows, a row is too long, or a place is not aligned.
    pub fn launch(&self) -> Result<Launch, LaunchError> {
        let Self { element, rows, width, norm, input, output } = *self;
        residual(element, [rows, width], None, (input, None), (None, Some((norm, output))))
    }
}

/// `s = stream + inner(addend)`, then `sum = s` and `output = outer(s)`.
///
/// Norms after: an outer one into the stream. Norms before: the sum into the stream, and the next part's norm outside.
/// Norms around: this part's second norm inside, the next part's first outside. Places may be the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ResidualNorm {
    /// The format of all places.
    pub element: Element,
    /// How many rows there are.
    pub rows: usize,
    /// Length of a row.
    pub width: usize,
    /// The states so far, `rows × width`.
    pub stream: Address,
    /// What a part of a layer adds, `rows × width`.
    pub addend: Address,
    /// The norm of what is added.
    pub inner: Option<Norm>,
    /// Where the sum goes.
    pub sum: Option<Address>,
    /// The norm of the sum, and where that goes.
    pub outer: Option<(Norm, Address)>,
}

impl ResidualNorm {
    /// The launch. Arguments: stream; addend; kind, scale, shift and epsilon of the inner norm; sum; the same four of
    /// the outer norm; output; rows; width.
    ///
    /// # Errors
    /// There are no rows, a row is too long, or a place is not aligned.
    pub fn launch(&self) -> Result<Launch, LaunchError> {
        let Self { element, rows, width, stream, addend, inner, sum, outer } = *self;
        residual(element, [rows, width], Some(stream), (addend, inner), (sum, outer))
    }
}

fn residual(
    element: Element,
    [rows, width]: [usize; 2],
    stream: Option<Address>,
    (addend, inner): (Address, Option<Norm>),
    (sum, outer): (Option<Address>, Option<(Norm, Address)>),
) -> Result<Launch, LaunchError> {
    let check = Check { kernel: "residual" };
    let form = RowForm::of(check, width)?;
    let alignment = form.alignment(element);
    let mut arguments =
        vec![check.optional("stream", stream, alignment)?, check.place("addend", addend, alignment)?];
    arguments.extend(Norm::arguments(inner.as_ref(), check)?);
    arguments.push(check.optional("sum", sum, alignment)?);
    arguments.extend(Norm::arguments(outer.map(|(norm, _)| norm).as_ref(), check)?);
    arguments.push(check.optional("output", outer.map(|(_, output)| output), alignment)?);
    arguments.extend([check.int("rows", rows)?, check.int("width", width)?]);
    over_rows(check, Unit::new(Family::Norm, element), form, (rows, arguments))
}

fn over_rows(
    check: Check,
    unit: Unit,
    form: RowForm,
    (rows, arguments): (usize, Vec<Argument>),
) -> Result<Launch, LaunchError> {
    Ok(Launch {
        unit,
        entry: format!("{}{}", check.kernel, form.suffix),
        grid: check.grid(rows.div_ceil(form.rows), 1)?,
        block: form.block(),
        shared_bytes: 0,
        arguments,
    })
}
