//! Controlled music generation from unlabeled MIDI.
//!
//! After Ouyang, Choi, Li and Zhang, "Controlled Music Generation from Unlabeled Data" (ISMIR 2021,
//! late-breaking demo): a MusicVAE is trained on MIDI files without labels, the music is encoded
//! into latents, a Gaussian mixture is fitted over them, and each component is a style. This crate
//! is the glue between `note-seq`, `musicvae` and `gmm`, and owns every folder and table:
//!
//! | step | function | reads | writes |
//! |---|---|---|---|
//! | corpus | [`corpus::build`] | MIDI files | a corpus folder |
//! | train | [`training::train`] | a corpus folder | checkpoints and a model folder |
//! | encode | [`encode::encode_corpus`] | model and corpus | a latents folder |
//! | fit | [`style::fit`] | model and latents | the model's styles |
//! | generate | [`generate::pieces`] | a model with styles | windows |
//! | whole pieces | [`piece::PieceModel`], [`piece::Composition`] | a corpus; a model with styles | what pieces do; windows |
//! | arrange | [`arrange::Arranger`], [`new_music::NewMusic`] | windows; a request | music of all players |
//! | continue, fill | [`piece::insert`] | a tune | the tune with new bars |
//! | mix | [`mix::mix`] | a tune and a style | windows |
//! | vary | [`similar::similar`], [`generate::interpolate`] | tunes | windows |
//! | shift | [`attribute::AttributeVectors`] | a model's reference | directions in latent space |
//! | check | [`copy::CopyIndex`] | a corpus folder, windows | matches with training music |
//!
//! It never writes to the terminal: long work reports to a [`corpus::progress::Progress`].

pub mod accompany;
pub mod arrange;
pub mod attribute;
mod card;
pub mod copy;
pub mod correlation;
pub mod encode;
pub mod generate;
pub mod import;
pub mod latent;
pub mod mix;
pub mod model;
pub mod names;
pub mod new_music;
pub mod output;
pub mod piano_roll;
pub mod piece;
pub mod run;
pub mod session;
pub mod similar;
pub mod style;
pub mod style_color;
#[cfg(test)]
mod test_lists;
#[cfg(all(test, feature = "flex"))]
mod test_session;
pub mod training;
pub mod tune;
