//! A place to draw on that becomes SVG.

use plotters::coord::Shift;
use plotters::prelude::{DrawingArea, IntoDrawingArea as _, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color as _, IntoFont as _, RGBColor, TextStyle};

use super::theme::with_variables;
use crate::BenchError;

pub(crate) type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Why something could not be drawn.
pub(crate) type DrawError = Box<dyn std::error::Error>;

/// Size of letters. The backend writes four fifths of it, 13 in the unit of the view box, whose width fits a phone.
pub(crate) const LETTERS: u32 = 16;

/// The width of every chart. Its page scales it to the room there is.
pub(crate) const WIDTH: u32 = 480;

/// Draws a chart of this height and gives its SVG.
///
/// # Errors
/// It cannot be drawn.
pub(crate) fn draw(
    name: &str,
    height: u32,
    chart: impl FnOnce(&Canvas<'_>) -> Result<(), DrawError>,
) -> Result<String, BenchError> {
    let mut text = String::new();
    let drawn = {
        let area = SVGBackend::with_string(&mut text, (WIDTH, height)).into_drawing_area();
        chart(&area).and_then(|()| Ok(area.present()?))
    };
    drawn.map_err(|error| BenchError::Chart { chart: name.to_owned(), reason: error.to_string() })?;
    let sized = format!("<svg width=\"{WIDTH}\" height=\"{height}\" ");
    let label = super::html::escaped(name);
    Ok(with_variables(&text).replace(&sized, &format!("<svg role=\"img\" aria-label=\"{label}\" ")))
}

/// Words in this colour, beginning, centred or ending at their place.
pub(crate) fn words(color: RGBColor, across: HPos) -> TextStyle<'static> {
    let font = ("system-ui, sans-serif", LETTERS).into_font();
    TextStyle { font, color: color.to_backend_color(), pos: Pos::new(across, VPos::Center) }
}

/// A number for people: no more digits than mean something.
pub(crate) fn short(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude >= 1000.0 {
        grouped(value)
    } else if magnitude >= 100.0 || magnitude == 0.0 {
        format!("{value:.0}")
    } else if magnitude >= 10.0 {
        without_zeros(&format!("{value:.1}"))
    } else if magnitude >= 0.01 {
        without_zeros(&format!("{value:.2}"))
    } else {
        format!("{value:.0e}")
    }
}

fn without_zeros(digits: &str) -> String {
    digits.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Thousands with commas between them.
pub(crate) fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value <= -0.5 { format!("-{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let check = |value, expected: &str| assert_eq!(short(value), expected);
        check(0.0, "0");
        check(0.126, "0.13");
        check(9.5, "9.5");
        check(1.0, "1");
        check(20.04, "20");
        check(0.000_03, "3e-5");
        check(54.26, "54.3");
        check(999.4, "999");
        check(4264.3, "4,264");
        check(1_234_567.0, "1,234,567");
        check(-1500.2, "-1,500");
    }
}
