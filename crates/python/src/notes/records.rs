//! Lists of a sequence as structured arrays, and notes from such arrays.

use note_seq::{
    ControlChange, KeySignature, Mode, Note, Pitch, PitchBend, Program, QuantizedNote, Tempo,
    TimeSignature, Velocity,
};
use pyo3::prelude::*;

use crate::arrays::{Record, column};
use crate::error::{Outcome, refused};

/// Velocity of notes without one, same as in the JSON form.
const VELOCITY: i64 = 80;

/// Appends the bytes of numbers.
macro_rules! put {
    ($bytes:ident, $($value:expr),+) => {
        $( $bytes.extend_from_slice(&$value.to_ne_bytes()); )+
    };
}

impl Record for Note {
    const FIELDS: &'static [(&'static str, &'static str)] = &[
        ("start_time", "f8"),
        ("end_time", "f8"),
        ("pitch", "u1"),
        ("velocity", "u1"),
        ("program", "u1"),
        ("is_drum", "?"),
        ("instrument", "u4"),
    ];

    fn put(&self, bytes: &mut Vec<u8>) {
        put!(bytes, self.start_time, self.end_time, self.pitch.get(), self.velocity.get());
        put!(bytes, self.program.get(), u8::from(self.is_drum), self.instrument);
    }
}

impl Record for QuantizedNote {
    const FIELDS: &'static [(&'static str, &'static str)] = &[
        ("start_step", "i8"),
        ("end_step", "i8"),
        ("pitch", "u1"),
        ("velocity", "u1"),
        ("program", "u1"),
        ("is_drum", "?"),
        ("instrument", "u4"),
    ];

    fn put(&self, bytes: &mut Vec<u8>) {
        put!(bytes, self.start_step, self.end_step, self.pitch.get(), self.velocity.get());
        put!(bytes, self.program.get(), u8::from(self.is_drum), self.instrument);
    }
}

impl Record for Tempo {
    const FIELDS: &'static [(&'static str, &'static str)] = &[("time", "f8"), ("qpm", "f8")];

    fn put(&self, bytes: &mut Vec<u8>) {
        put!(bytes, self.time, self.qpm);
    }
}

impl Record for TimeSignature {
    const FIELDS: &'static [(&'static str, &'static str)] =
        &[("time", "f8"), ("numerator", "u4"), ("denominator", "u4")];

    fn put(&self, bytes: &mut Vec<u8>) {
        put!(bytes, self.time, self.numerator, self.denominator);
    }
}

impl Record for KeySignature {
    const FIELDS: &'static [(&'static str, &'static str)] =
        &[("time", "f8"), ("key", "u1"), ("is_minor", "?")];

    fn put(&self, bytes: &mut Vec<u8>) {
        put!(bytes, self.time, self.key, u8::from(self.mode == Mode::Minor));
    }
}

impl Record for ControlChange {
    const FIELDS: &'static [(&'static str, &'static str)] = &[
        ("time", "f8"),
        ("control_number", "u1"),
        ("control_value", "u1"),
        ("program", "u1"),
        ("is_drum", "?"),
        ("instrument", "u4"),
    ];

    fn put(&self, bytes: &mut Vec<u8>) {
        put!(bytes, self.time, self.control_number, self.control_value, self.program.get());
        put!(bytes, u8::from(self.is_drum), self.instrument);
    }
}

impl Record for PitchBend {
    const FIELDS: &'static [(&'static str, &'static str)] = &[
        ("time", "f8"),
        ("bend", "i2"),
        ("program", "u1"),
        ("is_drum", "?"),
        ("instrument", "u4"),
    ];

    fn put(&self, bytes: &mut Vec<u8>) {
        put!(bytes, self.time, self.bend, self.program.get(), u8::from(self.is_drum));
        put!(bytes, self.instrument);
    }
}

/// Notes from a structured array, a table, or a dictionary of arrays.
pub(super) fn notes(data: &Bound<'_, PyAny>) -> Outcome<Vec<Note>> {
    let (starts, ends) = (column::<f64>(data, "start_time")?, column::<f64>(data, "end_time")?);
    let pitches = column::<i64>(data, "pitch")?;
    let n = pitches.len();
    let names = match data.getattr("dtype").and_then(|dtype| dtype.getattr("names")) {
        Ok(names) => names,
        Err(_) => data.call_method0("keys")?,
    };
    let optional = |name: &str, default: i64| -> Outcome<Vec<i64>> {
        Ok(if names.contains(name)? { column(data, name)? } else { vec![default; n] })
    };
    let velocities = optional("velocity", VELOCITY)?;
    let (programs, instruments) = (optional("program", 0)?, optional("instrument", 0)?);
    let is_drum = optional("is_drum", 0)?;
    let lengths = [&velocities, &programs, &instruments, &is_drum].map(Vec::len);
    if [starts.len(), ends.len()].iter().chain(&lengths).any(|length| *length != n) {
        return Err(refused("the columns of the notes have different lengths"));
    }
    let note = |i: usize| -> Outcome<Note> {
        let (start_time, end_time) = (starts[i], ends[i]);
        if !(start_time.is_finite() && end_time.is_finite() && start_time <= end_time) {
            return Err(refused(format!(
                "note {i} lasts from {start_time} to {end_time} s; it must not end before it starts"
            )));
        }
        Ok(Note {
            pitch: Pitch::try_from(pitches[i])?,
            velocity: Velocity::try_from(velocities[i])?,
            start_time,
            end_time,
            instrument: u32::try_from(instruments[i])?,
            program: Program::try_from(programs[i])?,
            is_drum: is_drum[i] != 0,
        })
    };
    (0..n).map(note).collect()
}
