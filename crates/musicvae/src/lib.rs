//! MusicVAE in Rust: a recurrent variational autoencoder of short pieces of music.
//!
//! A window of music is a sequence of tokens (see `note-seq`). A bidirectional LSTM encodes it into
//! a diagonal Gaussian over a latent space, and an LSTM decoder reconstructs it from a sample of
//! that Gaussian. The model is that of Roberts, Engel, Raffel, Hawthorne and Eck, "A Hierarchical
//! Latent Vector Model for Learning Long-Term Structure in Music" (ICML 2018, arXiv:1803.05428),
//! with the details of Magenta's implementation.
//!
//! | symbol | meaning |
//! |---|---|
//! | `B` | sequences in a batch |
//! | `T` | steps of a sequence |
//! | `V` | classes of a step |
//! | `H` | units of a layer, per direction |
//! | `Z` | dimensions of the latent space |
//!
//! Start with [`presets`] for the named configurations, [`MusicVae`] for the model, [`train`] for
//! training and [`Generator`] for decoding.
//!
//! ```
//! use musicvae::{Generator, MusicVae, Sampling, presets, seed};
//!
//! let preset = presets::find("cat-mel_2bar_tiny").expect("a preset of this name");
//! let device = musicvae::device::parse("flex")?;
//! let model = MusicVae::init(&preset.model, 7, &device)?;
//! let generator = Generator::new(&model.decoder);
//! let z = vec![0.0; preset.model.z_size];
//! let mut rngs = [seed::stream(7, "decode", 0)];
//! let windows = generator.decode(&z, 32, Sampling::Temperature(1.0), &mut rngs);
//! assert_eq!(windows[0].len(), 32);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![cfg_attr(
    any(feature = "ndarray", feature = "tch"),
    allow(
        deprecated,
        reason = "burn 0.22 is the last release with these backends, which this crate offers"
    )
)]

mod baselines;
mod conductor;
pub mod config;
mod cross_entropy;
mod decoder;
mod dense;
pub mod device;
mod elbo;
mod encoder;
mod evaluate;
mod generate;
mod host;
mod init;
mod lstm;
pub mod magenta;
mod model;
pub mod note_list;
mod optimizer;
mod posterior;
pub mod presets;
mod recurrent;
pub mod sampling;
pub mod schedule;
mod softmax;
mod stack;
mod torch;
pub mod train;
mod weights;
mod windows;

pub use baselines::{Baselines, baselines};
pub use conductor::Conductor;
pub use config::{
    ConductorConfig, ConfigError, Control, Cores, EncoderInput, MusicVaeConfig, ObjectiveConfig,
    RecurrentPrecision, TrainingConfig,
};
pub use decoder::{Core, Decoder, DecoderInputs};
pub use dense::Dense;
pub use elbo::{Elbo, FreeBits};
pub use encoder::{BidirectionalLayer, Encoder};
pub use evaluate::{
    ACTIVE_VARIANCE, COLLAPSED_KL_BITS, Evaluation, PartAccuracy, active_dimensions, evaluate,
};
pub use generate::{Generator, Sampling, StepLogits};
pub use lstm::LstmLayer;
pub use model::{MusicVae, Posteriors};
pub use note_seq::window::{Content, Track, WindowLayout};
pub use optimizer::{Adam, GradientNotFinite};
pub use posterior::Posterior;
pub use recurrent::SymbolSteps;
/// The random streams that sampling and training draw from.
pub use seed;
pub use weights::{Precision, WeightsError};
pub use windows::{Batch, Windows, WindowsError};

/// burn's device type: where a model's tensors are stored.
pub use burn::tensor::Device;
