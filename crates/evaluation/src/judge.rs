//! A judge of styles that never saw a latent: it learned labels of real windows from hand-made
//! features.

use std::collections::BTreeMap;

use note_seq::window::WindowForm;

use super::data::Partition;
use super::logistic::LogisticRegression;
use super::music::description;

/// Strength of the judge's penalty, scikit-learn's default.
const C: f64 = 1.0;
/// Training windows of each label: the judge must not favor the most frequent one.
const WINDOWS_PER_LABEL: usize = 400;
/// Minimum number of pieces to learn a label from, and of held-out windows.
const LEAST_FILES: usize = 3;
const LEAST_HELDOUT: usize = 20;

/// Labels that can be judged, and the judge.
pub struct Judge {
    form: WindowForm,
    /// Names of the labels, in the order of the classes.
    pub labels: Vec<String>,
    /// Training windows of each label, by their places.
    pub train: Vec<Vec<usize>>,
    /// Held-out windows of each label, by their places.
    pub heldout: Vec<Vec<usize>>,
    classifier: LogisticRegression,
}

impl Judge {
    /// Learns the (at most `most`) labels with the most training windows, from real windows only;
    /// split by file as the corpus is. None with fewer than two labels.
    pub fn learn(
        form: &WindowForm,
        train: &Partition,
        heldout: &Partition,
        most: usize,
    ) -> Option<Self> {
        let (in_train, in_heldout) = (train.by_label(), heldout.by_label());
        let n_files = |places: &[usize]| {
            let files = places.iter().map(|i| train.rows[*i].group.as_str());
            files.collect::<std::collections::BTreeSet<_>>().len()
        };
        let mut usable: Vec<(&str, &Vec<usize>, &Vec<usize>)> = in_train
            .iter()
            .filter_map(|(label, places)| Some((*label, places, in_heldout.get(label)?)))
            .filter(|(_, places, heldout)| {
                n_files(places) >= LEAST_FILES && heldout.len() >= LEAST_HELDOUT
            })
            .collect();
        usable.sort_by_key(|(label, places, _)| (std::cmp::Reverse(places.len()), *label));
        usable.truncate(most);
        usable.sort_by_key(|(label, _, _)| *label);
        if usable.len() < 2 {
            return None;
        }
        let (mut rows, mut classes) = (Vec::new(), Vec::new());
        for (class, (_, places, _)) in usable.iter().enumerate() {
            for place in thin(places, WINDOWS_PER_LABEL) {
                rows.extend(description(form, &train.rows[place].tokens));
                classes.push(class);
            }
        }
        let n_features = rows.len() / classes.len();
        let classifier = LogisticRegression::fit(&rows, n_features, &classes, usable.len(), C);
        Some(Self {
            form: form.clone(),
            labels: usable.iter().map(|(label, _, _)| (*label).to_owned()).collect(),
            train: usable.iter().map(|(_, train, _)| (*train).clone()).collect(),
            heldout: usable.iter().map(|(_, _, heldout)| (*heldout).clone()).collect(),
            classifier,
        })
    }

    /// The label a window sounds most like.
    pub fn judge(&self, window: &[u16]) -> usize {
        self.classifier.predict(&description(&self.form, window))
    }

    /// Probability of each label.
    pub fn probabilities(&self, window: &[u16]) -> Vec<f64> {
        self.classifier.predict_proba(&description(&self.form, window))
    }

    /// Training windows of a label by piece, pieces in the order of their names.
    pub fn files_of(&self, train: &Partition, label: usize) -> Vec<Vec<usize>> {
        let mut files = BTreeMap::<&str, Vec<usize>>::new();
        for place in &self.train[label] {
            files.entry(&train.rows[*place].group).or_default().push(*place);
        }
        files.into_values().collect()
    }
}

/// At most `most` of some places, spread evenly.
pub(super) fn thin(places: &[usize], most: usize) -> Vec<usize> {
    let every = places.len().div_ceil(most.max(1)).max(1);
    places.iter().copied().step_by(every).collect()
}

#[cfg(test)]
mod tests {
    use corpus::kind::Kind;
    use corpus::synthetic;
    use corpus::table::{Split, WindowRow};

    use super::*;

    /// Windows of made-up pieces in the first styles, as a side of a split.
    pub(crate) fn side(split: Split, seed: u64, n_styles: usize, n_pieces: u64) -> Partition {
        let kind = Kind::mel_2bar();
        let mut rows = Vec::new();
        for (style, name) in synthetic::style_names().into_iter().enumerate().take(n_styles) {
            for piece in 0..n_pieces {
                for window in kind.windows(&synthetic::piece(style, seed, piece)).windows {
                    rows.push(WindowRow {
                        window_id: kind.window_id(&window.tokens),
                        tokens: window.tokens,
                        file: format!("{name}-{piece}"),
                        file_hash: [0; 16],
                        group: format!("{name}-{piece}"),
                        split,
                        seen: false,
                        track: 0,
                        start_bar: window.start_bar,
                        transposed: 0,
                        label: Some(name.to_owned()),
                    });
                }
            }
        }
        Partition { rows, ..Partition::default() }
    }

    #[test]
    fn the_judge_tells_styles_apart_in_pieces_it_never_saw() {
        let layout = Kind::mel_2bar().form();
        let (train, heldout) = (side(Split::Train, 1, 4, 12), side(Split::Heldout, 2, 4, 4));
        let judge = Judge::learn(&layout, &train, &heldout, 10).unwrap();
        assert_eq!(judge.labels.len(), 4);
        let mut right = 0;
        for (label, places) in judge.heldout.iter().enumerate() {
            let windows = places.iter().map(|i| &heldout.rows[*i].tokens);
            right += windows.filter(|window| judge.judge(window) == label).count();
        }
        let share = right as f64 / heldout.rows.len() as f64;
        assert!(share > 0.95, "{share}");
        assert_eq!(judge.files_of(&train, 0).len(), 12);
        assert_eq!(Judge::learn(&layout, &train, &heldout, 2).unwrap().labels.len(), 2);
    }

    #[test]
    fn labels_with_hardly_any_music_are_not_judged() {
        let layout = Kind::mel_2bar().form();
        let (few, heldout) = (side(Split::Train, 1, 4, 2), side(Split::Heldout, 2, 4, 4));
        assert!(Judge::learn(&layout, &few, &heldout, 10).is_none());
    }

    #[test]
    fn thinning_spreads_evenly() {
        assert_eq!(thin(&[0, 1, 2, 3, 4, 5, 6], 3), [0, 3, 6]);
        assert_eq!(thin(&[4, 5], 3), [4, 5]);
    }
}
