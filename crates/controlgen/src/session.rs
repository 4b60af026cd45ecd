//! A model with everything in its folder: styles, attributes, copy index, reference windows.

use std::path::Path;
use std::sync::OnceLock;

use corpus::artifact::{ArtifactError, ArtifactResult};
use musicvae::Device;
use thiserror::Error;

use crate::attribute::{Aim, AttributeError, AttributeMethod, AttributeVectors, Dial};
use crate::copy::{CopyError, CopyIndex};
use crate::model::Model;
use crate::piece::{PieceError, PieceModel};
use crate::style::{Reference, Style, StyleError, StyleFolders, Styles};

/// The reason why a part of a model folder can't be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The model or its reference windows can't be read.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The styles can't be read.
    #[error(transparent)]
    Style(#[from] StyleError),
    /// The attributes can't be read, or an attribute was not learned.
    #[error(transparent)]
    Attribute(#[from] AttributeError),
    /// The copy index can't be read.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// The model of whole pieces can't be read.
    #[error(transparent)]
    Piece(#[from] PieceError),
}

/// An open model folder. The model and its styles are loaded when the folder is opened, everything
/// else on first use.
pub struct Session {
    model: Model,
    styles: Option<Styles>,
    attributes: OnceLock<AttributeVectors>,
    copy_index: OnceLock<Option<CopyIndex>>,
    reference: OnceLock<Reference>,
    pieces: OnceLock<Option<PieceModel>>,
}

/// Everything in a model folder.
pub struct SessionParts {
    /// The model.
    pub model: Model,
    /// Its styles, including added ones.
    pub styles: Styles,
    /// Its attributes, if they were learned.
    pub attributes: Option<AttributeVectors>,
    /// Its copy index, if there is one.
    pub copy_index: Option<CopyIndex>,
    /// Its reference windows.
    pub reference: Reference,
    /// The model of whole pieces; `None` if the model folder has none.
    pub pieces: Option<PieceModel>,
}

impl Session {
    /// Opens a model folder; added styles are in the default folders, see [`StyleFolders::of`].
    ///
    /// # Errors
    /// Returns an error if the model or its styles are damaged.
    pub fn open(folder: &Path, device: &Device) -> Result<Self, SessionError> {
        Self::open_with(folder, device, StyleFolders::of)
    }

    /// Opens a model folder with changed and added styles in given folders.
    ///
    /// # Errors
    /// Same as [`Session::open`].
    pub fn open_with(
        folder: &Path,
        device: &Device,
        folders: impl FnOnce(&Model) -> StyleFolders,
    ) -> Result<Self, SessionError> {
        let model = Model::load(folder, device)?;
        let styles = Styles::load_if_any(&model, folders(&model))?;
        Ok(Self {
            model,
            styles,
            attributes: OnceLock::new(),
            copy_index: OnceLock::new(),
            reference: OnceLock::new(),
            pieces: OnceLock::new(),
        })
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The styles.
    ///
    /// # Errors
    /// Returns an error if the model has none.
    pub fn styles(&self) -> Result<&Styles, StyleError> {
        self.styles.as_ref().ok_or_else(|| Styles::missing(&self.model))
    }

    /// The model and its styles, for changing them.
    ///
    /// # Errors
    /// Returns an error if the model has none.
    pub fn into_model_and_styles(self) -> Result<(Model, Styles), StyleError> {
        match self.styles {
            Some(styles) => Ok((self.model, styles)),
            None => Err(Styles::missing(&self.model)),
        }
    }

    /// The model, and its styles for changing them.
    ///
    /// # Errors
    /// Returns an error if the model has none.
    pub fn model_and_styles_mut(&mut self) -> Result<(&Model, &mut Styles), StyleError> {
        match &mut self.styles {
            Some(styles) => Ok((&self.model, styles)),
            None => Err(Styles::missing(&self.model)),
        }
    }

    /// The styles, if the model has any.
    pub fn styles_if_any(&self) -> Option<&Styles> {
        self.styles.as_ref()
    }

    /// The attributes.
    ///
    /// # Errors
    /// Returns an error if they were not learned, or are damaged.
    pub fn attributes(&self) -> Result<&AttributeVectors, AttributeError> {
        get_or_try(&self.attributes, || AttributeVectors::load(&self.model))
    }

    /// The shift of latents by some attributes, `[D]`; `None` without attributes.
    ///
    /// # Errors
    /// Same as [`Session::attributes`], and [`AttributeError::Unlearnt`].
    pub fn shift(
        &self,
        dials: &[Dial],
        method: AttributeMethod,
    ) -> Result<Option<Vec<f64>>, AttributeError> {
        if dials.is_empty() {
            return Ok(None);
        }
        self.attributes()?.shift(dials, method).map(Some)
    }

    /// The target values of some dials for music of these styles; `None` without dials.
    ///
    /// # Errors
    /// Same as [`Session::attributes`], and [`AttributeError::Unlearnt`].
    pub fn aim(&self, dials: &[Dial], styles: &[&Style]) -> Result<Option<Aim>, AttributeError> {
        if dials.is_empty() {
            return Ok(None);
        }
        Aim::of_dials(self.attributes()?, dials, self.model.form(), styles).map(Some)
    }

    /// The copy index, if there is one.
    ///
    /// # Errors
    /// Returns an error if it is damaged or of another kind.
    pub fn copy_index(&self) -> Result<Option<&CopyIndex>, CopyError> {
        get_or_try(&self.copy_index, || CopyIndex::of_model(&self.model)).map(Option::as_ref)
    }

    /// The reference windows.
    ///
    /// # Errors
    /// Returns an error if the file is missing or damaged.
    pub fn reference(&self) -> ArtifactResult<&Reference> {
        get_or_try(&self.reference, || Reference::load(&self.model))
    }

    /// The model of whole pieces, if there is one.
    ///
    /// # Errors
    /// Returns an error if the file is damaged or of another model.
    pub fn pieces(&self) -> Result<Option<&PieceModel>, PieceError> {
        get_or_try(&self.pieces, || PieceModel::of_model(&self.model)).map(Option::as_ref)
    }

    /// Loads everything.
    ///
    /// # Errors
    /// Returns an error if the model has no styles or no reference windows, or if a file is
    /// damaged.
    pub fn into_parts(self) -> Result<SessionParts, SessionError> {
        self.styles()?;
        self.reference()?;
        self.copy_index()?;
        self.pieces()?;
        match self.attributes() {
            Ok(_) | Err(AttributeError::Missing { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let Self { model, styles, attributes, copy_index, reference, pieces } = self;
        Ok(SessionParts {
            model,
            styles: styles.expect("checked above"),
            attributes: attributes.into_inner(),
            copy_index: copy_index.into_inner().flatten(),
            reference: reference.into_inner().expect("loaded above"),
            pieces: pieces.into_inner().flatten(),
        })
    }
}

/// The value of a cell, which is computed if it is empty.
fn get_or_try<T, E>(cell: &OnceLock<T>, make: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
    if let Some(known) = cell.get() {
        return Ok(known);
    }
    let made = make()?;
    Ok(cell.get_or_init(|| made))
}
