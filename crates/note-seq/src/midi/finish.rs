//! The end of reading: ticks become seconds, and everything finds its place in the sequence.

use super::collect::Collector;
use super::event::Division;
use super::report::ReadReport;
use crate::event::{
    ControlChange, InstrumentInfo, KeySignature, PitchBend, Tempo, TextAnnotation, TimeSignature,
};
use crate::pitch::Program;
use crate::sequence::{Note, NoteSequence};
use crate::tempo_map::TempoMap;

impl Collector {
    /// Turns ticks into seconds and puts everything in its place.
    pub(super) fn finish(mut self, division: Division, report: &mut ReadReport) -> NoteSequence {
        let (mut map, ticks_per_quarter) = match division {
            Division::Metrical(ticks) => {
                (TempoMap::with_resolution(f64::from(ticks)), i32::from(ticks))
            }
            Division::SecondsPerTick(seconds) => {
                let map = TempoMap::fixed(seconds);
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "at most 0.5 · 255 · 255 ticks a quarter"
                )]
                let ticks_per_quarter = (0.5 / seconds).round() as i32;
                self.tempos.clear();
                (map, ticks_per_quarter)
            }
        };
        self.tempos.sort_by_key(|t| t.0);
        for (tick, microseconds) in &self.tempos {
            map.push(*tick, *microseconds);
        }
        if !self.is_parity() {
            // Some programs repeat the metre in every track.
            self.time_signatures.sort_by_key(|t| t.0);
            self.time_signatures.dedup();
            self.key_signatures.sort_by_key(|k| k.0);
            self.key_signatures.dedup();
            self.texts.sort_by_key(|t| t.0);
        }
        self.inherit_programs();
        let mut sequence = NoteSequence { ticks_per_quarter, ..NoteSequence::default() };
        sequence.tempos =
            map.pieces().iter().map(|p| Tempo { time: p.seconds, qpm: map.qpm(p) }).collect();
        let mut at = map.cursor();
        sequence.time_signatures = (self.time_signatures.iter())
            .map(|(tick, numerator, log2)| TimeSignature {
                time: at.seconds(*tick),
                numerator: u32::from(*numerator),
                denominator: 1_u32.checked_shl(u32::from(*log2)).unwrap_or(0),
            })
            .collect();
        sequence.key_signatures = (self.key_signatures.iter())
            .map(|(tick, key, mode)| KeySignature {
                time: at.seconds(*tick),
                key: *key,
                mode: *mode,
            })
            .collect();
        sequence.text_annotations = (std::mem::take(&mut self.texts).into_iter())
            .map(|(tick, kind, text)| TextAnnotation { time: at.seconds(tick), text, kind })
            .collect();
        self.place_controls(&map, &mut sequence, report);
        let n_instruments = self.instruments.len();
        sequence.instrument_infos = (self.instruments.into_iter().zip(0..))
            .filter(|(i, _)| !i.name.is_empty())
            .map(|(i, instrument)| InstrumentInfo { instrument, name: i.name })
            .collect();
        sequence.notes = timed_notes(self.notes, n_instruments, &map);
        sequence.total_time = sequence.notes.iter().map(|n| n.end_time).fold(0.0, f64::max);
        sequence
    }

    fn place_controls(&self, map: &TempoMap, sequence: &mut NoteSequence, report: &mut ReadReport) {
        let mut at = map.cursor();
        let mut is_used = vec![false; self.controls.len()];
        for (i, instrument) in self.instruments.iter().zip(0..) {
            let program = Program::saturating(i.program);
            let list = &self.controls[i.controls as usize];
            is_used[i.controls as usize] = true;
            sequence.control_changes.extend(list.changes.iter().map(|(tick, number, value)| {
                ControlChange {
                    time: at.seconds(*tick),
                    control_number: *number,
                    control_value: *value,
                    instrument,
                    program,
                    is_drum: i.is_drum,
                }
            }));
            sequence.pitch_bends.extend(list.bends.iter().map(|(tick, bend)| PitchBend {
                time: at.seconds(*tick),
                bend: *bend,
                instrument,
                program,
                is_drum: i.is_drum,
            }));
        }
        let unused = self.controls.iter().zip(is_used).filter(|(_, used)| !used);
        report.notes.controls_without_notes +=
            unused.map(|(c, _)| (c.changes.len() + c.bends.len()) as u64).sum::<u64>();
    }

    /// Gives instruments whose track sets no program the one that their channel has by another track.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "these are whole ticks, below 2^53"
    )]
    fn inherit_programs(&mut self) {
        if !self.instruments.iter().any(|i| i.inherits_program) {
            return;
        }
        let mut first_ticks = vec![u64::MAX; self.instruments.len()];
        for note in &self.notes {
            let first = &mut first_ticks[note.instrument as usize];
            *first = (*first).min(note.start_time as u64);
        }
        for (instrument, tick) in self.instruments.iter_mut().zip(first_ticks) {
            if let Some(program) =
                self.programs.at(instrument.channel, tick).filter(|_| instrument.inherits_program)
            {
                instrument.program = program;
            }
        }
        for note in &mut self.notes {
            note.program = Program::saturating(self.instruments[note.instrument as usize].program);
        }
    }
}

/// Orders notes by instrument, keeping the order in which they ended, and turns their ticks into seconds.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "these are whole ticks, below 2^53"
)]
fn timed_notes(notes: Vec<Note>, n_instruments: usize, map: &TempoMap) -> Vec<Note> {
    let mut notes = by_instrument(notes, n_instruments);
    let (mut starts, mut ends) = (map.cursor(), map.cursor());
    for note in &mut notes {
        note.start_time = starts.seconds(note.start_time as u64);
        note.end_time = ends.seconds(note.end_time as u64);
    }
    notes
}

/// Counts, then puts each note where its instrument's next one goes: instruments are few, notes many.
fn by_instrument(notes: Vec<Note>, n_instruments: usize) -> Vec<Note> {
    if notes.is_sorted_by_key(|n| n.instrument) {
        return notes;
    }
    let mut next = vec![0; n_instruments + 1];
    for note in &notes {
        next[note.instrument as usize + 1] += 1;
    }
    for i in 1..next.len() {
        next[i] += next[i - 1];
    }
    let mut ordered = vec![Note::default(); notes.len()];
    for note in notes {
        let place = &mut next[note.instrument as usize];
        ordered[*place] = note;
        *place += 1;
    }
    ordered
}
