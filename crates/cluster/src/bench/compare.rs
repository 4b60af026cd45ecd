//! Compares the results of two runs: hashes of their rows, ordered by window, and the mixtures.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use corpus::table::{Split, WindowRow, read_latents, read_windows};
use gmm::GaussianMixture;

/// Results of a run.
pub(super) struct Results {
    pub(super) n_windows: usize,
    /// Hash of all columns of all windows.
    pub(super) windows: String,
    /// Hash of the bits of all latents.
    pub(super) latents: String,
    mixture: GaussianMixture,
}

impl Results {
    pub(super) fn read(out: &Path) -> Result<Self> {
        let mut hashes: Vec<(u64, Split, [u8; 32])> = Vec::new();
        read_windows(&out.join("corpus"), |row: WindowRow| {
            let hash = blake3::hash(format!("{row:?}").as_bytes());
            hashes.push((row.window_id, row.split, *hash.as_bytes()));
        })?;
        let n_windows = hashes.len();
        let job = cluster::plan::Job::read_from(out)?;
        let mut latents: Vec<(u64, Split, [u8; 32])> = Vec::new();
        for row in read_latents(&out.join("latents"), job.z_size)?.rows {
            let bits: Vec<u32> =
                row.mu.iter().chain(&row.sigma).map(|value| value.to_bits()).collect();
            let rest = (row.window_id, row.group, row.split, row.seen, row.label, bits);
            let hash = blake3::hash(format!("{rest:?}").as_bytes());
            latents.push((row.window_id, row.split, *hash.as_bytes()));
        }
        ensure!(latents.len() == n_windows, "some windows have no latents");
        let text = std::fs::read_to_string(out.join("mixture.json"))?;
        let mixture = serde_json::from_str(&text).context("mixture.json is not a mixture")?;
        Ok(Self { n_windows, windows: digest(hashes), latents: digest(latents), mixture })
    }

    /// The largest difference between the parameters of two mixtures, relative to the larger of 1
    /// and the value.
    pub(super) fn difference(&self, other: &Self) -> Result<f64> {
        let parameters = |mixture: &GaussianMixture| {
            let mut all = mixture.weights().to_vec();
            for k in 0..mixture.n_components() {
                all.extend(mixture.mean(k));
                all.extend(mixture.covariance(k));
            }
            all
        };
        let (one, other) = (parameters(&self.mixture), parameters(&other.mixture));
        ensure!(one.len() == other.len(), "the mixtures have different shapes");
        Ok(one
            .iter()
            .zip(&other)
            .map(|(a, b)| (a - b).abs() / a.abs().max(1.0))
            .fold(0.0, f64::max))
    }
}

fn digest(mut rows: Vec<(u64, Split, [u8; 32])>) -> String {
    rows.sort_unstable();
    let mut hasher = blake3::Hasher::new();
    for (_, _, hash) in rows {
        hasher.update(&hash);
    }
    hasher.finalize().to_hex()[..16].to_owned()
}
