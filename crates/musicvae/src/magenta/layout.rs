//! Magenta's variables and ours: names, shapes, and which rows of a kernel go where.
//!
//! Magenta keeps an LSTM layer as one kernel `[n_inputs + H, 4H]`; ours are its parts. The columns
//! have the same order in both (input, candidate, forget, output), and in both 1 is added to the
//! forget gate at run time, so rows are split and nothing else changes.

use std::collections::BTreeMap;

use super::error::ImportError;
use super::stored::Stored;
use crate::config::{EncoderInput, MusicVaeConfig};
use crate::weights::HostTensor;

const OUTPUT: &str = "decoder/output_projection";
const INITIAL: &str = "decoder/z_to_initial_state";
const MEAN: &str = "encoder/mu";
pub(super) const STD_DEV: &str = "encoder/sigma";

/// The variables of an encoder layer in one direction.
fn encoder_cell(layer: usize, direction: &str) -> String {
    format!("encoder/cell_{layer}/bidirectional_rnn/{direction}/multi_rnn_cell/cell_0/lstm_cell")
}

/// The variables of a decoder layer.
fn decoder_cell(layer: usize) -> String {
    format!("decoder/multi_rnn_cell/cell_{layer}/lstm_cell")
}

fn kernel(scope: &str) -> String {
    format!("{scope}/kernel")
}

fn bias(scope: &str) -> String {
    format!("{scope}/bias")
}

/// A variable that a model needs, and where its rows go.
struct Needed {
    name: String,
    shape: Vec<usize>,
    /// Our tensors with their number of rows, from the first row on. Of a bias, one with all.
    parts: Vec<(String, usize)>,
}

/// What a checkpoint's tensors say about its model.
pub(super) struct Layout {
    pub(super) config: MusicVaeConfig,
    decoder: Vec<Needed>,
    encoder: Vec<Needed>,
}

impl Layout {
    /// Finds the sizes and checks every shape against them.
    pub(super) fn find(
        tensors: &BTreeMap<String, Stored>,
        n_steps: usize,
    ) -> Result<Self, ImportError> {
        if let Some(name) = tensors.keys().find(|name| !is_known(name)) {
            return Err(ImportError::Unsupported { what: format!("it has a tensor `{name}`") });
        }
        let dims = |name: &str| tensors.get(name).map(|stored| stored.shape.as_slice());
        let layers = |cell: &dyn Fn(usize) -> String| -> Vec<usize> {
            let hidden = |layer| dims(&bias(&cell(layer))).and_then(<[usize]>::first);
            (0..).map_while(|layer| hidden(layer).map(|width| width / 4)).collect()
        };
        let decoder_sizes = layers(&decoder_cell);
        let encoder_sizes = layers(&|layer| encoder_cell(layer, "fw"));
        let n_classes = dims(&bias(OUTPUT)).and_then(<[usize]>::first).copied();
        let z_size = dims(&kernel(INITIAL)).and_then(<[usize]>::first).copied();
        let (Some(n_classes), Some(z_size), false) = (n_classes, z_size, decoder_sizes.is_empty())
        else {
            // Too little to know the sizes: name what there must be in any case.
            let first = [bias(OUTPUT), kernel(INITIAL), bias(&decoder_cell(0))];
            let missing: Vec<String> =
                first.into_iter().filter(|name| dims(name).is_none()).collect();
            let n_expected = tensors.len().saturating_add(missing.len());
            return Err(ImportError::Missing {
                names: missing,
                n_expected,
                decoder_is_complete: false,
            });
        };
        let first_kernel = dims(&kernel(&encoder_cell(0, "fw"))).and_then(<[usize]>::first);
        let n_read = first_kernel.zip(encoder_sizes.first()).map(|(rows, h)| rows.wrapping_sub(*h));
        let encoder_input = match n_read {
            Some(n) if n == EncoderInput::DrumRoll.width(n_classes) && n != n_classes => {
                EncoderInput::DrumRoll
            }
            _ => EncoderInput::Class,
        };
        // Where all of the encoder is missing, the decoder can be checked and read still.
        let encoder_sizes = if encoder_sizes.is_empty() { vec![1] } else { encoder_sizes };
        let config = MusicVaeConfig {
            n_classes,
            n_steps,
            z_size,
            encoder_sizes,
            decoder_sizes,
            encoder_input,
        };
        config.validate()?;
        let layout = Self {
            decoder: decoder_variables(&config),
            encoder: encoder_variables(&config),
            config,
        };
        layout.check(tensors)?;
        Ok(layout)
    }

    /// Compares the shape of each variable that there is with the one that is needed.
    fn check(&self, tensors: &BTreeMap<String, Stored>) -> Result<(), ImportError> {
        for Needed { name, shape, .. } in self.decoder.iter().chain(&self.encoder) {
            let Some(stored) = tensors.get(name).filter(|stored| stored.shape != *shape) else {
                continue;
            };
            let conditioned = match (stored.shape.as_slice(), shape.as_slice()) {
                ([found, a], [expected, b]) if a == b && name.ends_with("lstm_cell/kernel") => {
                    found.checked_sub(*expected)
                }
                _ => None,
            };
            return Err(match conditioned {
                // Chords and other controls enter the first layers beside the music.
                Some(more) => ImportError::Unsupported {
                    what: format!("`{name}` has {more} rows more than music and latent need"),
                },
                None => ImportError::Shape {
                    name: name.clone(),
                    found: stored.shape.clone(),
                    expected: shape.clone(),
                },
            });
        }
        Ok(())
    }

    /// Names of the decoder's or encoder's variables that can't be read.
    pub(super) fn missing(&self, part: Part, tensors: &BTreeMap<String, Stored>) -> Vec<String> {
        let can_be_read =
            |name: &str| tensors.get(name).is_some_and(|stored| stored.pieces.is_some());
        let names = self.needed(part).iter().map(|needed| needed.name.clone());
        names.filter(|name| !can_be_read(name)).collect()
    }

    /// Number of variables of a whole model.
    pub(super) fn n_expected(&self) -> usize {
        self.decoder.len() + self.encoder.len()
    }

    fn needed(&self, part: Part) -> &[Needed] {
        match part {
            Part::Decoder => &self.decoder,
            Part::Encoder => &self.encoder,
        }
    }

    /// Our tensors of a part, from those of Magenta's that are `wanted`, which `read` gives.
    pub(super) fn convert(
        &self,
        part: Part,
        wanted: impl Fn(&str) -> bool,
        mut read: impl FnMut(&str) -> Result<HostTensor, ImportError>,
    ) -> Result<BTreeMap<String, HostTensor>, ImportError> {
        let mut ours = BTreeMap::new();
        for needed in self.needed(part).iter().filter(|needed| wanted(&needed.name)) {
            let HostTensor { shape, values } = read(&needed.name)?;
            let width = shape.get(1).copied().unwrap_or(1);
            let mut rest = values.as_slice();
            for (name, n_rows) in &needed.parts {
                let (rows, below) = rest.split_at(n_rows * width);
                rest = below;
                let mut shape = shape.clone();
                shape[0] = *n_rows;
                ours.insert(name.clone(), HostTensor { shape, values: rows.to_vec() });
            }
        }
        Ok(ours)
    }
}

/// A head that gives every posterior the standard deviation `std_dev` in each dimension:
/// `softplus(e · 0 + b)` with `b = ln(e^std_dev - 1)`.
pub(super) fn constant_std_dev(config: &MusicVaeConfig, std_dev: f32) -> [(String, HostTensor); 2] {
    let n_inputs = 2 * config.encoder_sizes.last().copied().unwrap_or(0);
    let kernel = HostTensor {
        shape: vec![n_inputs, config.z_size],
        values: vec![0.0; n_inputs * config.z_size],
    };
    let value = f64::from(std_dev).exp_m1().ln() as f32;
    let bias = HostTensor { shape: vec![config.z_size], values: vec![value; config.z_size] };
    [("std_dev.kernel".to_owned(), kernel), ("std_dev.bias".to_owned(), bias)]
}

/// A part of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Decoder,
    Encoder,
}

/// Kernel and bias of a dense layer.
fn dense(scope: &str, ours: &str, n_inputs: usize, n_outputs: usize) -> [Needed; 2] {
    [
        Needed {
            name: kernel(scope),
            shape: vec![n_inputs, n_outputs],
            parts: vec![(format!("{ours}.kernel"), n_inputs)],
        },
        Needed {
            name: bias(scope),
            shape: vec![n_outputs],
            parts: vec![(format!("{ours}.bias"), n_outputs)],
        },
    ]
}

/// Kernel and bias of an LSTM layer with `inputs` above its recurrent rows.
fn lstm(scope: &str, ours: &str, inputs: Vec<(String, usize)>, hidden: usize) -> [Needed; 2] {
    let n_inputs: usize = inputs.iter().map(|(_, n_rows)| n_rows).sum();
    let mut parts = inputs;
    parts.push((format!("{ours}.recurrent"), hidden));
    let shape = vec![n_inputs + hidden, 4 * hidden];
    let bias_parts = vec![(format!("{ours}.bias"), 4 * hidden)];
    [
        Needed { name: kernel(scope), shape, parts },
        Needed { name: bias(scope), shape: vec![4 * hidden], parts: bias_parts },
    ]
}

fn decoder_variables(config: &MusicVaeConfig) -> Vec<Needed> {
    let n_states = 2 * config.decoder_sizes.iter().sum::<usize>();
    let mut needed = Vec::from(dense(INITIAL, "initial", config.z_size, n_states));
    let mut below = None;
    for (layer, hidden) in config.decoder_sizes.iter().copied().enumerate() {
        let ours = format!("layers.{layer}");
        let mut inputs = vec![(format!("{ours}.input"), below.unwrap_or(config.n_classes))];
        if layer == 0 {
            inputs.push(("latent".to_owned(), config.z_size));
        }
        needed.extend(lstm(&decoder_cell(layer), &ours, inputs, hidden));
        below = Some(hidden);
    }
    needed.extend(dense(OUTPUT, "output", below.unwrap_or(1), config.n_classes));
    needed
}

fn encoder_variables(config: &MusicVaeConfig) -> Vec<Needed> {
    let mut n_inputs = config.encoder_input.width(config.n_classes);
    let mut needed = Vec::new();
    for (layer, hidden) in config.encoder_sizes.iter().copied().enumerate() {
        for (theirs, ours) in [("fw", "forward"), ("bw", "backward")] {
            let ours = format!("layers.{layer}.{ours}");
            let inputs = vec![(format!("{ours}.input"), n_inputs)];
            needed.extend(lstm(&encoder_cell(layer, theirs), &ours, inputs, hidden));
        }
        n_inputs = 2 * hidden;
    }
    needed.extend(dense(MEAN, "mean", n_inputs, config.z_size));
    needed.extend(dense(STD_DEV, "std_dev", n_inputs, config.z_size));
    needed
}

/// Whether a variable belongs to a flat model, or to its training, which is left out.
fn is_known(name: &str) -> bool {
    let of_training = ["global_step", "beta1_power", "beta2_power"].contains(&name)
        || ["/Adam", "/Adam_1", "/opaque_kernel"].iter().any(|end| name.ends_with(end));
    let scope = name.strip_suffix("/kernel").or_else(|| name.strip_suffix("/bias"));
    let of_model = scope.is_some_and(|scope| {
        let layer = |before: &str, after: &str| {
            let number = scope.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
            number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
        };
        [OUTPUT, INITIAL, MEAN, STD_DEV].contains(&scope)
            || layer("decoder/multi_rnn_cell/cell_", "/lstm_cell")
            || ["fw", "bw"].iter().any(|direction| {
                let after =
                    format!("/bidirectional_rnn/{direction}/multi_rnn_cell/cell_0/lstm_cell");
                layer("encoder/cell_", &after)
            })
    });
    of_training || of_model
}
