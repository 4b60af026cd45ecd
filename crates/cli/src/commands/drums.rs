//! Drums for new pieces.

use std::path::Path;

use anyhow::bail;
use controlgen::generate::{
    ControlRequest, Decoding, LatentPath, PieceFilter, PieceRequest, pieces,
};
use controlgen::model::Model;
use controlgen::output::music;
use controlgen::piece::{Composition, Form, FormRequest};
use controlgen::session::Session;
use controlgen::style::Style;
use note_seq::{Family, InstrumentInfo, Meter, NoteListPlayback, NoteSequence};

use super::Context;
use super::loading::open;
use crate::args::StylesArgs;

/// A model of drums that accompanies pieces of another model.
pub(super) struct Drummer {
    session: Session,
    /// All of its styles, by their shares.
    path: LatentPath,
    decoding: Decoding,
    n_candidates: usize,
}

impl Drummer {
    /// Opens a model of drums for the pieces of a model.
    ///
    /// # Errors
    /// Returns an error if it is not a drum model, or if its windows have another length.
    pub(super) fn open(
        context: &Context,
        folder: &Path,
        model: &Model,
        decoding: Decoding,
        n_candidates: usize,
    ) -> anyhow::Result<Self> {
        let of = StylesArgs { model: Some(folder.to_owned()), styles_folder: None };
        let session = open(context, &of)?;
        let kind = session.model().kind();
        if !kind.is_of_drums() {
            bail!(
                "{} is a model of `{}`; `--drums` takes a model of drums, for example one of \
                 `drums-2bar-groove`",
                folder.display(),
                kind.name
            );
        }
        let (found, expected) = (kind.n_bars(), model.kind().n_bars());
        if found != expected {
            bail!(
                "windows of `{}` have {found} bars, those of `{}` {expected}; `--drums` takes a \
                 model whose windows have the same length",
                kind.name,
                model.kind().name
            );
        }
        let path = LatentPath::stationary(session.styles()?.mixture())?;
        Ok(Self { session, path, decoding, n_candidates })
    }

    /// Drums for a piece: the same number of windows, in its meter, with the same form.
    ///
    /// # Errors
    /// Returns an error if the model does not have this meter.
    pub(super) fn under(
        &self,
        windows: &[Vec<u16>],
        of: &Model,
        form: Option<&Form>,
        index: usize,
        playback: &NoteListPlayback,
    ) -> anyhow::Result<NoteSequence> {
        let (model, styles) = (self.session.model(), self.session.styles()?);
        let class = windows.first().map(|window| of.form().control(window));
        let meter = match of.form().encoding() {
            Some(_) => class.and_then(|c| c.first()).and_then(|class| Meter::from_class(*class)),
            None => Some(Meter::COMMON),
        };
        let has_meters = model.form().encoding().is_some();
        if !has_meters && meter.is_some_and(|meter| meter != Meter::COMMON) {
            bail!(
                "windows of `{}` are in 4/4, and the piece is not; give `--meter 4/4`, or give \
                 `--drums` a model of `drums-2bar-groove`",
                model.kind().name
            );
        }
        let visible: Vec<&Style> = styles.all().iter().filter(|style| !style.hidden).collect();
        // Without a form, nothing is repeated in the drums.
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

/// Combines a piece with its drums, on named tracks.
pub(super) fn together(model: &Model, piece: NoteSequence, drums: NoteSequence) -> NoteSequence {
    named(model, NoteSequence::merge(&[piece, drums]))
}

/// New music of a model with a name for each of its tracks.
pub(super) fn named(model: &Model, mut music: NoteSequence) -> NoteSequence {
    let is_of_families = model.form().encoding().is_some();
    for instrument in music.instruments() {
        let is_drums = music.notes.iter().any(|n| n.instrument == instrument && n.is_drum);
        let family = u16::try_from(instrument).ok().and_then(Family::from_class);
        let name = match family {
            _ if is_drums => Family::Drums.name(),
            Some(family) if is_of_families => family.name(),
            _ if instrument == 0 => "melody",
            _ => "bass",
        };
        music.instrument_infos.retain(|info| info.instrument != instrument);
        music.instrument_infos.push(InstrumentInfo { instrument, name: name.to_owned() });
    }
    music
}
