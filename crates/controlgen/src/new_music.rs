//! New music as a user asks for it: styles, length, form, attributes, what is kept, how it is
//! arranged. The program and the Python package make the same pieces of the same request.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::arrange::{ArrangeError, Arranged, Arrangement, Arranger};
use crate::attribute::{AttributeError, AttributeMethod, Dial};
use crate::copy::CopyError;
use crate::generate::{
    CompositionRequest, ControlRequest, Decoding, Dropped, GenerateError, LatentSampling, Piece,
    PieceFilter, PieceRequest, StyleChoice, Target, pieces_while,
};
use crate::piece::{Composition, PieceError};
use crate::session::Session;
use crate::style::StyleError;

/// Why no new music is made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NewMusicError {
    /// It can't be generated.
    #[error(transparent)]
    Generate(#[from] GenerateError),
    /// It can't be arranged.
    #[error(transparent)]
    Arrange(#[from] ArrangeError),
    /// The model has no styles.
    #[error(transparent)]
    Style(#[from] StyleError),
    /// An attribute was not learned, or the attributes can't be read.
    #[error(transparent)]
    Attribute(#[from] AttributeError),
    /// The model of whole pieces can't be read.
    #[error(transparent)]
    Piece(#[from] PieceError),
    /// The copy index can't be read.
    #[error(transparent)]
    Copy(#[from] CopyError),
}

/// A request for new music.
#[derive(Clone)]
pub struct NewMusicRequest<'a> {
    /// The styles.
    pub styles: StyleChoice,
    /// Number of pieces.
    pub n: usize,
    /// Bars of each; `None` for the usual length ([`Target::n_windows`]).
    pub bars: Option<usize>,
    /// How pieces are composed.
    pub composing: CompositionRequest,
    /// Move notes outside the scale of the key into it ([`PieceRequest::in_scale`]).
    pub in_scale: bool,
    /// How latents are sampled.
    pub sampling: LatentSampling,
    /// Chords or meter.
    pub control: ControlRequest<'a>,
    /// Attributes to turn.
    pub dials: &'a [Dial],
    /// How the directions of attributes are found.
    pub attribute_method: AttributeMethod,
    /// Which pieces are kept; the model's copy index is used if none is given.
    pub filter: PieceFilter<'a>,
    /// Maximum number of attempts; `None` for 20 per piece and 100 more.
    pub max_attempts: Option<usize>,
    /// How latents become tokens.
    pub decoding: Decoding,
    /// How pieces are arranged.
    pub arrangement: Arrangement<'a>,
}

impl NewMusicRequest<'_> {
    /// A request for `n` pieces of one window, everything else as usual.
    pub fn new(styles: StyleChoice, n: usize, decoding: Decoding) -> Self {
        Self {
            styles,
            n,
            bars: None,
            composing: CompositionRequest::default(),
            in_scale: false,
            sampling: LatentSampling::default(),
            control: ControlRequest::default(),
            dials: &[],
            attribute_method: AttributeMethod::default(),
            filter: PieceFilter::default(),
            max_attempts: None,
            decoding,
            arrangement: Arrangement::default(),
        }
    }
}

/// A new piece.
#[derive(Clone, Debug, PartialEq)]
pub struct NewPiece {
    /// Its number among the pieces of the request, from 0.
    pub index: usize,
    /// The name of its style, blend or path.
    pub style: String,
    /// The mixture component of its style, the first if it has several; `None` for a blend or path.
    pub component: Option<usize>,
    /// The generated piece, with its measurements.
    pub piece: Piece,
    /// How it sounds.
    pub arranged: Arranged,
}

/// Numbers of pieces made and dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    /// Pieces that were kept.
    pub n_kept: usize,
    /// Attempts made.
    pub n_attempts: usize,
    /// Attempts dropped, by reason.
    pub dropped: BTreeMap<Dropped, usize>,
}

/// New music, checked and ready to be made.
///
/// # Examples
/// ```no_run
/// use controlgen::generate::{Decoding, StyleChoice};
/// use controlgen::new_music::{NewMusic, NewMusicRequest};
/// use controlgen::session::Session;
///
/// let session = Session::open("poly".as_ref(), &musicvae::device::parse("flex")?)?;
/// let decoding = Decoding { temperature: Some(0.5), seed: 1 };
/// let request = NewMusicRequest {
///     bars: Some(32),
///     ..NewMusicRequest::new(StyleChoice::ByShare, 4, decoding)
/// };
/// for piece in NewMusic::plan(&session, &request)?.all()? {
///     let name = format!("{}.mid", piece.index);
///     let bytes = note_seq::midi::write(&piece.arranged.music, &Default::default())?;
///     std::fs::write(name, bytes)?;
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct NewMusic<'a> {
    session: &'a Session,
    request: &'a NewMusicRequest<'a>,
    /// What pieces are to be of, and how many of each.
    targets: Vec<(Target<'a>, usize)>,
    n_windows: usize,
    composition: Option<Composition<'a>>,
    shift: Option<Vec<f64>>,
    arranger: Arranger<'a>,
}

impl<'a> NewMusic<'a> {
    /// Checks a request; nothing is generated yet.
    ///
    /// # Errors
    /// [`NewMusicError`].
    pub fn plan(
        session: &'a Session,
        request: &'a NewMusicRequest<'a>,
    ) -> Result<Self, NewMusicError> {
        let (model, styles) = (session.model(), session.styles()?);
        let targets = request.styles.targets(styles, request.n, request.decoding.seed)?;
        let mut n_windows = 1;
        for (target, _) in &targets {
            n_windows = target.n_windows(model, request.bars)?.max(n_windows);
        }
        let composition = request.composing.composition(session, n_windows)?;
        let shift = session.shift(request.dials, request.attribute_method)?;
        let arranger = Arranger::new(
            model,
            request.arrangement,
            n_windows,
            request.decoding,
            request.composing.n_candidates(),
        )?;
        Ok(Self { session, request, targets, n_windows, composition, shift, arranger })
    }

    /// What all pieces are of, in words: the style asked for, or that styles are drawn.
    pub fn name(&self) -> &str {
        match (&self.request.styles, &self.targets[..]) {
            (StyleChoice::Blend(_) | StyleChoice::Path(_), [(target, _)]) => &target.name,
            _ => "all styles by their shares",
        }
    }

    /// Windows of each piece, without an introduction.
    pub fn n_windows(&self) -> usize {
        self.n_windows
    }

    /// Bars of each piece, without an introduction.
    pub fn n_bars(&self) -> usize {
        self.n_windows * self.session.model().kind().n_bars()
    }

    /// How pieces are composed; `None` if windows are drawn once, without a choice.
    pub fn composition(&self) -> Option<Composition<'a>> {
        self.composition
    }

    /// Makes the pieces, style after style, and gives each to `take`. Stops early when `go_on`
    /// returns `false`, with the pieces made so far.
    ///
    /// # Errors
    /// [`NewMusicError`]; those of `take`.
    pub fn each<E: From<NewMusicError>>(
        &self,
        go_on: &dyn Fn() -> bool,
        mut take: impl FnMut(NewPiece) -> Result<(), E>,
    ) -> Result<Attempts, E> {
        let mut attempts = Attempts::default();
        for (target, n) in &self.targets {
            let found = self.of_target(target, *n, go_on)?;
            attempts.n_attempts += found.n_attempts;
            for (why, n) in &found.dropped {
                *attempts.dropped.entry(*why).or_default() += n;
            }
            for piece in found.kept {
                let index = attempts.n_kept;
                let arranged = self.arranger.arrange(&piece, index).map_err(NewMusicError::from)?;
                attempts.n_kept += 1;
                let (style, component) = (target.name.clone(), target.component());
                take(NewPiece { index, style, component, piece, arranged })?;
            }
        }
        Ok(attempts)
    }

    /// All pieces.
    ///
    /// # Errors
    /// [`NewMusicError`].
    pub fn all(&self) -> Result<Vec<NewPiece>, NewMusicError> {
        let mut pieces = Vec::new();
        self.each(&|| true, |piece| {
            pieces.push(piece);
            Ok::<(), NewMusicError>(())
        })?;
        Ok(pieces)
    }

    fn of_target(
        &self,
        target: &Target<'_>,
        n: usize,
        go_on: &dyn Fn() -> bool,
    ) -> Result<crate::generate::Pieces, NewMusicError> {
        let NewMusicRequest { sampling, control, filter, max_attempts, decoding, .. } =
            self.request.clone();
        let (model, styles) = (self.session.model(), self.session.styles()?);
        let aim = self.session.aim(self.request.dials, &target.styles)?;
        let index = match filter.index {
            Some(index) => Some(index),
            None => self.session.copy_index()?,
        };
        let request = PieceRequest {
            n_windows: self.n_windows,
            sampling,
            shift: self.shift.as_deref(),
            aim: aim.as_ref(),
            control,
            composition: self.composition,
            in_scale: self.request.in_scale,
            filter: PieceFilter { index, ..filter },
            max_attempts,
            ..PieceRequest::new(&target.path, &target.styles, n, decoding)
        };
        Ok(pieces_while(model, styles, &request, go_on)?)
    }
}
