//! Styles of whole pieces next to labels of whole pieces.

use controlgen::model::Model;
use controlgen::style::Styles;
use gmm::Samples;
use gmm::cluster::KMeans;
use gmm::points::Matrix;
use note_seq::{Key, features};

use super::EvalError;
use super::clusters::{Agreement, agreement};
use super::discovery::styles_of_components;
use super::labelled::{LabelledData, LabelledPiece, Role};
use super::logistic::LogisticRegression;
use super::report::{Figure, Section};
use super::statistics::jackknife_of;

const NOTE: &str = "The style of each labeled, held-out piece (the one that its windows most belong to) next to \
its label. Adjusted mutual information (Vinh et al. 2010) is 0 by chance whatever the numbers of clusters and \
pieces, and so is what figures are ranked by; the normalized kind, 2 I / (H + H), is above 0 by chance. The \
ladder: k-means of as many clusters on the pieces' mean latents, fitted on other pieces; the most frequent key \
of a piece's windows (Krumhansl's profiles) and their most frequent meter alone, the usual confounders; and \
the ceiling, a logistic regression that learned the labels of other pieces from their mean latents. Intervals \
by jackknife over pieces, of the lead over each of the ladder, too, paired: a bootstrap would draw pieces more \
than once, and copies agree.";

/// A piece's label, and its cluster in each way.
type Row = (usize, Vec<usize>);

/// The section on styles of pieces and labels; none without labels.
///
/// # Errors
/// [`EvalError::Mixture`] where the mixture is of other dimensions.
pub(super) fn section(
    model: &Model,
    styles: &Styles,
    data: &LabelledData,
    seed: u64,
) -> Result<Option<Section>, EvalError> {
    let d = model.latent_space().n_active();
    let of_role = |role| -> Vec<&LabelledPiece> {
        data.pieces.iter().filter(|piece| piece.role == role).collect()
    };
    let (learned, tests) = (of_role(Role::Style), of_role(Role::Test));
    if learned.is_empty() || tests.is_empty() {
        return Ok(None);
    }
    let means = |pieces: &[&LabelledPiece]| -> Vec<f64> {
        pieces.iter().flat_map(|piece| mean_point(model, piece)).collect()
    };
    let style_of = styles_of_components(styles);
    let n_styles = style_of.iter().max().map_or(0, |last| last + 1);
    let style = |piece: &&LabelledPiece| -> Result<usize, EvalError> {
        let points = model.latent_space().project_all(&piece.mu);
        let samples = Samples::new(&points, piece.windows.len(), d)?;
        let mut shares = vec![0.0; n_styles];
        for row in styles.mixture().predict_proba(&samples)?.rows() {
            row.iter().zip(&style_of).for_each(|(share, style)| shares[*style] += share);
        }
        Ok(largest(&shares))
    };
    let (others, own) = (means(&learned), means(&tests));
    let kmeans = KMeans::new(n_styles.min(learned.len())).fit(Matrix::new(&others, d)?, seed)?;
    let labels: Vec<usize> = learned.iter().map(|piece| piece.label).collect();
    let ceiling = LogisticRegression::fit(&others, d, &labels, data.labels.len(), 1.0);
    let form = model.form();
    let has_meter = form.encoding().is_some();
    let mut names = vec!["styles", "k-means", "key alone"];
    names.extend(has_meter.then_some("meter alone"));
    names.push("logistic regression on z");
    let mut rows: Vec<Row> = Vec::new();
    for (piece, point) in tests.iter().zip(own.chunks_exact(d)) {
        let key =
            |window: &Vec<u16>| features::key(&form.lead(window).notes).map_or(Key::N, Key::index);
        let mut clusters = vec![style(piece)?, kmeans.nearest(point)];
        clusters.push(most_frequent(piece.windows.iter().map(key)));
        if has_meter {
            let meter = |window: &Vec<u16>| form.control(window).first().map_or(0, |m| (*m).into());
            clusters.push(most_frequent(piece.windows.iter().map(meter)));
        }
        clusters.push(ceiling.predict(point));
        rows.push((piece.label, clusters));
    }
    Ok(Some(figures(&rows, &names, data.labels.len())))
}

/// The figures of pieces with their clusters by each of some names, the first what is measured and
/// the last the ceiling.
fn figures(rows: &[Row], names: &[&str], n_labels: usize) -> Section {
    let mut section = Section::new("piece_labels", "Styles and labels of pieces", NOTE);
    let measures: [(&str, &str, fn(&Agreement) -> f64); 3] = [
        ("ami", "adjusted mutual information", |a| a.ami),
        ("nmi", "normalized mutual information", |a| a.nmi),
        ("ari", "adjusted Rand index", |a| a.ari),
    ];
    let compared = |rows: &[&Row], way: usize, value: fn(&Agreement) -> f64| {
        let (labels, clusters): (Vec<usize>, Vec<usize>) =
            rows.iter().map(|(label, clusters)| (*label, clusters[way])).unzip();
        agreement(&labels, &clusters).map(|found| value(&found))
    };
    let all: Vec<&Row> = rows.iter().collect();
    for (key, title, value) in measures {
        let Some(own) = compared(&all, 0, value) else { continue };
        let title = format!("{title} of styles and {n_labels} labels");
        let figure = Figure::new(&format!("labels.pieces.{key}"), &title, own, "", rows.len())
            // None of these measures is above 1.
            .interval(
                jackknife_of(rows, |rows| compared(rows, 0, value))
                    .map(|[low, high]| [low, high.min(1.0)]),
            );
        let ladder = names.iter().enumerate().skip(1);
        section.push(
            ladder.fold(figure, |figure, (way, name)| {
                figure.beside(name, compared(&all, way, value))
            }),
        );
    }
    let ami: fn(&Agreement) -> f64 = |found| found.ami;
    for (way, name) in names.iter().enumerate().take(names.len() - 1).skip(1) {
        let lead = |rows: &[&Row]| Some(compared(rows, 0, ami)? - compared(rows, way, ami)?);
        let key = format!("labels.pieces.ami_lead.{}", name.replace([' ', '-'], "_"));
        let title = format!("adjusted mutual information, lead over {name}");
        section.push_some(lead(&all).map(|value| {
            Figure::new(&key, &title, value, "", rows.len())
                .interval(jackknife_of(rows, lead))
                .goal(0.0)
        }));
    }
    section
}

/// The mean of a piece's latents on the active dimensions.
fn mean_point(model: &Model, piece: &LabelledPiece) -> Vec<f64> {
    let points = model.latent_space().project_all(&piece.mu);
    let (n, d) = (piece.windows.len(), model.latent_space().n_active());
    (0..d).map(|j| points.iter().skip(j).step_by(d).sum::<f64>() / n as f64).collect()
}

/// The place of the largest value, the first of equals.
fn largest(values: &[f64]) -> usize {
    (0..values.len()).rev().max_by(|a, b| values[*a].total_cmp(&values[*b])).unwrap_or(0)
}

/// The most frequent of some numbers, the smallest of equals.
fn most_frequent(numbers: impl Iterator<Item = usize>) -> usize {
    let mut counts = std::collections::BTreeMap::<usize, usize>::new();
    numbers.for_each(|number| *counts.entry(number).or_default() += 1);
    counts.into_iter().rev().max_by_key(|(_, n)| *n).map_or(0, |(number, _)| number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leads_are_differences_and_have_intervals_around_them() {
        // The first way is always right, the second for 3 of 4 pieces, the last for all.
        let rows: Vec<Row> = (0..40)
            .map(|i| {
                let label = i % 2;
                let other = if i % 8 < 2 { 1 - label } else { label };
                (label, vec![label, other, label])
            })
            .collect();
        let section = figures(&rows, &["styles", "k-means", "ceiling"], 2);
        let figure = |key: &str| section.figures.iter().find(|f| f.key == key).unwrap();
        let own = figure("labels.pieces.ami");
        assert!((own.value - 1.0).abs() < 1e-12);
        let [kmeans, ceiling] = [0, 1].map(|i| own.baselines[i].value);
        assert!((ceiling - 1.0).abs() < 1e-12 && kmeans < 0.3, "{kmeans}");
        let lead = figure("labels.pieces.ami_lead.k_means");
        let [low, high] = lead.interval.unwrap();
        assert!((lead.value - (1.0 - kmeans)).abs() < 1e-12);
        assert!(low < lead.value && lead.value < high && low > 0.0, "{low} {high}");
        assert_eq!(section.figures.iter().filter(|f| f.key.contains("lead")).count(), 1);
    }

    #[test]
    fn of_equals_the_first_is_taken() {
        assert_eq!(largest(&[0.2, 0.5, 0.5]), 1);
        assert_eq!(most_frequent([3, 1, 3, 1, 2].into_iter()), 1);
    }
}
