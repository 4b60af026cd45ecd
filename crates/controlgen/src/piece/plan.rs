//! What pieces are to be.

use std::sync::atomic::{AtomicBool, Ordering};

use super::PieceModel;
use super::form::{Form, FormRequest};
use crate::attribute::Aim;
use crate::generate::{Controls, Decoding, LatentPath, LatentSampling};
use crate::style::Style;

/// Draws of each window that one is chosen among, if nothing else is asked for.
pub const DEFAULT_CANDIDATES: usize = 8;
/// The most draws of a window.
pub const MAX_CANDIDATES: usize = 256;

/// How whole pieces are made.
#[derive(Clone, Copy, Debug)]
pub struct Composition<'a> {
    /// Statistics of pieces; without them, windows follow each other by
    /// [`LatentSampling::smoothness`], and nothing returns that is not asked for.
    pub learned: Option<&'a PieceModel>,
    /// The form.
    pub form: &'a FormRequest,
    /// Draws of each new window that one is chosen among, 1 to [`MAX_CANDIDATES`].
    pub n_candidates: usize,
}

/// A piece that was made.
#[derive(Clone, Debug, PartialEq)]
pub struct Composed {
    /// Its windows, in the common key if the kind has one.
    pub windows: Vec<Vec<u16>>,
    /// Their latents, `[Z]` each.
    pub z: Vec<Vec<f32>>,
    /// Posterior means after encoding them again, `[Z]` each.
    pub mu: Vec<Vec<f32>>,
    /// Its form, with the key of each window.
    pub form: Form,
}

/// All that pieces depend on.
#[derive(Clone, Copy)]
pub(crate) struct Plan<'a> {
    pub(crate) composition: Composition<'a>,
    pub(crate) path: &'a LatentPath,
    pub(crate) targets: &'a [&'a Style],
    pub(crate) n_windows: usize,
    pub(crate) sampling: LatentSampling,
    /// Added to what is decoded, `[D]`.
    pub(crate) shift: Option<&'a [f64]>,
    /// Attributes that windows are to have.
    pub(crate) aim: Option<&'a Aim>,
    pub(crate) decoding: Decoding,
    pub(crate) controls: &'a Controls,
    /// Windows that are there already, by their place; empty for a new piece.
    pub(crate) given: &'a [Option<Vec<u16>>],
    /// Whether the piece ends with its last window.
    pub(crate) has_end: bool,
    /// Set when nobody waits for the pieces any more.
    pub(crate) canceled: Option<&'a AtomicBool>,
}

impl Plan<'_> {
    /// Whether nobody waits for the pieces any more.
    pub(crate) fn is_canceled(&self) -> bool {
        self.canceled.is_some_and(|canceled| canceled.load(Ordering::Relaxed))
    }
}
