//! Texts in memory as what an engine reads, and a place for vectors that nobody wants.

use std::convert::Infallible;
use std::sync::Arc;

use mbed::{Embeddings, Rows, Sink, Source};

/// Texts that are served over and over.
#[derive(Clone, Debug)]
pub(crate) struct Texts {
    texts: Arc<Vec<String>>,
    /// The text that comes next.
    next: usize,
}

/// Some of them: so many from one on, and from the start again where they end.
#[derive(Debug)]
pub(crate) struct Window {
    texts: Arc<Vec<String>>,
    first: usize,
    rows: usize,
}

/// A number of texts, window by window.
#[derive(Debug)]
pub(crate) struct Serving<'a> {
    pub(crate) texts: &'a mut Texts,
    pub(crate) left: usize,
    pub(crate) window: usize,
}

impl Texts {
    pub(crate) fn new(texts: Vec<String>) -> Self {
        Self { texts: Arc::new(texts), next: 0 }
    }

    /// The next text.
    pub(crate) fn turn(&mut self) -> String {
        let text = self.texts.get(self.next).cloned().unwrap_or_default();
        self.next = (self.next + 1) % self.texts.len().max(1);
        text
    }
}

impl Rows for Window {
    fn len(&self) -> usize {
        self.rows
    }

    fn text(&self, row: usize) -> &str {
        let place = (self.first + row) % self.texts.len().max(1);
        self.texts.get(place).map_or("", String::as_str)
    }

    fn name(&self, row: usize) -> String {
        format!("text {}", (self.first + row) % self.texts.len().max(1) + 1)
    }
}

impl Source for Serving<'_> {
    type Rows = Window;
    type Error = Infallible;

    fn next_rows(&mut self) -> Result<Option<Window>, Infallible> {
        let rows = self.left.min(self.window);
        if rows == 0 {
            return Ok(None);
        }
        let window = Window { texts: Arc::clone(&self.texts.texts), first: self.texts.next, rows };
        self.left -= rows;
        self.texts.next = (self.texts.next + rows) % self.texts.texts.len().max(1);
        Ok(Some(window))
    }
}

/// Takes vectors and forgets them.
#[derive(Debug)]
pub(crate) struct Nowhere;

impl Sink for Nowhere {
    type Rows = Window;
    type Error = Infallible;

    fn write(&mut self, _rows: &Window, _vectors: &Embeddings) -> Result<(), Infallible> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_in_turn_and_from_the_start_again() {
        let mut texts = Texts::new(["a", "b", "c"].map(str::to_owned).to_vec());
        let mut seen = Vec::new();
        for left in [4, 3] {
            let mut serving = Serving { texts: &mut texts, left, window: 2 };
            while let Some(window) = serving.next_rows().unwrap() {
                assert!(window.len() <= 2);
                seen.extend((0..window.len()).map(|row| window.text(row).to_owned()));
            }
        }
        assert_eq!(seen.concat(), "abcabca");
        assert_eq!(texts.turn(), "b");
    }
}
