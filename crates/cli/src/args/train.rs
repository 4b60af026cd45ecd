//! What can be typed after `controlgen train`.

use std::path::PathBuf;

use clap::Args;
use musicvae::schedule::ScheduledSampling;

#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    /// The corpus folder
    #[arg(long, value_name = "FOLDER", required_unless_present = "midi", conflicts_with = "midi")]
    pub(crate) corpus: Option<PathBuf>,
    /// MIDI files or folders, in place of a corpus: RUN/corpus is built from them first, and
    /// afterwards the model gets its styles, attributes and copy index
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub(crate) midi: Vec<PathBuf>,
    /// The run folder: receives checkpoints, metrics and the model
    #[arg(short, long, value_name = "RUN")]
    pub(crate) out: PathBuf,
    /// A named configuration, see `controlgen presets` [default: that of --from's model, or
    /// `poly_2bar_tiny`]
    #[arg(long, value_name = "NAME")]
    pub(crate) preset: Option<String>,
    /// Go on from a model folder, or from a model in the program (poly, drums, melody): begin with
    /// its weights instead of random ones, its schedules where they ended, with a fresh optimizer.
    /// With --midi, the learning rate begins at a quarter of the preset's
    #[arg(long, value_name = "MODEL")]
    pub(crate) from: Option<PathBuf>,
    /// With --from, draw this share of the windows from the music that its model was trained on, so
    /// that it doesn't forget [default: 0.2 with other music than that]
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
    /// Steps from one checkpoint to the next; the best held-out score makes one, too
    #[arg(long, default_value_t = 500, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) checkpoint_every: u64,
    /// Steps from one evaluation on held-out windows to the next [default: --checkpoint-every]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) evaluate_every: Option<u64>,
    /// Checkpoints to keep: the last N, and the best
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) keep_last: u16,
    /// Go on from the last checkpoint
    #[arg(long)]
    pub(crate) resume: bool,
    /// The seed of every draw
    #[arg(long, default_value_t = 0, value_parser = crate::args::values::seed)]
    pub(crate) seed: u64,
}

/// How updates are made, where it is not to be what the preset says.
#[derive(Clone, Copy, Debug, Default, Args)]
#[command(next_help_heading = "Settings [default: the preset's]")]
pub(crate) struct SettingsArgs {
    /// Windows in a batch
    #[arg(long, value_name = "N")]
    pub(crate) batch_size: Option<usize>,
    /// Add up the gradients of N batches for each update: as a batch N times as large, in the
    /// memory of one
    #[arg(long, value_name = "N")]
    pub(crate) accumulate: Option<usize>,
    /// Initial learning rate; it falls from there as the preset's does
    #[arg(long, value_name = "RATE")]
    pub(crate) learning_rate: Option<f64>,
    /// Let the learning rate come within 2 % of its lowest value after N steps: the length of the
    /// run, where that is known
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) decay_steps: Option<u64>,
    /// Transpose each window by up to N semitones up or down, at random each time; 0 keeps the keys
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(..=24))]
    pub(crate) transpose: Option<u8>,
    /// Multiply in bfloat16: quick on a GPU (`tch:cuda:N`), and in recurrent layers where the
    /// processor has AVX-512-BF16
    #[arg(long)]
    pub(crate) bf16: bool,
}

/// The training objective, where it differs from the preset.
#[derive(Clone, Copy, Debug, Default, Args)]
#[command(next_help_heading = "Objective [default: the preset's]")]
pub(crate) struct ObjectiveArgs {
    /// Bits of KL that cost nothing, for a whole window
    #[arg(long, value_name = "BITS", conflicts_with = "free_bits_per_dimension")]
    pub(crate) free_bits: Option<f64>,
    /// Bits of KL that cost nothing, for each latent dimension
    #[arg(long, value_name = "BITS")]
    pub(crate) free_bits_per_dimension: Option<f64>,
    /// Largest weight of the KL term; alone, it keeps the preset's schedule
    #[arg(long, value_name = "WEIGHT")]
    pub(crate) beta: Option<f64>,
    /// Raise the weight in a straight line over N steps; 0 for all of it at once. With --from, all
    /// schedules then restart
    #[arg(long, value_name = "N", conflicts_with = "beta_cycle")]
    pub(crate) beta_warmup: Option<u64>,
    /// Raise the weight from 0 again every N steps, for half of them each time. With --from, all
    /// schedules then restart
    #[arg(long, value_name = "N")]
    pub(crate) beta_cycle: Option<u64>,
    /// How often the decoder reads its own draws: `constant:P`, `exponential:BASE` (1 - BASE^step)
    /// or `inverse-sigmoid:K` (one half at step K ln K)
    #[arg(long, value_name = "SCHEDULE", value_parser = crate::args::values::scheduled_sampling)]
    pub(crate) scheduled_sampling: Option<ScheduledSampling>,
}
