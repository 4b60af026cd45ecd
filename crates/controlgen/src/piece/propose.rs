//! Latents that may come next: drawn of the style, weighted by what follows what.

use std::sync::OnceLock;

use gmm::{Gaussian, GaussianMixture, ModelError, Samples};
use rand::{Rng, RngExt};
use rand_distr::StandardNormal;
use rayon::prelude::*;

use super::PieceModel;
use super::pool::{Pool, Proposal, most_probable};
use super::succession::{Conditional, Next, Succession};
use crate::generate::{LatentPath, LatentSampling};

/// Draws of the style that the windows of a piece are taken of: what stands before says some five
/// nats of a window, so one of `e⁵` follows as real ones do.
const POOL: usize = 512;
/// Draws of ends for each that is taken.
const DRAWS_OF_ENDS: usize = 8;
/// A draw is at most `e` to this more or less likely for being a beginning or an end: densities in
/// many dimensions differ by more than they mean.
const MOST_OF_ENDS: f64 = 8.0;

/// The windows around the one that is to be drawn, on the active dimensions.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Around<'a> {
    /// The one before.
    pub(super) before: Option<&'a [f64]>,
    /// The one before that.
    pub(super) two_before: Option<&'a [f64]>,
    /// The one after.
    pub(super) after: Option<&'a [f64]>,
    /// The one after that, where the one after is not known.
    pub(super) two_after: Option<&'a [f64]>,
}

/// Which end of a piece a window is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) is_first: bool,
    pub(super) is_last: bool,
}

/// A distribution of windows. What takes long to make of it is made when it is first needed, and
/// kept.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) mixture: GaussianMixture,
    /// Its components with cumulative weights.
    components: OnceLock<Vec<(f64, Gaussian)>>,
    /// One Gaussian with its moments.
    moments: OnceLock<Gaussian>,
}

impl PartialEq for Target {
    /// All else follows from the mixture.
    fn eq(&self, other: &Self) -> bool {
        self.mixture == other.mixture
    }
}

impl Target {
    pub(super) fn new(mixture: GaussianMixture) -> Self {
        Self { mixture, components: OnceLock::new(), moments: OnceLock::new() }
    }

    fn components(&self) -> Result<&[(f64, Gaussian)], ModelError> {
        if let Some(known) = self.components.get() {
            return Ok(known);
        }
        let mut up_to = 0.0;
        let mut components = Vec::with_capacity(self.mixture.n_components());
        for k in 0..self.mixture.n_components() {
            up_to += self.mixture.weights()[k];
            components.push((up_to, self.mixture.component(k)?));
        }
        Ok(self.components.get_or_init(|| components))
    }

    fn moments(&self) -> Result<&Gaussian, ModelError> {
        if let Some(known) = self.moments.get() {
            return Ok(known);
        }
        let made = self.mixture.moments()?;
        Ok(self.moments.get_or_init(|| made))
    }

    /// The logarithms of the density at some points.
    fn scores(&self, points: &[Vec<f64>]) -> Result<Vec<f64>, ModelError> {
        let (all, d) = (points.concat(), self.mixture.n_features());
        let wrong = |_| ModelError::Length { what: "draws", found: all.len(), expected: d };
        self.mixture.score_samples(&Samples::new(&all, points.len(), d).map_err(wrong)?)
    }

    /// Draws of `N(mean, temperature² covariance)` of a component each.
    fn draws(
        &self,
        n: usize,
        temperature: f64,
        rng: &mut impl Rng,
    ) -> Result<Vec<Vec<f64>>, ModelError> {
        let components = self.components()?;
        let mut draw = || {
            let component = draw_component(components, rng);
            component.unstandardize(&noise(component.mean().len(), temperature, rng))
        };
        Ok((0..n).map(|_| draw()).collect())
    }
}

fn draw_component<'a>(components: &'a [(f64, Gaussian)], rng: &mut impl Rng) -> &'a Gaussian {
    let drawn = rng.random::<f64>();
    let (last, others) = components.split_last().expect("a mixture has a component");
    others.iter().find(|(up_to, _)| drawn < *up_to).map_or(&last.1, |(_, g)| g)
}

/// Draws latents for the windows of pieces.
pub(super) struct Proposer<'a> {
    learned: Option<&'a PieceModel>,
    sampling: LatentSampling,
    /// One for each window, or one for all.
    targets: Vec<Target>,
}

/// Conditional distributions of a succession, by [`GIVEN`]: made when they are first needed, and
/// kept, as each takes longer than drawing from it many times.
#[derive(Clone, Debug, Default)]
pub(super) struct Conditionals([OnceLock<Conditional>; GIVEN.len()]);

impl PartialEq for Conditionals {
    /// They follow from the succession, so they don't make a difference of their models.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Conditionals {
    fn get(&self, succession: &Succession, which: usize) -> Result<&Conditional, ModelError> {
        if let Some(known) = self.0[which].get() {
            return Ok(known);
        }
        let (places, free) = GIVEN[which];
        let made = succession.given(places, free)?;
        Ok(self.0[which].get_or_init(|| made))
    }
}

/// Which of the three windows of the succession are given, and which one is drawn.
pub(super) const GIVEN: [(&[usize], usize); 5] =
    [(&[0, 1], 2), (&[1], 2), (&[0, 2], 1), (&[1], 0), (&[], 2)];
/// Where in [`GIVEN`] none is given.
const ANY: usize = 4;

impl PieceModel {
    /// Any window, whatever is around it.
    fn any(&self) -> Result<Next<'_>, ModelError> {
        Ok(self.conditionals.get(&self.succession, ANY)?.after(&[]))
    }
}

impl<'a> Proposer<'a> {
    pub(super) fn new(
        path: &LatentPath,
        n_windows: usize,
        sampling: LatentSampling,
        learned: Option<&'a PieceModel>,
    ) -> Result<Self, ModelError> {
        let n_targets = if path.is_moving() { n_windows } else { 1 };
        let along = |at: usize| at as f64 / n_windows.saturating_sub(1).max(1) as f64;
        let targets = (0..n_targets).map(|at| Ok(Target::new(path.distribution(along(at))?)));
        let targets = targets.collect::<Result<_, ModelError>>()?;
        Ok(Self { learned, sampling, targets })
    }

    /// Whether windows follow each other as was learned of pieces.
    pub(super) fn has_learned(&self) -> bool {
        self.learned.is_some()
    }

    fn target(&self, at: usize) -> &Target {
        self.targets.get(at).unwrap_or(&self.targets[0])
    }

    /// `n` latents, on the active dimensions, for window number `at` of a piece.
    pub(super) fn propose(
        &self,
        at: usize,
        (around, place, pool): (Around<'_>, Place, &Pool),
        n: usize,
        rng: &mut impl Rng,
    ) -> Result<Vec<Proposal>, ModelError> {
        let mut drawn = match self.learned {
            Some(learned) => self.learned_draws(learned, at, (around, place, pool), n, rng)?,
            None => (0..n)
                .map(|_| Ok(Proposal::new(self.autoregression(at, around, rng)?)))
                .collect::<Result<_, ModelError>>()?,
        };
        if let Some(radius) = self.sampling.truncate {
            let moments = self.target(at).moments()?;
            for Proposal { point, .. } in &mut drawn {
                let mut e = moments.standardized(point);
                let length = e.iter().map(|e| e * e).sum::<f64>().sqrt();
                if length > radius {
                    e.iter_mut().for_each(|e| *e *= radius / length);
                    *point = moments.unstandardize(&e);
                }
            }
        }
        Ok(drawn)
    }

    /// The distribution of a window given those around it; `None` without statistics, or if none
    /// is around.
    pub(super) fn next(&self, around: Around<'_>) -> Result<Option<Next<'a>>, ModelError> {
        Ok(self.given(around)?.map(|(_, next)| next))
    }

    /// The same, with which of [`GIVEN`] it is.
    fn given(&self, around: Around<'_>) -> Result<Option<(usize, Next<'a>)>, ModelError> {
        let Some(learned) = self.learned else { return Ok(None) };
        let given = |which: usize, windows: &[&[f64]]| {
            let conditional = learned.conditionals.get(&learned.succession, which)?;
            Ok::<_, ModelError>((which, conditional.after(windows)))
        };
        match around {
            Around { before: Some(before), after: Some(after), .. } => given(2, &[before, after]),
            Around { before: Some(before), two_before: Some(two), .. } => given(0, &[two, before]),
            Around { before: Some(before), .. } => given(1, &[before]),
            Around { after: Some(after), .. } => given(3, &[after]),
            Around { .. } => return Ok(None),
        }
        .map(Some)
    }

    /// The log-ratio of a window's density given the windows around to that after any, in nats.
    pub(super) fn log_ratio(&self, next: &Next<'_>, point: &[f64]) -> Result<f64, ModelError> {
        let Some(learned) = self.learned else { return Ok(0.0) };
        Ok(next.log_ratio(&learned.any()?, point))
    }

    /// Draws of the style for the windows of a piece; none if nothing was learned.
    pub(super) fn pool(&self, rng: &mut impl Rng) -> Result<Pool, ModelError> {
        let Some(learned) = self.learned else { return Ok(Pool::default()) };
        let points = self.target(0).draws(POOL, self.sampling.temperature, rng)?;
        Ok(Pool::new(points, &learned.any()?))
    }

    /// Draws of the style, of which some are taken by how much better they follow what is around
    /// than any window would, none twice: sampling and importance resampling (Rubin 1988) of the
    /// product of the style's density and that ratio. What follows what is learned of all music
    /// and knows less of what a window is like than the style does, so it only weighs.
    fn learned_draws(
        &self,
        learned: &PieceModel,
        at: usize,
        (around, place, pool): (Around<'_>, Place, &Pool),
        n_taken: usize,
        rng: &mut impl Rng,
    ) -> Result<Vec<Proposal>, ModelError> {
        // Of the last two windows the first, with the middle one open: as from one to the next.
        let two_after = around.two_after.filter(|_| around.after.is_none());
        let two_after = Around { after: two_after, ..Around::default() };
        let around: Vec<(usize, Next<'_>)> =
            [self.given(around)?, self.given(two_after)?].into_iter().flatten().collect();
        let end = match place {
            Place { is_last: true, .. } => learned.last.as_ref(),
            Place { is_first: true, .. } => learned.first.as_ref(),
            Place { .. } => None,
        };
        let mut weights = pool.follow(&around);
        let Some(end) = end else { return Ok(pool.taken(&weights, n_taken, rng)) };
        let scores = end.scores(pool.points())?;
        for ((weight, score), usual) in weights.iter_mut().zip(scores).zip(pool.usual()) {
            *weight += (score - usual).clamp(-MOST_OF_ENDS, MOST_OF_ENDS);
        }
        // Few windows of a style are an end: half of all are drawn of ends, by how much they are of
        // the style.
        let n_of_ends = n_taken / 2;
        let mut chosen = pool.taken(&weights, n_taken - n_of_ends, rng);
        if n_of_ends == 0 {
            return Ok(chosen);
        }
        let draws = end.draws(n_of_ends * DRAWS_OF_ENDS, self.sampling.temperature, rng)?;
        let any = learned.any()?;
        let along: Vec<Vec<f64>> = draws.par_iter().map(|draw| any.along(draw)).collect();
        let usual: Vec<f64> = along.par_iter().map(|y| any.log_density_along(y)).collect();
        let ratio = |(y, usual): (&Vec<f64>, &f64)| {
            around.iter().map(|(_, next)| next.log_density_along(y) - usual).sum::<f64>()
        };
        let mut weights: Vec<f64> = along.par_iter().zip(&usual).map(ratio).collect();
        let scores = self.target(at).scores(&draws)?;
        for ((weight, score), usual) in weights.iter_mut().zip(scores).zip(&usual) {
            *weight += score - usual;
        }
        let taken = most_probable(&weights, n_of_ends, rng).into_iter();
        chosen.extend(taken.map(|at| Proposal::new(draws[at].clone())));
        Ok(chosen)
    }

    /// The walk within the target: in its standard coordinates `ρ e + √(1 - ρ²) ε`; between two
    /// windows `ρ (e + e') / (1 + ρ²)`, with variance `(1 - ρ²) / (1 + ρ²)`.
    fn autoregression(
        &self,
        at: usize,
        around: Around<'_>,
        rng: &mut impl Rng,
    ) -> Result<Vec<f64>, ModelError> {
        let rho = self.sampling.smoothness;
        let standard = |z: Option<&[f64]>, at: usize| {
            z.map(|z| Ok::<_, ModelError>(self.target(at).moments()?.standardized(z))).transpose()
        };
        let before = standard(around.before, at.saturating_sub(1))?;
        let after = standard(around.after, at + 1)?;
        let (scale, variance) = match (&before, &after) {
            (None, None) => (0.0, 1.0),
            (Some(_), Some(_)) => (rho / (1.0 + rho * rho), (1.0 - rho * rho) / (1.0 + rho * rho)),
            _ => (rho, 1.0 - rho * rho),
        };
        let target = self.target(at);
        let mut e = noise(target.mixture.n_features(), self.sampling.temperature, rng);
        e.iter_mut().for_each(|e| *e *= variance.max(0.0).sqrt());
        if before.is_none() && after.is_none() {
            return Ok(draw_component(target.components()?, rng).unstandardize(&e));
        }
        for side in [before, after].into_iter().flatten() {
            e.iter_mut().zip(side).for_each(|(e, side)| *e += scale * side);
        }
        Ok(target.moments()?.unstandardize(&e))
    }
}

/// Draws of `N(0, temperature²)`.
pub(super) fn noise(n: usize, temperature: f64, rng: &mut impl Rng) -> Vec<f64> {
    (0..n).map(|_| temperature * rng.sample::<f64, _>(StandardNormal)).collect()
}

#[cfg(test)]
mod tests {
    use gmm::Covariances;

    use super::*;

    fn rng() -> rand_chacha::ChaCha8Rng {
        musicvae::seed::stream(1, "test", 0)
    }

    #[test]
    fn between_two_windows_the_walk_leads_from_one_to_the_other() {
        let one = Covariances::Diag(vec![4.0]);
        let style = GaussianMixture::from_parameters(vec![1.0], vec![1.0], one).unwrap();
        let path = LatentPath::stationary(&style).unwrap();
        let sampling = LatentSampling { smoothness: 0.5, ..LatentSampling::default() };
        let proposer = Proposer::new(&path, 3, sampling, None).unwrap();
        let (before, after) = ([5.0], [3.0]);
        let around = Around { before: Some(&before), after: Some(&after), ..Around::default() };
        let pool = Pool::default();
        let at = (around, Place::default(), &pool);
        let draws = proposer.propose(1, at, 4000, &mut rng()).unwrap();
        // Deviations of 2 and 1: mean 0.5 · 3 / 1.25, variance 0.75 / 1.25.
        let e: Vec<f64> = draws.iter().map(|drawn| (drawn.point[0] - 1.0) / 2.0).collect();
        let mean = e.iter().sum::<f64>() / 4000.0;
        let variance = e.iter().map(|e| (e - mean).powi(2)).sum::<f64>() / 4000.0;
        assert!((mean - 1.2).abs() < 0.07 && (variance - 0.6).abs() < 0.07, "{mean} {variance}");
    }
}
