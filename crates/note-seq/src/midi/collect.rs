//! Gathers events track by track: instruments, notes, controllers, still in ticks.

use super::error::MidiError;
use super::event::{Event, channel_event};
use super::options::{ReadLimits, ReadMode};
use super::pair::{Closed, Pairing};
use super::programs::ChannelPrograms;
use super::report::ReadReport;
use crate::event::{Mode, TextKind};
use crate::pitch::{Pitch, Program, Velocity};
use crate::sequence::Note;
use crate::tempo_map::ticks_f64;

const DRUM_CHANNEL: u8 = 9;
const NONE: u32 = u32::MAX;
/// Room for notes is not made for more than these before they are there: a file's size may lie.
const MAX_NOTES_FORESEEN: usize = 1 << 16;

/// Controllers of one channel of one track, shared by all its instruments.
#[derive(Debug, Default)]
pub(super) struct Controls {
    pub(super) changes: Vec<(u64, u8, u8)>,
    pub(super) bends: Vec<(u64, i16)>,
}

#[derive(Debug)]
pub(super) struct Instrument {
    pub(super) program: u8,
    pub(super) is_drum: bool,
    pub(super) name: String,
    pub(super) controls: u32,
    pub(super) channel: u8,
    /// Whether its track sets no program for the channel, so that another track's counts.
    pub(super) inherits_program: bool,
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
    /// How many instruments the tracks before it have.
    first_instrument: usize,
    /// Controllers that no instrument had when they came (parity), or the channel's (otherwise).
    controls: [u32; 16],
}

/// Collects the events of all tracks.
#[derive(Debug)]
pub(super) struct Collector {
    mode: ReadMode,
    limits: ReadLimits,
    n_events: u64,
    pairing: Pairing,
    track: Track,
    /// Times are ticks until [`Collector::finish`].
    pub(super) notes: Vec<Note>,
    pub(super) instruments: Vec<Instrument>,
    pub(super) controls: Vec<Controls>,
    pub(super) tempos: Vec<(u64, u32)>,
    pub(super) time_signatures: Vec<(u64, u8, u8)>,
    pub(super) key_signatures: Vec<(u64, u8, Mode)>,
    pub(super) texts: Vec<(u64, TextKind, String)>,
    pub(super) programs: ChannelPrograms,
}

impl Collector {
    /// For a file of `n_bytes`.
    pub(super) fn new(mode: ReadMode, limits: ReadLimits, n_bytes: usize) -> Self {
        // A note takes seven or eight bytes of most files; memory that is not needed is never touched.
        let n_notes = (n_bytes / 8).min(MAX_NOTES_FORESEEN);
        Self {
            mode,
            limits,
            n_events: 0,
            pairing: Pairing::new(),
            track: Track {
                index: 0,
                name: Vec::new(),
                programs: [0; 16],
                instruments: vec![NONE; 16 * 128],
                has_instruments: false,
                first_instrument: 0,
                controls: [NONE; 16],
            },
            notes: Vec::with_capacity(n_notes),
            instruments: Vec::new(),
            controls: Vec::new(),
            tempos: Vec::new(),
            time_signatures: Vec::new(),
            key_signatures: Vec::new(),
            texts: Vec::new(),
            programs: ChannelPrograms::default(),
        }
    }

    pub(super) fn is_parity(&self) -> bool {
        self.mode == ReadMode::Parity
    }

    pub(super) fn begin_track(&mut self, index: usize) {
        self.pairing.clear();
        self.programs.begin_track();
        let track = &mut self.track;
        track.index = index;
        track.first_instrument = self.instruments.len();
        track.name.clear();
        track.programs = [0; 16];
        if std::mem::take(&mut track.has_instruments) {
            track.instruments.fill(NONE);
        }
        track.controls = [NONE; 16];
    }

    /// Counts an event, also one that is not kept.
    #[inline]
    pub(super) fn count_event(&mut self) -> Result<(), MidiError> {
        self.n_events += 1;
        let (found, limit) = (self.n_events, self.limits.max_events);
        if found > limit {
            return Err(MidiError::LimitExceeded { what: "events", found, limit });
        }
        Ok(())
    }

    /// Takes a channel message that is in order.
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
                self.note_on(tick, channel, pitch, velocity, report)?;
            }
            Event::NoteOff { channel, pitch } => self.note_off(tick, channel, pitch, report),
            Event::Program { channel, program } => {
                self.track.programs[usize::from(channel)] = program;
                self.programs.set(tick, channel, program);
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
        report.notes.unended += self.pairing.n_open() as u64;
        if self.is_parity() {
            return;
        }
        if self.pairing.n_open() > 0 {
            let mut left = Vec::with_capacity(self.pairing.n_open());
            self.pairing.drain(|channel, pitch, start, velocity| {
                left.push((channel, pitch, start, velocity));
            });
            left.sort_by_key(|n| n.2);
            for (channel, pitch, start, velocity) in left.into_iter().filter(|n| n.2 < tick) {
                self.add_note(channel, pitch, start, tick, velocity);
            }
        }
        for instrument in &mut self.instruments[self.track.first_instrument..] {
            instrument.inherits_program = !self.programs.is_own(instrument.channel);
        }
    }

    #[inline]
    fn note_on(
        &mut self,
        tick: u64,
        channel: u8,
        pitch: u8,
        velocity: u8,
        report: &mut ReadReport,
    ) -> Result<(), MidiError> {
        let found = (self.notes.len() + self.pairing.n_open()) as u64 + 1;
        if found > self.limits.max_notes {
            return Err(MidiError::LimitExceeded {
                what: "notes",
                found,
                limit: self.limits.max_notes,
            });
        }
        let was_open = self.pairing.on(channel, pitch, tick, velocity);
        report.notes.overlapping += u64::from(was_open);
        Ok(())
    }

    #[inline]
    fn note_off(&mut self, tick: u64, channel: u8, pitch: u8, report: &mut ReadReport) {
        // Most offs end one note.
        if let Some((start, velocity)) = self.pairing.off_single(channel, pitch, tick) {
            self.add_note(channel, pitch, start, tick, velocity);
        } else {
            self.note_off_any(tick, channel, pitch, report);
        }
    }

    fn note_off_any(&mut self, tick: u64, channel: u8, pitch: u8, report: &mut ReadReport) {
        let mut ended = Vec::new();
        let closed = self.pairing.off(channel, pitch, tick, |start, velocity| {
            ended.push((start, velocity));
        });
        for (start, velocity) in ended {
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

    #[inline]
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
    #[inline]
    fn instrument(&mut self, channel: u8, program: u8) -> u32 {
        let slot = usize::from(channel) * 128 + usize::from(program);
        match self.track.instruments[slot] {
            NONE => self.new_instrument(channel, program, slot),
            number => number,
        }
    }

    fn new_instrument(&mut self, channel: u8, program: u8, slot: usize) -> u32 {
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
            channel,
            inherits_program: false,
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
}

/// UTF-8 where the bytes are that, else Latin-1.
fn decode_text(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| decode_latin1(bytes), str::to_owned)
}

fn decode_latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|b| char::from(*b)).collect()
}
