//! Arguments of `controlgen train`.

use std::path::PathBuf;

use clap::Args;
use musicvae::schedule::ScheduledSampling;

#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    /// The corpus folder
    #[arg(long, value_name = "FOLDER", required_unless_present = "midi", conflicts_with = "midi")]
    pub(crate) corpus: Option<PathBuf>,
    /// MIDI files or folders, instead of a corpus: RUN/corpus is built from them first, and after
    /// the training the model gets its styles, attributes and copy index
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub(crate) midi: Vec<PathBuf>,
    /// The run folder: receives checkpoints, metrics and the model
    #[arg(short, long, value_name = "RUN")]
    pub(crate) out: PathBuf,
    /// A named configuration, see `controlgen presets` [default: that of --from's model, or
    /// `poly_2bar_tiny`]
    #[arg(long, value_name = "NAME")]
    pub(crate) preset: Option<String>,
    /// Continue from a model folder, or from a model in the program (poly, drums, melody): start
    /// with its weights, continue its schedules where they ended, and reset the optimizer. With
    /// --midi, the learning rate starts at a quarter of the preset's
    #[arg(long, value_name = "MODEL")]
    pub(crate) from: Option<PathBuf>,
    /// With --from, draw this fraction of the windows from the music that its model was trained on,
    /// so that the model doesn't forget it [default: 0.2 if the new music differs]
    #[arg(long, value_name = "SHARE", requires = "from", value_parser = crate::args::values::replay)]
    pub(crate) replay: Option<f64>,
    #[command(flatten)]
    pub(crate) settings: SettingsArgs,
    #[command(flatten)]
    pub(crate) objective: ObjectiveArgs,
    /// Stop after this many minutes of training
    #[arg(long, value_name = "M")]
    pub(crate) minutes: Option<f64>,
    /// Stop after this many steps
    #[arg(long, value_name = "N")]
    pub(crate) steps: Option<u64>,
    /// Stop after N evaluations without a better held-out score
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) patience: Option<u64>,
    /// Number of steps between checkpoints; there is also one for the best held-out score
    #[arg(long, default_value_t = 500, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) checkpoint_every: u64,
    /// Number of steps between evaluations on held-out windows [default: --checkpoint-every]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) evaluate_every: Option<u64>,
    /// Number of most recent checkpoints to keep, in addition to the best
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) keep_last: u16,
    /// Resume from the last checkpoint
    #[arg(long)]
    pub(crate) resume: bool,
    /// The seed of all random draws
    #[arg(long, default_value_t = 0, value_parser = crate::args::values::seed)]
    pub(crate) seed: u64,
}

/// Training settings that replace those of the preset.
#[derive(Clone, Copy, Debug, Default, Args)]
#[command(next_help_heading = "Settings [default: the preset's]")]
pub(crate) struct SettingsArgs {
    /// Number of windows in a batch
    #[arg(long, value_name = "N")]
    pub(crate) batch_size: Option<usize>,
    /// Accumulate the gradients of N batches for each update: like a batch N times as large, with
    /// the memory of one
    #[arg(long, value_name = "N")]
    pub(crate) accumulate: Option<usize>,
    /// Initial learning rate; it decays from there like that of the preset
    #[arg(long, value_name = "RATE")]
    pub(crate) learning_rate: Option<f64>,
    /// Number of steps after which the learning rate is at its minimum (within 2 % of it, if it
    /// decays exponentially): the length of the run, if known
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) decay_steps: Option<u64>,
    /// Transpose each window at random by up to N semitones up or down each time; 0 keeps the keys
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(..=24))]
    pub(crate) transpose: Option<u8>,
    /// Multiply in bfloat16: faster on a GPU (`tch:cuda:N`), and in recurrent layers if the
    /// processor has AVX-512-BF16
    #[arg(long)]
    pub(crate) bf16: bool,
}

/// Changes to the preset's training objective.
#[derive(Clone, Copy, Debug, Default, Args)]
#[command(next_help_heading = "Objective [default: the preset's]")]
pub(crate) struct ObjectiveArgs {
    /// Free bits of KL per window
    #[arg(long, value_name = "BITS", conflicts_with = "free_bits_per_dimension")]
    pub(crate) free_bits: Option<f64>,
    /// Free bits of KL per latent dimension
    #[arg(long, value_name = "BITS")]
    pub(crate) free_bits_per_dimension: Option<f64>,
    /// Maximum weight of the KL term; alone, it keeps the preset's schedule
    #[arg(long, value_name = "WEIGHT")]
    pub(crate) beta: Option<f64>,
    /// Increase the weight linearly over N steps; 0 for the full weight from the start. With
    /// --from, this restarts all schedules
    #[arg(long, value_name = "N", conflicts_with = "beta_cycle")]
    pub(crate) beta_warmup: Option<u64>,
    /// Increase the weight from 0 again every N steps, over half of them. With --from, this
    /// restarts all schedules
    #[arg(long, value_name = "N")]
    pub(crate) beta_cycle: Option<u64>,
    /// Probability that the decoder reads its own samples: `constant:P`, `exponential:BASE` (1 -
    /// BASE^step) or `inverse-sigmoid:K` (one half at step K ln K)
    #[arg(long, value_name = "SCHEDULE", value_parser = crate::args::values::scheduled_sampling)]
    pub(crate) scheduled_sampling: Option<ScheduledSampling>,
}
