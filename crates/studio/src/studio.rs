//! [`Studio`]: all that requests share.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use controlgen::artifact::ArtifactError;
use controlgen::attribute::{AttributeError, AttributeVectors};
use controlgen::copy::{CopyError, CopyIndex};
use controlgen::generate::{Controls, Decoding, GenerateError};
use controlgen::model::Model;
use controlgen::style::{Reference, Style, Styles};
use thiserror::Error;

use crate::assets::Assets;
use crate::catalog::Catalog;
use crate::error::ApiError;
use crate::limits;
use crate::map::Plane;
use crate::music::{self, Voice};
use crate::neighbours::Neighbours;
use crate::source::Source;
use crate::types::{Anchor, Drawing, Note, Piece, Window};
use crate::work::{Lane, Stop};

/// Windows decoded between two looks at whether anyone still waits.
const WINDOWS_PER_BATCH: usize = 64;
/// Short jobs that may wait, and long ones.
const QUICK_WAITING: usize = 48;
const HEAVY_WAITING: usize = 4;

/// A model with its styles and its map, for as many requests at once as come.
#[derive(Clone)]
pub struct Studio(Arc<Inner>);

/// What a studio is made of beside a model and its styles.
#[derive(Clone, Debug, Default)]
pub struct StudioOptions {
    /// What the model is called on the page.
    pub name: String,
    /// Serve the page from this folder, read anew for each request, instead of from the program: for those who write
    /// the page.
    pub page: Option<PathBuf>,
}

/// Why there is no studio.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StudioError {
    /// A file of the model can't be read.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The index of copies can't be used.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// The attributes can't be used.
    #[error(transparent)]
    Attribute(#[from] AttributeError),
    /// The chords of real windows can't be read.
    #[error(transparent)]
    Generate(#[from] GenerateError),
    /// There is nothing to show.
    #[error("there is no window for the map; give a corpus with some, `--corpus FOLDER`")]
    NoWindows,
    /// No threads.
    #[error("can't start threads to work on")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// The server can't run.
    #[error("can't serve")]
    Serve(#[from] std::io::Error),
}

/// What requests share.
#[doc(hidden)]
pub struct Inner {
    pub(crate) name: String,
    pub(crate) model: Model,
    pub(crate) voices: Vec<Voice>,
    /// The model's own windows: examples of its styles.
    pub(crate) reference: Reference,
    /// The map's windows.
    pub(crate) source: Source,
    pub(crate) index: Option<CopyIndex>,
    pub(crate) attributes: Option<AttributeVectors>,
    pub(crate) neighbours: Neighbours,
    pub(crate) quick: Lane,
    pub(crate) heavy: Lane,
    /// Changes of styles, one after the other.
    changes: Lane,
    controls: Controls,
    assets: Assets,
    catalog: RwLock<Arc<Catalog>>,
    principal: OnceLock<Plane>,
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
    /// A studio of a model and its styles. The map shows `source`, or, without one, the windows that the model folder
    /// keeps.
    ///
    /// # Errors
    /// [`StudioError`]: where a file of the model can't be read, or there is nothing to show.
    pub fn new(
        model: Model,
        styles: Styles,
        source: Option<Source>,
        options: StudioOptions,
    ) -> Result<Self, StudioError> {
        let reference = Reference::load(&model)?;
        let source = source.unwrap_or_else(|| Source::of_reference(&reference));
        if source.rows.is_empty() {
            return Err(StudioError::NoWindows);
        }
        let attributes = match AttributeVectors::load(&model) {
            Ok(attributes) => Some(attributes),
            Err(AttributeError::Missing { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let index = CopyIndex::of_model(&model)?;
        let n_threads = std::thread::available_parallelism().map_or(2, usize::from);
        Ok(Self(Arc::new(Inner {
            name: options.name,
            voices: music::voices(&model.config().musicvae.window()),
            controls: Controls::new(&model, None)?,
            reference,
            source,
            index,
            attributes,
            neighbours: Neighbours::default(),
            quick: Lane::new("quick", n_threads.max(2), QUICK_WAITING)?,
            heavy: Lane::new("heavy", 2, HEAVY_WAITING)?,
            changes: Lane::new("changes", 1, HEAVY_WAITING)?,
            assets: options.page.map_or(Assets::Inside, Assets::Folder),
            catalog: RwLock::new(Arc::new(Catalog::new(styles, Arc::default()))),
            principal: OnceLock::new(),
            model,
        })))
    }

    /// Windows on the map.
    pub fn n_windows(&self) -> usize {
        self.source.n_windows()
    }

    /// Where the page is.
    pub(crate) fn assets(&self) -> &Assets {
        &self.assets
    }

    /// The styles as they are now.
    pub(crate) fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.catalog.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the styles, one change at a time: `change` works on a copy, which takes their place if it succeeds. It
    /// answers also with the names of added styles that are new or another's now.
    ///
    /// # Errors
    /// Those of `change`, and nothing is changed here then; those of [`Lane::run`].
    pub(crate) async fn change_styles<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Self, &mut Styles, &Stop) -> Result<(T, Vec<String>), ApiError>
        + Send
        + 'static,
    ) -> Result<(T, Arc<Catalog>), ApiError> {
        let studio = self.clone();
        let changed = self.changes.run(move |stop| {
            // Nothing else changes them meanwhile: this lane does one thing at a time.
            let before = studio.catalog();
            let mut styles = before.styles.clone();
            let (answer, names) = change(&studio, &mut styles, stop)?;
            let after = Arc::new(before.changed(styles, &names));
            *studio.catalog.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&after);
            Ok((answer, after))
        });
        changed.await
    }

    /// Computes what the first map needs, before anyone asks.
    pub(crate) fn warm_up(&self) {
        let studio = self.clone();
        self.heavy.begin(move || {
            studio.principal();
            studio.catalog().of_points(&studio.model, &studio.source.mu);
        });
    }

    /// The plane of the map's principal components.
    pub(crate) fn principal(&self) -> &Plane {
        once(&self.principal, || {
            let rows: Vec<f64> = self.active_rows().into_iter().map(f64::from).collect();
            Plane::principal(&rows, self.active().len())
        })
    }

    /// Active dimensions of the map's windows, `[n, D]`.
    pub(crate) fn active_rows(&self) -> Vec<f32> {
        let rows = self.source.mu.chunks_exact(self.model.z_size().max(1));
        rows.flat_map(|row| self.active().iter().map(|d| row[*d])).collect()
    }

    /// Dimensions that carry something.
    pub(crate) fn active(&self) -> &[usize] {
        &self.model.config().active_dimensions
    }

    /// Controls of new windows, numbered from 0; empty for a model without.
    pub(crate) fn control(&self, n: usize, seed: u64) -> Vec<u16> {
        self.controls.of(0, n, seed)
    }

    /// Decodes latents `[n, Z]` under controls, until nobody waits any more.
    ///
    /// # Errors
    /// If so.
    pub(crate) fn decode(
        &self,
        decoding: Decoding,
        z: &[f32],
        control: &[u16],
        stop: &Stop,
    ) -> Result<Vec<Vec<u16>>, ApiError> {
        let z_size = self.model.z_size();
        let n_steps = self.model.config().musicvae.n_steps;
        let mut windows = Vec::with_capacity(z.len() / z_size.max(1));
        for (batch, z) in z.chunks(WINDOWS_PER_BATCH * z_size).enumerate() {
            stop.check()?;
            let first = batch * WINDOWS_PER_BATCH;
            let n = z.len() / z_size;
            let control = control.get(first * n_steps..(first + n) * n_steps).unwrap_or_default();
            windows.extend(decoding.decode_from(&self.model, first as u64, z, control));
        }
        Ok(windows)
    }

    /// What sounds in windows one after the other.
    pub(crate) fn notes(&self, windows: &[Vec<u16>]) -> Vec<Note> {
        music::notes(self.model.kind(), &self.voices, windows.iter().map(Vec::as_slice))
    }

    /// Windows with their places `[n, Z]`.
    pub(crate) fn windows(
        &self,
        catalog: &Catalog,
        tokens: Vec<Vec<u16>>,
        z: &[f32],
    ) -> Vec<Window> {
        let memberships = catalog.memberships(&self.model, z);
        let places = z.chunks_exact(self.model.z_size().max(1));
        let made = tokens.into_iter().zip(places).zip(memberships);
        made.map(|((tokens, z), memberships)| Window {
            notes: self.notes(std::slice::from_ref(&tokens)),
            tokens,
            z: z.to_vec(),
            memberships,
        })
        .collect()
    }

    /// A piece of windows with their places `[n, Z]`.
    pub(crate) fn piece(
        &self,
        catalog: &Catalog,
        title: String,
        tokens: Vec<Vec<u16>>,
        z: &[f32],
    ) -> Piece {
        Piece {
            title,
            n_steps: tokens.len() * self.model.kind().n_steps(),
            qpm: note_seq::DEFAULT_QPM,
            notes: self.notes(&tokens),
            windows: self.windows(catalog, tokens, z),
            seed: None,
            temperature: None,
            membership: None,
            copy: None,
        }
    }

    /// The middle of a style, in all dimensions.
    pub(crate) fn middle(&self, catalog: &Catalog, style: &Style) -> Result<Vec<f32>, ApiError> {
        let mut z = vec![0.0; self.model.z_size()];
        let moments = catalog.styles.distribution(style).moments()?;
        for (dimension, value) in self.active().iter().zip(moments.mean()) {
            z[*dimension] = *value as f32;
        }
        Ok(z)
    }

    /// The latents that an anchor stands for, `[n, Z]`: one, or of a tune one for each of its windows.
    pub(crate) fn latents(&self, catalog: &Catalog, anchor: &Anchor) -> Result<Vec<f32>, ApiError> {
        match anchor {
            Anchor::Z(z) => self.checked_latents(std::slice::from_ref(z)),
            Anchor::Style(name) => self.middle(catalog, catalog.styles.find(name)?),
            Anchor::Tokens(windows) => {
                self.check_windows(windows)?;
                Ok(controlgen::generate::encode(&self.model, windows))
            }
        }
    }

    /// One latent that an anchor stands for: of a tune that of its first window.
    pub(crate) fn latent(&self, catalog: &Catalog, anchor: &Anchor) -> Result<Vec<f32>, ApiError> {
        let first = match anchor {
            Anchor::Tokens(windows) => Anchor::Tokens(windows.iter().take(1).cloned().collect()),
            other => other.clone(),
        };
        self.latents(catalog, &first)
    }

    /// Rows of latents, checked, one after the other.
    pub(crate) fn checked_latents(&self, rows: &[Vec<f32>]) -> Result<Vec<f32>, ApiError> {
        check_n_windows(rows.len())?;
        let z_size = self.model.z_size();
        if let Some(row) = rows.iter().find(|row| row.len() != z_size) {
            let message = format!("a latent of {} numbers; the model's have {z_size}", row.len());
            return Err(ApiError::invalid(message));
        }
        let values = rows.concat();
        let limit = limits::MAX_LATENT;
        match values.iter().find(|v| !(-limit..=limit).contains(*v)) {
            Some(found) => {
                let message = format!("a latent with {found}; -{limit} to {limit} is allowed");
                Err(ApiError::invalid(message))
            }
            None => Ok(values),
        }
    }

    /// That windows are the model's, and not too many.
    pub(crate) fn check_windows(&self, windows: &[Vec<u16>]) -> Result<(), ApiError> {
        check_n_windows(windows.len())?;
        let layout = self.model.config().musicvae.window();
        for window in windows {
            if window.len() != layout.n_tokens() {
                let (found, wanted) = (window.len(), layout.n_tokens());
                let message = format!("a window of {found} tokens; the model's have {wanted}");
                return Err(ApiError::invalid(message));
            }
            musicvae::Windows::new(window, &layout)
                .map_err(|error| ApiError::invalid(error.to_string()))?;
        }
        Ok(())
    }

    /// Where the model is.
    pub(crate) fn model_folder(&self) -> &Path {
        self.model.folder()
    }
}

/// What a cell holds, made if it is empty.
///
/// Unlike [`OnceLock::get_or_init`] it does not wait for another thread that makes the same, but makes it, too: a thread
/// of a pool that waits for its part of one job does another one meanwhile, which may be the one that it would wait for.
pub(crate) fn once<T>(cell: &OnceLock<T>, make: impl FnOnce() -> T) -> &T {
    if let Some(known) = cell.get() {
        return known;
    }
    let made = make();
    cell.get_or_init(|| made)
}

/// That there are windows, and not too many.
pub(crate) fn check_n_windows(n: usize) -> Result<(), ApiError> {
    if (1..=limits::N_WINDOWS).contains(&n) {
        return Ok(());
    }
    let message = format!("{n} windows; 1 to {} are allowed at once", limits::N_WINDOWS);
    Err(ApiError::invalid(message))
}

impl Drawing {
    /// As the library takes it.
    ///
    /// # Errors
    /// For a temperature or a seed out of range.
    pub(crate) fn decoding(self) -> Result<Decoding, ApiError> {
        let Self { temperature, seed } = self;
        if seed > limits::MAX_SEED {
            let message = format!("the seed is {seed}; 0 to {} are allowed", limits::MAX_SEED);
            return Err(ApiError::invalid(message));
        }
        Ok(Decoding { temperature, seed }.check()?)
    }
}
