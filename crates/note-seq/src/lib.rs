//! Note sequences: MIDI in and out, tempo maps, quantizing, and the token encodings of music
//! models.
//!
//! Bytes become a [`NoteSequence`] (notes in seconds) by [`midi::read`]; [`NoteSequence::quantize`]
//! puts it on a grid ([`QuantizedSequence`]); [`melody::extract`] finds monophonic lines in that,
//! and a [`MelodyConverter`] does all of this and cuts the lines into windows of class labels.
//! Every step can be reversed: labels to [`Melody`], melody to sequence, sequence to bytes.
//!
//! The data model is Magenta's `NoteSequence`. [`midi::ReadMode::Parity`] and the quantizing and
//! encodings agree with Python's `note_seq` and Magenta's MusicVAE converters to the last bit; the
//! default reading mode reads far more files and reports what it repaired.
//!
//! The crate does not use files, threads or tensors: bytes and values in, values out. Bad input
//! never panics.
//!
//! # Units
//! Times are `f64` [`Seconds`]; tempo is [`Qpm`], quarter notes per minute; grid positions are
//! [`Step`]s from 0.

pub mod chords;
pub mod drums;
pub mod features;
pub mod groove;
pub mod melody;
pub mod midi;
pub mod texture;
pub mod trio;
pub mod vocabulary;
pub mod window;

mod bar_map;
mod beats;
mod conversion;
mod edit;
mod even_tempo;
mod event;
mod key;
#[cfg(feature = "musicxml")]
mod musicxml;
mod note_list;
mod piano_roll;
mod pitch;
mod program;
mod quantize;
mod quantized;
mod segments;
mod sequence;
mod slices;
mod split;
mod statistics;
mod sustain;
mod tempo_map;
mod transpose;
mod units;

pub use bar_map::{BarMap, BarPiece, BarPosition};
pub use beats::Beat;
pub use conversion::{Conversion, Dedupe, SkipReason};
pub use event::{
    ControlChange, InstrumentInfo, KeySignature, Mode, PitchBend, Tempo, TextAnnotation, TextKind,
    TimeSignature,
};
pub use key::{Key, KeyProfile, KeyTracker, UnknownKey};
pub use melody::{
    ChordedMelodyWindow, Melody, MelodyConverter, MelodyEncoding, MelodyEvent, MelodyWindow,
    Playback, UnknownLabel, UnsupportedPitch,
};
#[cfg(feature = "musicxml")]
pub use musicxml::{MusicXmlError, MusicXmlOptions, ScoreOptions};
pub use note_list::{
    Assumption, BadNoteListEncoding, Family, Field, FieldSpec, ListNote, Meter, NoteList,
    NoteListConversion, NoteListConverter, NoteListEncoding, NoteListError, NoteListPlayback,
    NoteListWindow, TICKS_PER_QUARTER, UnknownMeter, UnsupportedMeter,
};
pub use piano_roll::{PianoRoll, PianoRollError};
pub use pitch::{OutOfRange, Pitch, Program, Velocity};
pub use program::UnknownProgram;
pub use quantize::{QuantizeError, quantize_to_step};
pub use quantized::{Grid, QuantizedNote, QuantizedSequence};
pub use sequence::{Note, NoteSequence, SubsequenceInfo};
pub use split::{PEDALS, SplitError};
pub use statistics::Statistics;
pub use sustain::SUSTAIN_PEDAL;
pub use tempo_map::{TempoMap, TempoPiece};
pub use units::{DEFAULT_QPM, Qpm, STANDARD_TICKS_PER_QUARTER, Seconds, Step, StepsPerQuarter};
