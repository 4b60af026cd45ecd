//! The texture of new music compared with real music: mean and distance of each feature.

use note_seq::texture::{Distance, Texture, TextureFeature, distances};
use note_seq::{NoteList, NoteListEncoding};
use rayon::prelude::*;

use super::super::report::{Better, Figure, Section};

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

/// Adds figures for the texture of sets of windows, each with its name, compared with real ones.
/// The first set is measured, the others are baselines.
pub(super) fn figures(
    section: &mut Section,
    encoding: NoteListEncoding,
    real: &[Vec<u16>],
    sets: &[(&str, &[Vec<u16>])],
) {
    let [(_, first), others @ ..] = sets else { return };
    let features: &[TextureFeature] = if encoding.has_tones() { &OF_TONES } else { &OF_DRUMS };
    let real = textures(encoding, real);
    let compare = |windows: &[Vec<u16>]| distances(features, &real, &textures(encoding, windows));
    let found = compare(first);
    let beside: Vec<(&str, Vec<Distance>)> =
        others.iter().map(|(name, windows)| (*name, compare(windows))).collect();
    let n = first.len();
    for (at, of) in found.iter().enumerate() {
        let (name, unit) = (of.feature.name(), of.feature.unit());
        let key = format!("generation.texture.{}", name.replace('-', "_"));
        let mut mean = Figure::new(&key, name, of.generated.mean, unit, n)
            .better(Better::Neither)
            .beside("real", of.real.mean);
        for (set, distances) in &beside {
            mean = mean.beside(set, distances[at].generated.mean);
        }
        section.push(mean);
        let Some(distance) = of.distance else { continue };
        let title = format!("{name}: distance of the distributions");
        let mut figure = Figure::new(&format!("{key}.distance"), &title, distance, "deviations", n)
            .better(Better::Lower)
            .goal(GOAL);
        for (set, distances) in &beside {
            figure = figure.beside(set, distances[at].distance);
        }
        section.push(figure);
    }
}

fn textures(encoding: NoteListEncoding, windows: &[Vec<u16>]) -> Vec<Texture> {
    let of = |row: &Vec<u16>| {
        Texture::from(&NoteList::from_row(encoding, row).expect("windows of the model's kind"))
    };
    windows.par_iter().map(of).collect()
}
