//! Pictures as PNG. Axis-parallel rectangles are antialiased exactly, by the fraction of each pixel
//! that they cover.

use thiserror::Error;

use super::glyphs::glyph;
use super::{Color, Picture, Rect};

/// Why no PNG was made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PngError {
    /// The picture has no pixels, or too many.
    #[error(
        "a picture of {width} by {height} pixels can't be made (allowed: 1 to {} in total); \
         choose smaller sizes",
        MAX_PIXELS
    )]
    Size {
        /// Width in pixels.
        width: f64,
        /// Height in pixels.
        height: f64,
    },
    /// The encoder failed.
    #[error("the picture can't be written")]
    Encoding(#[from] png::EncodingError),
}

/// The maximum number of pixels; such a picture takes 256 MB while it is made.
const MAX_PIXELS: f64 = 67_108_864.0;

impl Picture {
    /// Encodes the picture as PNG, with `scale` pixels for each pixel of the picture.
    ///
    /// # Errors
    /// [`PngError`] if the picture has no pixels, or more than 2^26.
    pub fn to_png(&self, scale: f64) -> Result<Vec<u8>, PngError> {
        let (width, height) = ((self.width * scale).ceil(), (self.height * scale).ceil());
        if !(width >= 1.0 && height >= 1.0 && width * height <= MAX_PIXELS) {
            return Err(PngError::Size { width, height });
        }
        let mut canvas = Canvas::new(width, height, self.background);
        for rect in &self.rects {
            canvas.fill(rect, scale);
        }
        for label in &self.labels {
            let mut x = label.x;
            for letter in label.text.chars() {
                for (column, row) in glyph(letter) {
                    let (x, y) =
                        (x + 1.5 * f64::from(column), label.y + 1.5 * f64::from(row) - 3.5);
                    let (width, height, color) = (1.5, 1.5, label.color);
                    canvas.fill(&Rect { x, y, width, height, color, opacity: 1.0 }, scale);
                }
                x += 6.0;
            }
        }
        canvas.encode()
    }
}

/// RGB pixels, row by row.
struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

#[expect(clippy::cast_sign_loss, reason = "positions are clamped to the canvas")]
impl Canvas {
    fn new(width: f64, height: f64, background: Color) -> Self {
        let (width, height) = (width as usize, height as usize);
        let pixels = [background.0, background.1, background.2].repeat(width * height);
        Self { width, height, pixels }
    }

    /// Blends a rectangle over the canvas, weighted by the fraction of each pixel that it covers.
    fn fill(&mut self, rect: &Rect, scale: f64) {
        let span = |from: f64, length: f64, end: usize| {
            let (from, to) = (from * scale, (from + length) * scale);
            (from.clamp(0.0, end as f64), to.clamp(0.0, end as f64))
        };
        let (left, right) = span(rect.x, rect.width, self.width);
        let (top, bottom) = span(rect.y, rect.height, self.height);
        let covered = |pixel: usize, from: f64, to: f64| {
            let pixel = pixel as f64;
            (to.min(pixel + 1.0) - from.max(pixel)).max(0.0)
        };
        let color = [rect.color.0, rect.color.1, rect.color.2];
        for y in top as usize..bottom.ceil() as usize {
            let rows = covered(y, top, bottom) * rect.opacity.clamp(0.0, 1.0);
            for x in left as usize..right.ceil() as usize {
                let coverage = rows * covered(x, left, right);
                let at = 3 * (y * self.width + x);
                for (pixel, color) in self.pixels[at..at + 3].iter_mut().zip(color) {
                    let (old, new) = (f64::from(*pixel), f64::from(color));
                    *pixel = (old + (new - old) * coverage).round() as u8;
                }
            }
        }
    }

    fn encode(self) -> Result<Vec<u8>, PngError> {
        let size = |pixels: usize| u32::try_from(pixels).expect("no more than 2^26 pixels");
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, size(self.width), size(self.height));
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.pixels)?;
        writer.finish()?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::picture::Label;

    const RED: Color = Color(255, 0, 0);

    fn picture(rects: Vec<Rect>, labels: Vec<Label>) -> Picture {
        Picture {
            width: 8.0,
            height: 10.0,
            description: String::new(),
            background: Color(255, 255, 255),
            rects,
            labels,
        }
    }

    /// Decodes a PNG into width, height and pixels.
    fn decode(bytes: &[u8]) -> (u32, u32, Vec<[u8; 3]>) {
        let mut reader = png::Decoder::new(Cursor::new(bytes)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        let pixels = pixels[..info.buffer_size()].as_chunks::<3>().0.iter();
        (info.width, info.height, pixels.map(|p| [p[0], p[1], p[2]]).collect())
    }

    #[test]
    fn pixels_are_blended_by_the_fraction_that_is_covered() {
        let rect = Rect { x: 1.0, y: 1.0, width: 2.5, height: 1.0, color: RED, opacity: 1.0 };
        let faint = Rect { x: 0.0, y: 5.0, width: 1.0, height: 1.0, color: RED, opacity: 0.5 };
        // Anything outside the canvas is clipped.
        let outside = Rect { x: 7.0, y: 9.0, width: 99.0, height: 99.0, color: RED, opacity: 1.0 };
        let (width, height, pixels) =
            decode(&picture(vec![rect, faint, outside], Vec::new()).to_png(1.0).unwrap());
        assert_eq!((width, height), (8, 10));
        let at = |x: usize, y: usize| pixels[y * 8 + x];
        assert_eq!((at(0, 1), at(1, 1), at(2, 1)), ([255, 255, 255], [255, 0, 0], [255, 0, 0]));
        // Half a pixel of width, and an opacity of one half.
        assert_eq!((at(3, 1), at(4, 1)), ([255, 128, 128], [255, 255, 255]));
        assert_eq!((at(0, 5), at(7, 9)), ([255, 128, 128], [255, 0, 0]));
        assert_eq!((at(1, 0), at(1, 2)), ([255, 255, 255], [255, 255, 255]));
    }

    #[test]
    fn labels_are_drawn_and_everything_scales() {
        let label = Label { x: 1.0, y: 5.0, text: "1".to_owned(), color: Color(0, 0, 0) };
        let (width, height, pixels) =
            decode(&picture(Vec::new(), vec![label]).to_png(2.0).unwrap());
        assert_eq!((width, height), (16, 20));
        let dark = pixels.iter().filter(|p| p[0] < 64).count();
        // The digit 1 has 8 cells of 1.5 pixels, each 9 pixels at twice the size.
        assert_eq!(dark, 8 * 9, "{dark}");
    }

    #[test]
    fn a_picture_that_is_too_large_is_rejected() {
        let error = picture(Vec::new(), Vec::new()).to_png(1e6).unwrap_err().to_string();
        assert!(error.contains("8000000 by 10000000"), "{error}");
        assert!(picture(Vec::new(), Vec::new()).to_png(f64::NAN).is_err());
    }
}
