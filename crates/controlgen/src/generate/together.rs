//! Latents of several requests, decoded together.
//!
//! A decoder reads all its weights for each step, whether for one window or for several, so windows
//! of several requests share that.

use std::collections::BTreeMap;

use musicvae::{Sampling, seed};

use super::{Controls, Decoding};
use crate::model::Model;

/// Latents of one request, with what decoding them needs.
#[derive(Clone, Debug, PartialEq)]
pub struct LatentBatch {
    decoding: Decoding,
    z: Vec<f32>,
    control: Vec<u16>,
    /// The number of the stream of random draws of each window.
    streams: Vec<u64>,
}

impl LatentBatch {
    /// Latents `[n, Z]` under a control `[n, C]`, to be decoded as [`Decoding::decode`] does:
    /// window `i` takes its draws from stream `i`.
    pub fn new(model: &Model, decoding: Decoding, z: Vec<f32>, control: Vec<u16>) -> Self {
        let n = (z.len() / model.z_size().max(1)) as u64;
        Self { decoding, z, control, streams: (0..n).collect() }
    }

    /// Latents `[n, Z]`, to be decoded as [`Decoding::decode_each`] does: each as if it were alone.
    pub fn each(model: &Model, decoding: Decoding, controls: &Controls, z: Vec<f32>) -> Self {
        let control = controls.likeliest(&z, decoding.seed);
        let n = z.len() / model.z_size().max(1);
        Self { decoding, z, control, streams: vec![0; n] }
    }

    /// The latents, `[n, Z]`.
    pub fn z(&self) -> &[f32] {
        &self.z
    }

    /// Number of windows.
    pub fn len(&self) -> usize {
        self.streams.len()
    }

    /// Whether there are no windows.
    pub fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    /// Decodes the latents.
    pub fn decode(&self, model: &Model) -> Vec<Vec<u16>> {
        decode_together(model, &[self]).pop().unwrap_or_default()
    }
}

/// Decodes the latents of several requests: the windows of each, the same as those of
/// [`LatentBatch::decode`].
pub fn decode_together(model: &Model, batches: &[&LatentBatch]) -> Vec<Vec<Vec<u16>>> {
    let mut by_temperature: BTreeMap<Option<u32>, Vec<usize>> = BTreeMap::new();
    for (at, batch) in batches.iter().enumerate() {
        let temperature = batch.decoding.temperature.map(f32::to_bits);
        by_temperature.entry(temperature).or_default().push(at);
    }
    let mut decoded = vec![Vec::new(); batches.len()];
    for (temperature, which) in by_temperature {
        let sampling = temperature.map(f32::from_bits);
        let sampling = sampling.map_or(Sampling::Argmax, Sampling::Temperature);
        let (mut z, mut control, mut rngs) = (Vec::new(), Vec::new(), Vec::new());
        for batch in which.iter().map(|at| batches[*at]) {
            z.extend_from_slice(&batch.z);
            control.extend_from_slice(&batch.control);
            let seed = batch.decoding.seed;
            rngs.extend(batch.streams.iter().map(|i| seed::stream(seed, "decode", *i)));
        }
        let windows = model.network().decode(&z, &control, sampling, &mut rngs);
        let mut windows = windows.into_iter();
        for at in which {
            decoded[at].extend(windows.by_ref().take(batches[at].len()));
        }
    }
    decoded
}
