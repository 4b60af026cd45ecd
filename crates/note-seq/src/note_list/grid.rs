//! The notes of a sequence on the grid of their bars.

use std::collections::BTreeMap;

use super::convert::{Assumption, NoteListConversion, NoteListConverter};
use super::meter::TICKS_PER_QUARTER;
use super::stretch::{Stretches, signed};
use super::{Family, Field, NoteListPlayback};
use crate::conversion::SkipReason;
use crate::drums::DrumMap;
use crate::pitch::{Pitch, Program, Velocity};
use crate::sequence::{Note, NoteSequence};
use crate::tempo_map::TempoMap;

/// A note on the grid of its bar.
#[derive(Debug, Clone, Copy)]
pub(super) struct GridNote {
    /// Index into [`Stretches::list`].
    pub(super) stretch: usize,
    /// The bar, counted in its stretch.
    pub(super) bar: i64,
    /// Step in the bar.
    pub(super) step: u16,
    pub(super) pitch: Pitch,
    pub(super) family: Family,
    /// Units after the step; a step has [`units_per_step`] units.
    pub(super) offset: i64,
    /// Ticks.
    pub(super) duration: u16,
    pub(super) velocity: Velocity,
    /// Number of notes that this one represents.
    pub(super) n_notes: usize,
    /// Reason why it is in no window; `None` if it is in one.
    pub(super) lost: Option<SkipReason>,
}

/// All selected notes, sorted by bar, step, pitch and family.
pub(super) struct Gridded {
    pub(super) stretches: Stretches,
    pub(super) notes: Vec<GridNote>,
    /// Whether velocities are kept; in music without dynamics, all are equal.
    pub(super) has_dynamics: bool,
    pub(super) tempos: TempoMap,
}

impl Gridded {
    pub(super) fn new(
        converter: &NoteListConverter,
        sequence: &NoteSequence,
        conversion: &mut NoteListConversion,
    ) -> Self {
        let tempos = sequence.tempo_map();
        let stretches = Stretches::new(sequence, &tempos, converter.encoding);
        if stretches.is_assumed {
            conversion.assumptions.insert(Assumption::CommonTime);
        }
        let mut gridded = Self {
            stretches,
            notes: Vec::with_capacity(sequence.notes.len()),
            has_dynamics: false,
            tempos,
        };
        let mut beat = BeatGrid::default();
        let mut sounds = Sounds::default();
        let mut skipped: BTreeMap<SkipReason, usize> = BTreeMap::new();
        let mut velocities = (Velocity::MAX, Velocity::MIN);
        for note in &sequence.notes {
            let taken = converter.key_of(note).and_then(|(family, pitch)| {
                gridded.place(converter, note, family, pitch, &mut beat)
            });
            match taken {
                Ok(placed) => {
                    velocities.0 = velocities.0.min(note.velocity);
                    velocities.1 = velocities.1.max(note.velocity);
                    sounds.add(note, &placed);
                    gridded.notes.push(placed);
                }
                Err(reason) => *skipped.entry(reason).or_default() += 1,
            }
        }
        conversion.skipped_notes = skipped;
        if beat.is_absent() {
            conversion.assumptions.insert(Assumption::WrittenTempo);
        }
        let is_optional = converter.encoding.index_of(Field::Dynamics).is_some();
        gridded.has_dynamics = !is_optional || velocities.0 < velocities.1;
        conversion.playback = sounds.playback(&gridded.tempos, sequence);
        conversion.n_merged += gridded.merge();
        gridded
    }

    /// Puts a note on the grid.
    fn place(
        &self,
        converter: &NoteListConverter,
        note: &Note,
        family: Family,
        pitch: Pitch,
        beat: &mut BeatGrid,
    ) -> Result<GridNote, SkipReason> {
        if !(note.start_time.is_finite() && note.end_time.is_finite() && note.start_time >= 0.0) {
            return Err(SkipReason::NegativeTime);
        }
        let (stretches, encoding) = (&self.stretches, converter.encoding);
        let start = signed(self.tempos.tick(note.start_time)).ok_or(SkipReason::TooLong)?;
        let end = signed(self.tempos.tick(note.end_time.max(note.start_time)));
        let length = end.map_or(i64::MAX, |end| end - start);
        let units = units_per_step(converter);
        let per_quarter = i64::from(TICKS_PER_QUARTER / encoding.ticks_per_step()) * units;
        let mut index = stretches.index_at(start);
        beat.add(start.saturating_sub(stretches.list[index].origin), stretches.ticks_per_quarter);
        let (bar, step, offset) = loop {
            let stretch = &stretches.list[index];
            let meter = stretch.meter?;
            let position = stretches.position(stretch, start, per_quarter);
            let steps_per_bar = i64::from(meter.bar() / encoding.ticks_per_step());
            let first_step = stretch.first_bar * steps_per_bar;
            let step = (position + units / 2).div_euclid(units).max(first_step);
            let offset = position.saturating_sub(step.saturating_mul(units));
            let bar = step.div_euclid(steps_per_bar);
            // A note rounded to after the last bar begins the next section.
            if bar >= stretch.end_bar && index + 1 < stretches.list.len() {
                index += 1;
                continue;
            }
            break (bar, step.rem_euclid(steps_per_bar), offset.clamp(-units, units));
        };
        let ticks = i128::from(length) * 2 * i128::from(TICKS_PER_QUARTER);
        let quarter = i128::from(stretches.ticks_per_quarter);
        let duration = ((ticks + quarter) / (2 * quarter)).max(1);
        Ok(GridNote {
            stretch: index,
            bar,
            step: u16::try_from(step).unwrap_or(u16::MAX),
            pitch,
            family,
            offset,
            duration: u16::try_from(duration).unwrap_or(u16::MAX),
            velocity: note.velocity,
            n_notes: 1,
            lost: Some(SkipReason::BetweenWindows),
        })
    }

    /// Sorts the notes and merges those with equal onset, pitch and family; returns the number
    /// removed.
    fn merge(&mut self) -> usize {
        let key = |n: &GridNote| (n.stretch, n.bar, n.step, n.pitch, n.family);
        let n_before = self.notes.len();
        self.notes.sort_by_key(key);
        self.notes.dedup_by(|note, kept| {
            let is_same = key(note) == key(kept);
            if is_same {
                // For drums, the timing is that of the louder hit.
                if note.velocity > kept.velocity {
                    (kept.velocity, kept.offset) = (note.velocity, note.offset);
                }
                kept.duration = kept.duration.max(note.duration);
                kept.n_notes += note.n_notes;
            }
            is_same
        });
        n_before - self.notes.len()
    }
}

/// Number of units of offsets per step: one without offsets.
pub(super) fn units_per_step(converter: &NoteListConverter) -> i64 {
    let fields = converter.encoding.fields().iter();
    fields.filter(|f| f.field == Field::Offset).map(|f| i64::from(f.n_classes)).sum::<i64>().max(1)
}

impl NoteListConverter {
    /// Family and pitch of a selected note; for encodings with only drums, the pitch of its class.
    fn key_of(&self, note: &Note) -> Result<(Family, Pitch), SkipReason> {
        if note.velocity == Velocity::MIN {
            return Err(SkipReason::Silent);
        }
        if self.instruments.as_ref().is_some_and(|i| !i.contains(&note.instrument)) {
            return Err(SkipReason::InstrumentNotAllowed);
        }
        let family = Family::new(note.program, note.is_drum);
        if note.is_drum {
            if !self.encoding.has_drums() {
                return Err(SkipReason::Drums);
            }
            if self.encoding.index_of(Field::Drum).is_none() {
                return Ok((family, note.pitch));
            }
            let class = self.drum_map.class(note.pitch).ok_or(SkipReason::UnknownDrum)?;
            return Ok((family, DrumMap::MAGENTA.exemplar(class)));
        }
        if !self.encoding.has_tones() {
            return Err(SkipReason::NotADrum);
        }
        if self.programs.as_ref().is_some_and(|p| !p.contains(&note.program)) {
            return Err(SkipReason::ProgramNotAllowed);
        }
        Ok((family, note.pitch))
    }
}

/// Fit of the onsets to the beat: for sixteenths, eighth triplets, sixteenth triplets, and the
/// ticks of the grid, the mean of unit vectors whose angle is the phase of an onset within one of
/// them (its length is 1 if all have the same phase, and about `1 / √n` if they are random).
#[derive(Debug, Default)]
struct BeatGrid {
    n: u32,
    /// Sums of cosines and sines.
    sums: [[f64; 2]; 4],
}

impl BeatGrid {
    /// Below this mean length, onsets do not follow a beat; random ones have 0.13 for the minimum
    /// number of onsets.
    const LEAST: f64 = 0.2;
    const FEWEST: u32 = 64;

    fn add(&mut self, ticks: i64, ticks_per_quarter: i64) {
        self.n = self.n.saturating_add(1);
        let phase = ticks.rem_euclid(ticks_per_quarter) as f64 / ticks_per_quarter as f64;
        let (sin, cos) = (std::f64::consts::TAU * phase).sin_cos();
        // Powers of e^iφ: 4, 3, 6 and 12 periods per quarter.
        let times =
            |a: [f64; 2], b: [f64; 2]| [a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]];
        let first = [cos, sin];
        let second = times(first, first);
        let third = times(second, first);
        let sixth = times(third, third);
        let powers = [times(second, second), third, sixth, times(sixth, sixth)];
        for (sum, power) in self.sums.iter_mut().zip(powers) {
            sum[0] += power[0];
            sum[1] += power[1];
        }
    }

    fn is_absent(&self) -> bool {
        let length = |sum: &[f64; 2]| sum[0].hypot(sum[1]) / f64::from(self.n);
        self.n >= Self::FEWEST && self.sums.iter().all(|sum| length(sum) < Self::LEAST)
    }
}

/// Statistics of sounds, for [`NoteListConversion::playback`].
#[derive(Debug, Default)]
struct Sounds {
    ticks: BTreeMap<(Family, Program), u64>,
    velocity_sum: u64,
    n_notes: u64,
}

impl Sounds {
    fn add(&mut self, note: &Note, placed: &GridNote) {
        *self.ticks.entry((placed.family, note.program)).or_default() += u64::from(placed.duration);
        self.velocity_sum += u64::from(note.velocity.get());
        self.n_notes += 1;
    }

    fn playback(&self, tempos: &TempoMap, sequence: &NoteSequence) -> NoteListPlayback {
        let mut playback = NoteListPlayback::default();
        if let Some(mean) = self.velocity_sum.checked_div(self.n_notes) {
            playback.velocity = Velocity::saturating(u8::try_from(mean).unwrap_or(u8::MAX));
        }
        for (program, family) in playback.programs.iter_mut().zip(Family::TONAL) {
            let of_family = self.ticks.iter().filter(|((f, _), _)| *f == family);
            // Of equal ones, the lowest program.
            let most = of_family.max_by_key(|((_, p), ticks)| (**ticks, std::cmp::Reverse(*p)));
            *program = most.map_or(*program, |((_, p), _)| *p);
        }
        let pieces = tempos.pieces();
        let end = tempos.tick(sequence.total_time.max(0.0));
        let length = |i: usize| {
            let next = pieces.get(i + 1).map_or(end, |next| next.tick.min(end));
            next.saturating_sub(pieces[i].tick)
        };
        let longest = (0..pieces.len()).rev().max_by_key(|i| length(*i)).unwrap_or_default();
        playback.qpm = tempos.qpm(&pieces[longest]);
        playback
    }
}
