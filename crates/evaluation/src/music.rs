//! The features of mgeval, muspy and the judge, composed from the measures of
//! [`note_seq::features`].

use note_seq::NoteList;
use note_seq::drums::N_DRUM_CLASSES;
use note_seq::features::{
    self, entropy_bits, groove_consistency, mean_interval, pitch_class_durations, pitch_classes,
    scale_consistency,
};
use note_seq::texture::Texture;
use note_seq::vocabulary::{STEPS_PER_BAR, STEPS_PER_QUARTER};
use note_seq::window::{GridNote, Line, WindowForm};

/// Names of the nine features of mgeval (Yang and Lerch 2020; its `core.py`), which are compared
/// between sets of music.
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

/// The features of [`MGEVAL_NAMES`] of one line of notes: scalars as one number, histograms of 12
/// bins (weighted by duration for pitch classes) summing to 1, transition counts `[12, 12]`.
///
/// - `total_used_pitch`: number of different pitches; `total_used_note`: number of notes
/// - `total_pitch_class_histogram`, weighted by duration
/// - `pitch_class_transition_matrix` (`pretty_midi`'s): from each note to the one that begins where
///   it ends; rests break the chain
/// - `pitch_range`; `avg_pitch_shift`: mean absolute interval, in semitones
/// - `avg_IOI`: from onset to onset, here in sixteenths
/// - `note_length_hist`, `note_length_transition_matrix`: nearest of twelve note values
///
/// If mgeval is undefined (for no note, or only one), a scalar is 0, a mean distance of onsets the
/// whole window, and a histogram all 0.
pub fn mgeval(notes: &[GridNote], n_steps: usize) -> [Vec<f64>; 9] {
    let mut pitches: Vec<i32> = notes.iter().map(|note| note.pitch).collect();
    pitches.sort_unstable();
    pitches.dedup();
    let range = features::pitch_range(notes).unwrap_or(0);
    let pairs = || notes.windows(2).map(|pair| (pair[0], pair[1]));
    let distances: Vec<f64> = pairs().map(|(a, b)| (b.start - a.start) as f64).collect();
    let mut lengths = vec![0.0; 12];
    let (mut class_steps, mut length_steps) = (vec![0.0; 144], vec![0.0; 144]);
    for note in notes {
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
        shares(pitch_class_durations(notes).to_vec()),
        class_steps,
        vec![f64::from(range)],
        vec![mean_interval(notes).unwrap_or(0.0)],
        vec![notes.len() as f64],
        vec![super::statistics::mean(&distances).unwrap_or(n_steps as f64)],
        shares(lengths),
        length_steps,
    ]
}

/// Scales to sum to 1, unless all values are 0.
fn shares(mut counts: Vec<f64>) -> Vec<f64> {
    let sum: f64 = counts.iter().sum();
    if sum > 0.0 {
        counts.iter_mut().for_each(|count| *count /= sum);
    }
    counts
}

/// The nearest of mgeval's note values: whole to sixteenth, dotted from the half on, triplets from
/// half to eighth; in 96ths of a bar, of which a step has six.
fn length_class(note: GridNote) -> usize {
    const VALUES: [i64; 12] = [96, 48, 24, 12, 6, 72, 36, 18, 9, 32, 16, 8];
    let length = 6 * i64::try_from(note.n_steps()).unwrap_or(i64::MAX / 6);
    let classes = VALUES.iter().enumerate().min_by_key(|(_, value)| (length - **value).abs());
    classes.expect("there are twelve").0
}

/// The scores of muspy 0.5 (`metrics.py`) for one line of notes; `None` if muspy returns NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Muspy {
    /// Entropy of the pitches, `-Σ p log2 p`, in bits.
    pub pitch_entropy: f64,
    /// The same for pitch classes.
    pub pitch_class_entropy: f64,
    /// [`scale_consistency`].
    pub scale_consistency: f64,
    /// Fraction of beats without a note; a note also counts for the beat in which it ends.
    pub empty_beat_rate: f64,
    /// [`groove_consistency`] of the bars of the window; `None` for fewer than two. Unlike in
    /// muspy, a window whose last note ends at a bar line has no additional empty bar.
    pub groove_consistency: Option<f64>,
}

impl Muspy {
    /// Scores of the notes within `n_steps`; `None` without notes.
    pub fn of(notes: &[GridNote], n_steps: usize) -> Option<Self> {
        let length = notes.iter().map(|note| note.end).max()?;
        let classes = pitch_classes(notes, |_| 1.0);
        let mut pitches = vec![0.0; 128];
        for note in notes {
            pitches[usize::try_from(note.pitch.clamp(0, 127)).expect("0 to 127")] += 1.0;
        }
        let mut sounding = vec![false; length / STEPS_PER_QUARTER + 1];
        for note in notes {
            sounding[note.start / STEPS_PER_QUARTER..=note.end / STEPS_PER_QUARTER].fill(true);
        }
        let empty = sounding.iter().filter(|sounding| !**sounding).count();
        Some(Self {
            pitch_entropy: entropy_bits(&pitches),
            pitch_class_entropy: entropy_bits(&classes),
            scale_consistency: scale_consistency(&classes)?,
            empty_beat_rate: empty as f64 / sounding.len() as f64,
            groove_consistency: groove(notes, n_steps),
        })
    }
}

fn groove(notes: &[GridNote], n_steps: usize) -> Option<f64> {
    let onsets = notes.iter().map(|note| note.start);
    groove_consistency(onsets, n_steps / STEPS_PER_BAR, STEPS_PER_BAR)
}

/// The judge's features of a window: for each pitched part counts, register, contour, pitch
/// classes, intervals, note values and positions of onsets; for drums, the frequency of each drum
/// at each position in the bar. Lists of notes are described by their highest and lowest lines and
/// by their texture. None of them comes from a model.
pub fn description(form: &WindowForm, window: &[u16]) -> Vec<f64> {
    let n_steps = form.n_sixteenths(window);
    let mut lines = form.lines_in_sixteenths([window]);
    if let (WindowForm::Notes(encoding), [top]) = (form, &lines[..])
        && encoding.has_tones()
    {
        // A single line is also its own bass.
        lines.push(top.clone());
    }
    let of_line = |line: &Line| {
        if line.is_drums {
            drum_description(&line.notes)
        } else {
            line_description(&line.notes, n_steps)
        }
    };
    let mut description: Vec<f64> = lines.iter().flat_map(of_line).collect();
    if let WindowForm::Notes(encoding) = form {
        let list = NoteList::from_row(*encoding, window).expect("a window of the form");
        let texture = Texture::from(&list);
        description.extend(texture.values().iter().map(|value| value.unwrap_or(0.0)));
        // Presence is separate from the value, because 0 is a valid value.
        description.extend(texture.values().iter().map(|value| f64::from(value.is_some())));
        description.push(f64::from(texture.meter().bar()));
    }
    description
}

fn drum_description(notes: &[GridNote]) -> Vec<f64> {
    let mut counts = vec![0.0; N_DRUM_CLASSES * STEPS_PER_BAR + 1];
    for note in notes {
        for drum in (0..N_DRUM_CLASSES).filter(|drum| note.pitch >> drum & 1 == 1) {
            counts[drum * STEPS_PER_BAR + note.start % STEPS_PER_BAR] += 1.0;
        }
    }
    counts[N_DRUM_CLASSES * STEPS_PER_BAR] = notes.len() as f64;
    counts
}

fn line_description(notes: &[GridNote], n_steps: usize) -> Vec<f64> {
    /// Intervals are counted up to an octave plus a semitone in each direction.
    const WIDEST: i32 = 13;
    const BINS: usize = 27;
    let [used, classes, _, range, interval, count, distance, lengths, _] = mgeval(notes, n_steps);
    let pitches: Vec<f64> = notes.iter().map(|note| f64::from(note.pitch)).collect();
    let mean_pitch = super::statistics::mean(&pitches).unwrap_or(60.0);
    let spread = super::statistics::standard_deviation(&pitches).unwrap_or(0.0);
    let sounding: usize = notes.iter().map(|note| note.n_steps()).sum();
    let muspy = Muspy::of(notes, n_steps);
    let mut intervals = vec![0.0; BINS];
    for pair in notes.windows(2) {
        let interval = (pair[1].pitch - pair[0].pitch).clamp(-WIDEST, WIDEST) + WIDEST;
        intervals[usize::try_from(interval).expect("clamped")] += 1.0;
    }
    let mut places = vec![0.0; STEPS_PER_BAR];
    notes.iter().for_each(|note| places[note.start % STEPS_PER_BAR] += 1.0);
    // Pitch classes relative to the most frequent one: harmony independent of the key.
    let tonic = (0..12).rev().max_by(|a, b| classes[*a].total_cmp(&classes[*b])).unwrap_or(0);
    let turned: Vec<f64> = (0..12).map(|c| classes[(c + tonic) % 12]).collect();
    let scalars = vec![
        mean_pitch,
        spread,
        sounding as f64 / n_steps.max(1) as f64,
        muspy.map_or(0.0, |m| m.scale_consistency),
        muspy.map_or(0.0, |m| m.pitch_class_entropy),
        muspy.map_or(0.0, |m| m.empty_beat_rate),
        groove(notes, n_steps).unwrap_or(1.0),
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
    use note_seq::window::{Content, WindowLayout, notes};

    use super::*;

    /// Two bars whose last note ends a step before the end.
    const TOKENS: [u16; 32] = [
        41, 0, 43, 0, 45, 46, 0, 1, 0, 48, 0, 0, 1, 0, 41, 41, 53, 0, 0, 0, 0, 0, 0, 0, 1, 0, 47,
        0, 0, 45, 43, 1,
    ];

    fn melody() -> Vec<GridNote> {
        notes(Content::Pitches, &TOKENS)
    }

    #[test]
    fn scores_are_muspys() {
        // muspy 0.5.0, resolution 4: pitch_entropy, pitch_class_entropy, scale_consistency,
        // empty_beat_rate, groove_consistency(music, 16) of the melody above.
        let found = Muspy::of(&melody(), 32).unwrap();
        let expected = [
            (found.pitch_entropy, MUSPY[0]),
            (found.pitch_class_entropy, MUSPY[1]),
            (found.scale_consistency, MUSPY[2]),
            (found.empty_beat_rate, MUSPY[3]),
            (groove_of_muspy(&melody()), MUSPY[4]),
        ];
        for (found, expected) in expected {
            assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
        }
        // With gaps: the same functions for a melody of two short notes.
        let sparse = notes(Content::Pitches, &SPARSE);
        let found = Muspy::of(&sparse, 32).unwrap();
        assert!((found.empty_beat_rate - SPARSE_EMPTY_BEATS).abs() < 1e-12);
        assert!((groove_of_muspy(&sparse) - SPARSE_GROOVE).abs() < 1e-12);
        assert_eq!(Muspy::of(&[], 32), None);
    }

    /// Groove consistency with muspy's number of bars, which depends on the end of the last note.
    fn groove_of_muspy(notes: &[GridNote]) -> f64 {
        let end = notes.iter().map(|note| note.end).max().unwrap();
        groove(notes, (end / STEPS_PER_BAR + 1) * STEPS_PER_BAR).unwrap()
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
    fn descriptions_have_one_length_for_each_layout() {
        let layout = WindowForm::Steps(WindowLayout::melody(32, 90));
        let (full, empty) = (description(&layout, &TOKENS), description(&layout, &[0; 32]));
        assert_eq!(full.len(), empty.len());
        assert!(full.iter().chain(&empty).all(|value| value.is_finite()));
    }
}
