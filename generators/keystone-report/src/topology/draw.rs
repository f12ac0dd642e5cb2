//! Shapes of the picture. Colours are the style sheet's, so that the picture follows light and dark.

use serde::Serialize;

use crate::wording::{cut, cut_inside};

/// What a shape stands for; its name is a class of the style sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Ink {
    Frame,
    Relays,
    Pools,
    Card,
    CardDashed,
    Mesh,
    MeshStrong,
    MeshText,
    Edge,
    Dashed,
    Heading,
    Count,
    Note,
    Name,
    Machine,
    Person,
    Sleeper,
    Coordinator,
}

/// A shape. Coordinates are pixels of the picture's own size.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "shape", rename_all = "kebab-case")]
pub(crate) enum Shape {
    Rect {
        x: u32,
        y: u32,
        width: u32,
        height: u32,
        radius: u32,
        ink: Ink,
    },
    Line {
        x1: u32,
        y1: u32,
        x2: u32,
        y2: u32,
        ink: Ink,
    },
    Text {
        x: u32,
        y: u32,
        ink: Ink,
        /// Whether `x` is where the text ends.
        end: bool,
        text: String,
        /// The whole text where it had to be cut.
        whole: Option<String>,
    },
    Mark {
        x: u32,
        y: u32,
        ink: Ink,
    },
}

/// A finished picture.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Drawing {
    pub width: u32,
    pub height: u32,
    /// What it shows, in words.
    pub summary: String,
    /// From back to front.
    pub shapes: Vec<Shape>,
}

/// A picture in the making.
#[derive(Debug, Default)]
pub(super) struct Canvas {
    shapes: Vec<Shape>,
}

impl Canvas {
    pub(super) fn rect(&mut self, x: u32, y: u32, width: u32, height: u32, radius: u32, ink: Ink) {
        self.shapes.push(Shape::Rect { x, y, width, height, radius, ink });
    }

    pub(super) fn line(&mut self, x1: u32, y1: u32, x2: u32, y2: u32, ink: Ink) {
        self.shapes.push(Shape::Line { x1, y1, x2, y2, ink });
    }

    pub(super) fn text(&mut self, x: u32, y: u32, ink: Ink, text: &str) {
        self.push_text(x, y, ink, false, text, None);
    }

    /// A text that ends at `x`.
    pub(super) fn text_end(&mut self, x: u32, y: u32, ink: Ink, text: &str) {
        self.push_text(x, y, ink, true, text, None);
    }

    /// A text that is cut to `characters`, with the whole of it as a tip.
    pub(super) fn text_within(&mut self, x: u32, y: u32, ink: Ink, characters: usize, text: &str) {
        let shown = if ink == Ink::Name { cut_inside(text, characters) } else { cut(text, characters) };
        let whole = (shown != text).then(|| text.to_owned());
        self.push_text(x, y, ink, false, &shown, whole);
    }

    pub(super) fn mark(&mut self, x: u32, y: u32, ink: Ink) {
        self.shapes.push(Shape::Mark { x, y, ink });
    }

    pub(super) fn finish(self, width: u32, height: u32, summary: String) -> Drawing {
        Drawing { width, height, summary, shapes: self.shapes }
    }

    fn push_text(&mut self, x: u32, y: u32, ink: Ink, end: bool, text: &str, whole: Option<String>) {
        if !text.is_empty() {
            self.shapes.push(Shape::Text { x, y, ink, end, text: text.to_owned(), whole });
        }
    }
}
