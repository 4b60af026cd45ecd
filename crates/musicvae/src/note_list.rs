//! A VAE over windows of any music as lists of notes ([`note_seq::NoteList`]).
//!
//! A window is divided into *cells*, one for each beat of its meter. Each cell contains a short
//! list of notes, and each note has one class for each field of the encoding (position in the cell,
//! family, pitch, …).
//!
//! ```text
//! encoder   notes of a cell ──embed, add up──▶ cell ──both ways over cells──▶ summary ─┐
//!                                                            one linear map per cell   ▼
//!                                                                                 mean, std_dev
//! decoder   list of a cell ◀──one field after the other── cell ◀──both ways── plan ◀── z
//! ```
//!
//! The only recurrence between a note and z are the few steps over cells: the notes of a cell enter
//! as a set, and every cell has a separate linear map into the posterior and out of z. The lists of
//! all cells are decoded in parallel. The sets of notes follow Zaheer et al., "Deep Sets" (2017,
//! arXiv:1703.06114). The conductor is MusicVAE's (Roberts et al. 2018), but it reads in both
//! directions, because none of the decoded notes feed back into it.
//!
//! | letter | meaning |
//! |---|---|
//! | `B` | windows in a batch |
//! | `C` | maximum number of cells of a window |
//! | `U` | cells of all windows of a batch, as their meters define them |
//! | `N` | notes of a batch |
//! | `R` | `N + U`: steps of all lists, one for each note and each end |
//! | `Z` | dimensions of the latent space |

mod batch;
mod config;
mod decoder;
mod elbo;
mod encoder;
mod evaluate;
mod generate;
mod heads;
mod kernel;
mod model;
mod operations;
mod order;
pub mod presets;
mod train;

pub use batch::{NoteListBatch, NoteListWindows, NoteListWindowsError};
pub use config::NoteListVaeConfig;
pub use decoder::NoteListDecoder;
pub use elbo::NoteListElbo;
pub use encoder::NoteListEncoder;
pub use evaluate::{NoteListEvaluation, NoteListScore, evaluate_note_lists};
pub use generate::{MAX_NOTES_PER_CELL, NoteListGenerator};
pub use heads::{FieldHead, FieldHeads};
pub use model::NoteListVae;

#[cfg(all(test, feature = "flex"))]
#[allow(clippy::unwrap_used, reason = "a test that cannot continue has failed")]
pub(crate) mod tests;
