//! Bars that lie, with room for names.

use plotters::element::{Circle, PathElement, Rectangle, Text};
use plotters::style::text_anchor::HPos;
use plotters::style::{Color as _, ShapeStyle};

use super::canvas::{Canvas, DrawError, WIDTH, draw, short, words};
use super::theme::{FAINT, GRID, INK, series};
use crate::BenchError;
use crate::stats::Estimate;

/// One bar.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bar {
    pub(crate) name: String,
    pub(crate) value: Estimate,
    /// What the value was made of: drawn as dots, outliers too.
    pub(crate) dots: Vec<f64>,
    /// The number of its colour.
    pub(crate) series: usize,
}

/// Height of a bar with the room around it, and of the bar.
const STEP: i32 = 30;
const THICK: i32 = 18;

/// Where bars begin and end, and where their numbers stand.
const LEFT: i32 = 150;
const RIGHT: i32 = 410;

/// Draws bars with their intervals.
///
/// # Errors
/// It cannot be drawn.
pub(crate) fn bars(name: &str, bars: &[Bar]) -> Result<String, BenchError> {
    let height = 16 + STEP * bars.len() as i32;
    let most = bars.iter().flat_map(|bar| bar.dots.iter().copied().chain([bar.value.high, bar.value.median]));
    let most = most.fold(f64::MIN_POSITIVE, f64::max);
    draw(name, height.unsigned_abs(), |canvas| {
        canvas.draw(&PathElement::new([(LEFT, 4), (LEFT, height - 4)], GRID))?;
        let scale = |value: f64| LEFT + (value / most * f64::from(RIGHT - LEFT)).round() as i32;
        for (index, bar) in bars.iter().enumerate() {
            one(canvas, bar, 8 + STEP * index as i32 + STEP / 2, &scale)?;
        }
        Ok(())
    })
}

fn one(canvas: &Canvas<'_>, bar: &Bar, middle: i32, scale: &dyn Fn(f64) -> i32) -> Result<(), DrawError> {
    let color = series(bar.series);
    let end = scale(bar.value.median);
    let corners = [(LEFT, middle - THICK / 2), (end, middle + THICK / 2)];
    canvas.draw(&Rectangle::new(corners, color.filled()))?;
    let [low, high] = [bar.value.low, bar.value.high].map(scale);
    let line = ShapeStyle { color: INK.to_rgba(), filled: false, stroke_width: 2 };
    canvas.draw(&PathElement::new([(low, middle), (high, middle)], line))?;
    for &dot in &bar.dots {
        canvas.draw(&Circle::new((scale(dot), middle), 2, INK.mix(0.5).filled()))?;
    }
    let furthest = bar.dots.iter().copied().fold(bar.value.high, f64::max);
    let number = (scale(furthest).max(end) + 8).min(WIDTH as i32 - 4);
    canvas.draw(&Text::new(bar.name.clone(), (LEFT - 8, middle), words(INK, HPos::Right)))?;
    canvas.draw(&Text::new(short(bar.value.median), (number, middle), words(FAINT, HPos::Left)))?;
    Ok(())
}
