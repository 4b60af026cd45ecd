//! Piano rolls as pictures.
//!
//! A [`Picture`] consists of rectangles and short labels; [`Picture::to_svg`] and
//! [`Picture::to_png`] write the same picture in two formats.

mod glyphs;
mod palette;
mod png;
mod roll;
mod svg;

pub use self::png::PngError;
pub use palette::Theme;
pub use roll::{RollOptions, describe, piano_roll};

/// A color: red, green, blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Color(pub u8, pub u8, pub u8);

impl Color {
    /// Formats the color for CSS: `#rrggbb`.
    pub fn css(self) -> String {
        format!("#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}

/// A filled rectangle with its upper left corner at (`x`, `y`), in pixels of the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rect {
    /// Left edge.
    pub x: f64,
    /// Upper edge.
    pub y: f64,
    /// Width, not negative.
    pub width: f64,
    /// Height, not negative.
    pub height: f64,
    /// Fill color.
    pub color: Color,
    /// 0 (invisible) to 1.
    pub opacity: f64,
}

/// A short text.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// Left edge.
    pub x: f64,
    /// Vertical center.
    pub y: f64,
    /// The text; PNG draws `C`, `-` and digits only.
    pub text: String,
    /// Text color.
    pub color: Color,
}

/// Rectangles, drawn in order, and labels on top.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// Width in pixels.
    pub width: f64,
    /// Height in pixels.
    pub height: f64,
    /// Alternative text for people who can't see the picture.
    pub description: String,
    /// Background color.
    pub background: Color,
    /// Rectangles.
    pub rects: Vec<Rect>,
    /// Labels.
    pub labels: Vec<Label>,
}
