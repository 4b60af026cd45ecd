//! The last stage of reading: converts ticks to seconds and fills the sequence.

use std::collections::BTreeMap;

use super::collect::{Collector, Instrument};
use super::error::MidiError;
use super::event::Division;
use super::lines::ticks;
use super::patches::{DRUM_CHANNEL, Timeline};
use super::report::ReadReport;
use super::sysex::System;
use crate::event::{InstrumentInfo, KeySignature, Tempo, TextAnnotation, TimeSignature};
use crate::pitch::Program;
use crate::sequence::{Note, NoteSequence};
use crate::tempo_map::{TempoMap, ticks_f64};

/// Names of all instruments together may take `MAX_NAME_BYTES_A_BYTE` bytes per byte of the file
/// plus [`FREE_NAME_BYTES`], because every instrument of a track has a copy of its name (in parity
/// reading, which does not shorten names).
const MAX_NAME_BYTES_A_BYTE: usize = 16;
const FREE_NAME_BYTES: usize = 1 << 20;

impl Collector {
    /// Converts ticks to seconds and fills the sequence.
    pub(super) fn finish(
        mut self,
        division: Division,
        report: &mut ReadReport,
    ) -> Result<NoteSequence, MidiError> {
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
        let mut lines = BTreeMap::new();
        if !self.is_parity() {
            // Some programs repeat the time signature in every track.
            self.time_signatures.sort_by_key(|t| t.0);
            self.time_signatures.dedup();
            self.key_signatures.sort_by_key(|k| k.0);
            self.key_signatures.dedup();
            self.texts.sort_by_key(|t| t.0);
            for channel in &mut self.channels.list {
                channel.controls.put_in_order();
                channel.note_ends.sort_unstable();
            }
            self.end_notes(report);
            self.set_patches(report);
            lines = self.join_lines(report);
        }
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
        self.place_controls(&lines, &map, &mut sequence, report)?;
        sequence.instrument_infos = self.instrument_names()?;
        sequence.notes = timed_notes(self.notes, self.instruments.len(), &map);
        sequence.total_time = sequence.notes.iter().map(|n| n.end_time).fold(0.0, f64::max);
        Ok(sequence)
    }

    fn instrument_names(&self) -> Result<Vec<InstrumentInfo>, MidiError> {
        let name = |i: &Instrument| &self.names[i.name as usize];
        let found: usize = self.instruments.iter().map(|i| name(i).len()).sum();
        let limit =
            self.n_bytes().saturating_mul(MAX_NAME_BYTES_A_BYTE).saturating_add(FREE_NAME_BYTES);
        if self.is_parity() && found > limit {
            let what = "bytes of names of instruments";
            return Err(MidiError::LimitExceeded {
                what,
                found: found as u64,
                limit: limit as u64,
            });
        }
        Ok((self.instruments.iter().zip(0..))
            .filter(|(i, _)| !name(i).is_empty())
            .map(|(i, instrument)| InstrumentInfo { instrument, name: name(i).clone() })
            .collect())
    }

    /// Ends notes at controllers that end all notes of their channel, on any track.
    fn end_notes(&mut self, report: &mut ReadReport) {
        report.notes.unended += self.unended.len() as u64;
        if self.channels.list.iter().all(|c| c.note_ends.is_empty()) {
            return;
        }
        let mut unended = self.unended.iter().peekable();
        for (note, index) in self.notes.iter_mut().zip(0..) {
            let is_unended = unended.next_if_eq(&&index).is_some();
            let channel = self.instruments[note.instrument as usize].channel;
            let ends = &self.channels.list[channel as usize].note_ends;
            let start = ticks(note.start_time);
            let Some(end) = ends.get(ends.partition_point(|t| *t <= start)) else { continue };
            if *end < ticks(note.end_time) || (is_unended && *end == ticks(note.end_time)) {
                note.end_time = ticks_f64(*end);
                report.notes.ended_by_controller += 1;
                report.notes.unended -= u64::from(is_unended);
            }
        }
    }

    /// Gives notes the program that their channel has when they start, set by any track, and marks
    /// those as drums whose channel a bank or message turns into a drum channel.
    fn set_patches(&mut self, report: &mut ReadReport) {
        let timelines = self.timelines();
        let own: Vec<&Timeline> = (self.channels.list.iter().enumerate())
            .map(|(index, channel)| {
                // The members of a zone play its manager's program.
                let manager = self.manager_of(channel).filter(|_| channel.patches.is_empty());
                &timelines[manager.map_or(index, |manager| manager as usize)]
            })
            .collect();
        let timeline = |i: &Instrument| own[i.channel as usize];
        let is_decided: Vec<bool> = (self.instruments.iter())
            .map(|i| {
                let in_zone = self.manager_of(&self.channels.list[i.channel as usize]).is_some();
                in_zone || timeline(i).decides_for(i.track)
            })
            .collect();
        if !is_decided.contains(&true) {
            return;
        }
        let mut numbers: BTreeMap<(u32, u32, u8, bool), u32> = BTreeMap::new();
        let mut instruments: Vec<Instrument> = Vec::new();
        let mut last = None;
        for note in &mut self.notes {
            let old = &self.instruments[note.instrument as usize];
            let (program, is_drum) = if is_decided[note.instrument as usize] {
                // The program of a zone's manager is not the member's, even on the same track.
                let is_member = self.channels.list[old.channel as usize].patches.is_empty();
                let track = if is_member { u32::MAX } else { old.track };
                timeline(old).at(ticks(note.start_time), track, old.program)
            } else {
                (old.program, old.is_drum)
            };
            let channel = &self.channels.list[old.channel as usize];
            let usual = channel.number == DRUM_CHANNEL && self.channels.zone_of(channel).is_none();
            report.notes.drums_by_bank += u64::from(is_drum != usual);
            let key = (old.track, old.channel, program, is_drum);
            // Most notes have the same instrument as the previous note.
            let number = match last {
                Some((known, number)) if known == key => number,
                _ => *numbers.entry(key).or_insert_with(|| {
                    instruments.push(Instrument { program, is_drum, ..old.clone() });
                    u32::try_from(instruments.len() - 1).unwrap_or(u32::MAX)
                }),
            };
            last = Some((key, number));
            note.instrument = number;
            note.program = Program::saturating(program);
            note.is_drum = is_drum;
        }
        self.instruments = instruments;
    }

    fn timelines(&self) -> Vec<Timeline> {
        let mut resets: BTreeMap<u32, Vec<(u64, System)>> = BTreeMap::new();
        for (port, tick, system) in &self.channels.resets {
            resets.entry(*port).or_default().push((*tick, *system));
        }
        resets.values_mut().for_each(|list| list.sort_by_key(|r| r.0));
        (self.channels.list.iter())
            .map(|channel| {
                let resets = resets.get(&channel.port).map_or(&[][..], Vec::as_slice);
                // In an MPE zone, channel 10 is a member like any other.
                let has_drums =
                    channel.number == DRUM_CHANNEL && self.channels.zone_of(channel).is_none();
                Timeline::new(has_drums, &channel.patches, resets)
            })
            .collect()
    }
}

/// Orders notes by instrument, keeping the order in which they ended, and converts their times from
/// ticks to seconds.
fn timed_notes(mut notes: Vec<Note>, n_instruments: usize, map: &TempoMap) -> Vec<Note> {
    let (mut starts, mut ends) = (map.cursor(), map.cursor());
    let mut in_seconds = |note: &mut Note| {
        note.start_time = starts.seconds_at(note.start_time);
        note.end_time = ends.seconds_at(note.end_time);
    };
    if notes.is_sorted_by_key(|n| n.instrument) {
        notes.iter_mut().for_each(in_seconds);
        return notes;
    }
    // A counting sort, because instruments are few and notes are many.
    let mut next = vec![0; n_instruments + 1];
    for note in &notes {
        next[note.instrument as usize + 1] += 1;
    }
    for i in 1..next.len() {
        next[i] += next[i - 1];
    }
    let mut ordered = vec![Note::default(); notes.len()];
    for mut note in notes {
        in_seconds(&mut note);
        let place = &mut next[note.instrument as usize];
        ordered[*place] = note;
        *place += 1;
    }
    ordered
}
