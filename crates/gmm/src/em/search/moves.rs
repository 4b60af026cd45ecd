//! Split-and-merge moves, which leave an optimum that EM alone can't leave (Ueda, Nakano,
//! Ghahramani & Hinton, *SMEM algorithm for mixture models*, 2000).
//!
//! A move merges two components and splits a third in two. Moves are ranked by the classification
//! likelihood of the resulting groups (Fraley & Raftery 1998), which needs no EM: a group of `n`
//! rows with the covariance `Σ` adds `n ln n - n/2 ln |Σ|`, up to terms that no move changes.

use crate::em::start::Start;
use crate::init::kmeans::Points;
use crate::init::view::View;
use crate::parallel::grain;
use crate::stats::{Accumulator, Moments};
use crate::streams::{Purpose, stream};
use crate::update::{self, CovarianceUpdate};
use crate::{CovarianceType, Samples, linalg};
use rayon::prelude::*;
use std::borrow::Cow;

/// Lloyd iterations of a split.
const LLOYD: usize = 10;
/// Number of merge candidates per group: those with the closest means.
const PAIRS_PER_GROUP: usize = 3;
/// Minimum number of rows of a part, in addition to the number of features plus one for full
/// covariances: smaller parts fit their rows by chance.
const LEAST_ROWS: usize = 4;

/// Merging two groups and splitting a third.
#[derive(Clone, Debug)]
pub(super) struct Move {
    /// Estimated change of the log likelihood of all samples.
    pub(super) gain: f64,
    /// The groups that become one, under the number of the first.
    merged: (usize, usize),
    /// The rows that leave their group and get the number of the second merged group.
    rows: Vec<usize>,
}

impl Move {
    /// The labels after the move.
    pub(super) fn apply(&self, labels: &[usize]) -> Vec<u32> {
        let (kept, freed) = self.merged;
        let mut moved: Vec<u32> = labels
            .iter()
            .map(|label| if *label == freed { kept as u32 } else { *label as u32 })
            .collect();
        for row in &self.rows {
            moved[*row] = freed as u32;
        }
        moved
    }
}

/// All moves worth trying from `labels`, the most promising first. `round` numbers the calls of one
/// start; `points` are the samples in each view.
pub(super) fn moves(
    start: &Start<'_>,
    round: u32,
    samples: &Samples<'_>,
    points: &[Points],
    labels: &[usize],
) -> Vec<Move> {
    let k = start.values.n_components;
    if k < 3 {
        return Vec::new();
    }
    let mut members = vec![Vec::new(); k];
    for (row, label) in labels.iter().enumerate() {
        members[*label].push(row);
    }
    let groups = Groups::new(start, samples, &members);
    let cost = grain(groups.operations(samples.n_samples().div_ceil(k)));
    let splits = (0..k).into_par_iter().with_max_len(1).with_min_len(cost);
    let splits = splits.map(|group| groups.best_split(round, group, &members[group], points));
    let splits: Vec<Option<Split>> = splits.collect();
    let merges = groups.merges();
    let mut moves = Vec::new();
    for (group, split) in splits.into_iter().enumerate() {
        let Some(split) = split else { continue };
        let others = merges.iter().filter(|m| m.pair.0 != group && m.pair.1 != group);
        for merge in others.take(2) {
            let gain = split.gain - merge.loss;
            let rows = split.rows.clone();
            moves.push(Move { gain, merged: merge.pair, rows });
        }
    }
    moves.sort_by(|a, b| b.gain.total_cmp(&a.gain));
    moves
}

/// The best split found for a group.
struct Split {
    gain: f64,
    /// Rows of the smaller part.
    rows: Vec<usize>,
}

struct Merge {
    loss: f64,
    pair: (usize, usize),
}

/// Moments of the rows of each component.
struct Groups<'a> {
    start: &'a Start<'a>,
    samples: &'a Samples<'a>,
    shape: CovarianceType,
    /// The samples' rows; whitened by the covariance within groups for tied covariances.
    rows: Cow<'a, [f64]>,
    moments: Vec<Moments>,
    values: Vec<f64>,
}

impl<'a> Groups<'a> {
    fn new(start: &'a Start<'a>, samples: &'a Samples<'a>, members: &[Vec<usize>]) -> Self {
        let covariance_type = start.values.covariance_type;
        let (data, d) = (samples.data(), samples.n_features());
        let mut rows = Cow::Borrowed(data);
        if covariance_type == CovarianceType::Tied {
            let groups = members.iter().filter(|rows| !rows.is_empty());
            let full = groups.map(|rows| moments_of(samples, data, rows, CovarianceType::Full));
            let full: Vec<Moments> = full.collect();
            let mut within = update::pooled(full.iter(), d);
            CovarianceUpdate::ridge(start.values.reg_covar).apply(&mut within, d);
            rows = Cow::Owned(View::whitened(&vec![0.0; d], &within).apply(data));
        }
        let shape = match covariance_type {
            CovarianceType::Full | CovarianceType::LowRank(_) => CovarianceType::Full,
            _ => CovarianceType::Diag,
        };
        let mut groups =
            Self { start, samples, shape, rows, moments: Vec::new(), values: Vec::new() };
        let cost = grain(groups.operations(samples.n_samples() / members.len()));
        let each = members.par_iter().with_max_len(1).with_min_len(cost);
        groups.moments = each.map(|rows| groups.moments_of(rows)).collect();
        groups.values = groups.moments.iter().map(|m| groups.value(m)).collect();
        groups
    }

    /// Approximate number of operations for a group of `n` rows.
    fn operations(&self, n: usize) -> usize {
        let d = self.samples.n_features();
        if self.shape == CovarianceType::Full { (n + d) * d * d } else { 100 * n * d }
    }

    fn moments_of(&self, members: &[usize]) -> Moments {
        moments_of(self.samples, &self.rows, members, self.shape)
    }

    /// The part of the classification likelihood that depends on a group; minus infinity if its
    /// covariance is singular.
    fn value(&self, moments: &Moments) -> f64 {
        let (n, d, reg) = (moments.count, self.samples.n_features(), self.start.values.reg_covar);
        if n <= 0.0 {
            return 0.0;
        }
        let log_det = match self.start.values.covariance_type {
            CovarianceType::Full | CovarianceType::LowRank(_) => {
                let mut factor = moments.covariance();
                CovarianceUpdate::ridge(reg).apply(&mut factor, d);
                match linalg::cholesky_in(&mut factor, d) {
                    Ok(()) => (0..d).map(|i| 2.0 * factor[i * d + i].ln()).sum::<f64>(),
                    Err(_) => return f64::NEG_INFINITY,
                }
            }
            // Rows are whitened, so the change of the pooled determinant is that of a sum of
            // squares.
            CovarianceType::Tied => moments.variances().iter().sum::<f64>(),
            CovarianceType::Diag => moments.variances().iter().map(|v| (v + reg).ln()).sum(),
            CovarianceType::Spherical => {
                d as f64 * (moments.variances().iter().sum::<f64>() / d as f64 + reg).ln()
            }
        };
        n * n.ln() - 0.5 * n * log_det
    }

    /// The best of the splits by 2-means in each view; `None` if all leave a part too small.
    fn best_split(
        &self,
        round: u32,
        group: usize,
        members: &[usize],
        points: &[Points],
    ) -> Option<Split> {
        let d = self.samples.n_features();
        let least = match self.shape {
            CovarianceType::Full => LEAST_ROWS.max(d + 1),
            _ => LEAST_ROWS,
        };
        if members.len() < 2 * least || !self.values[group].is_finite() {
            return None;
        }
        let index = (self.start.index as u32) << 20 | round << 12 | group as u32 & 0xfff;
        let mut rng = stream(self.start.seed, Purpose::Split, index);
        let mut best: Option<Split> = None;
        for points in points {
            let own = points.subset(members);
            let labels = own.lloyd(&own.plus_plus(2, &mut rng), LLOYD).labels;
            let part = |label: u32| -> Vec<usize> {
                let listed = members.iter().zip(&labels);
                listed.filter(|(_, own)| **own == label).map(|(row, _)| *row).collect()
            };
            let (first, second) = (part(0), part(1));
            if first.len().min(second.len()) < least {
                continue;
            }
            let value = [&first, &second].map(|rows| self.value(&self.moments_of(rows)));
            let gain = value[0] + value[1] - self.values[group];
            if gain.is_finite() && best.as_ref().is_none_or(|best| gain > best.gain) {
                let rows = if first.len() < second.len() { first } else { second };
                best = Some(Split { gain, rows });
            }
        }
        best
    }

    /// The cheapest mergers first.
    fn merges(&self) -> Vec<Merge> {
        let (k, d) = (self.moments.len(), self.samples.n_features());
        let empty: Vec<usize> = (0..k).filter(|k| self.moments[*k].count <= 0.0).collect();
        let scales = self.start.background.covariance.variances();
        let scales: Vec<f64> =
            scales.iter().map(|v| if *v > 0.0 { v.recip() } else { 0.0 }).collect();
        let is_tied = self.start.values.covariance_type == CovarianceType::Tied;
        let means: Vec<Vec<f64>> = self.moments.iter().map(Moments::mean).collect();
        let mut pairs = Vec::new();
        for i in (0..k).filter(|i| !empty.contains(i)) {
            for j in (i + 1..k).filter(|j| !empty.contains(j)) {
                let squares = means[i].iter().zip(&means[j]).map(|(a, b)| (a - b) * (a - b));
                let distance: f64 = if is_tied {
                    squares.sum()
                } else {
                    squares.zip(&scales).map(|(square, scale)| square * scale).sum()
                };
                pairs.push((distance, (i, j)));
            }
        }
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
        pairs.truncate(PAIRS_PER_GROUP * k);
        let cost = grain(if self.shape == CovarianceType::Full { d * d * d } else { 20 * d });
        let merges = pairs.into_par_iter().with_min_len(cost).map(|(_, pair)| {
            let (i, j) = pair;
            let mut merged = self.moments[i].clone();
            merged.merge(&self.moments[j]);
            Merge { loss: self.values[i] + self.values[j] - self.value(&merged), pair }
        });
        let mut merges: Vec<Merge> = merges.filter(|merge| merge.loss.is_finite()).collect();
        merges.sort_by(|a, b| a.loss.total_cmp(&b.loss));
        merges
    }
}

/// Moments of some rows of `data` around their mean.
fn moments_of(
    samples: &Samples<'_>,
    data: &[f64],
    members: &[usize],
    shape: CovarianceType,
) -> Moments {
    let d = samples.n_features();
    let rows = || members.iter().map(|row| (&data[row * d..(row + 1) * d], samples.weight(*row)));
    let mut mean = vec![0.0; d];
    let mut total = 0.0;
    for (row, weight) in rows() {
        total += weight;
        mean.iter_mut().zip(row).for_each(|(mean, x)| *mean += weight * x);
    }
    if total > 0.0 {
        mean.iter_mut().for_each(|mean| *mean /= total);
    }
    if shape == CovarianceType::Full {
        let mut accumulator = Accumulator::<f64>::new(d);
        accumulator.reset(&mean);
        let listed: Vec<u32> = members.iter().map(|row| *row as u32).collect();
        let weights: Vec<f64> = rows().map(|(_, weight)| weight).collect();
        accumulator.add(data, &listed, &weights);
        return accumulator.finish().clone();
    }
    let mut moments = Moments::new(shape, d);
    moments.count = total;
    moments.center.copy_from_slice(&mean);
    for (row, weight) in rows() {
        for ((second, x), mean) in moments.second.iter_mut().zip(row).zip(&mean) {
            *second += weight * (x - mean) * (x - mean);
        }
    }
    moments
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::GmmParams;
    use crate::em::start::SharedStarts;
    use crate::values::Values;

    /// Three groups of ten rows around 0, 10 and 20.
    fn rows() -> Vec<f64> {
        (0..30).map(|i| f64::from(i / 10 * 10) + 0.1 * f64::from(i % 10)).collect()
    }

    fn of(covariance_type: CovarianceType, labels: &[usize]) -> Vec<Move> {
        let rows = rows();
        let samples = Samples::new(&rows, 30, 1).unwrap();
        let params = GmmParams::new(3).covariance_type(covariance_type).reg_covar(0.0);
        let values: &Values = &params.check().unwrap().values().clone();
        let shared = SharedStarts::default();
        let background = shared.background(values, &samples, 0);
        let start = Start { values, seed: 0, index: 0, background: &background, shared: &shared };
        let points = [Points::new(&rows, &[1.0; 30], &View::raw(&[0.0]))];
        moves(&start, 0, &samples, &points, labels)
    }

    /// `n ln n - n/2 ln σ²` of consecutive values 0.1 apart, `n` of them.
    fn value(n: f64) -> f64 {
        n * n.ln() - 0.5 * n * (0.01 * (n * n - 1.0) / 12.0).ln()
    }

    #[test]
    fn the_first_move_puts_a_misplaced_component_right() {
        // The first group is cut in half, the other two are joined.
        let labels = (0..30).map(|i| if i < 5 { 0 } else { 2 - usize::from(i < 10) });
        let labels: Vec<usize> = labels.collect();
        for covariance_type in [CovarianceType::Full, CovarianceType::Diag] {
            let first = &of(covariance_type, &labels)[0];
            assert_eq!(first.merged, (0, 1), "{covariance_type:?}");
            let moved = first.apply(&labels);
            assert!(moved[..10].iter().all(|label| *label == 0));
            assert!(moved[10..20].iter().all(|label| *label == moved[10]));
            assert!(moved[20..].iter().all(|label| *label == moved[20]));
            assert!(moved[10] != moved[20] && moved[10] != 0 && moved[20] != 0);
            // The joint group of 20 has the variance within, 0.0825, plus 5² between.
            let joint = 20.0 * 20.0_f64.ln() - 10.0 * 25.0825_f64.ln();
            let gain = 2.0 * value(10.0) - joint - (2.0 * value(5.0) - value(10.0));
            assert!((first.gain - gain).abs() < 1e-9 * gain, "{} {gain}", first.gain);
        }
        for covariance_type in [CovarianceType::Tied, CovarianceType::Spherical] {
            let first = &of(covariance_type, &labels)[0];
            assert_eq!(first.merged, (0, 1), "{covariance_type:?}");
        }
    }

    #[test]
    fn no_move_gains_where_every_component_is_in_its_place() {
        let labels: Vec<usize> = (0..30).map(|i| i / 10).collect();
        for covariance_type in [
            CovarianceType::Full,
            CovarianceType::Tied,
            CovarianceType::Diag,
            CovarianceType::Spherical,
        ] {
            assert!(of(covariance_type, &labels).iter().all(|m| m.gain < 0.0));
        }
    }
}
