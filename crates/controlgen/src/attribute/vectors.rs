//! `attributes.json`: directions in latent space, learned from a model's reference windows.

use corpus::artifact::JsonFormat;
use gmm::Gaussian;
use gmm::points::{Matrix, covariance, dot, mean};
use serde::{Deserialize, Serialize};

use super::{Attribute, AttributeError, Dial, measure_all};
use crate::model::Model;
use crate::style::Reference;

/// Name of the file in a model folder.
const FILE: &str = "attributes.json";
/// Minimum number of windows for estimating quartiles.
const FEWEST: usize = 40;
/// Added to variances, relative to their mean, so that covariances of few windows are invertible.
const RIDGE: f64 = 1e-4;

/// Method of finding a direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttributeMethod {
    /// Mean latent of the quarter of windows with the highest values, minus that of the quarter
    /// with the lowest: correlated attributes change, too.
    Quartile,
    /// Least-squares regression of latents on all attributes together: the effect of one attribute
    /// with the others held constant.
    #[default]
    Regression,
}

/// An attribute with the direction learned by a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttributeVector {
    /// The attribute.
    pub attribute: Attribute,
    /// Mean over the reference windows.
    pub mean: f64,
    /// Standard deviation over the reference windows.
    pub std_dev: f64,
    /// Lower and upper quartile of the windows' values; if most windows have the same value, the
    /// nearest other value on one side.
    pub quartiles: [f64; 2],
    /// Fraction of its variance explained by a linear function of the latents.
    pub r_squared: f64,
    /// Change of the active dimensions per standard deviation, by quartiles.
    pub quartile: Vec<f64>,
    /// The same by regression.
    pub regression: Vec<f64>,
}

/// An attribute that could not be learned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unlearnt {
    /// The attribute.
    pub attribute: Attribute,
    /// The reason.
    pub why: String,
}

/// The attributes of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttributeVectors {
    /// The model's hash.
    pub model_hash: String,
    /// Number of windows they were learned from.
    pub n_windows: usize,
    /// Learned attributes.
    pub vectors: Vec<AttributeVector>,
    /// Attributes that could not be learned.
    pub unlearnt: Vec<Unlearnt>,
}

impl JsonFormat for AttributeVectors {
    const FORMAT: &'static str = "controlgen.attributes";
    const VERSION: u32 = 1;
}

impl AttributeVector {
    /// The direction by a method, per standard deviation.
    pub fn direction(&self, method: AttributeMethod) -> &[f64] {
        match method {
            AttributeMethod::Quartile => &self.quartile,
            AttributeMethod::Regression => &self.regression,
        }
    }
}

impl AttributeVectors {
    /// Learns all attributes from a model's reference windows and writes `attributes.json`.
    ///
    /// # Errors
    /// Returns an [`AttributeError`] for kinds without a melody, for too few windows, or if a file
    /// can't be read or written.
    pub fn learn(model: &Model, reference: &Reference) -> Result<Self, AttributeError> {
        let form = model.form();
        if form.layout().is_some() && model.kind().is_of_drums() {
            return Err(AttributeError::NoMelody { kind: model.kind().name });
        }
        let attributes = Attribute::of_form(form);
        let space = model.latent_space();
        let (mut points, mut values) = (Vec::new(), Vec::new());
        for row in &reference.rows {
            // A melody with two notes has all attributes. In music of many voices some may be
            // missing, for example loudness in music without dynamics.
            if form.n_notes([&row.tokens[..]]) >= 2 {
                points.push(space.project(&row.mu));
                values.push(measure_all(&attributes, form, &row.tokens));
            }
        }
        let mut learnt = Self::of(&attributes, &points, &values)?;
        model.hash().clone_into(&mut learnt.model_hash);
        learnt.save(&model.folder().join(FILE))?;
        Ok(learnt)
    }

    /// Learns from points and the attributes measured there. Missing values are replaced by the
    /// mean.
    fn of(
        attributes: &[Attribute],
        points: &[Vec<f64>],
        values: &[Vec<Option<f64>>],
    ) -> Result<Self, AttributeError> {
        let n = points.len();
        if n < FEWEST {
            return Err(AttributeError::TooFew { found: n, needed: FEWEST });
        }
        let column = |at: usize| -> Vec<f64> {
            let known: Vec<f64> = values.iter().filter_map(|values| values[at]).collect();
            let mean = mean_and_std(&known).0;
            values.iter().map(|values| values[at].unwrap_or(mean)).collect()
        };
        let columns: Vec<Vec<f64>> = (0..attributes.len()).map(column).collect();
        let known = |at: usize| values.iter().filter_map(|values| values[at]).collect::<Vec<f64>>();
        let moments: Vec<(f64, f64)> =
            (0..attributes.len()).map(|at| mean_and_std(&known(at))).collect();
        let mut unlearnt = Vec::new();
        let mut used = Vec::new();
        for (at, attribute) in attributes.iter().copied().enumerate() {
            let known = known(at);
            if known.len() < FEWEST {
                let why = format!("{} of its windows have it, {FEWEST} are needed", known.len());
                unlearnt.push(Unlearnt { attribute, why });
                continue;
            }
            let quartiles = quartiles(&known);
            if moments[at].1 <= 1e-9 * moments[at].0.abs().max(1.0) || quartiles[0] >= quartiles[1]
            {
                let why = format!("all its windows have {:.2}", quartiles[0]);
                unlearnt.push(Unlearnt { attribute, why });
            } else {
                used.push((at, attribute, quartiles));
            }
        }
        let latents = gaussian(points)?;
        // Attributes in standard deviations from their means.
        let standard: Vec<Vec<f64>> = (0..n)
            .map(|i| {
                let of = |(at, ..): &(usize, Attribute, [f64; 2])| {
                    (columns[*at][i] - moments[*at].0) / moments[*at].1
                };
                used.iter().map(of).collect()
            })
            .collect();
        let d = latents.mean().len();
        // Covariances of latents and attributes, one column for each attribute.
        let mut cross = vec![vec![0.0; d]; used.len()];
        for (point, standard) in points.iter().zip(&standard) {
            for (column, a) in cross.iter_mut().zip(standard) {
                for (sum, (x, m)) in column.iter_mut().zip(point.iter().zip(latents.mean())) {
                    *sum += a * (x - m) / n as f64;
                }
            }
        }
        let mut vectors = Vec::new();
        if !used.is_empty() {
            let among = gaussian(&standard)?;
            for (i, (at, attribute, quartiles)) in used.iter().enumerate() {
                // The change predicted by a linear function of the latents, in standard deviations.
                let slopes = latents.solve(&cross[i]);
                let told = |change: &[f64]| dot(&slopes, change);
                let mut unit = vec![0.0; used.len()];
                unit[i] = 1.0;
                let weights = among.solve(&unit);
                let mut regression = vec![0.0; d];
                for (weight, column) in weights.iter().zip(&cross) {
                    regression.iter_mut().zip(column).for_each(|(sum, c)| *sum += weight * c);
                }
                let quartile = difference(points, &columns[*at], *quartiles);
                let r_squared = dot(&slopes, &cross[i]).clamp(0.0, 1.0);
                let (own, other) = (told(&regression), told(&quartile));
                if own <= 0.0 || other <= 0.0 {
                    let why = "latents don't determine it".to_owned();
                    unlearnt.push(Unlearnt { attribute: *attribute, why });
                    continue;
                }
                regression.iter_mut().for_each(|v| *v /= own);
                let quartile = quartile.iter().map(|v| v / other).collect();
                let (mean, std_dev) = moments[*at];
                let quartiles = *quartiles;
                let attribute = *attribute;
                vectors.push(AttributeVector {
                    attribute,
                    mean,
                    std_dev,
                    quartiles,
                    r_squared,
                    quartile,
                    regression,
                });
            }
        }
        Ok(Self { model_hash: String::new(), n_windows: n, vectors, unlearnt })
    }

    /// Reads a model folder's attributes.
    ///
    /// # Errors
    /// Returns an [`AttributeError`] if there are none, or if they are damaged or of another model.
    pub fn load(model: &Model) -> Result<Self, AttributeError> {
        let path = model.folder().join(FILE);
        if !path.exists() {
            return Err(AttributeError::Missing { folder: model.folder().to_owned() });
        }
        let found = <Self as JsonFormat>::load(&path)?;
        let d = model.latent_space().n_active();
        let fits = |v: &AttributeVector| v.quartile.len() == d && v.regression.len() == d;
        if found.model_hash != model.hash() || !found.vectors.iter().all(fits) {
            return Err(AttributeError::Foreign { path, found: found.model_hash });
        }
        Ok(found)
    }

    /// One attribute.
    ///
    /// # Errors
    /// Returns [`AttributeError::Unlearnt`] if it was not learned.
    pub fn get(&self, attribute: Attribute) -> Result<&AttributeVector, AttributeError> {
        self.vectors.iter().find(|v| v.attribute == attribute).ok_or_else(|| {
            let why = self.unlearnt.iter().find(|u| u.attribute == attribute);
            let why = why.map_or_else(|| "it was not learned".to_owned(), |u| u.why.clone());
            AttributeError::Unlearnt { attribute, why }
        })
    }

    /// The sum of the shifts by some dials, on the active dimensions of a latent.
    ///
    /// # Errors
    /// Returns [`AttributeError::Unlearnt`] if an attribute was not learned.
    pub fn shift(
        &self,
        dials: &[Dial],
        method: AttributeMethod,
    ) -> Result<Vec<f64>, AttributeError> {
        let mut shift: Vec<f64> = Vec::new();
        for dial in dials {
            let direction = self.get(dial.attribute)?.direction(method);
            shift.resize(direction.len(), 0.0);
            shift.iter_mut().zip(direction).for_each(|(sum, v)| *sum += dial.by * v);
        }
        Ok(shift)
    }
}

/// Lower and upper quartile. If most values are equal, the nearest other value replaces the
/// quartile on its side.
fn quartiles(values: &[f64]) -> [f64; 2] {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    let (low, high) = (sorted[n / 4], sorted[n - 1 - n / 4]);
    if low < high {
        return [low, high];
    }
    let below = sorted.iter().rev().copied().find(|v| *v < low);
    let above = sorted.iter().copied().find(|v| *v > high);
    match (below, above) {
        (Some(below), _) => [below, high],
        (None, Some(above)) => [low, above],
        (None, None) => [low, high],
    }
}

fn mean_and_std(values: &[f64]) -> (f64, f64) {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt())
}

/// The Gaussian with the mean and covariance of some points, with a ridge on the variances.
fn gaussian(points: &[Vec<f64>]) -> Result<Gaussian, gmm::ModelError> {
    let (d, values) = (points.first().map_or(0, Vec::len), points.concat());
    let points = Matrix::new(&values, d)?;
    let mut covariance = covariance(points)?;
    let ridge = RIDGE * covariance.iter().step_by(d + 1).sum::<f64>() / d as f64;
    for i in 0..d {
        covariance[i * d + i] += ridge.max(f64::MIN_POSITIVE);
    }
    Gaussian::new(mean(points)?, covariance)
}

/// Mean point of the windows at or above the upper quartile, minus that of those at or below the
/// lower.
fn difference(points: &[Vec<f64>], values: &[f64], [low, high]: [f64; 2]) -> Vec<f64> {
    let mean = |keep: &dyn Fn(f64) -> bool| {
        let kept: Vec<&Vec<f64>> =
            points.iter().zip(values).filter(|(_, v)| keep(**v)).map(|(p, _)| p).collect();
        let mut sum = vec![0.0; points.first().map_or(0, Vec::len)];
        for point in &kept {
            sum.iter_mut().zip(*point).for_each(|(sum, x)| *sum += x / kept.len() as f64);
        }
        sum
    };
    let (top, bottom) = (mean(&|v| v >= high), mean(&|v| v <= low));
    top.iter().zip(bottom).map(|(a, b)| a - b).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use musicvae::seed;
    use rand::RngExt;
    use rand_distr::StandardNormal;

    /// Latents of four dimensions: density is the first dimension; pitch is the second plus half of
    /// density; the rest is noise. Syncopation is constant.
    fn made(n: usize) -> (Vec<Vec<f64>>, Vec<Vec<Option<f64>>>) {
        let mut rng = seed::stream(3, "test", 0);
        let mut normal = || -> f64 { rng.sample(StandardNormal) };
        (0..n)
            .map(|_| {
                let x: Vec<f64> = (0..4).map(|_| normal()).collect();
                let (density, pitch) = (x[0], x[1] + 0.5 * x[0]);
                let noise = [normal(), normal(), normal()];
                let values =
                    [8.0 + 2.0 * density, 60.0 + 5.0 * pitch, noise[0], 1.0, noise[1], noise[2]];
                (x, values.map(Some).to_vec())
            })
            .unzip()
    }

    #[test]
    fn directions_change_an_attribute_by_one_deviation_and_regression_leaves_others() {
        let (points, values) = made(4000);
        let learnt = AttributeVectors::of(&Attribute::ALL[..6], &points, &values).unwrap();
        let density = learnt.get(Attribute::Density).unwrap();
        assert!((density.mean - 8.0).abs() < 0.2 && (density.std_dev - 2.0).abs() < 0.1);
        assert!(density.r_squared > 0.99, "{}", density.r_squared);
        let change = |v: &[f64]| (v[0], (v[1] + 0.5 * v[0]) / 1.25_f64.sqrt());
        for method in [AttributeMethod::Quartile, AttributeMethod::Regression] {
            let (own, _) = change(density.direction(method));
            assert!((own - 1.0).abs() < 0.05, "{method:?}: {own}");
        }
        // More density usually means a higher pitch: the direction by quartiles includes it, the
        // one by regression doesn't.
        let (_, by_quartile) = change(&density.quartile);
        let (_, by_regression) = change(&density.regression);
        assert!(by_quartile > 0.35 && by_regression.abs() < 0.06, "{by_quartile} {by_regression}");
        let dials = [
            Dial { attribute: Attribute::Density, by: 1.5 },
            Dial { attribute: Attribute::Pitch, by: -1.0 },
        ];
        let shift = learnt.shift(&dials, AttributeMethod::Regression).unwrap();
        let (first, second) = change(&shift);
        assert!((first - 1.5).abs() < 0.1 && (second + 1.0).abs() < 0.1, "{first} {second}");
    }

    #[test]
    fn quartiles_of_values_that_are_mostly_the_same_still_differ() {
        let mostly: Vec<f64> =
            (0..40).map(|i| if i < 5 { 0.1 * f64::from(i) } else { 1.0 }).collect();
        assert_eq!(quartiles(&mostly), [0.4, 1.0]);
        let rarely: Vec<f64> = (0..40).map(|i| if i < 5 { 2.0 } else { 1.0 }).collect();
        assert_eq!(quartiles(&rarely), [1.0, 2.0]);
        let spread: Vec<f64> = (0..40).map(f64::from).collect();
        assert_eq!(quartiles(&spread), [10.0, 29.0]);
        assert_eq!(quartiles(&[3.0; 8]), [3.0, 3.0]);
    }

    #[test]
    fn what_never_changes_is_not_learnt_and_said_so() {
        let (points, values) = made(400);
        let learnt = AttributeVectors::of(&Attribute::ALL[..6], &points, &values).unwrap();
        let error = learnt.get(Attribute::Syncopation).unwrap_err().to_string();
        assert_eq!(
            error,
            "`syncopation` could not be learned from this model's music: all its windows have 1.00"
        );
        let few =
            AttributeVectors::of(&Attribute::ALL[..6], &points[..9], &values[..9]).unwrap_err();
        assert!(few.to_string().contains("has 9 windows of two notes or more"), "{few}");
    }
}
