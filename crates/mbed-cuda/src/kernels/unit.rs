//! What is compiled at a time.

use std::fmt;

use super::{Architecture, Element, sources};

/// One source with its options, which becomes one module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Unit {
    /// Which source.
    pub family: Family,
    /// What `Element` is in it.
    pub element: Element,
}

/// A source, with what is chosen when it is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Family {
    /// First states.
    Embed,
    /// Norms and the sums around them.
    Norm,
    /// Functions of single values, and gates.
    Activation,
    /// Norms and rotations of queries and keys.
    Place,
    /// Attention on tensor cores.
    AttentionTiles {
        /// Length of a head: one of [`AttentionShape::TILED`](super::AttentionShape::TILED).
        head_size: usize,
        /// Whether something is added to scores.
        scores: Scores,
    },
    /// Attention for every head size.
    AttentionAny,
    /// Pooling.
    Pool,
    /// What happens to pooled vectors, always in binary32.
    Head,
    /// From one format to another: all pairs of them.
    Convert,
}

/// Whether something is added to scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scores {
    /// Nothing is.
    Plain,
    /// Something is.
    WithTable,
}

impl Unit {
    /// A source for one format.
    #[must_use]
    pub const fn new(family: Family, element: Element) -> Self {
        Self { family, element }
    }

    /// Every unit there is.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let families = [Family::Embed, Family::Norm, Family::Activation, Family::Place, Family::AttentionAny];
        let mut units: Vec<_> = families
            .into_iter()
            .chain([Family::Pool])
            .flat_map(|family| Element::ALL.map(|element| Self::new(family, element)))
            .collect();
        for head_size in super::AttentionShape::TILED {
            for scores in [Scores::Plain, Scores::WithTable] {
                let family = Family::AttentionTiles { head_size, scores };
                units.extend([Element::F16, Element::Bf16].map(|element| Self::new(family, element)));
            }
        }
        units.extend([Family::Head, Family::Convert].map(|family| Self::new(family, Element::F32)));
        units
    }

    /// Whether it can be compiled for `architecture`.
    #[must_use]
    pub const fn runs_on(self, architecture: Architecture) -> bool {
        architecture.supports(self.element)
    }

    /// Its text.
    #[must_use]
    pub const fn source(self) -> &'static str {
        match self.family {
            Family::Embed => sources::EMBED,
            Family::Norm => sources::NORM,
            Family::Activation => sources::ACTIVATION,
            Family::Place => sources::PLACE,
            Family::AttentionTiles { .. } => sources::ATTENTION_TILES,
            Family::AttentionAny => sources::ATTENTION_ANY,
            Family::Pool => sources::POOL,
            Family::Head => sources::HEAD,
            Family::Convert => sources::CONVERT,
        }
    }

    /// What the compiler is told besides the architecture.
    #[must_use]
    pub fn options(self) -> Vec<String> {
        let mut options = vec!["--std=c++17".to_owned(), self.element.option().to_owned()];
        if let Family::AttentionTiles { head_size, scores } = self.family {
            options.push(format!("-DHEAD_SIZE={head_size}"));
            if scores == Scores::WithTable {
                options.push("-DWITH_TABLE".to_owned());
            }
        }
        options
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let element = self.element;
        match self.family {
            Family::Embed => write!(f, "embed_{element}"),
            Family::Norm => write!(f, "norm_{element}"),
            Family::Activation => write!(f, "activation_{element}"),
            Family::Place => write!(f, "place_{element}"),
            Family::AttentionTiles { head_size, scores: Scores::Plain } => {
                write!(f, "attention_{element}_{head_size}")
            }
            Family::AttentionTiles { head_size, scores: Scores::WithTable } => {
                write!(f, "attention_{element}_{head_size}_table")
            }
            Family::AttentionAny => write!(f, "attention_{element}_any"),
            Family::Pool => write!(f, "pool_{element}"),
            Family::Head => f.write_str("head"),
            Family::Convert => f.write_str("convert"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_unit_has_a_name_of_its_own() {
        let units = Unit::all();
        let names: BTreeSet<_> = units.iter().map(ToString::to_string).collect();
        assert_eq!(names.len(), units.len());
        // Six sources in three formats, sixteen of attention on tensor cores, and two more.
        assert_eq!(units.len(), 6 * 3 + 16 + 2);
    }

    #[test]
    fn what_is_compiled_tells_units_apart() {
        let inputs: BTreeSet<_> = Unit::all().iter().map(|unit| (unit.source(), unit.options())).collect();
        assert_eq!(inputs.len(), Unit::all().len());
    }
}
