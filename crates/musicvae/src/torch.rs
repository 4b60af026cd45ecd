//! Exports weights as a state dict for PyTorch.

use lstm_kernel::lstm::FORGET_BIAS;
use std::collections::BTreeMap;

use crate::model::MusicVae;
use crate::note_list::NoteListVae;
use crate::weights::{self, HostTensor, Precision};

/// Our gate blocks in PyTorch's order: input, forget, candidate, output.
const GATES: [usize; 4] = [0, 2, 1, 3];
/// Index of the forget gate in PyTorch's order.
const FORGET: usize = 1;

impl MusicVae {
    /// The weights as a safetensors file for PyTorch's `load_state_dict`; the crate's
    /// `docs/musicvae_torch.py` loads and runs it.
    ///
    /// | name | shape | module |
    /// |---|---|---|
    /// | `encoder.layers.L.weight_ih_l0`, `…_reverse` | `[4H, n_inputs]` | `torch.nn.LSTM`, bidirectional |
    /// | `encoder.mean.weight`, `encoder.std_dev.weight` | `[Z, 2H]` | `torch.nn.Linear` |
    /// | `decoder.cores.C.initial.weight` | `[2 ΣH, Z]` | `torch.nn.Linear`; states `c_0 h_0 c_1 h_1 …` before tanh |
    /// | `decoder.cores.C.layers.L.weight_ih_l0` | `[4H, V + Z]`, then `[4H, H]` | `torch.nn.LSTM`; reads classes (followed by a control's) and z |
    /// | `decoder.cores.C.output.weight` | `[V, H]` | `torch.nn.Linear`; the parts of a core one after the other |
    /// | `decoder.conductor.initial.weight` | `[2 ΣH, Z]` | like a core's; only in hierarchical models |
    /// | `decoder.conductor.layers.L.weight_ih_l0` | `[4H, 1]`, then `[4H, H]` | `torch.nn.LSTM`; reads a zero |
    ///
    /// and the corresponding biases.
    ///
    /// Differences from [`MusicVae::to_safetensors`]: matrices are `[n_outputs, n_inputs]`, gates
    /// are in PyTorch's order (input, forget, candidate, output), and the 1 that we add to the
    /// forget gate at run time is part of `bias_ih`; `bias_hh` is 0.
    pub fn to_torch_safetensors(&self, precision: Precision) -> Vec<u8> {
        weights::write(&state_dict(&weights::tensors(self)), precision)
    }
}

impl NoteListVae {
    /// The weights as a safetensors file for PyTorch's `load_state_dict`; the crate's
    /// `docs/note_list_torch.py` loads and runs it.
    ///
    /// | name | shape | module |
    /// |---|---|---|
    /// | `encoder.notes.weight` | `[Σ classes, note_size]` | `torch.nn.Embedding` |
    /// | `encoder.cell.weight` | `[cell_size, note_size]` | `torch.nn.Linear` without a bias |
    /// | `encoder.meters.weight`, `decoder.meters.weight` | `[meters, cell_size]`, `[meters, plan_size]` | `torch.nn.Embedding` |
    /// | `encoder.norm.weight` | `[cell_size]` | `torch.nn.LayerNorm` |
    /// | `encoder.over_cells.weight_ih_l0`, `…_reverse` | `[4 · encoder_size, cell_size]` | `torch.nn.LSTM`, bidirectional |
    /// | `encoder.summary.weight`, `encoder.mean.weight`, `encoder.std_dev.weight` | see [`NoteListEncoder`](crate::note_list::NoteListEncoder) | `torch.nn.Linear` |
    /// | `decoder.plan.weight` | `[C · plan_size, Z]` | `torch.nn.Linear` |
    /// | `decoder.conductor.weight_ih_l0`, `…_reverse` | `[4 · conductor_size, plan_size]` | `torch.nn.LSTM`, bidirectional |
    /// | `decoder.list.weight_ih_l0` | `[4 · list_size, Σ classes + 1 + 2 · conductor_size + plan_size]` | `torch.nn.LSTM`; reads symbols and a cell |
    /// | `decoder.heads.position.weight` | `[positions + 1, list_size]` | `torch.nn.Linear` |
    /// | `decoder.heads.hidden.weight` | `[Σ head_sizes, list_size]` | `torch.nn.Linear` without a bias |
    /// | `decoder.heads.fields.F.known.weight` | `[Σ classes before, head_size]` | `torch.nn.Embedding` |
    /// | `decoder.heads.fields.F.output.weight` | `[classes, head_size]` | `torch.nn.Linear` |
    ///
    /// and the corresponding biases. The layouts of matrices and gates differ from
    /// [`NoteListVae::to_safetensors`] as they do in [`MusicVae::to_torch_safetensors`].
    pub fn to_torch_safetensors(&self, precision: Precision) -> Vec<u8> {
        weights::write(&state_dict(&weights::tensors(self)), precision)
    }
}

/// Our tensors under PyTorch's names and in its layouts.
fn state_dict(ours: &BTreeMap<String, HostTensor>) -> BTreeMap<String, HostTensor> {
    let mut torch = BTreeMap::new();
    for (name, tensor) in ours {
        let (scope, field) = name.rsplit_once('.').unwrap_or(("", name));
        // The two directions of an encoder layer are a single module in PyTorch.
        let (module, suffix) = match scope.rsplit_once('.') {
            Some((layer, "forward")) => (layer, ""),
            Some((layer, "backward")) => (layer, "_reverse"),
            _ => (scope, ""),
        };
        let is_lstm = ours.contains_key(&format!("{scope}.recurrent"));
        match (is_lstm, field) {
            (true, "input") => {
                let mut rows = vec![tensor];
                // The weights of a constant input are those of further inputs in PyTorch.
                if let Some(core) = scope.strip_suffix(".layers.0") {
                    rows.extend(ours.get(&format!("{core}.latent")));
                } else if let Some(decoder) = scope.strip_suffix(".list") {
                    rows.extend(ours.get(&format!("{decoder}.cell")));
                }
                let weight = transposed(&gates(&stacked(&rows)));
                torch.insert(format!("{module}.weight_ih_l0{suffix}"), weight);
            }
            (true, "recurrent") => {
                let weight = transposed(&gates(tensor));
                torch.insert(format!("{module}.weight_hh_l0{suffix}"), weight);
            }
            (true, _) => {
                let mut bias = gates(tensor);
                let hidden = bias.values.len() / 4;
                let zeros = HostTensor { values: vec![0.0; 4 * hidden], ..bias.clone() };
                for value in &mut bias.values[FORGET * hidden..][..hidden] {
                    *value += FORGET_BIAS;
                }
                torch.insert(format!("{module}.bias_ih_l0{suffix}"), bias);
                torch.insert(format!("{module}.bias_hh_l0{suffix}"), zeros);
            }
            (false, "kernel") => {
                torch.insert(format!("{scope}.weight"), transposed(tensor));
            }
            (false, "bias") => {
                torch.insert(name.clone(), tensor.clone());
            }
            (false, "scale") => {
                torch.insert(format!("{scope}.weight"), tensor.clone());
            }
            (false, "shift") => {
                torch.insert(format!("{scope}.bias"), tensor.clone());
            }
            (false, "notes" | "meters" | "known") => {
                torch.insert(format!("{name}.weight"), tensor.clone());
            }
            (false, "hidden") => {
                torch.insert(format!("{name}.weight"), transposed(tensor));
            }
            (false, "cell") if !ours.contains_key(&format!("{scope}.list.input")) => {
                torch.insert(format!("{name}.weight"), transposed(tensor));
            }
            // The weights of constant inputs: part of an LSTM's, above.
            (false, _) => {}
        }
    }
    torch
}

/// Stacks the rows of matrices of the same width.
fn stacked(matrices: &[&HostTensor]) -> HostTensor {
    let n_rows = matrices.iter().map(|matrix| matrix.shape[0]).sum();
    let values = matrices.iter().flat_map(|matrix| matrix.values.iter().copied()).collect();
    HostTensor { shape: vec![n_rows, matrices[0].shape[1]], values }
}

/// The four blocks of each row in PyTorch's order.
fn gates(tensor: &HostTensor) -> HostTensor {
    let width = *tensor.shape.last().expect("a bias or a matrix");
    let hidden = width / 4;
    let blocks = |row: &[f32]| -> Vec<f32> {
        GATES.iter().flat_map(|gate| &row[gate * hidden..][..hidden]).copied().collect()
    };
    let values = tensor.values.chunks_exact(width).flat_map(blocks).collect();
    HostTensor { shape: tensor.shape.clone(), values }
}

fn transposed(matrix: &HostTensor) -> HostTensor {
    let (n_rows, n_columns) = (matrix.shape[0], matrix.shape[1]);
    let column = |column: usize| matrix.values[column..].iter().step_by(n_columns).copied();
    let values = (0..n_columns).flat_map(column).collect();
    HostTensor { shape: vec![n_columns, n_rows], values }
}

#[cfg(all(test, feature = "flex"))]
#[allow(clippy::unwrap_used, reason = "a test that cannot continue has failed")]
mod tests {
    use std::io::Write;
    use std::path::Path;
    use std::process::{Command, Stdio};
    use std::sync::Arc;

    use burn::tensor::{Device, Tensor, TensorData};
    use note_seq::NoteListEncoding;
    use serde_json::{Value, json};

    use super::*;
    use crate::config::{ConductorConfig, Control, Cores, EncoderInput, MusicVaeConfig};
    use crate::decoder::DecoderInputs;
    use crate::model::host;
    use crate::note_list::{self, NoteListBatch};
    use crate::recurrent::SymbolSteps;
    use crate::windows::Batch;

    /// One model of each kind: flat, of drums, hierarchical with chords, of two parts with a shared
    /// core and with one core each.
    fn configs() -> [MusicVaeConfig; 5] {
        let flat = MusicVaeConfig::flat(8, 12, 5, &[7, 6], &[9, 4]);
        let drums = MusicVaeConfig { encoder_input: EncoderInput::DrumRoll, ..flat.clone() };
        let conductor = Some(ConductorConfig { n_segments: 3, sizes: vec![6, 5] });
        let control = Some(Control::Chords);
        let chords = MusicVaeConfig { conductor, control, ..flat.clone() };
        let n_classes = vec![8, 4];
        let joint = MusicVaeConfig { n_classes: n_classes.clone(), ..flat.clone() };
        let duo = MusicVaeConfig { n_classes, cores: Cores::PerPart, ..chords.clone() };
        [flat, drums, chords, joint, duo]
    }

    #[test]
    fn a_small_layer_by_hand() {
        // One unit, two classes, one latent dimension: columns are i, j, f, o.
        let matrix =
            |rows: &[[f32; 4]]| HostTensor { shape: vec![rows.len(), 4], values: rows.concat() };
        let ours = BTreeMap::from([
            ("decoder.cores.0.latent".to_owned(), matrix(&[[9.0, 10.0, 11.0, 12.0]])),
            (
                "decoder.cores.0.layers.0.input".to_owned(),
                matrix(&[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]),
            ),
            ("decoder.cores.0.layers.0.recurrent".to_owned(), matrix(&[[13.0, 14.0, 15.0, 16.0]])),
            (
                "decoder.cores.0.layers.0.bias".to_owned(),
                HostTensor { shape: vec![4], values: vec![0.1, 0.2, 0.3, 0.4] },
            ),
        ]);
        let torch = state_dict(&ours);
        let found = |name: &str| {
            let tensor = &torch[&format!("decoder.cores.0.layers.0.{name}_l0")];
            (tensor.shape.clone(), tensor.values.clone())
        };
        // Rows are i, f, g, o.
        let input = vec![1.0, 5.0, 9.0, 3.0, 7.0, 11.0, 2.0, 6.0, 10.0, 4.0, 8.0, 12.0];
        assert_eq!(found("weight_ih"), (vec![4, 3], input));
        assert_eq!(found("weight_hh"), (vec![4, 1], vec![13.0, 15.0, 14.0, 16.0]));
        assert_eq!(found("bias_ih"), (vec![4], vec![0.1, 1.3, 0.2, 0.4]));
        assert_eq!(found("bias_hh"), (vec![4], vec![0.0; 4]));
        assert_eq!(torch.len(), 4);
    }

    /// A Python with torch and safetensors; `None`, with a message, if none is configured.
    #[allow(clippy::print_stdout, reason = "a test that is skipped says so")]
    fn python() -> Option<String> {
        let python = std::env::var("MUSICVAE_TORCH_PYTHON").ok();
        if python.is_none() {
            println!("skipped: set MUSICVAE_TORCH_PYTHON to a Python with torch and safetensors");
        }
        python
    }

    #[test]
    fn pytorch_computes_the_same_posterior_and_logits() {
        let Some(python) = python() else { return };
        for config in configs() {
            agree(&python, &config);
        }
    }

    fn agree(python: &str, config: &MusicVaeConfig) {
        const BATCH: usize = 3;
        let device = Device::flex();
        // The layers next to z start near zero, so randomize all weights.
        let mut spread = weights::tensors(&MusicVae::init(config, 3, &device).unwrap());
        for (n, tensor) in spread.values_mut().enumerate() {
            for (i, value) in tensor.values.iter_mut().enumerate() {
                *value = 0.6 * ((i * 7 + n * 13) as f32).sin();
            }
        }
        let model = MusicVae::init(config, 3, &device).unwrap();
        let model = weights::replace(model, spread).unwrap();
        let layout = config.window();
        let (n_steps, n_tokens) = (layout.n_steps, layout.n_tokens());
        let tokens: Vec<u16> = (0..BATCH * n_tokens)
            .map(|i| (i * i % layout.tracks[i / n_steps % layout.tracks.len()].n_classes) as u16)
            .collect();
        let batch = Batch::new(tokens.chunks_exact(n_tokens), &layout);
        let z: Vec<f32> = (0..BATCH * config.z_size).map(|i| (i as f32).cos()).collect();

        let posterior = model.encode(&batch);
        let data = TensorData::new(z.clone(), [BATCH, config.z_size]);
        let previous: Arc<SymbolSteps> = batch.shifted();
        let inputs = DecoderInputs { previous: &previous, control: batch.control() };
        let logits = model.decoder.forward(Tensor::from_data(data, &device), inputs);
        // Ours is time first, with all sequences of a segment together.
        let n_segments = config.n_segments();
        let logits: Vec<f32> = logits
            .into_iter()
            .zip(&config.n_classes)
            .flat_map(|(logits, n_classes)| {
                let shape = [n_steps / n_segments, n_segments, BATCH, *n_classes];
                let by_sequence = logits.reshape(shape).permute([2, 1, 0, 3]);
                host(by_sequence)
            })
            .collect();

        // One row of ids for each sequence and step.
        let steps = |symbols: &SymbolSteps| -> Value {
            let (batch, slots) = (symbols.batch(), symbols.slots());
            let at = |b: usize, t: usize| &symbols.ids()[(t * batch + b) * slots..][..slots];
            let row = |b| (0..n_steps).map(|t| at(b, t)).collect::<Vec<_>>();
            json!((0..batch).map(row).collect::<Vec<_>>())
        };
        let read = match config.encoder_input {
            EncoderInput::Class => steps(batch.symbols()),
            EncoderInput::DrumRoll => {
                let hits = |token: &u16| {
                    let mut hits: Vec<i32> = (0..3).filter(|bit| token >> bit & 1 == 1).collect();
                    hits.extend((*token == 0).then_some(3));
                    hits.resize(3, -1);
                    hits
                };
                let row = |window: &[u16]| window.iter().map(hits).collect::<Vec<_>>();
                json!(tokens.chunks_exact(n_steps).map(row).collect::<Vec<_>>())
            }
        };
        let case = json!({
            "inputs": read,
            "width": config.encoder_width(),
            "previous": steps(&previous),
            "control": batch.control().map(|control| steps(control)),
            "n_controls": config.n_controls(),
            "n_classes": config.n_classes,
            "n_segments": n_segments,
            "z": z.chunks_exact(config.z_size).map(|row| json!(row)).collect::<Vec<_>>(),
        });
        let weights = model.to_torch_safetensors(Precision::F32);
        let answer = run(python, "torch_agreement.py", &weights, &case);
        for (name, ours) in [
            ("mean", host(posterior.mean)),
            ("std_dev", host(posterior.std_dev)),
            ("logits", logits),
        ] {
            assert_agree(&ours, &numbers(&answer[name]), name);
        }
    }

    #[test]
    fn pytorch_computes_the_same_of_note_lists() {
        let Some(python) = python() else { return };
        for encoding in [NoteListEncoding::POLY_2BAR, NoteListEncoding::DRUMS_2BAR_GROOVE] {
            lists_agree(&python, encoding);
        }
    }

    fn lists_agree(python: &str, encoding: NoteListEncoding) {
        const BATCH: usize = 4;
        let device = Device::flex();
        let config = note_list::tests::config(encoding);
        let model = note_list::tests::model(&config, &device);
        let batch = NoteListBatch::new(&note_list::tests::lists(encoding, BATCH));
        let z: Vec<f32> = (0..BATCH * config.z_size).map(|i| (i as f32).cos()).collect();
        let posterior = model.encode(&batch);
        let data = TensorData::new(z.clone(), [BATCH, config.z_size]);
        let states = model.decoder.states(Tensor::from_data(data, &device), &batch);
        let logits: Vec<Vec<f32>> =
            model.decoder.heads.logits(states, &batch).into_iter().map(host).collect();

        // The batch holds the first notes of all lists, then their second notes, and so on.
        let mut windows = vec![vec![Vec::new(); config.n_cells()]; BATCH];
        let place = |cell: i32| {
            let cell = usize::try_from(cell).unwrap();
            (cell % BATCH, cell / BATCH)
        };
        let mut notes = batch.notes.ids().chunks_exact(encoding.n_fields());
        for n_lists in batch.notes.batch_sizes().unwrap() {
            for (cell, note) in batch.cells.iter().zip(notes.by_ref().take(*n_lists)) {
                let (window, cell) = place(*cell);
                windows[window][cell].push(note);
            }
        }
        let case = json!({
            "meters": batch.meters,
            "windows": windows,
            "z": z.chunks_exact(config.z_size).map(|row| json!(row)).collect::<Vec<_>>(),
            "lists": batch.cells.iter().map(|cell| place(*cell)).collect::<Vec<_>>(),
        });
        let weights = model.to_torch_safetensors(Precision::F32);
        let answer = run(python, "note_list_agreement.py", &weights, &case);
        assert_agree(&host(posterior.mean), &numbers(&answer["mean"]), "mean");
        assert_agree(&host(posterior.std_dev), &numbers(&answer["std_dev"]), "std_dev");
        let lists = answer["lists"].as_array().unwrap();
        for (field, ours) in logits.iter().enumerate() {
            // A list's rows of this field.
            let rows = |list: &Value| match field {
                0 => list[0].clone(),
                _ => list[1][field - 1].clone(),
            };
            let rows: Vec<Vec<Value>> =
                lists.iter().map(|list| rows(list).as_array().unwrap().clone()).collect();
            let longest = rows.iter().map(Vec::len).max().unwrap();
            let theirs: Vec<f64> = (0..longest)
                .flat_map(|step| rows.iter().filter_map(move |rows| rows.get(step)))
                .flat_map(numbers)
                .collect();
            assert_agree(ours, &theirs, &format!("logits of field {field}"));
        }
    }

    fn numbers(values: &Value) -> Vec<f64> {
        values.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
    }

    fn assert_agree(ours: &[f32], theirs: &[f64], name: &str) {
        assert_eq!(theirs.len(), ours.len(), "{name}");
        for (ours, theirs) in ours.iter().zip(theirs) {
            let difference = (f64::from(*ours) - theirs).abs();
            // Both sum values around 1 in single precision, in a different order.
            assert!(difference < 1e-5, "{name}: {ours}, {theirs} in PyTorch");
        }
    }

    /// The output of a script of `docs` for a model and a case.
    fn run(python: &str, script: &str, weights: &[u8], case: &Value) -> Value {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("model.safetensors");
        std::fs::write(&file, weights).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(script);
        let mut child = Command::new(python)
            .args([&script, &file])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(case.to_string().as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{python} failed; see its output above");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}
