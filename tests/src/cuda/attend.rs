//! Attention from the arguments of its launch.

use std::ops::Range;

use mbed_cuda::driver::DriverError;
use mbed_cuda::kernels::{Element, Launch};

use super::kernels::{Arguments, at};
use super::memory::{Doing, Memory, fault};
use super::state::sum_of_products;

/// What one launch is about.
struct Attention {
    element: Element,
    context: u64,
    /// 0 none, 1 slopes, 2 distances.
    table_kind: usize,
    table: u64,
    longest: usize,
    heads: usize,
    shared: usize,
    size: usize,
    scale: f32,
    before: usize,
    after: usize,
}

pub(super) fn attend(
    memory: &mut Memory,
    element: Element,
    launch: &Launch,
    (arguments, doing): (&mut Arguments<'_>, &Doing),
) -> Result<(), DriverError> {
    let (context, qkv) = (arguments.address()?, arguments.address()?);
    let (offsets, tiles) = (arguments.address()?, arguments.address()?);
    let attention = Attention {
        element,
        context,
        table_kind: arguments.count()?,
        table: arguments.address()?,
        longest: arguments.count()?,
        heads: arguments.count()?,
        shared: arguments.count()?,
        size: arguments.count()?,
        scale: arguments.number()?,
        before: arguments.count()?,
        after: arguments.count()?,
    };
    // The entry's name says how many queries a tile has: `attend_64`, `attend_32_any`.
    let queries = launch.entry.split('_').nth(1).and_then(|count| count.parse::<usize>().ok());
    let queries = queries.ok_or_else(|| fault(tiles, "is for a kernel whose name tells no tile"))?;
    for tile in 0..launch.grid[0] as u64 {
        let tile = memory.integers(tiles + 8 * tile, 2, doing)?;
        let (Ok(sequence), Ok(first)) = (u64::try_from(tile[0]), usize::try_from(tile[1])) else { continue };
        let ends = memory.integers(offsets + 4 * sequence, 2, doing)?;
        let ends: Vec<usize> = ends.into_iter().map(|end| usize::try_from(end).unwrap_or(0)).collect();
        let length = ends[1] - ends[0];
        let width = attention.width();
        let rows = memory.values((element, at(qkv, ends[0], width, element)), length * width, doing)?;
        for query in first..length.min(first + queries) {
            for head in 0..launch.grid[1] as usize {
                attention.row(memory, (ends[0], &rows), (query, head), doing)?;
            }
        }
    }
    Ok(())
}

impl Attention {
    /// What a token has: queries, then keys, then values.
    const fn width(&self) -> usize {
        (self.heads + 2 * self.shared) * self.size
    }

    fn vector<'a>(&self, rows: &'a [f32], token: usize, column: usize) -> &'a [f32] {
        let first = token * self.width() + column * self.size;
        &rows[first..first + self.size]
    }

    /// The context of one query of one head, among the rows of its sequence.
    fn row(
        &self,
        memory: &mut Memory,
        (start, rows): (usize, &[f32]),
        (query, head): (usize, usize),
        doing: &Doing,
    ) -> Result<(), DriverError> {
        let length = rows.len() / self.width();
        let group = head / (self.heads / self.shared);
        let q = self.vector(rows, query, head);
        let keys = query.saturating_sub(self.before)..length.min(query + self.after + 1);
        let added = self.added(memory, head, (query, keys.clone()), doing)?;
        let scores = keys.clone().zip(added).map(|(key, added)| {
            let k = self.vector(rows, key, self.heads + group);
            sum_of_products(q, k) * self.scale + added
        });
        let scores: Vec<f32> = scores.collect();
        let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let weights: Vec<f32> = scores.iter().map(|score| (score - largest).exp()).collect();
        let total: f32 = weights.iter().sum();
        let mut context = vec![0.0; self.size];
        for (key, weight) in keys.zip(weights) {
            let v = self.vector(rows, key, self.heads + self.shared + group);
            context.iter_mut().zip(v).for_each(|(context, v)| *context += weight / total * v);
        }
        let place = at(self.context, start + query, self.heads * self.size, self.element)
            + (head * self.size * self.element.bytes()) as u64;
        memory.put((self.element, place), &context, doing)
    }

    /// What is added to the scores of a query.
    fn added(
        &self,
        memory: &mut Memory,
        head: usize,
        (query, keys): (usize, Range<usize>),
        doing: &Doing,
    ) -> Result<Vec<f32>, DriverError> {
        let mut numbers =
            |index: usize, count| memory.values((Element::F32, self.table + 4 * index as u64), count, doing);
        match self.table_kind {
            0 => Ok(vec![0.0; keys.len()]),
            1 => {
                let slope = numbers(head, 1)?[0];
                Ok(keys.map(|key| -slope * query.abs_diff(key) as f32).collect())
            }
            _ => {
                let row = head * (2 * self.longest - 1);
                numbers(row + self.longest - 1 + keys.start - query, keys.len())
            }
        }
    }
}
