//! Composes the music of a phrase with `controlgen`.

use controlgen::arrange::Expression;
use controlgen::attribute::{AttributeError, AttributeMethod, Dial};
use controlgen::generate::{
    CompositionRequest, ControlRequest, Decoding, GenerateError, PieceRequest, Target, pieces_while,
};
use controlgen::output::music;
use controlgen::piece::PieceError;
use controlgen::session::Session;
use controlgen::style::StyleError;
use musicvae::seed;
use note_seq::{Meter, NoteListPlayback, NoteSequence};
use rand::RngExt;
use thiserror::Error;

use crate::catalog::Catalog;
use crate::phrase::{Phrase, PhraseKey, PhraseNote, TICKS_PER_QUARTER, whole};

/// Maximum number of windows of a phrase, because more would take minutes. If bars are very long,
/// only the first ones get music.
const MAX_WINDOWS: usize = 64;
/// Ticks of note lists per quarter note.
const LIST_TICKS: f64 = note_seq::TICKS_PER_QUARTER as f64;
/// Tempo at which a quarter note lasts one second.
const ONE_QUARTER_PER_SECOND: f64 = 60.0;
/// Instruments from this number on share the last channel.
const LAST_CHANNEL: u32 = 15;

/// Why a phrase could not be made.
#[derive(Debug, Error)]
pub(crate) enum ComposeError {
    #[error("there is no style number {found}; the model has {n} styles")]
    NoStyle { found: u16, n: usize },
    #[error(transparent)]
    Style(#[from] StyleError),
    #[error(transparent)]
    Attribute(#[from] AttributeError),
    #[error(transparent)]
    Piece(#[from] PieceError),
    #[error(transparent)]
    Generate(#[from] GenerateError),
}

/// Composes the music for a key; stops early when `go_on` returns `false`.
pub(crate) fn compose(
    session: &Session,
    catalog: &Catalog,
    key: &PhraseKey,
    go_on: &dyn Fn() -> bool,
) -> Result<Phrase, ComposeError> {
    let (model, styles) = (session.model(), session.styles()?);
    let n = styles.all().len();
    let style = styles.all().get(usize::from(key.style));
    let style = style.ok_or(ComposeError::NoStyle { found: key.style, n })?;
    let target = Target::blend(styles, &[(&style.name, 1.0)])?;
    let dials: Vec<Dial> = catalog
        .dials
        .iter()
        .zip(key.dials)
        .filter(|(_, by)| *by != 0)
        .map(|(attribute, by)| Dial { attribute: *attribute, by: f64::from(by) / 10.0 })
        .collect();
    let signature = key.signature;
    let meter = catalog.meter(signature.numerator(), signature.denominator());
    let n_windows = windows_of(catalog, key, meter);
    let shift = session.shift(&dials, AttributeMethod::default())?;
    let aim = session.aim(&dials, &target.styles)?;
    let composing =
        CompositionRequest { has_attributes: !dials.is_empty(), ..CompositionRequest::default() };
    // Phrases are independent, so any of them can be composed without the previous ones.
    let number = u64::from_ne_bytes(key.number.to_ne_bytes());
    let seed = seed::stream(key.variation.into(), "phrase", number).random();
    let temperature = Some(f32::from(key.temperature) / 100.0);
    let request = PieceRequest {
        n_windows,
        shift: shift.as_deref(),
        aim: aim.as_ref(),
        control: ControlRequest { chords: None, meter: catalog.takes_meter.then_some(meter) },
        composition: composing.composition(session, n_windows)?,
        ..PieceRequest::new(&target.path, &target.styles, 1, Decoding { temperature, seed })
    };
    let found = pieces_while(model, styles, &request, go_on)?;
    let piece = found.kept.first().ok_or(GenerateError::Stopped)?;
    let windows = piece.sounding(model);
    let playback = NoteListPlayback { qpm: ONE_QUARTER_PER_SECOND, ..NoteListPlayback::default() };
    let mut sequence = music(model.kind(), windows.iter().map(Vec::as_slice), &playback);
    if let Some(form) = &piece.form {
        // Loudness varies by section; the tempo is the host's.
        let expression = Expression { last_tempo: 1.0, ..Expression::default() };
        expression.apply(&mut sequence, form, seed, 0);
    }
    let end = signature.bar() * u32::from(key.bars);
    let place = (key.number, signature, key.bars);
    Ok(Phrase::new(Some(*key), place, notes_of(&sequence, end)))
}

/// Number of windows that cover the bars of a phrase.
fn windows_of(catalog: &Catalog, key: &PhraseKey, meter: Meter) -> usize {
    let quarters =
        f64::from(key.signature.bar() * u32::from(key.bars)) / f64::from(TICKS_PER_QUARTER);
    let per_window = f64::from(meter.bar()) / LIST_TICKS * catalog.bars_per_window as f64;
    (whole((quarters / per_window).ceil()) as usize).clamp(1, MAX_WINDOWS)
}

/// The notes of a sequence at one quarter note per second, up to tick `end`.
fn notes_of(sequence: &NoteSequence, end: u32) -> Vec<PhraseNote> {
    let tick = |seconds: f64| whole((seconds * f64::from(TICKS_PER_QUARTER)).round());
    let notes = sequence.notes.iter().filter_map(|note| {
        let onset = tick(note.start_time);
        // Windows may last longer than the phrase.
        (onset < end).then(|| PhraseNote {
            onset,
            channel: note.instrument.min(LAST_CHANNEL) as u8,
            pitch: note.pitch.get(),
            duration: tick(note.end_time).min(end).saturating_sub(onset).max(1),
            velocity: note.velocity.get().clamp(1, 127),
        })
    });
    notes.collect()
}

#[cfg(test)]
mod tests {
    use note_seq::{Note, Pitch, Velocity};

    use super::*;
    use crate::catalog::MAX_DIALS;
    use crate::phrase::Signature;

    #[test]
    fn windows_cover_the_bars_of_any_signature() {
        let catalog = Catalog {
            styles: Vec::new(),
            dials: Vec::new(),
            takes_meter: true,
            bars_per_window: 2,
        };
        let windows = |numerator, denominator, bars| {
            let signature = Signature::new(numerator, denominator).unwrap();
            let key = PhraseKey {
                style: 0,
                variation: 0,
                temperature: 100,
                dials: [0; MAX_DIALS],
                bars,
                signature,
                number: 0,
            };
            windows_of(&catalog, &key, catalog.meter(numerator, denominator))
        };
        assert_eq!([windows(4, 4, 8), windows(6, 8, 2), windows(7, 8, 4)], [4, 1, 2]);
        // Bars of 7/4 are cut into two of 7/8 each; two of 7/32 are joined.
        assert_eq!([windows(7, 4, 2), windows(7, 32, 8)], [2, 2]);
        assert_eq!(windows(255, 1, 32), MAX_WINDOWS);
    }

    #[test]
    fn notes_end_with_their_phrase() {
        let note = |start_time, end_time, instrument| Note {
            pitch: Pitch::saturating(60),
            velocity: Velocity::saturating(0),
            start_time,
            end_time,
            instrument,
            ..Note::default()
        };
        let mut sequence = NoteSequence::default();
        for each in [note(0.5, 0.75, 9), note(3.0, 6.0, 40), note(4.0, 5.0, 0)] {
            sequence.push(each);
        }
        let note = |onset, channel, duration| PhraseNote {
            onset,
            channel,
            pitch: 60,
            duration,
            velocity: 1,
        };
        assert_eq!(notes_of(&sequence, 1920), [note(240, 9, 120), note(1440, 15, 480)]);
    }
}
