//! Trios: a melody, a bass and drums over the same sixteen bars, as MusicVAE's trio converter finds
//! them.

mod convert;

pub use convert::{TrioConverter, TrioWindow};
