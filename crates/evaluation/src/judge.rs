//! A judge of styles that never saw a latent: it learned labels of real music from hand-made
//! features. It judges eight windows at once: two bars are too short to tell one composer from
//! another, even for people.

use note_seq::window::WindowForm;

use super::labelled::{LabelledData, Role};
use super::logistic::LogisticRegression;
use super::music::description;

/// Windows that are judged together.
pub const WINDOWS: usize = 8;
/// Strength of the judge's penalty, scikit-learn's default.
const C: f64 = 1.0;

/// A judge of labels.
pub struct Judge {
    form: WindowForm,
    classifier: LogisticRegression,
}

impl Judge {
    /// Learns the labels of pieces in the role [`Role::Judge`], each by the mean description of
    /// eight of its windows. Returns `None` without labels.
    pub fn learn(form: &WindowForm, data: &LabelledData) -> Option<Self> {
        let (mut rows, mut classes) = (Vec::new(), Vec::new());
        for piece in data.pieces.iter().filter(|piece| piece.role == Role::Judge) {
            rows.extend(mean_description(form, eight(&piece.windows)));
            classes.push(piece.label);
        }
        let n_features = rows.len().checked_div(classes.len())?;
        let n_labels = data.labels.len();
        let classifier = LogisticRegression::fit(&rows, n_features, &classes, n_labels, C);
        Some(Self { form: form.clone(), classifier })
    }

    /// The label that some windows sound most like, taken together.
    pub fn judge<'a>(&self, windows: impl IntoIterator<Item = &'a Vec<u16>>) -> usize {
        self.classifier.predict(&mean_description(&self.form, windows))
    }

    /// The share of groups of eight windows that are judged to be of a label.
    pub fn share(&self, windows: &[Vec<u16>], label: usize) -> f64 {
        let (groups, _) = windows.as_chunks::<WINDOWS>();
        let right = groups.iter().filter(|group| self.judge(*group) == label);
        right.count() as f64 / groups.len().max(1) as f64
    }
}

/// Eight of a piece's windows, spread evenly.
pub fn eight(windows: &[Vec<u16>]) -> impl Iterator<Item = &Vec<u16>> {
    (0..WINDOWS.min(windows.len())).map(|i| &windows[i * windows.len() / WINDOWS])
}

/// The mean of the descriptions of some windows.
fn mean_description<'a>(
    form: &WindowForm,
    windows: impl IntoIterator<Item = &'a Vec<u16>>,
) -> Vec<f64> {
    let (mut sum, mut n) = (Vec::new(), 0.0);
    for window in windows {
        let row = description(form, window);
        sum.resize(row.len(), 0.0);
        sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        n += 1.0;
    }
    sum.iter_mut().for_each(|value| *value /= f64::max(n, 1.0));
    sum
}

/// At most `most` of some places, spread evenly.
pub(super) fn thin(places: &[usize], most: usize) -> Vec<usize> {
    let every = places.len().div_ceil(most.max(1)).max(1);
    places.iter().copied().step_by(every).collect()
}

#[cfg(test)]
mod tests {
    use corpus::kind::Kind;

    use super::super::labelled::tests::made;
    use super::*;

    #[test]
    fn the_judge_tells_styles_apart_in_pieces_it_never_saw() {
        let form = Kind::mel_2bar().form();
        let data = made(4, 12);
        let judge = Judge::learn(&form, &data).unwrap();
        let test = || data.pieces.iter().filter(|piece| piece.role != Role::Judge);
        let right = test().filter(|piece| judge.judge(eight(&piece.windows)) == piece.label);
        let share = right.count() as f64 / test().count() as f64;
        assert!(share > 0.95, "{share}");
        // Eight windows of the first label's piece and eight of the second's.
        let of = |label| data.of_role(label, Role::Test).next().unwrap();
        let both = [0, 1].map(|label| eight(&of(label).windows).cloned().collect::<Vec<_>>());
        assert_eq!(judge.share(&both.concat(), 0), 0.5);
        assert!(Judge::learn(&form, &LabelledData::default()).is_none());
    }

    #[test]
    fn thinning_spreads_evenly() {
        assert_eq!(thin(&[0, 1, 2, 3, 4, 5, 6], 3), [0, 3, 6]);
        assert_eq!(thin(&[4, 5], 3), [4, 5]);
    }
}
