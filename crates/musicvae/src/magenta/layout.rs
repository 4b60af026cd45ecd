//! Maps Magenta's variables to ours: names, shapes, and the rows of each kernel.
//!
//! Magenta stores an LSTM layer as one kernel `[n_inputs + H, 4H]`; we store its parts separately.
//! The columns have the same order in both (input, candidate, forget, output), and in both 1 is
//! added to the forget gate at run time, so splitting the rows is all that is needed.

use std::collections::BTreeMap;

use super::error::ImportError;
use super::stored::Stored;
use crate::config::{ConductorConfig, Control, Cores, EncoderInput, MusicVaeConfig};
use crate::weights::HostTensor;

const MEAN: &str = "encoder/mu";
pub(super) const STD_DEV: &str = "encoder/sigma";
const CONDUCTOR: &str = "decoder/hierarchical_level_0";
/// Steps of a window of all of Magenta's models with a conductor over bars: 16 bars.
const HIERARCHICAL_STEPS: usize = 256;
/// Segments of such a window.
const N_SEGMENTS: usize = 16;
/// Numbers of classes of melody, bass and drums, which `flat-trio_16bar` concatenates in one
/// output.
const TRIO: [usize; 3] = [90, 90, 512];

/// The variables of an encoder layer in one direction.
fn encoder_cell(layer: usize, direction: &str) -> String {
    format!("encoder/cell_{layer}/bidirectional_rnn/{direction}/multi_rnn_cell/cell_0/lstm_cell")
}

/// The variables of a conductor's layer.
fn conductor_cell(layer: usize) -> String {
    format!("{CONDUCTOR}/cell_{layer}/lstm_cell")
}

/// Name prefixes of the variables of one decoder core.
struct CoreScopes {
    prefix: String,
}

impl CoreScopes {
    fn output(&self) -> String {
        format!("{}decoder/output_projection", self.prefix)
    }

    fn initial(&self) -> String {
        format!("{}decoder/z_to_initial_state", self.prefix)
    }

    fn cell(&self, layer: usize) -> String {
        format!("{}decoder/multi_rnn_cell/cell_{layer}/lstm_cell", self.prefix)
    }
}

/// Name prefixes of the cores of each kind of decoder: flat, hierarchical, hierarchical with
/// several cores, flat with several (only in magenta-js).
const CORE_PREFIXES: [&str; 4] =
    ["", "core_decoder/", "core_decoder/core_decoder_{i}/", "core_decoder_{i}/"];

fn kernel(scope: &str) -> String {
    format!("{scope}/kernel")
}

fn bias(scope: &str) -> String {
    format!("{scope}/bias")
}

/// A variable that a model needs, and the tensors its rows belong to.
struct Needed {
    name: String,
    shape: Vec<usize>,
    /// Our tensors with their number of rows, starting at the first row; for a bias, one tensor
    /// with one row. The rows of a tensor need not be contiguous.
    parts: Vec<(String, usize)>,
}

/// The model that a checkpoint's tensors describe.
pub(super) struct Layout {
    pub(super) config: MusicVaeConfig,
    decoder: Vec<Needed>,
    encoder: Vec<Needed>,
}

impl Layout {
    /// Infers the sizes and checks every shape against them. `n_steps` and `n_segments`, which
    /// can't be inferred, are given or default to those of Magenta's models.
    pub(super) fn find(
        tensors: &BTreeMap<String, Stored>,
        n_steps: Option<usize>,
        n_segments: Option<usize>,
    ) -> Result<Self, ImportError> {
        if let Some(name) = tensors.keys().find(|name| !is_known(name)) {
            return Err(ImportError::Unsupported { what: format!("it has a tensor `{name}`") });
        }
        let dims = |name: &str| tensors.get(name).map(|stored| stored.shape.as_slice());
        let first = |name: &str| dims(name).and_then(<[usize]>::first).copied();
        let layers = |cell: &dyn Fn(usize) -> String| -> Vec<usize> {
            (0..).map_while(|layer| first(&bias(&cell(layer))).map(|width| width / 4)).collect()
        };
        let cores = core_scopes(tensors);
        let outputs: Option<Vec<usize>> =
            cores.iter().map(|core| first(&bias(&core.output()))).collect();
        let decoder_sizes = layers(&|layer| cores[0].cell(layer));
        let conductor_sizes = layers(&conductor_cell);
        let is_hierarchical = !conductor_sizes.is_empty();
        let initial =
            if is_hierarchical { format!("{CONDUCTOR}/initial_state") } else { cores[0].initial() };
        let z_size = first(&kernel(&initial));
        let (Some(outputs), Some(z_size), false) = (outputs, z_size, decoder_sizes.is_empty())
        else {
            // Not enough to infer the sizes: name the tensors that every model has.
            let needed = [bias(&cores[0].output()), kernel(&initial), bias(&cores[0].cell(0))];
            let missing: Vec<String> =
                needed.into_iter().filter(|name| dims(name).is_none()).collect();
            let n_expected = tensors.len().saturating_add(missing.len());
            return Err(ImportError::Missing {
                names: missing,
                n_expected,
                decoder_is_complete: false,
            });
        };
        let n_classes =
            if outputs == [TRIO.iter().sum::<usize>()] { TRIO.to_vec() } else { outputs };
        let n_steps = n_steps.unwrap_or(match (is_hierarchical, n_classes.len()) {
            (false, 1) => super::DEFAULT_STEPS,
            _ => HIERARCHICAL_STEPS,
        });
        let embedding = conductor_sizes.last().copied().unwrap_or(z_size);
        let first_classes: usize =
            if cores.len() > 1 { n_classes[0] } else { n_classes.iter().sum() };
        let control = first(&kernel(&cores[0].cell(0)))
            .and_then(|rows| rows.checked_sub(first_classes + embedding + decoder_sizes[0]))
            .filter(|more| *more == Control::Chords.n_classes())
            .map(|_| Control::Chords);
        let encoder_sizes = layers(&|layer| encoder_cell(layer, "fw"));
        let n_controls = control.map_or(0, Control::n_classes);
        let n_read = first(&kernel(&encoder_cell(0, "fw")))
            .zip(encoder_sizes.first())
            .map(|(rows, hidden)| rows.wrapping_sub(hidden + n_controls));
        let encoder_input = match (n_read, n_classes.as_slice()) {
            (Some(n), [classes])
                if n == EncoderInput::DrumRoll.width(*classes) && n != *classes =>
            {
                EncoderInput::DrumRoll
            }
            _ => EncoderInput::Class,
        };
        let drum_parts = match encoder_input {
            // No other part has classes that are sets of nine drums.
            EncoderInput::Class => (0..n_classes.len()).filter(|p| n_classes[*p] == 512).collect(),
            EncoderInput::DrumRoll => Vec::new(),
        };
        let config = MusicVaeConfig {
            n_steps,
            z_size,
            // Even if the whole encoder is missing, the decoder can be checked and read.
            encoder_sizes: if encoder_sizes.is_empty() { vec![1] } else { encoder_sizes },
            decoder_sizes,
            encoder_input,
            drum_parts,
            cores: if cores.len() > 1 { Cores::PerPart } else { Cores::Joint },
            conductor: is_hierarchical.then(|| ConductorConfig {
                n_segments: n_segments.unwrap_or(N_SEGMENTS),
                sizes: conductor_sizes,
            }),
            control,
            n_classes,
        };
        config.validate()?;
        let layout = Self {
            decoder: decoder_variables(&config, &cores),
            encoder: encoder_variables(&config),
            config,
        };
        layout.check(tensors)?;
        Ok(layout)
    }

    /// Compares the shape of each existing variable with the required one.
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
                // Controls other than chords enter the first layers together with the music.
                Some(more) => ImportError::Unsupported {
                    what: format!("`{name}` has {more} more rows than music and latent need"),
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

    /// Names of the variables of a part (decoder or encoder) that can't be read.
    pub(super) fn missing(&self, part: Part, tensors: &BTreeMap<String, Stored>) -> Vec<String> {
        let can_be_read =
            |name: &str| tensors.get(name).is_some_and(|stored| stored.pieces.is_some());
        let names = self.needed(part).iter().map(|needed| needed.name.clone());
        names.filter(|name| !can_be_read(name)).collect()
    }

    /// Number of variables of a complete model.
    pub(super) fn n_expected(&self) -> usize {
        self.decoder.len() + self.encoder.len()
    }

    fn needed(&self, part: Part) -> &[Needed] {
        match part {
            Part::Decoder => &self.decoder,
            Part::Encoder => &self.encoder,
        }
    }

    /// Our tensors of a part, converted from the `wanted` variables of Magenta, which `read`
    /// returns.
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
                shape[0] = 0;
                let none = HostTensor { shape, values: Vec::new() };
                let tensor = ours.entry(name.clone()).or_insert(none);
                tensor.shape[0] += n_rows;
                tensor.values.extend_from_slice(rows);
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

/// The cores that a checkpoint names; that of a flat model if it names none.
fn core_scopes(tensors: &BTreeMap<String, Stored>) -> Vec<CoreScopes> {
    for prefix in CORE_PREFIXES {
        let is_there = |core: &CoreScopes| tensors.contains_key(&bias(&core.output()));
        let numbered =
            (0..).map(|i: usize| CoreScopes { prefix: prefix.replace("{i}", &i.to_string()) });
        let found: Vec<CoreScopes> = if prefix.contains("{i}") {
            numbered.take_while(is_there).collect()
        } else {
            numbered.take(1).filter(is_there).collect()
        };
        if !found.is_empty() {
            return found;
        }
    }
    vec![CoreScopes { prefix: String::new() }]
}

fn decoder_variables(config: &MusicVaeConfig, cores: &[CoreScopes]) -> Vec<Needed> {
    let n_states = |sizes: &[usize]| 2 * sizes.iter().sum::<usize>();
    let mut needed = Vec::new();
    let mut z_size = config.z_size;
    if let Some(ConductorConfig { sizes, .. }) = &config.conductor {
        let initial = format!("{CONDUCTOR}/initial_state");
        needed.extend(dense(&initial, "conductor.initial", z_size, n_states(sizes)));
        let mut below = 1;
        for (layer, hidden) in sizes.iter().copied().enumerate() {
            let ours = format!("conductor.layers.{layer}");
            let inputs = vec![(format!("{ours}.input"), below)];
            needed.extend(lstm(&conductor_cell(layer), &ours, inputs, hidden));
            below = hidden;
        }
        z_size = below;
    }
    for ((number, core), parts) in cores.iter().enumerate().zip(config.core_parts()) {
        let n_classes: usize = config.n_classes[parts].iter().sum();
        let own = format!("cores.{number}");
        let sizes = &config.decoder_sizes;
        needed.extend(dense(&core.initial(), &format!("{own}.initial"), z_size, n_states(sizes)));
        let mut below = None;
        for (layer, hidden) in sizes.iter().copied().enumerate() {
            let ours = format!("{own}.layers.{layer}");
            let input = format!("{ours}.input");
            let mut inputs = vec![(input.clone(), below.unwrap_or(n_classes))];
            if layer == 0 {
                inputs.push((format!("{own}.latent"), z_size));
                // Magenta's control follows the latent, ours follows the classes.
                inputs.push((input, config.n_controls()));
            }
            needed.extend(lstm(&core.cell(layer), &ours, inputs, hidden));
            below = Some(hidden);
        }
        let top = below.unwrap_or(1);
        needed.extend(dense(&core.output(), &format!("{own}.output"), top, n_classes));
    }
    needed
}

fn encoder_variables(config: &MusicVaeConfig) -> Vec<Needed> {
    let mut n_inputs = config.encoder_width();
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

/// Whether a variable belongs to a supported model or to its training state, which is ignored.
fn is_known(name: &str) -> bool {
    let of_training = ["global_step", "beta1_power", "beta2_power"].contains(&name)
        || ["/Adam", "/Adam_1", "/opaque_kernel"].iter().any(|end| name.ends_with(end));
    let scope = name.strip_suffix("/kernel").or_else(|| name.strip_suffix("/bias"));
    // Replaces the numbers of layers and cores by `{i}`.
    let pattern = scope.map(|scope| {
        let parts = scope.split('/').map(|part| match part.rsplit_once('_') {
            Some((stem @ ("cell" | "core_decoder"), number))
                if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) =>
            {
                // The single cell in each encoder layer always has number 0.
                format!("{stem}_{{i}}")
            }
            _ => part.to_owned(),
        });
        parts.collect::<Vec<_>>().join("/")
    });
    let of_model = pattern.is_some_and(|pattern| {
        let of_core = CORE_PREFIXES.iter().any(|prefix| {
            pattern.strip_prefix(prefix).is_some_and(|rest| {
                [
                    "decoder/output_projection",
                    "decoder/z_to_initial_state",
                    "decoder/multi_rnn_cell/cell_{i}/lstm_cell",
                ]
                .contains(&rest)
            })
        });
        let of_conductor = pattern.strip_prefix(CONDUCTOR).is_some_and(|rest| {
            ["/initial_state", "/cell_{i}/lstm_cell"].contains(&rest)
        });
        let of_encoder = ["fw", "bw"].iter().any(|direction| {
            pattern
                == format!(
                    "encoder/cell_{{i}}/bidirectional_rnn/{direction}/multi_rnn_cell/cell_{{i}}/lstm_cell"
                )
        });
        of_core || of_conductor || of_encoder || [MEAN, STD_DEV].contains(&pattern.as_str())
    });
    of_training || of_model
}
