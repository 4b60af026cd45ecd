//! The song of a DAW: position, tempo, loop, signatures.

use clack_host::events::event_types::{TransportEvent, TransportFlags};
use clack_host::events::{EventFlags, EventHeader};
use clack_host::utils::{BeatTime, SecondsTime};

/// Samples per second.
pub(crate) const RATE: f64 = 48_000.0;

/// The song position and how it advances.
#[derive(Clone, Debug)]
pub(crate) struct Song {
    pub(crate) is_playing: bool,
    /// Position in quarter notes.
    pub(crate) beats: f64,
    /// Quarter notes per minute.
    pub(crate) tempo: f64,
    /// Change of the tempo per sample.
    pub(crate) tempo_per_sample: f64,
    /// Whether the plug-in is told about the change.
    pub(crate) tells_change: bool,
    /// The loop in quarter notes.
    pub(crate) repeat: Option<(f64, f64)>,
    /// Whether blocks end where the loop does.
    pub(crate) splits_blocks: bool,
    /// Changes of signature: first quarter note, number of the bar, signature.
    pub(crate) signatures: Vec<(f64, i32, (u16, u16))>,
}

impl Song {
    pub(crate) fn new() -> Self {
        Self {
            is_playing: true,
            beats: 0.0,
            tempo: 120.0,
            tempo_per_sample: 0.0,
            tells_change: true,
            repeat: None,
            splits_blocks: true,
            signatures: vec![(0.0, 0, (4, 4))],
        }
    }

    /// The bar of a position: its first quarter note, its number, its signature.
    pub(crate) fn bar(&self, beats: f64) -> (f64, i32, (u16, u16)) {
        let change = self.signatures.iter().rev().find(|(start, ..)| *start <= beats + 1e-9);
        let (start, number, signature) = *change.unwrap_or(&self.signatures[0]);
        let length = 4.0 * f64::from(signature.0) / f64::from(signature.1);
        let after = ((beats - start) / length + 1e-9).floor();
        (start + after * length, number + after as i32, signature)
    }

    /// The position `sample` samples later.
    pub(crate) fn later(&self, samples: f64) -> f64 {
        if !self.is_playing {
            return self.beats;
        }
        let tempo = self.tempo + 0.5 * self.tempo_per_sample * samples;
        self.beats + samples * tempo / (60.0 * RATE)
    }

    pub(crate) fn transport(&self, time: u32) -> TransportEvent {
        let (bar_start, bar_number, signature) = self.bar(self.beats);
        let mut flags = TransportFlags::HAS_TEMPO
            | TransportFlags::HAS_BEATS_TIMELINE
            | TransportFlags::HAS_TIME_SIGNATURE;
        flags.set(TransportFlags::IS_PLAYING, self.is_playing);
        flags.set(TransportFlags::IS_LOOP_ACTIVE, self.repeat.is_some());
        let (loop_start, loop_end) = self.repeat.unwrap_or_default();
        TransportEvent {
            header: EventHeader::new_core(time, EventFlags::empty()),
            flags,
            song_pos_beats: BeatTime::from_float(self.beats),
            song_pos_seconds: SecondsTime::from_float(0.0),
            tempo: self.tempo,
            tempo_inc: if self.tells_change { self.tempo_per_sample } else { 0.0 },
            loop_start_beats: BeatTime::from_float(loop_start),
            loop_end_beats: BeatTime::from_float(loop_end),
            loop_start_seconds: SecondsTime::from_float(0.0),
            loop_end_seconds: SecondsTime::from_float(0.0),
            bar_start: BeatTime::from_float(bar_start),
            bar_number,
            time_signature_numerator: signature.0,
            time_signature_denominator: signature.1,
        }
    }
}

/// The tick nearest to a position.
pub(crate) fn tick(beats: f64) -> i64 {
    (beats * 480.0).round() as i64
}
