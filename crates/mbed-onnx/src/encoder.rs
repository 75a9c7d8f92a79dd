//! A loaded graph from tokens to states, or all the way to vectors.

use mbed_core::BackendError;
use ort::session::Session;
use ort::value::{Outlet, TensorElementType, ValueType};

use crate::binding::{Binding, Column};
use crate::errors::{DEVICE, OpenResult, failed, unsupported};
use crate::export::{ATTENTION_MASK, INPUT_IDS, LAST_HIDDEN_STATE, SENTENCE_EMBEDDING, TOKEN_TYPE_IDS};
use crate::group::Places;

/// What models with tables of positions are given where their exporter left counting to the caller.
const POSITION_IDS: &str = "position_ids";

/// What outputs with the states of tokens are called, by transformers and by sentence-transformers.
const STATES: [&str; 2] = [LAST_HIDDEN_STATE, "token_embeddings"];

/// For how many shapes buffers are kept: groups of a batch go from long to short, so the same shapes come one after the
/// other. At the most places and 1024 values each, four take 64 MiB.
const MOST_BINDINGS: usize = 4;

/// A loaded graph with what it takes and gives.
pub(crate) struct Encoder {
    session: Session,
    inputs: Vec<(String, Column)>,
    output: String,
    pub(crate) gives: Gives,
    /// How long each row of the output is.
    width: usize,
    /// Buffers of the last shapes, the last one last.
    bindings: Vec<Binding>,
}

/// What a graph gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gives {
    /// The states of tokens, `sequences × length × hidden`.
    States,
    /// Vectors, `sequences × dimensions`, so many dimensions.
    Vectors(usize),
}

impl Encoder {
    /// Looks at what a graph takes and gives. States must be `hidden` long.
    ///
    /// # Errors
    /// It wants something that there is not, or gives nothing that is understood.
    pub(crate) fn inspect(session: Session, hidden: usize) -> OpenResult<Self> {
        let inputs: OpenResult<Vec<_>> = session.inputs().iter().map(column).collect();
        let inputs = inputs?;
        if !inputs.iter().any(|(_, column)| *column == Column::Ids) {
            return Err(unsupported(format!("its graph has no input `{INPUT_IDS}`")));
        }
        let (output, gives) = output(session.outputs(), hidden)?;
        let width = match gives {
            Gives::States => hidden,
            Gives::Vectors(width) => width,
        };
        Ok(Self { session, inputs, output, gives, width, bindings: Vec::new() })
    }

    /// Whether it looks at segments.
    pub(crate) fn has_segments(&self) -> bool {
        self.inputs.iter().any(|(_, column)| *column == Column::TypeIds)
    }

    /// Runs a group, and hands over what came out. Inputs and outputs lie in buffers that are kept for the next group of
    /// the same shape.
    pub(crate) fn run(
        &mut self,
        places: &Places,
        shape: [usize; 2],
        take: impl FnOnce(&[f32]),
    ) -> Result<(), BackendError> {
        let kept = self.bindings.iter().position(|binding| binding.shape() == shape);
        let mut binding = match kept {
            Some(at) => self.bindings.remove(at),
            None => {
                let rows = match self.gives {
                    Gives::States => &shape[..],
                    Gives::Vectors(_) => &shape[..1],
                };
                let output = [rows, &[self.width]].concat();
                Binding::new(&self.session, (&self.inputs, shape), (&self.output, &output)).map_err(failed)?
            }
        };
        binding.run(&mut self.session, places, |outputs| {
            take(extract(outputs, &self.output)?);
            Ok(())
        })?;
        if self.bindings.len() >= MOST_BINDINGS {
            self.bindings.remove(0);
        }
        self.bindings.push(binding);
        Ok(())
    }

    /// Lets go of buffers.
    pub(crate) fn trim(&mut self) {
        self.bindings = Vec::new();
    }
}

/// The values of the output called `name`.
pub(crate) fn extract<'a>(
    outputs: &'a ort::session::SessionOutputs<'_>,
    name: &str,
) -> Result<&'a [f32], BackendError> {
    let missing = || BackendError::Failed { device: DEVICE, source: format!("no output `{name}`").into() };
    let (_, values) = outputs.get(name).ok_or_else(missing)?.try_extract_tensor::<f32>().map_err(failed)?;
    Ok(values)
}

fn column(input: &Outlet) -> OpenResult<(String, Column)> {
    let name = input.name();
    let column = match name {
        INPUT_IDS => Column::Ids,
        ATTENTION_MASK => Column::Mask,
        TOKEN_TYPE_IDS => Column::TypeIds,
        POSITION_IDS => Column::Positions,
        _ => return Err(unsupported(format!("its graph wants an input `{name}`, which there is none for"))),
    };
    match input.dtype() {
        ValueType::Tensor { ty: TensorElementType::Int64, .. } => Ok((name.to_owned(), column)),
        other => Err(unsupported(format!("its graph wants `{name}` as `{other}`, not as 64-bit integers"))),
    }
}

/// The output to take: states where there are any, else vectors.
fn output(outputs: &[Outlet], hidden: usize) -> OpenResult<(String, Gives)> {
    let named = |name: &str| outputs.iter().find(|output| output.name() == name);
    if let Some(states) = STATES.iter().find_map(|name| named(name)) {
        let name = states.name();
        return match *shape(states)? {
            [.., width] if width == hidden as i64 || width < 0 => Ok((name.to_owned(), Gives::States)),
            [.., width] => Err(unsupported(format!(
                "its graph gives states of {width} values in `{name}`, its settings say {hidden}"
            ))),
            [] => Err(unsupported(format!("its graph gives a single number in `{name}`"))),
        };
    }
    let Some(vectors) = named(SENTENCE_EMBEDDING) else {
        let names: Vec<String> = outputs.iter().map(|output| format!("`{}`", output.name())).collect();
        return Err(unsupported(format!(
            "its graph gives {}, none of which is known to be states or vectors",
            names.join(", ")
        )));
    };
    match *shape(vectors)? {
        [_, width] if width > 0 => Ok((SENTENCE_EMBEDDING.to_owned(), Gives::Vectors(width as usize))),
        ref other => Err(unsupported(format!("its graph gives vectors of the shape {other:?}"))),
    }
}

fn shape(output: &Outlet) -> OpenResult<&[i64]> {
    match output.dtype() {
        ValueType::Tensor { ty: TensorElementType::Float32, shape, .. } => Ok(shape),
        other => {
            Err(unsupported(format!("its graph gives `{}` as `{other}`, not in binary32", output.name())))
        }
    }
}
