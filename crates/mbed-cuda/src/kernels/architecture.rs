//! What a card is compiled for.

use std::fmt;

use super::Element;

/// A card's compute capability, and whether code may use what that one alone has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Architecture {
    /// The generation: 7 is Volta and Turing, 8 Ampere and Ada, 9 Hopper, 10 and 12 Blackwell.
    pub major: u32,
    /// The step within it.
    pub minor: u32,
    /// Which instructions there are.
    pub features: Features,
}

/// Which instructions code may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Features {
    /// Those that later steps have too.
    Common,
    /// All of this step's, `a` in its name.
    Own,
}

impl Architecture {
    /// Those that every kernel is compiled for in tests.
    pub const TESTED: [Self; 8] = [
        Self::new(7, 5),
        Self::new(8, 0),
        Self::new(8, 6),
        Self::new(8, 9),
        Self::new(9, 0),
        Self { major: 9, minor: 0, features: Features::Own },
        Self::new(10, 0),
        Self::new(12, 0),
    ];

    /// The architecture of a card with this compute capability.
    #[must_use]
    pub const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor, features: Features::Common }
    }

    /// Whether kernels compute in `element` on it: bfloat16 came with 8.0, and below 7.5 there is no product on tensor
    /// cores that they could use.
    #[must_use]
    pub const fn supports(self, element: Element) -> bool {
        match element {
            Element::F32 => true,
            Element::F16 => self.major > 7 || self.major == 7 && self.minor >= 5,
            Element::Bf16 => self.major >= 8,
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let own = match self.features {
            Features::Common => "",
            Features::Own => "a",
        };
        write!(f, "sm_{}{}{own}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_compilers_take() {
        let names: Vec<_> = Architecture::TESTED.iter().map(ToString::to_string).collect();
        let expected = ["sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_90a", "sm_100", "sm_120"];
        assert_eq!(names, expected);
    }

    #[test]
    fn formats_are_refused_where_instructions_are_missing() {
        let check = |major, minor, expected: [bool; 3]| {
            let architecture = Architecture::new(major, minor);
            assert_eq!(
                Element::ALL.map(|element| architecture.supports(element)),
                expected,
                "{architecture}"
            );
        };
        check(7, 0, [true, false, false]);
        check(7, 5, [true, true, false]);
        check(8, 0, [true, true, true]);
        check(12, 0, [true, true, true]);
    }
}
