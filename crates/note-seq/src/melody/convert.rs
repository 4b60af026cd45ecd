//! Windows of melody labels, as MusicVAE's one-hot melody converter makes them.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::{ExtractOptions, Melody, MelodyEncoding, MelodyEvent, extract};
use crate::conversion::{Conversion, Dedupe, SkipReason};
use crate::pitch::Program;
use crate::segments::{Segment, bar_number, segments};
use crate::sequence::NoteSequence;
use crate::units::{Step, StepsPerQuarter};
use crate::windows::{self, Seen};

/// A window of a melody.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MelodyWindow {
    /// One label a step.
    pub tokens: Vec<u16>,
    /// The instrument number in the sequence it came from.
    pub instrument: u32,
    /// First bar, from 0 at the start of the piece. Where tempo or metre change the bar grid starts anew, and
    /// every stretch before counts with the bars begun in it.
    pub start_bar: u32,
}

/// Cuts a sequence's melodies into windows of labels.
///
/// Split where tempo or metre changes; drop notes of other programs or pitches; quantize; refuse stretches whose
/// bar has not 16 steps; [`extract`]; windows of `slice_bars`, every `hop_bars`; erase offs before a window's
/// first note; leave out repetitions.
///
/// # Examples
/// ```
/// use note_seq::{Melody, MelodyConverter, MelodyEncoding, Playback};
/// let tokens: Vec<u16> = (0..64).map(|step| if step % 4 == 0 { 41 + step / 4 } else { 0 }).collect();
/// let sequence = MelodyEncoding::PIANO.decode(&tokens)?.to_sequence(&Playback::default());
/// let conversion = MelodyConverter::mel_2bar().windows(&sequence);
/// assert_eq!(conversion.windows.len(), 3); // bars 0–1, 1–2, 2–3
/// assert_eq!(conversion.windows[1].tokens, tokens[16..48]);
/// # Ok::<(), note_seq::UnknownLabel>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MelodyConverter {
    /// Pitches and their labels.
    pub encoding: MelodyEncoding,
    /// Programs that count as melody; `None` for all.
    pub programs: Option<RangeInclusive<Program>>,
    /// The grid.
    pub steps_per_quarter: StepsPerQuarter,
    /// Steps a bar must have; stretches in other metres are left out.
    pub steps_per_bar: u32,
    /// Length of a window in bars.
    pub slice_bars: u32,
    /// Bars from one window to the next.
    pub hop_bars: u32,
    /// How melodies are extracted: gap, padding, longest melody.
    pub extract: ExtractOptions,
    /// Which repetitions are left out.
    pub dedupe: Dedupe,
    /// Whether windows in which no note starts are kept, as Magenta keeps them.
    pub keep_empty: bool,
    /// The most windows a sequence may give, the first ones; `None` for no bound. (Magenta keeps 5, chosen at
    /// random or by the order of Python's hashes.)
    pub max_windows: Option<usize>,
}

impl MelodyConverter {
    /// Two bars, hop one bar, programs 0 to 31: the data of Magenta's `cat-mel_2bar_*` models, without its cap.
    pub fn mel_2bar() -> Self {
        Self {
            programs: Some(Program::MIN..=Program::saturating(31)),
            ..Self::mel_16bar().with_slice_bars(2)
        }
    }

    /// Sixteen bars, hop one bar, all programs: the data of Magenta's `*-mel_16bar` models, without its cap.
    pub fn mel_16bar() -> Self {
        Self {
            encoding: MelodyEncoding::PIANO,
            programs: None,
            steps_per_quarter: StepsPerQuarter::SIXTEENTHS,
            steps_per_bar: 16,
            slice_bars: 16,
            hop_bars: 1,
            extract: ExtractOptions::default(),
            dedupe: Dedupe::PerSegment,
            keep_empty: true,
            max_windows: None,
        }
    }

    /// The same with another length of window.
    #[must_use]
    pub fn with_slice_bars(mut self, slice_bars: u32) -> Self {
        self.slice_bars = slice_bars;
        self
    }

    /// Steps a window.
    pub fn steps_per_window(&self) -> usize {
        self.slice_bars as usize * self.steps_per_bar as usize
    }

    /// The windows of a sequence, and what gave none.
    pub fn windows(&self, sequence: &NoteSequence) -> Conversion<MelodyWindow> {
        let mut conversion = Conversion::new();
        let segments = segments(sequence, self.steps_per_quarter);
        if sequence.notes.is_empty() || segments.is_empty() {
            conversion.skip(SkipReason::NoNotes);
            return conversion;
        }
        let mut seen = Seen::new(self.dedupe);
        for segment in &segments {
            seen.begin_segment();
            self.segment_windows(segment, &mut seen, &mut conversion);
        }
        windows::cap(&mut conversion, self.max_windows);
        conversion
    }

    fn segment_windows(
        &self,
        segment: &Segment,
        seen: &mut Seen<Vec<u16>>,
        conversion: &mut Conversion<MelodyWindow>,
    ) {
        let quantized = match segment.on_bars_of(self.steps_per_bar) {
            Ok(quantized) => quantized,
            Err(reason) => return conversion.skip(reason),
        };
        let mut kept = quantized.clone();
        kept.notes.retain(|n| self.encoding.contains(n.pitch) && self.allows(n.program));
        let Ok(melodies) = extract(&kept, &self.extract) else {
            return conversion.skip(SkipReason::TooLong);
        };
        self.count_silent_instruments(segment, &melodies, conversion);
        for melody in &melodies {
            self.melody_windows(melody, segment.first_bar, seen, conversion);
        }
    }

    fn allows(&self, program: Program) -> bool {
        self.programs.as_ref().is_none_or(|allowed| allowed.contains(&program))
    }

    /// Every instrument of the segment that gave no melody is counted with its reason.
    fn count_silent_instruments(
        &self,
        segment: &Segment,
        melodies: &[Melody],
        conversion: &mut Conversion<MelodyWindow>,
    ) {
        if segment.sequence.notes.is_empty() {
            return conversion.skip(SkipReason::NoNotes);
        }
        let with_melody: BTreeSet<u32> = melodies.iter().map(|m| m.instrument).collect();
        for instrument in
            segment.sequence.instruments().into_iter().filter(|i| !with_melody.contains(i))
        {
            let notes = || segment.sequence.notes.iter().filter(|n| n.instrument == instrument);
            conversion.skip(if notes().all(|n| n.is_drum) {
                SkipReason::Drums
            } else if !notes().any(|n| self.allows(n.program)) {
                SkipReason::ProgramNotAllowed
            } else if !notes().any(|n| self.allows(n.program) && self.encoding.contains(n.pitch)) {
                SkipReason::PitchOutOfRange
            } else {
                SkipReason::Silent
            });
        }
    }

    fn melody_windows(
        &self,
        melody: &Melody,
        first_bar: u32,
        seen: &mut Seen<Vec<u16>>,
        conversion: &mut Conversion<MelodyWindow>,
    ) {
        let (bar, length) = (self.steps_per_bar as usize, self.steps_per_window());
        if length == 0 || melody.events.len() < length {
            return conversion.skip(SkipReason::TooShort);
        }
        for start in windows::starts(melody.events.len(), length, bar * self.hop_bars as usize) {
            let tokens = self.tokens(&melody.events[start..start + length]);
            if !self.keep_empty && tokens.iter().all(|t| *t < 2) {
                conversion.skip(SkipReason::EmptyWindow);
                continue;
            }
            if seen.is_repeated(&tokens) {
                conversion.skip(SkipReason::Duplicate);
                continue;
            }
            let step = melody.start_step.saturating_add(Step::try_from(start).unwrap_or(Step::MAX));
            conversion.windows.push(MelodyWindow {
                tokens,
                instrument: melody.instrument,
                start_bar: bar_number(first_bar, step, melody.steps_per_bar),
            });
        }
    }

    /// Labels of a window; an off with no note before it in the window is erased.
    fn tokens(&self, events: &[MelodyEvent]) -> Vec<u16> {
        let mut has_note = false;
        let label = |event: &MelodyEvent| {
            has_note |= matches!(event, MelodyEvent::NoteOn(_));
            // Other pitches were dropped before extraction.
            if has_note { self.encoding.label(*event).unwrap_or_default() } else { 0 }
        };
        events.iter().map(label).collect()
    }
}
