//! Grooves: hits, velocities and timing offsets of nine drums on a grid, like those of Magenta's
//! groove converter.

use serde::{Deserialize, Serialize};

use crate::conversion::{Conversion, SkipReason};
use crate::drums::{DrumMap, N_DRUM_CLASSES};
use crate::event::Tempo;
use crate::pitch::{Program, Velocity};
use crate::quantized::Grid;
use crate::sequence::{Note, NoteSequence};
use crate::slices;
use crate::units::{DEFAULT_QPM, Qpm, Seconds, StepsPerQuarter};
use crate::vocabulary::STEPS_PER_BAR;

/// Number of values per step: hits, velocities and offsets of nine drums.
pub const GROOVE_WIDTH: usize = 3 * N_DRUM_CLASSES;

/// One step: nine hits (0 or 1), nine velocities (0 to 1), nine offsets (-1 to 1, positive if
/// early).
pub type GrooveStep = [f32; GROOVE_WIDTH];

/// A window of a groove: the model's input and target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GrooveWindow {
    /// The encoder's input, modified according to the converter's options.
    pub input: Vec<GrooveStep>,
    /// The groove as played.
    pub output: Vec<GrooveStep>,
    /// First bar, from 0 at the start of the piece.
    pub start_bar: u32,
}

/// Cuts a sequence's drums into grooves.
///
/// On every step, the loudest note of each drum counts: `hit = 1`, `velocity / 127`,
/// `offset = 2 · (step · step_length − start) / step_length`. The groove extends to the end of the
/// bar of the last onset. A sequence with changes of tempo or meter gives no windows, so split it
/// first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "these are Magenta's independent switches, under its names"
)]
pub struct GrooveConverter {
    /// Assignment of keys to drums.
    pub map: DrumMap,
    /// Whether notes other than drums are left out. Magenta takes every note.
    pub drums_only: bool,
    /// The grid.
    pub steps_per_quarter: StepsPerQuarter,
    /// Required number of steps per bar.
    pub steps_per_bar: u32,
    /// Length of a window in bars; `None` for the whole groove in one window.
    pub split_bars: Option<u32>,
    /// Steps from one window to the next; `None` for the window's length.
    pub hop_steps: Option<u32>,
    /// Input without velocities and offsets: the model learns to humanize.
    pub humanize: bool,
    /// Input with only each step's loudest hit, as an open hi-hat: the model learns to play along.
    pub tapify: bool,
    /// Input without velocities.
    pub fixed_velocities: bool,
    /// Drums left out of the input: the model learns to add them.
    pub add_instruments: Vec<u8>,
}

/// Maximum length, 4,096 bars of sixteenths: a single late note would determine the length, and a
/// step takes over 500 bytes.
const MAX_STEPS: usize = 1 << 16;

/// The drum that represents taps: open hi-hat.
const TAP_CLASS: usize = 3;

impl GrooveConverter {
    /// Two bars without overlap, Roland's drum map, unmodified input: the data of Magenta's
    /// `groovae_2bar_*` models before their changes to the input.
    pub fn groovae_2bar() -> Self {
        Self {
            map: DrumMap::ROLAND,
            drums_only: false,
            steps_per_quarter: StepsPerQuarter::SIXTEENTHS,
            steps_per_bar: STEPS_PER_BAR as u32,
            split_bars: Some(2),
            hop_steps: None,
            humanize: false,
            tapify: false,
            fixed_velocities: false,
            add_instruments: Vec::new(),
        }
    }

    /// The windows of a sequence, and counts of what gave none. Notes whose key is not in the map
    /// are left out and counted (Magenta's converter stops at them).
    pub fn windows(&self, sequence: &NoteSequence) -> Conversion<GrooveWindow> {
        let mut conversion = Conversion::new();
        let steps = match self.steps(sequence, &mut conversion) {
            Ok(steps) => steps,
            Err(reason) => {
                conversion.skip(reason);
                return conversion;
            }
        };
        let bar = self.steps_per_bar as usize;
        let length = self.split_bars.map_or(steps.len(), |bars| bars as usize * bar);
        let hop = self.hop_steps.map_or(length, |hop| hop as usize);
        let input: Vec<GrooveStep> = steps.iter().map(|step| self.input(step)).collect();
        for start in slices::starts(steps.len(), length, hop) {
            let window = start..start + length;
            let start_bar = u32::try_from(start / bar.max(1)).unwrap_or(u32::MAX);
            conversion.windows.push(GrooveWindow {
                input: input[window.clone()].to_vec(),
                output: steps[window].to_vec(),
                start_bar,
            });
        }
        if conversion.windows.is_empty() {
            conversion.skip(SkipReason::TooShort);
        }
        conversion
    }

    fn steps(
        &self,
        sequence: &NoteSequence,
        conversion: &mut Conversion<GrooveWindow>,
    ) -> Result<Vec<GrooveStep>, SkipReason> {
        let quantized =
            sequence.quantize(self.steps_per_quarter).map_err(|e| SkipReason::from(&e))?;
        if quantized.whole_steps_per_bar() != Some(i64::from(self.steps_per_bar)) {
            return Err(SkipReason::WrongBarLength);
        }
        let Grid::Relative { qpm, .. } = quantized.grid else { return Err(SkipReason::TimeChange) };
        let step_length = 60.0 / qpm / f64::from(self.steps_per_quarter.get());
        let mut hits: Vec<(usize, usize, u8, Seconds)> = Vec::new();
        for (note, seconds) in quantized.notes.iter().zip(&sequence.notes) {
            if self.drums_only && !note.is_drum {
                continue;
            }
            let Some(class) = self.map.class(note.pitch) else {
                conversion.skip(SkipReason::UnknownDrum);
                continue;
            };
            let step = usize::try_from(note.start_step).unwrap_or(usize::MAX);
            hits.push((step, usize::from(class), note.velocity.get(), seconds.start_time));
        }
        let last = hits.iter().map(|h| h.0).max().ok_or(SkipReason::NoNotes)?;
        let n_steps = last.saturating_add(1).div_ceil(self.steps_per_bar as usize)
            * self.steps_per_bar as usize;
        if n_steps > MAX_STEPS {
            return Err(SkipReason::TooLong);
        }
        let mut steps = vec![[0.0; GROOVE_WIDTH]; n_steps];
        let mut loudest = vec![[None; N_DRUM_CLASSES]; n_steps];
        for (step, class, velocity, start_time) in hits {
            // Of equally loud notes, the first counts.
            if loudest[step][class].is_some_and(|v| velocity <= v) {
                continue;
            }
            loudest[step][class] = Some(velocity);
            let offset = (step_length * step as f64 - start_time) / step_length * 2.0;
            steps[step][class] = 1.0;
            steps[step][N_DRUM_CLASSES + class] = single(f64::from(velocity) / 127.0);
            steps[step][2 * N_DRUM_CLASSES + class] = single(offset);
        }
        Ok(steps)
    }

    fn input(&self, step: &GrooveStep) -> GrooveStep {
        let mut input = *step;
        let part = |i: usize| i * N_DRUM_CLASSES..(i + 1) * N_DRUM_CLASSES;
        if self.tapify {
            let velocities = &step[part(1)];
            let mut loudest = 0;
            for (class, velocity) in velocities.iter().enumerate() {
                if *velocity > velocities[loudest] {
                    loudest = class;
                }
            }
            input = [0.0; GROOVE_WIDTH];
            for i in 0..3 {
                input[i * N_DRUM_CLASSES + TAP_CLASS] = step[i * N_DRUM_CLASSES + loudest];
            }
        }
        if self.humanize || self.fixed_velocities {
            input[part(1)].fill(0.0);
        }
        if self.humanize {
            input[part(2)].fill(0.0);
        }
        for class in
            self.add_instruments.iter().map(|c| usize::from(*c)).filter(|c| *c < N_DRUM_CLASSES)
        {
            for i in 0..3 {
                input[i * N_DRUM_CLASSES + class] = 0.0;
            }
        }
        input
    }

    /// Notes from a groove: a drum is struck if its hit is above 0.5, with velocity
    /// `round(127 · velocity)` at `(step − offset / 2) · step_length`, one step long, as instrument
    /// 9 at 120 quarter notes per minute.
    pub fn to_sequence(&self, groove: &[GrooveStep]) -> NoteSequence {
        self.to_sequence_at(groove, DEFAULT_QPM)
    }

    /// Like [`Self::to_sequence`], at another tempo.
    pub fn to_sequence_at(&self, groove: &[GrooveStep], qpm: Qpm) -> NoteSequence {
        let step_length = 60.0 / qpm / f64::from(self.steps_per_quarter.get());
        let mut sequence =
            NoteSequence { tempos: vec![Tempo { time: 0.0, qpm }], ..NoteSequence::default() };
        for (i, step) in groove.iter().enumerate() {
            let (hits, rest) = step.split_at(N_DRUM_CLASSES);
            let (velocities, offsets) = rest.split_at(N_DRUM_CLASSES);
            for (class, ((hit, velocity), offset)) in
                (0..).zip(hits.iter().zip(velocities).zip(offsets))
            {
                if *hit <= 0.5 || hit.is_nan() {
                    continue;
                }
                let offset = f64::from(*offset / 2.0).clamp(-0.5, 0.5);
                let start_time = (i as f64 - offset) * step_length;
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "clamped to 0 to 127"
                )]
                let velocity = (*velocity * 127.0).round_ties_even().clamp(0.0, 127.0) as u8;
                sequence.push(Note {
                    pitch: self.map.exemplar(class),
                    velocity: Velocity::saturating(velocity),
                    start_time,
                    end_time: start_time + step_length,
                    instrument: 9,
                    program: Program::MIN,
                    is_drum: true,
                });
            }
        }
        sequence
    }
}

/// Models work in single precision.
#[expect(
    clippy::cast_possible_truncation,
    reason = "rounding to single precision is what is wanted"
)]
fn single(x: f64) -> f32 {
    x as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pitch;

    fn groove() -> NoteSequence {
        let mut s = NoteSequence::default();
        // A kick, 1/4 of a step late and a softer one at the same step; a snare exactly on step 4.
        for (pitch, velocity, start_time) in [(36, 100, 0.031_25), (36, 90, 0.0), (38, 64, 0.5)] {
            let (pitch, velocity) = (Pitch::new(pitch).unwrap(), Velocity::new(velocity).unwrap());
            s.push(Note {
                pitch,
                velocity,
                start_time,
                end_time: start_time + 0.1,
                is_drum: true,
                ..Note::default()
            });
        }
        s
    }

    #[test]
    fn the_loudest_counts_and_late_is_negative() {
        let whole = GrooveConverter { split_bars: None, ..GrooveConverter::groovae_2bar() };
        let conversion = whole.windows(&groove());
        let output = &conversion.windows[0].output;
        assert_eq!(output.len(), 16);
        assert_eq!((output[0][0], output[0][9], output[0][18]), (1.0, 100.0 / 127.0, -0.5));
        assert_eq!((output[4][1], output[4][10], output[4][19]), (1.0, 64.0 / 127.0, 0.0));
        assert_eq!((output.iter().flatten().filter(|x| **x != 0.0).count()), 5);
        let played = whole.to_sequence(output);
        let hits: Vec<_> =
            played.notes.iter().map(|n| (n.pitch.get(), n.velocity.get(), n.start_time)).collect();
        assert_eq!(hits, [(36, 100, 0.031_25), (38, 64, 0.5)]);
    }

    #[test]
    fn inputs_are_changed_as_asked() {
        let base = GrooveConverter { split_bars: None, ..GrooveConverter::groovae_2bar() };
        let input = |c: GrooveConverter| c.windows(&groove()).windows.remove(0).input;
        let human = input(GrooveConverter { humanize: true, ..base.clone() });
        assert_eq!((human[0][0], human[0][9], human[0][18]), (1.0, 0.0, 0.0));
        let tap = input(GrooveConverter { tapify: true, ..base.clone() });
        assert_eq!((tap[0][0], tap[0][3], tap[4][12], tap[0][21]), (0.0, 1.0, 64.0 / 127.0, -0.5));
        let added = input(GrooveConverter { add_instruments: vec![1], ..base.clone() });
        assert_eq!((added[0][0], added[4][1]), (1.0, 0.0));
        let short = GrooveConverter::groovae_2bar().windows(&groove());
        assert_eq!(short.why_empty(), Some(SkipReason::TooShort));
    }
}
