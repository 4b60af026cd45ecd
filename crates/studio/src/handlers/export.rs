//! `POST /midi` and `POST /wav`: what a client holds, as files.

use std::ops::RangeInclusive;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use controlgen::names::file_name;
use note_render::sound::{self, SoundOptions};
use note_seq::midi::{self, WriteOptions};
use note_seq::{NoteSequence, Program, Velocity};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::Studio;
use crate::body::Given;
use crate::error::ApiError;
use crate::limits;
use crate::music::{self, Sound};
use crate::types::Note;

/// Tempos that MIDI can hold and music has.
pub(crate) const QPM: RangeInclusive<f64> = 4.0..=1000.0;
/// Voices that a piece may have: far more than any has.
const MAX_VOICE: u32 = 63;
/// Loudness where none is asked for.
const VELOCITY: u8 = 80;
/// The longest name of a file, in characters.
const NAME_CHARS: usize = 80;

/// A piece to be written.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ExportRequest {
    /// What the file is called, and its first track.
    #[serde(default)]
    title: String,
    /// Quarter notes a minute, 4 to 1000; 120 if it is left out.
    #[serde(default)]
    qpm: Option<f64>,
    notes: Vec<Note>,
    /// The General MIDI program of all voices that are no drums; each voice's own if it is left out.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 127)]
    program: Option<u8>,
    /// Loudness; 80 if it is left out.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 127)]
    velocity: Option<u8>,
}

/// A tempo that is allowed, or the usual one.
pub(crate) fn checked_qpm(qpm: Option<f64>) -> Result<f64, ApiError> {
    let qpm = qpm.unwrap_or(note_seq::DEFAULT_QPM);
    if QPM.contains(&qpm) {
        return Ok(qpm);
    }
    let message = format!(
        "a tempo of {qpm}; {} to {} quarter notes a minute are allowed",
        QPM.start(),
        QPM.end()
    );
    Err(ApiError::invalid(message))
}

/// How a browser is told to keep an answer as a file.
pub(crate) fn attachment(name: &str, ending: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_ ".contains(c) { c } else { '_' };
    let name: String = name.trim().chars().map(plain).take(NAME_CHARS).collect();
    let name = if name.is_empty() { "piece".to_owned() } else { file_name(&name) };
    format!("attachment; filename=\"{name}.{ending}\"")
}

impl ExportRequest {
    /// The piece as a sequence.
    fn sequence(&self, studio: &Studio) -> Result<NoteSequence, ApiError> {
        if self.notes.len() > limits::N_NOTES {
            let message =
                format!("{} notes; up to {} are allowed", self.notes.len(), limits::N_NOTES);
            return Err(ApiError::invalid(message));
        }
        let fits = |note: &&Note| {
            note.pitch <= 127
                && note.start < note.end
                && note.end <= limits::N_STEPS
                && note.voice <= MAX_VOICE
        };
        if let Some(bad) = self.notes.iter().find(|note| !fits(note)) {
            let message = format!(
                "a note of pitch {}, steps {} to {}, voice {}; pitches 0 to 127, steps to {}, voices to \
                 {MAX_VOICE} are allowed, and a note ends after it starts",
                bad.pitch,
                bad.start,
                bad.end,
                bad.voice,
                limits::N_STEPS,
            );
            return Err(ApiError::invalid(message));
        }
        let program = self.program.map(Program::new).transpose();
        let program = program.map_err(|error| ApiError::invalid(error.to_string()))?;
        let velocity = self.velocity.unwrap_or(VELOCITY);
        let checked = Velocity::new(velocity).ok().filter(|_| velocity > 0);
        let velocity = checked.ok_or_else(|| {
            ApiError::invalid(format!("a velocity of {velocity}; 1 to 127 are allowed"))
        })?;
        let sound = Sound { qpm: checked_qpm(self.qpm)?, program, velocity };
        let n_steps = u32::try_from(studio.model.kind().n_steps()).unwrap_or(u32::MAX);
        Ok(music::sequence(&studio.voices, &self.notes, &self.title, sound, n_steps))
    }
}

/// A piece as a MIDI file, on the grid with its tempo, a track for each voice.
#[utoipa::path(
    post, path = "/midi", tag = "files", request_body = ExportRequest,
    responses((status = 200, body = Vec<u8>, content_type = "audio/midi")),
)]
pub(crate) async fn midi(
    State(studio): State<Studio>,
    Given(request): Given<ExportRequest>,
) -> Result<impl IntoResponse, ApiError> {
    let work = studio.clone();
    let answer = studio.quick.run(move |_| {
        let sequence = request.sequence(&work)?;
        let bytes = midi::write(&sequence, &WriteOptions::default());
        let bytes = bytes.map_err(|error| ApiError::invalid(error.to_string()))?;
        let headers = [
            (header::CONTENT_TYPE, "audio/midi".to_owned()),
            (header::CONTENT_DISPOSITION, attachment(&request.title, "mid")),
        ];
        Ok((headers, bytes))
    });
    answer.await
}

/// A piece as sound: stereo, 16 bits, 44,100 samples a second.
#[utoipa::path(
    post, path = "/wav", tag = "files", request_body = ExportRequest,
    responses((status = 200, body = Vec<u8>, content_type = "audio/wav")),
)]
pub(crate) async fn wav(
    State(studio): State<Studio>,
    Given(request): Given<ExportRequest>,
) -> Result<impl IntoResponse, ApiError> {
    let work = studio.clone();
    let answer = studio.heavy.run(move |_| {
        let sequence = request.sequence(&work)?;
        if sequence.total_time > limits::WAV_SECONDS {
            let message = format!(
                "the piece lasts {:.0} s; up to {:.0} s are allowed",
                sequence.total_time,
                limits::WAV_SECONDS
            );
            return Err(ApiError::invalid(message));
        }
        let bytes = sound::wav(&sequence, &SoundOptions::default());
        let bytes = bytes.map_err(|error| ApiError::invalid(error.to_string()))?;
        let headers = [
            (header::CONTENT_TYPE, "audio/wav".to_owned()),
            (header::CONTENT_DISPOSITION, attachment(&request.title, "wav")),
        ];
        Ok((headers, bytes))
    });
    answer.await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_plain() {
        let name = |title| attachment(title, "mid");
        assert_eq!(name("a tune"), "attachment; filename=\"a tune.mid\"");
        assert_eq!(
            name("\"../ä\r\n"),
            "attachment; filename=\"_.._ä.mid\"".replace("..", "__").replace('ä', "_")
        );
        assert_eq!(name(""), "attachment; filename=\"piece.mid\"");
        assert_eq!(name("CON"), "attachment; filename=\"_CON.mid\"");
    }
}
