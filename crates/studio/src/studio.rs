//! [`Studio`]: the state shared by all requests.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use controlgen::attribute::AttributeVectors;
use controlgen::copy::CopyIndex;
use controlgen::encode::encode_windows;
use controlgen::generate::{ControlRequest, Controls, Decoding, GenerateError};
use controlgen::model::Model;
use controlgen::piece::PieceModel;
use controlgen::session::{Session, SessionError, SessionParts};
use controlgen::style::{Reference, Styles};
use thiserror::Error;

use crate::assets::Assets;
use crate::catalog::Catalog;
use crate::cell::get_or_compute;
use crate::error::ApiError;
use crate::limits;
use crate::map::Projection2d;
use crate::music::{self, Voice};
use crate::neighbors::Neighbors;
use crate::shelf::Shelf;
use crate::source::Source;
use crate::steps::Steps;
use crate::types::{Anchor, Memberships, Note, Piece, Window};
use crate::work::{CancelToken, WorkerPool};

/// Maximum number of short jobs, and of long jobs, that wait.
const MAX_QUICK_WAITING: usize = 48;
const MAX_HEAVY_WAITING: usize = 4;
/// Maximum number of batches of steps at a time: few, so that batches are large.
const MAX_STEP_WORKERS: usize = 2;

/// A model with its styles and its map, shared by concurrent requests.
#[derive(Clone)]
pub struct Studio(Arc<Inner>);

/// Options of a studio.
#[derive(Clone, Debug, Default)]
pub struct StudioOptions {
    /// Display name of the model.
    pub name: String,
    /// Folder for clients' pieces, with a subfolder for each model; `None` to keep none.
    pub pieces: Option<PathBuf>,
    /// Folder in which the page saves MIDI files on request; `None` to write none.
    pub save_folder: Option<PathBuf>,
    /// Serve the page from this folder, read again for each request, instead of from the program;
    /// for development of the page.
    pub page: Option<PathBuf>,
}

/// Reason why a studio can't be created or run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StudioError {
    /// A file of the model can't be read.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The chords of real windows can't be read.
    #[error(transparent)]
    Generate(#[from] GenerateError),
    /// There are no windows to show.
    #[error("there are no windows for the map; give a corpus that has some, `--corpus FOLDER`")]
    NoWindows,
    /// Threads can't be started.
    #[error("can't start worker threads")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// The server can't run.
    #[error("the server can't run")]
    Serve(#[from] std::io::Error),
}

/// The state shared by requests.
#[doc(hidden)]
pub struct Inner {
    pub(crate) name: String,
    pub(crate) model: Model,
    pub(crate) voices: Vec<Voice>,
    /// The reference windows of the model: examples of its styles.
    pub(crate) reference: Reference,
    /// The windows of the map.
    pub(crate) source: Source,
    pub(crate) copy_index: Option<CopyIndex>,
    pub(crate) attributes: Option<AttributeVectors>,
    /// The model of whole pieces; `None` if the model folder has none.
    pub(crate) pieces: Option<PieceModel>,
    pub(crate) shelf: Option<Shelf>,
    pub(crate) save_folder: Option<PathBuf>,
    /// Reading and writing clients' pieces, one job at a time.
    pub(crate) keeping: WorkerPool,
    pub(crate) neighbors: Neighbors,
    pub(crate) quick: WorkerPool,
    /// Decoding and encoding of few windows, together with those of other requests.
    pub(crate) steps: Steps,
    pub(crate) heavy: WorkerPool,
    /// Changes of styles, one at a time.
    changes: WorkerPool,
    pub(crate) controls: Controls,
    assets: Assets,
    catalog: RwLock<Arc<Catalog>>,
    principal: OnceLock<Projection2d>,
}

impl std::ops::Deref for Studio {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl std::fmt::Debug for Studio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Studio").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Studio {
    /// Creates a studio for an open model. The map shows `source` or, by default, the reference
    /// windows of the model folder.
    ///
    /// # Errors
    /// Returns a [`StudioError`] if a file of the model can't be read, or if there is nothing to
    /// show.
    pub fn new(
        session: Session,
        source: Option<Source>,
        options: StudioOptions,
    ) -> Result<Self, StudioError> {
        let SessionParts { model, styles, attributes, copy_index, reference, pieces } =
            session.into_parts()?;
        let source = source.unwrap_or_else(|| Source::from_reference(&reference));
        if source.rows.is_empty() {
            return Err(StudioError::NoWindows);
        }
        let n_threads = std::thread::available_parallelism().map_or(2, usize::from);
        Ok(Self(Arc::new(Inner {
            name: options.name,
            voices: music::voices(model.form()),
            controls: Controls::of_latents(&model, Some(&styles), ControlRequest::default())?,
            reference,
            source,
            copy_index,
            attributes,
            pieces,
            shelf: options.pieces.map(|folder| Shelf::new(folder.join(model.hash()))),
            save_folder: options.save_folder,
            keeping: WorkerPool::new("keeping", 1, MAX_QUICK_WAITING)?,
            neighbors: Neighbors::default(),
            quick: WorkerPool::new("quick", n_threads.max(2), MAX_QUICK_WAITING)?,
            steps: Steps::new(n_threads.clamp(1, MAX_STEP_WORKERS), MAX_QUICK_WAITING)?,
            heavy: WorkerPool::new("heavy", 2, MAX_HEAVY_WAITING)?,
            changes: WorkerPool::new("changes", 1, MAX_HEAVY_WAITING)?,
            assets: options.page.map_or(Assets::Inside, Assets::Folder),
            catalog: RwLock::new(Arc::new(Catalog::new(styles, Arc::default()))),
            principal: OnceLock::new(),
            model,
        })))
    }

    /// Number of windows on the map.
    pub fn n_windows(&self) -> usize {
        self.source.n_windows()
    }

    /// The source of the page's files.
    pub(crate) fn assets(&self) -> &Assets {
        &self.assets
    }

    /// The current styles.
    pub(crate) fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.catalog.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the styles, one change at a time: `change` works on a copy, which replaces the
    /// current styles if it succeeds. It also returns the names of added styles that are new or
    /// were redefined.
    ///
    /// # Errors
    /// Returns the errors of `change`, in which case nothing is changed, and those of
    /// [`WorkerPool::run`].
    pub(crate) async fn change_styles<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Self, &mut Styles, &CancelToken) -> Result<(T, Vec<String>), ApiError>
        + Send
        + 'static,
    ) -> Result<(T, Arc<Catalog>), ApiError> {
        let studio = self.clone();
        let changed = self.changes.run(move |cancel| {
            // This pool runs one job at a time, so nothing else changes the styles meanwhile.
            let before = studio.catalog();
            let mut styles = before.styles.clone();
            let (answer, names) = change(&studio, &mut styles, cancel)?;
            let after = Arc::new(before.changed(styles, &names));
            *studio.catalog.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&after);
            Ok((answer, after))
        });
        changed.await
    }

    /// Precomputes the data for the first map.
    pub(crate) fn warm_up(&self) {
        let studio = self.clone();
        self.heavy.begin(move || {
            studio.principal();
            studio.catalog().point_styles(&studio.model, &studio.source.mu);
        });
    }

    /// The PCA projection of the map.
    pub(crate) fn principal(&self) -> &Projection2d {
        get_or_compute(&self.principal, || {
            let space = self.model.latent_space();
            Projection2d::principal(&space.project_all(&self.source.mu), space.n_active())
        })
    }

    /// The active dimensions of the windows on the map, `[n, D]`.
    pub(crate) fn active_rows(&self) -> Vec<f32> {
        let points = self.model.latent_space().project_all(&self.source.mu);
        points.into_iter().map(|value| value as f32).collect()
    }

    /// The control of separate windows with latents `[n, Z]`; empty if the model has none.
    pub(crate) fn control(&self, z: &[f32], seed: u64) -> Vec<u16> {
        self.controls.of(0, z, 1, seed)
    }

    /// The control of a piece with latents `[n, Z]`: that of its first window for all of them, so
    /// that only the latents change along it. Empty if the model has none.
    pub(crate) fn control_of_piece(&self, z: &[f32], seed: u64) -> Vec<u16> {
        let z_size = self.model.z_size().max(1);
        let first = &z[..z_size.min(z.len())];
        self.controls.of(0, first, 1, seed).repeat(z.len() / z_size)
    }

    /// Decodes latents `[n, Z]` with controls, until canceled.
    ///
    /// # Errors
    /// Returns an error if canceled.
    pub(crate) fn decode(
        &self,
        decoding: Decoding,
        z: &[f32],
        control: &[u16],
        cancel: &CancelToken,
    ) -> Result<Vec<Vec<u16>>, ApiError> {
        let windows = decoding.decode_while(&self.model, z, control, &|| !cancel.is_canceled());
        cancel.check()?;
        Ok(windows?)
    }

    /// The notes of consecutive windows.
    pub(crate) fn notes(&self, windows: &[Vec<u16>]) -> Vec<Note> {
        music::notes(self.model.kind(), &self.voices, windows.iter().map(Vec::as_slice))
    }

    /// Builds windows from tokens and the latents `[n, Z]` that they were decoded from. Their
    /// memberships are those of the music: of the tokens, encoded again.
    pub(crate) fn windows(
        &self,
        catalog: &Catalog,
        tokens: Vec<Vec<u16>>,
        z: &[f32],
    ) -> Vec<Window> {
        let mu = encode_windows(&self.model, &tokens);
        self.measured_windows(catalog, tokens, z, &mu)
    }

    /// Like [`Self::windows`], for latents that were encoded from the tokens.
    pub(crate) fn encoded_windows(
        &self,
        catalog: &Catalog,
        tokens: Vec<Vec<u16>>,
        mu: &[f32],
    ) -> Vec<Window> {
        self.measured_windows(catalog, tokens, mu, mu)
    }

    /// Like [`Self::windows`], for tokens that were encoded again to `mu`, `[n, Z]`. Without `mu`,
    /// windows have no memberships.
    pub(crate) fn measured_windows(
        &self,
        catalog: &Catalog,
        tokens: Vec<Vec<u16>>,
        z: &[f32],
        mu: &[f32],
    ) -> Vec<Window> {
        let mut windows = self.unmeasured_windows(tokens, z);
        for (window, memberships) in windows.iter_mut().zip(catalog.memberships(&self.model, mu)) {
            window.memberships = memberships;
        }
        windows
    }

    /// Builds windows without memberships.
    pub(crate) fn unmeasured_windows(&self, tokens: Vec<Vec<u16>>, z: &[f32]) -> Vec<Window> {
        let latents = z.chunks_exact(self.model.z_size().max(1));
        let parts = tokens.into_iter().zip(latents);
        parts
            .map(|(tokens, z)| Window {
                notes: self.notes(std::slice::from_ref(&tokens)),
                n_steps: music::n_steps(self.model.form(), &tokens),
                meter: music::time_signature(self.model.form(), &tokens),
                key: 0,
                tokens,
                z: z.to_vec(),
                memberships: Memberships::new(),
            })
            .collect()
    }

    /// Builds a piece from windows with latents `[n, Z]`.
    pub(crate) fn piece(
        &self,
        catalog: &Catalog,
        title: String,
        tokens: Vec<Vec<u16>>,
        z: &[f32],
    ) -> Piece {
        self.piece_of(title, &tokens.clone(), self.windows(catalog, tokens, z))
    }

    /// Like [`Self::piece`], for latents that were encoded from the tokens.
    pub(crate) fn encoded_piece(
        &self,
        catalog: &Catalog,
        title: String,
        tokens: Vec<Vec<u16>>,
        mu: &[f32],
    ) -> Piece {
        self.piece_of(title, &tokens.clone(), self.encoded_windows(catalog, tokens, mu))
    }

    /// Like [`Self::piece`], for windows that sound in other keys than that of their tokens: `keys`
    /// are the semitones from one up to the other, one for each window or none.
    pub(crate) fn piece_in_keys(
        &self,
        catalog: &Catalog,
        title: String,
        tokens: Vec<Vec<u16>>,
        z: &[f32],
        keys: &[i8],
    ) -> Piece {
        let mut sounding = tokens.clone();
        for (window, key) in sounding.iter_mut().zip(keys) {
            self.model.form().transpose(window, i32::from(*key));
        }
        let mut windows = self.windows(catalog, tokens, z);
        for ((window, sounding), key) in windows.iter_mut().zip(&sounding).zip(keys) {
            window.notes = self.notes(std::slice::from_ref(sounding));
            window.key = *key;
        }
        self.piece_of(title, &sounding, windows)
    }

    fn piece_of(&self, title: String, tokens: &[Vec<u16>], windows: Vec<Window>) -> Piece {
        Piece {
            title,
            n_steps: tokens.iter().map(|window| music::n_steps(self.model.form(), window)).sum(),
            qpm: note_seq::DEFAULT_QPM,
            notes: self.notes(tokens),
            windows,
            seed: None,
            temperature: None,
            membership: None,
            copy: None,
            form: None,
        }
    }

    /// Resolves an anchor to latents `[n, Z]`: one, or one per window of a tune.
    pub(crate) fn latents(&self, catalog: &Catalog, anchor: &Anchor) -> Result<Vec<f32>, ApiError> {
        match anchor {
            Anchor::Z(z) => self.checked_latents(std::slice::from_ref(z)),
            Anchor::Style(name) => {
                Ok(catalog.styles.mean_latent(&self.model, catalog.styles.find(name)?)?)
            }
            Anchor::Tokens(windows) => {
                self.check_windows(windows)?;
                Ok(encode_windows(&self.model, windows))
            }
        }
    }

    /// Resolves an anchor to one latent; for a tune, that of its first window.
    pub(crate) fn latent(&self, catalog: &Catalog, anchor: &Anchor) -> Result<Vec<f32>, ApiError> {
        let first = match anchor {
            Anchor::Tokens(windows) => Anchor::Tokens(windows.iter().take(1).cloned().collect()),
            other => other.clone(),
        };
        self.latents(catalog, &first)
    }

    /// Validates and concatenates rows of latents.
    pub(crate) fn checked_latents(&self, rows: &[Vec<f32>]) -> Result<Vec<f32>, ApiError> {
        check_n_windows(rows.len())?;
        let z_size = self.model.z_size();
        if let Some(row) = rows.iter().find(|row| row.len() != z_size) {
            let message = format!("a latent must have {z_size} numbers, not {}", row.len());
            return Err(ApiError::invalid(message));
        }
        let values = rows.concat();
        let limit = limits::MAX_LATENT;
        match values.iter().find(|v| !(-limit..=limit).contains(*v)) {
            Some(found) => {
                let message = format!("latents must be within -{limit} to {limit}, not {found}");
                Err(ApiError::invalid(message))
            }
            None => Ok(values),
        }
    }

    /// Checks that windows fit the model, and that there are not too many.
    pub(crate) fn check_windows(&self, windows: &[Vec<u16>]) -> Result<(), ApiError> {
        check_n_windows(windows.len())?;
        let form = self.model.form();
        windows.iter().try_for_each(|window| {
            form.check(window)
                .map_err(|error| ApiError::invalid(format!("this is not a window: {error}")))
        })
    }

    /// The folder of the model.
    pub(crate) fn model_folder(&self) -> &Path {
        self.model.folder()
    }
}

/// Checks that there are windows, and not too many.
pub(crate) fn check_n_windows(n: usize) -> Result<(), ApiError> {
    if (1..=limits::N_WINDOWS).contains(&n) {
        return Ok(());
    }
    let message = format!("the number of windows must be 1 to {}, not {n}", limits::N_WINDOWS);
    Err(ApiError::invalid(message))
}
