//! Drums under new pieces.

use note_seq::{Meter, NoteListPlayback, NoteSequence};

use super::ArrangeError;
use crate::generate::{
    ControlRequest, Decoding, GenerateError, LatentPath, PieceFilter, PieceRequest, pieces,
};
use crate::model::Model;
use crate::output::music;
use crate::piece::{Composition, Form, FormRequest};
use crate::session::Session;
use crate::style::Style;

/// A model of drums that accompanies pieces of another model.
pub(super) struct Drummer<'a> {
    session: &'a Session,
    /// All of its styles, by their shares.
    path: LatentPath,
    decoding: Decoding,
    n_candidates: usize,
}

impl<'a> Drummer<'a> {
    /// Drums for the pieces of a model.
    ///
    /// # Errors
    /// [`ArrangeError::NotDrums`]; [`ArrangeError::Length`]; if the model has no styles.
    pub(super) fn new(
        session: &'a Session,
        of: &Model,
        decoding: Decoding,
        n_candidates: usize,
    ) -> Result<Self, ArrangeError> {
        let (kind, of) = (session.model().kind(), of.kind());
        if !kind.is_of_drums() {
            return Err(ArrangeError::NotDrums { kind: kind.name });
        }
        let (found, expected) = (kind.n_bars(), of.n_bars());
        if found != expected {
            return Err(ArrangeError::Length { drums: kind.name, found, kind: of.name, expected });
        }
        let path = LatentPath::stationary(session.styles()?.mixture());
        Ok(Self { session, path: path.map_err(GenerateError::from)?, decoding, n_candidates })
    }

    /// Drums for a piece: the same number of windows, in its meter, with the same form.
    ///
    /// # Errors
    /// [`ArrangeError::Meter`]; if the drums can't be generated.
    pub(super) fn under(
        &self,
        windows: &[Vec<u16>],
        of: &Model,
        form: Option<&Form>,
        index: usize,
        playback: &NoteListPlayback,
    ) -> Result<NoteSequence, ArrangeError> {
        let (model, styles) = (self.session.model(), self.session.styles()?);
        let class = windows.first().map(|window| of.form().control(window));
        let meter = match of.form().encoding() {
            Some(_) => class.and_then(|c| c.first()).and_then(|class| Meter::from_class(*class)),
            None => Some(Meter::COMMON),
        };
        let has_meters = model.form().encoding().is_some();
        if !has_meters && meter.is_some_and(|meter| meter != Meter::COMMON) {
            return Err(ArrangeError::Meter { drums: model.kind().name });
        }
        let visible: Vec<&Style> = styles.all().iter().filter(|style| !style.hidden).collect();
        // Without a form, the drums don't repeat anything.
        let same = form.cloned().unwrap_or_else(|| Form::through_composed(windows.len()));
        let same = FormRequest::Same(same);
        let learned = self.session.pieces()?;
        let decoding =
            Decoding { seed: self.decoding.seed.wrapping_add(index as u64), ..self.decoding };
        let request = PieceRequest {
            n_windows: windows.len(),
            control: ControlRequest { chords: None, meter: meter.filter(|_| has_meters) },
            composition: Some(Composition {
                learned,
                form: &same,
                n_candidates: self.n_candidates,
            }),
            filter: PieceFilter::KEEP_ALL,
            ..PieceRequest::new(&self.path, &visible, 1, decoding)
        };
        let found = pieces(model, styles, &request)?;
        let windows = found.kept.iter().flat_map(|piece| &piece.windows).map(Vec::as_slice);
        Ok(music(model.kind(), windows, playback))
    }
}
