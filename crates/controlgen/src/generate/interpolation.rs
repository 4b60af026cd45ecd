//! Interpolation between latents: along a path through some, and on a grid between four corners.

use serde::{Deserialize, Serialize};

use super::{Decoding, GenerateError};
use crate::latent::{lerp, slerp};
use crate::model::Model;

/// A decoded latent.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// The latent, `[Z]`.
    pub z: Vec<f32>,
    /// Its window, one token a step.
    pub tokens: Vec<u16>,
}

/// How to interpolate between two latents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interpolation {
    /// Spherical, like Magenta: keeps the norm that samples of the prior have.
    #[default]
    Slerp,
    /// Linear.
    Lerp,
}

impl Interpolation {
    /// The latent a fraction `t` of the path from `a` to `b`.
    pub fn between(self, a: &[f32], b: &[f32], t: f64) -> Vec<f32> {
        match self {
            Self::Slerp => slerp(a, b, t),
            Self::Lerp => lerp(a, b, t),
        }
    }
}

/// `n_steps` latents along the path through `ends`, evenly spaced, including the first and the
/// last.
///
/// # Errors
/// [`GenerateError::Steps`] for fewer steps than ends, or fewer than two ends.
pub fn interpolate(
    ends: &[Vec<f32>],
    n_steps: usize,
    interpolation: Interpolation,
) -> Result<Vec<Vec<f32>>, GenerateError> {
    let needed = ends.len().max(2);
    let (Some(last), true) = (ends.last(), n_steps >= needed && ends.len() >= 2) else {
        return Err(GenerateError::Steps { found: n_steps, needed });
    };
    let point = |i: usize| {
        let (along, n_parts) = (i * (ends.len() - 1), n_steps - 1);
        let from = along / n_parts;
        match ends.get(from + 1) {
            Some(next) => {
                let share = (along % n_parts) as f64 / n_parts as f64;
                interpolation.between(&ends[from], next, share)
            }
            None => last.clone(),
        }
    };
    Ok((0..n_steps).map(point).collect())
}

/// A grid of `size` by `size` latents between four corners, row by row: the first two corners are
/// the ends of the first row, the others of the last.
///
/// # Errors
/// [`GenerateError::Steps`] for a size below 2.
pub fn grid(
    [a, b, c, d]: [&[f32]; 4],
    size: usize,
    interpolation: Interpolation,
) -> Result<Vec<Vec<f32>>, GenerateError> {
    if size < 2 {
        return Err(GenerateError::Steps { found: size, needed: 2 });
    }
    let share = |i: usize| i as f64 / (size - 1) as f64;
    let point = |i: usize| {
        let (row, column) = (share(i / size), share(i % size));
        let above = interpolation.between(a, b, column);
        let below = interpolation.between(c, d, column);
        interpolation.between(&above, &below, row)
    };
    Ok((0..size * size).map(point).collect())
}

/// Decodes latents, each under the same control `[n_steps]` if the model has one.
///
/// # Errors
/// [`GenerateError::Temperature`].
pub fn decode_all(
    model: &Model,
    latents: Vec<Vec<f32>>,
    control: &[u16],
    decoding: Decoding,
) -> Result<Vec<Decoded>, GenerateError> {
    let decoding = decoding.check()?;
    let windows = decoding.decode(model, &latents.concat(), &control.repeat(latents.len()));
    Ok(latents.into_iter().zip(windows).map(|(z, tokens)| Decoded { z, tokens }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_every_end_and_is_evenly_spaced() {
        let ends = [vec![0.0, 0.0], vec![2.0, 0.0], vec![2.0, 4.0]];
        let found = interpolate(&ends, 5, Interpolation::Lerp).unwrap();
        assert_eq!(found, [[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [2.0, 2.0], [2.0, 4.0]]);
        let error = interpolate(&ends, 2, Interpolation::Lerp).unwrap_err().to_string();
        assert_eq!(error, "a path needs at least 3 windows, not 2");
        assert!(interpolate(&ends[..1], 9, Interpolation::Lerp).is_err());
        let round =
            interpolate(&[vec![1.0, 0.0], vec![0.0, 1.0]], 3, Interpolation::Slerp).unwrap();
        assert!((round[1][0] - 0.5_f32.sqrt()).abs() < 1e-6, "{round:?}");
    }

    #[test]
    fn a_grid_has_its_corners_in_its_corners() {
        let corners: [&[f32]; 4] = [&[0.0, 0.0], &[4.0, 0.0], &[0.0, 4.0], &[4.0, 8.0]];
        let found = grid(corners, 3, Interpolation::Lerp).unwrap();
        assert_eq!((&found[0][..], &found[2][..]), (corners[0], corners[1]));
        assert_eq!((&found[6][..], &found[8][..]), (corners[2], corners[3]));
        assert_eq!((&found[1][..], &found[4][..]), (&[2.0, 0.0][..], &[2.0, 3.0][..]));
        assert!(grid(corners, 1, Interpolation::Lerp).is_err());
    }
}
