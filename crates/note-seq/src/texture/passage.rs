//! A window of music in its meter, and values derived from its notes.

use super::PassageNote;
use super::chord;
use super::line::{Lines, Moment};
use super::sounding::Slice;
use super::{line, sounding};
use crate::chords::Chord;
use crate::key::Key;
use crate::note_list::{Family, Meter, NoteList};
use crate::units::{DEFAULT_QPM, Qpm};

/// Bars of music with any number of voices in one meter, prepared for measuring.
#[derive(Debug, Clone, PartialEq)]
pub struct Passage {
    meter: Meter,
    n_bars: u16,
    qpm: Qpm,
    /// Sorted by onset, pitch, family.
    notes: Vec<PassageNote>,
    tones: Vec<PassageNote>,
    slices: Vec<Slice>,
    moments: Vec<Moment>,
    lines: Lines,
    /// Duration of each pitch class in every beat, in ticks.
    beats: Vec<[f64; 12]>,
    chords: Vec<Option<Chord>>,
}

impl Passage {
    /// `n_bars` bars with notes in any order. Notes that start after the end are ignored.
    ///
    /// # Examples
    /// ```
    /// use note_seq::texture::{Passage, PassageNote, TextureFeature};
    /// use note_seq::{Family, Meter, Pitch, Velocity};
    /// let note = |onset, pitch| PassageNote {
    ///     onset,
    ///     offset: 0.0,
    ///     duration: 24,
    ///     pitch: Pitch::saturating(pitch),
    ///     family: Family::Strings,
    ///     velocity: Some(Velocity::saturating(70)),
    /// };
    /// // C and E, then a second, D and E.
    /// let notes = [note(0, 60), note(0, 64), note(24, 62), note(24, 64)];
    /// let passage = Passage::new(Meter::COMMON, 1, notes);
    /// assert_eq!(TextureFeature::Consonance.of(&passage), Some(0.5));
    /// assert_eq!(TextureFeature::Homophony.of(&passage), Some(1.0));
    /// ```
    pub fn new(meter: Meter, n_bars: u16, notes: impl IntoIterator<Item = PassageNote>) -> Self {
        let n_ticks = u32::from(meter.bar()) * u32::from(n_bars);
        let mut notes: Vec<PassageNote> =
            notes.into_iter().filter(|note| note.onset < n_ticks).collect();
        notes.sort_by_key(|note| (note.onset, note.pitch, note.family));
        let tones: Vec<PassageNote> =
            notes.iter().filter(|note| note.family != Family::Drums).copied().collect();
        let slices = sounding::slices(&tones, n_ticks, |note| note.duration);
        let held = sounding::slices(&tones, n_ticks, |note| note.duration - note.duration / 4);
        let moments = line::moments(&tones, &held);
        let lines = Lines::new(meter, &tones, &moments);
        let beats = chord::beats(meter, n_bars, &slices);
        let chords = chord::chords(&beats);
        let qpm = DEFAULT_QPM;
        Self { meter, n_bars, qpm, notes, tones, slices, moments, lines, beats, chords }
    }

    /// The passage at another tempo, which only affects the timing of drums; 120 quarter notes per
    /// minute by default.
    #[must_use]
    pub fn at_tempo(self, qpm: Qpm) -> Self {
        Self { qpm, ..self }
    }

    /// The meter.
    pub const fn meter(&self) -> Meter {
        self.meter
    }

    /// The number of bars.
    pub const fn n_bars(&self) -> u16 {
        self.n_bars
    }

    /// Quarter notes per minute.
    pub const fn qpm(&self) -> Qpm {
        self.qpm
    }

    /// Number of ticks in all bars.
    pub fn n_ticks(&self) -> u32 {
        u32::from(self.meter.bar()) * u32::from(self.n_bars)
    }

    /// The number of beats; a shorter last beat of a bar counts as a fraction of a beat.
    pub fn n_beats(&self) -> f64 {
        f64::from(self.n_ticks()) / f64::from(self.meter.beat())
    }

    /// All notes, sorted by onset, pitch and family.
    pub fn notes(&self) -> &[PassageNote] {
        &self.notes
    }

    /// The chord of every beat, if there is one: of the 96 kinds of [`Chord`], the one whose unit
    /// vector is closest to the durations of the pitch classes in the beat, as in
    /// [`ChordInference`](crate::chords::ChordInference), with a cosine of at least 0.8. The chord
    /// of the previous beat is kept unless another is closer by 0.05; in the same way, a triad is
    /// preferred to a seventh chord.
    pub fn chords(&self) -> &[Option<Chord>] {
        &self.chords
    }

    /// Duration of each pitch class, in ticks, C first.
    pub fn pitch_class_durations(&self) -> [f64; 12] {
        let mut sum = [0.0; 12];
        for beat in &self.beats {
            sum.iter_mut().zip(beat).for_each(|(sum, ticks)| *sum += ticks);
        }
        sum
    }

    /// The key that best fits the duration of each pitch class: [`Key::find`]. `None` without
    /// tones.
    pub fn key(&self) -> Option<Key> {
        Key::find(&self.pitch_class_durations())
    }

    pub(super) fn tones(&self) -> &[PassageNote] {
        &self.tones
    }

    pub(super) fn slices(&self) -> &[Slice] {
        &self.slices
    }

    pub(super) fn moments(&self) -> &[Moment] {
        &self.moments
    }

    pub(super) const fn lines(&self) -> &Lines {
        &self.lines
    }

    pub(super) fn beats(&self) -> &[[f64; 12]] {
        &self.beats
    }

    pub(super) fn drums(&self) -> impl Iterator<Item = &PassageNote> {
        self.notes.iter().filter(|note| note.family == Family::Drums)
    }

    pub(super) fn is_on_beat(&self, tick: u32) -> bool {
        is_on_beat(self.meter, tick)
    }
}

pub(super) fn is_on_beat(meter: Meter, tick: u32) -> bool {
    (tick % u32::from(meter.bar())).is_multiple_of(meter.beat().into())
}

impl From<&NoteList> for Passage {
    fn from(list: &NoteList) -> Self {
        let ticks_per_step = list.encoding().ticks_per_step();
        let notes = list.notes().map(|note| PassageNote {
            onset: u32::from(note.onset) * u32::from(ticks_per_step),
            offset: note.offset * f32::from(ticks_per_step),
            duration: u32::from(note.duration).max(1),
            pitch: note.pitch,
            family: note.family,
            velocity: note.velocity,
        });
        Self::new(list.meter(), list.encoding().n_bars().into(), notes)
    }
}
