//! Request handlers, one module per topic.

pub(crate) mod attributes;
pub(crate) mod decode;
pub(crate) mod export;
pub(crate) mod generate;
pub(crate) mod interpolate;
pub(crate) mod map;
pub(crate) mod mix;
pub(crate) mod model;
pub(crate) mod pieces;
pub(crate) mod place;
pub(crate) mod redraw;
pub(crate) mod similar;
pub(crate) mod styles;
pub(crate) mod tunes;
pub(crate) mod windows;
