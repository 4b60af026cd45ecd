//! Conversions between tokens, notes on the grid, and sequences in seconds.

use corpus::kind::Kind;
use note_seq::drums::{DrumHits, DrumMap};
use note_seq::vocabulary::{
    self, FIRST_PITCH, LOWEST_PITCH, NO_EVENT, NOTE_OFF, STEPS_PER_QUARTER,
};
use note_seq::window::{Content, Track, WindowForm, WindowLayout};
use note_seq::{
    Family, InstrumentInfo, ListNote, Meter, Note as TimedNote, NoteList, NoteListEncoding,
    NoteListPlayback, NoteSequence, Pitch, Program, TICKS_PER_QUARTER, Tempo, TimeSignature,
    Velocity,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::ApiError;
use crate::types::Note;

/// Program of a trio's bass: fingered bass.
const BASS_PROGRAM: u8 = 33;

/// A part of a model's music.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Voice {
    /// Whether its pitches are percussion keys.
    pub(crate) drums: bool,
    /// Default General MIDI program.
    pub(crate) program: u8,
}

/// The parts of a model's windows. Music with more voices, for example a tune and its mix, repeats
/// them. For lists of notes, each family of instruments is a voice.
pub(crate) fn voices(form: &WindowForm) -> Vec<Voice> {
    match form {
        WindowForm::Steps(layout) => {
            let parts = layout.tracks.iter().take(layout.n_parts()).enumerate();
            let voice = |(part, track): (usize, &Track)| Voice {
                drums: track.content == Content::Drums,
                program: if part == 1 { BASS_PROGRAM } else { 0 },
            };
            parts.map(voice).collect()
        }
        WindowForm::Notes(encoding) => {
            let tones = Family::TONAL.into_iter().filter(|_| encoding.has_tones());
            let drums = [Family::Drums].into_iter().filter(|_| encoding.has_drums());
            let voice = |family: Family| Voice {
                drums: family == Family::Drums,
                program: family.default_program().get(),
            };
            tones.chain(drums).map(voice).collect()
        }
    }
}

/// Grid steps per quarter note: sixteenths, or the ticks of lists of notes.
pub(crate) fn steps_per_quarter(form: &WindowForm) -> usize {
    match form {
        WindowForm::Steps(_) => STEPS_PER_QUARTER,
        WindowForm::Notes(_) => TICKS_PER_QUARTER.into(),
    }
}

/// Number of grid steps of a window.
pub(crate) fn n_steps(form: &WindowForm, window: &[u16]) -> usize {
    form.n_sixteenths(window) * steps_per_quarter(form) / STEPS_PER_QUARTER
}

/// The notes of consecutive windows, sorted by start.
pub(crate) fn notes<'a>(
    kind: &Kind,
    voices: &[Voice],
    windows: impl IntoIterator<Item = &'a [u16]>,
) -> Vec<Note> {
    let playback = NoteListPlayback::default();
    let steps_per_second = steps_per_quarter(&kind.form()) as f64 * playback.qpm / 60.0;
    #[expect(clippy::cast_sign_loss, reason = "times of music are not negative")]
    let step = |seconds: f64| (seconds * steps_per_second).round() as u32;
    let drums = voices.iter().position(|voice| voice.drums).and_then(|at| u32::try_from(at).ok());
    let note = |note: &TimedNote| {
        let start = step(note.start_time);
        Note {
            start,
            end: step(note.end_time).max(start + 1),
            pitch: note.pitch.get(),
            voice: if note.is_drum { drums.unwrap_or(0) } else { note.instrument },
        }
    };
    let mut notes: Vec<Note> =
        kind.to_sequence(windows, &playback).notes.iter().map(note).collect();
    notes.sort();
    notes
}

/// Encodes notes as tokens of one window.
///
/// # Errors
/// [`crate::error::Code::Invalid`] for notes that the model can't represent.
pub(crate) fn tokens(
    form: &WindowForm,
    meter: Meter,
    notes: &[Note],
) -> Result<Vec<u16>, ApiError> {
    match form {
        WindowForm::Steps(layout) => tokens_of_steps(layout, notes),
        WindowForm::Notes(encoding) => tokens_of_list(*encoding, meter, notes),
    }
}

/// The meter of a window; 4/4 without one, and for forms that have no other.
pub(crate) fn meter(form: &WindowForm, window: Option<&[u16]>) -> Meter {
    let list = form.encoding().zip(window).map(|(encoding, row)| NoteList::from_row(encoding, row));
    list.and_then(Result::ok).map_or(Meter::COMMON, |list| list.meter())
}

/// The time signature of a window: beats of a bar, and the beat as a fraction of a whole note.
pub(crate) fn time_signature(form: &WindowForm, window: &[u16]) -> [u32; 2] {
    let TimeSignature { numerator, denominator, .. } = meter(form, Some(window)).time_signature();
    [numerator, denominator]
}

/// Encodes notes as a list of notes in a meter, without dynamics.
fn tokens_of_list(
    encoding: NoteListEncoding,
    meter: Meter,
    notes: &[Note],
) -> Result<Vec<u16>, ApiError> {
    let ticks_per_step = u32::from(encoding.ticks_per_step());
    let voices = voices(&WindowForm::Notes(encoding));
    let note = |note: &Note| {
        let voice = usize::try_from(note.voice).ok().filter(|voice| *voice < voices.len());
        let voice = voice.ok_or_else(|| {
            let n = voices.len();
            ApiError::invalid(format!("a note has voice {}; voices must be below {n}", note.voice))
        })?;
        let short = |n: u32| u16::try_from(n).unwrap_or(u16::MAX);
        Ok(ListNote {
            onset: short(note.start / ticks_per_step),
            offset: (note.start % ticks_per_step) as f32 / ticks_per_step as f32,
            family: if voices[voice].drums { Family::Drums } else { Family::TONAL[voice] },
            pitch: Pitch::saturating(note.pitch),
            duration: short(note.end.saturating_sub(note.start)),
            velocity: None,
        })
    };
    let notes: Vec<ListNote> = notes.iter().map(note).collect::<Result<_, ApiError>>()?;
    let list = NoteList::from_notes(encoding, meter, notes);
    list.map(|list| list.to_row()).map_err(|error| ApiError::invalid(error.to_string()))
}

/// Encodes notes as one token per step. Each pitched part is monophonic: a note ends when the next
/// one begins. Control tracks get "no event".
fn tokens_of_steps(layout: &WindowLayout, notes: &[Note]) -> Result<Vec<u16>, ApiError> {
    let mut tokens = vec![NO_EVENT; layout.n_tokens()];
    let mut ordered = notes.to_vec();
    ordered.sort();
    for Note { start, end, pitch, voice } in ordered {
        let step = usize::try_from(start).ok().filter(|_| start < end);
        let start = step.filter(|start| *start < layout.n_steps).ok_or_else(|| {
            let last = layout.n_steps - 1;
            ApiError::invalid(format!(
                "a note has steps {start} to {end}; it must begin at 0 to {last} and end later"
            ))
        })?;
        let part = usize::try_from(voice).ok().filter(|part| *part < layout.n_parts());
        let part = part.ok_or_else(|| {
            let n = layout.n_parts();
            let message = format!("a note has voice {voice}; voices must be below {n}");
            ApiError::invalid(message)
        })?;
        let track = &layout.tracks[part];
        let steps = &mut tokens[part * layout.n_steps..(part + 1) * layout.n_steps];
        if track.content == Content::Drums {
            let class = Pitch::new(pitch).ok().and_then(|pitch| DrumMap::MAGENTA.class(pitch));
            let class = class.ok_or_else(|| {
                ApiError::invalid(format!("the model does not have percussion key {pitch}"))
            })?;
            let mut hits = DrumHits::from_label(steps[start]).unwrap_or(DrumHits::NONE);
            hits.insert(class);
            steps[start] = hits.label();
            continue;
        }
        let class = vocabulary::token(pitch);
        let class =
            class.filter(|class| usize::from(*class) < track.n_classes).ok_or_else(|| {
                let highest =
                    usize::from(LOWEST_PITCH) + track.n_classes - usize::from(FIRST_PITCH) - 1;
                ApiError::invalid(format!(
                    "a note has pitch {pitch}; the model has {LOWEST_PITCH} to {highest}"
                ))
            })?;
        // An earlier note ends here; if no note follows, a note-off ends this one.
        steps[start..].fill(NO_EVENT);
        steps[start] = class;
        if let Some(after) = usize::try_from(end).ok().filter(|end| *end < layout.n_steps) {
            steps[after] = NOTE_OFF;
        }
    }
    Ok(tokens)
}

/// Playback settings for notes on the grid.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sound {
    /// Quarter notes per minute.
    pub(crate) qpm: f64,
    /// Program of all pitched voices; `None` for each voice's default.
    pub(crate) program: Option<Program>,
    /// Loudness.
    pub(crate) velocity: Velocity,
    /// Beats of a bar, and the beat as a fraction of a whole note.
    pub(crate) meter: [u32; 2],
}

/// The grid of notes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grid {
    pub(crate) steps_per_quarter: u32,
    /// A piece ends on a multiple of this: a window, or a quarter note if windows differ in length.
    pub(crate) loop_steps: u32,
}

impl Grid {
    /// The grid of a kind's windows.
    pub(crate) fn new(kind: &Kind) -> Self {
        let form = kind.form();
        let steps_per_quarter = u32::try_from(steps_per_quarter(&form)).unwrap_or(u32::MAX);
        let n_steps = form.layout().and_then(|layout| u32::try_from(layout.n_steps).ok());
        Self { steps_per_quarter, loop_steps: n_steps.unwrap_or(steps_per_quarter) }
    }
}

/// Converts notes on the grid to a sequence with a tempo and one instrument per voice; it ends at
/// the end of a window.
pub(crate) fn sequence(
    voices: &[Voice],
    notes: &[Note],
    title: &str,
    sound: Sound,
    grid: Grid,
) -> NoteSequence {
    let seconds_per_step = 60.0 / sound.qpm / f64::from(grid.steps_per_quarter);
    let mut sequence = NoteSequence {
        ticks_per_quarter: i32::from(note_seq::STANDARD_TICKS_PER_QUARTER),
        tempos: vec![Tempo { time: 0.0, qpm: sound.qpm }],
        time_signatures: vec![TimeSignature {
            numerator: sound.meter[0],
            denominator: sound.meter[1],
            ..TimeSignature::default()
        }],
        ..NoteSequence::default()
    };
    for note in notes {
        let at = usize::try_from(note.voice).unwrap_or(0) % voices.len().max(1);
        let voice = voices.get(at).copied().unwrap_or(Voice { drums: false, program: 0 });
        let default = Program::saturating(voice.program);
        sequence.push(TimedNote {
            pitch: Pitch::saturating(note.pitch),
            velocity: sound.velocity,
            start_time: f64::from(note.start) * seconds_per_step,
            end_time: f64::from(note.end) * seconds_per_step,
            instrument: note.voice,
            program: if voice.drums { Program::MIN } else { sound.program.unwrap_or(default) },
            is_drum: voice.drums,
        });
    }
    // Whole windows, so that the file can be looped.
    let end = notes.iter().map(|note| note.end).max().unwrap_or(0);
    let n_steps = f64::from(end.next_multiple_of(grid.loop_steps.max(1)));
    sequence.total_time = sequence.total_time.max(n_steps * seconds_per_step);
    let first = sequence.notes.iter().map(|note| note.instrument).min();
    sequence.instrument_infos.extend(
        first
            .filter(|_| !title.is_empty())
            .map(|instrument| InstrumentInfo { instrument, name: title.to_owned() }),
    );
    sequence
}

#[cfg(test)]
mod tests {
    use super::*;
    use corpus::kind::Kind;

    fn layout(name: &str) -> WindowForm {
        Kind::find(name).unwrap().form()
    }

    fn note(start: u32, end: u32, pitch: u8, voice: u32) -> Note {
        Note { start, end, pitch, voice }
    }

    #[test]
    fn notes_of_every_kind_round_trip_through_tokens() {
        for (kind, given) in [
            ("mel-2bar", vec![note(1, 3, 60, 0), note(3, 5, 62, 0), note(30, 32, 21, 0)]),
            ("drums-2bar", vec![note(0, 1, 36, 0), note(0, 1, 42, 0), note(31, 32, 38, 0)]),
            ("trio-16bar", vec![note(0, 4, 72, 0), note(0, 256, 40, 1), note(4, 5, 36, 2)]),
            ("mel-2bar-chords", vec![note(0, 32, 60, 0)]),
            ("poly-2bar", vec![note(0, 4, 72, 0), note(0, 12, 48, 2), note(8, 12, 74, 3)]),
        ] {
            let layout = layout(kind);
            let tokens = tokens(&layout, Meter::COMMON, &given).unwrap();
            let found = notes(&Kind::find(kind).unwrap(), &voices(&layout), [&tokens[..]]);
            assert_eq!(found, given, "{kind}");
        }
    }

    #[test]
    fn overlapping_notes_are_shortened() {
        let layout = layout("mel-2bar");
        let given = [note(0, 8, 60, 0), note(4, 6, 64, 0), note(4, 10, 67, 0)];
        let found = notes(
            &Kind::mel_2bar(),
            &voices(&layout),
            [&tokens(&layout, Meter::COMMON, &given).unwrap()[..]],
        );
        assert_eq!(found, [note(0, 4, 60, 0), note(4, 10, 67, 0)]);
    }

    #[test]
    fn notes_that_the_model_does_not_have_are_rejected() {
        let layout = layout("mel-2bar");
        for bad in [
            note(0, 4, 20, 0),
            note(0, 4, 109, 0),
            note(32, 33, 60, 0),
            note(4, 4, 60, 0),
            note(0, 1, 60, 1),
        ] {
            assert!(tokens(&layout, Meter::COMMON, &[bad]).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn sequences_follow_the_grid_and_the_tempo() {
        let voices = voices(&layout("mel-2bar"));
        let sound =
            Sound { qpm: 90.0, program: None, velocity: Velocity::saturating(80), meter: [3, 4] };
        let given = [note(0, 4, 60, 0), note(6, 8, 62, 1)];
        let made = sequence(&voices, &given, "both", sound, Grid::new(&Kind::mel_2bar()));
        let step = 60.0 / 90.0 / 4.0;
        // A whole window, although the last note ends earlier.
        assert!((made.total_time - 32.0 * step).abs() < 1e-12);
        assert_eq!((made.instruments(), made.tempos[0].qpm), (vec![0, 1], 90.0));
        assert_eq!(made.time_signatures[0].numerator, 3);
    }
}
