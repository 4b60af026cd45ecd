//! Interpolation between two windows, through latents and through the data.

use controlgen::correlation::spearman;
use controlgen::generate::{Decoding, controls_of};
use controlgen::latent::slerp;
use controlgen::model::Model;
use musicvae::seed;
use rand::RngExt;

use super::data::EvalData;
use super::language::LanguageModel;
use super::report::{Better, Chart, Figure, Rolls, Section, Series};
use super::statistics::{Tally, bootstrap, mean};

/// Number of windows on a path, including both ends.
const STOPS: usize = 11;
/// Number of paths shown.
const SHOWN: usize = 2;

const NOTE: &str = "Pairs of held-out windows of different files; between their posterior means by slerp, \
decoded to the most probable tokens (MusicVAE, Roberts et al. 2018, figure on interpolation). Distance: \
fraction of steps of the first part that differ from the first window. Cost: a 5-gram model of the training \
windows (Witten-Bell). For comparison, a crossfade of the data: each step is taken from the second window \
with a probability that grows along the path, by the same draw for all windows.";

/// The measurements of a path.
struct Way {
    distances: Vec<f64>,
    costs: Vec<f64>,
    largest_jump: f64,
}

impl Way {
    fn of(windows: &[Vec<u16>], language: &LanguageModel) -> Self {
        let distance = |a: &[u16], b: &[u16]| {
            a.iter().zip(b).filter(|(a, b)| a != b).count() as f64 / a.len().max(1) as f64
        };
        Self {
            distances: windows.iter().map(|w| distance(&windows[0], w)).collect(),
            costs: windows.iter().map(|w| language.bits_per_step(w)).collect(),
            largest_jump: windows.windows(2).map(|p| distance(&p[0], &p[1])).fold(0.0, f64::max),
        }
    }

    fn rho(&self) -> f64 {
        let at: Vec<f64> = (0..self.distances.len()).map(|i| i as f64).collect();
        // On a path without any change, the correlation is 0.
        spearman(&at, &self.distances).unwrap_or(0.0)
    }

    fn interior_cost(&self) -> f64 {
        mean(&self.costs[1..self.costs.len() - 1]).unwrap_or(0.0)
    }
}

/// The section on interpolation over up to `n_pairs` pairs.
pub(super) fn section(
    model: &Model,
    data: &EvalData,
    n_pairs: usize,
    seed: u64,
) -> Option<Section> {
    let side = &data.heldout;
    // Paths are measured on steps, which lists of notes don't have.
    let layout = model.form().layout()?;
    let (n, z_size, n_steps) = (side.rows.len(), model.z_size(), layout.n_steps);
    // Partners are half the set apart: from different files if there are at least two.
    let pairs: Vec<(usize, usize)> = (0..n / 2)
        .step_by((n / 2).div_ceil(n_pairs.max(1)).max(1))
        .map(|i| (i, i + n / 2))
        .filter(|(a, b)| side.rows[*a].group != side.rows[*b].group)
        .collect();
    if pairs.is_empty() {
        return None;
    }
    let language =
        LanguageModel::of(data.train.windows().map(|w| &w[..n_steps]), layout.tracks[0].n_classes);
    let along = |stop: usize| stop as f64 / (STOPS - 1) as f64;
    let z: Vec<f32> = pairs
        .iter()
        .flat_map(|(a, b)| {
            let (a, b) = (&side.mu[a * z_size..][..z_size], &side.mu[b * z_size..][..z_size]);
            (0..STOPS).flat_map(move |stop| slerp(a, b, along(stop)))
        })
        .collect();
    let from = pairs.iter().flat_map(|(a, _)| std::iter::repeat_n(*a, STOPS));
    let control = controls_of(model, from.map(|a| side.rows[a].tokens.as_slice()));
    let decoded = Decoding { temperature: None, seed }.decode(model, &z, &control);
    let lead: Vec<Vec<u16>> = decoded.iter().map(|window| window[..n_steps].to_vec()).collect();
    let ways: Vec<Way> =
        lead.as_chunks::<STOPS>().0.iter().map(|way| Way::of(way, &language)).collect();
    let fades: Vec<Way> = pairs
        .iter()
        .enumerate()
        .map(|(pair, (a, b))| {
            let mut rng = seed::stream(seed, "crossfade", pair as u64);
            let draws: Vec<f64> = (0..n_steps).map(|_| rng.random()).collect();
            let window = |stop: usize| -> Vec<u16> {
                let step = |(i, draw): (usize, &f64)| {
                    let from = if *draw < along(stop) { *b } else { *a };
                    side.rows[from].tokens[i]
                };
                draws.iter().enumerate().map(step).collect()
            };
            Way::of(&(0..STOPS).map(window).collect::<Vec<_>>(), &language)
        })
        .collect();
    let mut section = Section::new("interpolation", "Interpolation", NOTE);
    fill(&mut section, &ways, &fades, seed);
    for (way, (a, b)) in decoded.as_chunks::<STOPS>().0.iter().zip(&pairs).take(SHOWN) {
        let place = |i: usize| format!("{} bar {}", side.rows[i].file, side.rows[i].start_bar + 1);
        section.rolls.push(Rolls {
            caption: format!("from {} to {}", place(*a), place(*b)),
            windows: way.iter().step_by(2).cloned().collect(),
        });
    }
    Some(section)
}

fn fill(section: &mut Section, ways: &[Way], fades: &[Way], seed: u64) {
    let n = ways.len();
    let mut add =
        |key: &str, title: &str, unit: &str, value: fn(&Way) -> f64, goal: Option<f64>| {
            let units: Vec<Tally> = ways.iter().map(|w| Tally { sum: value(w), of: 1.0 }).collect();
            let Some((found, interval)) = bootstrap(&units, seed) else { return };
            let faded = mean(&fades.iter().map(value).collect::<Vec<_>>());
            let better = if unit == "rho" { Better::Higher } else { Better::Lower };
            let figure = Figure::new(&format!("interpolation.{key}"), title, found, unit, n)
                .interval(interval)
                .better(better)
                .beside("crossfade", faded);
            section.push(Figure { goal, ..figure });
        };
    add("spearman", "way against distance, Spearman", "rho", Way::rho, Some(0.95));
    add(
        "largest_jump",
        "largest jump between neighbors",
        "share of steps",
        |w| w.largest_jump,
        None,
    );
    add("cost", "cost of the windows between", "bits a step", Way::interior_cost, None);
    let curve = |name: &str, ways: &[Way], values: fn(&Way) -> &Vec<f64>| Series {
        name: name.to_owned(),
        points: (0..STOPS)
            .filter_map(|stop| {
                let at: Vec<f64> = ways.iter().map(|way| values(way)[stop]).collect();
                Some([stop as f64 / (STOPS - 1) as f64, mean(&at)?])
            })
            .collect(),
        intervals: Vec::new(),
    };
    let charts: [(&str, fn(&Way) -> &Vec<f64>); 2] = [
        ("share of steps that differ from the first window", |way| &way.distances),
        ("cost, bits a step", |way| &way.costs),
    ];
    for (label, values) in charts {
        section.charts.push(Chart::Lines {
            title: "On the way".to_owned(),
            x_label: "how far".to_owned(),
            y_label: label.to_owned(),
            log_x: false,
            series: vec![curve("latents", ways, values), curve("crossfade", fades, values)],
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_by_hand() {
        let language = LanguageModel::of([[0_u16, 0, 0, 0].as_slice()], 4);
        let windows = [vec![0, 0, 0, 0], vec![0, 0, 0, 1], vec![0, 2, 2, 1], vec![2, 2, 2, 1]];
        let way = Way::of(&windows, &language);
        assert_eq!(way.distances, [0.0, 0.25, 0.75, 1.0]);
        assert_eq!((way.largest_jump, way.rho()), (0.5, 1.0));
        assert!(way.costs[0] < way.costs[1] && way.costs[1] < way.costs[2]);
        let still = Way::of(&[vec![1, 1], vec![1, 1], vec![1, 1]], &language);
        assert_eq!(still.rho(), 0.0);
    }
}
