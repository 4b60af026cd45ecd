//! The JSON form of a sequence when reading: other programs omit times or velocities.

use serde::Deserialize;

use super::{Note, NoteSequence, SubsequenceInfo};
use crate::event::{
    ControlChange, InstrumentInfo, KeySignature, PitchBend, Tempo, TextAnnotation, TextKind,
    TimeSignature,
};
use crate::pitch::{Pitch, Program, Velocity};
use crate::units::{DEFAULT_VELOCITY, Seconds};

/// The message, quantized or not.
///
/// A note with steps but without times (as in quantized sequences of magenta-js) gets the times of
/// its steps, and so do texts and controllers. If no note has a velocity, all get 80, because such
/// a sequence was written without velocities and is not silent.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Message {
    #[serde(alias = "ticks_per_quarter")]
    ticks_per_quarter: i32,
    notes: Vec<MessageNote>,
    #[serde(alias = "total_time")]
    total_time: Seconds,
    tempos: Vec<Tempo>,
    #[serde(alias = "time_signatures")]
    time_signatures: Vec<TimeSignature>,
    #[serde(alias = "key_signatures")]
    key_signatures: Vec<KeySignature>,
    #[serde(alias = "pitch_bends")]
    pitch_bends: Vec<PitchBend>,
    #[serde(alias = "control_changes")]
    control_changes: Vec<ControlChange>,
    #[serde(alias = "text_annotations")]
    text_annotations: Vec<MessageText>,
    #[serde(alias = "instrument_infos")]
    instrument_infos: Vec<InstrumentInfo>,
    #[serde(alias = "subsequence_info")]
    subsequence_info: Option<SubsequenceInfo>,
    #[serde(alias = "quantization_info")]
    quantization_info: Option<QuantizationInfo>,
    #[serde(alias = "total_quantized_steps")]
    total_quantized_steps: Steps,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct MessageNote {
    pitch: Pitch,
    velocity: Velocity,
    #[serde(alias = "start_time")]
    start_time: Seconds,
    #[serde(alias = "end_time")]
    end_time: Seconds,
    #[serde(alias = "quantized_start_step")]
    quantized_start_step: Steps,
    #[serde(alias = "quantized_end_step")]
    quantized_end_step: Steps,
    instrument: u32,
    program: Program,
    #[serde(alias = "is_drum")]
    is_drum: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct MessageText {
    time: Seconds,
    text: String,
    #[serde(alias = "annotation_type")]
    annotation_type: TextKind,
    #[serde(alias = "quantized_step")]
    quantized_step: Steps,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct QuantizationInfo {
    #[serde(alias = "steps_per_quarter")]
    steps_per_quarter: u32,
    #[serde(alias = "steps_per_second")]
    steps_per_second: u32,
}

/// 64-bit numbers are strings in the JSON of protocol buffers, and numbers in magenta-js.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "StepsForm")]
struct Steps(i64);

#[derive(Deserialize)]
#[serde(untagged)]
enum StepsForm {
    Number(i64),
    Text(String),
}

impl TryFrom<StepsForm> for Steps {
    type Error = String;

    fn try_from(form: StepsForm) -> Result<Self, String> {
        match form {
            StepsForm::Number(steps) => Ok(Self(steps)),
            StepsForm::Text(text) => (text.parse().map(Self))
                .map_err(|_| format!("step {text:?} is not a whole number of 64 bits")),
        }
    }
}

impl TryFrom<Message> for NoteSequence {
    type Error = String;

    fn try_from(message: Message) -> Result<Self, String> {
        let has_no_times = |n: &MessageNote| n.start_time == 0.0 && n.end_time == 0.0;
        let has_only_steps = |n: &MessageNote| has_no_times(n) && n.quantized_end_step.0 != 0;
        let mut sequence = NoteSequence {
            ticks_per_quarter: message.ticks_per_quarter,
            notes: Vec::with_capacity(message.notes.len()),
            total_time: message.total_time,
            tempos: message.tempos,
            time_signatures: message.time_signatures,
            key_signatures: message.key_signatures,
            pitch_bends: message.pitch_bends,
            control_changes: message.control_changes,
            text_annotations: Vec::with_capacity(message.text_annotations.len()),
            instrument_infos: message.instrument_infos,
            subsequence_info: message.subsequence_info,
        };
        let has_steps = message.notes.iter().any(has_only_steps);
        let clock = if has_steps {
            Some(StepClock::new(&sequence, message.quantization_info)?)
        } else {
            None
        };
        let has_velocities = message.notes.iter().any(|n| n.velocity.get() > 0);
        for note in &message.notes {
            let (start_time, end_time) = match &clock {
                Some(clock) if has_only_steps(note) => (
                    clock.seconds(note.quantized_start_step)?,
                    clock.seconds(note.quantized_end_step)?,
                ),
                _ => (note.start_time, note.end_time),
            };
            sequence.notes.push(Note {
                pitch: note.pitch,
                velocity: if has_velocities { note.velocity } else { DEFAULT_VELOCITY },
                start_time,
                end_time,
                instrument: note.instrument,
                program: note.program,
                is_drum: note.is_drum,
            });
        }
        for text in message.text_annotations {
            let time = match &clock {
                Some(clock) if text.time == 0.0 => clock.seconds(text.quantized_step)?,
                _ => text.time,
            };
            let kind = text.annotation_type;
            sequence.text_annotations.push(TextAnnotation { time, text: text.text, kind });
        }
        if let Some(clock) = clock.filter(|_| sequence.total_time == 0.0) {
            let last_note = sequence.notes.iter().map(|n| n.end_time).fold(0.0, f64::max);
            sequence.total_time = last_note.max(clock.seconds(message.total_quantized_steps)?);
        }
        Ok(sequence)
    }
}

/// Converts steps to seconds.
enum StepClock {
    /// Steps per quarter note, with the sequence's tempos.
    Relative(f64, crate::TempoMap),
    /// Steps per second.
    Absolute(f64),
}

impl StepClock {
    fn new(sequence: &NoteSequence, info: Option<QuantizationInfo>) -> Result<Self, String> {
        match info.unwrap_or_default() {
            QuantizationInfo { steps_per_quarter: steps @ 1.., .. } => {
                Ok(Self::Relative(f64::from(steps), sequence.tempo_map()))
            }
            QuantizationInfo { steps_per_second: steps @ 1.., .. } => {
                Ok(Self::Absolute(f64::from(steps)))
            }
            _ => Err(
                "notes have steps and no times, and `quantizationInfo` does not say how long a \
                      step is (needed: `stepsPerQuarter` or `stepsPerSecond`, above 0)"
                    .to_owned(),
            ),
        }
    }

    fn seconds(&self, steps: Steps) -> Result<Seconds, String> {
        if steps.0 < 0 {
            return Err(format!("a step is {} (allowed: 0 or more)", steps.0));
        }
        let steps = steps.0 as f64;
        Ok(match self {
            Self::Relative(steps_per_quarter, map) => {
                map.seconds_at_quarters(steps / steps_per_quarter)
            }
            Self::Absolute(steps_per_second) => steps / steps_per_second,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(json: &str) -> Result<Vec<(f64, f64, u8)>, String> {
        let sequence: NoteSequence = serde_json::from_str(json).map_err(|e| e.to_string())?;
        Ok(sequence.notes.iter().map(|n| (n.start_time, n.end_time, n.velocity.get())).collect())
    }

    /// Sixteenths at 60 quarter notes per minute last a quarter of a second.
    #[test]
    fn steps_of_magenta_js_become_times() {
        let json = r#"{"notes":[{"pitch":60,"quantizedStartStep":0,"quantizedEndStep":"4"},
            {"pitch":62,"quantizedStartStep":"4","quantizedEndStep":6}],
            "tempos":[{"time":0,"qpm":60}],"quantizationInfo":{"stepsPerQuarter":4},
            "textAnnotations":[{"quantizedStep":4,"text":"C","annotationType":"CHORD_SYMBOL"}],
            "totalQuantizedSteps":"16"}"#;
        assert_eq!(spans(json), Ok(vec![(0.0, 1.0, 80), (1.0, 1.5, 80)]));
        let sequence: NoteSequence = serde_json::from_str(json).unwrap();
        assert_eq!((sequence.total_time, sequence.text_annotations[0].time), (4.0, 1.0));
        let absolute = r#"{"notes":[{"velocity":9,"quantizedEndStep":50}],
            "quantizationInfo":{"stepsPerSecond":100}}"#;
        assert_eq!(spans(absolute), Ok(vec![(0.0, 0.5, 9)]));
    }

    #[test]
    fn steps_that_mean_nothing_are_refused_and_times_go_first() {
        let error = spans(r#"{"notes":[{"quantizedEndStep":4}]}"#).unwrap_err();
        assert!(error.contains("`quantizationInfo`"), "{error}");
        let grid = r#""quantizationInfo":{"stepsPerQuarter":4}"#;
        let note = |steps: &str| format!(r#"{{"notes":[{{{steps}}}],{grid}}}"#);
        assert!(spans(&note(r#""quantizedStartStep":-1,"quantizedEndStep":4"#)).is_err());
        assert!(spans(&note(r#""quantizedEndStep":"four""#)).is_err());
        let both = note(r#""velocity":1,"startTime":1,"endTime":2,"quantizedEndStep":4"#);
        assert_eq!(spans(&both), Ok(vec![(1.0, 2.0, 1)]));
    }

    /// One note with a velocity means that the others are intended to be silent.
    #[test]
    fn velocities_are_given_where_there_are_none_at_all() {
        assert_eq!(spans(r#"{"notes":[{"endTime":1},{"endTime":2}]}"#).unwrap()[1].2, 80);
        let mixed = r#"{"notes":[{"endTime":1},{"endTime":2,"velocity":7}]}"#;
        assert_eq!(spans(mixed).unwrap()[0].2, 0);
    }
}
