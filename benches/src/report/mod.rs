//! Results as a page: charts as inline SVG, tables, nothing from elsewhere. And the same in Markdown.

mod bars;
mod canvas;
mod figures;
mod html;
mod lines;
mod markdown;
mod performance;
mod tables;
mod theme;
mod write;

pub(crate) use canvas::short as short_number;
pub use html::page;
pub(crate) use html::warnings;
pub use markdown::markdown;
pub use performance::performance_section;
pub use write::write;
