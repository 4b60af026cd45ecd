//! Collects events track by track: instruments, notes, controllers, still in ticks.

use std::collections::BTreeMap;

use super::channel_controls::Controls;
use super::channels::Channels;
use super::error::MidiError;
use super::event::{Event, channel_event};
use super::options::{ReadLimits, ReadMode};
use super::pair::{Closed, Pairing, Voice};
use super::patches::DRUM_CHANNEL;
use super::report::ReadReport;
use crate::event::{Mode, TextKind};
use crate::pitch::{Pitch, Program, Velocity};
use crate::sequence::Note;
use crate::tempo_map::ticks_f64;

const NONE: u32 = u32::MAX;
/// Maximum number of notes to reserve memory for in advance, because a large file need not contain
/// notes.
const MAX_NOTES_FORESEEN: usize = 1 << 16;

/// A part while tracks are read: the notes of a channel with one program on one track.
#[derive(Debug, Clone)]
pub(super) struct Instrument {
    pub(super) program: u8,
    pub(super) is_drum: bool,
    /// Index into [`Collector::names`].
    pub(super) name: u32,
    /// Index into [`Collector::controls`] (parity reading).
    pub(super) controls: u32,
    /// Index into [`Collector::channels`] (lenient and strict reading).
    pub(super) channel: u32,
    pub(super) track: u32,
}

/// State that ends with each track.
#[derive(Debug)]
struct Track {
    index: u32,
    name: Vec<u8>,
    /// Index of the name among all names, once an instrument needs it.
    name_index: u32,
    programs: [u8; 16],
    /// Instrument number by channel and program.
    instruments: Vec<u32>,
    /// The same by index of the channel among those of all ports.
    by_channel: BTreeMap<(u32, u8), u32>,
    /// Parity reading: controllers that preceded their instrument.
    controls: [u32; 16],
}

/// Collects the events of all tracks.
#[derive(Debug)]
pub(super) struct Collector {
    mode: ReadMode,
    limits: ReadLimits,
    n_bytes: usize,
    n_events: u64,
    pairing: Pairing,
    track: Track,
    /// Times are ticks until [`Collector::finish`].
    pub(super) notes: Vec<Note>,
    /// Indices of the notes without an end.
    pub(super) unended: Vec<u32>,
    pub(super) instruments: Vec<Instrument>,
    pub(super) names: Vec<String>,
    /// Parity reading only.
    pub(super) controls: Vec<Controls>,
    /// Lenient and strict reading.
    pub(super) channels: Channels,
    pub(super) tempos: Vec<(u64, u32)>,
    pub(super) time_signatures: Vec<(u64, u8, u8)>,
    pub(super) key_signatures: Vec<(u64, u8, Mode)>,
    pub(super) texts: Vec<(u64, TextKind, String)>,
}

impl Collector {
    /// For a file of `n_bytes`, whose tracks may be separate songs.
    pub(super) fn new(
        mode: ReadMode,
        limits: ReadLimits,
        n_bytes: usize,
        are_tracks_songs: bool,
    ) -> Self {
        // A note takes seven or eight bytes in most files; memory that is not needed is never
        // touched.
        let n_notes = (n_bytes / 8).min(MAX_NOTES_FORESEEN);
        Self {
            mode,
            limits,
            n_bytes,
            n_events: 0,
            pairing: Pairing::new(),
            track: Track {
                index: 0,
                name: Vec::new(),
                name_index: NONE,
                programs: [0; 16],
                instruments: vec![NONE; 16 * 128],
                by_channel: BTreeMap::new(),
                controls: [NONE; 16],
            },
            notes: Vec::with_capacity(n_notes),
            unended: Vec::new(),
            instruments: Vec::new(),
            names: Vec::new(),
            controls: Vec::new(),
            channels: Channels::new(are_tracks_songs),
            tempos: Vec::new(),
            time_signatures: Vec::new(),
            key_signatures: Vec::new(),
            texts: Vec::new(),
        }
    }

    pub(super) fn is_parity(&self) -> bool {
        self.mode == ReadMode::Parity
    }

    /// Size of the file in bytes.
    pub(super) fn n_bytes(&self) -> usize {
        self.n_bytes
    }

    pub(super) fn begin_track(&mut self, index: u32) {
        self.pairing.clear();
        self.channels.begin_track(index);
        let track = &mut self.track;
        track.index = index;
        track.name.clear();
        track.name_index = NONE;
        track.programs = [0; 16];
        if !track.by_channel.is_empty() {
            track.by_channel.clear();
            track.instruments.fill(NONE);
        }
        track.controls = [NONE; 16];
    }

    /// Counts an event, including those that are not kept.
    #[inline]
    pub(super) fn count_event(&mut self) -> Result<(), MidiError> {
        self.n_events += 1;
        let (found, limit) = (self.n_events, self.limits.max_events);
        if found > limit {
            return Err(MidiError::LimitExceeded { what: "events", found, limit });
        }
        Ok(())
    }

    /// Processes a valid channel message.
    #[inline]
    pub(super) fn message(
        &mut self,
        tick: u64,
        status: u8,
        data: [u8; 2],
        report: &mut ReadReport,
    ) -> Result<(), MidiError> {
        let channel = status & 15;
        match (status & 0xf0, data) {
            (0x90, [pitch, velocity @ 1..=127]) => {
                self.note_on(tick, channel, pitch, velocity, report)
            }
            (0x80 | 0x90, [pitch, _]) => {
                self.note_off(tick, channel, pitch, report);
                Ok(())
            }
            _ => channel_event(status, data).map_or(Ok(()), |e| self.event(tick, e, report)),
        }
    }

    /// Processes an event at an absolute tick.
    pub(super) fn event(
        &mut self,
        tick: u64,
        event: Event<'_>,
        report: &mut ReadReport,
    ) -> Result<(), MidiError> {
        // Python reads these on the first track only; players obey them anywhere.
        let on_time_track = self.track.index == 0 || !self.is_parity();
        match event {
            Event::NoteOn { channel, pitch, velocity } => {
                self.note_on(tick, channel, pitch, velocity, report)?;
            }
            Event::NoteOff { channel, pitch } => self.note_off(tick, channel, pitch, report),
            Event::Program { channel, program } => {
                self.track.programs[usize::from(channel)] = program;
                if !self.is_parity() {
                    self.channels.program(tick, channel, program);
                }
            }
            Event::Control { channel, number, value } => {
                if self.is_parity() {
                    let list = self.controls_of(channel);
                    self.controls[list as usize].changes.push((tick, number, value));
                } else {
                    self.channels.control(tick, channel, number, value);
                }
            }
            Event::Bend { channel, bend } => {
                if self.is_parity() {
                    let list = self.controls_of(channel);
                    self.controls[list as usize].bends.push((tick, bend));
                } else {
                    self.channels.bend(tick, channel, bend);
                }
            }
            Event::Port(port) => self.channels.set_port(port),
            Event::Device(name) => self.channels.set_device(name),
            Event::SystemExclusive(data) => self.channels.system_exclusive(tick, data),
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
                self.track.name_index = NONE;
            }
            Event::Text(kind, text) if !self.is_parity() => {
                self.texts.push((tick, kind, decode_text(text)));
            }
            _ => {}
        }
        Ok(())
    }

    /// Ends a track whose last event is at `tick`.
    pub(super) fn end_track(&mut self, tick: u64, report: &mut ReadReport) {
        if self.is_parity() {
            report.notes.unended += self.pairing.n_open() as u64;
            return;
        }
        if self.pairing.n_open() == 0 {
            return;
        }
        let mut left = Vec::with_capacity(self.pairing.n_open());
        self.pairing.drain(|pitch, start, voice| left.push((pitch, start, voice)));
        left.sort_by_key(|n| n.1);
        for (pitch, start, voice) in left {
            if start + 1 >= self.limits.max_ticks {
                report.notes.unended += 1;
                continue;
            }
            // Whether a controller ends it is only known after all tracks are read.
            self.unended.push(u32::try_from(self.notes.len()).unwrap_or(NONE));
            self.add_note(voice, pitch, start, tick.max(start + 1));
        }
    }

    #[inline(always)]
    fn note_on(
        &mut self,
        tick: u64,
        channel: u8,
        pitch: u8,
        velocity: u8,
        report: &mut ReadReport,
    ) -> Result<(), MidiError> {
        let found = (self.notes.len() + self.pairing.n_open()) as u64 + 1;
        let limit = self.limits.max_notes;
        if found > limit {
            return Err(MidiError::LimitExceeded { what: "notes", found, limit });
        }
        let index = if self.is_parity() { channel.into() } else { self.channels.index(channel) };
        let program = self.track.programs[usize::from(channel & 15)];
        let voice = Voice { velocity, program, channel: index };
        let was_open = self.pairing.on(channel, pitch, tick, voice);
        report.notes.overlapping += u64::from(was_open);
        Ok(())
    }

    #[inline(always)]
    fn note_off(&mut self, tick: u64, channel: u8, pitch: u8, report: &mut ReadReport) {
        // Most offs end one note.
        if let Some((start, voice)) = self.pairing.off_single(channel, pitch, tick) {
            let voice = self.at_end(voice, channel);
            self.add_note(voice, pitch, start, tick);
        } else {
            self.note_off_any(tick, channel, pitch, report);
        }
    }

    /// In Python a note has the program that is set when it ends.
    #[inline]
    fn at_end(&self, voice: Voice, channel: u8) -> Voice {
        if self.is_parity() {
            Voice { program: self.track.programs[usize::from(channel & 15)], ..voice }
        } else {
            voice
        }
    }

    #[cold]
    fn note_off_any(&mut self, tick: u64, channel: u8, pitch: u8, report: &mut ReadReport) {
        let mut ended = Vec::new();
        let closed = self.pairing.off(channel, pitch, tick, |start, voice| {
            ended.push((start, voice));
        });
        for (start, voice) in ended {
            let voice = self.at_end(voice, channel);
            self.add_note(voice, pitch, start, tick);
        }
        match closed {
            Closed::Notes(_) => {}
            Closed::Nothing => report.notes.spurious_offs += 1,
            Closed::Empty { n_notes, .. }
                if self.is_parity() || tick + 1 >= self.limits.max_ticks =>
            {
                report.notes.empty_dropped += n_notes;
            }
            Closed::Empty { n_notes, voice } => {
                // Players sound it; of several at one tick, only one is audible.
                let kept = if channel & 15 == DRUM_CHANNEL {
                    &mut report.notes.empty_drums_kept
                } else {
                    &mut report.notes.empty_kept
                };
                *kept += 1;
                report.notes.empty_dropped += n_notes - 1;
                self.add_note(voice, pitch, tick, tick + 1);
            }
        }
    }

    #[inline]
    fn add_note(&mut self, voice: Voice, pitch: u8, start: u64, end: u64) {
        let instrument = self.instrument(voice.channel, voice.program);
        self.notes.push(Note {
            pitch: Pitch::saturating(pitch),
            velocity: Velocity::saturating(voice.velocity),
            start_time: ticks_f64(start),
            end_time: ticks_f64(end),
            instrument,
            program: Program::saturating(voice.program),
            is_drum: self.instruments[instrument as usize].is_drum,
        });
    }

    /// The instrument of a channel and program in this track, made on its first ended note.
    #[inline]
    fn instrument(&mut self, channel: u32, program: u8) -> u32 {
        let slot = (channel as usize & 15) * 128 + usize::from(program & 127);
        let number = self.track.instruments[slot];
        // Channels of other ports may use the same slot.
        if number != NONE && self.instruments[number as usize].channel == channel {
            return number;
        }
        let number = match self.track.by_channel.get(&(channel, program)) {
            Some(number) => *number,
            None => self.new_instrument(channel, program),
        };
        self.track.instruments[slot] = number;
        number
    }

    #[cold]
    fn new_instrument(&mut self, channel: u32, program: u8) -> u32 {
        let (number, controls) = if self.is_parity() {
            #[expect(clippy::cast_possible_truncation, reason = "in parity reading 0 to 15")]
            let number = channel as u8;
            let waits = self.track.controls[usize::from(number)] != NONE;
            (number, if waits { self.waiting_controls(number) } else { self.new_controls() })
        } else {
            (self.channels.list[channel as usize].number, NONE)
        };
        let name = self.name_index();
        let instrument = u32::try_from(self.instruments.len()).unwrap_or(NONE - 1);
        self.instruments.push(Instrument {
            program,
            is_drum: number == DRUM_CHANNEL,
            name,
            controls,
            channel,
            track: self.track.index,
        });
        self.track.by_channel.insert((channel, program), instrument);
        instrument
    }

    /// Index of the track's name among all names; its instruments share it.
    fn name_index(&mut self) -> u32 {
        if self.track.name_index == NONE {
            let decode = if self.is_parity() { decode_latin1 } else { decode_text };
            let name = decode(&self.track.name);
            self.track.name_index = u32::try_from(self.names.len()).unwrap_or(NONE - 1);
            self.names.push(name);
        }
        self.track.name_index
    }

    /// Parity reading: the list for a controller event, which is that of the current program's
    /// instrument if it exists; earlier events wait in the channel's list, which later instruments
    /// share.
    fn controls_of(&mut self, channel: u8) -> u32 {
        let program = self.track.programs[usize::from(channel)];
        let instrument = self.track.instruments[usize::from(channel) * 128 + usize::from(program)];
        if instrument == NONE {
            self.waiting_controls(channel)
        } else {
            self.instruments[instrument as usize].controls
        }
    }

    fn waiting_controls(&mut self, channel: u8) -> u32 {
        if self.track.controls[usize::from(channel)] == NONE {
            self.track.controls[usize::from(channel)] = self.new_controls();
        }
        self.track.controls[usize::from(channel)]
    }

    fn new_controls(&mut self) -> u32 {
        self.controls.push(Controls::default());
        u32::try_from(self.controls.len() - 1).unwrap_or(NONE - 1)
    }
}

/// Decodes UTF-8 if the bytes are valid, else Latin-1.
fn decode_text(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| decode_latin1(bytes), str::to_owned)
}

fn decode_latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|b| char::from(*b)).collect()
}
