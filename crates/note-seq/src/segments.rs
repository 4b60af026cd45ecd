//! The sections of constant tempo and meter from which windows are cut, with their position in the
//! piece.
//!
//! The same sections as from [`NoteSequence::split_on_time_changes`], and the same steps as from
//! quantizing them, but only for the notes: names, controllers and texts are not copied, because
//! windows of labels do not need them.

use std::cmp::{Ordering, Reverse};

use crate::conversion::{Conversion, SkipReason};
use crate::event::{Tempo, TimeSignature};
use crate::quantize::{QuantizeError, quantize_to_step, snap};
use crate::quantized::{Bars, Grid, QuantizedNote};
use crate::sequence::{Note, NoteSequence};
use crate::slices;
use crate::split::{deal_states, piece_of};
use crate::units::{Seconds, Step, StepsPerQuarter};

/// Maximum number of steps per note for which an instrument's notes are sorted by counting.
const MAX_STEPS_A_NOTE: usize = 64;

/// A quantized section.
#[derive(Debug)]
pub(crate) struct Segment {
    /// Its grid, or the reason why it has none.
    grid: Result<Grid, QuantizeError>,
    /// Steps per second on that grid.
    steps_per_second: f64,
    /// Its notes, in the order of the sequence.
    notes: Vec<Snapped>,
    /// The largest note end.
    pub(crate) total_steps: Step,
    /// Number of bars of the piece before the section.
    pub(crate) first_bar: u32,
    /// Its index among the sections of the piece.
    pub(crate) index: usize,
}

/// A note on the grid, and its original start.
#[derive(Debug, Clone, Copy)]
struct Snapped {
    note: QuantizedNote,
    start_time: Seconds,
}

impl Snapped {
    /// Compares by step; on the same step, from high to low, then by original start.
    fn order(a: &Self, b: &Self) -> Ordering {
        let key = |n: &Self| (n.note.start_step, Reverse(n.note.pitch));
        key(a).cmp(&key(b)).then_with(|| a.start_time.total_cmp(&b.start_time))
    }
}

/// Sorts notes by `order`, which compares their steps first; the sort is stable.
///
/// Notes are ordered by end, so neighbors are a few steps apart: counting them by step is faster
/// than comparing them, because the comparisons are unpredictable branches.
fn sort_by_step(
    notes: &mut [u32],
    step_of: impl Fn(u32) -> Step,
    order: impl Fn(&u32, &u32) -> Ordering,
) {
    let steps = || notes.iter().map(|note| step_of(*note));
    let (Some(first), Some(last)) = (steps().min(), steps().max()) else { return };
    let slot = |note: u32| usize::try_from(step_of(note).abs_diff(first)).unwrap_or(usize::MAX);
    let n_slots = usize::try_from(last.abs_diff(first)).unwrap_or(usize::MAX);
    if n_slots / MAX_STEPS_A_NOTE >= notes.len() {
        return notes.sort_by(order);
    }
    // The position for the notes of each step: after those of all earlier steps.
    let mut ends = vec![0_u32; n_slots + 2];
    for note in &*notes {
        ends[slot(*note) + 1] += 1;
    }
    let mut sum = 0;
    for end in &mut ends {
        sum += *end;
        *end = sum;
    }
    let unsorted = notes.to_vec();
    for note in unsorted {
        let end = &mut ends[slot(note)];
        notes[*end as usize] = note;
        *end += 1;
    }
    for chord in notes.chunk_by_mut(|a, b| step_of(*a) == step_of(*b)) {
        if chord.len() > 1 {
            chord.sort_by(&order);
        }
    }
}

impl Segment {
    /// The notes, in the order of the sequence.
    pub(crate) fn notes(&self) -> impl Iterator<Item = &QuantizedNote> {
        self.notes.iter().map(|n| &n.note)
    }

    /// The notes for which `keep` returns `true`, in the order for extracting melodies: by
    /// instrument and start, from high to low, then by original start.
    pub(crate) fn in_order(&self, keep: impl Fn(&QuantizedNote) -> bool) -> Vec<QuantizedNote> {
        // Indices are smaller than notes: the peak memory use decides whether memory is returned to
        // the system after every file, which costs more than the sorting.
        let mut kept: Vec<u32> = Vec::with_capacity(self.notes.len());
        kept.extend((0_u32..).zip(&self.notes).filter(|(_, n)| keep(&n.note)).map(|(i, _)| i));
        let instrument = |i: &u32| self.notes[*i as usize].note.instrument;
        if !kept.is_sorted_by_key(instrument) {
            kept.sort_by_key(instrument);
        }
        for part in kept.chunk_by_mut(|a, b| instrument(a) == instrument(b)) {
            let order = |a: &u32, b: &u32| {
                Snapped::order(&self.notes[*a as usize], &self.notes[*b as usize])
            };
            // A line that never overlaps itself is already sorted.
            if !part.is_sorted_by(|a, b| order(a, b).is_le()) {
                sort_by_step(part, |i| self.notes[i as usize].note.start_step, order);
            }
        }
        kept.into_iter().map(|i| self.notes[i as usize].note).collect()
    }

    /// The section's bars, if they have `steps_per_bar` steps.
    fn bars_of(&self, steps_per_bar: u32) -> Result<Bars, SkipReason> {
        let grid = self.grid.as_ref().map_err(SkipReason::from)?;
        grid.bars()
            .filter(|bars| bars.steps_per_bar == Step::from(steps_per_bar))
            .ok_or(SkipReason::WrongBarLength)
    }

    fn push(&mut self, note: &Note, start: Seconds, end: Seconds) {
        if self.grid.is_err() {
            return;
        }
        let moved = Note {
            start_time: note.start_time - start,
            end_time: note.end_time.min(end) - start,
            ..*note
        };
        match snap(&moved, |seconds| quantize_to_step(seconds, self.steps_per_second)) {
            Ok(snapped) => {
                self.total_steps = self.total_steps.max(snapped.end_step);
                self.notes.push(Snapped { note: snapped, start_time: note.start_time });
            }
            Err(error) => self.grid = Err(error),
        }
    }

    /// Number of bars that begin in the section, which is `seconds` long; a rounding error past a
    /// bar line does not count.
    fn n_bars(&self, seconds: Seconds) -> u32 {
        const ROUNDING_BARS: f64 = 1e-6;
        let n_bars = self.grid.as_ref().map_or(0.0, |grid| {
            let steps = seconds * self.steps_per_second;
            grid.steps_per_bar().map_or(0.0, |bar| (steps / bar - ROUNDING_BARS).ceil())
        });
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the cast saturates, as wanted"
        )]
        let n_bars = n_bars as u32;
        n_bars
    }
}

/// Passes every section whose bar has `steps_per_bar` steps to `take`, counts the others by reason,
/// and keeps the first `max_windows` windows.
pub(crate) fn convert<W>(
    sequence: &NoteSequence,
    steps_per_quarter: StepsPerQuarter,
    steps_per_bar: u32,
    max_windows: Option<usize>,
    mut take: impl FnMut(&Segment, Bars, &mut Conversion<W>),
) -> Conversion<W> {
    let mut conversion = Conversion::new();
    let segments =
        if sequence.notes.is_empty() { Vec::new() } else { segments(sequence, steps_per_quarter) };
    if segments.is_empty() {
        conversion.skip(SkipReason::NoNotes);
    }
    for segment in &segments {
        match segment.bars_of(steps_per_bar) {
            Ok(bars) => take(segment, bars, &mut conversion),
            Err(reason) => conversion.skip(reason),
        }
    }
    slices::cap(&mut conversion, max_windows);
    conversion
}

/// Splits at changes of tempo or meter and quantizes every section.
///
/// Bars are counted over all sections: each earlier one counts the bars that begin in its meter
/// (the bar grid restarts at a change), whether or not it has windows.
fn segments(sequence: &NoteSequence, steps_per_quarter: StepsPerQuarter) -> Vec<Segment> {
    let cuts = sequence.time_change_cuts();
    // There are at least a start and an end, except for a sequence of length 0.
    let n_segments = cuts.len() - 1;
    let mut meters: Vec<Vec<TimeSignature>> = vec![Vec::new(); n_segments];
    deal_states(
        &sequence.time_signatures,
        &cuts,
        |t| t.time,
        |i, t, time| {
            meters[i].push(TimeSignature { time, ..t });
        },
    );
    let mut tempos: Vec<Vec<Tempo>> = vec![Vec::new(); n_segments];
    deal_states(
        &sequence.tempos,
        &cuts,
        |t| t.time,
        |i, t, time| {
            tempos[i].push(Tempo { time, ..t });
        },
    );
    let mut segments: Vec<Segment> = (meters.iter().zip(&tempos))
        .enumerate()
        .map(|(index, (meters, tempos))| {
            let grid = Grid::of(tempos, meters, steps_per_quarter);
            Segment {
                steps_per_second: grid.as_ref().map_or(0.0, Grid::steps_per_second),
                grid,
                notes: Vec::with_capacity(if n_segments == 1 { sequence.notes.len() } else { 0 }),
                total_steps: 0,
                first_bar: 0,
                index,
            }
        })
        .collect();
    let mut last = 0;
    for note in &sequence.notes {
        // Most notes are in the same section as the previous note.
        let is_same = n_segments > 0 && (cuts[last]..cuts[last + 1]).contains(&note.start_time);
        if !is_same {
            let Some(i) = piece_of(&cuts, note.start_time) else { continue };
            last = i;
        }
        segments[last].push(note, cuts[last], cuts[last + 1]);
    }
    let mut first_bar = 0_u32;
    for (segment, cut) in segments.iter_mut().zip(cuts.windows(2)) {
        segment.first_bar = first_bar;
        first_bar = first_bar.saturating_add(segment.n_bars(cut[1] - cut[0]));
    }
    segments
}

/// The number of a bar in the piece.
pub(crate) fn bar_number(first_bar: u32, step_in_segment: Step, steps_per_bar: Step) -> u32 {
    u32::try_from(step_in_segment / steps_per_bar.max(1))
        .unwrap_or(u32::MAX)
        .saturating_add(first_bar)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The result of sorting by comparison: steps, then the second key, then the position.
    #[test]
    fn counting_sorts_as_comparing_does() {
        // The last spread has too few notes for its steps, so that comparison sorting is used.
        for (n, spread) in [(0_u32, 1_u64), (1, 1), (200, 7), (200, 400), (50, 1_000_000)] {
            // Irregular steps, including negative ones, and many equal keys.
            let step = |i: u32| {
                let scrambled = (u64::from(i) * 2_654_435_761) % 1_000_003;
                Step::try_from(scrambled % spread).unwrap_or_default() - 3
            };
            let order = |a: &u32, b: &u32| (step(*a), *a % 3).cmp(&(step(*b), *b % 3));
            let mut found: Vec<u32> = (0..n).collect();
            let mut wanted = found.clone();
            sort_by_step(&mut found, step, order);
            wanted.sort_by(order);
            assert_eq!(found, wanted, "{n} notes over {spread} steps");
        }
    }
}
