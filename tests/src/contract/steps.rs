//! Steps that cases share.

use mbed_core::{Batch, Embeddings, Session, Token};

use crate::Failure;

/// A batch of these sequences, each pooled over the whole of it.
pub(super) fn batch_of<'a>(sequences: impl IntoIterator<Item = &'a Vec<Token>>) -> Batch {
    let mut batch = Batch::new();
    for tokens in sequences {
        batch.push(tokens);
    }
    batch
}

/// Embeds into a new buffer, and proves that it has the promised shape.
pub(super) fn embed(session: &mut dyn Session, batch: &Batch) -> Result<Embeddings, Failure> {
    let mut output = Embeddings::new();
    embed_into(session, batch, &mut output)?;
    Ok(output)
}

/// Embeds, and proves that the result has the promised shape.
pub(super) fn embed_into(
    session: &mut dyn Session,
    batch: &Batch,
    output: &mut Embeddings,
) -> Result<(), Failure> {
    session.embed(batch, output)?;
    let got = (output.rows(), output.dimensions(), output.values().len());
    let (rows, dimensions) = (batch.rows(), session.capabilities().dimensions);
    if got == (rows, dimensions, rows * dimensions) {
        return Ok(());
    }
    let (got_rows, got_dimensions, values) = got;
    Err(Failure::new(format!(
        "{got_rows} × {got_dimensions} vectors ({values} values), expected {rows} × {dimensions}"
    )))
}

/// Rows with these numbers, in this order.
pub(super) fn rows(matrix: &Embeddings, numbers: impl IntoIterator<Item = usize>) -> Embeddings {
    stack(numbers.into_iter().filter_map(|row| matrix.get(row)).map(<[f32]>::to_vec).collect())
}

/// Vectors of one length as a matrix.
pub(super) fn stack(vectors: Vec<Vec<f32>>) -> Embeddings {
    let mut matrix = Embeddings::new();
    matrix.reset(vectors.len(), vectors.first().map_or(0, Vec::len));
    for (row, vector) in vectors.into_iter().enumerate() {
        if let Some(place) = matrix.get_mut(row) {
            place.copy_from_slice(&vector);
        }
    }
    matrix
}

/// The part of the bench's sequences that cases use which run many batches: the shortest, the longest, and a few
/// in between.
pub(super) fn selection(sequences: &[Vec<Token>]) -> Vec<Vec<Token>> {
    let mut sorted: Vec<Vec<Token>> = sequences.iter().filter(|tokens| !tokens.is_empty()).cloned().collect();
    sorted.sort_by_key(Vec::len);
    sorted.dedup_by_key(|tokens| tokens.len());
    let last = sorted.len().saturating_sub(1);
    let mut chosen: Vec<usize> = [0, last / 4, last / 2, last].to_vec();
    chosen.dedup();
    chosen.into_iter().filter_map(|place| sorted.get(place).cloned()).collect()
}
