//! Reconstruction of windows that are lists of notes, in total, by corpus and by meter.

use std::collections::{BTreeMap, BTreeSet};

use controlgen::model::Model;
use musicvae::note_list::NoteListScore;
use note_seq::{Meter, NoteList, NoteListEncoding};
use rayon::prelude::*;

use super::{decode, distribution, draw_latents, show};
use crate::data::{EvalData, Partition};
use crate::report::{Figure, Section};
use crate::statistics::{Tally, bootstrap};

/// Labels or meters with fewer windows are not listed.
const MIN_WINDOWS: usize = 20;
/// Maximum number of parts listed per division.
const MOST_PARTS: usize = 24;

const NOTE: &str = "Held-out windows, each encoded and decoded. Best: z the posterior mean, always \
the most probable class, as `reconstruct` does it. Sampled: z one draw of the posterior, at \
temperature 1. F1 of notes: onset and pitch (or drum) both right. The other measures are of the \
notes that are right: their family, durations and velocities at most one class off. Nearest: the \
training window with the nearest latent as the guess.";

/// Counts of notes, for the F1 of any windows.
#[derive(Clone, Copy, Debug, Default)]
struct Notes {
    right: f64,
    all: f64,
}

pub(super) fn section(model: &Model, data: &EvalData, seed: u64) -> Section {
    let mut section = Section::new("reconstruction", "Reconstruction", NOTE);
    let side = &data.heldout;
    let encoding = model.form().encoding().expect("a model over lists of notes");
    let n = side.rows.len();
    let z = draw_latents(side, n, seed, false);
    let z_prior = draw_latents(side, n, seed, true);
    let targets = lists(encoding, side.windows());
    let best = decode(model, side, &side.mu, None, seed);
    let sampled = decode(model, side, &z, Some(1.0), seed);
    let prior = decode(model, side, &z_prior, Some(1.0), seed);
    let nearest = nearest_windows(model, data);
    let f1 = |windows: &[Vec<u16>]| score(encoding, &targets, windows).note_f1;
    let ways = [("best", &best), ("sampled", &sampled)];
    for (way, windows) in ways {
        let counts = counts(encoding, &targets, windows);
        let interval = interval(side, &counts, seed);
        let key = format!("reconstruction.{way}.note_f1");
        let figure = Figure::new(&key, &format!("{way}: notes, F1"), f1(windows), "F1", n)
            .interval(interval)
            .beside("nearest training window", f1(&nearest))
            .beside("z from the prior", f1(&prior));
        section.push(figure.goal(if way == "best" { 0.95 } else { 0.90 }));
        let scores = score(encoding, &targets, windows);
        let others = [
            ("precision", "notes written that are right", Some(scores.note_precision)),
            ("recall", "notes that are written", Some(scores.note_recall)),
            ("family", "right family", scores.family),
            ("duration", "duration within a class", scores.duration_within_one),
            ("velocity", "velocity within a class", scores.velocity_within_one),
        ];
        for (key, title, value) in others {
            let Some(value) = value else { continue };
            let key = format!("reconstruction.{way}.{key}");
            section.push(Figure::new(&key, &format!("{way}: {title}"), value, "share", n));
        }
        if let Some(offset) = scores.offset_classes {
            let key = format!("reconstruction.{way}.offset");
            let title = format!("{way}: mean error of the timing, in twelfths of a step");
            section.push(Figure::new(&key, &title, offset, "classes", n));
        }
    }
    let corpora = side.rows.iter().map(|row| row.file.split('/').next().unwrap_or_default());
    let meters = targets.iter().map(|list| meter_name(list.meter()));
    let divisions =
        [("corpus", corpora.map(str::to_owned).collect::<Vec<_>>()), ("meter", meters.collect())];
    for (division, of_window) in divisions {
        for (part, places) in parts(&of_window) {
            let pick = |windows: &[Vec<u16>]| -> f64 {
                let chosen: Vec<NoteList> = places.iter().map(|i| targets[*i].clone()).collect();
                let windows: Vec<Vec<u16>> = places.iter().map(|i| windows[*i].clone()).collect();
                score(encoding, &chosen, &windows).note_f1
            };
            let key = format!("reconstruction.{division}.{part}");
            let title = format!("{part}: notes, F1 of the best");
            let figure = Figure::new(&key, &title, pick(&best), "F1", places.len());
            section.push(figure.beside("sampled", pick(&sampled)));
        }
    }
    let accuracies: Vec<f64> =
        counts(encoding, &targets, &best).iter().map(|notes| notes.f1()).collect();
    section.charts.push(distribution(&accuracies));
    show(&mut section, side, &best, &accuracies);
    section
}

impl Notes {
    fn f1(self) -> f64 {
        if self.all > 0.0 { self.right / self.all } else { 1.0 }
    }
}

/// A meter in the usual notation.
fn meter_name(meter: Meter) -> String {
    let signature = meter.time_signature();
    format!("{}/{}", signature.numerator, signature.denominator)
}

fn lists<'a>(
    encoding: NoteListEncoding,
    windows: impl Iterator<Item = &'a [u16]>,
) -> Vec<NoteList> {
    let list = |row| NoteList::from_row(encoding, row).expect("windows of the model's kind");
    windows.map(list).collect()
}

fn score(encoding: NoteListEncoding, targets: &[NoteList], found: &[Vec<u16>]) -> NoteListScore {
    let found = lists(encoding, found.iter().map(Vec::as_slice));
    NoteListScore::of(targets.iter(), &found)
}

/// Twice the number of correct notes, and the total number of notes of both, for each window.
fn counts(encoding: NoteListEncoding, targets: &[NoteList], found: &[Vec<u16>]) -> Vec<Notes> {
    let found = lists(encoding, found.iter().map(Vec::as_slice));
    let of_window = |(target, found): (&NoteList, NoteList)| {
        let all = (target.len() + found.len()) as f64;
        let score = NoteListScore::of(std::iter::once(target), &[found]);
        Notes { right: score.note_f1 * all, all }
    };
    targets.iter().zip(found).map(of_window).collect()
}

/// The confidence interval of F1 over pieces.
fn interval(side: &Partition, counts: &[Notes], seed: u64) -> Option<[f64; 2]> {
    let mut pieces = BTreeMap::<&str, Tally>::new();
    for (row, notes) in side.rows.iter().zip(counts) {
        let tally = pieces.entry(&row.group).or_default();
        tally.sum += notes.right;
        tally.of += notes.all;
    }
    bootstrap(&pieces.into_values().collect::<Vec<_>>(), seed).and_then(|(_, interval)| interval)
}

/// The indices of windows with the same name, for names with enough windows, the largest first.
fn parts(of_window: &[String]) -> Vec<(&str, Vec<usize>)> {
    let mut places = BTreeMap::<&str, Vec<usize>>::new();
    for (at, name) in of_window.iter().enumerate() {
        places.entry(name).or_default().push(at);
    }
    let mut parts: Vec<_> = places.into_iter().filter(|(_, p)| p.len() >= MIN_WINDOWS).collect();
    parts.sort_by_key(|(_, places)| std::cmp::Reverse(places.len()));
    let names: BTreeSet<&str> = parts.iter().map(|(name, _)| *name).collect();
    // File names carry no information.
    if names.len() < 2 {
        parts.clear();
    }
    parts.truncate(MOST_PARTS);
    parts
}

/// For each held-out window, the training window with the nearest latent.
fn nearest_windows(model: &Model, data: &EvalData) -> Vec<Vec<u16>> {
    let space = model.latent_space();
    let known = space.project_all(&data.train.mu);
    let asked = space.project_all(&data.heldout.mu);
    let d = space.n_active().max(1);
    let nearest = |point: &[f64]| {
        let distance =
            |row: &[f64]| row.iter().zip(point).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
        let rows = known.chunks_exact(d).map(distance).enumerate();
        rows.min_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(row, _)| row)
    };
    asked.par_chunks(d).map(|point| data.train.rows[nearest(point)].tokens.clone()).collect()
}
