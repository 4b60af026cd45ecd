//! How a style is made of a few files: what this program does, and what else could be done.

use controlgen::encode::encode_windows;
use controlgen::generate::{Controls, GenerateError};
use controlgen::latent::argmax;
use controlgen::model::Model;
use controlgen::piece::DEFAULT_CANDIDATES;
use controlgen::style::Styles;
use gmm::{CovarianceType, GaussianMixture, GmmParams, Samples, Shrinkage};

use super::super::labelled::LabelledPiece;
use super::super::samples::Source;

/// How a style is made of a few latents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    /// What `style add` does.
    Added,
    /// One Gaussian with the windows' full covariance.
    OwnGaussian,
    /// The same, its covariance shrunk towards a multiple of the identity.
    ShrunkGaussian,
    /// Kernels about the windows.
    Kernels,
    /// The posterior of one of the windows.
    Posteriors,
    /// Uniform within a deviation of the windows' mean.
    MeanDeviation,
    /// The prior, whatever the windows.
    Prior,
}

impl Method {
    /// All of them with the names that people read, what is measured first.
    pub(super) const ALL: [(Self, &'static str); 7] = [
        (Self::Added, "style add"),
        (Self::OwnGaussian, "own Gaussian"),
        (Self::ShrunkGaussian, "own Gaussian, shrunk"),
        (Self::Kernels, "kernel density"),
        (Self::Posteriors, "posterior of a given window"),
        (Self::MeanDeviation, "mean ± deviation"),
        (Self::Prior, "prior"),
    ];

    /// Windows generated from a style made of some windows; `None` if there are too few of them.
    ///
    /// # Errors
    /// [`GenerateError::Setting`] for a temperature out of range.
    pub(super) fn windows(
        self,
        model: &Model,
        styles: &Styles,
        given: &Given,
        n: usize,
        temperature: f32,
        seed: u64,
    ) -> Result<Option<Vec<Vec<u16>>>, GenerateError> {
        let (d, rows) = (styles.mixture().n_features(), given.rows.as_slice());
        let draw = |source: &Source<'_>| {
            source.windows(model, &given.controls, n, temperature, seed).map(Some)
        };
        let gaussian = |shrinkage: Option<Shrinkage>| {
            let Ok(samples) = Samples::new(rows, rows.len() / d, d) else { return Ok(None) };
            let mut params = GmmParams::new(1).covariance_type(CovarianceType::Full);
            if let Some(shrinkage) = shrinkage {
                params = params.shrinkage(shrinkage);
            }
            params.fit(&samples, seed).map_or(Ok(None), |fit| draw(&Source::Mixture(&fit.model)))
        };
        match self {
            Self::Prior => draw(&Source::Prior),
            Self::MeanDeviation => draw(&Source::mean_deviation(rows, d)),
            Self::Posteriors => draw(&Source::Posteriors { mu: &given.mu, sigma: &given.sigma }),
            Self::Kernels => draw(&Source::kernels(rows, d)),
            Self::OwnGaussian => gaussian(None),
            Self::ShrunkGaussian => gaussian(Some(Shrinkage::LedoitWolf)),
            Self::Added => {
                let Ok(samples) = Samples::new(rows, rows.len() / d, d) else { return Ok(None) };
                let Ok(style) = styles.estimate(&samples, &given.piece_of) else {
                    return Ok(None);
                };
                let drawn = Source::Mixture(&style.distribution).windows(
                    model,
                    &given.controls,
                    n * DEFAULT_CANDIDATES,
                    temperature,
                    seed,
                )?;
                Ok(Some(most_like(model, styles, &style.distribution, drawn)))
            }
        }
    }
}

/// Of each [`DEFAULT_CANDIDATES`] windows the one that most belongs to a style when encoded again.
fn most_like(
    model: &Model,
    styles: &Styles,
    style: &GaussianMixture,
    windows: Vec<Vec<u16>>,
) -> Vec<Vec<u16>> {
    let again = encode_windows(model, &windows);
    let memberships = styles.membership_in(model, &again, style);
    let groups = memberships.chunks(DEFAULT_CANDIDATES).map(argmax);
    let best: Vec<usize> =
        groups.enumerate().filter_map(|(i, best)| Some(i * DEFAULT_CANDIDATES + best?)).collect();
    best.into_iter().map(|i| windows[i].clone()).collect()
}

/// Windows that a style is made of.
pub(super) struct Given {
    /// Means of their posteriors, `[n, Z]`.
    mu: Vec<f32>,
    /// Deviations of their posteriors, `[n, Z]`.
    sigma: Vec<f32>,
    /// Active dimensions of the means, `[n, D]`.
    rows: Vec<f64>,
    /// The piece of each window.
    piece_of: Vec<usize>,
    /// Their meters or chords, which new music of the style has, too.
    controls: Controls,
}

impl Given {
    /// All windows of some pieces.
    ///
    /// # Errors
    /// [`GenerateError`]: a reference that can't be read.
    pub(super) fn of(model: &Model, pieces: &[&LabelledPiece]) -> Result<Self, GenerateError> {
        let windows = pieces.iter().flat_map(|piece| &piece.windows).map(Vec::as_slice);
        let mu: Vec<f32> = pieces.iter().flat_map(|piece| piece.mu.iter().copied()).collect();
        let numbered = pieces.iter().enumerate();
        Ok(Self {
            piece_of: numbered.flat_map(|(i, p)| std::iter::repeat_n(i, p.windows.len())).collect(),
            controls: Controls::of_windows(model, windows)?,
            sigma: pieces.iter().flat_map(|piece| piece.sigma.iter().copied()).collect(),
            rows: model.latent_space().project_all(&mu),
            mu,
        })
    }
}
