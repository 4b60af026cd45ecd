//! Styles made from a few pieces without any training: `NAME.style.json`.

use std::path::{Path, PathBuf};

use corpus::artifact::{ArtifactError, JsonFormat};
use gmm::{GaussianMixture, Samples};
use serde::{Deserialize, Serialize};

use super::card::CardWindow;
use super::describe::Describer;
use super::name::check_name;
use super::pieces::{self, RefusedFile, UsedFile};
use super::{AddedSummary, Card, Reference, Style, StyleError, Styles, WindowSource};
use crate::encode::encode_windows;
use crate::model::Model;

/// `NAME.style.json`: an added style, complete enough to be used with the same model elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AddedStyle {
    /// Its name.
    pub name: String,
    /// The hash of the model that encoded it.
    pub model_hash: String,
    /// Kind of that model.
    pub kind: String,
    /// Whether it is hidden in lists.
    #[serde(default)]
    pub hidden: bool,
    /// Number of windows it was made from.
    pub n_windows: usize,
    /// Fraction that comes from the model's own styles, 0 to 1.
    pub prior_share: f64,
    /// The parts of the files that were used.
    pub files: Vec<UsedFile>,
    /// The most typical of those windows.
    pub nearest: Vec<WindowSource>,
    /// Their tokens.
    #[serde(default)]
    pub examples: Vec<Vec<u16>>,
    /// The card of its music, compared with the model's corpus.
    pub card: Option<Card>,
    /// The distribution on the model's active dimensions.
    pub distribution: GaussianMixture,
}

impl JsonFormat for AddedStyle {
    const FORMAT: &'static str = "controlgen.style";
    const VERSION: u32 = 1;
}

/// The result of adding a style.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AddReport {
    /// Its name.
    pub name: String,
    /// Path of its file.
    #[serde(with = "corpus::path_text")]
    pub path: PathBuf,
    /// Number of windows it was made from.
    pub n_windows: usize,
    /// Fraction that comes from the model's own styles, 0 to 1.
    pub prior_share: f64,
    /// The parts of the files that were used.
    pub files: Vec<UsedFile>,
    /// Files without usable music, with the reasons.
    pub refused: Vec<RefusedFile>,
}

impl AddedStyle {
    /// Reads a style that belongs to a model.
    ///
    /// # Errors
    /// Returns an error if the file can't be read or is damaged, and [`StyleError::OtherModel`] if
    /// it is of another model.
    pub fn read(path: &Path, model: &Model) -> Result<Self, StyleError> {
        let style = Self::load(path)?;
        if style.model_hash != model.hash() {
            return Err(StyleError::OtherModel {
                path: path.to_owned(),
                found: style.model_hash,
                expected: model.hash().to_owned(),
            });
        }
        if !style.examples.iter().all(|tokens| model.form().check(tokens).is_ok()) {
            let source = serde::de::Error::custom("examples that are not windows of the model");
            let path = path.to_owned();
            return Err(ArtifactError::Json { path, format: Self::FORMAT, source }.into());
        }
        if style.distribution.n_features() != model.latent_space().n_active() {
            let source = serde::de::Error::custom("a distribution of other dimensions");
            let path = path.to_owned();
            return Err(ArtifactError::Json { path, format: Self::FORMAT, source }.into());
        }
        check_name(&style.name)?;
        Ok(style)
    }

    /// Its entry in the list of styles.
    pub(super) fn entry(&self) -> Style {
        Style {
            name: self.name.clone(),
            components: Vec::new(),
            hidden: self.hidden,
            share: 0.0,
            nearest: self.nearest.clone(),
            card: self.card.clone(),
            added: Some(AddedSummary {
                n_windows: self.n_windows,
                prior_share: self.prior_share,
                files: self.files.iter().map(|used| used.file.clone()).collect(),
            }),
        }
    }
}

impl Styles {
    /// Makes a style from a few pieces and stores it; the module's `estimate` describes the method.
    ///
    /// All windows of all usable tracks count; files without any are reported.
    ///
    /// # Errors
    /// Returns [`StyleError::Name`] or [`StyleError::Taken`] if the name can't be used,
    /// [`StyleError::NothingToAdd`] if no file has a window, or an error if files can't be read or
    /// written.
    pub fn add(
        &mut self,
        model: &Model,
        name: &str,
        files: &[PathBuf],
    ) -> Result<AddReport, StyleError> {
        check_name(name)?;
        self.expect_free(name)?;
        let (mut used, mut refused) = (Vec::new(), Vec::new());
        // Of each window its tokens, its file and its bar, and the number of its file.
        let (mut tokens, mut sources) = (Vec::<Vec<u16>>::new(), Vec::new());
        let mut piece_of = Vec::new();
        for file in files {
            match pieces::read(file, model.kind()) {
                Ok(piece) => {
                    for window in piece.windows {
                        sources.push((piece.used.file.clone(), window.start_bar));
                        tokens.push(window.tokens);
                        piece_of.push(used.len());
                    }
                    used.push(piece.used);
                }
                Err(reason) => {
                    refused.push(RefusedFile { file: file.display().to_string(), reason });
                }
            }
        }
        if tokens.is_empty() {
            return Err(StyleError::NothingToAdd { refused });
        }
        let mu = encode_windows(model, &tokens);
        let values = model.latent_space().project_all(&mu);
        let samples = Samples::new(&values, tokens.len(), self.mixture.n_features())?;
        let estimate = self.estimate(&samples, &piece_of)?;
        let reference = Reference::load(model)?;
        let describer = Describer::new(model, &reference, &self.mixture);
        let windows: Vec<CardWindow<'_>> = tokens
            .iter()
            .zip(&sources)
            .map(|(tokens, (file, _))| CardWindow { tokens, file, label: None })
            .collect();
        let density = estimate.distribution.score_samples(&samples).unwrap_or_default();
        let mut order: Vec<usize> = (0..density.len()).collect();
        order.sort_by(|a, b| density[*b].total_cmp(&density[*a]));
        let (mut nearest, mut examples) = (Vec::<WindowSource>::new(), Vec::new());
        for at in order {
            let (file, start_bar) = &sources[at];
            if nearest.len() < 3 && nearest.iter().all(|other| other.file != *file) {
                let window_id = model.kind().window_id(&tokens[at]);
                nearest.push(WindowSource { window_id, file: file.clone(), start_bar: *start_bar });
                examples.push(tokens[at].clone());
            }
        }
        let style = AddedStyle {
            name: name.to_owned(),
            model_hash: model.hash().to_owned(),
            kind: model.kind().name.to_owned(),
            hidden: false,
            n_windows: tokens.len(),
            prior_share: estimate.prior_share,
            files: used.clone(),
            nearest,
            examples,
            card: Some(describer.card(&windows)),
            distribution: estimate.distribution,
        };
        let entry = style.entry();
        self.keep(style)?;
        self.all.push(entry);
        Ok(AddReport {
            name: name.to_owned(),
            path: self.added[name].path.clone(),
            n_windows: tokens.len(),
            prior_share: self.added[name].style.prior_share,
            files: used,
            refused,
        })
    }
}
