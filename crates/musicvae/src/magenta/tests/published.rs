//! Magenta's own `cat-mel_2bar_small`, as far as its files are available. The tests print a message
//! and pass if they are not: `../shared/data/checkpoints` next to the repository.

use std::path::PathBuf;

use super::*;
use crate::generate::{Generator, Sampling};
use crate::seed;

/// A folder of published files; `None`, with a message, if it is not available.
#[allow(clippy::print_stdout, reason = "a test that is skipped says so")]
fn published(name: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/checkpoints");
    let folder = root.join(name);
    if !folder.is_dir() {
        println!("skipped: {} is not available", folder.display());
        return None;
    }
    Some(folder)
}

/// Expected values for a latent, from two independent evaluators in double precision.
struct Golden {
    z: fn(usize) -> f64,
    /// `(layer's block, first values)` of the initial state, `c_0 h_0 c_1 h_1`.
    initial: &'static [(usize, &'static [f64])],
    /// First logits of the first step, and of the last step if known.
    first_logits: [f64; 6],
    last_logits: Option<[f64; 6]>,
    tokens: &'static str,
}

const GOLDEN: [Golden; 3] = [
    Golden {
        z: |_| 0.0,
        initial: &[
            (0, &[-0.221_561, 0.124_273, 0.559_235, 0.694_995]),
            (1, &[-0.097_912, 0.045_029, 0.041_379, 0.015_105]),
            (2, &[-0.039_333, -0.136_510, 0.061_180, -0.161_051]),
            (3, &[-0.274_142, 0.081_871, -0.371_664, 0.000_687]),
        ],
        first_logits: [11.09226, -0.61762, -16.74759, -4.45587, -8.89000, -2.44487],
        last_logits: Some([16.13079, 11.96738, -10.31643, -9.41795, -8.65255, -2.60819]),
        tokens: "41 0 0 0 40 0 0 0 56 0 0 0 40 0 0 0 43 0 0 0 40 0 0 0 38 0 0 0 40 0 0 0",
    },
    Golden {
        z: |i| (i as f64 + 1.0).sin(),
        initial: &[
            (0, &[0.898_765, -0.531_403, -0.359_051, 0.382_777]),
            (1, &[-0.684_955, -0.644_935, -0.537_935, 0.280_401]),
        ],
        first_logits: [-1.94165, -1.32947, 12.32293, -0.01250, 3.68193, 1.00698],
        last_logits: None,
        tokens: "52 1 1 1 56 0 1 0 0 0 1 1 1 0 1 0 56 0 1 0 53 0 0 0 36 0 0 0 1 0 0 0",
    },
    Golden {
        z: |i| (0.5 * i as f64).cos(),
        initial: &[(0, &[0.075_033, -0.180_226, 0.842_640, 0.779_978])],
        first_logits: [-3.35928, -0.95497, -5.47923, -9.68395, -11.62836, -2.61271],
        last_logits: None,
        tokens: "29 0 0 0 32 0 0 0 23 0 0 0 0 0 0 0 20 0 0 0 13 0 0 0 30 0 0 0 38 0 0 0",
    },
];

#[test]
fn the_published_decoder_gives_the_golden_vectors() {
    let Some(folder) = published("mel_small_dljs") else { return };
    let checkpoint = Checkpoint::open(&folder).unwrap();
    let config = checkpoint.config().unwrap();
    let small = crate::presets::find("cat-mel_2bar_small").unwrap().model;
    assert_eq!(config, small);
    let device = Device::flex();
    let decoder = checkpoint.decoder(&device).unwrap();
    let generator = Generator::new(&decoder);
    // The golden numbers have five or six decimals; sums of up to 602 products in single precision
    // are within 1e-4 of them after 32 steps.
    let close = |found: f32, expected: f64, what: &str| {
        assert!((f64::from(found) - expected).abs() < 2e-4, "{what}: {found}, not {expected}");
    };
    for golden in GOLDEN {
        let z: Vec<f32> = (0..config.z_size).map(|i| (golden.z)(i) as f32).collect();
        let data = burn::tensor::TensorData::new(z.clone(), [1, config.z_size]);
        let states =
            decoder.cores[0].initial.forward(burn::tensor::Tensor::from_data(data, &device)).tanh();
        let states = crate::model::host(states);
        for (block, expected) in golden.initial {
            for (i, expected) in expected.iter().enumerate() {
                close(states[block * 256 + i], *expected, "initial state");
            }
        }
        let mut rngs = [seed::stream(0, "unused", 0)];
        let windows = generator.decode(&z, config.n_steps, Sampling::Argmax, &mut rngs);
        let tokens: Vec<String> = windows[0].iter().map(u16::to_string).collect();
        assert_eq!(tokens.join(" "), golden.tokens);
        let mut logits = vec![Vec::new()];
        generator.run(&z, &[], config.n_steps, &mut logits, |all: &mut Vec<f32>, asked| {
            all.extend(asked.logits);
            crate::sampling::argmax(asked.logits)
        });
        for (i, expected) in golden.first_logits.into_iter().enumerate() {
            close(logits[0][i], expected, "logit of the first step");
        }
        for (i, expected) in golden.last_logits.into_iter().flatten().enumerate() {
            close(logits[0][31 * config.n_classes[0] + i], expected, "logit of the last step");
        }
    }
}

#[test]
fn the_published_copy_lacks_its_encoder_and_says_so() {
    let Some(folder) = published("mel_small_dljs") else { return };
    let checkpoint = Checkpoint::open(&folder).unwrap();
    let kernel = |direction: &str| {
        format!(
            "encoder/cell_0/bidirectional_rnn/{direction}/multi_rnn_cell/cell_0/lstm_cell/kernel"
        )
    };
    assert_eq!(checkpoint.missing().unwrap(), [kernel("fw"), kernel("bw")]);
    let error = checkpoint.model(&Device::flex()).unwrap_err().to_string();
    assert!(error.starts_with("the checkpoint has 14 of 16 tensors; without"), "{error}");
}

#[test]
fn the_tail_shard_of_magenta_js_is_the_same_model_bit_for_bit() {
    let (Some(older), Some(newer)) =
        (published("mel_small_dljs"), published("mel_2bar_small_tfjs_partial"))
    else {
        return;
    };
    let (older, newer) = (Checkpoint::open(&older).unwrap(), Checkpoint::open(&newer).unwrap());
    let cell = "decoder/multi_rnn_cell/cell_0/lstm_cell";
    // The shard contains the end of the kernel and the whole bias.
    let bits = |checkpoint: &Checkpoint, name: &str| -> Vec<u32> {
        let tensor = checkpoint.tensors[name].read(name, &checkpoint.files).unwrap();
        tensor.values.iter().map(|value| value.to_bits()).collect()
    };
    let (kernel, bias) = (format!("{cell}/kernel"), format!("{cell}/bias"));
    assert_eq!(bits(&older, &bias), bits(&newer, &bias));
    let shard = newer.files.read("group1-shard5of5").unwrap();
    let shard: Vec<u32> = shard.as_chunks().0.iter().map(|b| u32::from_le_bytes(*b)).collect();
    let both = [bits(&older, &kernel), bits(&older, &bias)].concat();
    assert_eq!(shard.len(), 229_466);
    assert!(both.ends_with(&shard), "the shard belongs to another model");
    // Everything else is in shards that are missing.
    assert_eq!(newer.missing().unwrap().len(), 15);
}
