//! Finds all combinations of melody, bass and drum instruments that play together long enough.

use serde::{Deserialize, Serialize};

use crate::conversion::{Conversion, SkipReason};
use crate::drums::{self, DrumExtractOptions, DrumMap, DrumTrack, extract_notes};
use crate::melody::{
    ExtractOptions, Melody, MelodyEncoding, MelodyEvent, Playback, UnknownLabel, extract_sorted,
};
use crate::quantized::{Bars, QuantizedNote};
use crate::segments::{Segment, bar_number, convert};
use crate::sequence::NoteSequence;
use crate::slices;
use crate::units::{Step, StepsPerQuarter};
use crate::vocabulary::STEPS_PER_BAR;

/// A window of a trio. Each part has one label per step.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TrioWindow {
    /// Melody labels, 0 to 89. Unlike those of a melody window, they may begin with the off of an
    /// earlier note.
    pub melody: Vec<u16>,
    /// Bass labels, 0 to 89.
    pub bass: Vec<u16>,
    /// Drum labels, 0 to 511.
    pub drums: Vec<u16>,
    /// Instrument numbers of melody, bass and drums.
    pub instruments: [u32; 3],
    /// First bar, from 0 at the start of the piece, counted as in
    /// [`crate::MelodyWindow::start_bar`].
    pub start_bar: u32,
}

/// Finds trios.
///
/// An instrument is a melody if its programs are 0 to 31, a bass if they are 32 to 39, and drums if
/// its notes are drums; mixed ones are left out. A bar is covered if a note of the instrument
/// sounds in it or within `gap_bars` of it; the first and last `gap_bars` bars count as covered if
/// any of the three plays in any of them. The result has every window in which all bars are covered
/// by all three, for every melody, bass and drums.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrioConverter {
    /// Pitches of melody and bass, and their labels.
    pub encoding: MelodyEncoding,
    /// Assignment of keys to drums.
    pub map: DrumMap,
    /// The grid.
    pub steps_per_quarter: StepsPerQuarter,
    /// Required number of steps per bar; sections in other meters are left out.
    pub steps_per_bar: u32,
    /// Length of a window in bars.
    pub slice_bars: u32,
    /// Bars from one window to the next.
    pub hop_bars: u32,
    /// Maximum distance, in bars, at which a note covers bars without one.
    pub gap_bars: u32,
    /// Maximum number of bars of a section that are examined, from its start.
    pub max_bars: u32,
    /// Maximum number of windows per sequence (the first ones are kept); `None` for no limit except
    /// [`Self::MAX_WINDOWS`].
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
    /// No instrument has this number.
    None,
    Melody,
    Bass,
    Drums,
    /// Another program, or several kinds.
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
    /// After this number of windows of a sequence (25 MB of labels of sixteen bars), no further
    /// trio is examined: the number of trios is the product of the numbers of melodies, basses and
    /// drums, which can be huge even for a small file.
    pub const MAX_WINDOWS: usize = 1 << 14;

    /// Maximum number of trios of a sequence that are examined, over all its sections.
    pub const MAX_TRIOS: usize = 1 << 16;

    /// Sixteen bars, hop one bar, gaps of two bars: the data of Magenta's `*-trio_16bar` models,
    /// without its cap.
    pub fn trio_16bar() -> Self {
        Self {
            encoding: MelodyEncoding::PIANO,
            map: DrumMap::MAGENTA,
            steps_per_quarter: StepsPerQuarter::SIXTEENTHS,
            steps_per_bar: STEPS_PER_BAR as u32,
            slice_bars: 16,
            hop_bars: 1,
            gap_bars: 2,
            max_bars: 1024,
            max_windows: None,
        }
    }

    /// The windows of a sequence, and counts of what gave none. Repetitions are kept, as in
    /// Magenta.
    pub fn windows(&self, sequence: &NoteSequence) -> Conversion<TrioWindow> {
        let (steps, bar) = (self.steps_per_quarter, self.steps_per_bar);
        let mut n_trios = 0;
        convert(sequence, steps, bar, self.max_windows, |segment, bars, conversion| {
            self.segment_windows(segment, bars, &mut n_trios, conversion);
        })
    }

    fn segment_windows(
        &self,
        segment: &Segment,
        bars: Bars,
        n_trios: &mut usize,
        conversion: &mut Conversion<TrioWindow>,
    ) {
        if segment.notes().next().is_none() {
            return conversion.skip(SkipReason::NoNotes);
        }
        let roles = roles(segment);
        if ![Role::Melody, Role::Bass, Role::Drums].iter().all(|role| roles.contains(role)) {
            return conversion.skip(SkipReason::MissingPart);
        }
        let n_bars =
            segment.total_steps.saturating_add(bars.steps_per_bar - 1) / bars.steps_per_bar;
        let n_bars = usize::try_from(n_bars).unwrap_or(usize::MAX).min(self.max_bars as usize);
        if n_bars < self.slice_bars as usize {
            return conversion.skip(SkipReason::TooShort);
        }
        let (mut melodies, mut basses, mut drums) = (Vec::new(), Vec::new(), Vec::new());
        let role = |n: &QuantizedNote| roles.get(n.instrument as usize).copied();
        let notes = segment.in_order(|n| role(n).is_some());
        for notes in notes.chunk_by(|a, b| a.instrument == b.instrument) {
            let (labels, parts) = match role(&notes[0]) {
                Some(Role::Melody) => (self.line(notes, bars, n_bars), &mut melodies),
                Some(Role::Bass) => (self.line(notes, bars, n_bars), &mut basses),
                Some(Role::Drums) => (self.drums(notes, bars, n_bars), &mut drums),
                Some(Role::None | Role::Other) | None => continue,
            };
            parts.extend(labels.map(|labels| Part {
                instrument: notes[0].instrument,
                labels,
                is_covered: self.covered_bars(notes, n_bars),
            }));
        }
        let n_before = conversion.windows.len();
        for melody in &melodies {
            for bass in &basses {
                for drums in &drums {
                    *n_trios += 1;
                    if conversion.windows.len() >= Self::MAX_WINDOWS || *n_trios > Self::MAX_TRIOS {
                        conversion.skip(SkipReason::OverCap);
                        continue;
                    }
                    self.trio_windows([melody, bass, drums], n_bars, segment.first_bar, conversion);
                }
            }
        }
        if conversion.windows.len() == n_before {
            conversion.skip(SkipReason::PartsDoNotMeet);
        }
    }

    /// One instrument's melody labels over the whole section; `None` if it plays nothing with a
    /// label.
    fn line(&self, notes: &[QuantizedNote], bars: Bars, n_bars: usize) -> Option<Vec<u16>> {
        let in_range: Vec<QuantizedNote> =
            notes.iter().filter(|n| self.encoding.contains(n.pitch)).copied().collect();
        let max_bars = Some(self.max_bars);
        let options = ExtractOptions { gap_bars: None, max_bars, ..ExtractOptions::default() };
        let melody = extract_sorted(&in_range, bars, &options).ok()?.into_iter().next()?;
        let labels = melody.events.iter().map(|e| self.encoding.label(*e).unwrap_or_default());
        let n_steps = n_bars * self.steps_per_bar as usize;
        let (mut labels, end) = spread(melody.start_step, labels, n_steps);
        // The last note ends where the melody does, which matters if the section continues.
        let last = melody.events.iter().rev().find(|e| **e != MelodyEvent::NoEvent);
        if let (Some(MelodyEvent::NoteOn(_)), Some(slot)) = (last, labels.get_mut(end)) {
            *slot = 1;
        }
        Some(labels)
    }

    /// One instrument's drum labels over the whole section; `None` if it strikes nothing in the
    /// map.
    fn drums(&self, notes: &[QuantizedNote], bars: Bars, n_bars: usize) -> Option<Vec<u16>> {
        let max_bars = Some(self.max_bars);
        let options =
            DrumExtractOptions { gap_bars: None, max_bars, ..DrumExtractOptions::default() };
        let tracks = extract_notes(notes.iter(), bars, &self.map, &options).ok()?;
        let track = tracks.into_iter().next()?;
        let n_steps = n_bars * self.steps_per_bar as usize;
        Some(spread(track.start_step, track.events.iter().map(|e| e.label()), n_steps).0)
    }

    /// The bars that contain notes, extended by `gap_bars` on both sides.
    fn covered_bars(&self, notes: &[QuantizedNote], n_bars: usize) -> Vec<bool> {
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
        for bar in slices::starts(n_bars, self.slice_bars as usize, self.hop_bars as usize) {
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

/// Instrument numbers from this one on are skipped, as in Magenta.
const N_INSTRUMENTS: usize = 128;

/// The role of every instrument number.
fn roles(segment: &Segment) -> [Role; N_INSTRUMENTS] {
    let mut roles = [Role::None; N_INSTRUMENTS];
    for note in segment.notes() {
        if let Some(known) = roles.get_mut(note.instrument as usize) {
            let role = Role::of(note);
            *known = if [Role::None, role].contains(known) { role } else { Role::Other };
        }
    }
    roles
}

/// A list of `n_steps` zeros with the labels inserted at `start`, and the end of these.
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
    /// Notes in seconds: melody as instrument 0, bass as instrument 1 with program 33, drums as
    /// instrument 9, all at `qpm` with velocity 80. `encoding` and `map` are those of the converter
    /// that made the window.
    ///
    /// # Errors
    /// Returns [`UnknownLabel`] for labels beyond a part's classes (those of `encoding`, 512 for
    /// drums).
    ///
    /// # Examples
    /// ```
    /// use note_seq::trio::{TrioConverter, TrioWindow};
    /// let converter = TrioConverter::trio_16bar();
    /// let window = TrioWindow {
    ///     melody: vec![41, 0, 1], // C4, held, ended
    ///     bass: vec![17, 0, 0],
    ///     drums: vec![1, 0, 4],
    ///     instruments: [0, 1, 9],
    ///     start_bar: 0,
    /// };
    /// let trio = window.to_sequence(120.0, converter.encoding, &converter.map)?;
    /// assert_eq!(trio.notes.iter().map(|n| n.pitch.get()).collect::<Vec<_>>(), [60, 36, 36, 42]);
    /// # Ok::<(), note_seq::UnknownLabel>(())
    /// ```
    pub fn to_sequence(
        &self,
        qpm: f64,
        encoding: MelodyEncoding,
        map: &DrumMap,
    ) -> Result<NoteSequence, UnknownLabel> {
        let line = |labels: &[u16], playback: Playback| {
            let melody: Melody = encoding.decode(labels)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Note, Pitch, Program, Velocity};

    #[test]
    fn a_small_file_cannot_ask_for_millions_of_trios() {
        let mut sequence = NoteSequence::default();
        for instrument in 0..126_u32 {
            for (start_time, end_time) in [(0.0, 2.0), (60.0, 62.0)] {
                sequence.push(Note {
                    pitch: Pitch::saturating(36),
                    velocity: Velocity::saturating(80),
                    start_time,
                    end_time,
                    instrument,
                    program: Program::saturating(if instrument % 3 == 0 { 33 } else { 0 }),
                    is_drum: instrument % 3 == 1,
                });
            }
        }
        // 42 melodies, basses and drums each, over 31 bars: 74,088 trios.
        let wide = TrioConverter { gap_bars: 31, ..TrioConverter::trio_16bar() };
        let conversion = wide.windows(&sequence);
        let n_windows = conversion.windows.len();
        assert!((TrioConverter::MAX_WINDOWS..TrioConverter::MAX_WINDOWS + 16).contains(&n_windows));
        let n_trios = n_windows / 16 + conversion.skipped[&SkipReason::OverCap];
        assert_eq!((n_windows % 16, n_trios), (0, 42 * 42 * 42));
    }

    /// A trio of low parts in an encoding that starts at C1: decoded with the piano's encoding, C4
    /// would become A4.
    #[test]
    fn windows_are_decoded_by_their_own_encoding() {
        let encoding = MelodyEncoding::new(Pitch::saturating(24), Pitch::saturating(84));
        let converter =
            TrioConverter { encoding, slice_bars: 1, gap_bars: 0, ..TrioConverter::trio_16bar() };
        let mut sequence = NoteSequence::default();
        for (instrument, pitch, program, is_drum) in
            [(0, 60, 0, false), (1, 36, 33, false), (2, 38, 0, true)]
        {
            sequence.push(Note {
                pitch: Pitch::saturating(pitch),
                velocity: Velocity::saturating(80),
                start_time: 0.0,
                end_time: 2.0,
                instrument,
                program: Program::saturating(program),
                is_drum,
            });
        }
        let windows = converter.windows(&sequence).windows;
        let trio = windows[0].to_sequence(120.0, encoding, &converter.map).unwrap();
        let pitches: Vec<u8> = trio.notes.iter().map(|n| n.pitch.get()).collect();
        assert_eq!(pitches, [60, 36, 38]);
        // 61 pitches: labels from 63 on are invalid here.
        let beyond = TrioWindow { melody: vec![63], ..windows[0].clone() };
        assert!(beyond.to_sequence(120.0, encoding, &converter.map).is_err());
    }
}
