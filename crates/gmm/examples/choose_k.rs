//! Selects the number of components and the covariance type: `choose_k -- DATA.csv --largest 12`.
#![allow(clippy::print_stdout, reason = "an example shows its results")]

mod common;

use anyhow::Result;
use clap::Parser;
use common::Table;
use gmm::select::{SweepParams, stability};
use gmm::{CovarianceType, GmmParams, Samples};
use std::path::PathBuf;

#[derive(Parser)]
struct Arguments {
    /// A NumPy array of two dimensions (f32 or f64) or a CSV of numbers without a header
    data: PathBuf,
    #[arg(long, default_value_t = 8)]
    largest: usize,
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let table = Table::read(&arguments.data)?;
    let samples = Samples::new(&table.values, table.n_rows, table.n_columns)?;
    let types = [CovarianceType::Full, CovarianceType::Diag, CovarianceType::Spherical];
    let selection = SweepParams::new(1..=arguments.largest)
        .covariance_types(types)
        .params(GmmParams::new(1).n_init(3))
        .patience(2)
        .run(&samples, arguments.seed)?;
    println!("shape       K        BIC        AIC        ICL  silhouette");
    for entry in &selection.sweep.candidates {
        let shape = format!("{:?}", entry.covariance_type);
        println!(
            "{shape:10} {:2} {:10.1} {:10.1} {:10.1}  {:10.3}",
            entry.n_components, entry.bic, entry.aic, entry.icl, entry.silhouette
        );
    }
    let best = &selection.best.model;
    println!("BIC chooses {} components, {:?}", best.n_components(), best.covariance_type());
    for shape in types {
        match selection.sweep.elbow(shape) {
            Some(k) => println!("the likelihood of {shape:?} has its elbow at {k}"),
            None => println!("the likelihood of {shape:?} has no elbow"),
        }
    }
    let params = GmmParams::new(best.n_components()).covariance_type(best.covariance_type());
    let agreement = stability(&params, &samples, 5, arguments.seed)?;
    println!("fits to halves of the rows agree by {agreement:.3} (adjusted Rand index)");
    Ok(())
}
