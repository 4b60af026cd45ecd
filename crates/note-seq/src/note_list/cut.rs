//! Cuts the notes of a sequence into windows.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::convert::{NoteListConversion, NoteListConverter, NoteListWindow};
use super::grid::{GridNote, Gridded, units_per_step};
use super::{Family, ListNote, NoteList, NoteListPlayback, TICKS_PER_QUARTER};
use crate::conversion::SkipReason;
use crate::key::Key;
use crate::sequence::NoteSequence;
use crate::slices::Seen;

/// A bar in which at least one note starts.
struct Bar {
    stretch: usize,
    number: i64,
    /// Its notes.
    notes: Range<usize>,
    key: Option<Key>,
    /// Total duration in ticks of the tones that start in it.
    sounding: f64,
}

impl NoteListConverter {
    /// The windows of a sequence, and the outcome for every note.
    pub fn windows(&self, sequence: &NoteSequence) -> NoteListConversion {
        if self.apply_sustain {
            let mut sustained = sequence.clone();
            sustained.apply_sustain();
            let mut conversion = self.convert(&sustained);
            // Applying sustain deletes notes struck again at their own start.
            conversion.n_notes = sequence.notes.len();
            let n_deleted = sequence.notes.len() - sustained.notes.len();
            conversion.n_merged += n_deleted;
            conversion.n_in_windows += n_deleted;
            return conversion;
        }
        self.convert(sequence)
    }

    fn convert(&self, sequence: &NoteSequence) -> NoteListConversion {
        let mut conversion = NoteListConversion {
            windows: Vec::new(),
            skipped_windows: BTreeMap::new(),
            skipped_notes: BTreeMap::new(),
            n_notes: sequence.notes.len(),
            n_in_windows: 0,
            n_merged: 0,
            assumptions: BTreeSet::new(),
            playback: NoteListPlayback::default(),
        };
        let grid = Gridded::new(self, sequence, &mut conversion);
        cut(self, sequence, grid, &mut conversion);
        conversion
    }
}

/// Cuts the notes into windows and counts the notes that are in none.
fn cut(
    converter: &NoteListConverter,
    sequence: &NoteSequence,
    mut grid: Gridded,
    conversion: &mut NoteListConversion,
) {
    let mut bars = bars(&grid.notes);
    find_keys(converter, sequence, &grid, &mut bars);
    let mut seen = Seen::new(converter.dedupe, sequence.notes.len());
    for of_stretch in bars.chunk_by(|a, b| a.stretch == b.stretch) {
        seen.begin_segment();
        for start in starts(converter, &grid, of_stretch) {
            window(converter, &mut grid, of_stretch, start, &mut seen, conversion);
        }
    }
    for note in &grid.notes {
        match note.lost {
            None => conversion.n_in_windows += note.n_notes,
            Some(reason) => {
                *conversion.skipped_notes.entry(reason).or_default() += note.n_notes;
            }
        }
    }
}

fn bars(notes: &[GridNote]) -> Vec<Bar> {
    let mut bars = Vec::new();
    let mut first = 0;
    for of_bar in notes.chunk_by(|a, b| (a.stretch, a.bar) == (b.stretch, b.bar)) {
        let notes = first..first + of_bar.len();
        first = notes.end;
        let (stretch, number) = (of_bar[0].stretch, of_bar[0].bar);
        bars.push(Bar { stretch, number, notes, key: None, sounding: 0.0 });
    }
    bars
}

/// Finds the key of every bar, if keys are requested.
fn find_keys(
    converter: &NoteListConverter,
    sequence: &NoteSequence,
    grid: &Gridded,
    bars: &mut [Bar],
) {
    let Some(tracker) = converter.key.filter(|_| converter.encoding.has_tones()) else { return };
    let mut signatures: Vec<(i64, Key)> = (sequence.key_signatures.iter())
        .map(|s| {
            let quarters = grid.tempos.quarters(s.time).max(0.0);
            ((quarters * f64::from(TICKS_PER_QUARTER)).round() as i64, Key::from_signature(s))
        })
        .collect();
    signatures.sort_by_key(|s| s.0);
    let mut durations = Vec::with_capacity(bars.len());
    let mut hints = Vec::with_capacity(bars.len());
    for bar in bars.iter_mut() {
        let stretch = &grid.stretches.list[bar.stretch];
        let meter = stretch.meter.unwrap_or_default();
        let longest = converter.encoding.n_ticks(meter);
        let mut sum = [0.0; 12];
        for note in &grid.notes[bar.notes.clone()] {
            if note.family != Family::Drums {
                sum[usize::from(note.pitch.class())] += f64::from(note.duration.min(longest));
            }
        }
        bar.sounding = sum.iter().sum();
        durations.push(sum);
        let tick = grid.stretches.tick_of_bar(stretch, bar.number);
        let in_force = signatures.partition_point(|s| s.0 <= tick.max(0));
        hints.push(in_force.checked_sub(1).map(|i| signatures[i].1));
    }
    for (bar, key) in bars.iter_mut().zip(tracker.keys(&durations, &hints)) {
        bar.key = key;
    }
}

/// The first bars of the windows of a section in which notes start.
fn starts(converter: &NoteListConverter, grid: &Gridded, bars: &[Bar]) -> Vec<i64> {
    let stretch = &grid.stretches.list[bars[0].stretch];
    let n_bars = i64::from(converter.encoding.n_bars());
    let hop = i64::from(converter.hop_bars.max(1));
    // The last section ends with the music, and is padded with silence if it is too short.
    let last = bars[bars.len() - 1].number;
    let end = if bars[0].stretch + 1 == grid.stretches.list.len() {
        last.saturating_add(1).max(stretch.first_bar + n_bars)
    } else {
        stretch.end_bar.min(last.saturating_add(n_bars))
    };
    let mut starts: Vec<i64> = bars
        .iter()
        .flat_map(|bar| bar.number - n_bars + 1..=bar.number)
        .filter(|start| {
            let is_inside = *start >= stretch.first_bar && start.saturating_add(n_bars) <= end;
            is_inside && (start.rem_euclid(hop) == 0 || start.saturating_add(n_bars) == end)
        })
        .collect();
    starts.sort_unstable();
    starts.dedup();
    starts
}

/// Creates the window that begins with bar `start`, or counts the reason why not.
fn window(
    converter: &NoteListConverter,
    grid: &mut Gridded,
    bars: &[Bar],
    start: i64,
    seen: &mut Seen,
    conversion: &mut NoteListConversion,
) {
    let encoding = converter.encoding;
    let stretch = &grid.stretches.list[bars[0].stretch];
    // Sections without a meter have no notes.
    let Ok(meter) = stretch.meter else { return };
    let first = bars.partition_point(|b| b.number < start);
    let end = bars.partition_point(|b| b.number < start + i64::from(encoding.n_bars()));
    let bars = &bars[first..end];
    let notes = &mut grid.notes[bars[0].notes.start..bars[bars.len() - 1].notes.end];
    // The key of the bar with most of the window's sound.
    let heaviest = bars.iter().rev().max_by(|a, b| a.sounding.total_cmp(&b.sounding));
    let key = heaviest.and_then(|bar| bar.key);
    let transposed = key.map_or(0, Key::semitones_to_common);
    let pitch = |note: &GridNote| {
        let shift = if note.family == Family::Drums { 0 } else { transposed };
        note.pitch.transposed(shift.into())
    };
    let is_over = converter.max_windows.is_some_and(|max| conversion.windows.len() >= max);
    let cell = |n: &GridNote| (n.bar, n.step / u16::from(meter.beat() / encoding.ticks_per_step()));
    let n_kept = |notes: &[GridNote]| notes.iter().filter(|n| pitch(n).is_some()).count();
    let reason = if is_over {
        Some(SkipReason::OverCap)
    } else {
        let fullest = notes.chunk_by(|a, b| cell(a) == cell(b)).map(n_kept).max();
        converter.crowding(n_kept(notes), fullest.unwrap_or_default())
    };
    if let Some(reason) = reason {
        *conversion.skipped_windows.entry(reason).or_default() += 1;
        notes.iter_mut().for_each(|n| n.lost = n.lost.map(|_| reason));
        return;
    }
    let units = units_per_step(converter);
    let steps_per_bar = u16::from(meter.bar() / encoding.ticks_per_step());
    let mut tokens = Vec::with_capacity(notes.len() * encoding.n_fields());
    for note in notes {
        let Some(pitch) = pitch(note) else {
            note.lost = note.lost.map(|_| SkipReason::PitchOutOfRange);
            continue;
        };
        note.lost = None;
        let bar = u16::try_from(note.bar - start).unwrap_or(u16::MAX);
        encoding.encode_into(
            &ListNote {
                onset: bar * steps_per_bar + note.step,
                offset: note.offset as f32 / units as f32,
                family: note.family,
                pitch,
                duration: note.duration,
                velocity: grid.has_dynamics.then_some(note.velocity),
            },
            &mut tokens,
        );
    }
    let mut identity = tokens.clone();
    identity.push(meter.class());
    if seen.is_repeated(&identity) {
        *conversion.skipped_windows.entry(SkipReason::Duplicate).or_default() += 1;
        return;
    }
    // Already sorted, except for drums among transposed tones.
    let Ok((list, _)) = NoteList::sorted(encoding, meter, &tokens) else { return };
    conversion.windows.push(NoteListWindow {
        notes: list,
        start_bar: stretch.written(start),
        start_tick: grid.stretches.tick_of_bar(stretch, start),
        key,
        transposed,
    });
}

impl NoteListConverter {
    /// Reason why a window of `n_notes`, with `n_in_cell` of them on one beat, has too few or too
    /// many.
    fn crowding(&self, n_notes: usize, n_in_cell: usize) -> Option<SkipReason> {
        if n_notes == 0 {
            Some(SkipReason::PitchOutOfRange)
        } else if n_notes < self.min_notes {
            Some(SkipReason::TooFewNotes)
        } else if n_notes > self.max_notes {
            Some(SkipReason::TooManyNotes)
        } else if n_in_cell > self.max_notes_per_cell {
            Some(SkipReason::TooManyNotesInBeat)
        } else {
            None
        }
    }
}
