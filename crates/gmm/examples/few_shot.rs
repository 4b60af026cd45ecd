//! Twelve rows in 256 dimensions: which estimate predicts unseen rows best?
//! `cargo run --release --example few_shot`.
//!
//! Draws a population of six kinds, fits a large sample of it once, and then has only twelve rows
//! of one kind. Prints the mean log likelihood of 2,000 more rows of that kind under each estimate,
//! over ten seeds.
//!
//! `few_shot -- ROWS.npy HELD_OUT.npy --components 2` does the same with given rows. There is no
//! known population then, so priors come from the few rows themselves.
#![allow(clippy::print_stdout, reason = "an example shows its results")]

mod common;

use anyhow::{Context, Result};
use clap::Parser;
use common::Table;
use gmm::{CovarianceType, Covariances, GaussianMixture, GmmParams, Prior, Samples, Shrinkage};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use std::path::{Path, PathBuf};

const D: usize = 256;
const FEW: usize = 12;
const KINDS: usize = 6;
const SEEDS: u64 = 10;

/// Compares estimates from few rows by the likelihood of unseen rows.
#[derive(Parser)]
struct Args {
    /// The few rows, `.npy` or CSV, instead of generated ones
    #[arg(requires = "held_out")]
    rows: Option<PathBuf>,
    /// Rows of the same source for the evaluation
    held_out: Option<PathBuf>,
    /// Number of components to fit
    #[arg(long, default_value_t = 1)]
    components: usize,
}

/// Six kinds, each with eight factors, features of different spread, and a separate mean.
fn population(rng: &mut ChaCha8Rng) -> Result<GaussianMixture> {
    let mut normal = || -> f64 { StandardNormal.sample(rng) };
    let (mut means, mut values) = (Vec::new(), Vec::new());
    for _ in 0..KINDS {
        for _ in 0..D {
            means.push(normal());
            values.extend((0..8).map(|_| 0.25 * normal()));
            values.push(0.5 + 0.2 * normal().abs());
        }
    }
    let weights = vec![1.0 / KINDS as f64; KINDS];
    Ok(GaussianMixture::from_parameters(weights, means, Covariances::LowRank { rank: 8, values })?)
}

fn main() -> Result<()> {
    match Args::parse() {
        Args { rows: Some(rows), held_out: Some(held_out), components } => {
            from_files(&rows, &held_out, components)
        }
        _ => drawn(),
    }
}

/// The estimates that need only the rows.
fn from_files(rows: &Path, held_out: &Path, components: usize) -> Result<()> {
    let (few, unseen) = (Table::read(rows)?, Table::read(held_out)?);
    let d = few.n_columns;
    let few = Samples::new(&few.values, few.n_rows, d)?;
    let unseen = Samples::new(&unseen.values, unseen.n_rows, unseen.n_columns)?;
    let of = |shape| GmmParams::new(components).covariance_type(shape).n_init(4);
    let prior = Prior::from_samples(&few, components)?.covariance_strength(10.0);
    let estimates = [
        ("plain diagonal", of(CovarianceType::Diag)),
        ("plain spherical", of(CovarianceType::Spherical)),
        ("full, OAS", of(CovarianceType::Full).shrinkage(Shrinkage::Oas)),
        ("full, Ledoit-Wolf", of(CovarianceType::Full).shrinkage(Shrinkage::LedoitWolf)),
        ("low rank 2", of(CovarianceType::LowRank(2)).reg_covar(0.3)),
        ("low rank 2, MAP", of(CovarianceType::LowRank(2)).prior(prior.clone())),
        ("spherical, MAP", of(CovarianceType::Spherical).prior(prior.clone())),
        ("diagonal, MAP", of(CovarianceType::Diag).prior(prior)),
    ];
    let n = (few.n_samples(), unseen.n_samples());
    println!("{} rows, {d} features, {components} components: nats per row of {} rows", n.0, n.1);
    for (name, params) in estimates {
        println!("{name:30} {:10.1}", params.fit(&few, 0)?.model.score(&unseen)?);
    }
    Ok(())
}

/// Generated rows from a known population.
fn drawn() -> Result<()> {
    let mut rows: Vec<(&str, Vec<f64>)> = Vec::new();
    for seed in 0..SEEDS {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let truth = population(&mut rng)?;
        let many = truth.sample(6_000, &mut rng).points;
        let many = Samples::new(&many, 6_000, D)?;
        let known =
            GmmParams::new(KINDS).covariance_type(CovarianceType::Diag).fit(&many, seed)?.model;
        let own = truth.sample_component(2, FEW + 2_000, &mut rng)?;
        let few = Samples::new(&own[..FEW * D], FEW, D)?;
        let unseen = Samples::new(&own[FEW * D..], 2_000, D)?;
        let of = |shape| GmmParams::new(1).covariance_type(shape);
        let prior = Prior::from_population(&known)?.mean_strength(1.0).covariance_strength(30.0);
        let models = [
            ("plain diagonal", of(CovarianceType::Diag).fit(&few, seed)?.model),
            ("plain spherical", of(CovarianceType::Spherical).fit(&few, seed)?.model),
            (
                "full, OAS",
                of(CovarianceType::Full).shrinkage(Shrinkage::Oas).fit(&few, seed)?.model,
            ),
            (
                "full, Ledoit-Wolf",
                of(CovarianceType::Full).shrinkage(Shrinkage::LedoitWolf).fit(&few, seed)?.model,
            ),
            ("low rank 2", of(CovarianceType::LowRank(2)).reg_covar(0.3).fit(&few, seed)?.model),
            (
                "low rank 2, MAP",
                of(CovarianceType::LowRank(2)).prior(prior.clone()).fit(&few, seed)?.model,
            ),
            ("diagonal, MAP", of(CovarianceType::Diag).prior(prior).fit(&few, seed)?.model),
            ("adaptation of the population", known.adapt(&few, 16.0)?.model),
            ("the population as it is", known),
            (
                "the truth",
                truth.component(2).map(|g| {
                    GaussianMixture::from_parameters(
                        vec![1.0],
                        g.mean().to_vec(),
                        Covariances::Full(g.covariance().to_vec()),
                    )
                })??,
            ),
        ];
        for (at, (name, model)) in models.iter().enumerate() {
            if rows.len() <= at {
                rows.push((name, Vec::new()));
            }
            rows[at].1.push(model.score(&unseen)?);
        }
    }
    println!("{FEW} rows, {D} features, {SEEDS} seeds: held-out mean log likelihood, nats per row");
    for (name, scores) in rows {
        let mean = scores.iter().sum::<f64>() / scores.len() as f64;
        let least = scores.iter().copied().reduce(f64::min).context("there are seeds")?;
        println!("{name:30} {mean:10.1}   worst {least:10.1}");
    }
    Ok(())
}
