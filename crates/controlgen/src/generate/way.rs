//! Ways between latents: from one to the next, and a grid between four corners.

use serde::{Deserialize, Serialize};

use super::{Decoding, GenerateError};
use crate::latent::{lerp, slerp};
use crate::model::Model;

/// A stop on a way.
#[derive(Clone, Debug, PartialEq)]
pub struct Waypoint {
    /// The latent, `[Z]`.
    pub z: Vec<f32>,
    /// What it decodes to, one token a step.
    pub tokens: Vec<u16>,
}

/// How two latents are joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Joining {
    /// Along a great circle, as Magenta does: latents on the way keep the length that draws have.
    #[default]
    Slerp,
    /// In a straight line.
    Lerp,
}

impl Joining {
    /// The latent a share `t` of the way from `a` to `b`.
    pub fn between(self, a: &[f32], b: &[f32], t: f64) -> Vec<f32> {
        match self {
            Self::Slerp => slerp(a, b, t),
            Self::Lerp => lerp(a, b, t),
        }
    }
}

/// `n_steps` latents on the way through some latents, evenly spread, both ends among them.
///
/// # Errors
/// [`GenerateError::Steps`] for fewer steps than ends, or fewer than two ends.
pub fn way(
    ends: &[Vec<f32>],
    n_steps: usize,
    joining: Joining,
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
                joining.between(&ends[from], next, share)
            }
            None => last.clone(),
        }
    };
    Ok((0..n_steps).map(point).collect())
}

/// A square of `size` by `size` latents between four corners, row after row: the first two corners end
/// the first row, the others the last.
///
/// # Errors
/// [`GenerateError::Steps`] for a size below 2.
pub fn grid(
    [a, b, c, d]: [&[f32]; 4],
    size: usize,
    joining: Joining,
) -> Result<Vec<Vec<f32>>, GenerateError> {
    if size < 2 {
        return Err(GenerateError::Steps { found: size, needed: 2 });
    }
    let share = |i: usize| i as f64 / (size - 1) as f64;
    let point = |i: usize| {
        let (row, column) = (share(i / size), share(i % size));
        let (above, below) = (joining.between(a, b, column), joining.between(c, d, column));
        joining.between(&above, &below, row)
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
) -> Result<Vec<Waypoint>, GenerateError> {
    let decoding = decoding.check()?;
    let windows = decoding.decode(model, &latents.concat(), &control.repeat(latents.len()));
    Ok(latents.into_iter().zip(windows).map(|(z, tokens)| Waypoint { z, tokens }).collect())
}

/// Windows on the way from one latent to another, both ends among them, under one control `[n_steps]`
/// if the model has one.
///
/// # Errors
/// [`GenerateError`]: for a temperature out of range, or fewer than two steps.
pub fn interpolate(
    model: &Model,
    from: &[f32],
    to: &[f32],
    n_steps: usize,
    control: &[u16],
    decoding: Decoding,
) -> Result<Vec<Waypoint>, GenerateError> {
    let latents = way(&[from.to_vec(), to.to_vec()], n_steps, Joining::Slerp)?;
    decode_all(model, latents, control, decoding)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_stops_at_every_end_and_evenly_between() {
        let ends = [vec![0.0, 0.0], vec![2.0, 0.0], vec![2.0, 4.0]];
        let found = way(&ends, 5, Joining::Lerp).unwrap();
        assert_eq!(found, [[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [2.0, 2.0], [2.0, 4.0]]);
        let error = way(&ends, 2, Joining::Lerp).unwrap_err().to_string();
        assert_eq!(error, "a way of 2 steps; it needs at least 3");
        assert!(way(&ends[..1], 9, Joining::Lerp).is_err());
        let round = way(&[vec![1.0, 0.0], vec![0.0, 1.0]], 3, Joining::Slerp).unwrap();
        assert!((round[1][0] - 0.5_f32.sqrt()).abs() < 1e-6, "{round:?}");
    }

    #[test]
    fn a_grid_has_its_corners_in_its_corners() {
        let corners: [&[f32]; 4] = [&[0.0, 0.0], &[4.0, 0.0], &[0.0, 4.0], &[4.0, 8.0]];
        let found = grid(corners, 3, Joining::Lerp).unwrap();
        assert_eq!((&found[0][..], &found[2][..]), (corners[0], corners[1]));
        assert_eq!((&found[6][..], &found[8][..]), (corners[2], corners[3]));
        assert_eq!((&found[1][..], &found[4][..]), (&[2.0, 0.0][..], &[2.0, 3.0][..]));
        assert!(grid(corners, 1, Joining::Lerp).is_err());
    }
}
