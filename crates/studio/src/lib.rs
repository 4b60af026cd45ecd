//! The browser studio: a map of a model's latents to see, hear and steer, served on this machine only.
//!
//! [`Studio`] holds a model with its styles and the windows of the map; [`router()`] is its HTTP interface together with
//! the page, and [`run`] serves both on loopback until told to stop. The interface is described in `API.md`, and, of
//! the very types that it answers with, at `/api/v1/openapi.json`.
//!
//! | module | holds |
//! |---|---|
//! | `assets` | the page, which is in the program |
//! | `guard`, `ask`, `body`, `limits` | who may ask, for what, and how much |
//! | `serve` | connections, idle ones among them |
//! | `work` | two lanes: what a hand waits for, and what takes long |
//! | `source`, `map`, `neighbours` | the windows of the map and where they stand |
//! | `catalog` | the styles, and what rests on them |
//! | `handlers` | what each path does |
//!
//! It keeps styles and the map, nothing of what is made: a client holds its pieces and sends what a request needs.
//! Uploads are held in memory, or in a temporary folder that goes with the request.

mod ask;
mod assets;
mod body;
mod catalog;
mod error;
mod guard;
mod handlers;
mod limits;
mod map;
mod music;
mod neighbours;
mod openapi;
mod router;
mod serve;
mod source;
mod studio;
mod types;
mod work;

pub use assets::page_bytes;
pub use router::router;
pub use serve::{Shutdown, run};
pub use source::{MAX_POINTS, Source};
pub use studio::{Studio, StudioError, StudioOptions};

/// The version of the interface, as in its paths: `/api/v1`.
pub const API_VERSION: u32 = 1;
