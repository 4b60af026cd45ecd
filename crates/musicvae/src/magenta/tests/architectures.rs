//! Checkpoints of hierarchical models, trios and chord-conditioned models.

use super::*;
use crate::config::{ConductorConfig, Control, Cores};

/// Melody, bass and drums, each with its own core, under a conductor, with two layers everywhere.
fn trio() -> MusicVaeConfig {
    MusicVaeConfig {
        n_classes: vec![5, 6, 512],
        drum_parts: vec![2],
        cores: Cores::PerPart,
        conductor: Some(ConductorConfig { n_segments: 16, sizes: vec![3, 2] }),
        ..MusicVaeConfig::flat(1, 256, 3, &[2, 3], &[4, 3])
    }
}

/// Rows of our tensors, stacked; only the rows `a..b` for `name[a..b]`.
fn rows(ours: &BTreeMap<String, HostTensor>, names: &[&str]) -> HostTensor {
    let mut all = HostTensor { shape: vec![], values: vec![] };
    for name in names {
        let (name, range) = match name.split_once('[') {
            Some((name, range)) => {
                let (from, to) = range.trim_end_matches(']').split_once("..").unwrap();
                (name, Some((from.parse::<usize>().unwrap(), to.parse::<usize>().unwrap())))
            }
            None => (*name, None),
        };
        let tensor = &ours[name];
        let (from, to) = range.unwrap_or((0, tensor.shape[0]));
        let width = tensor.values.len() / tensor.shape[0];
        if all.shape.is_empty() {
            all.shape.clone_from(&tensor.shape);
            all.shape[0] = 0;
        }
        all.shape[0] += to - from;
        all.values.extend_from_slice(&tensor.values[from * width..to * width]);
    }
    all
}

/// Builds Magenta's tensors from a table: kernels with their rows, every scope with its bias.
fn by_table(model: &MusicVae, table: &[(&str, &[&str], &str)]) -> BTreeMap<String, HostTensor> {
    let ours = tensors(model);
    let mut theirs = BTreeMap::new();
    for (scope, kernel, bias) in table {
        theirs.insert(format!("{scope}/kernel"), rows(&ours, kernel));
        theirs.insert(format!("{scope}/bias"), rows(&ours, &[bias]));
    }
    theirs
}

const ENCODER: [(&str, &[&str], &str); 4] = [
    (
        "encoder/cell_0/bidirectional_rnn/fw/multi_rnn_cell/cell_0/lstm_cell",
        &["encoder.layers.0.forward.input", "encoder.layers.0.forward.recurrent"],
        "encoder.layers.0.forward.bias",
    ),
    (
        "encoder/cell_0/bidirectional_rnn/bw/multi_rnn_cell/cell_0/lstm_cell",
        &["encoder.layers.0.backward.input", "encoder.layers.0.backward.recurrent"],
        "encoder.layers.0.backward.bias",
    ),
    ("encoder/mu", &["encoder.mean.kernel"], "encoder.mean.bias"),
    ("encoder/sigma", &["encoder.std_dev.kernel"], "encoder.std_dev.bias"),
];

const SECOND_ENCODER_LAYER: [(&str, &[&str], &str); 2] = [
    (
        "encoder/cell_1/bidirectional_rnn/fw/multi_rnn_cell/cell_0/lstm_cell",
        &["encoder.layers.1.forward.input", "encoder.layers.1.forward.recurrent"],
        "encoder.layers.1.forward.bias",
    ),
    (
        "encoder/cell_1/bidirectional_rnn/bw/multi_rnn_cell/cell_0/lstm_cell",
        &["encoder.layers.1.backward.input", "encoder.layers.1.backward.recurrent"],
        "encoder.layers.1.backward.bias",
    ),
];

#[test]
fn a_hierarchical_trio_is_the_model_it_was_made_of() {
    let model = MusicVae::init(&trio(), 5, &Device::flex()).unwrap();
    let mut table = Vec::from(ENCODER);
    table.extend(SECOND_ENCODER_LAYER);
    table.extend([
        (
            "decoder/hierarchical_level_0/initial_state",
            &["decoder.conductor.initial.kernel"][..],
            "decoder.conductor.initial.bias",
        ),
        (
            "decoder/hierarchical_level_0/cell_0/lstm_cell",
            &["decoder.conductor.layers.0.input", "decoder.conductor.layers.0.recurrent"],
            "decoder.conductor.layers.0.bias",
        ),
        (
            "decoder/hierarchical_level_0/cell_1/lstm_cell",
            &["decoder.conductor.layers.1.input", "decoder.conductor.layers.1.recurrent"],
            "decoder.conductor.layers.1.bias",
        ),
    ]);
    let core = |i: usize, theirs: &str| -> String {
        format!("core_decoder/core_decoder_{i}/decoder/{theirs}")
    };
    let mut theirs = by_table(&model, &table);
    for i in 0..3 {
        let ours = |name: &str| format!("decoder.cores.{i}.{name}");
        for (scope, kernel, bias) in [
            ("z_to_initial_state", vec!["initial.kernel"], "initial.bias"),
            (
                "multi_rnn_cell/cell_0/lstm_cell",
                vec!["layers.0.input", "latent", "layers.0.recurrent"],
                "layers.0.bias",
            ),
            (
                "multi_rnn_cell/cell_1/lstm_cell",
                vec!["layers.1.input", "layers.1.recurrent"],
                "layers.1.bias",
            ),
            ("output_projection", vec!["output.kernel"], "output.bias"),
        ] {
            let kernel: Vec<String> = kernel.into_iter().map(ours).collect();
            let kernel: Vec<&str> = kernel.iter().map(String::as_str).collect();
            theirs.extend(by_table(&model, &[(&core(i, scope), &kernel, &ours(bias))]));
        }
    }
    let folder = tempfile::tempdir().unwrap();
    write_tfjs(folder.path(), &theirs, Store::F32);
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    assert_eq!(checkpoint.config().unwrap(), trio());
    assert_same(&checkpoint.model(&Device::flex()).unwrap(), &model);

    // An incomplete core is reported by name.
    fs::remove_dir_all(folder.path()).unwrap();
    fs::create_dir(folder.path()).unwrap();
    theirs.remove(&core(2, "z_to_initial_state/kernel"));
    write_tfjs(folder.path(), &theirs, Store::F32);
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    assert_eq!(checkpoint.missing().unwrap(), [core(2, "z_to_initial_state/kernel")]);
}

#[test]
fn chords_stand_behind_the_latent_in_magentas_kernels_and_behind_the_classes_in_ours() {
    let control = Some(Control::Chords);
    let config = MusicVaeConfig { control, ..MusicVaeConfig::flat(8, 32, 3, &[2], &[4]) };
    let model = MusicVae::init(&config, 5, &Device::flex()).unwrap();
    let mut table = Vec::from(ENCODER);
    table.extend([
        (
            "decoder/z_to_initial_state",
            &["decoder.cores.0.initial.kernel"][..],
            "decoder.cores.0.initial.bias",
        ),
        (
            "decoder/multi_rnn_cell/cell_0/lstm_cell",
            &[
                "decoder.cores.0.layers.0.input[0..8]",
                "decoder.cores.0.latent",
                "decoder.cores.0.layers.0.input[8..57]",
                "decoder.cores.0.layers.0.recurrent",
            ],
            "decoder.cores.0.layers.0.bias",
        ),
        (
            "decoder/output_projection",
            &["decoder.cores.0.output.kernel"],
            "decoder.cores.0.output.bias",
        ),
    ]);
    let folder = tempfile::tempdir().unwrap();
    write_tfjs(folder.path(), &by_table(&model, &table), Store::F32);
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    assert_eq!(checkpoint.config().unwrap(), config);
    assert_same(&checkpoint.model(&Device::flex()).unwrap(), &model);
}
