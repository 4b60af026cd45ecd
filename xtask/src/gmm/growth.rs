//! Scaling of an iteration with rows (up to four million, from a file read block by block) and with
//! components.
#![allow(clippy::print_stdout, reason = "a table is what this prints")]

use super::{Peer, answer, build_example, numbers};
use crate::files::median;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Command;

/// Number of rows and columns of problem D.
const N_ROWS: usize = 1_000_000;
const N_COLUMNS: usize = 16;
/// Numbers of rows, in quarter millions.
const QUARTERS: [usize; 5] = [1, 2, 4, 8, 16];
const COMPONENTS: [usize; 4] = [4, 8, 16, 32];

/// Prints seconds per pass and peak memory for problem D's rows, truncated or repeated, and seconds
/// per iteration by components.
pub(super) fn run(peer: &Peer, fit: &Path) -> Result<Vec<Value>> {
    let mut rows = by_rows(peer)?;
    rows.extend(by_components(peer, fit)?);
    Ok(rows)
}

fn by_rows(peer: &Peer) -> Result<Vec<Value>> {
    let out_of_core = build_example("out_of_core")?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("rows.f64");
    let values = rows_of_d(&peer.data("D"))?;
    let mut rows = Vec::new();
    println!("rows       seconds a pass  a million rows  peak (MiB), read from a file by blocks");
    for quarters in QUARTERS {
        let n_rows = quarters * N_ROWS / 4;
        let mut file = BufWriter::new(File::create(&path)?);
        let mut left = n_rows * N_COLUMNS * 8;
        while left > 0 {
            let part = left.min(values.len());
            file.write_all(&values[..part])?;
            left -= part;
        }
        file.flush()?;
        drop(file);
        let mut command = Command::new(&out_of_core);
        command.arg(&path).args(["--columns", &N_COLUMNS.to_string(), "--passes", "6", "--json"]);
        let told = answer(&mut command)?;
        let seconds = median(numbers(&told["seconds"]));
        let peak = told["peak_kib"].as_f64().unwrap_or(f64::NAN) / 1024.0;
        let each = seconds * 1e6 / n_rows as f64;
        println!("{n_rows:<9}  {seconds:<14.3}  {each:<14.3}  {peak:.0}");
        rows.push(json!({ "rows": n_rows, "seconds": seconds, "peak_mib": peak }));
    }
    Ok(rows)
}

/// The bytes of the values of problem D, which NumPy stores row-major after a header.
fn rows_of_d(path: &Path) -> Result<Vec<u8>> {
    let mut file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let n_bytes = N_ROWS * N_COLUMNS * 8;
    let size = file.metadata()?.len();
    let header = size.checked_sub(n_bytes as u64);
    ensure!(
        header.is_some_and(|h| (1..4096).contains(&h)),
        "{} has {size} bytes, where {n_bytes} and a header are needed",
        path.display()
    );
    file.seek(SeekFrom::Start(header.unwrap_or_default()))?;
    let mut values = Vec::with_capacity(n_bytes);
    file.read_to_end(&mut values)?;
    Ok(values)
}

fn by_components(peer: &Peer, fit: &Path) -> Result<Vec<Value>> {
    let mut rows = Vec::new();
    println!(
        "components  seconds an iteration, first  median  (problem D, k-means start, two threads)"
    );
    for k in COMPONENTS {
        let mut command = Command::new(fit);
        command.arg(peer.data("D")).args(["--components", &k.to_string(), "--iterations", "8"]);
        let told = answer(command.args(["--threads", "2", "--json", "--no-params"]))?;
        let seconds = numbers(&told["seconds"]);
        let first = seconds.first().copied().unwrap_or(f64::NAN);
        let middle = median(seconds);
        println!("{k:<10}  {first:<27.3}  {middle:.3}");
        rows.push(json!({ "components": k, "first": first, "seconds": middle }));
    }
    Ok(rows)
}
