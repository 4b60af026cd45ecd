//! Gathers events into a [`NoteSequence`]: instruments, notes, controllers, and at the end ticks to seconds.

use super::error::MidiError;
use super::event::{Division, Event};
use super::options::{ReadLimits, ReadMode};
use super::pair::{Closed, Pairing};
use super::report::ReadReport;
use crate::event::{
    ControlChange, InstrumentInfo, KeySignature, Mode, PitchBend, Tempo, TextAnnotation, TextKind,
    TimeSignature,
};
use crate::pitch::{Pitch, Program, Velocity};
use crate::sequence::{Note, NoteSequence};
use crate::tempo_map::{TempoMap, ticks_f64};

const DRUM_CHANNEL: u8 = 9;
const NONE: u32 = u32::MAX;

/// Controllers of one channel of one track, shared by all its instruments.
#[derive(Debug, Default)]
struct Controls {
    changes: Vec<(u64, u8, u8)>,
    bends: Vec<(u64, i16)>,
}

#[derive(Debug)]
struct Instrument {
    program: u8,
    is_drum: bool,
    name: String,
    controls: u32,
}

/// State that ends with each track.
#[derive(Debug)]
struct Track {
    index: usize,
    name: Vec<u8>,
    programs: [u8; 16],
    /// Instrument number by channel and program.
    instruments: Vec<u32>,
    has_instruments: bool,
    /// Controllers that no instrument had when they came (parity), or the channel's (otherwise).
    controls: [u32; 16],
}

/// Collects the events of all tracks.
#[derive(Debug)]
pub(super) struct Collector {
    mode: ReadMode,
    limits: ReadLimits,
    pairing: Pairing,
    track: Track,
    /// Times are ticks until [`Collector::finish`].
    notes: Vec<Note>,
    instruments: Vec<Instrument>,
    controls: Vec<Controls>,
    tempos: Vec<(u64, u32)>,
    time_signatures: Vec<(u64, u8, u8)>,
    key_signatures: Vec<(u64, u8, Mode)>,
    texts: Vec<(u64, TextKind, String)>,
}

impl Collector {
    pub(super) fn new(mode: ReadMode, limits: ReadLimits) -> Self {
        Self {
            mode,
            limits,
            pairing: Pairing::new(),
            track: Track {
                index: 0,
                name: Vec::new(),
                programs: [0; 16],
                instruments: vec![NONE; 16 * 128],
                has_instruments: false,
                controls: [NONE; 16],
            },
            notes: Vec::new(),
            instruments: Vec::new(),
            controls: Vec::new(),
            tempos: Vec::new(),
            time_signatures: Vec::new(),
            key_signatures: Vec::new(),
            texts: Vec::new(),
        }
    }

    fn is_parity(&self) -> bool {
        self.mode == ReadMode::Parity
    }

    pub(super) fn begin_track(&mut self, index: usize) {
        self.pairing.clear();
        let track = &mut self.track;
        track.index = index;
        track.name.clear();
        track.programs = [0; 16];
        if std::mem::take(&mut track.has_instruments) {
            track.instruments.fill(NONE);
        }
        track.controls = [NONE; 16];
    }

    /// Takes an event at an absolute tick.
    pub(super) fn event(
        &mut self,
        tick: u64,
        event: Event<'_>,
        report: &mut ReadReport,
    ) -> Result<(), MidiError> {
        // Python looks for these on the first track only; players obey them anywhere.
        let on_time_track = self.track.index == 0 || !self.is_parity();
        match event {
            Event::NoteOn { channel, pitch, velocity } => {
                report.notes.overlapping += u64::from(self.pairing.is_open(channel, pitch));
                self.check_notes()?;
                self.pairing.on(channel, pitch, tick, velocity);
            }
            Event::NoteOff { channel, pitch } => self.note_off(tick, channel, pitch, report),
            Event::Program { channel, program } => {
                self.track.programs[usize::from(channel)] = program;
            }
            Event::Control { channel, number, value } => {
                let list = self.controls_of(channel);
                self.controls[list as usize].changes.push((tick, number, value));
            }
            Event::Bend { channel, bend } => {
                let list = self.controls_of(channel);
                self.controls[list as usize].bends.push((tick, bend));
            }
            Event::Tempo { microseconds } if on_time_track => {
                self.tempos.push((tick, microseconds));
            }
            Event::TimeSignature { numerator, log2_denominator } if on_time_track => {
                self.time_signatures.push((tick, numerator, log2_denominator));
            }
            Event::KeySignature { key, mode } if on_time_track => {
                self.key_signatures.push((tick, key, mode));
            }
            Event::TrackName(name) => {
                self.track.name.clear();
                self.track.name.extend_from_slice(name);
            }
            Event::Text(kind, text) if !self.is_parity() => {
                self.texts.push((tick, kind, decode_text(text)));
            }
            _ => {}
        }
        Ok(())
    }

    /// Ends a track whose last event stands at `tick`.
    pub(super) fn end_track(&mut self, tick: u64, report: &mut ReadReport) {
        if self.pairing.n_open() == 0 {
            return;
        }
        report.notes.unended += self.pairing.n_open() as u64;
        if self.is_parity() {
            return;
        }
        let mut left = Vec::with_capacity(self.pairing.n_open());
        self.pairing
            .drain(|channel, pitch, start, velocity| left.push((channel, pitch, start, velocity)));
        left.sort_by_key(|n| n.2);
        for (channel, pitch, start, velocity) in left {
            if start < tick {
                self.add_note(channel, pitch, start, tick, velocity);
            }
        }
    }

    fn check_notes(&self) -> Result<(), MidiError> {
        let found = (self.notes.len() + self.pairing.n_open()) as u64 + 1;
        if found > self.limits.max_notes {
            return Err(MidiError::LimitExceeded {
                what: "notes",
                found,
                limit: self.limits.max_notes,
            });
        }
        Ok(())
    }

    fn note_off(&mut self, tick: u64, channel: u8, pitch: u8, report: &mut ReadReport) {
        // Most offs end one note: that one needs no list.
        let mut first = None;
        let mut more = Vec::new();
        let closed = self.pairing.off(channel, pitch, tick, |start, velocity| {
            if first.is_none() {
                first = Some((start, velocity));
            } else {
                more.push((start, velocity));
            }
        });
        for (start, velocity) in first.into_iter().chain(more) {
            self.add_note(channel, pitch, start, tick, velocity);
        }
        match closed {
            Closed::Notes(_) => {}
            Closed::Nothing => report.notes.spurious_offs += 1,
            Closed::Empty { velocity, .. } if channel == DRUM_CHANNEL && !self.is_parity() => {
                // A drum's length means nothing: the hit is what was meant.
                report.notes.empty_drums_kept += 1;
                self.add_note(channel, pitch, tick, tick + 1, velocity);
            }
            Closed::Empty { n_notes, .. } => report.notes.empty_dropped += n_notes,
        }
    }

    fn add_note(&mut self, channel: u8, pitch: u8, start: u64, end: u64, velocity: u8) {
        let program = self.track.programs[usize::from(channel)];
        let instrument = self.instrument(channel, program);
        self.notes.push(Note {
            pitch: Pitch::saturating(pitch),
            velocity: Velocity::saturating(velocity),
            start_time: ticks_f64(start),
            end_time: ticks_f64(end),
            instrument,
            program: Program::saturating(program),
            is_drum: channel == DRUM_CHANNEL,
        });
    }

    /// The instrument of a channel and program in this track, made on its first ended note.
    fn instrument(&mut self, channel: u8, program: u8) -> u32 {
        let slot = usize::from(channel) * 128 + usize::from(program);
        if self.track.instruments[slot] != NONE {
            return self.track.instruments[slot];
        }
        let own_list = !self.is_parity() || self.track.controls[usize::from(channel)] != NONE;
        let controls = if own_list { self.channel_controls(channel) } else { self.new_controls() };
        let number = u32::try_from(self.instruments.len()).unwrap_or(NONE - 1);
        let name = if self.is_parity() {
            decode_latin1(&self.track.name)
        } else {
            decode_text(&self.track.name)
        };
        self.instruments.push(Instrument {
            program,
            is_drum: channel == DRUM_CHANNEL,
            name,
            controls,
        });
        self.track.instruments[slot] = number;
        self.track.has_instruments = true;
        number
    }

    /// The list a controller event goes to. In parity reading that of the current program's instrument, if it
    /// is there; events before it wait in the channel's list, which later instruments share.
    fn controls_of(&mut self, channel: u8) -> u32 {
        if self.is_parity() {
            let program = self.track.programs[usize::from(channel)];
            let instrument =
                self.track.instruments[usize::from(channel) * 128 + usize::from(program)];
            if instrument != NONE {
                return self.instruments[instrument as usize].controls;
            }
        }
        self.channel_controls(channel)
    }

    fn channel_controls(&mut self, channel: u8) -> u32 {
        if self.track.controls[usize::from(channel)] == NONE {
            self.track.controls[usize::from(channel)] = self.new_controls();
        }
        self.track.controls[usize::from(channel)]
    }

    fn new_controls(&mut self) -> u32 {
        self.controls.push(Controls::default());
        u32::try_from(self.controls.len() - 1).unwrap_or(NONE - 1)
    }

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
        sequence.instrument_infos = (self.instruments.into_iter().zip(0..))
            .filter(|(i, _)| !i.name.is_empty())
            .map(|(i, instrument)| InstrumentInfo { instrument, name: i.name })
            .collect();
        sequence.notes = timed_notes(self.notes, &map);
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
}

/// Sorts notes by instrument, keeping the order in which they ended, and turns their ticks into seconds.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "these are whole ticks, below 2^53"
)]
fn timed_notes(mut notes: Vec<Note>, map: &TempoMap) -> Vec<Note> {
    if !notes.is_sorted_by_key(|n| n.instrument) {
        notes.sort_by_key(|n| n.instrument);
    }
    let (mut starts, mut ends) = (map.cursor(), map.cursor());
    for note in &mut notes {
        note.start_time = starts.seconds(note.start_time as u64);
        note.end_time = ends.seconds(note.end_time as u64);
    }
    notes
}

/// UTF-8 where the bytes are that, else Latin-1.
fn decode_text(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| decode_latin1(bytes), str::to_owned)
}

fn decode_latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|b| char::from(*b)).collect()
}
