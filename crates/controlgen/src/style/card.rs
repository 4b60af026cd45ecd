//! Style cards: descriptions of a style's music in words and numbers.

use std::collections::BTreeMap;

use corpus::kind::Kind;
use note_seq::features::{Feature, Profile, pitch_class_durations};
use note_seq::texture::{Texture, TextureProfile};
use note_seq::window::WindowForm;
use note_seq::window::leading;
use note_seq::{Meter, Mode, NoteList, NoteListPlayback};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::titles::Titles;
use crate::attribute::Attribute;
use crate::model::Model;

/// Deviations from the corpus below this, in standard deviations over windows, are not mentioned.
const PLAIN: f64 = 0.5;
/// Maximum number of words, keys and labels on a card.
const MAX_WORDS: usize = 5;
const MAX_KEYS: usize = 3;
const MAX_LABELS: usize = 5;
/// Minimum fraction of the windows in a mode for it to be mentioned.
const MOSTLY: f64 = 2.0 / 3.0;
/// The pitch classes as tonics.
const TONICS: [&str; 12] = ["C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"];

/// A description of the music of a style, from its windows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// The largest differences from the corpus, in words, largest first.
    pub words: Vec<String>,
    /// Features and histograms of the leading line.
    pub profile: Profile,
    /// Features of all voices, for windows with several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub texture: Option<TextureProfile>,
    /// Difference between each feature's mean and the corpus mean, in the corpus's standard
    /// deviations over windows.
    pub deviations: BTreeMap<Feature, f64>,
    /// The most frequent keys, by the Krumhansl–Schmuckler method applied to the style's windows of
    /// each file.
    pub keys: Vec<Share>,
    /// Fraction of the windows in a minor key; `None` for drums.
    pub minor: Option<f64>,
    /// Duration of each scale degree, in semitones above the tonic of that key.
    pub degrees: Vec<f64>,
    /// The most frequent labels, if windows have any.
    pub labels: Vec<Share>,
    /// Folders and words in file names that are more frequent than in the corpus, the most
    /// distinctive first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub titles: Vec<Share>,
}

/// A part of a style's windows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// Their common property: a key, a label.
    pub name: String,
    /// Their fraction of the style.
    pub share: f64,
    /// Their fraction of the whole corpus, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_corpus: Option<f64>,
}

/// A window counted by a card.
#[derive(Clone, Copy, Debug)]
pub(super) struct CardWindow<'a> {
    pub(super) tokens: &'a [u16],
    pub(super) file: &'a str,
    pub(super) label: Option<&'a str>,
}

/// The profile of all windows, for comparison.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Corpus {
    profile: Profile,
    texture: Option<TextureProfile>,
    labels: BTreeMap<String, f64>,
    titles: Titles,
}

impl Corpus {
    /// The profile of all windows.
    pub(super) fn of(model: &Model, windows: &[CardWindow<'_>]) -> Self {
        Self {
            profile: Profile::of(model.form(), windows.iter().map(|w| w.tokens)),
            texture: texture(model, windows),
            labels: shares(windows.iter().filter_map(|w| w.label)),
            titles: Titles::of(windows),
        }
    }
}

impl Card {
    /// The card of some windows compared with all others.
    pub(super) fn of(model: &Model, windows: &[CardWindow<'_>], corpus: &Corpus) -> Self {
        let profile = Profile::of(model.form(), windows.iter().map(|w| w.tokens));
        let deviations: BTreeMap<Feature, f64> = Feature::ALL
            .into_iter()
            .filter_map(|f| profile.deviation(f, &corpus.profile).map(|away| (f, away)))
            .collect();
        let mut labels = ranked(shares(windows.iter().filter_map(|w| w.label)), MAX_LABELS);
        for label in &mut labels {
            label.in_corpus = corpus.labels.get(&label.name).copied();
        }
        let Keys { keys, minor, degrees } = Keys::of(model.kind(), model, windows);
        let texture = texture(model, windows);
        let words = if let Some(texture) = &texture {
            texture.words(corpus.texture.as_ref())
        } else {
            let mut words = words(&deviations);
            words.extend(mode_word(minor).map(str::to_owned));
            words
        };
        let titles = Titles::of(windows).compared_with(&corpus.titles);
        Self { words, profile, texture, deviations, keys, minor, degrees, labels, titles }
    }

    /// The mean of an attribute over the style's windows; `None` if they lack it.
    pub(crate) fn mean_of(&self, form: &WindowForm, attribute: Attribute) -> Option<f64> {
        match form {
            WindowForm::Steps(_) => Some(self.profile.features.get(&attribute.feature()?)?.mean),
            WindowForm::Notes(encoding) => {
                let feature = attribute.texture(*encoding)?;
                Some(self.texture.as_ref()?.features.get(&feature)?.mean)
            }
        }
    }

    /// The meters of the style's windows with their fractions; empty for windows without meters.
    pub(crate) fn meters(&self) -> Vec<(Meter, f64)> {
        let counts = self.texture.as_ref().map_or(&[][..], |texture| &texture.meters);
        let n = counts.iter().map(|(_, n)| n).sum::<usize>() as f64;
        counts.iter().map(|(meter, count)| (*meter, *count as f64 / n)).collect()
    }
}

/// The profile of all voices of some windows; `None` for windows of steps.
fn texture(model: &Model, windows: &[CardWindow<'_>]) -> Option<TextureProfile> {
    let encoding = model.form().encoding()?;
    let of = |window: &CardWindow<'_>| {
        let list = NoteList::from_row(encoding, window.tokens);
        Texture::from(&list.expect("windows of the model's kind"))
    };
    let textures: Vec<Texture> = windows.par_iter().map(of).collect();
    Some(TextureProfile::of(&textures))
}

/// The largest deviations, in words.
pub(super) fn words(deviations: &BTreeMap<Feature, f64>) -> Vec<String> {
    let mut plain: Vec<(Feature, f64)> =
        deviations.iter().map(|(f, away)| (*f, *away)).filter(|(_, d)| d.abs() >= PLAIN).collect();
    plain.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    let word = |(feature, away): (Feature, f64)| {
        let [much, little] = feature.words();
        let very = if away.abs() >= 2.0 * PLAIN { "" } else { "rather " };
        format!("{very}{}", if away > 0.0 { much } else { little })
    };
    plain.into_iter().take(MAX_WORDS).map(word).collect()
}

fn mode_word(minor: Option<f64>) -> Option<&'static str> {
    match minor? {
        share if share >= MOSTLY => Some("mostly minor"),
        share if share <= 1.0 - MOSTLY => Some("mostly major"),
        _ => None,
    }
}

/// Keys of windows.
struct Keys {
    keys: Vec<Share>,
    minor: Option<f64>,
    degrees: Vec<f64>,
}

impl Keys {
    /// One key for each file, because two bars alone are not enough to estimate it.
    fn of(kind: &Kind, model: &Model, windows: &[CardWindow<'_>]) -> Self {
        let mut files = BTreeMap::<&str, Vec<&[u16]>>::new();
        for window in windows {
            files.entry(window.file).or_default().push(window.tokens);
        }
        let mut counts = BTreeMap::<String, f64>::new();
        let (mut minor, mut total) = (0.0, 0.0);
        let mut degrees = vec![0.0; 12];
        for windows in files.into_values() {
            let music = kind.to_sequence(windows.iter().copied(), &NoteListPlayback::default());
            let Some((tonic, mode)) = music.find_key() else { continue };
            let n = windows.len() as f64;
            let is_minor = mode == Mode::Minor;
            let name = format!(
                "{} {}",
                TONICS[usize::from(tonic) % 12],
                if is_minor { "minor" } else { "major" }
            );
            *counts.entry(name).or_default() += n;
            minor += if is_minor { n } else { 0.0 };
            total += n;
            let line = leading(model.form().lines_in_sixteenths(windows));
            let mut classes = pitch_class_durations(&line.notes);
            classes.rotate_left(usize::from(tonic) % 12);
            degrees.iter_mut().zip(classes).for_each(|(sum, time)| *sum += time);
        }
        let time: f64 = degrees.iter().sum();
        if time > 0.0 {
            degrees.iter_mut().for_each(|sum| *sum /= time);
        }
        let shares = counts.into_iter().map(|(name, n)| (name, n / total)).collect();
        Self {
            keys: ranked(shares, MAX_KEYS),
            minor: (total > 0.0).then(|| minor / total),
            degrees,
        }
    }
}

/// The relative frequency of each name.
fn shares<'a>(names: impl Iterator<Item = &'a str>) -> BTreeMap<String, f64> {
    let mut counts = BTreeMap::<String, f64>::new();
    let mut total = 0.0;
    for name in names {
        *counts.entry(name.to_owned()).or_default() += 1.0;
        total += 1.0;
    }
    counts.into_iter().map(|(name, n)| (name, n / total)).collect()
}

/// The largest shares; of equal ones, the first by name.
fn ranked(shares: BTreeMap<String, f64>, most: usize) -> Vec<Share> {
    let mut all: Vec<Share> =
        shares.into_iter().map(|(name, share)| Share { name, share, in_corpus: None }).collect();
    all.sort_by(|a, b| b.share.total_cmp(&a.share));
    all.truncate(most);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_name_what_deviates_most_first() {
        let deviations = BTreeMap::from([
            (Feature::NoteDensity, 0.6),
            (Feature::MeanPitch, -1.5),
            (Feature::Leaps, 0.4),
        ]);
        assert_eq!(words(&deviations), ["low", "rather busy"]);
        assert_eq!(mode_word(Some(0.9)), Some("mostly minor"));
        assert_eq!((mode_word(Some(0.5)), mode_word(None)), (None, None));
    }

    #[test]
    fn the_largest_shares_come_first_and_equals_by_name() {
        let found = ranked(shares(["b", "a", "c", "c"].into_iter()), 2);
        let names: Vec<_> = found.iter().map(|s| (s.name.as_str(), s.share)).collect();
        assert_eq!(names, [("c", 0.5), ("a", 0.25)]);
    }
}
