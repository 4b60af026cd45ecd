//! What new pieces are to be of: a style, a blend of styles, or a path through styles.

use musicvae::seed;
use rand::RngExt;

use super::{GenerateError, LatentPath, blend};
use crate::model::Model;
use crate::style::{Style, Styles};

/// Default length of a piece that moves from style to style, in bars.
const PATH_BARS: usize = 16;

/// The styles that a user asks for.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum StyleChoice {
    /// A style for each piece, drawn by its share of the training music.
    #[default]
    ByShare,
    /// A style, or several by weight, each by name or number.
    Blend(Vec<(String, f64)>),
    /// Styles that each piece moves through, first to last, by name or number.
    Path(Vec<String>),
}

impl StyleChoice {
    /// What pieces are to be of, with the number of pieces of each.
    ///
    /// # Errors
    /// Those of [`Target::blend`], [`Target::path`] and [`Target::drawn_by_share`].
    pub fn targets<'a>(
        &self,
        styles: &'a Styles,
        n: usize,
        seed: u64,
    ) -> Result<Vec<(Target<'a>, usize)>, GenerateError> {
        match self {
            Self::ByShare => Target::drawn_by_share(styles, n, seed),
            Self::Blend(parts) => {
                let parts: Vec<(&str, f64)> =
                    parts.iter().map(|(name, weight)| (name.as_str(), *weight)).collect();
                Ok(vec![(Target::blend(styles, &parts)?, n)])
            }
            Self::Path(names) => {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                Ok(vec![(Target::path(styles, &names)?, n)])
            }
        }
    }
}

/// What new pieces are to be of.
#[derive(Clone, Debug)]
pub struct Target<'a> {
    /// The styles; a piece should belong to one of them.
    pub styles: Vec<&'a Style>,
    /// The distribution of the latents.
    pub path: LatentPath,
    /// A name for files: `calm`, `calm:0.7,wild:0.3`, `calm-to-wild`.
    pub name: String,
    /// Whether pieces move from style to style.
    is_path: bool,
}

impl<'a> Target<'a> {
    /// A style, or a blend of several by weight: the Wasserstein barycenter of their Gaussians.
    /// Styles are given by name or number; weights need not sum to 1.
    ///
    /// # Errors
    /// [`GenerateError::Style`] for a style that does not exist; [`GenerateError::Model`] without a
    /// weight above 0.
    pub fn blend(styles: &'a Styles, parts: &[(&str, f64)]) -> Result<Self, GenerateError> {
        let found: Vec<&Style> =
            parts.iter().map(|(name, _)| styles.find(name)).collect::<Result<_, _>>()?;
        if let [style] = found[..] {
            let path = LatentPath::stationary(&styles.distribution(style))?;
            return Ok(Self { name: style.name.clone(), path, styles: found, is_path: false });
        }
        let distributions: Vec<_> = found.iter().map(|style| styles.distribution(style)).collect();
        let weighted: Vec<_> =
            parts.iter().zip(&distributions).map(|((_, weight), style)| (*weight, style)).collect();
        let path = LatentPath::transport(&[blend(&weighted)?])?;
        let total: f64 = parts.iter().map(|(_, weight)| weight).sum();
        let names = parts.iter().zip(&found);
        let names = names.map(|((_, weight), style)| format!("{}:{}", style.name, weight / total));
        let name = names.collect::<Vec<_>>().join(",");
        Ok(Self { styles: found, path, name, is_path: false })
    }

    /// All music of the model: every style that is not hidden, by its share.
    ///
    /// # Errors
    /// [`GenerateError::Model`] if a covariance is not positive definite after rounding.
    pub fn all(styles: &'a Styles) -> Result<Self, GenerateError> {
        let path = LatentPath::stationary(styles.mixture())?;
        let all = styles.all().iter().filter(|style| !style.hidden && !style.is_added()).collect();
        Ok(Self { styles: all, path, name: "all styles".to_owned(), is_path: false })
    }

    /// A path through styles, given by name or number, from the first to the last.
    ///
    /// # Errors
    /// [`GenerateError::Style`] for a style that does not exist; [`GenerateError::Model`] without
    /// any.
    pub fn path(styles: &'a Styles, names: &[&str]) -> Result<Self, GenerateError> {
        let found: Vec<&Style> =
            names.iter().map(|name| styles.find(name)).collect::<Result<_, _>>()?;
        let gaussians = found.iter().map(|style| styles.distribution(style).moments());
        let path = LatentPath::transport(&gaussians.collect::<Result<Vec<_>, _>>()?)?;
        let names: Vec<&str> = found.iter().map(|style| style.name.as_str()).collect();
        Ok(Self { name: names.join("-to-"), styles: found, path, is_path: true })
    }

    /// Draws the style of each of `n` pieces by its share of the training music; styles that are
    /// hidden or were added have none. Returns the styles drawn and the number of pieces of each.
    ///
    /// # Errors
    /// [`GenerateError::NoShare`] if no style has a share; [`GenerateError::Model`] if rounding
    /// leaves a style no covariance.
    pub fn drawn_by_share(
        styles: &'a Styles,
        n: usize,
        seed: u64,
    ) -> Result<Vec<(Self, usize)>, GenerateError> {
        let visible: Vec<&Style> = styles.all().iter().filter(|style| !style.hidden).collect();
        let total: f64 = visible.iter().map(|style| style.share).sum();
        if total <= 0.0 {
            return Err(GenerateError::NoShare);
        }
        let mut counts = vec![0; visible.len()];
        for piece in 0..n as u64 {
            let mut left = total * seed::stream(seed, "style", piece).random::<f64>();
            let drawn = visible.iter().position(|style| {
                left -= style.share;
                left < 0.0
            });
            counts[drawn.unwrap_or(visible.len() - 1)] += 1;
        }
        let drawn = visible.into_iter().zip(counts).filter(|(_, n)| *n > 0);
        drawn.map(|(style, n)| Ok((Self::blend(styles, &[(&style.name, 1.0)])?, n))).collect()
    }

    /// Number of windows of a piece of `bars` bars. By default, one window, or 16 bars for a path
    /// (but at least a window for each style).
    ///
    /// # Errors
    /// [`GenerateError::Bars`] if `bars` is not a positive multiple of a window;
    /// [`GenerateError::Steps`] for a path with fewer windows than styles.
    pub fn n_windows(&self, model: &Model, bars: Option<usize>) -> Result<usize, GenerateError> {
        let n_bars = model.kind().n_bars().max(1);
        let needed = if self.is_path { self.styles.len() } else { 1 };
        let found = match bars {
            Some(found) if found == 0 || !found.is_multiple_of(n_bars) => {
                return Err(GenerateError::Bars { found, n_bars });
            }
            Some(bars) => bars / n_bars,
            None if self.is_path => (PATH_BARS / n_bars).max(needed),
            None => 1,
        };
        if found < needed { Err(GenerateError::Steps { found, needed }) } else { Ok(found) }
    }

    /// The component of its only style, if there is one.
    pub fn component(&self) -> Option<usize> {
        if let [style] = self.styles[..] { style.component() } else { None }
    }
}
