//! `POST /midi`, `POST /wav` and `POST /save`: exports a client's music as files.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use controlgen::names::file_name;
use corpus::artifact::{io, write_atomic};
use note_render::sound::{self, SoundOptions};
use note_seq::midi::{self, WriteOptions};
use note_seq::{NoteSequence, Program, Velocity};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Studio;
use crate::body::JsonBody;
use crate::error::{ApiError, Code};
use crate::limits;
use crate::music::{self, Sound};
use crate::types::Note;

/// Tempos that are musical and that MIDI can represent.
pub(crate) const QPM: RangeInclusive<f64> = 4.0..=1000.0;
/// Maximum voice number, far beyond that of any real piece.
const MAX_VOICE: u32 = 63;
/// Default velocity.
const DEFAULT_VELOCITY: u8 = 80;
/// Maximum length of a file name, in characters.
const NAME_CHARS: usize = 80;

/// A piece to export.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ExportRequest {
    /// The name of the file and of its first track.
    #[serde(default)]
    title: String,
    /// Quarter notes per minute, 4 to 1000; default 120.
    #[serde(default)]
    qpm: Option<f64>,
    notes: Vec<Note>,
    /// General MIDI program of all pitched voices; by default each voice has the program of its
    /// part.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 127)]
    program: Option<u8>,
    /// Velocity of all notes; default 80.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 127)]
    velocity: Option<u8>,
    /// The time signature: 1 to 64 beats of a bar, and the beat, a power of two up to 64, as a
    /// fraction of a whole note; by default 4/4.
    #[serde(default)]
    meter: Option<[u32; 2]>,
}

/// Returns a valid tempo, or the default.
pub(crate) fn checked_qpm(qpm: Option<f64>) -> Result<f64, ApiError> {
    let qpm = qpm.unwrap_or(note_seq::DEFAULT_QPM);
    if QPM.contains(&qpm) {
        return Ok(qpm);
    }
    let message = format!(
        "the tempo must be {} to {} quarter notes per minute, not {qpm}",
        QPM.start(),
        QPM.end()
    );
    Err(ApiError::invalid(message))
}

/// The name of a file for a title, without its extension, that is valid on every system.
fn plain_name(title: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_ ".contains(c) { c } else { '_' };
    let name: String = title.trim().chars().map(plain).take(NAME_CHARS).collect();
    if name.is_empty() { "piece".to_owned() } else { file_name(&name) }
}

/// The `Content-Disposition` header that makes a browser save the response as a file.
pub(crate) fn attachment(name: &str, extension: &str) -> String {
    format!("attachment; filename=\"{}.{extension}\"", plain_name(name))
}

impl ExportRequest {
    /// Converts the piece to a note sequence.
    fn sequence(&self, studio: &Studio) -> Result<NoteSequence, ApiError> {
        if self.notes.len() > limits::N_NOTES {
            let message = format!(
                "a piece may have at most {} notes, not {}",
                limits::N_NOTES,
                self.notes.len()
            );
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
                "a note has pitch {}, steps {} to {} and voice {}; pitches must be 0 to 127, \
                 steps at most {}, voices at most {MAX_VOICE}, and notes must end after they start",
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
        let velocity = self.velocity.unwrap_or(DEFAULT_VELOCITY);
        let checked = Velocity::new(velocity).ok().filter(|_| velocity > 0);
        let velocity = checked.ok_or_else(|| {
            ApiError::invalid(format!("the velocity must be 1 to 127, not {velocity}"))
        })?;
        let meter = self.meter.unwrap_or([4, 4]);
        let [beats, beat] = meter;
        if !((1..=64).contains(&beats) && beat.is_power_of_two() && beat <= 64) {
            let message = format!(
                "the meter must have 1 to 64 beats of a whole note divided by a power of two up to \
                 64, not {beats}/{beat}"
            );
            return Err(ApiError::invalid(message));
        }
        let sound = Sound { qpm: checked_qpm(self.qpm)?, program, velocity, meter };
        let grid = music::Grid::new(studio.model.kind());
        Ok(music::sequence(&studio.voices, &self.notes, &self.title, sound, grid))
    }
}

/// Exports a piece as a MIDI file, aligned to the grid, with its tempo and one track per voice.
#[utoipa::path(
    post, path = "/midi", tag = "files", request_body = ExportRequest,
    responses((status = 200, body = Vec<u8>, content_type = "audio/midi")),
)]
pub(crate) async fn midi(
    State(studio): State<Studio>,
    JsonBody(request): JsonBody<ExportRequest>,
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

/// Location of a written file.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Saved {
    /// Its path on this machine.
    path: String,
}

/// Writes a piece as a MIDI file into the folder that the server was started with (`save_folder` of
/// `GET /model`), next to files of the same name.
#[utoipa::path(
    post, path = "/save", tag = "files", request_body = ExportRequest,
    responses(
        (status = 201, body = Saved),
        (status = 507, description = "the file can't be written, or the server has no such folder"),
    ),
)]
pub(crate) async fn save(
    State(studio): State<Studio>,
    JsonBody(request): JsonBody<ExportRequest>,
) -> Result<(StatusCode, Json<Saved>), ApiError> {
    let work = studio.clone();
    let answer = studio.keeping.run(move |_| {
        let not_kept = |message: String| ApiError::new(Code::NotKept, message);
        let folder = work.save_folder.as_deref().ok_or_else(|| {
            not_kept("no folder was chosen; start the studio with `--save-folder`".to_owned())
        })?;
        let sequence = request.sequence(&work)?;
        let bytes = midi::write(&sequence, &WriteOptions::default());
        let bytes = bytes.map_err(|error| ApiError::invalid(error.to_string()))?;
        let path = free_path(folder, &plain_name(&request.title));
        let written = std::fs::create_dir_all(folder).map_err(io("create", folder));
        written
            .and_then(|()| write_atomic(&path, &bytes))
            .map_err(|error| not_kept(format!("the file can't be written: {error}")))?;
        Ok((StatusCode::CREATED, Json(Saved { path: path.display().to_string() })))
    });
    answer.await
}

/// The first of `NAME.mid`, `NAME-2.mid` and so on that is not there.
fn free_path(folder: &Path, name: &str) -> PathBuf {
    let mut path = folder.join(format!("{name}.mid"));
    let mut number = 2;
    while path.exists() {
        path = folder.join(format!("{name}-{number}.mid"));
        number += 1;
    }
    path
}

/// Exports a piece as a WAV file: stereo, 16 bits, 44,100 Hz.
#[utoipa::path(
    post, path = "/wav", tag = "files", request_body = ExportRequest,
    responses((status = 200, body = Vec<u8>, content_type = "audio/wav")),
)]
pub(crate) async fn wav(
    State(studio): State<Studio>,
    JsonBody(request): JsonBody<ExportRequest>,
) -> Result<impl IntoResponse, ApiError> {
    let work = studio.clone();
    let answer = studio.heavy.run(move |_| {
        let sequence = request.sequence(&work)?;
        if sequence.total_time > limits::WAV_SECONDS {
            let message = format!(
                "the piece lasts {:.0} s; the maximum is {:.0} s",
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
    fn file_names_are_sanitized() {
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
