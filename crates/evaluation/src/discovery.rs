//! The mixture's components: do they hold what is drawn from them, and do they match known labels?

use controlgen::encode::encode_windows;
use controlgen::model::Model;
use controlgen::style::{Style, Styles};
use gmm::cluster::KMeans;
use gmm::points::{Matrix, Pca};
use gmm::{GaussianMixture, GmmParams, Samples};
use musicvae::seed;
use note_seq::{Key, features};
use rand::RngExt;

use super::EvalError;
use super::clusters::{Agreement, agreement, confusion};
use super::data::EvalData;
use super::judge::thin;
use super::logistic::LogisticRegression;
use super::report::{Chart, Figure, Section, Series};
use super::samples::Source;
use super::statistics::{Tally, bootstrap, jackknife_of};

/// Windows drawn of each component.
const DRAWN: usize = 60;
/// Training windows that k-means and the classifier of latents are fitted on.
const FITTED: usize = 5_000;
/// Training windows that a mixture is fitted on: a full covariance of a hundred dimensions has
/// 5,000 numbers, for each component.
const MIXTURE_FITTED: usize = 50_000;
/// Points of the map.
const MAPPED: usize = 1_500;
/// Number of groups with separate colors on the map.
const COLOURED: usize = 8;

/// Number of a mixture's components that are found again.
const REENCODE_NOTE: &str = "Claim 2, by the model's own encoder: windows are drawn from each style, \
decoded, encoded again, and counted where the most probable style is the one they were drawn from. The \
encoder that made the clusters is the judge, so this is an upper bound on control.";

/// The section on re-encoding, for the styles of the model that are shown, or for the `k`
/// components of a mixture of the same shape that is fitted to the training latents here.
///
/// # Errors
/// [`EvalError::Fit`] where there are fewer latents than components.
pub(super) fn reencode(
    model: &Model,
    styles: &Styles,
    data: &EvalData,
    k: Option<usize>,
    temperature: f32,
    seed: u64,
) -> Result<Section, EvalError> {
    let fitted;
    let own = styles.mixture();
    let discovered = styles.all().iter().filter(|style| !style.is_added() && !style.hidden);
    let of_styles: Vec<Vec<usize>> = discovered.map(|style| style.components.clone()).collect();
    let k = k.unwrap_or(of_styles.len());
    let (mixture, groups) = if of_styles.len() == k {
        (own, of_styles)
    } else {
        let values = fitting_values(model, data, MIXTURE_FITTED);
        let n_active = model.latent_space().n_active();
        let samples = Samples::new(&values, values.len() / n_active.max(1), n_active)?;
        let params = GmmParams::new(k).covariance_type(own.covariance_type()).n_init(2);
        fitted = params.fit(&samples, seed)?.model;
        (&fitted, (0..fitted.n_components()).map(|component| vec![component]).collect())
    };
    // Components of hidden styles are none of these.
    let group_of = |component: &usize| groups.iter().position(|group| group.contains(component));
    let mut section = Section::new("reencode", "Control, encoded again", REENCODE_NOTE);
    let (mut drawn, mut found) = (Vec::new(), Vec::new());
    let mut units = Vec::new();
    let controls = Source::Mixture(mixture).controls(model)?;
    for (number, group) in groups.iter().enumerate() {
        let distribution = mixture.only(group)?;
        let source = Source::Mixture(&distribution);
        let seed = seed.wrapping_add(1 + number as u64);
        let windows = source.windows(model, &controls, DRAWN, temperature, seed)?;
        let latents = model.latent_space().project_all(&encode_windows(model, &windows));
        let samples = Samples::new(&latents, DRAWN, mixture.n_features())?;
        for component in mixture.predict(&samples)? {
            let label = group_of(&component).unwrap_or(groups.len());
            drawn.push(number);
            found.push(label);
            units.push(Tally { sum: f64::from(u8::from(label == number)), of: 1.0 });
        }
    }
    if let Some(accuracy) = bootstrap(&units, seed) {
        let title = format!("drawn from a style and found in it again, {k} styles");
        let figure = Figure::share("control.reencode.accuracy", &title, accuracy, units.len())
            .beside("chance", 1.0 / k as f64)
            .goal(0.8);
        section.push(figure);
    }
    let numbers = (0..groups.len()).map(|number| number.to_string());
    let rows: Vec<String> = numbers.collect();
    let mut columns = rows.clone();
    if found.contains(&groups.len()) {
        columns.push("hidden".to_owned());
    }
    section.charts.push(Chart::confusion(
        "Styles: drawn from, found in",
        ["drawn from", "found in"],
        [rows, columns],
        &confusion(&drawn, &found),
    ));
    Ok(section)
}

/// Active means of some training windows, spread evenly.
fn fitting_values(model: &Model, data: &EvalData, most: usize) -> Vec<f64> {
    let all: Vec<usize> = (0..data.train.rows.len()).collect();
    data.train.points_at(model.latent_space(), thin(&all, most))
}

const LABELS_NOTE: &str = "Styles (each a component of the mixture, or several) next to the \
corpus's labels, on labeled held-out windows: mutual information adjusted for chance (Vinh et al. \
2010; 0 by chance), the same only normalized, 2 I / (H + H), as the paper gives it (above 0 by \
chance, the more so on few windows), the Rand index adjusted for chance, V-measure, purity. \
Intervals are by jackknife over files. The ladder: random clusters, k-means of as many clusters on \
the same latents, clusters by key alone (Krumhansl's profiles; the usual confounder), the styles, \
and a logistic regression trained on the labels and the same latents (the ceiling: it sees the \
labels, the others don't).";

/// The section on clusters and labels; none with fewer than two labels on both sides of the split.
///
/// # Errors
/// [`EvalError::Mixture`] where the mixture is of other dimensions.
pub(super) fn labels(
    model: &Model,
    styles: &Styles,
    data: &EvalData,
    seed: u64,
) -> Result<Option<Section>, EvalError> {
    let space = model.latent_space();
    let in_train = data.train.by_label();
    let names: Vec<&str> = in_train.keys().copied().collect();
    let class = |label: &Option<String>| {
        label.as_deref().and_then(|label| names.binary_search(&label).ok())
    };
    let heldout = &data.heldout;
    let labelled: Vec<(usize, usize)> = heldout
        .rows
        .iter()
        .enumerate()
        .filter_map(|(i, row)| Some((i, class(&row.label)?)))
        .collect();
    let truth: Vec<usize> = labelled.iter().map(|(_, label)| *label).collect();
    let different: std::collections::BTreeSet<usize> = truth.iter().copied().collect();
    if names.len() < 2 || different.len() < 2 {
        return Ok(None);
    }
    let d = space.n_active();
    let points = heldout.points_at(space, labelled.iter().map(|(i, _)| *i));
    let style_of = styles_of_components(styles);
    let k = style_of.iter().max().map_or(0, |last| last + 1);
    let components = styles.mixture().predict(&Samples::new(&points, labelled.len(), d)?)?;
    let found: Vec<usize> = components.into_iter().map(|component| style_of[component]).collect();
    let fitted = fitting_values(model, data, FITTED);
    let fitted = Matrix::new(&fitted, d)?;
    let clusters = KMeans::new(k.min(fitted.n_rows())).fit(fitted, seed)?;
    let mut rng = seed::stream(seed, "random clusters", 0);
    let form = model.form();
    // As many training windows of each label as FITTED allows.
    let (mut rows, mut classes) = (Vec::new(), Vec::new());
    for (label, places) in in_train.values().enumerate() {
        let places = thin(places, FITTED / names.len());
        classes.extend(places.iter().map(|_| label));
        rows.extend(data.train.points_at(space, places));
    }
    let classifier = LogisticRegression::fit(&rows, d, &classes, names.len(), 1.0);
    // Windows without a note, which have no key, are a cluster, too.
    let key = |tokens: &[u16]| features::key(&form.lead(tokens).notes).map_or(Key::N, Key::index);
    let ladder: [(&str, Vec<usize>); 4] = [
        ("random", truth.iter().map(|_| rng.random_range(0..k)).collect()),
        ("k-means", points.chunks_exact(d).map(|point| clusters.nearest(point)).collect()),
        ("key alone", labelled.iter().map(|(i, _)| key(&heldout.rows[*i].tokens)).collect()),
        ("logistic regression on z", classifier.predict_all(&points)),
    ];
    let mut section = Section::new("labels", "Clusters and labels", LABELS_NOTE);
    let measures: [(&str, &str, fn(&Agreement) -> f64); 5] = [
        ("ami", "adjusted mutual information", |a| a.ami),
        ("nmi", "normalized mutual information", |a| a.nmi),
        ("ari", "adjusted Rand index", |a| a.ari),
        ("v_measure", "V-measure", |a| a.v_measure),
        ("purity", "purity", |a| a.purity),
    ];
    let files = by_file(data, &labelled, &truth, &found);
    for (key, title, value) in measures {
        let Some(own) = agreement(&truth, &found) else { continue };
        // A bootstrap would draw files more than once, and copies agree: its interval would lie
        // above the value.
        let interval = jackknife_of(&files, |drawn| {
            let (truth, found): (Vec<usize>, Vec<usize>) =
                drawn.iter().copied().flatten().copied().unzip();
            agreement(&truth, &found).map(|a| value(&a))
        });
        // None of these measures is above 1.
        let interval = interval.map(|[low, high]| [low, high.min(1.0)]);
        let mut figure = Figure::new(&format!("labels.{key}"), title, value(&own), "", truth.len())
            .interval(interval);
        for (name, clusters) in &ladder {
            figure = figure.beside(name, agreement(&truth, clusters).map(|a| value(&a)));
        }
        section.push(figure);
    }
    let right = truth.iter().zip(&ladder[3].1).filter(|(a, b)| a == b).count() as f64;
    let title = "accuracy of logistic regression on z";
    let figure =
        Figure::new("labels.z_accuracy", title, right / truth.len() as f64, "share", truth.len());
    section.push(figure.beside("chance", 1.0 / names.len() as f64));
    let numbers: Vec<String> = (0..k).map(|k| k.to_string()).collect();
    let labels = names.iter().map(|name| (*name).to_owned()).collect();
    section.charts.push(Chart::confusion(
        "Labels: where their held-out windows lie",
        ["label", "style"],
        [labels, numbers],
        &confusion(&truth, &found),
    ));
    Ok(Some(section))
}

/// The number of the discovered style that each component is of: the first, where several have it;
/// components of none come after all styles.
pub(super) fn styles_of_components(styles: &Styles) -> Vec<usize> {
    let discovered: Vec<&Style> = styles.all().iter().filter(|style| !style.is_added()).collect();
    let mut n_styles = discovered.len();
    (0..styles.mixture().n_components())
        .map(|component| {
            let of = discovered.iter().position(|style| style.components.contains(&component));
            of.unwrap_or_else(|| {
                n_styles += 1;
                n_styles - 1
            })
        })
        .collect()
}

/// Pairs of label and cluster, file by file.
fn by_file(
    data: &EvalData,
    labelled: &[(usize, usize)],
    truth: &[usize],
    found: &[usize],
) -> Vec<Vec<(usize, usize)>> {
    let mut files = std::collections::BTreeMap::<&str, Vec<(usize, usize)>>::new();
    for ((i, _), pair) in labelled.iter().zip(truth.iter().copied().zip(found.iter().copied())) {
        files.entry(&data.heldout.rows[*i].group).or_default().push(pair);
    }
    files.into_values().collect()
}

/// The map of held-out latents, colored by component and by label.
///
/// # Errors
/// [`EvalError::Mixture`] where the mixture is of other dimensions.
pub(super) fn map(
    model: &Model,
    mixture: Option<&GaussianMixture>,
    data: &EvalData,
) -> Result<Option<Section>, EvalError> {
    let (space, d) = (model.latent_space(), model.latent_space().n_active());
    let points = data.heldout.points(space);
    if points.is_empty() {
        return Ok(None);
    }
    let pca = Pca::fit(Matrix::new(&points, d)?, 2)?;
    let ratio = |axis: usize| pca.explained_variance_ratio().get(axis).copied().unwrap_or(0.0);
    let all: Vec<usize> = (0..data.heldout.rows.len()).collect();
    let shown = thin(&all, MAPPED);
    let place = |i: usize| {
        let position = pca.transform(&points[i * d..][..d]);
        [0, 1].map(|axis| position.get(axis).copied().unwrap_or(0.0))
    };
    let note = format!(
        "Held-out windows on the plane of the first two principal components of their active latents, \
         which hold {:.0} % and {:.0} % of the variance. What lies together here need not lie together in \
         all dimensions.",
        100.0 * ratio(0),
        100.0 * ratio(1)
    );
    let mut section = Section::new("map", "The latent space", &note);
    let mut add = |title: &str, names: Vec<String>| {
        section.charts.push(Chart::Map {
            title: title.to_owned(),
            x_label: "first component".to_owned(),
            y_label: "second component".to_owned(),
            groups: groups(&shown, &names, place),
        });
    };
    if let Some(mixture) = mixture {
        let samples = Samples::new(&points, data.heldout.rows.len(), d)?;
        let labels = mixture.predict(&samples)?;
        add("By component", labels.iter().map(|k| format!("component {k}")).collect());
    }
    if data.heldout.rows.iter().any(|row| row.label.is_some()) {
        let label = |row: &corpus::table::WindowRow| row.label.clone().unwrap_or_default();
        add("By label", data.heldout.rows.iter().map(label).collect());
    }
    Ok((!section.charts.is_empty()).then_some(section))
}

/// Points by name: the most frequent names have a group of their own, the rest share one.
fn groups(shown: &[usize], names: &[String], place: impl Fn(usize) -> [f64; 2]) -> Vec<Series> {
    let mut by_name = std::collections::BTreeMap::<&str, Vec<[f64; 2]>>::new();
    for i in shown {
        by_name.entry(&names[*i]).or_default().push(place(*i));
    }
    let mut groups: Vec<(&str, Vec<[f64; 2]>)> = by_name.into_iter().collect();
    groups.sort_by_key(|(name, points)| (std::cmp::Reverse(points.len()), *name));
    let rest: Vec<[f64; 2]> = groups.iter().skip(COLOURED).flat_map(|(_, p)| p.clone()).collect();
    let series = |name: &str, points: Vec<[f64; 2]>| Series {
        name: name.to_owned(),
        points,
        intervals: Vec::new(),
    };
    let mut all: Vec<Series> =
        groups.into_iter().take(COLOURED).map(|(name, points)| series(name, points)).collect();
    if !rest.is_empty() {
        all.push(series("others", rest));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commonest_names_are_groups_and_the_rest_share_one() {
        let names: Vec<String> =
            (0..30).map(|i| if i < 12 { "a".to_owned() } else { format!("x{i}") }).collect();
        let shown: Vec<usize> = (0..30).collect();
        let found = groups(&shown, &names, |i| [i as f64, 0.0]);
        assert_eq!((found.len(), found[0].name.as_str(), found[0].points.len()), (9, "a", 12));
        assert_eq!((found[8].name.as_str(), found[8].points.len()), ("others", 11));
    }
}
