//! Drums under new music: a groove of another model, as long and in the same meter.

use std::path::Path;

use anyhow::{Context as _, bail};
use controlgen::generate::{ControlRequest, Decoding, PieceRequest, Target, pieces};
use controlgen::model::Model;
use controlgen::output::music;
use controlgen::session::Session;
use musicvae::seed;
use note_seq::window::WindowForm;
use note_seq::{Meter, NoteList, NoteListPlayback, NoteSequence};
use rand::RngExt;

use super::Context;
use super::mix::duet;
use crate::embedded::model_folder;

/// A model of drums with its styles.
pub(super) struct Drummer {
    session: Session,
}

impl Drummer {
    /// Opens a model of drums: a folder, or one in the program.
    pub(super) fn open(context: &Context, model: &Path) -> anyhow::Result<Self> {
        let session = Session::open(&model_folder(Some(model))?, &context.device()?)?;
        let kind = session.model().kind();
        if !kind.is_of_drums() || kind.form().encoding().is_none() {
            bail!(
                "{} is a model of `{}`; `--drums` takes one of `drums-2bar-groove`",
                model.display(),
                kind.name
            );
        }
        session.styles()?;
        Ok(Self { session })
    }

    /// Adds a groove to the music of some windows of another model. The style is drawn by its share
    /// of the training music, once for each seed. Windows that change their meter stay as they are.
    pub(super) fn accompany(
        &self,
        model: &Model,
        windows: &[Vec<u16>],
        tones: NoteSequence,
        playback: &NoteListPlayback,
        decoding: Decoding,
    ) -> anyhow::Result<NoteSequence> {
        let own = self.session.model().kind();
        let n_bars = windows.len() * model.kind().n_bars();
        let Some(meter) = meter(model.form(), windows) else { return Ok(tones) };
        let n_windows = n_bars.div_ceil(own.n_bars());
        let styles = self.session.styles()?;
        let visible = || styles.all().iter().filter(|style| !style.hidden);
        let total: f64 = visible().map(|style| style.share).sum();
        let mut left = total * seed::stream(decoding.seed, "drums", 0).random::<f64>();
        let drawn = visible().find(|style| {
            left -= style.share;
            left < 0.0
        });
        let style =
            drawn.or_else(|| visible().last()).context("the model of drums has no style")?;
        let target = Target::blend(styles, &[(style.name.as_str(), 1.0)])?;
        let request = PieceRequest {
            n_windows,
            control: ControlRequest { meter: Some(meter), ..ControlRequest::default() },
            ..PieceRequest::new(&target.path, &target.styles, 1, decoding)
        };
        let found = pieces(self.session.model(), styles, &request)?;
        let Some(piece) = found.kept.first() else { return Ok(tones) };
        let mut groove = music(own, piece.windows.iter().map(Vec::as_slice), playback);
        let end = tones.total_time;
        groove.notes.retain(|note| note.start_time < end);
        let mut both = duet(tones, groove);
        both.total_time = end;
        Ok(both)
    }
}

/// The meter of all windows; `None` if they differ.
fn meter(form: &WindowForm, windows: &[Vec<u16>]) -> Option<Meter> {
    let Some(encoding) = form.encoding() else { return Some(Meter::COMMON) };
    let of = |window: &Vec<u16>| Some(NoteList::from_row(encoding, window).ok()?.meter());
    let first = of(windows.first()?)?;
    windows.iter().all(|window| of(window) == Some(first)).then_some(first)
}
