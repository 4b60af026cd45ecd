//! What music is made of, in numbers: the features of mgeval and muspy, and those of our judge.

use musicvae::{Content, WindowLayout};

/// Steps of a bar and of a quarter note on the models' grid.
const STEPS_PER_BAR: usize = 16;
const STEPS_PER_BEAT: usize = 4;
/// Classes of a pitched track: nothing new, the note ends, then pitches from the piano's lowest.
const NOTE_OFF: u16 = 1;
const FIRST_PITCH: u16 = 2;
const LOWEST_PITCH: i32 = 21;
/// Drums that a drum track's class holds, a bit each.
const N_DRUMS: usize = 9;

/// A note on the grid of sixteenths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    /// Its first step.
    pub start: usize,
    /// The step after its last one.
    pub end: usize,
    /// MIDI number of its pitch; of a drum track the set of drums.
    pub pitch: i32,
}

impl Note {
    fn length(self) -> usize {
        self.end - self.start
    }

    fn pitch_class(self) -> usize {
        usize::try_from(self.pitch.rem_euclid(12)).expect("0 to 11")
    }
}

/// What a token does at its step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TokenType {
    /// A note or a set of drums begins.
    Onset,
    /// The note that sounds ends.
    Off,
    /// What was goes on, be it a note or silence.
    Hold,
}

impl TokenType {
    /// The type of a class of a track.
    pub fn of(content: Content, token: u16) -> Self {
        match (content, token) {
            (_, 0) => Self::Hold,
            (Content::Drums, _) => Self::Onset,
            (_, NOTE_OFF) => Self::Off,
            _ => Self::Onset,
        }
    }
}

/// The notes of one part of a window.
pub fn notes(content: Content, tokens: &[u16]) -> Vec<Note> {
    let mut notes: Vec<Note> = Vec::new();
    let mut sounding: Option<Note> = None;
    for (step, token) in tokens.iter().enumerate() {
        match TokenType::of(content, *token) {
            TokenType::Hold => {}
            _ if content == Content::Drums => {
                notes.push(Note { start: step, end: step + 1, pitch: i32::from(*token) });
            }
            kind => {
                notes.extend(sounding.take().map(|note| Note { end: step, ..note }));
                if kind == TokenType::Onset {
                    let pitch = i32::from(*token - FIRST_PITCH) + LOWEST_PITCH;
                    sounding = Some(Note { start: step, end: step, pitch });
                }
            }
        }
    }
    notes.extend(sounding.map(|note| Note { end: tokens.len(), ..note }));
    notes
}

/// The notes of a window's first part, its melody (or its drums).
pub fn lead(layout: &WindowLayout, window: &[u16]) -> Vec<Note> {
    notes(layout.tracks[0].content, &window[..layout.n_steps])
}

/// The nine features of mgeval (Yang and Lerch 2020; its `core.py`), which are compared between sets
/// of music, with the names that people read.
pub const MGEVAL_NAMES: [&str; 9] = [
    "pitch count",
    "pitch-class histogram",
    "pitch-class transitions",
    "pitch range",
    "mean interval",
    "note count",
    "mean inter-onset interval",
    "note-length histogram",
    "note-length transitions",
];

/// The features of [`MGEVAL_NAMES`] of one line of notes: scalars as one number, histograms of 12 bins
/// (weighted by duration for pitch classes) summing to 1, transition counts `[12, 12]`.
///
/// - `total_used_pitch`: different pitches; `total_used_note`: notes
/// - `total_pitch_class_histogram`, weighted by duration
/// - `pitch_class_transition_matrix` (`pretty_midi`'s): from a note to the one that begins where it
///   ends; rests break the chain
/// - `pitch_range`; `avg_pitch_shift`: mean absolute interval, in semitones
/// - `avg_IOI`: from onset to onset, here in sixteenths
/// - `note_length_hist`, `note_length_transition_matrix`: nearest of twelve note values
///
/// Where mgeval has no answer (no note, or one alone) a scalar is 0, a mean distance of onsets the whole
/// window, and a histogram all 0.
pub fn mgeval(notes: &[Note], n_steps: usize) -> [Vec<f64>; 9] {
    let mut pitches: Vec<i32> = notes.iter().map(|note| note.pitch).collect();
    pitches.sort_unstable();
    pitches.dedup();
    let range = pitches.last().zip(pitches.first()).map_or(0, |(high, low)| high - low);
    let pairs = || notes.windows(2).map(|pair| (pair[0], pair[1]));
    let mean = |values: Vec<f64>, none: f64| {
        if values.is_empty() { none } else { values.iter().sum::<f64>() / values.len() as f64 }
    };
    let intervals = pairs().map(|(a, b)| f64::from((b.pitch - a.pitch).abs())).collect();
    let distances = pairs().map(|(a, b)| (b.start - a.start) as f64).collect();
    let (mut classes, mut lengths) = (vec![0.0; 12], vec![0.0; 12]);
    let (mut class_steps, mut length_steps) = (vec![0.0; 144], vec![0.0; 144]);
    for note in notes {
        classes[note.pitch_class()] += note.length() as f64;
        lengths[length_class(*note)] += 1.0;
    }
    for (a, b) in pairs() {
        if a.end == b.start {
            class_steps[12 * a.pitch_class() + b.pitch_class()] += 1.0;
        }
        length_steps[12 * length_class(a) + length_class(b)] += 1.0;
    }
    [
        vec![pitches.len() as f64],
        shares(classes),
        class_steps,
        vec![f64::from(range)],
        vec![mean(intervals, 0.0)],
        vec![notes.len() as f64],
        vec![mean(distances, n_steps as f64)],
        shares(lengths),
        length_steps,
    ]
}

/// Scales to sum to 1, unless all is 0.
fn shares(mut counts: Vec<f64>) -> Vec<f64> {
    let sum: f64 = counts.iter().sum();
    if sum > 0.0 {
        counts.iter_mut().for_each(|count| *count /= sum);
    }
    counts
}

/// The nearest of mgeval's note values: whole to sixteenth, these dotted (from the half on), triplets of
/// half to eighth; in 96ths of a bar, of which a step has six.
fn length_class(note: Note) -> usize {
    const VALUES: [i64; 12] = [96, 48, 24, 12, 6, 72, 36, 18, 9, 32, 16, 8];
    let length = 6 * i64::try_from(note.length()).unwrap_or(i64::MAX / 6);
    let classes = VALUES.iter().enumerate().min_by_key(|(_, value)| (length - **value).abs());
    classes.expect("there are twelve").0
}

/// The scores of muspy 0.5 (`metrics.py`) for one line of notes; none where muspy answers NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Muspy {
    /// Entropy of the pitches, `-Σ p log2 p`, in bits.
    pub pitch_entropy: f64,
    /// The same of pitch classes.
    pub pitch_class_entropy: f64,
    /// The greatest share of notes in one of the 24 major and (natural) minor scales.
    pub scale_consistency: f64,
    /// Share of beats without a note; a note counts for the beat in which it ends, too.
    pub empty_beat_rate: f64,
    /// `1 -` mean Hamming distance of neighbouring bars' onsets. As in muspy, a piece whose last note
    /// ends with a bar has one more, empty bar; none for less than two.
    pub groove_consistency: Option<f64>,
}

impl Muspy {
    /// Scores of some notes; none for no notes.
    pub fn of(notes: &[Note]) -> Option<Self> {
        let length = notes.iter().map(|note| note.end).max()?;
        let (mut pitches, mut classes) = (vec![0.0; 128], vec![0.0; 12]);
        for note in notes {
            pitches[usize::try_from(note.pitch.clamp(0, 127)).expect("0 to 127")] += 1.0;
            classes[note.pitch_class()] += 1.0;
        }
        let mut sounding = vec![false; length / STEPS_PER_BEAT + 1];
        for note in notes {
            sounding[note.start / STEPS_PER_BEAT..=note.end / STEPS_PER_BEAT].fill(true);
        }
        let empty = sounding.iter().filter(|sounding| !**sounding).count();
        Some(Self {
            pitch_entropy: entropy(&pitches),
            pitch_class_entropy: entropy(&classes),
            scale_consistency: best_scale(&classes).1,
            empty_beat_rate: empty as f64 / sounding.len() as f64,
            groove_consistency: groove(notes, length / STEPS_PER_BAR + 1),
        })
    }
}

fn entropy(counts: &[f64]) -> f64 {
    let sum: f64 = counts.iter().sum();
    counts.iter().filter(|c| **c > 0.0).map(|c| -c / sum * (c / sum).log2()).sum()
}

const MAJOR: [bool; 12] =
    [true, false, true, false, true, true, false, true, false, true, false, true];

/// The tonic of the major scale that holds the most notes, and the share that it holds. Natural minor
/// scales are the same twelve sets.
fn best_scale(classes: &[f64]) -> (usize, f64) {
    let sum: f64 = classes.iter().sum();
    let held = |root: usize| -> f64 {
        (0..12).filter(|class| MAJOR[(class + 12 - root) % 12]).map(|class| classes[class]).sum()
    };
    let best = (0..12).rev().max_by(|a, b| held(*a).total_cmp(&held(*b))).unwrap_or(0);
    (best, if sum > 0.0 { held(best) / sum } else { 0.0 })
}

fn groove(notes: &[Note], n_bars: usize) -> Option<f64> {
    if n_bars < 2 {
        return None;
    }
    let mut onsets = vec![false; n_bars * STEPS_PER_BAR];
    notes.iter().for_each(|note| onsets[note.start] = true);
    let (first, second) = (&onsets[..onsets.len() - STEPS_PER_BAR], &onsets[STEPS_PER_BAR..]);
    let different = first.iter().zip(second).filter(|(a, b)| a != b).count();
    Some(1.0 - different as f64 / first.len() as f64)
}

/// A window's key, as one of 24: the tonic (0 for C) of the Krumhansl profile that correlates best with
/// the durations of its pitch classes, plus 12 for minor (Krumhansl 1990, p. 30). 0 without notes.
pub fn key(notes: &[Note]) -> usize {
    const PROFILES: [[f64; 12]; 2] = [
        [6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88],
        [6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17],
    ];
    let mut classes = vec![0.0; 12];
    notes.iter().for_each(|note| classes[note.pitch_class()] += note.length() as f64);
    let fit = |key: usize| {
        let turned: Vec<f64> =
            (0..12).map(|c| PROFILES[key / 12][(c + 12 - key % 12) % 12]).collect();
        super::statistics::pearson(&turned, &classes).unwrap_or(0.0)
    };
    (0..24).rev().max_by(|a, b| fit(*a).total_cmp(&fit(*b))).unwrap_or(0)
}

/// The judge's description of a window: for each pitched part counts, register, contour, pitch
/// classes, intervals, note values and places of onsets; for drums how often each drum stands at each
/// place of the bar. Nothing of it comes from a model.
pub fn description(layout: &WindowLayout, window: &[u16]) -> Vec<f64> {
    let parts =
        layout.tracks.iter().take(layout.n_parts()).zip(window.chunks_exact(layout.n_steps));
    parts
        .flat_map(|(track, tokens)| {
            let notes = notes(track.content, tokens);
            match track.content {
                Content::Drums => drum_description(&notes),
                _ => line_description(&notes, layout.n_steps),
            }
        })
        .collect()
}

fn drum_description(notes: &[Note]) -> Vec<f64> {
    let mut counts = vec![0.0; N_DRUMS * STEPS_PER_BAR + 1];
    for note in notes {
        for drum in (0..N_DRUMS).filter(|drum| note.pitch >> drum & 1 == 1) {
            counts[drum * STEPS_PER_BAR + note.start % STEPS_PER_BAR] += 1.0;
        }
    }
    counts[N_DRUMS * STEPS_PER_BAR] = notes.len() as f64;
    counts
}

fn line_description(notes: &[Note], n_steps: usize) -> Vec<f64> {
    /// Intervals are counted up to an octave and a semitone, either way.
    const WIDEST: i32 = 13;
    const BINS: usize = 27;
    let [used, classes, _, range, interval, count, distance, lengths, _] = mgeval(notes, n_steps);
    let pitches: Vec<f64> = notes.iter().map(|note| f64::from(note.pitch)).collect();
    let mean_pitch = super::statistics::mean(&pitches).unwrap_or(60.0);
    let spread = super::statistics::standard_deviation(&pitches).unwrap_or(0.0);
    let sounding: usize = notes.iter().map(|note| note.length()).sum();
    let muspy = Muspy::of(notes);
    let mut intervals = vec![0.0; BINS];
    for pair in notes.windows(2) {
        let interval = (pair[1].pitch - pair[0].pitch).clamp(-WIDEST, WIDEST) + WIDEST;
        intervals[usize::try_from(interval).expect("clamped")] += 1.0;
    }
    let mut places = vec![0.0; STEPS_PER_BAR];
    notes.iter().for_each(|note| places[note.start % STEPS_PER_BAR] += 1.0);
    // Pitch classes above the commonest one: harmony without regard to key.
    let tonic = (0..12).rev().max_by(|a, b| classes[*a].total_cmp(&classes[*b])).unwrap_or(0);
    let turned: Vec<f64> = (0..12).map(|c| classes[(c + tonic) % 12]).collect();
    let scalars = vec![
        mean_pitch,
        spread,
        sounding as f64 / n_steps.max(1) as f64,
        muspy.map_or(0.0, |m| m.scale_consistency),
        muspy.map_or(0.0, |m| m.pitch_class_entropy),
        muspy.map_or(0.0, |m| m.empty_beat_rate),
        groove(notes, n_steps / STEPS_PER_BAR).unwrap_or(1.0),
    ];
    [
        used,
        range,
        interval,
        count,
        distance,
        scalars,
        classes,
        turned,
        shares(intervals),
        lengths,
        shares(places),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two bars that end a step before their end.
    const TOKENS: [u16; 32] = [
        41, 0, 43, 0, 45, 46, 0, 1, 0, 48, 0, 0, 1, 0, 41, 41, 53, 0, 0, 0, 0, 0, 0, 0, 1, 0, 47,
        0, 0, 45, 43, 1,
    ];

    fn melody() -> Vec<Note> {
        notes(Content::Pitches, &TOKENS)
    }

    #[test]
    fn notes_last_until_something_happens() {
        let spans: Vec<_> = melody().iter().map(|n| (n.start, n.end, n.pitch)).collect();
        assert_eq!(spans[..3], [(0, 2, 60), (2, 4, 62), (4, 5, 64)]);
        assert_eq!(spans[3..5], [(5, 7, 65), (9, 12, 67)]);
        assert_eq!((spans.len(), spans[10]), (11, (30, 31, 62)));
        let hits = notes(Content::Drums, &[0, 3, 0, 1]);
        assert_eq!(
            hits,
            [Note { start: 1, end: 2, pitch: 3 }, Note { start: 3, end: 4, pitch: 1 }]
        );
        assert_eq!(TokenType::of(Content::Drums, 1), TokenType::Onset);
        assert_eq!(TokenType::of(Content::Pitches, 1), TokenType::Off);
    }

    #[test]
    fn scores_are_muspys() {
        // muspy 0.5.0, resolution 4: pitch_entropy, pitch_class_entropy, scale_consistency,
        // empty_beat_rate, groove_consistency(music, 16) of the melody above.
        let found = Muspy::of(&melody()).unwrap();
        let expected = [
            (found.pitch_entropy, MUSPY[0]),
            (found.pitch_class_entropy, MUSPY[1]),
            (found.scale_consistency, MUSPY[2]),
            (found.empty_beat_rate, MUSPY[3]),
            (found.groove_consistency.unwrap(), MUSPY[4]),
        ];
        for (found, expected) in expected {
            assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
        }
        // With gaps: the same functions of a melody of two short notes.
        let sparse = notes(Content::Pitches, &SPARSE);
        let found = Muspy::of(&sparse).unwrap();
        assert!((found.empty_beat_rate - SPARSE_EMPTY_BEATS).abs() < 1e-12);
        assert!((found.groove_consistency.unwrap() - SPARSE_GROOVE).abs() < 1e-12);
        assert_eq!(Muspy::of(&[]), None);
    }

    const SPARSE: [u16; 32] = [
        0, 0, 41, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 42, 0, 1,
        0, 0,
    ];
    const MUSPY: [f64; 5] =
        [2.663_532_754_804_254_7, 2.368_522_527_728_206_5, 0.909_090_909_090_909_1, 0.0, 0.5625];
    const SPARSE_EMPTY_BEATS: f64 = 0.5;
    const SPARSE_GROOVE: f64 = 0.875;

    #[test]
    fn features_are_mgevals() {
        let [used, classes, transitions, range, interval, count, distance, lengths, steps] =
            mgeval(&melody(), 32);
        assert_eq!((used[0], range[0], count[0], distance[0]), (7.0, 12.0, 11.0, 3.0));
        // By hand: 2 2 1 2 7 0 12 6 2 2 semitones in ten steps.
        assert!((interval[0] - 3.6).abs() < 1e-12);
        // By hand, in sixteenths: C 2 + 1 + 1 + 8, D 2 + 1, E 1 + 1, F 2, F sharp 3, G 3, of 25.
        let by_hand = [12.0, 0.0, 3.0, 0.0, 2.0, 2.0, 3.0, 3.0, 0.0, 0.0, 0.0, 0.0];
        for (found, expected) in classes.iter().zip(by_hand) {
            assert!((found - expected / 25.0).abs() < 1e-12, "{classes:?}");
        }
        // pretty_midi 0.2.11, get_pitch_class_transition_matrix() of the same notes at 120 QPM:
        // 0-0 twice, 0-2, 2-4, 4-2, 4-5 and 6-4 once.
        let counted: Vec<(usize, f64)> =
            transitions.iter().copied().enumerate().filter(|(_, n)| *n > 0.0).collect();
        let expected = [(0, 2.0), (2, 1.0), (28, 1.0), (50, 1.0), (53, 1.0), (76, 1.0)];
        assert_eq!(counted, expected);
        // Sixteenths (class 4): 5; eighths (3): 3; dotted eighths (7): 2; a half note (1).
        let lengths_by_hand = [(1, 1.0), (3, 3.0), (4, 5.0), (7, 2.0)];
        for (class, n) in lengths_by_hand {
            assert!((lengths[class] - n / 11.0).abs() < 1e-12, "{lengths:?}");
        }
        assert_eq!(steps.iter().sum::<f64>(), 10.0);
        assert_eq!((steps[12 * 3 + 3], steps[12 * 4 + 1], steps[12 + 7]), (1.0, 1.0, 1.0));
        assert_eq!(mgeval(&[], 32)[6], [32.0]);
    }

    #[test]
    fn a_scale_is_its_key() {
        let scale = |tonic: i32, steps: [i32; 8]| -> Vec<Note> {
            let note = |(i, step): (usize, i32)| {
                // Tonic and fifth are long, as tunes have them.
                let long = usize::from(step % 12 == 0 || step == 7);
                Note { start: 4 * i, end: 4 * i + 1 + 3 * long, pitch: tonic + step }
            };
            steps.into_iter().enumerate().map(note).collect()
        };
        assert_eq!(key(&scale(62, [0, 2, 4, 5, 7, 9, 11, 12])), 2);
        assert_eq!(key(&scale(57, [0, 2, 3, 5, 7, 8, 11, 12])), 12 + 9);
    }

    #[test]
    fn descriptions_have_one_length_for_each_layout() {
        let layout = WindowLayout::melody(32, 90);
        let (full, empty) = (description(&layout, &TOKENS), description(&layout, &[0; 32]));
        assert_eq!(full.len(), empty.len());
        assert!(full.iter().chain(&empty).all(|value| value.is_finite()));
    }
}
