//! Finds every melody, bass and drum instrument that play together long enough.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::conversion::{Conversion, SkipReason};
use crate::drums::{self, DrumExtractOptions, DrumMap, DrumTrack};
use crate::melody::{
    self, ExtractOptions, Melody, MelodyEncoding, MelodyEvent, Playback, UnknownLabel,
};
use crate::quantized::{QuantizedNote, QuantizedSequence};
use crate::segments::{bar_number, segments};
use crate::sequence::NoteSequence;
use crate::units::{Step, StepsPerQuarter};
use crate::windows;

/// A window of a trio. Each part has one label a step.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TrioWindow {
    /// Melody labels, 0 to 89. Unlike a melody window's they may begin with the off of a note from before.
    pub melody: Vec<u16>,
    /// Bass labels, 0 to 89.
    pub bass: Vec<u16>,
    /// Drum labels, 0 to 511.
    pub drums: Vec<u16>,
    /// Instrument numbers of melody, bass and drums.
    pub instruments: [u32; 3],
    /// First bar, from 0 at the start of the piece, counted as in [`crate::MelodyWindow::start_bar`].
    pub start_bar: u32,
}

/// Finds trios.
///
/// An instrument is a melody if its programs are 0 to 31, a bass if they are 32 to 39, drums if its notes are; one
/// of mixed kinds is left out. A bar is covered where a note of the instrument sounds in it or within `gap_bars`
/// of it; the first and last `gap_bars` bars count as covered if any of the three plays in any of them. Every
/// window all of whose bars are covered by all three is given, for every melody, bass and drums.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrioConverter {
    /// Pitches of melody and bass, and their labels.
    pub encoding: MelodyEncoding,
    /// Which keys are which drums.
    pub map: DrumMap,
    /// The grid.
    pub steps_per_quarter: StepsPerQuarter,
    /// Steps a bar must have; stretches in other metres are left out.
    pub steps_per_bar: u32,
    /// Length of a window in bars.
    pub slice_bars: u32,
    /// Bars from one window to the next.
    pub hop_bars: u32,
    /// How far a note covers bars without one.
    pub gap_bars: u32,
    /// Bars of a stretch that are looked at, from its start.
    pub max_bars: u32,
    /// The most windows a sequence may give, the first ones; `None` for no bound.
    pub max_windows: Option<usize>,
}

/// The labels and the covered bars of one instrument.
struct Part {
    instrument: u32,
    labels: Vec<u16>,
    is_covered: Vec<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Melody,
    Bass,
    Drums,
    Other,
}

impl Role {
    fn of(note: &QuantizedNote) -> Self {
        match note.program.get() {
            _ if note.is_drum => Self::Drums,
            0..=31 => Self::Melody,
            32..=39 => Self::Bass,
            _ => Self::Other,
        }
    }
}

impl TrioConverter {
    /// Sixteen bars, hop one bar, gaps of two bars: the data of Magenta's `*-trio_16bar` models, without its cap.
    pub fn trio_16bar() -> Self {
        Self {
            encoding: MelodyEncoding::PIANO,
            map: DrumMap::MAGENTA,
            steps_per_quarter: StepsPerQuarter::SIXTEENTHS,
            steps_per_bar: 16,
            slice_bars: 16,
            hop_bars: 1,
            gap_bars: 2,
            max_bars: 1024,
            max_windows: None,
        }
    }

    /// The windows of a sequence, and what gave none. Repetitions stay, as in Magenta.
    pub fn windows(&self, sequence: &NoteSequence) -> Conversion<TrioWindow> {
        let mut conversion = Conversion::new();
        let segments = segments(sequence, self.steps_per_quarter);
        if sequence.notes.is_empty() || segments.is_empty() {
            conversion.skip(SkipReason::NoNotes);
        }
        for segment in &segments {
            match segment.on_bars_of(self.steps_per_bar) {
                Ok(quantized) => {
                    self.segment_windows(quantized, segment.first_bar, &mut conversion);
                }
                Err(reason) => conversion.skip(reason),
            }
        }
        windows::cap(&mut conversion, self.max_windows);
        conversion
    }

    fn segment_windows(
        &self,
        quantized: &QuantizedSequence,
        first_bar: u32,
        conversion: &mut Conversion<TrioWindow>,
    ) {
        if quantized.notes.is_empty() {
            return conversion.skip(SkipReason::NoNotes);
        }
        let bar = Step::from(self.steps_per_bar);
        let n_bars = usize::try_from((quantized.total_steps + bar - 1) / bar).unwrap_or(usize::MAX);
        let n_bars = n_bars.min(self.max_bars as usize);
        let roles = roles(quantized);
        let of = |role: Role| roles.iter().filter(move |(_, r)| **r == role).map(|(i, _)| *i);
        if [Role::Melody, Role::Bass, Role::Drums].into_iter().any(|role| of(role).next().is_none())
        {
            return conversion.skip(SkipReason::MissingPart);
        }
        let parts = |role| {
            of(role).filter_map(|i| self.part(quantized, i, role, n_bars)).collect::<Vec<_>>()
        };
        let (melodies, basses, drums) =
            (parts(Role::Melody), parts(Role::Bass), parts(Role::Drums));
        let n_before = conversion.windows.len();
        for melody in &melodies {
            for bass in &basses {
                for drums in &drums {
                    self.trio_windows([melody, bass, drums], n_bars, first_bar, conversion);
                }
            }
        }
        if conversion.windows.len() == n_before {
            conversion.skip(if n_bars < self.slice_bars as usize {
                SkipReason::TooShort
            } else {
                SkipReason::PartsDoNotMeet
            });
        }
    }

    /// One instrument's labels over the whole stretch, or `None` if it plays nothing that has a label.
    fn part(
        &self,
        quantized: &QuantizedSequence,
        instrument: u32,
        role: Role,
        n_bars: usize,
    ) -> Option<Part> {
        let mut alone =
            QuantizedSequence { grid: quantized.grid, notes: Vec::new(), total_steps: 0 };
        let is_kept = |n: &&QuantizedNote| {
            n.instrument == instrument && (role == Role::Drums || self.encoding.contains(n.pitch))
        };
        alone.notes.extend(quantized.notes.iter().filter(is_kept));
        let n_steps = n_bars * self.steps_per_bar as usize;
        let labels = if role == Role::Drums {
            let options =
                DrumExtractOptions { gap_bars: None, pad_end: true, max_bars: Some(self.max_bars) };
            let track = drums::extract(&alone, &self.map, &options).ok()?.into_iter().next()?;
            spread(track.start_step, track.events.iter().map(|e| e.label()), n_steps).0
        } else {
            let max_bars = Some(self.max_bars);
            let options = ExtractOptions { gap_bars: None, max_bars, ..ExtractOptions::default() };
            let melody = melody::extract(&alone, &options).ok()?.into_iter().next()?;
            let labels = melody.events.iter().map(|e| self.encoding.label(*e).unwrap_or_default());
            let (mut labels, end) = spread(melody.start_step, labels, n_steps);
            // The last note ends where the melody does, which shows if the stretch goes on.
            let last = melody.events.iter().rev().find(|e| **e != MelodyEvent::NoEvent);
            if let (Some(MelodyEvent::NoteOn(_)), Some(slot)) = (last, labels.get_mut(end)) {
                *slot = 1;
            }
            labels
        };
        let notes = quantized.notes.iter().filter(|n| n.instrument == instrument);
        Some(Part { instrument, labels, is_covered: self.covered_bars(notes, n_bars) })
    }

    /// The bars that notes touch, widened by `gap_bars` on both sides.
    fn covered_bars<'a>(
        &self,
        notes: impl Iterator<Item = &'a QuantizedNote>,
        n_bars: usize,
    ) -> Vec<bool> {
        let bar = Step::from(self.steps_per_bar);
        let mut is_touched = vec![false; n_bars];
        for note in notes {
            let index = |b: Step| usize::try_from(b).unwrap_or(usize::MAX).min(n_bars);
            let (first, end) =
                (index(note.start_step / bar), index((note.end_step + bar - 1) / bar));
            if let Some(touched) = is_touched.get_mut(first..end) {
                touched.fill(true);
            }
        }
        let gap = self.gap_bars as usize;
        (0..n_bars)
            .map(|b| is_touched[b.saturating_sub(gap)..n_bars.min(b + gap + 1)].contains(&true))
            .collect()
    }

    fn trio_windows(
        &self,
        parts: [&Part; 3],
        n_bars: usize,
        first_bar: u32,
        conversion: &mut Conversion<TrioWindow>,
    ) {
        let mut is_covered: Vec<bool> =
            (0..n_bars).map(|b| parts.iter().all(|p| p.is_covered[b])).collect();
        let gap = (self.gap_bars as usize).min(n_bars);
        let any = |bars: std::ops::Range<usize>| {
            parts.iter().any(|p| p.is_covered[bars.clone()].contains(&true))
        };
        let (head, tail) = (any(0..gap), any(n_bars - gap..n_bars));
        is_covered[..gap].fill(head);
        is_covered[n_bars - gap..].fill(tail);
        let [melody, bass, drums] = parts;
        let steps = self.steps_per_bar as usize;
        for bar in windows::starts(n_bars, self.slice_bars as usize, self.hop_bars as usize) {
            let end = bar + self.slice_bars as usize;
            if is_covered[bar..end].contains(&false) {
                continue;
            }
            let cut = |part: &Part| part.labels[bar * steps..end * steps].to_vec();
            conversion.windows.push(TrioWindow {
                melody: cut(melody),
                bass: cut(bass),
                drums: cut(drums),
                instruments: [melody.instrument, bass.instrument, drums.instrument],
                start_bar: bar_number(first_bar, Step::try_from(bar).unwrap_or(Step::MAX), 1),
            });
        }
    }
}

/// The role of every instrument; numbers above 127 are passed over, as in Magenta.
fn roles(quantized: &QuantizedSequence) -> BTreeMap<u32, Role> {
    let mut roles: BTreeMap<u32, Role> = BTreeMap::new();
    let mut mixed = BTreeSet::new();
    for note in quantized.notes.iter().filter(|n| n.instrument < 128) {
        let role = Role::of(note);
        if *roles.entry(note.instrument).or_insert(role) != role {
            mixed.insert(note.instrument);
        }
    }
    for instrument in mixed {
        roles.insert(instrument, Role::Other);
    }
    roles
}

/// Labels from `start` on in a list of `n_steps` zeros, and where they end.
fn spread(start: Step, labels: impl Iterator<Item = u16>, n_steps: usize) -> (Vec<u16>, usize) {
    let start = usize::try_from(start).unwrap_or(usize::MAX);
    let mut spread = vec![0; n_steps];
    let mut end = start;
    for label in labels {
        if let Some(slot) = spread.get_mut(end) {
            *slot = label;
        }
        end = end.saturating_add(1);
    }
    (spread, end)
}

impl TrioWindow {
    /// Notes in seconds: melody as instrument 0, bass as instrument 1 with program 33, drums as instrument 9, all at
    /// `qpm` with velocity 80.
    ///
    /// # Errors
    /// [`UnknownLabel`] for labels beyond a part's classes (90, 90, 512).
    pub fn to_sequence(&self, qpm: f64, map: &DrumMap) -> Result<NoteSequence, UnknownLabel> {
        let line = |labels: &[u16], playback: Playback| {
            let melody: Melody = MelodyEncoding::PIANO.decode(labels)?;
            Ok(melody.to_sequence(&Playback { qpm, ..playback }))
        };
        let mut trio = line(&self.melody, Playback::default())?;
        let drums = DrumTrack::from_labels(&self.drums).map_err(|e| UnknownLabel {
            label: e.label,
            position: self.drums.iter().position(|l| *l == e.label).unwrap_or_default(),
            n_classes: drums::N_DRUM_LABELS,
        })?;
        let parts = [
            line(&self.bass, Playback::bass())?,
            drums.to_sequence(map, &Playback { qpm, ..Playback::drums() }),
        ];
        for note in parts.iter().flat_map(|p| &p.notes) {
            trio.push(*note);
        }
        Ok(trio)
    }
}
