//! Piano rolls as pictures.
//!
//! A [`Picture`] is rectangles and short labels; SVG ([`Picture::to_svg`]) and PNG ([`Picture::to_png`]) are two
//! ways to write the same one.

mod glyphs;
mod png;
mod roll;
mod svg;

pub use self::png::PngError;
pub use roll::{RollOptions, Theme, describe, piano_roll};

/// A colour: red, green, blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Color(pub u8, pub u8, pub u8);

impl Color {
    /// As CSS has it: `#rrggbb`.
    pub fn css(self) -> String {
        format!("#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}

/// A filled rectangle; its upper left corner is at (`x`, `y`). In pixels of the picture.
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
    /// Its colour.
    pub color: Color,
    /// 0 (not to be seen) to 1.
    pub opacity: f64,
}

/// A few letters.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// Left end.
    pub x: f64,
    /// Middle of the height.
    pub y: f64,
    /// The letters; PNG draws `C`, `-` and digits only.
    pub text: String,
    /// Their colour.
    pub color: Color,
}

/// Rectangles, the later over the earlier, and labels above them.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// Width in pixels.
    pub width: f64,
    /// Height in pixels.
    pub height: f64,
    /// What it shows, for those who don't see it.
    pub description: String,
    /// What lies under everything.
    pub background: Color,
    /// Rectangles.
    pub rects: Vec<Rect>,
    /// Labels.
    pub labels: Vec<Label>,
}
