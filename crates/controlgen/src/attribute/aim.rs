//! Target values of attributes for new music, and the distance of a window from them.

use note_seq::window::WindowForm;

use super::{Attribute, AttributeError, AttributeVectors, Dial, measure_all};
use crate::style::Style;

/// Beyond this number of standard deviations, distances grow with their logarithm: they still tell
/// which draw is nearer, but a value that no draw comes near doesn't outweigh the others asked for.
const FAR: f64 = 4.0;
/// The distance of a window that lacks an attribute: as if it were `e` times as far.
const MISSING: f64 = 2.0 * FAR;

/// Target values of attributes for new music.
///
/// Shifting latents in one direction changes only attributes that are nearly linear in it. So
/// attributes are also measured on the music itself, and of several samples the nearest is kept
/// ([`Aim::distance`]).
#[derive(Clone, Debug, PartialEq)]
pub struct Aim {
    pub(super) at: Vec<Wanted>,
}

/// One attribute and its value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Wanted {
    pub(super) attribute: Attribute,
    pub(super) value: f64,
    pub(super) std_dev: f64,
}

impl Aim {
    /// The value of an attribute, in its own unit.
    ///
    /// # Errors
    /// Returns [`AttributeError::Unlearnt`] if the attribute was not learned.
    pub fn value(
        vectors: &AttributeVectors,
        attribute: Attribute,
        value: f64,
    ) -> Result<Self, AttributeError> {
        let std_dev = vectors.get(attribute)?.std_dev;
        Ok(Self { at: vec![Wanted { attribute, value, std_dev }] })
    }

    /// The target values of some dials: offsets, in standard deviations of the training music, from
    /// the mean of these styles by their cards (or, without cards, from the mean of all music).
    ///
    /// # Errors
    /// Returns [`AttributeError::Unlearnt`] if an attribute was not learned.
    pub fn of_dials(
        vectors: &AttributeVectors,
        dials: &[Dial],
        form: &WindowForm,
        styles: &[&Style],
    ) -> Result<Self, AttributeError> {
        let wanted = |dial: &Dial| -> Result<Wanted, AttributeError> {
            let vector = vectors.get(dial.attribute)?;
            let usual = usual(form, styles, dial.attribute).unwrap_or(vector.mean);
            Ok(Wanted {
                attribute: dial.attribute,
                value: usual + dial.by * vector.std_dev,
                std_dev: vector.std_dev,
            })
        };
        Ok(Self { at: dials.iter().map(wanted).collect::<Result<_, _>>()? })
    }

    /// Root mean square of the distances of a window from the target values, each in standard
    /// deviations of the training music up to 4, and beyond `4 (1 + ln (distance / 4))`. An
    /// attribute that the window lacks counts as 8.
    ///
    /// # Panics
    /// If the tokens are not a window of the form.
    pub fn distance(&self, form: &WindowForm, window: &[u16]) -> f64 {
        let attributes: Vec<Attribute> = self.at.iter().map(|wanted| wanted.attribute).collect();
        let measured = measure_all(&attributes, form, window);
        let squares = self.at.iter().zip(measured).map(|(wanted, found)| {
            let Some(found) = found else { return MISSING.powi(2) };
            let away = (found - wanted.value).abs() / wanted.std_dev;
            let away = if away > FAR { FAR * (1.0 + (away / FAR).ln()) } else { away };
            away.powi(2)
        });
        (squares.sum::<f64>() / self.at.len().max(1) as f64).sqrt()
    }
}

/// The mean of an attribute over the windows of some styles, by their cards; `None` if no card
/// contains it.
pub(crate) fn usual(form: &WindowForm, styles: &[&Style], attribute: Attribute) -> Option<f64> {
    let known = styles.iter().filter_map(|style| {
        let mean = style.card.as_ref()?.mean_of(form, attribute)?;
        Some((if style.is_added() { 1.0 } else { style.share }, mean))
    });
    let (sum, weights) = known
        .fold((0.0, 0.0), |(sum, total), (weight, mean)| (sum + weight * mean, total + weight));
    (weights > 0.0).then(|| sum / weights)
}

#[cfg(test)]
mod tests {
    use note_seq::window::WindowLayout;

    use super::*;

    #[test]
    fn distances_are_in_deviations_and_what_is_missing_is_far() {
        let form = WindowForm::Steps(WindowLayout::melody(16, 90));
        // Quarters C4 E4 G4 C#5: four notes, 13 semitones from lowest to highest.
        let mut tokens = [0_u16; 16];
        for (step, pitch) in [(0, 60), (4, 64), (8, 67), (12, 73)] {
            tokens[step] = pitch - 19;
        }
        let wanted = |attribute, value| Wanted { attribute, value, std_dev: 2.0 };
        let one = Aim { at: vec![wanted(Attribute::Density, 7.0)] };
        assert_eq!(one.distance(&form, &tokens), 1.5);
        let (density, range) = (wanted(Attribute::Density, 7.0), wanted(Attribute::Range, 13.0));
        let both = Aim { at: vec![density, range] };
        assert_eq!(both.distance(&form, &tokens), (1.5_f64.powi(2) / 2.0).sqrt());
        assert_eq!(both.distance(&form, &[0; 16]), MISSING, "no notes");
        // 33 deviations away, and 8: of two that are far, the nearer is the nearer.
        let far = |value| Aim { at: vec![wanted(Attribute::Density, value)] };
        let [farther, nearer] = [70.0, 20.0].map(|value| far(value).distance(&form, &tokens));
        assert!((farther - 4.0 * (1.0 + (33.0_f64 / 4.0).ln())).abs() < 1e-12);
        assert!((nearer - 4.0 * (1.0 + 2.0_f64.ln())).abs() < 1e-12);
    }
}
