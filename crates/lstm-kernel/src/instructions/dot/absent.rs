//! [`Dot`] on processors that never have AVX-512-BF16: a type without values.

use crate::prefetch::Prefetch;
use crate::tile::{LeftSlice, TileAt};

/// See the module for `x86_64`.
pub(crate) const COLUMNS: usize = 32;

/// Cannot be constructed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Dot {}

impl Dot {
    /// Always returns `None`.
    pub(crate) fn new() -> Option<Self> {
        None
    }

    /// Never called.
    pub(crate) fn pair_columns(self, _values: &[f32], _k: usize) -> Vec<u32> {
        match self {}
    }

    /// Never called.
    pub(crate) fn pair_rows(self, _first: &[f32], _second: &[f32], _words: &mut [u32]) {
        match self {}
    }

    /// Never called.
    pub(crate) fn tile<const ROWS: usize>(
        self,
        _a: impl LeftSlice<u32, ROWS>,
        _panel: &[[u32; COLUMNS]],
        _c: &mut [f32],
        _at: TileAt,
        _ahead: Prefetch<'_>,
    ) {
        match self {}
    }
}
