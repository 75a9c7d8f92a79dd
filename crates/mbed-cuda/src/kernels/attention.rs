//! Attention over packed sequences.

use mbed_core::spec::Reach;

use super::check::{Check, LaunchError, VECTOR_BYTES};
use super::{Address, Argument, AttentionShape, Launch, Scores};

/// A reach of more is one of all tokens: sums with places of tokens stay within 31 bits.
const FARTHEST: usize = (1 << 29) - 1;

/// What is added to scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ScoreTable {
    /// Nothing.
    None,
    /// Minus the distance times the head's slope: binary32, `heads`.
    Slopes(Address),
    /// A number for each head and distance: binary32, `heads × (2 · longest - 1)`. Number `longest - 1 + key - query`
    /// of a head is for that pair; no sequence is longer than `longest`.
    Distances {
        /// The numbers.
        values: Address,
        /// The longest sequence that there are numbers for.
        longest: usize,
    },
}

/// `softmax(scale · q kᵀ + table) v` of every head in every sequence, over the tokens within reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attention {
    /// The kernel and its tiles.
    pub shape: AttentionShape,
    /// Heads of queries.
    pub heads: usize,
    /// Heads of keys and values, a divisor of `heads`.
    pub key_value_heads: usize,
    /// What products of queries and keys are multiplied by.
    pub scale: f32,
    /// The tokens that a token looks at.
    pub reach: Reach,
    /// What is added to scores.
    pub table: ScoreTable,
    /// Where sequences begin, 32-bit integers, one more than there are sequences.
    pub offsets: Address,
    /// What [`AttentionShape::tiles`] lists.
    pub tiles: Address,
    /// How many tiles there are.
    pub tile_count: usize,
    /// A token's queries, keys and values, `(heads + 2 · key_value_heads) · head_size` a row.
    pub qkv: Address,
    /// `tokens × heads · head_size`
    pub context: Address,
}

impl Attention {
    /// The launch. Arguments: context; queries, keys and values; offsets; tiles; kind of the table (0 none, 1 slopes,
    /// 2 distances), the table, its longest distance; heads; heads of keys; head size; scale; tokens before; tokens
    /// after.
    ///
    /// # Errors
    /// There are no tiles, heads do not divide, a table is too long, or a place is not aligned.
    pub fn launch(&self) -> Result<Launch, LaunchError> {
        let check = Check { kernel: "attend" };
        let key_value_heads = check.within("heads of keys", self.key_value_heads, self.heads)?;
        check.multiple("heads", self.heads, key_value_heads)?;
        // The kernel finds a head's columns in 32 bits.
        let width = (self.heads + 2 * key_value_heads).saturating_mul(self.shape.head_size());
        check.within("width of a row", width, i32::MAX as usize)?;
        let mut arguments = vec![
            check.place("context", self.context, VECTOR_BYTES)?,
            check.place("queries, keys and values", self.qkv, VECTOR_BYTES)?,
            check.ints("offsets", self.offsets)?,
            check.place("tiles", self.tiles, 8)?,
        ];
        arguments.extend(self.table_arguments(check)?);
        arguments.extend([
            check.int("heads", self.heads)?,
            check.int("heads of keys", key_value_heads)?,
            check.int("head size", self.shape.head_size())?,
            self.scale.into(),
            reach(self.reach.before),
            reach(self.reach.after),
        ]);
        let scores = match self.table {
            ScoreTable::None => Scores::Plain,
            _ => Scores::WithTable,
        };
        let (entry, threads, shared) = self.shape.entry();
        let narrow = |count| u32::try_from(count).unwrap_or(u32::MAX);
        Ok(Launch {
            unit: self.shape.unit(scores),
            entry,
            grid: check.grid(self.tile_count, self.heads)?,
            block: [narrow(threads), 1, 1],
            shared_bytes: narrow(shared),
            arguments,
        })
    }

    fn table_arguments(&self, check: Check) -> Result<[Argument; 3], LaunchError> {
        Ok(match self.table {
            ScoreTable::None => [0.into(), Argument::Address(0), 0.into()],
            ScoreTable::Slopes(slopes) => [1.into(), check.place("slopes", slopes, 4)?, 0.into()],
            ScoreTable::Distances { values, longest } => {
                let longest = check.within("longest distance", longest, FARTHEST)?;
                [2.into(), check.place("table", values, 4)?, check.int("longest distance", longest)?]
            }
        })
    }
}

fn reach(tokens: usize) -> Argument {
    i32::try_from(tokens.min(FARTHEST)).map_or(Argument::I32(i32::MAX), Argument::I32)
}
