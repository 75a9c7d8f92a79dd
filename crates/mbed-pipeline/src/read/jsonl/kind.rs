//! What the values of a key have in common.

use arrow_schema::DataType;

use super::object::unescape;

/// What the values of a key have in common: the least kind that holds all of them.
///
/// `Null` is below all others, `Json` above, and `Integer` is below `Float` where no digit is lost by that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing but nulls so far.
    Null,
    /// Booleans.
    Bool,
    /// Whole numbers of 64 bits.
    Integer(Fit),
    /// Numbers.
    Float,
    /// Strings.
    Text,
    /// Anything, as it is written.
    Json,
}

/// Whether every one of some whole numbers is exactly a binary64 number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    Exact,
    Inexact,
}

impl Kind {
    /// The kind of one value, which is valid JSON.
    pub(super) fn of(raw: &str) -> Self {
        match raw.as_bytes().first() {
            Some(b'n') => Self::Null,
            Some(b't' | b'f') => Self::Bool,
            Some(b'"') if stands_for_text(raw) => Self::Text,
            Some(b'-' | b'0'..=b'9') => Self::of_number(raw),
            _ => Self::Json,
        }
    }

    fn of_number(raw: &str) -> Self {
        // A negative zero is whole, but no integer.
        if raw.contains(['.', 'e', 'E']) || raw == "-0" {
            // Larger than binary64: kept as it is written.
            let finite = raw.parse::<f64>().is_ok_and(f64::is_finite);
            return if finite { Self::Float } else { Self::Json };
        }
        match raw.parse::<i64>() {
            Ok(whole) if i128::from(whole) == (whole as f64) as i128 => Self::Integer(Fit::Exact),
            Ok(_) => Self::Integer(Fit::Inexact),
            Err(_) => Self::Json,
        }
    }

    /// The least kind that holds the values of both.
    pub(super) const fn join(self, other: Self) -> Self {
        match (self, other) {
            (Self::Null, kind) | (kind, Self::Null) => kind,
            (Self::Bool, Self::Bool) => Self::Bool,
            (Self::Text, Self::Text) => Self::Text,
            (Self::Integer(Fit::Exact), Self::Integer(Fit::Exact)) => Self::Integer(Fit::Exact),
            (Self::Integer(_), Self::Integer(_)) => Self::Integer(Fit::Inexact),
            (Self::Float | Self::Integer(Fit::Exact), Self::Float | Self::Integer(Fit::Exact)) => Self::Float,
            _ => Self::Json,
        }
    }

    /// Its name in what is kept for later.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "bool",
            Self::Integer(_) => "integer",
            Self::Float => "float",
            Self::Text => "text",
            Self::Json => "json",
        }
    }

    /// The kind of that name; anything fits where there is none.
    pub(super) fn named(name: &str) -> Self {
        let all = [Self::Null, Self::Bool, Self::Integer(Fit::Exact), Self::Float, Self::Text];
        all.into_iter().find(|kind| kind.name() == name).unwrap_or(Self::Json)
    }

    /// The type of a column of this kind.
    pub(super) const fn data_type(self) -> DataType {
        match self {
            Self::Null => DataType::Null,
            Self::Bool => DataType::Boolean,
            Self::Integer(_) => DataType::Int64,
            Self::Float => DataType::Float64,
            Self::Text | Self::Json => DataType::Utf8,
        }
    }
}

/// One value, for a message.
pub(super) fn describe(raw: &str) -> &'static str {
    match raw.as_bytes().first() {
        Some(b'n') => "null",
        Some(b't' | b'f') => "a boolean",
        Some(b'"') if stands_for_text(raw) => "a string",
        Some(b'"') => "a string with half of a surrogate pair",
        Some(b'[') => "an array",
        Some(b'{') => "an object",
        _ => "a number",
    }
}

/// Whether a valid JSON string has a text. One with half of a surrogate pair has none, which only an escape can make.
fn stands_for_text(raw: &str) -> bool {
    !raw.contains("\\u") || unescape(raw).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXACT: Kind = Kind::Integer(Fit::Exact);
    const INEXACT: Kind = Kind::Integer(Fit::Inexact);
    const ALL: [Kind; 7] = [Kind::Null, Kind::Bool, EXACT, INEXACT, Kind::Float, Kind::Text, Kind::Json];

    #[test]
    fn a_value_has_the_least_kind_that_holds_it() {
        let check = |raw: &str, kind| assert_eq!(Kind::of(raw), kind, "{raw}");
        check("null", Kind::Null);
        check("false", Kind::Bool);
        check("0", EXACT);
        check("-9007199254740992", EXACT);
        check("9007199254740993", INEXACT);
        check("9223372036854775807", INEXACT);
        check("-9223372036854775808", EXACT);
        check("9223372036854775808", Kind::Json);
        check("-0", Kind::Float);
        check("1.5", Kind::Float);
        check("1e308", Kind::Float);
        check("1e309", Kind::Json);
        check("\"1\"", Kind::Text);
        check(r#""\ud83d\ude00""#, Kind::Text);
        check(r#""\ud83d""#, Kind::Json);
        check("[1]", Kind::Json);
        check("{}", Kind::Json);
    }

    #[test]
    fn joining_is_a_lattice() {
        for one in ALL {
            assert_eq!(one.join(one), one);
            assert_eq!(Kind::Null.join(one), one);
            assert_eq!(Kind::Json.join(one), Kind::Json);
            for other in ALL {
                assert_eq!(one.join(other), other.join(one), "{one:?} {other:?}");
                for third in ALL {
                    assert_eq!(one.join(other).join(third), one.join(other.join(third)));
                }
            }
        }
        assert_eq!(EXACT.join(Kind::Float), Kind::Float);
        assert_eq!(INEXACT.join(Kind::Float), Kind::Json);
        assert_eq!(Kind::Bool.join(EXACT), Kind::Json);
    }
}
