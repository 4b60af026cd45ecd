//! Trios: a melody, a bass and drums over the same sixteen bars, as found by MusicVAE's trio
//! converter.

mod convert;

pub use convert::{TrioConverter, TrioWindow};
