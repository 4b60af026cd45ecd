//! `NoteSequence`: reading, writing and editing music.

mod quantized;
mod records;
mod roll;

use std::path::{Path, PathBuf};

use note_seq::midi::{self, ReadMode, ReadOptions, WriteOptions};
use note_seq::{InstrumentInfo, NoteSequence as Sequence, StepsPerQuarter, Tempo, TextKind};
use note_seq::{TimeSignature, Velocity};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arrays::table;
use crate::error::{Outcome, refused};
use crate::values::to_python;

pub(crate) use quantized::QuantizedSequence;
pub(crate) use roll::PianoRoll;

/// Notes in seconds with their tempos, signatures, controllers and texts. Immutable: methods that
/// change music return a new sequence.
///
/// Lists are NumPy arrays with named fields, copied on each access: `sequence.notes["pitch"]`.
#[pyclass(frozen, eq, module = "controlgen")]
#[derive(Clone, PartialEq)]
pub(crate) struct NoteSequence {
    pub(crate) inner: Sequence,
}

impl From<Sequence> for NoteSequence {
    fn from(inner: Sequence) -> Self {
        Self { inner }
    }
}

/// Kinds of text with their names.
const TEXT_KINDS: [(TextKind, &str); 5] = [
    (TextKind::Unknown, "unknown"),
    (TextKind::ChordSymbol, "chord_symbol"),
    (TextKind::Beat, "beat"),
    (TextKind::Lyric, "lyric"),
    (TextKind::Marker, "marker"),
];

/// The index of a kind in [`TEXT_KINDS`].
fn kind_number(kind: TextKind) -> u8 {
    (0..).zip(TEXT_KINDS).find(|(_, (known, _))| *known == kind).map_or(0, |(number, _)| number)
}

/// The treatment of invalid files, by name.
fn read_mode(name: &str) -> Outcome<ReadMode> {
    match name {
        "lenient" => Ok(ReadMode::Lenient),
        "strict" => Ok(ReadMode::Strict),
        "parity" => Ok(ReadMode::Parity),
        _ => {
            Err(refused(format!("mode is {name:?}; 'lenient', 'strict' and 'parity' are allowed")))
        }
    }
}

/// Reads a file's bytes as music, with the report.
fn read_file(path: &Path, mode: &str) -> Outcome<midi::ReadFile> {
    let options = ReadOptions { mode: read_mode(mode)?, ..ReadOptions::default() };
    let bytes = ::corpus::artifact::read(path)?;
    midi::read(&bytes, &options)
        .map_err(|error| refused(format!("{} can't be read: {error}", path.display())))
}

#[pymethods]
impl NoteSequence {
    /// Creates an empty sequence.
    #[new]
    fn new() -> Self {
        Sequence::default().into()
    }

    /// Reads a MIDI file.
    ///
    /// `mode` is the treatment of invalid files: `lenient` reads as much as possible, `strict`
    /// rejects files that `lenient` would repair, and `parity` reads like Python's `note_seq`.
    #[staticmethod]
    #[pyo3(signature = (path, *, mode="lenient"))]
    fn read(py: Python<'_>, path: PathBuf, mode: &str) -> Outcome<Self> {
        Ok(py.detach(|| read_file(&path, mode))?.sequence.into())
    }

    /// Reads a MIDI file. Returns the sequence with a report: the file's structure, and everything
    /// that was repaired or left out, counted by reason.
    #[staticmethod]
    #[pyo3(signature = (path, *, mode="lenient"))]
    fn read_with_report<'py>(
        py: Python<'py>,
        path: PathBuf,
        mode: &str,
    ) -> Outcome<(Self, Bound<'py, PyAny>)> {
        let read = py.detach(|| read_file(&path, mode))?;
        Ok((read.sequence.into(), to_python(py, &read.report)?))
    }

    /// Reads the bytes of a MIDI file.
    #[staticmethod]
    #[pyo3(signature = (data, *, mode="lenient"))]
    fn from_midi(py: Python<'_>, data: &[u8], mode: &str) -> Outcome<Self> {
        let options = ReadOptions { mode: read_mode(mode)?, ..ReadOptions::default() };
        Ok(py.detach(|| midi::read(data, &options))?.sequence.into())
    }

    /// The bytes of a MIDI file.
    fn to_midi(&self, py: Python<'_>) -> Outcome<Vec<u8>> {
        Ok(py.detach(|| midi::write(&self.inner, &WriteOptions::default()))?)
    }

    /// Writes a MIDI file, completely or not at all. An existing file is replaced.
    fn write(&self, py: Python<'_>, path: PathBuf) -> Outcome<()> {
        let bytes = self.to_midi(py)?;
        Ok(py.detach(|| ::corpus::artifact::write_atomic(&path, &bytes))?)
    }

    /// Creates a sequence from the JSON form of Magenta's `NoteSequence`.
    #[staticmethod]
    fn from_json(text: &str) -> Outcome<Self> {
        Ok(serde_json::from_str::<Sequence>(text)?.into())
    }

    /// The sequence in the JSON form of Magenta's `NoteSequence`.
    fn to_json(&self) -> Outcome<String> {
        Ok(serde_json::to_string(&self.inner)?)
    }

    /// Creates a sequence from notes: a structured array, a pandas table, or a dictionary of
    /// arrays.
    ///
    /// `pitch`, `start_time` and `end_time` (in seconds) are required; the default of `velocity` is
    /// 80, and that of `program`, `instrument` and `is_drum` is 0.
    #[staticmethod]
    #[pyo3(signature = (notes, *, qpm=120.0, time_signature=(4, 4), ticks_per_quarter=220))]
    fn from_notes(
        notes: &Bound<'_, PyAny>,
        qpm: f64,
        time_signature: (u32, u32),
        ticks_per_quarter: i32,
    ) -> Outcome<Self> {
        if !(qpm.is_finite() && qpm > 0.0) {
            return Err(refused(format!("qpm is {qpm}; a positive number is allowed")));
        }
        let (numerator, denominator) = time_signature;
        if numerator == 0 || !denominator.is_power_of_two() {
            return Err(refused(format!(
                "the time signature is {numerator}/{denominator}; the denominator must be a power \
                 of two and the numerator at least 1"
            )));
        }
        let mut sequence = Sequence {
            ticks_per_quarter,
            tempos: vec![Tempo { time: 0.0, qpm }],
            time_signatures: vec![TimeSignature { time: 0.0, numerator, denominator }],
            ..Sequence::default()
        };
        records::notes(notes)?.into_iter().for_each(|note| sequence.push(note));
        Ok(sequence.into())
    }

    /// Creates a sequence from a `pretty_midi.PrettyMIDI`.
    #[staticmethod]
    fn from_pretty_midi<'py>(midi: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        midi.py().import("controlgen._pretty_midi")?.call_method1("from_pretty_midi", (midi,))
    }

    /// The sequence as a `pretty_midi.PrettyMIDI`, with the exact times of notes.
    fn to_pretty_midi<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("controlgen._pretty_midi")?.call_method1("to_pretty_midi", (slf,))
    }

    /// The notes: `start_time`, `end_time` (seconds), `pitch`, `velocity`, `program`, `is_drum`,
    /// `instrument`.
    #[getter]
    fn notes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        table(py, &self.inner.notes)
    }

    /// Tempo changes: `time` (seconds), `qpm`.
    #[getter]
    fn tempos<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        table(py, &self.inner.tempos)
    }

    /// Meter changes: `time` (seconds), `numerator`, `denominator`.
    #[getter]
    fn time_signatures<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        table(py, &self.inner.time_signatures)
    }

    /// Key changes: `time` (seconds), `key` (pitch class of the tonic), `is_minor`.
    #[getter]
    fn key_signatures<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        table(py, &self.inner.key_signatures)
    }

    /// Control changes: `time` (seconds), `control_number`, `control_value`, `program`, `is_drum`,
    /// `instrument`.
    #[getter]
    fn control_changes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        table(py, &self.inner.control_changes)
    }

    /// Pitch bends: `time` (seconds), `bend` (-8192 to 8191), `program`, `is_drum`, `instrument`.
    #[getter]
    fn pitch_bends<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        table(py, &self.inner.pitch_bends)
    }

    /// Texts as tuples of time, text and kind: `unknown`, `chord_symbol`, `beat`, `lyric`,
    /// `marker`.
    #[getter]
    fn text_annotations(&self) -> Vec<(f64, String, &'static str)> {
        let texts = self.inner.text_annotations.iter();
        let name = |kind| TEXT_KINDS[usize::from(kind_number(kind))].1;
        texts.map(|text| (text.time, text.text.clone(), name(text.kind))).collect()
    }

    /// Names of instruments by their numbers.
    #[getter]
    fn instrument_names<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let names = PyDict::new(py);
        for InstrumentInfo { instrument, name } in &self.inner.instrument_infos {
            names.set_item(instrument, name)?;
        }
        Ok(names)
    }

    /// End of the music in seconds.
    #[getter]
    fn total_time(&self) -> f64 {
        self.inner.total_time
    }

    /// Ticks per quarter note of the file it came from; 0 if there is none.
    #[getter]
    fn ticks_per_quarter(&self) -> i32 {
        self.inner.ticks_per_quarter
    }

    /// Snaps every note to a grid.
    ///
    /// The tempo and the meter must not change: `split_on_time_changes` cuts a sequence into such
    /// pieces.
    #[pyo3(signature = (steps_per_quarter=4))]
    fn quantize(&self, py: Python<'_>, steps_per_quarter: u16) -> Outcome<QuantizedSequence> {
        let Some(steps) = StepsPerQuarter::new(steps_per_quarter) else {
            return Err(refused("steps_per_quarter is 0; 1 or more is allowed"));
        };
        Ok(QuantizedSequence { inner: py.detach(|| self.inner.quantize(steps))? })
    }

    /// The piano roll of all tones or, with `drums`, of all drums.
    #[pyo3(signature = (frames_per_second=100.0, *, drums=false))]
    fn piano_roll(
        &self,
        py: Python<'_>,
        frames_per_second: f64,
        drums: bool,
    ) -> Outcome<PianoRoll> {
        let keep = |note: &note_seq::Note| note.is_drum == drums;
        let roll = py.detach(|| self.inner.piano_roll(frames_per_second, keep))?;
        Ok(PianoRoll::new(py, roll)?)
    }

    /// The music transposed by some semitones. Drums are unchanged; notes that leave the range 0 to
    /// 127 are dropped.
    fn transpose(&self, semitones: i32) -> Self {
        let mut inner = self.inner.clone();
        inner.transpose(semitones);
        inner.into()
    }

    /// The part from `start` to `end`, in seconds, moved to time 0.
    fn extract(&self, start: f64, end: f64) -> Outcome<Self> {
        Ok(self.inner.extract(start, end)?.into())
    }

    /// The parts between changes of tempo or meter.
    fn split_on_time_changes(&self) -> Vec<Self> {
        self.inner.split_on_time_changes().into_iter().map(Self::from).collect()
    }

    /// Concatenates sequences.
    #[staticmethod]
    fn concatenate(sequences: Vec<PyRef<'_, Self>>) -> Self {
        let all: Vec<Sequence> = sequences.iter().map(|one| one.inner.clone()).collect();
        Sequence::concatenate(&all).into()
    }

    /// A copy of tempos, signatures and texts, for `to_pretty_midi`.
    fn _without_notes(&self) -> Self {
        let inner = Sequence {
            pitch_bends: Vec::new(),
            control_changes: Vec::new(),
            instrument_infos: Vec::new(),
            ..self.inner.with_notes(|_| false)
        };
        inner.into()
    }

    fn __len__(&self) -> usize {
        self.inner.notes.len()
    }

    fn __repr__(&self) -> String {
        let (n, seconds) = (self.inner.notes.len(), self.inner.total_time);
        let n_instruments = self.inner.instruments().len();
        format!("<controlgen.NoteSequence: {n} notes, {n_instruments} instruments, {seconds:.2} s>")
    }

    /// JSON, and everything that its form omits: silent velocities, and kinds of text that
    /// Magenta's message does not have.
    fn __reduce__<'py>(
        &self,
        py: Python<'py>,
    ) -> Outcome<(Bound<'py, PyAny>, (String, Vec<u8>, Vec<u8>))> {
        let velocities = self.inner.notes.iter().map(|note| note.velocity.get()).collect();
        let kinds = self.inner.text_annotations.iter().map(|text| kind_number(text.kind)).collect();
        let restore = py.get_type::<Self>().getattr("_restore")?;
        Ok((restore, (self.to_json()?, velocities, kinds)))
    }

    /// The inverse of `__reduce__`.
    #[staticmethod]
    fn _restore(text: &str, velocities: &[u8], kinds: &[u8]) -> Outcome<Self> {
        let mut inner = serde_json::from_str::<Sequence>(text)?;
        for (note, velocity) in inner.notes.iter_mut().zip(velocities) {
            note.velocity = Velocity::new(*velocity)?;
        }
        for (text, kind) in inner.text_annotations.iter_mut().zip(kinds) {
            text.kind = *TEXT_KINDS.get(usize::from(*kind)).map_or(&text.kind, |(kind, _)| kind);
        }
        Ok(inner.into())
    }
}
