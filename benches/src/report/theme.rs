//! Colours that follow the reader's choice of light or dark.
//!
//! A chart is drawn with colours that stand for names; in the finished SVG they become variables, which the page sets for
//! light and for dark.

use plotters::style::RGBColor;

/// Words and axes.
pub(crate) const INK: RGBColor = RGBColor(1, 0, 1);

/// Lines behind the data.
pub(crate) const GRID: RGBColor = RGBColor(2, 0, 1);

/// Words that matter less.
pub(crate) const FAINT: RGBColor = RGBColor(3, 0, 1);

/// How many colours there are for series.
pub(crate) const SERIES: usize = 6;

/// The colour of a series by its number.
pub(crate) const fn series(number: usize) -> RGBColor {
    RGBColor(16 + (number % SERIES) as u8, 0, 1)
}

/// Replaces the colours that stand for names by the page's variables.
pub(crate) fn with_variables(svg: &str) -> String {
    let mut text = svg.to_owned();
    for (color, name) in [(INK, "ink"), (GRID, "grid"), (FAINT, "faint")] {
        text = text.replace(&hex(color), &format!("var(--{name})"));
    }
    for number in 0..SERIES {
        text = text.replace(&hex(series(number)), &format!("var(--s{number})"));
    }
    text
}

fn hex(color: RGBColor) -> String {
    format!("#{:02X}{:02X}{:02X}", color.0, color.1, color.2)
}

/// What the page sets: variables for light and dark, and everything else's looks.
pub(crate) const STYLE: &str = "\
:root{color-scheme:light dark;--paper:#fbfbf9;--card:#fff;--ink:#20242b;--faint:#69707d;--grid:#e3e4e0;\
--s0:#1f6feb;--s1:#e8710a;--s2:#18895a;--s3:#a23bb5;--s4:#c22d43;--s5:#7a6a11}\
@media(prefers-color-scheme:dark){:root{--paper:#12151a;--card:#1a1e25;--ink:#e4e7ec;--faint:#98a1b0;\
--grid:#2c323c;--s0:#6aa5ff;--s1:#ffa14d;--s2:#4fca93;--s3:#d58be4;--s4:#ff7f8e;--s5:#d6c25a}}\
*{box-sizing:border-box}\
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}\
main{max-width:1120px;margin:0 auto;padding:24px 16px 64px}\
h1{font-size:1.7rem;line-height:1.2;margin:0 0 4px}h2{font-size:1.15rem;margin:40px 0 4px}\
p{margin:4px 0 12px;max-width:72ch}.faint,figcaption{color:var(--faint);font-size:.88rem}\
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:20px 0}\
.tile,figure{background:var(--card);border:1px solid var(--grid);border-radius:10px;padding:12px 14px}\
.tile b{display:block;font-size:1.5rem;line-height:1.2}.tile span{color:var(--faint);font-size:.85rem}\
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));gap:16px}\
figure{margin:0;min-width:0}figure svg{display:block;width:100%;height:auto}\
.wide{overflow-x:auto}table{border-collapse:collapse;font-size:.88rem;font-variant-numeric:tabular-nums}\
th,td{padding:5px 12px 5px 0;text-align:right;border-bottom:1px solid var(--grid);white-space:nowrap}\
th:first-child,td:first-child{text-align:left}th{color:var(--faint);font-weight:600}\
td.words{white-space:normal;text-align:left;min-width:22ch}\
.doubt ul{margin:4px 0;padding-left:20px}.doubt{border-left:4px solid var(--s1);padding:8px 14px;font-size:.9rem;background:var(--card);margin:16px 0}";
