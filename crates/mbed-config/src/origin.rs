//! Where a value came from.

use std::fmt;
use std::path::PathBuf;

/// A layer of settings; a later one is stronger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Layer {
    /// What the types say.
    BuiltIn,
    /// A preset.
    Preset,
    /// The machine's file.
    System,
    /// The person's file.
    User,
    /// The project's file.
    Project,
    /// A file that was named, the first being 0.
    Named(usize),
    /// The environment.
    Environment,
    /// The command line.
    Flags,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BuiltIn => "built-in",
            Self::Preset => "preset",
            Self::System => "system",
            Self::User => "user",
            Self::Project => "project",
            Self::Named(_) => "named",
            Self::Environment => "environment",
            Self::Flags => "flags",
        })
    }
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// The types.
    Default,
    /// The preset of this name.
    Preset(String),
    /// A file.
    File(Place),
    /// The variable of this name.
    Environment(String),
    /// The flag of this name, with its hyphens.
    Flag(String),
}

/// A value in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// The line itself.
    pub text: String,
    /// The older name that the value has there, where it has one.
    pub alias: Option<String>,
}

impl Place {
    /// The line with its number, and a mark below the character.
    #[must_use]
    pub fn excerpt(&self) -> String {
        let Self { line, column, text, .. } = self;
        // Tabs stay tabs, so that the mark stands where it should however wide they are.
        let blank = |letter| if letter == '\t' { '\t' } else { ' ' };
        let mark: String = text.chars().take(column.saturating_sub(1)).map(blank).collect();
        let margin = " ".repeat(line.to_string().len());
        format!("{line} | {text}\n{margin} | {mark}^")
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.path.display(), self.line, self.column)?;
        self.alias.as_ref().map_or(Ok(()), |alias| write!(f, " ({alias})"))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Preset(name) => write!(f, "preset {name}"),
            Self::File(place) => place.fmt(f),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

impl Origin {
    /// The line of a file with a mark, on lines of its own; nothing for what is not in a file.
    pub(crate) fn excerpt(&self) -> String {
        match self {
            Self::File(place) => format!("\n{}", place.excerpt()),
            _ => String::new(),
        }
    }
}
