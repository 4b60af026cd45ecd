//! Windows of drum labels, like those of MusicVAE's drum converter.

use serde::{Deserialize, Serialize};

use super::{DrumExtractOptions, DrumMap, extract_notes};
use crate::conversion::{Conversion, Dedupe, SkipReason};
use crate::quantized::Bars;
use crate::segments::{Segment, bar_number, convert};
use crate::sequence::NoteSequence;
use crate::slices::{Cut, Seen};
use crate::units::{Step, StepsPerQuarter};
use crate::vocabulary::STEPS_PER_BAR;

/// A window of a drum track.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DrumWindow {
    /// One label per step, 0 to 511; [`super::DrumHits::roll`] of a label is the model's input.
    pub tokens: Vec<u16>,
    /// First bar, from 0 at the start of the piece, counted as in
    /// [`crate::MelodyWindow::start_bar`].
    pub start_bar: u32,
}

/// Cuts a sequence's drums into windows of labels: split at changes of tempo or meter, quantize,
/// reject sections whose bar does not have 16 steps, [`super::extract`], cut windows of
/// `slice_bars` every `hop_bars`, remove repetitions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DrumConverter {
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
    /// Settings for extracting tracks: gap, padding, maximum length.
    pub extract: DrumExtractOptions,
    /// Repetitions to leave out.
    pub dedupe: Dedupe,
    /// Whether windows without a hit are kept, as Magenta keeps them.
    pub keep_empty: bool,
    /// Maximum number of windows per sequence (the first ones are kept); `None` for no limit.
    pub max_windows: Option<usize>,
}

impl DrumConverter {
    /// Two bars, hop one bar: the data of Magenta's `cat-drums_2bar_*` models, without its cap.
    pub fn drums_2bar() -> Self {
        Self {
            map: DrumMap::MAGENTA,
            steps_per_quarter: StepsPerQuarter::SIXTEENTHS,
            steps_per_bar: STEPS_PER_BAR as u32,
            slice_bars: 2,
            hop_bars: 1,
            extract: DrumExtractOptions::default(),
            dedupe: Dedupe::PerSegment,
            keep_empty: true,
            max_windows: None,
        }
    }

    /// Sixteen bars, hop one bar.
    pub fn drums_16bar() -> Self {
        Self { slice_bars: 16, ..Self::drums_2bar() }
    }

    /// Steps per window.
    pub fn steps_per_window(&self) -> usize {
        self.slice_bars as usize * self.steps_per_bar as usize
    }

    /// The windows of a sequence, and counts of what gave none.
    pub fn windows(&self, sequence: &NoteSequence) -> Conversion<DrumWindow> {
        let mut seen = Seen::new(self.dedupe, sequence.notes.len());
        let (steps, bar) = (self.steps_per_quarter, self.steps_per_bar);
        convert(sequence, steps, bar, self.max_windows, |segment, bars, conversion| {
            seen.begin_segment();
            self.segment_windows(segment, bars, &mut seen, conversion);
        })
    }

    fn segment_windows(
        &self,
        segment: &Segment,
        bars: Bars,
        seen: &mut Seen,
        conversion: &mut Conversion<DrumWindow>,
    ) {
        let Ok(tracks) = extract_notes(segment.notes(), bars, &self.map, &self.extract) else {
            return conversion.skip(SkipReason::TooLong);
        };
        if tracks.is_empty() {
            return conversion.skip(if segment.notes().next().is_none() {
                SkipReason::NoNotes
            } else if segment.notes().any(|n| n.is_drum) {
                SkipReason::UnknownDrum
            } else {
                SkipReason::NoDrums
            });
        }
        let cut = Cut {
            length: self.steps_per_window(),
            hop: self.steps_per_bar as usize * self.hop_bars as usize,
            // Every set except the empty one is an onset.
            first_start: 1,
            keep_empty: self.keep_empty,
        };
        for track in &tracks {
            cut.windows(&track.labels(), seen, conversion, |tokens, start| {
                let start = Step::try_from(start).unwrap_or(Step::MAX);
                let step = track.start_step.saturating_add(start);
                let start_bar = bar_number(segment.first_bar, step, track.steps_per_bar);
                DrumWindow { tokens, start_bar }
            });
        }
    }
}
