//! Re-encoding accuracy: how often new music of a style is assigned to that style again.

use serde::{Deserialize, Serialize};

use super::{Decoding, GenerateError, LatentPath, Piece, PieceFilter, PieceRequest, pieces};
use crate::latent::argmax;
use crate::model::Model;
use crate::style::{Style, Styles};

/// How often new music of a style, encoded again, is most probably of that style.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReencodingAccuracy {
    /// Windows drawn of each style.
    pub n_per_style: usize,
    /// Accuracy for each style.
    pub by_style: Vec<f64>,
    /// Mean over all styles.
    pub accuracy: f64,
    /// Accuracy of random assignment: 1 divided by the number of styles.
    pub chance: f64,
}

impl Piece {
    /// The component it most probably belongs to after encoding it again.
    pub fn component(&self) -> Option<usize> {
        argmax(&self.components)
    }

    /// Whether it is assigned to `style`, the style it was drawn of, after encoding it again: no
    /// component of the mixture outside the style is more probable.
    pub fn reencodes_to(&self, style: &Style) -> bool {
        match self.component() {
            Some(component) if style.components.is_empty() => {
                self.membership >= (1.0 - self.membership) * self.components[component]
            }
            Some(component) => style.components.contains(&component),
            None => false,
        }
    }
}

/// Draws windows of every style and encodes them again.
///
/// # Errors
/// Those of [`pieces`].
pub fn reencoding_accuracy(
    model: &Model,
    styles: &Styles,
    n_per_style: usize,
    decoding: Decoding,
) -> Result<ReencodingAccuracy, GenerateError> {
    let mut by_style = Vec::new();
    for style in styles.all() {
        let path = LatentPath::stationary(&styles.distribution(style))?;
        let targets = [style];
        let request = PieceRequest {
            filter: PieceFilter::KEEP_ALL,
            ..PieceRequest::new(&path, &targets, n_per_style, decoding)
        };
        let drawn = pieces(model, styles, &request)?.kept;
        let n_right = drawn.iter().filter(|piece| piece.reencodes_to(style)).count();
        by_style.push(n_right as f64 / n_per_style.max(1) as f64);
    }
    let n_styles = by_style.len().max(1) as f64;
    let accuracy = by_style.iter().sum::<f64>() / n_styles;
    Ok(ReencodingAccuracy { n_per_style, by_style, accuracy, chance: 1.0 / n_styles })
}
