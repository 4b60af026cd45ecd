//! The browser studio: a map of a model's latents to see, hear and control, served on this machine
//! only.
//!
//! [`Studio`] holds a model with its styles and the windows of the map; [`router()`] is its HTTP
//! API together with the page, and [`run`] serves both on loopback until it is told to stop. The
//! API is described in `API.md` and, generated from its types, at `/api/v1/openapi.json`.
//!
//! | module | purpose |
//! |---|---|
//! | `assets` | the page, which is embedded in the program |
//! | `guard`, `params`, `body`, `limits` | admission control, parameters, and limits of requests |
//! | `serve` | connections, including idle ones |
//! | `work` | worker pools for interactive and for long jobs |
//! | `source`, `map`, `neighbors` | the windows of the map and their positions |
//! | `catalog` | the styles, and data derived from them |
//! | `handlers` | one module per topic of the API |
//!
//! The server stores styles and the map, but no generated music: a client keeps its pieces and
//! sends everything a request needs. Uploads are held in memory, or in a temporary folder that is
//! removed with the request.

mod assets;
mod body;
mod catalog;
mod cell;
mod error;
mod guard;
mod handlers;
mod limits;
mod map;
mod music;
mod neighbors;
mod openapi;
mod params;
mod router;
mod serve;
mod shelf;
mod source;
mod steps;
mod studio;
mod types;
mod work;

pub use assets::page_bytes;
pub use router::router;
pub use serve::{Shutdown, run};
pub use source::{MAX_POINTS, Source};
pub use studio::{Studio, StudioError, StudioOptions};

/// The version of the API, as in its paths: `/api/v1`.
pub const API_VERSION: u32 = 1;
