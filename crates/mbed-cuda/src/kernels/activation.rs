//! Functions of single values.

use mbed_core::spec::Activation;

use super::check::{Check, LaunchError, VECTOR_BYTES, alignment};
use super::{Address, Argument, Element, Family, Launch, Unit};

/// Threads of a block.
pub(super) const THREADS: usize = 128;

/// `values = function(values + bias)`, in place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Activate {
    /// The format of values and bias.
    pub element: Element,
    /// The function.
    pub function: Activation,
    /// How many rows there are.
    pub rows: usize,
    /// Length of a row.
    pub width: usize,
    /// What is added first, one number a column.
    pub bias: Option<Address>,
    /// `rows × width`
    pub values: Address,
}

impl Activate {
    /// The launch. Arguments: values; bias; width.
    ///
    /// # Errors
    /// There are no values, a row is too long, or a place is not aligned.
    pub fn launch(&self) -> Result<Launch, LaunchError> {
        let form = Form::of(Check { kernel: "activate" }, self.element, self.width);
        let arguments = vec![
            form.place("values", self.values)?,
            form.optional("bias", self.bias)?,
            form.check.int("width", self.width)?,
        ];
        form.launch(self.function, [self.rows, self.width], arguments)
    }
}

/// `output = function(gate + bias) · (up + bias)`, where a row of the input holds the gate and then `up`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gate {
    /// The format of all places.
    pub element: Element,
    /// The function.
    pub function: Activation,
    /// How many rows there are.
    pub rows: usize,
    /// Length of a row of the output.
    pub width: usize,
    /// What is added first, `2 · width` numbers.
    pub bias: Option<Address>,
    /// `rows × 2 · width`
    pub input: Address,
    /// `rows × width`
    pub output: Address,
}

impl Gate {
    /// The launch. Arguments: output; input; bias; width.
    ///
    /// # Errors
    /// There are no values, a row is too long, or a place is not aligned.
    pub fn launch(&self) -> Result<Launch, LaunchError> {
        let form = Form::of(Check { kernel: "gate" }, self.element, self.width);
        let width = form.check.within("width", self.width, LONGEST_GATE)?;
        let arguments = vec![
            form.place("output", self.output)?,
            form.place("input", self.input)?,
            form.optional("bias", self.bias)?,
            form.check.int("width", width)?,
        ];
        form.launch(self.function, [self.rows, width], arguments)
    }
}

/// The kernel adds a row's width to a column in 32 bits.
const LONGEST_GATE: usize = i32::MAX as usize / 2;

/// How many values a thread has.
#[derive(Clone, Copy, Debug)]
struct Form {
    check: Check,
    element: Element,
    step: usize,
    suffix: &'static str,
}

impl Form {
    const fn of(check: Check, element: Element, width: usize) -> Self {
        let wide = VECTOR_BYTES as usize / element.bytes();
        if width.is_multiple_of(wide) {
            return Self { check, element, step: wide, suffix: "_wide" };
        }
        Self { check, element, step: 1, suffix: "_one" }
    }

    fn place(self, what: &'static str, address: Address) -> Result<Argument, LaunchError> {
        self.check.place(what, address, alignment(self.element, self.step))
    }

    fn optional(self, what: &'static str, address: Option<Address>) -> Result<Argument, LaunchError> {
        self.check.optional(what, address, alignment(self.element, self.step))
    }

    fn launch(
        self,
        function: Activation,
        [rows, width]: [usize; 2],
        arguments: Vec<Argument>,
    ) -> Result<Launch, LaunchError> {
        let rows = self.check.within("rows", rows, i32::MAX as usize)?;
        let function = name(self.check, function)?;
        Ok(Launch {
            unit: Unit::new(Family::Activation, self.element),
            entry: format!("{}_{function}{}", self.check.kernel, self.suffix),
            grid: self.check.grid(rows, width.div_ceil(self.step * THREADS))?,
            block: [THREADS as u32, 1, 1],
            shared_bytes: 0,
            arguments,
        })
    }
}

/// What `activation.cu` calls a function.
fn name(check: Check, function: Activation) -> Result<&'static str, LaunchError> {
    Ok(match function {
        Activation::Identity => "identity",
        Activation::Gelu => "gelu",
        Activation::GeluTanh => "gelu_tanh",
        Activation::Relu => "relu",
        Activation::Silu => "silu",
        Activation::Tanh => "tanh",
        Activation::Sigmoid => "sigmoid",
        _ => return Err(check.unknown("activation")),
    })
}
