//! Windows encoded and decoded again: accuracy, likelihood, and the information in the latents.

mod lists;

use controlgen::generate::{Decoding, controls_of};
use controlgen::latent::LatentSpace;
use controlgen::model::Model;
use musicvae::{ACTIVE_VARIANCE, Generator, Windows, baselines, seed};
use note_seq::NoteListPlayback;
use note_seq::midi::{self, ReadOptions, WriteOptions};
use rand::RngExt;
use rand_distr::StandardNormal;
use rayon::prelude::*;

use super::data::{EvalData, Partition};
use super::report::{Better, Chart, Figure, Rolls, Section, Series};
use super::scores::{FileScores, Scores};
use super::statistics::bootstrap;

/// Number of windows shown, and of these the worst ones separately.
const SHOWN: usize = 4;

/// A measure for both kinds of decoding, with its title.
const SHOWN_MEASURES: [(&str, &str); 7] = [
    ("accuracy", "all steps"),
    ("onset", "steps where a note begins"),
    ("off", "steps where a note ends"),
    ("hold", "steps that go on"),
    ("pitch", "pitch, where a note begins in both"),
    ("rhythm", "rhythm: begins, ends or goes on"),
    ("onset_f1", "onsets, F1"),
];

const NOTE: &str = "Held-out windows, each encoded and decoded. Teacher-forced: the most probable token \
given the true ones before, z one draw of the posterior. Sampled: the model reads its own draws at \
temperature 1, the same z (MusicVAE, Roberts et al. 2018, Table 1). As `reconstruct` does it: z the \
posterior mean, always the most probable token. Baselines on the same windows: the most frequent token; the \
token that most often follows the one before; z from N(0, I); another real window as the guess.";

/// One window's likelihood.
struct Forced<'a> {
    target: &'a [u16],
    found: Vec<u16>,
    nats: f64,
}

/// Draws one latent from each posterior, or from the prior with `from_prior`.
fn draw_latents(side: &Partition, n: usize, seed: u64, from_prior: bool) -> Vec<f32> {
    let z_size = side.mu.len() / n.max(1);
    let purpose = if from_prior { "eval prior" } else { "eval posterior" };
    (0..n)
        .flat_map(|i| {
            let mut rng = seed::stream(seed, purpose, i as u64);
            (0..z_size).map(move |d| (i * z_size + d, rng.sample::<f32, _>(StandardNormal)))
        })
        .map(|(at, noise)| if from_prior { noise } else { side.mu[at] + side.sigma[at] * noise })
        .collect()
}

/// Decodes with teacher forcing.
fn teacher_forced<'a>(
    model: &Model,
    generator: &Generator,
    side: &'a Partition,
    z: &[f32],
) -> Vec<Forced<'a>> {
    let layout = model.form().layout().expect("a model over steps has a layout");
    let written = layout.n_parts() * layout.n_steps;
    let control = controls_of(model, side.windows());
    let mut states: Vec<Forced<'_>> = side
        .windows()
        .map(|target| Forced { target, found: vec![0; written], nats: 0.0 })
        .collect();
    generator.run(z, &control, layout.n_steps, &mut states, |state, asked| {
        let at = asked.part * layout.n_steps + asked.step;
        let target = usize::from(state.target[at]);
        state.nats -= log_probability(asked.logits, target);
        let found = musicvae::sampling::argmax(asked.logits);
        state.found[at] = u16::try_from(found).expect("a vocabulary has at most 2^14 classes");
        target
    });
    states
}

fn log_probability(logits: &[f32], target: usize) -> f64 {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let total: f64 = logits.iter().map(|logit| f64::from(logit - max).exp()).sum();
    f64::from(logits[target] - max) - total.ln()
}

/// Decodes latents with the windows' own control, like all commands.
fn decode(
    model: &Model,
    side: &Partition,
    z: &[f32],
    temperature: Option<f32>,
    seed: u64,
) -> Vec<Vec<u16>> {
    let control = controls_of(model, side.windows());
    Decoding { temperature, seed }.decode(model, z, &control)
}

/// Windows written as MIDI files and read again, each cut at its first bar. A window without music
/// of its kind becomes silence.
fn through_midi(model: &Model, windows: &[Vec<u16>]) -> Vec<Vec<u16>> {
    let kind = model.kind();
    let again = |window: &Vec<u16>| -> Option<Vec<u16>> {
        let sequence = kind.to_sequence([window.as_slice()], &NoteListPlayback::default());
        let bytes = midi::write(&sequence, &WriteOptions::default()).ok()?;
        let read = midi::read(&bytes, &ReadOptions::default()).ok()?;
        let windows = kind.windows_in_a_row(&read.sequence).windows;
        windows.into_iter().find(|w| w.start_bar == 0).map(|w| w.tokens)
    };
    windows.par_iter().map(|w| again(w).unwrap_or_else(|| vec![0; w.len()])).collect()
}

/// The section on reconstruction and likelihood.
pub(super) fn section(model: &Model, data: &EvalData, seed: u64) -> Section {
    match model.network().of_steps() {
        Some((_, generator)) => of_steps(model, generator, data, seed),
        None => lists::section(model, data, seed),
    }
}

fn of_steps(model: &Model, generator: &Generator, data: &EvalData, seed: u64) -> Section {
    let mut section = Section::new("reconstruction", "Reconstruction", NOTE);
    let side = &data.heldout;
    let layout = model.form().layout().expect("a model over steps has a layout");
    let n = side.rows.len();
    let z = draw_latents(side, n, seed, false);
    let z_prior = draw_latents(side, n, seed, true);
    let score = |windows: &[Vec<u16>]| -> FileScores {
        let scores: Vec<Scores> = windows
            .iter()
            .zip(side.windows())
            .map(|(found, target)| Scores::window(layout, found, target))
            .collect();
        FileScores::of(side, &scores)
    };
    let forced = teacher_forced(model, generator, side, &z);
    let forced_windows: Vec<Vec<u16>> = forced.iter().map(|state| state.found.clone()).collect();
    let forced_prior: Vec<Vec<u16>> = teacher_forced(model, generator, side, &z_prior)
        .into_iter()
        .map(|state| state.found)
        .collect();
    let greedy = decode(model, side, &side.mu, None, seed);
    // Another real window, half the set away: from another file if there are at least two.
    let others: Vec<Vec<u16>> = (0..n).map(|i| side.rows[(i + n / 2) % n].tokens.clone()).collect();
    let prior = score(&decode(model, side, &z_prior, Some(1.0), seed));
    let modes = [
        ("forced", "teacher-forced", score(&forced_windows), score(&forced_prior)),
        ("sampled", "sampled", score(&decode(model, side, &z, Some(1.0), seed)), prior.clone()),
        ("greedy", "as `reconstruct`", score(&greedy), prior),
    ];
    let others = score(&others);
    let tokens: Vec<u16> = data.train.windows().flatten().copied().collect();
    let heldout: Vec<u16> = side.windows().flatten().copied().collect();
    let counted = match (Windows::new(&tokens, layout), Windows::new(&heldout, layout)) {
        (Ok(train), Ok(heldout)) => baselines(train, heldout),
        _ => None,
    };
    for (mode, mode_name, scores, prior) in &modes {
        for (measure, name) in SHOWN_MEASURES {
            let Some(found) = scores.figure(measure, seed) else { continue };
            let key = format!("reconstruction.{mode}.{measure}");
            let mut figure = Figure::share(&key, &format!("{mode_name}: {name}"), found, n)
                .beside("z from the prior", prior.value(measure));
            if *mode != "forced" {
                figure = figure.beside("another real window", others.value(measure));
            }
            if measure == "accuracy" {
                figure = figure
                    .beside("most frequent token", counted.map(|b| b.most_frequent_accuracy))
                    .beside("bigram", counted.map(|b| b.bigram_accuracy));
            }
            section.push(figure);
        }
    }
    let heard = score(&through_midi(model, &greedy));
    let named = [("accuracy", "all steps"), ("pitch", "pitch, where a note begins in both")];
    for (measure, name) in named {
        let Some(found) = heard.figure(measure, seed) else { continue };
        let key = format!("reconstruction.midi.{measure}");
        let title = format!("as `reconstruct`, from its MIDI file: {name}");
        let tokens = modes[2].2.value(measure);
        section.push(Figure::share(&key, &title, found, n).beside("before it was written", tokens));
    }
    likelihood(&mut section, model, side, &forced, seed);
    let accuracies: Vec<f64> = greedy
        .iter()
        .zip(side.windows())
        .map(|(found, target)| Scores::window(layout, found, target).get("accuracy"))
        .map(|tally| tally.sum / tally.of.max(1.0))
        .collect();
    section.charts.push(distribution(&accuracies));
    show(&mut section, side, &greedy, &accuracies);
    section
}

/// Evidence lower bound, KL and active units.
fn likelihood(
    section: &mut Section,
    model: &Model,
    side: &Partition,
    forced: &[Forced<'_>],
    seed: u64,
) {
    let layout = model.form().layout().expect("a model over steps has a layout");
    let (n, z_size) = (side.rows.len(), model.z_size());
    let steps = (layout.n_parts() * layout.n_steps) as f64;
    let bits = |nats: f64| nats / steps / std::f64::consts::LN_2;
    let kl: Vec<f64> = side
        .mu
        .chunks_exact(z_size)
        .zip(side.sigma.chunks_exact(z_size))
        .map(|(mu, sigma)| mu.iter().zip(sigma).map(|(m, s)| kl_nats(*m, *s)).sum())
        .collect();
    let nats: Vec<f64> = forced.iter().map(|state| state.nats).collect();
    let bound: Vec<f64> = nats.iter().zip(&kl).map(|(nats, kl)| nats + kl).collect();
    let mut add = |key: &str, title: &str, unit: &str, values: Vec<f64>| {
        let found = bootstrap(&side.by_file(values), seed);
        let key = format!("likelihood.{key}");
        let figure = |(value, interval): (f64, Option<[f64; 2]>)| {
            Figure::new(&key, title, value, unit, n).interval(interval).better(Better::Lower)
        };
        section.push_some(found.map(figure));
    };
    let uniform: f64 =
        layout.tracks.iter().take(layout.n_parts()).map(|t| (t.n_classes as f64).log2()).sum();
    add("elbo_nats", "negative ELBO of a window", "nats", bound.clone());
    add("nll_nats", "reconstruction part", "nats", nats);
    add("kl_nats", "KL part, KL(q(z | x) || N(0, I))", "nats", kl);
    add(
        "elbo_bits_per_step",
        "negative ELBO, (NLL + KL) / (T ln 2)",
        "bits a step",
        bound.into_iter().map(bits).collect(),
    );
    if let Some(figure) = section.figures.last_mut() {
        let evenly = uniform / layout.n_parts() as f64;
        *figure = figure.clone().beside("any token evenly", evenly);
    }
    let active = musicvae::active_dimensions(&side.mu, z_size);
    let space = LatentSpace::new(z_size, active).expect("dimensions of the space");
    let title = format!("active units: variance of mu above {ACTIVE_VARIANCE}");
    section.push(
        Figure::new("likelihood.active_units", &title, space.n_active() as f64, "dimensions", n)
            .better(Better::Neither)
            .beside("of", z_size as f64),
    );
    let sum: f64 = space.project_all(&side.sigma).iter().sum();
    let mean = sum / (n * space.n_active()) as f64;
    section.push(
        Figure::new("likelihood.active_std_dev", "mean sigma of active units", mean, "", n)
            .better(Better::Neither)
            .beside("an unused unit", 1.0),
    );
}

fn kl_nats(mean: f32, std_dev: f32) -> f64 {
    let (m, s) = (f64::from(mean), f64::from(std_dev).max(1e-20));
    0.5 * (s * s + m * m - 1.0 - 2.0 * s.ln())
}

/// Distribution of accuracies over windows: the fraction of windows with at most each accuracy.
fn distribution(accuracies: &[f64]) -> Chart {
    let mut sorted = accuracies.to_vec();
    sorted.sort_by(f64::total_cmp);
    let points = (0..=50).filter_map(|i| {
        let q = f64::from(i) / 50.0;
        Some([super::statistics::quantile(&sorted, q)?, q])
    });
    Chart::Lines {
        title: "Windows by accuracy, as `reconstruct` writes them".to_owned(),
        x_label: "share of steps that are right".to_owned(),
        y_label: "share of windows with at most that".to_owned(),
        log_x: false,
        series: vec![Series {
            name: "held-out windows".to_owned(),
            points: points.collect(),
            intervals: Vec::new(),
        }],
    }
}

/// Some real windows with their reconstructions; then the worst ones.
fn show(section: &mut Section, side: &Partition, greedy: &[Vec<u16>], accuracies: &[f64]) {
    let n = side.rows.len();
    let spread: Vec<usize> = (0..SHOWN.min(n)).map(|i| i * n / SHOWN.min(n)).collect();
    let mut worst: Vec<usize> = (0..n).collect();
    worst.sort_by(|a, b| accuracies[*a].total_cmp(&accuracies[*b]));
    worst.truncate(SHOWN);
    for (what, chosen) in [("", spread), ("worst cases: ", worst)] {
        let place = |i: &usize| {
            let row = &side.rows[*i];
            format!("{} bar {} ({:.0} %)", row.file, row.start_bar + 1, 100.0 * accuracies[*i])
        };
        let places: Vec<String> = chosen.iter().map(place).collect();
        section.rolls.push(Rolls {
            caption: format!("{what}real, held out: {}", places.join("; ")),
            windows: chosen.iter().map(|i| side.rows[*i].tokens.clone()).collect(),
        });
        section.rolls.push(Rolls {
            caption: format!("{what}reconstructed"),
            windows: chosen.iter().map(|i| greedy[*i].clone()).collect(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kl_and_log_probability_by_hand() {
        // ½ (s² + m² - 1 - ln s²) with m = 1, s = ½.
        assert!((kl_nats(1.0, 0.5) - 0.5 * (0.25 - 0.25_f64.ln())).abs() < 1e-9);
        assert!(kl_nats(0.0, 1.0).abs() < 1e-12);
        let logits = [0.0, 3.0_f32.ln()];
        assert!((log_probability(&logits, 1) - 0.75_f64.ln()).abs() < 1e-6);
    }
}
