//! New accompaniments of a style for a given melody.
//!
//! A model of many voices does not know which of its notes are the melody, so the accompaniment is
//! selected from candidates. Several courses through the style are decoded, and the notes that
//! would cover the melody are removed. Then the best path through their windows is found: consonant
//! with the melody, with as many notes as the style, belonging to the style when encoded again
//! together with the melody, and with few changes between courses.

use musicvae::seed;
use note_seq::features::{Harmony, harmony};
use note_seq::window::{GridNote, notes_of_lists, outer_lines};
use note_seq::{Family, ListNote, NoteList, NoteListEncoding};
use rand::RngExt;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::encode::encode_windows;
use crate::generate::{Decoding, GenerateError, LatentPath, LatentSampling, controls_of};
use crate::mix::{nearest_component, transported};
use crate::model::Model;
use crate::style::{Reference, Style, Styles};

/// Weights of the parts of a score. All parts are between 0 and 1; changing the course costs less
/// than good harmony gains.
const CONSONANCE: f64 = 1.0;
const MEMBERSHIP: f64 = 1.0;
const DENSITY: f64 = 0.5;
const CHANGE: f64 = 0.25;
/// Strengths with which the melody itself moves toward the style, in courses that begin with it.
const STRENGTHS: [f64; 2] = [0.7, 1.0];
/// Number of unrelated real windows compared with each of the melody's.
const UNRELATED: usize = 32;

/// A request for an accompaniment.
#[derive(Clone, Copy, Debug)]
pub struct AccompanyRequest<'a> {
    /// The style of the accompaniment.
    pub style: &'a Style,
    /// Number of courses to try; more take longer and fit better.
    pub n_courses: usize,
    /// Decoding options.
    pub decoding: Decoding,
}

/// A melody with an accompaniment.
#[derive(Clone, Debug, PartialEq)]
pub struct Accompanied {
    /// The accompaniment alone, one window for each of the melody's.
    pub windows: Vec<Vec<u16>>,
    /// The latents it was decoded from, `[n, Z]`.
    pub z: Vec<f32>,
    /// The quality of the fit.
    pub fit: AccompanimentFit,
}

/// The quality of the fit of an accompaniment to its melody, compared with chance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccompanimentFit {
    /// Fraction of the time in which melody and accompaniment sound together that is consonant.
    pub consonance: Option<f64>,
    /// The same for all courses, without selection.
    pub unchosen: Option<f64>,
    /// The same for unrelated real windows with the melody.
    pub unrelated: Option<f64>,
    /// Probability that melody and accompaniment together belong to the style, mean over the
    /// windows.
    pub membership: f64,
}

/// A window of a course.
struct Candidate {
    notes: Vec<ListNote>,
    harmony: Harmony,
    z: Vec<f32>,
    /// Membership of melody and accompaniment together.
    membership: f64,
    score: f64,
}

/// Composes an accompaniment of a style for the windows of a melody.
///
/// # Errors
/// Returns [`GenerateError::OneVoice`] for a model of single lines or of drums, and an error if the
/// temperature is out of range.
pub fn accompany(
    model: &Model,
    styles: &Styles,
    reference: &Reference,
    melody: &[Vec<u16>],
    request: &AccompanyRequest<'_>,
) -> Result<Accompanied, GenerateError> {
    let decoding = request.decoding.check()?;
    let encoding = model.form().encoding().filter(NoteListEncoding::has_tones);
    let encoding = encoding.ok_or(GenerateError::OneVoice { kind: model.kind().name })?;
    let n_courses = request.n_courses.max(1);
    let melodies: Vec<NoteList> = melody.iter().map(|row| list(encoding, row)).collect();
    let z = courses(model, styles, melody, request)?;
    let control = controls_of(model, melody.iter().map(Vec::as_slice)).repeat(n_courses);
    let decoded = decoding.decode(model, &z, &control);
    let parts: Vec<Vec<ListNote>> = decoded
        .par_iter()
        .enumerate()
        .map(|(i, row)| under(&melodies[i % melody.len()], &list(encoding, row)))
        .collect();
    let together: Vec<Vec<u16>> = parts
        .iter()
        .enumerate()
        .map(|(i, notes)| joined(&melodies[i % melody.len()], notes).to_row())
        .collect();
    let again = encode_windows(model, &together);
    let memberships = styles.membership(model, &again, request.style);
    let density = density(reference, encoding, styles, request.style);
    let mut candidates = Vec::with_capacity(parts.len());
    for (i, notes) in parts.into_iter().enumerate() {
        let melody = &melodies[i % melodies.len()];
        let harmony = harmony_under(melody, &notes);
        let n_beats = encoding.n_cells(melody.meter()) as f64;
        let thin = (notes.len() as f64 / n_beats / density.max(f64::MIN_POSITIVE)).min(1.0);
        let score = CONSONANCE * harmony.consonance().unwrap_or(0.0)
            + MEMBERSHIP * memberships[i]
            + DENSITY * thin;
        let z = z[i * model.z_size()..][..model.z_size()].to_vec();
        candidates.push(Candidate { notes, harmony, z, membership: memberships[i], score });
    }
    let path = best_path(&candidates, n_courses, melodies.len());
    let all = candidates.iter().map(|candidate| candidate.harmony);
    let unchosen = all.fold(Harmony::default(), Harmony::and).consonance();
    let chosen =
        || path.iter().enumerate().map(|(t, course)| &candidates[course * melodies.len() + t]);
    let harmony = chosen().map(|c| c.harmony).fold(Harmony::default(), Harmony::and);
    let accompaniments = chosen().zip(&melodies).map(|(candidate, melody)| {
        let notes = candidate.notes.iter().copied();
        NoteList::from_notes(encoding, melody.meter(), notes).expect("notes of this meter").to_row()
    });
    Ok(Accompanied {
        windows: accompaniments.collect(),
        z: chosen().flat_map(|candidate| candidate.z.iter().copied()).collect(),
        fit: AccompanimentFit {
            consonance: harmony.consonance(),
            unchosen,
            unrelated: unrelated(reference, &melodies, decoding.seed),
            membership: chosen().map(|c| c.membership).sum::<f64>() / melodies.len().max(1) as f64,
        },
    })
}

fn list(encoding: NoteListEncoding, row: &[u16]) -> NoteList {
    NoteList::from_row(encoding, row).expect("windows of the model's own kind")
}

/// The latents of all courses, `[courses, windows, Z]`: samples of the style, and for every third
/// course the melody itself moved toward the style, with some randomness.
fn courses(
    model: &Model,
    styles: &Styles,
    melody: &[Vec<u16>],
    request: &AccompanyRequest<'_>,
) -> Result<Vec<f32>, GenerateError> {
    let space = model.latent_space();
    let target = styles.distribution(request.style);
    let path = LatentPath::stationary(&target)?;
    let (sampling, seed) = (LatentSampling::default(), request.decoding.seed);
    let before = encode_windows(model, melody);
    let own = space.project_all(&before);
    let from = styles.mixture().component(nearest_component(styles.mixture(), &own)?)?;
    let to = target.moments()?;
    let mut z = Vec::with_capacity(request.n_courses * before.len());
    for index in 0..request.n_courses.max(1) as u64 {
        let drawn = path.latents(space, melody.len(), sampling, seed, index)?;
        if index % 3 != 2 {
            z.extend(drawn);
            continue;
        }
        let strength = STRENGTHS[(index / 3) as usize % STRENGTHS.len()];
        let moved = transported(&own, &from, &to, strength)?;
        // Halfway to the sample, so that no two courses are equal.
        let drawn = space.project_all(&drawn);
        let between: Vec<f64> =
            moved.iter().zip(&drawn).map(|(a, b)| f64::midpoint(*a, *b)).collect();
        let mut own = before.clone();
        space.embed_all(&between, &mut own);
        z.extend(own);
    }
    Ok(z)
}

/// The notes of a window that are below a melody: lower than the note that the melody plays at the
/// time or, while it rests, than its lowest note.
fn under(melody: &NoteList, window: &NoteList) -> Vec<ListNote> {
    let lowest = melody.notes().map(|note| note.pitch).min();
    let covers = |note: &ListNote| {
        let (start, end) = (note.onset, note.onset.saturating_add(note.duration.max(1)));
        let at_once = melody.notes().filter(|other| {
            other.onset < end && start < other.onset.saturating_add(other.duration.max(1))
        });
        match at_once.map(|other| other.pitch).min().or(lowest) {
            Some(limit) => note.pitch >= limit,
            None => false,
        }
    };
    window.notes().filter(|note| note.family != Family::Drums && !covers(note)).collect()
}

/// Melody and accompaniment as one window.
fn joined(melody: &NoteList, notes: &[ListNote]) -> NoteList {
    let all = melody.notes().chain(notes.iter().copied());
    NoteList::from_notes(melody.encoding(), melody.meter(), all).expect("notes of this meter")
}

/// The highest line of a window and the other notes: a melody like those that [`accompany`] takes,
/// with the accompaniment it had.
pub fn split(window: &NoteList) -> (NoteList, Vec<ListNote>) {
    let lines = outer_lines(&notes_of_lists([window]));
    let top = lines.into_iter().next().map(|line| line.notes).unwrap_or_default();
    let is_top = |note: &ListNote| {
        let (start, pitch) = (usize::from(note.onset), i32::from(note.pitch.get()));
        top.iter().any(|other| other.start == start && other.pitch == pitch)
    };
    let tones = window.notes().filter(|note| note.family != Family::Drums);
    let (melody, below): (Vec<ListNote>, Vec<ListNote>) = tones.partition(is_top);
    let melody = NoteList::from_notes(window.encoding(), window.meter(), melody);
    (melody.expect("notes of this meter"), below)
}

/// The consonance of notes with a melody: how long they sound together, and how long of that in
/// consonant intervals.
pub fn harmony_under(melody: &NoteList, notes: &[ListNote]) -> Harmony {
    let lines = outer_lines(&notes_of_lists([melody]));
    let top = lines.first().map(|line| line.notes.as_slice()).unwrap_or_default();
    let grid = notes.iter().map(|note| GridNote {
        start: note.onset.into(),
        end: usize::from(note.onset) + usize::from(note.duration.max(1)),
        pitch: note.pitch.get().into(),
    });
    grid.map(|note| harmony(top, &[note])).fold(Harmony::default(), Harmony::and)
}

/// Number of notes per beat in the real windows of a style, without those of their highest line.
fn density(
    reference: &Reference,
    encoding: NoteListEncoding,
    styles: &Styles,
    style: &Style,
) -> f64 {
    let (mut n_notes, mut n_beats) = (0_usize, 0_usize);
    for row in styles.examples(reference, style) {
        let list = list(encoding, &row);
        let lines = outer_lines(&notes_of_lists([&list]));
        n_notes += list.len() - lines.first().map_or(0, |line| line.notes.len());
        n_beats += encoding.n_cells(list.meter());
    }
    n_notes as f64 / n_beats.max(1) as f64
}

/// The path through the windows, one course for each, with the largest sum of scores; each change
/// of course costs [`CHANGE`].
fn best_path(candidates: &[Candidate], n_courses: usize, n_windows: usize) -> Vec<usize> {
    let score = |course: usize, window: usize| candidates[course * n_windows + window].score;
    let mut sums: Vec<f64> = (0..n_courses).map(|course| score(course, 0)).collect();
    let mut from: Vec<Vec<usize>> = Vec::new();
    // The first of equal ones.
    let best = |sums: &[f64]| {
        (0..sums.len()).rev().max_by(|a, b| sums[*a].total_cmp(&sums[*b])).unwrap_or(0)
    };
    for window in 1..n_windows {
        let leader = best(&sums);
        let steps = (0..n_courses).map(|course| {
            let stay = sums[course];
            let come = sums[leader] - CHANGE;
            if stay >= come { (course, stay) } else { (leader, come) }
        });
        let steps: Vec<(usize, f64)> = steps.collect();
        sums = steps.iter().enumerate().map(|(c, (_, sum))| sum + score(c, window)).collect();
        from.push(steps.into_iter().map(|(course, _)| course).collect());
    }
    let mut path = vec![best(&sums)];
    for from in from.iter().rev() {
        let next = *path.last().expect("it has its end");
        path.push(from[next]);
    }
    path.reverse();
    path
}

/// The consonance of unrelated real windows with the melody.
fn unrelated(reference: &Reference, melodies: &[NoteList], seed: u64) -> Option<f64> {
    let mut rng = seed::stream(seed, "unrelated", 0);
    let mut found = Harmony::default();
    for melody in melodies {
        let of_meter: Vec<NoteList> = reference
            .rows
            .iter()
            .filter(|row| row.tokens.first() == Some(&melody.meter().class()))
            .map(|row| list(melody.encoding(), &row.tokens))
            .collect();
        for _ in 0..UNRELATED.min(of_meter.len()) {
            let other = &of_meter[rng.random_range(0..of_meter.len())];
            found = found.and(harmony_under(melody, &under(melody, other)));
        }
    }
    found.consonance()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_lists::{note, window};

    #[test]
    fn an_accompaniment_stays_under_its_melody() {
        // C5 for a half note, then rest until G4 in the second bar.
        let melody = window(&[note(0, 72, 24), note(48, 67, 12)]);
        let other = window(&[
            note(0, 48, 24),
            note(0, 76, 12),
            note(12, 71, 12),
            note(30, 69, 6),
            note(30, 64, 6),
            note(48, 67, 12),
        ]);
        let kept: Vec<u8> = under(&melody, &other).iter().map(|n| n.pitch.get()).collect();
        // While it rests, notes below its lowest note, G4.
        assert_eq!(kept, [48, 71, 64]);
        // C3 under C5 for 24 ticks, B4 under it for 12.
        let found = harmony_under(&melody, &under(&melody, &other));
        assert_eq!((found.n_together, found.n_consonant), (36, 24));
    }

    #[test]
    fn a_window_is_split_into_its_melody_and_what_lies_below() {
        let both = window(&[note(0, 72, 24), note(0, 48, 48), note(24, 64, 24), note(24, 60, 24)]);
        let (melody, below) = split(&both);
        let pitches = |notes: &[ListNote]| notes.iter().map(|n| n.pitch.get()).collect::<Vec<_>>();
        assert_eq!(pitches(&melody.notes().collect::<Vec<_>>()), [72, 64]);
        assert_eq!(pitches(&below), [48, 60]);
        assert_eq!(joined(&melody, &below), both);
    }

    #[test]
    fn a_path_leaves_its_course_only_where_it_gains() {
        let candidate = |score: f64| Candidate {
            notes: Vec::new(),
            harmony: Harmony::default(),
            z: Vec::new(),
            membership: 0.0,
            score,
        };
        // Two courses of three windows: the second is slightly better in the middle, then much
        // better.
        let of = |scores: [f64; 6]| best_path(&scores.map(candidate), 2, 3);
        assert_eq!(of([1.0, 1.0, 1.0, 0.5, 1.2, 0.5]), [0, 0, 0]);
        assert_eq!(of([1.0, 1.0, 1.0, 0.5, 2.0, 0.5]), [0, 1, 0]);
        assert_eq!(of([1.0, 1.0, 1.0, 0.5, 1.2, 2.0]), [0, 1, 1]);
    }
}
