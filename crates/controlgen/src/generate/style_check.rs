//! Properties of windows drawn from each style: their membership, their sound, and their copies.

use serde::{Deserialize, Serialize};

use super::{Decoding, GenerateError, LatentPath, Piece, PieceFilter, PieceRequest, pieces};
use crate::attribute::{Attribute, usual};
use crate::copy::CopyIndex;
use crate::latent::argmax;
use crate::model::Model;
use crate::piece::{Composition, FormRequest};
use crate::style::{Style, Styles};

/// How new windows of each style turn out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StyleCheck {
    /// Windows drawn of each style.
    pub n_per_style: usize,
    /// Draws that each window was chosen among.
    #[serde(default = "one")]
    pub n_candidates: usize,
    /// Share of the windows of each style that most probably belong to it when they are encoded
    /// again.
    pub by_style: Vec<f64>,
    /// Mean over all styles: the re-encoding accuracy.
    pub accuracy: f64,
    /// Accuracy of random assignment: 1 divided by the number of styles.
    pub chance: f64,
    /// Share of consonant pairs of tones, mean over the windows; `None` for windows without
    /// harmony.
    #[serde(default)]
    pub consonance: Option<f64>,
    /// The same of the training music, mean over the styles.
    #[serde(default)]
    pub real_consonance: Option<f64>,
    /// Share of windows with a match of eight notes or more in the training music; `None` without a
    /// copy index.
    #[serde(default)]
    pub copies_of_8: Option<f64>,
}

fn one() -> usize {
    1
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

impl StyleCheck {
    /// Draws `n_per_style` windows of every style, each chosen among `n_candidates` draws.
    ///
    /// # Errors
    /// Those of [`pieces`].
    pub fn of(
        model: &Model,
        styles: &Styles,
        index: Option<&CopyIndex>,
        (n_per_style, n_candidates): (usize, usize),
        decoding: Decoding,
    ) -> Result<Self, GenerateError> {
        let form = FormRequest::Auto;
        let composition = Composition { learned: None, form: &form, n_candidates };
        let (mut by_style, mut windows) = (Vec::new(), Vec::new());
        for style in styles.all() {
            let path = LatentPath::stationary(&styles.distribution(style))?;
            let targets = [style];
            let request = PieceRequest {
                filter: PieceFilter::KEEP_ALL,
                composition: (n_candidates != 1).then_some(composition),
                ..PieceRequest::new(&path, &targets, n_per_style, decoding)
            };
            let drawn = pieces(model, styles, &request)?.kept;
            let n_right = drawn.iter().filter(|piece| piece.reencodes_to(style)).count();
            by_style.push(n_right as f64 / n_per_style.max(1) as f64);
            windows.extend(drawn.into_iter().map(|piece| piece.windows));
        }
        let n_styles = by_style.len().max(1) as f64;
        let measured: Vec<f64> = windows
            .iter()
            .filter_map(|piece| Attribute::Consonance.measure(model.form(), piece.first()?))
            .collect();
        let real = styles.all().iter();
        let real: Vec<f64> =
            real.filter_map(|style| usual(model.form(), &[style], Attribute::Consonance)).collect();
        Ok(Self {
            n_per_style,
            n_candidates,
            accuracy: by_style.iter().sum::<f64>() / n_styles,
            by_style,
            chance: 1.0 / n_styles,
            consonance: mean(&measured),
            real_consonance: mean(&real).filter(|_| !measured.is_empty()),
            copies_of_8: index.map(|index| index.survey(model.form(), &windows).share_of_8),
        })
    }
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;
    use crate::test_session;

    #[test]
    fn windows_chosen_among_several_are_of_their_style_more_often() {
        let session = test_session::melody();
        let (model, styles) = (session.model(), session.styles().unwrap());
        let decoding = Decoding { temperature: Some(1.0), seed: 3 };
        let of = |n| StyleCheck::of(model, styles, None, (40, n), decoding).unwrap();
        let (single, chosen) = (of(1), of(8));
        assert_eq!((single.n_candidates, chosen.n_candidates), (1, 8));
        assert!(chosen.accuracy >= single.accuracy, "{chosen:?}, not {single:?}");
        for found in [&single, &chosen] {
            assert_eq!(found.by_style.len(), styles.all().len());
            let mean = found.by_style.iter().sum::<f64>() / found.by_style.len() as f64;
            assert!((found.accuracy - mean).abs() < 1e-12);
            assert!((found.chance * found.by_style.len() as f64 - 1.0).abs() < 1e-12);
            assert!(found.copies_of_8.is_none());
        }
        // Draws without a choice are those of `pieces`.
        let again = of(1);
        assert_eq!(again, single);
    }
}
