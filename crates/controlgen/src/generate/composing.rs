//! Which new music is composed, and how.

use crate::piece::{Composition, DEFAULT_CANDIDATES, FormRequest, PieceError, PieceModel};
use crate::session::Session;

/// A user's choice of how new music is composed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CompositionRequest {
    /// The form; `None` for that of a real piece.
    pub form: Option<FormRequest>,
    /// Draws of each window that one is chosen among; `None` for [`DEFAULT_CANDIDATES`].
    pub n_candidates: Option<usize>,
    /// Similarity of consecutive windows, in place of what was learned of real pieces.
    pub smoothness: Option<f64>,
    /// Whether attributes were asked for, which draws are chosen by.
    pub has_attributes: bool,
}

impl CompositionRequest {
    /// Draws of each window that one is chosen among.
    pub fn n_candidates(&self) -> usize {
        self.n_candidates.unwrap_or(DEFAULT_CANDIDATES)
    }

    /// How music of `n_windows` windows is composed; `None` if its windows are drawn once, without
    /// a choice.
    ///
    /// Several windows are a piece, which is composed by what was learned of real pieces. If a
    /// smoothness is given, they are the walk alone, unless a form, a number of candidates or an
    /// attribute is asked for. A window alone is chosen among its draws if there are several.
    ///
    /// # Errors
    /// If what was learned of pieces can't be read.
    pub fn composition<'a>(
        &'a self,
        session: &'a Session,
        n_windows: usize,
    ) -> Result<Option<Composition<'a>>, PieceError> {
        if n_windows <= 1 {
            return Ok((self.n_candidates() != 1).then(|| self.with(None)));
        }
        if self.smoothness.is_none() {
            return self.of_piece(session).map(Some);
        }
        let is_asked = self.form.is_some() || self.n_candidates.is_some() || self.has_attributes;
        Ok(is_asked.then(|| self.with(None)))
    }

    /// How a whole piece is composed, or new bars in one.
    ///
    /// # Errors
    /// If what was learned of pieces can't be read.
    pub fn of_piece<'a>(&'a self, session: &'a Session) -> Result<Composition<'a>, PieceError> {
        let learned = if self.smoothness.is_none() { session.pieces()? } else { None };
        Ok(self.with(learned))
    }

    fn with<'a>(&'a self, learned: Option<&'a PieceModel>) -> Composition<'a> {
        let form = self.form.as_ref().unwrap_or(&FormRequest::Auto);
        Composition { learned, form, n_candidates: self.n_candidates() }
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;
    use crate::test_session;

    #[test]
    fn several_windows_are_composed_and_a_window_alone_is_chosen_among_its_draws() {
        let session = test_session::melody();
        let is_composed = |request: &CompositionRequest, n_windows| {
            request.composition(session, n_windows).unwrap().is_some()
        };
        let plain = CompositionRequest::default();
        assert!(is_composed(&plain, 1) && is_composed(&plain, 2));
        let single = CompositionRequest { n_candidates: Some(1), ..plain.clone() };
        assert!(!is_composed(&single, 1) && is_composed(&single, 2));
        let smooth = CompositionRequest { smoothness: Some(0.5), ..plain.clone() };
        assert!(is_composed(&smooth, 1) && !is_composed(&smooth, 2));
        for asked in [
            CompositionRequest { form: Some(FormRequest::Auto), ..plain.clone() },
            CompositionRequest { n_candidates: Some(3), ..plain.clone() },
            CompositionRequest { has_attributes: true, ..plain.clone() },
        ] {
            assert!(is_composed(&asked, 1), "{asked:?}");
            let smooth = CompositionRequest { smoothness: Some(0.5), ..asked };
            let composition = smooth.composition(session, 2).unwrap().unwrap();
            // By the smoothness asked for, not by what was learned.
            assert!(composition.learned.is_none());
            assert_eq!(composition.n_candidates, smooth.n_candidates.unwrap_or(8));
        }
    }
}
