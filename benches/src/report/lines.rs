//! Lines and points over two axes.

use std::ops::Range;

use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::cartesian::Cartesian2d;
use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::element::Circle;
use plotters::prelude::{IntoLogRange as _, SVGBackend};
use plotters::series::LineSeries;
use plotters::style::text_anchor::HPos;
use plotters::style::{Color as _, ShapeStyle};

use super::canvas::{Canvas, DrawError, draw, short, words};
use super::theme::{FAINT, GRID, INK, series};
use crate::BenchError;

/// A line, or points.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
    pub(crate) kind: LineKind,
    /// The number of its colour.
    pub(crate) series: usize,
}

/// How a line is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineKind {
    /// A line with dots.
    Dotted,
    /// A thin line that others are compared with.
    Bound,
    /// Points without a line between them.
    Points,
}

/// What an axis counts, and how.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Axis {
    pub(crate) name: &'static str,
    pub(crate) scale: Scale,
}

/// How an axis counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    /// Evenly, from 0.
    FromZero,
    /// Evenly, around what there is.
    Around,
    /// By factors.
    Log,
}

const HEIGHT: u32 = 300;

/// Draws lines.
///
/// # Errors
/// It cannot be drawn.
pub(crate) fn lines(name: &str, lines: &[Line], [x, y]: [&Axis; 2]) -> Result<String, BenchError> {
    let (across, up) = (range(lines, x.scale, |point| point.0), range(lines, y.scale, |point| point.1));
    draw(name, HEIGHT, |canvas| match (x.scale, y.scale) {
        (Scale::Log, Scale::Log) => chart(canvas, lines, [x, y], (across.log_scale(), up.log_scale())),
        (Scale::Log, _) => chart(canvas, lines, [x, y], (across.log_scale(), up)),
        (_, Scale::Log) => chart(canvas, lines, [x, y], (across, up.log_scale())),
        _ => chart(canvas, lines, [x, y], (across, up)),
    })
}

/// What an axis must hold, with room at its ends.
fn range(lines: &[Line], scale: Scale, value: impl Fn(&(f64, f64)) -> f64) -> Range<f64> {
    let values =
        lines.iter().flat_map(|line| line.points.iter().map(&value)).filter(|value| value.is_finite());
    let (mut low, mut high) = (f64::MAX, f64::MIN);
    for value in values {
        (low, high) = (low.min(value), high.max(value));
    }
    if low > high {
        return 0.0..1.0;
    }
    match scale {
        Scale::FromZero => 0.0..(high * 1.08).max(f64::MIN_POSITIVE),
        Scale::Around => {
            let room = ((high - low) * 0.1).max(high.abs() * 0.02).max(1e-9);
            low - room..high + room
        }
        Scale::Log => low / 1.3..high * 1.3,
    }
}

fn chart<X, Y>(
    canvas: &Canvas<'_>,
    lines: &[Line],
    [x, y]: [&Axis; 2],
    (across, up): (X, Y),
) -> Result<(), DrawError>
where
    X: AsRangedCoord<Value = f64>,
    Y: AsRangedCoord<Value = f64>,
    X::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
    Y::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let mut builder = ChartBuilder::on(canvas);
    builder.margin(6).margin_right(16).x_label_area_size(48).y_label_area_size(78);
    let mut context = builder.build_cartesian_2d(across, up)?;
    context
        .configure_mesh()
        .light_line_style(GRID.mix(0.0))
        .bold_line_style(GRID)
        .axis_style(GRID)
        .x_labels(6)
        .y_labels(6)
        .x_label_formatter(&|value| short(*value))
        .y_label_formatter(&|value| short(*value))
        .label_style(words(FAINT, HPos::Center))
        .x_desc(x.name)
        .y_desc(y.name)
        .axis_desc_style(words(INK, HPos::Center))
        .draw()?;
    lines.iter().try_for_each(|line| draw_line(&mut context, line))
}

type Context<'a, 'b, X, Y> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<X, Y>>;

fn draw_line<X, Y>(context: &mut Context<'_, '_, X, Y>, line: &Line) -> Result<(), DrawError>
where
    X: Ranged<ValueType = f64>,
    Y: Ranged<ValueType = f64>,
{
    let color = series(line.series);
    let points = line.points.iter().copied();
    match line.kind {
        LineKind::Bound => {
            let thin = ShapeStyle { color: FAINT.to_rgba(), filled: false, stroke_width: 1 };
            context.draw_series(LineSeries::new(points, thin))?;
        }
        LineKind::Dotted => {
            let thick = ShapeStyle { color: color.to_rgba(), filled: false, stroke_width: 2 };
            context.draw_series(LineSeries::new(points.clone(), thick))?;
            context.draw_series(points.map(|at| Circle::new(at, 3, color.filled())))?;
        }
        LineKind::Points => {
            context.draw_series(points.map(|at| Circle::new(at, 5, color.filled())))?;
        }
    }
    Ok(())
}
