//! `POST /tunes`: imports the tune of a MIDI file as windows.

use std::path::{Path, PathBuf};

use axum::Json;
use axum::extract::State;
use controlgen::encode::encode_windows;
use controlgen::tune::{Candidate, Choice, Tune, TuneError, TuneOptions, in_words};
use note_seq::NoteSequence;
use note_seq::midi::{self, ReadLimits, ReadOptions};
use serde::Serialize;
use utoipa::ToSchema;

use super::export::QPM;
use crate::Studio;
use crate::body::Upload;
use crate::error::{ApiError, Code};
use crate::limits;
use crate::types::Piece;

/// The form that uploads a tune.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "documents the form, which is read field by field")]
pub(crate) struct NewTune {
    /// A MIDI file.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// Number of the track to use; by default the most melodic one.
    track: Option<u32>,
}

/// A tune in the model's format.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ImportedTune {
    /// The name of the file, without its extension.
    title: String,
    /// The track that was used.
    track: String,
    /// The reason for choosing it.
    why: String,
    /// Changes made to fit the tune to the model.
    changes: Vec<String>,
    piece: Piece,
    /// Tracks that can be used instead, the used one first; empty if the model takes all at once.
    tracks: Vec<UsableTrack>,
    /// Tracks that can't be used.
    refused: Vec<RefusedTrack>,
}

/// A track that can be used.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UsableTrack {
    /// Its number, for `track`.
    number: u32,
    /// Its number and its name or program.
    label: String,
    n_windows: usize,
}

/// A track that can't be used.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RefusedTrack {
    track: String,
    why: String,
}

/// Reads a MIDI file, within limits.
///
/// # Errors
/// The message of the reader.
pub(crate) fn read_midi(bytes: &[u8]) -> Result<NoteSequence, String> {
    let limits = ReadLimits {
        max_bytes: limits::UPLOAD_BYTES as u64,
        max_events: limits::MIDI_EVENTS,
        max_notes: limits::MIDI_NOTES,
        ..ReadLimits::default()
    };
    let options = ReadOptions { limits, ..ReadOptions::default() };
    midi::read(bytes, &options).map(|read| read.sequence).map_err(|error| error.to_string())
}

/// Imports the tune of a MIDI file: its most melodic track, or the requested one, as windows with
/// latents.
#[utoipa::path(
    post, path = "/tunes", tag = "files",
    request_body(content = NewTune, content_type = "multipart/form-data"),
    responses((status = 200, body = ImportedTune)),
)]
pub(crate) async fn tunes(
    State(studio): State<Studio>,
    upload: Upload,
) -> Result<Json<ImportedTune>, ApiError> {
    let [file] = upload.files.as_slice() else {
        let message = format!(
            "{} files were sent; send one file in a field named `file`",
            upload.files.len()
        );
        return Err(ApiError::invalid(message));
    };
    let track = upload.text("track").map(|track| {
        let message = format!("the track must be a number, not {track:?}");
        track.parse().map_err(|_| ApiError::invalid(message))
    });
    let options = TuneOptions { track: track.transpose()? };
    let file = file.clone();
    let catalog = studio.catalog();
    let work = studio.clone();
    let answer = studio.heavy.run(move |cancel| {
        let kind = work.model.kind();
        let sequence = read_midi(&file.bytes).map_err(|why| {
            ApiError::new(Code::UnreadableMidi, format!("{} can't be read: {why}", file.name))
        })?;
        cancel.check()?;
        let mut tune =
            Tune::of_sequence_with(&sequence, kind, &file.name, options).map_err(|why| {
                let kind = Box::new(kind.clone());
                let error = TuneError::NoWindow { path: PathBuf::from(&file.name), kind, why };
                ApiError::new(Code::NoTune, error.to_string())
            })?;
        cancel.check()?;
        let mut changes = tune.warnings.clone();
        changes.push(tune.usage.in_words());
        if tune.windows.len() > limits::N_WINDOWS {
            let (n, max) = (tune.windows.len(), limits::N_WINDOWS);
            changes.push(format!("only the first {max} of its {n} windows were used"));
            tune.windows.truncate(limits::N_WINDOWS);
        }
        let windows = tune.window_tokens();
        let z = encode_windows(&work.model, &windows);
        let title =
            Path::new(&file.name).file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let title = title.unwrap_or_else(|| "tune".to_owned());
        let qpm = tune.qpm.clamp(*QPM.start(), *QPM.end());
        let piece = Piece { qpm, ..work.encoded_piece(&catalog, title.clone(), windows, &z) };
        let (track, why) = chosen_track(&tune);
        let usable = tune.choice.iter().flat_map(|choice| &choice.candidates);
        let tracks = usable.filter_map(usable_track).collect();
        let refused =
            tune.choice.iter().flat_map(|choice| &choice.candidates).filter_map(refused_track);
        let refused = refused.collect();
        Ok(Json(ImportedTune { title, track, why, changes, piece, tracks, refused }))
    });
    answer.await
}

/// The track that was used, and the reason.
fn chosen_track(tune: &Tune) -> (String, String) {
    if let Some(choice) = &tune.choice {
        let track = choice.candidates.first().map(Candidate::label).unwrap_or_default();
        return (track, Choice::in_words(choice));
    }
    let numbers: Vec<String> = tune.instruments.iter().map(u32::to_string).collect();
    let track = format!("instruments {}", numbers.join(", "));
    (track, "the model uses all parts at once".to_owned())
}

fn usable_track(candidate: &Candidate) -> Option<UsableTrack> {
    let Candidate { instrument: number, n_windows, .. } = *candidate;
    candidate.refused.is_none().then(|| UsableTrack { number, label: candidate.label(), n_windows })
}

fn refused_track(candidate: &Candidate) -> Option<RefusedTrack> {
    let why = in_words(candidate.refused?).to_owned();
    Some(RefusedTrack { track: candidate.label(), why })
}
