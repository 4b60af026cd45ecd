//! Renders note sequences as sound, pictures and web pages.
//!
//! - [`sound`]: a WAV file, played by a built-in synthesizer;
//! - [`picture`]: a piano roll, as SVG or PNG;
//! - [`sheet`]: one self-contained HTML page of many pieces with piano rolls and players, which
//!   needs no network;
//! - [`web`]: the JavaScript modules of that page (player, voices, piano rolls), for use in other
//!   pages.
//!
//! Input and output are values, bytes and text: the crate opens no files and is independent of
//! models. The same sequence always gives the same bytes.

pub mod picture;
pub mod sheet;
pub mod sound;
pub mod web;
