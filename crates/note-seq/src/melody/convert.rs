//! Windows of melody labels, like those of MusicVAE's one-hot melody converter.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::{ExtractOptions, Melody, MelodyEncoding, MelodyEvent, extract_sorted};
use crate::conversion::{Conversion, Dedupe, SkipReason};
use crate::pitch::Program;
use crate::quantized::{Bars, QuantizedNote};
use crate::segments::{Segment, bar_number, convert};
use crate::sequence::NoteSequence;
use crate::slices::{Cut, Seen};
use crate::units::{Step, StepsPerQuarter};
use crate::vocabulary::{FIRST_PITCH, STEPS_PER_BAR};

/// A window of a melody.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MelodyWindow {
    /// One label per step.
    pub tokens: Vec<u16>,
    /// The instrument number in the sequence it came from.
    pub instrument: u32,
    /// First bar, from 0 at the start of the piece. The bar grid restarts at changes of tempo or
    /// meter, and each preceding stretch counts the bars that begin in it.
    pub start_bar: u32,
}

/// Cuts a sequence's melodies into windows of labels.
///
/// Split at changes of tempo or meter; drop notes of other programs or pitches; quantize; reject
/// sections whose bar does not have 16 steps; [`super::extract`]; cut windows of `slice_bars`,
/// every `hop_bars`; remove offs before a window's first note; remove repetitions.
///
/// # Examples
/// ```
/// use note_seq::{Melody, MelodyConverter, MelodyEncoding, Playback};
/// let label = |step: u16| if step % 4 == 0 { 41 + step / 4 } else { 0 };
/// let tokens: Vec<u16> = (0..64).map(label).collect();
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
    /// Required number of steps per bar; sections in other meters are left out.
    pub steps_per_bar: u32,
    /// Length of a window in bars.
    pub slice_bars: u32,
    /// Bars from one window to the next.
    pub hop_bars: u32,
    /// Settings for extracting melodies: gap, padding, maximum length.
    pub extract: ExtractOptions,
    /// Repetitions to leave out.
    pub dedupe: Dedupe,
    /// Whether windows in which no note starts are kept, as Magenta keeps them.
    pub keep_empty: bool,
    /// Maximum number of windows per sequence (the first ones are kept); `None` for no limit.
    /// (Magenta keeps 5, chosen at random or by the order of Python's hashes.)
    pub max_windows: Option<usize>,
}

impl MelodyConverter {
    /// Two bars, hop one bar, programs 0 to 31: the data of Magenta's `cat-mel_2bar_*` models,
    /// without its cap.
    pub fn mel_2bar() -> Self {
        Self {
            programs: Some(Program::MIN..=Program::saturating(31)),
            ..Self::mel_16bar().with_slice_bars(2)
        }
    }

    /// Sixteen bars, hop one bar, all programs: the data of Magenta's `*-mel_16bar` models, without
    /// its cap.
    pub fn mel_16bar() -> Self {
        Self {
            encoding: MelodyEncoding::PIANO,
            programs: None,
            steps_per_quarter: StepsPerQuarter::SIXTEENTHS,
            steps_per_bar: STEPS_PER_BAR as u32,
            slice_bars: 16,
            hop_bars: 1,
            extract: ExtractOptions::default(),
            dedupe: Dedupe::PerSegment,
            keep_empty: true,
            max_windows: None,
        }
    }

    /// The same with another window length.
    #[must_use]
    pub fn with_slice_bars(mut self, slice_bars: u32) -> Self {
        self.slice_bars = slice_bars;
        self
    }

    /// Steps per window.
    pub fn steps_per_window(&self) -> usize {
        self.slice_bars as usize * self.steps_per_bar as usize
    }

    /// The windows of a sequence, and counts of what gave none.
    pub fn windows(&self, sequence: &NoteSequence) -> Conversion<MelodyWindow> {
        let mut seen = Seen::new(self.dedupe, sequence.notes.len());
        let (steps, bar) = (self.steps_per_quarter, self.steps_per_bar);
        convert(sequence, steps, bar, self.max_windows, |segment, bars, conversion| {
            seen.begin_segment();
            self.segment_windows(segment, bars, &mut seen, conversion);
        })
    }

    pub(super) fn segment_windows(
        &self,
        segment: &Segment,
        bars: Bars,
        seen: &mut Seen,
        conversion: &mut Conversion<MelodyWindow>,
    ) {
        let notes = segment.in_order(|n| self.encoding.contains(n.pitch) && self.allows(n.program));
        let Ok(melodies) = extract_sorted(&notes, bars, &self.extract) else {
            return conversion.skip(SkipReason::TooLong);
        };
        self.count_silent_instruments(segment, &melodies, conversion);
        let cut = Cut {
            length: self.steps_per_window(),
            hop: self.steps_per_bar as usize * self.hop_bars as usize,
            first_start: FIRST_PITCH,
            keep_empty: self.keep_empty,
        };
        for melody in &melodies {
            // Other pitches were dropped before extraction.
            let label = |e: &MelodyEvent| self.encoding.label(*e).unwrap_or_default();
            let labels: Vec<u16> = melody.events.iter().map(label).collect();
            cut.windows(&labels, seen, conversion, |tokens, start| {
                let start = Step::try_from(start).unwrap_or(Step::MAX);
                let step = melody.start_step.saturating_add(start);
                MelodyWindow {
                    tokens,
                    instrument: melody.instrument,
                    start_bar: bar_number(segment.first_bar, step, melody.steps_per_bar),
                }
            });
        }
    }

    fn allows(&self, program: Program) -> bool {
        self.programs.as_ref().is_none_or(|allowed| allowed.contains(&program))
    }

    /// Counts every instrument of the segment that gave no melody, with its reason.
    fn count_silent_instruments(
        &self,
        segment: &Segment,
        melodies: &[Melody],
        conversion: &mut Conversion<MelodyWindow>,
    ) {
        let mut instruments: Vec<(u32, SkipReason)> = Vec::new();
        for note in segment.notes() {
            let reason = self.reason_against(note);
            match instruments.last_mut() {
                Some(last) if last.0 == note.instrument => last.1 = last.1.max(reason),
                _ => instruments.push((note.instrument, reason)),
            }
        }
        if instruments.is_empty() {
            return conversion.skip(SkipReason::NoNotes);
        }
        instruments.sort_unstable();
        for part in instruments.chunk_by(|a, b| a.0 == b.0) {
            // The reason closest to a melody is last.
            let Some((instrument, reason)) = part.last() else { continue };
            if melodies.binary_search_by_key(instrument, |m| m.instrument).is_err() {
                conversion.skip(*reason);
            }
        }
    }

    /// Reason why a note cannot be part of a melody. The reason of an instrument is the largest of
    /// its notes: reasons are in the order in which a note is checked.
    fn reason_against(&self, note: &QuantizedNote) -> SkipReason {
        if note.is_drum {
            SkipReason::Drums
        } else if !self.allows(note.program) {
            SkipReason::ProgramNotAllowed
        } else if !self.encoding.contains(note.pitch) {
            SkipReason::PitchOutOfRange
        } else {
            SkipReason::Silent
        }
    }
}
