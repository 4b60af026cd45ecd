//! The texture of new music compared with real music: mean and distance of each feature.

use note_seq::texture::{Texture, TextureFeature, wasserstein};
use note_seq::{NoteList, NoteListEncoding};
use rayon::prelude::*;

use super::super::report::{Better, Figure, Section};
use super::super::statistics::{jackknife_of, mean};

/// The features of tones to compare.
const OF_TONES: [TextureFeature; 8] = [
    TextureFeature::Notes,
    TextureFeature::Onsets,
    TextureFeature::Scale,
    TextureFeature::PitchClasses,
    TextureFeature::Polyphony,
    TextureFeature::Consonance,
    TextureFeature::Range,
    TextureFeature::ChordChanges,
];
/// The features of drums to compare.
const OF_DRUMS: [TextureFeature; 6] = [
    TextureFeature::DrumHits,
    TextureFeature::DrumKicks,
    TextureFeature::DrumSnares,
    TextureFeature::DrumSyncopation,
    TextureFeature::DrumVelocity,
    TextureFeature::DrumVelocitySpread,
];

/// Goal for the distance of a default mixture's distribution, in standard deviations of the real
/// one.
const GOAL: f64 = 0.2;

/// Blocks of windows that intervals are over.
const BLOCKS: usize = 20;

/// The values of a feature in each block: of real windows, then of each set.
struct Values {
    feature: TextureFeature,
    blocks: Vec<Vec<Vec<f64>>>,
}

impl Values {
    fn of(feature: TextureFeature, sets: &[Vec<Texture>]) -> Self {
        let block = |block: usize| {
            let of = |textures: &Vec<Texture>| -> Vec<f64> {
                let (n, k) = (textures.len(), BLOCKS);
                let own = &textures[block * n / k..(block + 1) * n / k];
                own.iter().filter_map(|texture| texture.get(feature)).collect()
            };
            sets.iter().map(of).collect()
        };
        Self { feature, blocks: (0..BLOCKS).map(block).collect() }
    }

    /// The mean of a set; `None` if no window has the feature.
    fn mean(&self, set: usize) -> Option<f64> {
        mean(&gathered(&self.blocks.iter().collect::<Vec<_>>(), set))
    }

    fn distance(&self, set: usize) -> Option<f64> {
        distance(&self.blocks.iter().collect::<Vec<_>>(), set)
    }

    fn interval(&self, set: usize) -> Option<[f64; 2]> {
        jackknife_of(&self.blocks, |blocks| distance(blocks, set))
    }

    /// By how much the first set is nearer than another, with its interval.
    fn lead(&self, other: usize) -> Option<(f64, Option<[f64; 2]>)> {
        let lead =
            |blocks: &[&Vec<Vec<f64>>]| Some(distance(blocks, other)? - distance(blocks, 1)?);
        let all: Vec<_> = self.blocks.iter().collect();
        Some((lead(&all)?, jackknife_of(&self.blocks, lead)))
    }
}

fn gathered(blocks: &[&Vec<Vec<f64>>], set: usize) -> Vec<f64> {
    blocks.iter().flat_map(|block| block[set].iter().copied()).collect()
}

/// The Wasserstein distance of a set from the real windows, in deviations of these.
fn distance(blocks: &[&Vec<Vec<f64>>], set: usize) -> Option<f64> {
    let real = gathered(blocks, 0);
    let average = mean(&real)?;
    let variance = real.iter().map(|v| (v - average).powi(2)).sum::<f64>() / real.len() as f64;
    let found = wasserstein(&real, &gathered(blocks, set))?;
    (variance > 0.0).then(|| found / variance.sqrt())
}

/// Adds figures of the texture of sets of windows, each with its name, compared with real ones. The
/// first set is the one that is measured, the others are baselines, the last of them real windows.
/// Intervals are by jackknife over twenty blocks of windows of every set.
pub(super) fn figures(
    section: &mut Section,
    encoding: NoteListEncoding,
    real: &[Vec<u16>],
    sets: &[(&str, &[Vec<u16>])],
) {
    let [(first, windows), others @ ..] = sets else { return };
    let features: &[TextureFeature] = if encoding.has_tones() { &OF_TONES } else { &OF_DRUMS };
    let all: Vec<Vec<Texture>> = std::iter::once(real)
        .chain(sets.iter().map(|(_, windows)| *windows))
        .map(|windows| textures(encoding, windows))
        .collect();
    let n = windows.len();
    let values: Vec<Values> = features.iter().map(|f| Values::of(*f, &all)).collect();
    for of in &values {
        let (name, unit) = (of.feature.name(), of.feature.unit());
        let key = format!("generation.texture.{}", name.replace('-', "_"));
        let Some(average) = of.mean(1) else { continue };
        let mut figure = Figure::new(&key, name, average, unit, n)
            .better(Better::Neither)
            .beside("real", of.mean(0));
        for (at, (set, _)) in others.iter().enumerate() {
            figure = figure.beside(set, of.mean(at + 2));
        }
        section.push(figure);
        let Some(distance) = of.distance(1) else { continue };
        let title = format!("{name}: distance of the distributions");
        let mut figure = Figure::new(&format!("{key}.distance"), &title, distance, "deviations", n)
            .better(Better::Lower)
            .interval(of.interval(1))
            .goal(GOAL);
        for (at, (set, _)) in others.iter().enumerate() {
            figure = figure.beside(set, of.distance(at + 2));
        }
        section.push(figure);
    }
    let Some((_, rivals)) = others.split_last().filter(|(_, rivals)| !rivals.is_empty()) else {
        return;
    };
    nearest(section, &values, first, rivals);
}

/// In how many features the first set is nearer to real windows than each rival and than all, and
/// in how many of them beyond the intervals of the differences.
fn nearest(section: &mut Section, values: &[Values], first: &str, rivals: &[(&str, &[Vec<u16>])]) {
    let leads: Vec<Vec<(f64, Option<[f64; 2]>)>> = values
        .iter()
        .filter_map(|of| (0..rivals.len()).map(|rival| of.lead(rival + 2)).collect())
        .collect();
    let is_nearer = |(lead, _): &(f64, Option<[f64; 2]>)| *lead > 0.0;
    let is_surely =
        |(_, interval): &(f64, Option<[f64; 2]>)| interval.is_some_and(|[low, _]| low > 0.0);
    let of_all = |test: &dyn Fn(&(f64, Option<[f64; 2]>)) -> bool| {
        leads.iter().filter(|of| of.iter().all(test)).count() as f64
    };
    let unit = format!("of {}", leads.len());
    let goal = leads.len() as f64;
    let counts: [(&str, &str, &dyn Fn(&(f64, Option<[f64; 2]>)) -> bool); 2] = [
        ("nearest", "nearer to real music than all others", &is_nearer),
        ("nearest_surely", "the same, beyond the intervals of the differences", &is_surely),
    ];
    for (key, what, test) in counts {
        let title = format!("features in which the {first} is {what}");
        let key = format!("generation.texture.{key}");
        let figure = Figure::new(&key, &title, of_all(test), &unit, leads.len()).goal(goal);
        let count = |rival: usize| leads.iter().filter(|of| test(&of[rival])).count() as f64;
        section.push(rivals.iter().enumerate().fold(figure, |figure, (rival, (name, _))| {
            figure.beside(&format!("than {name}"), count(rival))
        }));
    }
}

fn textures(encoding: NoteListEncoding, windows: &[Vec<u16>]) -> Vec<Texture> {
    let of = |row: &Vec<u16>| {
        Texture::from(&NoteList::from_row(encoding, row).expect("windows of the model's kind"))
    };
    windows.par_iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use note_seq::{ListNote, Meter, Pitch};

    use super::*;

    /// Windows of some numbers of single notes, one after another.
    fn windows(n_notes: impl Fn(u16) -> u16) -> Vec<Vec<u16>> {
        let window = |i: u16| {
            let note = |at| ListNote {
                onset: 6 * at,
                duration: 6,
                pitch: Pitch::saturating(u8::try_from(60 + at).unwrap()),
                ..ListNote::default()
            };
            let notes = (0..n_notes(i)).map(note);
            let list = NoteList::from_notes(NoteListEncoding::POLY_2BAR, Meter::COMMON, notes);
            list.unwrap().to_row()
        };
        (0..80).map(window).collect()
    }

    #[test]
    fn what_is_nearest_is_counted_and_only_clear_leads_are_sure() {
        let real = windows(|i| 6 + i % 4);
        // The same, a little more, and much more.
        let (same, more) = (windows(|i| 6 + (i + 1) % 4), windows(|i| 12 + i % 4));
        let sets: [(&str, &[Vec<u16>]); 3] =
            [("mixture", &same), ("prior", &more), ("real", &real)];
        let mut section = Section::default();
        figures(&mut section, NoteListEncoding::POLY_2BAR, &real, &sets);
        let figure = |key: &str| section.figures.iter().find(|f| f.key == key).unwrap();
        let notes = figure("generation.texture.notes.distance");
        assert_eq!(notes.value, 0.0);
        // Six more notes in deviations of 6, 7, 8, 9: √1.25.
        assert!((notes.baselines[0].value - 6.0 / 1.25_f64.sqrt()).abs() < 1e-12);
        let nearest = figure("generation.texture.nearest");
        let surely = figure("generation.texture.nearest_surely");
        // A scale of up to nine steps upward: more notes are more onsets and more range, too, while
        // a single line has one tone at once, no pairs and no chords.
        assert!(nearest.value >= 4.0 && surely.value <= nearest.value && surely.value >= 3.0);
        let than = |figure: &Figure| (figure.baselines.len(), figure.baselines[0].name.clone());
        assert_eq!(than(nearest), (1, "than prior".to_owned()));
    }
}
