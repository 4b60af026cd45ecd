//! A file as the JSON object printed by the Python oracle: the results of `note_seq` and of
//! Magenta's converters. The tests, the example `summary` and `cargo xtask parity notes` share this
//! file.

use serde::{Deserialize, Serialize};

use note_seq::drums::DrumConverter;
use note_seq::midi::ReadFile;
use note_seq::trio::TrioConverter;
use note_seq::{
    Conversion, MelodyConverter, NoteSequence, QuantizeError, QuantizedSequence, Seconds, Step,
    StepsPerQuarter,
};

/// Pitch, start and end in seconds, velocity, program, drums (0 or 1), instrument.
pub(crate) type NoteRow = (u8, Seconds, Seconds, u8, u8, u8, u32);

/// Pitch, first step, step after the last, velocity, program, drums (0 or 1), instrument.
pub(crate) type QuantizedRow = (u8, Step, Step, u8, u8, u8, u32);

/// The result of [`summary`]. Times are in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Summary {
    /// Resolution.
    pub(crate) ticks_per_quarter: i32,
    /// End of the last note.
    pub(crate) total_time: Seconds,
    /// Time and quarter notes per minute.
    pub(crate) tempos: Vec<(Seconds, f64)>,
    /// Time, numerator, denominator.
    pub(crate) time_signatures: Vec<(Seconds, u32, u32)>,
    /// Time, pitch class of the tonic, mode (0 major, 1 minor).
    pub(crate) key_signatures: Vec<(Seconds, u8, u8)>,
    /// Names by instrument number.
    pub(crate) instrument_names: std::collections::BTreeMap<u32, String>,
    /// All notes.
    pub(crate) notes: Vec<NoteRow>,
    /// Numbers of each.
    pub(crate) counts: SummaryCounts,
    /// The whole sequence on the grid of sixteenths, or the error.
    pub(crate) quantized: SummaryQuantized,
    /// The sections of constant tempo and meter.
    pub(crate) segments: Vec<SummarySegment>,
}

/// Sizes of lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SummaryCounts {
    /// Notes.
    pub(crate) notes: usize,
    /// Control changes.
    pub(crate) control_changes: usize,
    /// Pitch bends.
    pub(crate) pitch_bends: usize,
}

/// A quantized sequence, or the name of the error class raised by Python.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum SummaryQuantized {
    /// Quantizing succeeds.
    Steps {
        /// Length in steps.
        total_steps: Step,
        /// Steps per bar; left out for the whole file.
        #[serde(skip_serializing_if = "Option::is_none")]
        steps_per_bar: Option<f64>,
        /// All notes.
        notes: Vec<QuantizedRow>,
    },
    /// Quantizing fails.
    Error {
        /// Python's error class.
        error: String,
    },
}

/// A section of constant tempo and meter. The windows are sorted lists of labels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SummarySegment {
    /// Its start in the file.
    pub(crate) start: Seconds,
    /// Its length, up to the end of its last note.
    pub(crate) total_time: Seconds,
    /// Number of notes that begin in it.
    pub(crate) notes: usize,
    /// Time and quarter notes per minute.
    pub(crate) tempos: Vec<(Seconds, f64)>,
    /// Time, numerator, denominator.
    pub(crate) time_signatures: Vec<(Seconds, u32, u32)>,
    /// The section on the grid of sixteenths, or the error.
    pub(crate) quantized: SummaryQuantized,
    /// Two-bar melodies of programs 0 to 31.
    pub(crate) mel2: Vec<Vec<u16>>,
    /// Sixteen-bar melodies of all programs.
    pub(crate) mel16: Vec<Vec<u16>>,
    /// Two-bar drums.
    pub(crate) drums2: Vec<Vec<u16>>,
    /// Sixteen-bar drums.
    pub(crate) drums16: Vec<Vec<u16>>,
    /// Sixteen-bar trios: melody, bass and drums. Repetitions are kept.
    pub(crate) trio16: Vec<[Vec<u16>; 3]>,
}

/// Everything the oracle prints for a readable file.
pub(crate) fn summary(read: &ReadFile) -> Summary {
    let sequence = &read.sequence;
    Summary {
        ticks_per_quarter: sequence.ticks_per_quarter,
        total_time: sequence.total_time,
        tempos: tempos(sequence),
        time_signatures: time_signatures(sequence),
        key_signatures: sequence
            .key_signatures
            .iter()
            .map(|k| (k.time, k.key, k.mode as u8))
            .collect(),
        instrument_names: sequence
            .instrument_infos
            .iter()
            .map(|i| (i.instrument, i.name.clone()))
            .collect(),
        notes: (sequence.notes.iter())
            .map(|n| {
                let (velocity, program) = (n.velocity.get(), n.program.get());
                (
                    n.pitch.get(),
                    n.start_time,
                    n.end_time,
                    velocity,
                    program,
                    u8::from(n.is_drum),
                    n.instrument,
                )
            })
            .collect(),
        counts: SummaryCounts {
            notes: sequence.notes.len(),
            control_changes: sequence.control_changes.len(),
            pitch_bends: sequence.pitch_bends.len(),
        },
        quantized: quantized(&sequence.quantize(StepsPerQuarter::SIXTEENTHS), false),
        segments: sequence.split_on_time_changes().iter().map(segment).collect(),
    }
}

fn segment(piece: &NoteSequence) -> SummarySegment {
    SummarySegment {
        start: piece.subsequence_info.map_or(0.0, |info| info.start_time_offset),
        total_time: piece.total_time,
        notes: piece.notes.len(),
        tempos: tempos(piece),
        time_signatures: time_signatures(piece),
        quantized: quantized(&piece.quantize(StepsPerQuarter::SIXTEENTHS), true),
        mel2: sorted(MelodyConverter::mel_2bar().windows(piece), |w| w.tokens),
        mel16: sorted(MelodyConverter::mel_16bar().windows(piece), |w| w.tokens),
        drums2: sorted(DrumConverter::drums_2bar().windows(piece), |w| w.tokens),
        drums16: sorted(DrumConverter::drums_16bar().windows(piece), |w| w.tokens),
        trio16: sorted(TrioConverter::trio_16bar().windows(piece), |w| [w.melody, w.bass, w.drums]),
    }
}

fn sorted<W, T: Ord>(conversion: Conversion<W>, tokens: impl FnMut(W) -> T) -> Vec<T> {
    let mut all: Vec<T> = conversion.windows.into_iter().map(tokens).collect();
    all.sort();
    all
}

fn tempos(sequence: &NoteSequence) -> Vec<(Seconds, f64)> {
    sequence.tempos.iter().map(|t| (t.time, t.qpm)).collect()
}

fn time_signatures(sequence: &NoteSequence) -> Vec<(Seconds, u32, u32)> {
    sequence.time_signatures.iter().map(|t| (t.time, t.numerator, t.denominator)).collect()
}

fn quantized(
    result: &Result<QuantizedSequence, QuantizeError>,
    with_bar: bool,
) -> SummaryQuantized {
    match result {
        Ok(quantized) => SummaryQuantized::Steps {
            total_steps: quantized.total_steps,
            steps_per_bar: quantized.steps_per_bar().filter(|_| with_bar),
            notes: (quantized.notes.iter())
                .map(|n| {
                    let (velocity, program) = (n.velocity.get(), n.program.get());
                    (
                        n.pitch.get(),
                        n.start_step,
                        n.end_step,
                        velocity,
                        program,
                        u8::from(n.is_drum),
                        n.instrument,
                    )
                })
                .collect(),
        },
        Err(error) => SummaryQuantized::Error { error: python_class(error).to_owned() },
    }
}

fn python_class(error: &QuantizeError) -> &'static str {
    match error {
        QuantizeError::MultipleTempos { .. }
        | QuantizeError::BadGrid { .. }
        | QuantizeError::NoTicks { .. } => "MultipleTempoError",
        QuantizeError::MultipleTimeSignatures { .. } => "MultipleTimeSignatureError",
        QuantizeError::BadTimeSignature { .. } => "BadTimeSignatureError",
        QuantizeError::NegativeTime { .. } => "NegativeTimeError",
        // An error that Python doesn't have, different from all of its classes.
        _ => "UnknownError",
    }
}
