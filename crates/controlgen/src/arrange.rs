//! How new pieces are arranged: an introduction, drums from another model, loudness and tempo over
//! the form, named tracks.
//!
//! [`Arranger`] makes music from the windows of a [`Piece`]. The instrument that plays each family
//! is set by [`crate::output::Sound`], which applies to any music.

mod drummer;
mod expression;
mod introduction;
mod tracks;

use note_seq::{Key, NoteListPlayback, NoteSequence};
use thiserror::Error;

use crate::encode::encode_windows;
use crate::generate::{Decoding, GenerateError, Piece};
use crate::model::Model;
use crate::output::music;
use crate::piece::{Form, PieceError};
use crate::session::Session;
use crate::style::StyleError;
use drummer::Drummer;

pub use expression::Expression;
pub use introduction::introduction;
pub use tracks::named;

/// Why a piece can't be arranged as asked for.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ArrangeError {
    /// An introduction of music that is nothing but a lead.
    #[error(
        "an introduction leaves out the lead, which is all that windows of `{kind}` have; leave \
         the introduction out"
    )]
    NoLead {
        /// The model's kind.
        kind: &'static str,
    },
    /// An introduction that is not made of whole windows, or longer than its piece.
    #[error(
        "an introduction of {found} bars does not fit pieces of {bars} bars; whole windows are \
         allowed, {n_bars} bars each, and no more than the piece has"
    )]
    Introduction {
        /// Bars asked for.
        found: usize,
        /// Bars of the piece.
        bars: usize,
        /// Bars of a window.
        n_bars: usize,
    },
    /// Drums of a model that plays something else.
    #[error(
        "the model for drums is one of `{kind}`; drums take a model of drums, for example one of \
         `drums-2bar-groove`"
    )]
    NotDrums {
        /// Its kind.
        kind: &'static str,
    },
    /// Drums whose windows have another length.
    #[error(
        "windows of `{drums}` have {found} bars, those of `{kind}` {expected}; drums take a model \
         whose windows have the same length"
    )]
    Length {
        /// The kind of the drums.
        drums: &'static str,
        /// Bars of its windows.
        found: usize,
        /// The kind of the piece.
        kind: &'static str,
        /// Bars of its windows.
        expected: usize,
    },
    /// Drums that know only 4/4.
    #[error(
        "windows of `{drums}` are in 4/4, and the piece is not; ask for the meter 4/4, or take \
         drums of a model of `drums-2bar-groove`"
    )]
    Meter {
        /// The kind of the drums.
        drums: &'static str,
    },
    /// A key for music that is in none.
    #[error(
        "a key moves music out of the common key, which windows of `{kind}` don't have; leave it \
         out"
    )]
    Key {
        /// The model's kind.
        kind: &'static str,
    },
    /// The model of drums has no styles.
    #[error(transparent)]
    Style(#[from] StyleError),
    /// The drum model's statistics of whole pieces can't be read.
    #[error(transparent)]
    Piece(#[from] PieceError),
    /// The drums can't be generated.
    #[error(transparent)]
    Generate(#[from] GenerateError),
}

/// How new pieces are arranged. The default has no introduction and no drums, and is played with
/// [`Expression::default`].
#[derive(Clone, Copy, Default)]
pub struct Arrangement<'a> {
    /// Bars of an introduction before the piece, whole windows; 0 for none.
    pub intro_bars: usize,
    /// A model of drums that accompanies each piece.
    pub drums: Option<&'a Session>,
    /// Loudness and tempo over the form of composed pieces.
    pub expression: Expression,
    /// How windows are played.
    pub playback: NoteListPlayback,
    /// The key, in place of C major or A minor.
    pub key: Option<Key>,
}

/// A piece as it sounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Arranged {
    /// Its windows, the introduction's first; those of other sections in other keys.
    pub windows: Vec<Vec<u16>>,
    /// A latent for each window, `[Z]`: what it was decoded from, or, of the introduction, the
    /// posterior mean after encoding it.
    pub z: Vec<Vec<f32>>,
    /// The form with the introduction; `None` if the piece was not composed, or is one window.
    pub form: Option<Form>,
    /// The music of all players, on named tracks.
    pub music: NoteSequence,
}

/// Arranges new pieces of a model.
///
/// # Examples
/// ```no_run
/// use controlgen::arrange::{Arrangement, Arranger};
/// use controlgen::generate::{CompositionRequest, Decoding, PieceRequest, Target, pieces};
/// use controlgen::session::Session;
///
/// let device = musicvae::device::parse("flex")?;
/// let session = Session::open("poly".as_ref(), &device)?;
/// let drums = Session::open("drums".as_ref(), &device)?;
/// let (model, styles) = (session.model(), session.styles()?);
/// let target = Target::blend(styles, &[("0", 1.0)])?;
/// let decoding = controlgen::generate::Decoding { temperature: Some(0.5), seed: 1 };
/// let (composing, n_windows) = (CompositionRequest::default(), 8);
/// let request = PieceRequest {
///     n_windows,
///     composition: composing.composition(&session, n_windows)?,
///     ..PieceRequest::new(&target.path, &target.styles, 4, decoding)
/// };
/// let arrangement = Arrangement { intro_bars: 4, drums: Some(&drums), ..Arrangement::default() };
/// let arranger = Arranger::new(model, arrangement, n_windows, decoding, 8)?;
/// for (index, piece) in pieces(model, styles, &request)?.kept.iter().enumerate() {
///     println!("{} notes", arranger.arrange(piece, index)?.music.notes.len());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Arranger<'a> {
    model: &'a Model,
    arrangement: Arrangement<'a>,
    drummer: Option<Drummer<'a>>,
    /// Windows of the introduction.
    n_before: usize,
    seed: u64,
}

impl<'a> Arranger<'a> {
    /// An arranger for pieces of `n_windows` windows. Drums are decoded like the piece, and chosen
    /// among `n_candidates` draws of each window.
    ///
    /// # Errors
    /// [`ArrangeError`], for an arrangement that does not fit the model or the length.
    pub fn new(
        model: &'a Model,
        arrangement: Arrangement<'a>,
        n_windows: usize,
        decoding: Decoding,
        n_candidates: usize,
    ) -> Result<Self, ArrangeError> {
        let kind = model.kind();
        if arrangement.key.is_some() && !kind.is_in_one_key() {
            return Err(ArrangeError::Key { kind: kind.name });
        }
        let (found, n_bars) = (arrangement.intro_bars, kind.n_bars().max(1));
        if found > 0 && introduction(model.form(), &[], 0).is_none() {
            return Err(ArrangeError::NoLead { kind: kind.name });
        }
        let bars = n_windows * n_bars;
        if !found.is_multiple_of(n_bars) || found > bars {
            return Err(ArrangeError::Introduction { found, bars, n_bars });
        }
        let drummer = arrangement
            .drums
            .map(|session| Drummer::new(session, model, decoding, n_candidates))
            .transpose()?;
        let n_before = found / n_bars;
        Ok(Self { model, arrangement, drummer, n_before, seed: decoding.seed })
    }

    /// A piece as it sounds. `index` is its number among the pieces of a seed: drums, loudness and
    /// tempo depend on both.
    ///
    /// # Errors
    /// [`ArrangeError::Meter`]; if the drums can't be generated.
    pub fn arrange(&self, piece: &Piece, index: usize) -> Result<Arranged, ArrangeError> {
        let (model, Arrangement { expression, playback, .. }) = (self.model, &self.arrangement);
        let with_intro = |windows: Vec<Vec<u16>>| -> Vec<Vec<u16>> {
            let opening = introduction(model.form(), &windows, self.n_before).unwrap_or_default();
            opening.into_iter().chain(windows).collect()
        };
        let form = piece.form.as_ref().map(|form| form.after_introduction(self.n_before));
        let own = with_intro(piece.windows.clone());
        let before = encode_windows(model, &own[..self.n_before]);
        let before = before.chunks_exact(model.z_size()).map(<[f32]>::to_vec);
        let z = before.chain(piece.z.iter().cloned()).collect();
        let windows = with_intro(piece.sounding(model));
        let mut sequence = music(model.kind(), windows.iter().map(Vec::as_slice), playback);
        if let Some(key) = self.arrangement.key {
            // Notes may be lost, but the music still ends with its last window.
            let end = sequence.total_time;
            sequence.transpose(-i32::from(key.semitones_to_common()));
            sequence.total_time = end;
        }
        if let Some(drummer) = &self.drummer {
            let drums = drummer.under(&own, model, form.as_ref(), index, playback)?;
            sequence = NoteSequence::merge(&[sequence, drums]);
        }
        let mut sequence = named(model, sequence);
        if let Some(form) = &form {
            expression.apply(&mut sequence, form, self.seed, index as u64);
        }
        Ok(Arranged { windows, z, form, music: sequence })
    }
}
