//! Drum tracks: sets of nine drums on each step, the 512-class encoding, windows for the models.

mod convert;
mod extract;
mod map;

pub use convert::{DrumConverter, DrumWindow};
pub(crate) use extract::extract_notes;
pub use extract::{DrumExtractOptions, extract};
pub use map::DrumMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::event::Tempo;
use crate::melody::Playback;
use crate::sequence::{Note, NoteSequence};
use crate::units::{STANDARD_TICKS_PER_QUARTER, Step, StepsPerQuarter};
use crate::vocabulary::STEPS_PER_BAR;

/// Number of drum classes: kick, snare, closed and open hi-hat, low, mid and high tom, crash, ride.
pub const N_DRUM_CLASSES: usize = 9;

/// Number of labels of a drum step: all subsets of the nine, `2^9`.
pub const N_DRUM_LABELS: u16 = 1 << N_DRUM_CLASSES;

/// The set of drums struck on one step.
///
/// The label is `Σ 2^class` over the drums struck, with class 0 the kick.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(try_from = "u16", into = "u16")]
pub struct DrumHits(u16);

/// A label beyond the 512 sets of nine drums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("drum label {label} is not known (allowed: 0 to 511)")]
pub struct UnknownDrumLabel {
    /// The label found.
    pub label: u16,
}

impl DrumHits {
    /// No drum.
    pub const NONE: Self = Self(0);

    /// The set with a label.
    ///
    /// # Errors
    /// Returns [`UnknownDrumLabel`] for labels from 512 on.
    pub const fn from_label(label: u16) -> Result<Self, UnknownDrumLabel> {
        if label < N_DRUM_LABELS { Ok(Self(label)) } else { Err(UnknownDrumLabel { label }) }
    }

    /// The label, 0 to 511.
    pub const fn label(self) -> u16 {
        self.0
    }

    /// Adds a drum; classes beyond the nine are ignored.
    pub fn insert(&mut self, class: u8) {
        if usize::from(class) < N_DRUM_CLASSES {
            self.0 |= 1 << class;
        }
    }

    /// The drums struck, ascending.
    pub fn classes(self) -> impl Iterator<Item = u8> {
        (0..9).filter(move |class| self.0 >> class & 1 == 1)
    }

    /// Whether no drum is struck.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The input of MusicVAE's drum models: one number per drum, followed by 1 if none is struck.
    ///
    /// # Shapes
    /// - result: `[10]`, zeros and ones
    pub fn roll(self) -> [u8; N_DRUM_CLASSES + 1] {
        let mut roll = [0; N_DRUM_CLASSES + 1];
        for class in self.classes() {
            roll[usize::from(class)] = 1;
        }
        roll[N_DRUM_CLASSES] = u8::from(self.is_empty());
        roll
    }
}

impl From<DrumHits> for u16 {
    fn from(hits: DrumHits) -> u16 {
        hits.0
    }
}

impl TryFrom<u16> for DrumHits {
    type Error = UnknownDrumLabel;

    fn try_from(label: u16) -> Result<Self, UnknownDrumLabel> {
        Self::from_label(label)
    }
}

/// Drums on a grid, one set per step.
///
/// # Examples
/// ```
/// use note_seq::drums::{DrumMap, DrumTrack};
/// use note_seq::Playback;
/// let track = DrumTrack::from_labels(&[5, 0, 4, 0])?; // kick and closed hat, then the hat alone
/// let sequence = track.to_sequence(&DrumMap::MAGENTA, &Playback::drums());
/// let pitches: Vec<_> = sequence.notes.iter().map(|n| (n.pitch.get(), n.start_time)).collect();
/// assert_eq!(pitches, [(36, 0.0), (42, 0.0), (42, 0.25)]);
/// # Ok::<(), note_seq::drums::UnknownDrumLabel>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrumTrack {
    /// One set per step.
    pub events: Vec<DrumHits>,
    /// The step of the sequence at which the first event is; the first of a bar.
    pub start_step: Step,
    /// Steps per bar.
    pub steps_per_bar: Step,
    /// Steps per quarter note.
    pub steps_per_quarter: StepsPerQuarter,
}

impl DrumTrack {
    /// A track in 4/4 at 4 steps per quarter note that starts at step 0.
    pub fn new(events: Vec<DrumHits>) -> Self {
        Self {
            events,
            start_step: 0,
            steps_per_bar: Step::from(STEPS_PER_BAR as u32),
            steps_per_quarter: StepsPerQuarter::SIXTEENTHS,
        }
    }

    /// The track with the given labels.
    ///
    /// # Errors
    /// Returns [`UnknownDrumLabel`] for the first label from 512 on.
    pub fn from_labels(labels: &[u16]) -> Result<Self, UnknownDrumLabel> {
        labels.iter().map(|l| DrumHits::from_label(*l)).collect::<Result<_, _>>().map(Self::new)
    }

    /// The labels, one per step.
    pub fn labels(&self) -> Vec<u16> {
        self.events.iter().map(|e| e.label()).collect()
    }

    /// Notes in seconds: every hit one step long, with the exemplar pitch of its class.
    pub fn to_sequence(&self, map: &DrumMap, playback: &Playback) -> NoteSequence {
        let seconds_per_step = 60.0 / playback.qpm / f64::from(self.steps_per_quarter.get());
        let origin = self.start_step as f64 * seconds_per_step;
        let mut sequence = NoteSequence {
            ticks_per_quarter: i32::from(STANDARD_TICKS_PER_QUARTER),
            tempos: vec![Tempo { time: 0.0, qpm: playback.qpm }],
            ..NoteSequence::default()
        };
        for (step, hits) in self.events.iter().enumerate() {
            for class in hits.classes() {
                sequence.push(Note {
                    pitch: map.exemplar(class),
                    velocity: playback.velocity,
                    start_time: step as f64 * seconds_per_step + origin,
                    end_time: (step + 1) as f64 * seconds_per_step + origin,
                    instrument: playback.instrument,
                    program: playback.program,
                    is_drum: true,
                });
            }
        }
        sequence
    }
}
