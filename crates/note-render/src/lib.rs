//! Note sequences to hear and to see.
//!
//! - [`sound`]: a WAV file, played by a synthesiser that is part of the program;
//! - [`picture`]: a piano roll, as SVG and as PNG;
//! - [`sheet`]: one HTML page of many pieces with rolls and players, which needs nothing else and no network;
//! - [`web`]: the page's JavaScript modules (player, voices, rolls), for other pages to use.
//!
//! Values in, bytes and text out: the crate opens no files and knows no models. The same sequence gives the
//! same bytes each time.

pub mod picture;
pub mod sheet;
pub mod sound;
pub mod web;
