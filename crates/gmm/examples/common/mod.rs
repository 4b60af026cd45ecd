//! Tables of numbers and covariance types, shared by the examples.
#![allow(dead_code, clippy::missing_panics_doc, reason = "each example uses its share of this")]

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use gmm::CovarianceType;
use serde_json::Value;
use std::path::Path;

/// Covariance types, as named in arguments.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Shape {
    Full,
    Tied,
    Diag,
    Spherical,
    LowRank,
}

impl Shape {
    /// The type; low-rank covariances have `rank` factors.
    pub(crate) fn covariance_type(self, rank: usize) -> CovarianceType {
        match self {
            Self::Full => CovarianceType::Full,
            Self::Tied => CovarianceType::Tied,
            Self::Diag => CovarianceType::Diag,
            Self::Spherical => CovarianceType::Spherical,
            Self::LowRank => CovarianceType::LowRank(rank),
        }
    }
}

/// A table of numbers, row-major.
pub(crate) struct Table {
    pub(crate) values: Vec<f64>,
    pub(crate) n_rows: usize,
    pub(crate) n_columns: usize,
}

impl Table {
    /// Reads a `.npy` file (version 1, C order, little-endian f32 or f64), or anything else as CSV.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let bytes =
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let table = if path.extension().is_some_and(|e| e == "npy") {
            Self::from_npy(&bytes)
        } else {
            Self::from_csv(&String::from_utf8_lossy(&bytes))
        };
        table.with_context(|| format!("cannot use {}", path.display()))
    }

    fn from_npy(bytes: &[u8]) -> Result<Self> {
        ensure!(bytes.starts_with(b"\x93NUMPY\x01"), "not a NumPy file of version 1");
        let length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        let header = String::from_utf8_lossy(&bytes[10..10 + length]).into_owned();
        ensure!(header.contains("'fortran_order': False"), "the array is not in C order");
        let shape = header.split('(').nth(1).and_then(|s| s.split(')').next()).unwrap_or("");
        let sizes: Vec<usize> = shape.split(',').filter_map(|s| s.trim().parse().ok()).collect();
        let [n_rows, n_columns] = sizes[..] else { bail!("the array has shape ({shape})") };
        let body = &bytes[10 + length..];
        let values: Vec<f64> = if header.contains("'<f8'") {
            body.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)).collect()
        } else if header.contains("'<f4'") {
            body.as_chunks::<4>().0.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect()
        } else {
            bail!("the array holds neither f32 nor f64")
        };
        ensure!(values.len() == n_rows * n_columns, "the file is cut short");
        Ok(Self { values, n_rows, n_columns })
    }

    fn from_csv(text: &str) -> Result<Self> {
        let mut table = Self { values: Vec::new(), n_rows: 0, n_columns: 0 };
        for (index, line) in text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty()) {
            let before = table.values.len();
            for field in line.split(',') {
                let value = field.trim().parse();
                let value: f64 =
                    value.with_context(|| format!("line {}: `{field}` is no number", index + 1))?;
                table.values.push(value);
            }
            let found = table.values.len() - before;
            if table.n_rows == 0 {
                table.n_columns = found;
            }
            ensure!(
                found == table.n_columns,
                "line {} has {found} fields, the first has {}",
                index + 1,
                table.n_columns
            );
            table.n_rows += 1;
        }
        Ok(table)
    }

    /// The values rounded to `f32`.
    #[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is intended")]
    pub(crate) fn to_f32(&self) -> Vec<f32> {
        self.values.iter().map(|v| *v as f32).collect()
    }
}

/// All numbers of nested JSON arrays, in order.
pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        other => other.as_f64().into_iter().collect(),
    }
}

/// Peak memory of the process in KiB; `None` if the system doesn't report it.
pub(crate) fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Processor time of all threads so far in seconds; 0 if the system doesn't report it.
pub(crate) fn cpu_seconds() -> f64 {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return 0.0 };
    let used = |task: std::fs::DirEntry| -> Option<f64> {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse().ok()
    };
    tasks.filter_map(|task| used(task.ok()?)).sum::<f64>() * 1e-9
}
