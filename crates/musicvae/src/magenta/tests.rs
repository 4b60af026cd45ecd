//! Checkpoints in every format: created here from one of our models, and Magenta's own if
//! available.

mod architectures;
mod bundle;
mod published;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::config::EncoderInput;
use crate::weights::tensors;

/// Sizes with two layers everywhere, so that every rule for names and rows is used.
fn config(encoder_input: EncoderInput) -> MusicVaeConfig {
    MusicVaeConfig { encoder_input, ..MusicVaeConfig::flat(8, 32, 3, &[2, 5], &[4, 3]) }
}

fn model(encoder_input: EncoderInput) -> MusicVae {
    MusicVae::init(&config(encoder_input), 5, &Device::flex()).unwrap()
}

/// A model's tensors under Magenta's names and in Magenta's kernels, built from an explicit table,
/// not by the code under test.
fn magenta(model: &MusicVae) -> BTreeMap<String, HostTensor> {
    let ours = tensors(model);
    let stack = |names: &[&str]| {
        let parts: Vec<&HostTensor> = names.iter().map(|name| &ours[*name]).collect();
        let mut shape = parts[0].shape.clone();
        shape[0] = parts.iter().map(|part| part.shape[0]).sum();
        let values = parts.iter().flat_map(|part| part.values.clone()).collect();
        HostTensor { shape, values }
    };
    let mut theirs = BTreeMap::new();
    for (scope, prefix, rows) in [
        (
            "decoder/multi_rnn_cell/cell_0/lstm_cell",
            "decoder.cores.0.layers.0",
            &["decoder.cores.0.latent"][..],
        ),
        ("decoder/multi_rnn_cell/cell_1/lstm_cell", "decoder.cores.0.layers.1", &[]),
        (
            "encoder/cell_0/bidirectional_rnn/fw/multi_rnn_cell/cell_0/lstm_cell",
            "encoder.layers.0.forward",
            &[],
        ),
        (
            "encoder/cell_0/bidirectional_rnn/bw/multi_rnn_cell/cell_0/lstm_cell",
            "encoder.layers.0.backward",
            &[],
        ),
        (
            "encoder/cell_1/bidirectional_rnn/fw/multi_rnn_cell/cell_0/lstm_cell",
            "encoder.layers.1.forward",
            &[],
        ),
        (
            "encoder/cell_1/bidirectional_rnn/bw/multi_rnn_cell/cell_0/lstm_cell",
            "encoder.layers.1.backward",
            &[],
        ),
    ] {
        let (input, recurrent) = (format!("{prefix}.input"), format!("{prefix}.recurrent"));
        let names = [&[input.as_str()][..], rows, &[recurrent.as_str()]].concat();
        theirs.insert(format!("{scope}/kernel"), stack(&names));
        theirs.insert(format!("{scope}/bias"), stack(&[&format!("{prefix}.bias")]));
    }
    for (scope, prefix) in [
        ("decoder/z_to_initial_state", "decoder.cores.0.initial"),
        ("decoder/output_projection", "decoder.cores.0.output"),
        ("encoder/mu", "encoder.mean"),
        ("encoder/sigma", "encoder.std_dev"),
    ] {
        for part in ["kernel", "bias"] {
            theirs.insert(format!("{scope}/{part}"), stack(&[&format!("{prefix}.{part}")]));
        }
    }
    theirs
}

fn assert_same(found: &MusicVae, expected: &MusicVae) {
    assert_eq!(tensors(found), tensors(expected));
}

/// How a test's magenta-js directory stores values.
#[derive(Clone, Copy)]
enum Store {
    F32,
    F16,
    Quantised { bytes: usize },
}

/// Writes a magenta-js directory with shards of 1000 bytes, so that tensors span several shards.
fn write_tfjs(folder: &Path, tensors: &BTreeMap<String, HostTensor>, store: Store) -> usize {
    const SHARD: usize = 1000;
    let (mut bytes, mut weights) = (Vec::new(), Vec::new());
    for (name, tensor) in tensors {
        let mut weight = json!({ "name": name, "shape": tensor.shape, "dtype": "float32" });
        match store {
            Store::F32 => bytes.extend(tensor.values.iter().flat_map(|v| v.to_le_bytes())),
            Store::F16 => {
                weight["quantization"] = json!({ "dtype": "float16", "original_dtype": "float32" });
                let half = tensor.values.iter().map(|v| half::f16::from_f32(*v));
                bytes.extend(half.flat_map(half::f16::to_le_bytes));
            }
            Store::Quantised { bytes: n } => {
                let levels = f64::from((1_u32 << (8 * n)) - 1);
                let min = tensor.values.iter().copied().fold(f32::INFINITY, f32::min);
                let max = tensor.values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let (min, max) = (f64::from(min), f64::from(max));
                let scale = if max > min { (max - min) / levels } else { 1.0 };
                let dtype = if n == 1 { "uint8" } else { "uint16" };
                weight["quantization"] = json!({ "dtype": dtype, "min": min, "scale": scale });
                for value in &tensor.values {
                    #[expect(clippy::cast_sign_loss, reason = "no value is below the least")]
                    let q = ((f64::from(*value) - min) / scale).round() as u32;
                    bytes.extend(&q.to_le_bytes()[..n]);
                }
            }
        }
        weights.push(weight);
    }
    let shards: Vec<&[u8]> = bytes.chunks(SHARD).collect();
    let n = shards.len();
    let paths: Vec<String> = (1..=n).map(|i| format!("group1-shard{i}of{n}")).collect();
    for (path, shard) in paths.iter().zip(&shards) {
        fs::write(folder.join(path), shard).unwrap();
    }
    let manifest = json!([{ "paths": paths, "weights": weights }]);
    fs::write(folder.join("weights_manifest.json"), manifest.to_string()).unwrap();
    n
}

fn write_deeplearn(folder: &Path, tensors: &BTreeMap<String, HostTensor>) {
    let mut manifest = serde_json::Map::new();
    for (name, tensor) in tensors {
        let filename = name.replace('/', "_");
        let bytes: Vec<u8> = tensor.values.iter().flat_map(|v| v.to_le_bytes()).collect();
        fs::write(folder.join(&filename), bytes).unwrap();
        manifest.insert(name.clone(), json!({ "filename": filename, "shape": tensor.shape }));
    }
    fs::write(folder.join("manifest.json"), Value::Object(manifest).to_string()).unwrap();
}

#[test]
fn a_tfjs_directory_gives_the_weights_it_was_made_of() {
    for input in [EncoderInput::Class, EncoderInput::DrumRoll] {
        let (folder, model) = (tempfile::tempdir().unwrap(), model(input));
        let n_shards = write_tfjs(folder.path(), &magenta(&model), Store::F32);
        assert!(n_shards > 2, "tensors should span several shards");
        let steps = json!({ "dataConverter": { "args": { "numSteps": 64 } } });
        fs::write(folder.path().join("config.json"), steps.to_string()).unwrap();
        let checkpoint = Checkpoint::open(folder.path()).unwrap();
        assert_eq!(checkpoint.form(), Form::TensorFlowJs);
        assert_eq!(checkpoint.config().unwrap(), MusicVaeConfig { n_steps: 64, ..config(input) });
        assert_same(&checkpoint.model(&Device::flex()).unwrap(), &model);
    }
}

#[test]
fn quantized_directories_give_weights_within_half_a_level() {
    let model = model(EncoderInput::Class);
    let expected = tensors(&model);
    for (store, levels) in [
        (Store::Quantised { bytes: 1 }, 255.0),
        (Store::Quantised { bytes: 2 }, 65535.0),
        // Half precision has 11 bits, so a value below 1 has an error of at most 2^-12.
        (Store::F16, 2048.0),
    ] {
        let folder = tempfile::tempdir().unwrap();
        write_tfjs(folder.path(), &magenta(&model), store);
        let found = Checkpoint::open(folder.path()).unwrap().model(&Device::flex()).unwrap();
        for (name, tensor) in tensors(&found) {
            let expected = &expected[&name].values;
            // The range of our small kernels is below 2, and is divided into levels.
            let tolerance = 1.0 / levels + 1e-7;
            for (found, expected) in tensor.values.iter().zip(expected) {
                assert!((found - expected).abs() <= tolerance, "{name}: {found}, not {expected}");
            }
        }
    }
}

#[test]
fn a_deeplearn_directory_gives_the_weights_it_was_made_of() {
    let (folder, model) = (tempfile::tempdir().unwrap(), model(EncoderInput::Class));
    write_deeplearn(folder.path(), &magenta(&model));
    let checkpoint = Checkpoint::open(&folder.path().join("manifest.json")).unwrap();
    assert_eq!(checkpoint.form(), Form::DeepLearnJs);
    assert_eq!(checkpoint.config().unwrap(), config(EncoderInput::Class));
    assert_same(&checkpoint.model(&Device::flex()).unwrap(), &model);
}

#[test]
fn missing_tensors_are_named_and_the_decoder_can_be_had_alone() {
    let (folder, model) = (tempfile::tempdir().unwrap(), model(EncoderInput::Class));
    write_deeplearn(folder.path(), &magenta(&model));
    let kernel = "encoder_cell_1_bidirectional_rnn_bw_multi_rnn_cell_cell_0_lstm_cell_kernel";
    fs::remove_file(folder.path().join(kernel)).unwrap();
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    let error = checkpoint.model(&Device::flex()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the checkpoint has 19 of 20 tensors; without \
         `encoder/cell_1/bidirectional_rnn/bw/multi_rnn_cell/cell_0/lstm_cell/kernel` it has a \
         decoder but no working encoder, and a model needs both; download the whole checkpoint"
    );
    let decoder = checkpoint.decoder(&Device::flex()).unwrap();
    assert_eq!(tensors(&decoder), tensors(&model.decoder));

    fs::remove_file(folder.path().join("decoder_output_projection_bias")).unwrap();
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    let error = checkpoint.decoder(&Device::flex()).unwrap_err();
    assert!(error.to_string().contains("`decoder/output_projection/bias` there is no working"));
}

#[test]
fn standard_deviations_that_are_missing_can_be_made_up() {
    let (folder, model) = (tempfile::tempdir().unwrap(), model(EncoderInput::Class));
    let mut theirs = magenta(&model);
    theirs.retain(|name, _| !name.starts_with("encoder/sigma"));
    write_deeplearn(folder.path(), &theirs);
    let open = || Checkpoint::open(folder.path()).unwrap();
    let error = open().model(&Device::flex()).unwrap_err().to_string();
    assert!(
        error.ends_with(
            "`encoder/sigma/bias` it has means but no standard deviations of posteriors; give one \
             with `--std-dev`, or download the whole checkpoint"
        ),
        "{error}"
    );
    let checkpoint = open().with_std_dev(0.25);
    assert!(checkpoint.std_dev_is_made_up());
    let found = checkpoint.model(&Device::flex()).unwrap();
    let windows = [[1_u16; 32], [5; 32]];
    let layout = config(EncoderInput::Class).window();
    let batch = crate::Batch::new(windows.iter().map(|w| &w[..]), &layout);
    let (found, expected) = (found.encode(&batch), model.encode(&batch));
    let host = crate::model::host::<2>;
    assert_eq!(host(found.mean), host(expected.mean));
    for std_dev in host(found.std_dev) {
        assert!((std_dev - 0.25).abs() < 1e-6, "{std_dev}");
    }
    // If there is a head, it is used.
    write_deeplearn(folder.path(), &magenta(&model));
    let checkpoint = open().with_std_dev(0.25);
    assert!(!checkpoint.std_dev_is_made_up());
    assert_same(&checkpoint.model(&Device::flex()).unwrap(), &model);
}

#[test]
fn a_shard_that_is_missing_hides_only_its_own_tensors() {
    let (folder, model) = (tempfile::tempdir().unwrap(), model(EncoderInput::Class));
    let theirs = magenta(&model);
    let n_shards = write_tfjs(folder.path(), &theirs, Store::F32);
    fs::remove_file(folder.path().join(format!("group1-shard2of{n_shards}"))).unwrap();
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    let missing = checkpoint.missing().unwrap();
    let mut end = 0;
    for (name, tensor) in &theirs {
        let (first, last) = (end, end + 4 * tensor.values.len() - 1);
        end = last + 1;
        let is_hidden = first < 2000 && last >= 1000;
        assert_eq!(missing.contains(name), is_hidden, "{name}");
    }
}

#[test]
fn other_models_and_wrong_shapes_are_told_apart() {
    let refused = |change: &dyn Fn(&mut BTreeMap<String, HostTensor>)| {
        let folder = tempfile::tempdir().unwrap();
        let mut theirs = magenta(&model(EncoderInput::Class));
        change(&mut theirs);
        write_deeplearn(folder.path(), &theirs);
        Checkpoint::open(folder.path()).unwrap().config().unwrap_err().to_string()
    };
    let nade = refused(&|t| {
        t.insert("decoder/nade/w_enc".into(), HostTensor { shape: vec![1], values: vec![0.0] });
    });
    assert!(nade.contains("can't be imported: it has a tensor `decoder/nade/w_enc`; categorical"));
    let resize = |t: &mut BTreeMap<String, HostTensor>, name: &str, shape: [usize; 2]| {
        let values = vec![0.0; shape[0] * shape[1]];
        t.insert(name.to_owned(), HostTensor { shape: shape.to_vec(), values });
    };
    // As many rows as keys: 49 would be chords.
    let keys = refused(&|t| {
        resize(t, "decoder/multi_rnn_cell/cell_0/lstm_cell/kernel", [8 + 3 + 12 + 4, 16]);
    });
    assert!(keys.contains("has 12 more rows than music and latent need"), "{keys}");
    let wrong = refused(&|t| resize(t, "encoder/mu/kernel", [10, 4]));
    assert_eq!(
        wrong,
        "tensor `encoder/mu/kernel` has shape [10, 4]; [10, 3] would fit the other tensors"
    );
}

#[test]
fn damage_is_named_by_file() {
    let folder = tempfile::tempdir().unwrap();
    let theirs = magenta(&model(EncoderInput::Class));
    let open = || Checkpoint::open(folder.path());
    let text = |error: ImportError| error.to_string();
    assert!(text(open().unwrap_err()).contains("contains no checkpoint: none of its files lists"));

    write_deeplearn(folder.path(), &theirs);
    let bias = folder.path().join("encoder_mu_bias");
    fs::write(&bias, [0; 8]).unwrap();
    let error = text(open().unwrap().model(&Device::flex()).unwrap_err());
    assert!(error.contains("`encoder_mu_bias` of the checkpoint is damaged"), "{error}");
    assert!(error.contains("of shape [3] can't have 8 bytes"), "{error}");
    fs::write(&bias, f32::NAN.to_le_bytes().repeat(3)).unwrap();
    let error = text(open().unwrap().model(&Device::flex()).unwrap_err());
    assert!(error.contains("a value that is not finite"), "{error}");
    // Names that lead out of the folder are not files of the checkpoint.
    let outside = json!({ "encoder/mu/bias": { "filename": "../../etc/passwd", "shape": [3] } });
    fs::write(folder.path().join("manifest.json"), outside.to_string()).unwrap();
    assert!(open().unwrap().tensors["encoder/mu/bias"].pieces.is_none());

    // From here on this is a magenta-js directory, which takes precedence.
    for (manifest, expected) in [
        (
            json!([{
                "paths": ["a"], "weights": [{ "name": "x", "shape": [1], "dtype": "what" }]
            }]),
            "tensor `x` has the unknown type `what`",
        ),
        (
            json!([{ "paths": ["a"],
                  "weights": [{ "name": "x", "shape": [u64::MAX, 9], "dtype": "float32" }] }]),
            "can't have shape [18446744073709551615, 9]",
        ),
        (
            json!([{ "paths": ["encoder_mu_bias"],
                  "weights": [{ "name": "x", "shape": [2], "dtype": "float32" }] }]),
            "it and the other shards have 12 bytes; the manifest says 8",
        ),
    ] {
        fs::write(folder.path().join("weights_manifest.json"), manifest.to_string()).unwrap();
        let error = text(open().unwrap_err());
        assert!(error.contains(expected), "{error}");
    }
    fs::write(folder.path().join("weights_manifest.json"), "[{").unwrap();
    assert!(text(open().unwrap_err()).contains("`weights_manifest.json` of the checkpoint"));
}
