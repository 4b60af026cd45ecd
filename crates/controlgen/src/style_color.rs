//! Colors of styles, the same in all images and pages.

use std::borrow::Cow;

/// Colors that are distinguishable with most kinds of color vision (Okabe and Ito 2008).
pub const STYLE_COLORS: [&str; 8] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a6d00", "#555555"];

/// Degrees between successive hues: the golden angle, whose multiples never repeat.
const HUE_STEP: f64 = 137.507_764_05;
/// Lightnesses, used alternately; all are legible on light and dark pages.
const LIGHTNESSES: [f64; 3] = [0.5, 0.74, 0.62];
const CHROMA: f64 = 0.1;
/// The first hue, chosen to maximize the distance between the first 25 colors.
const FIRST_HUE: f64 = 140.0;

/// The color of the style at an index, as `#rrggbb`: one of [`STYLE_COLORS`] for the first ones,
/// and generated colors after these.
///
/// ```
/// use controlgen::style_color::style_color;
///
/// assert_eq!(style_color(0), "#0072b2");
/// assert_ne!(style_color(8), style_color(0));
/// ```
pub fn style_color(place: usize) -> Cow<'static, str> {
    let Some(own) = place.checked_sub(STYLE_COLORS.len()) else {
        return STYLE_COLORS[place].into();
    };
    let lightness = LIGHTNESSES[own % LIGHTNESSES.len()];
    let [r, g, b] = oklch(lightness, CHROMA, FIRST_HUE + own as f64 * HUE_STEP);
    format!("#{r:02x}{g:02x}{b:02x}").into()
}

/// Converts Oklch (Ottosson, "A perceptual color space for image processing", 2020) to sRGB; colors
/// outside sRGB are clamped.
fn oklch(lightness: f64, chroma: f64, hue: f64) -> [u8; 3] {
    let (sine, cosine) = hue.to_radians().sin_cos();
    let [a, b] = [chroma * cosine, chroma * sine];
    let l = (lightness + 0.396_337_777_4 * a + 0.215_803_757_3 * b).powi(3);
    let m = (lightness - 0.105_561_345_8 * a - 0.063_854_172_8 * b).powi(3);
    let s = (lightness - 0.089_484_177_5 * a - 1.291_485_548 * b).powi(3);
    let linear = [
        4.076_741_662_1 * l - 3.307_711_591_3 * m + 0.230_969_929_2 * s,
        -1.268_438_004_6 * l + 2.609_757_401_1 * m - 0.341_319_396_5 * s,
        -0.004_196_086_3 * l - 0.703_418_614_7 * m + 1.707_614_701 * s,
    ];
    linear.map(|value| {
        let value = value.clamp(0.0, 1.0);
        let bent = if value <= 0.003_130_8 {
            12.92 * value
        } else {
            1.055 * value.powf(1.0 / 2.4) - 0.055
        };
        #[expect(clippy::cast_sign_loss, reason = "0 to 255")]
        let level = (255.0 * bent).round() as u8;
        level
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oklch_is_that_of_its_author() {
        // Ottosson's published values for white, red and blue.
        assert_eq!(oklch(1.0, 0.0, 0.0), [255, 255, 255]);
        assert_eq!(oklch(0.627_955, 0.257_683, 29.233_9), [255, 0, 0]);
        assert_eq!(oklch(0.452_014, 0.313_214, 264.052), [0, 0, 255]);
    }

    #[test]
    fn forty_styles_have_forty_colors() {
        let colors: Vec<[f64; 3]> = (0..40)
            .map(|place| {
                let text = style_color(place);
                [1, 3, 5].map(|at| f64::from(u8::from_str_radix(&text[at..at + 2], 16).unwrap()))
            })
            .collect();
        for (n, one) in colors.iter().enumerate() {
            for (m, other) in colors[..n].iter().enumerate() {
                let apart: f64 = one.iter().zip(other).map(|(a, b)| (a - b).powi(2)).sum();
                // On a scale of 255 per channel: clearly visible differences for up to one style
                // more than the program's model has, and just visible ones beyond.
                let least = if n < 25 { 40.0 } else { 6.0 };
                assert!(apart.sqrt() > least, "{m} and {n}: {other:?}, {one:?}");
            }
        }
    }
}
