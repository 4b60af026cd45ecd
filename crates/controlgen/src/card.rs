//! The model card: a model folder's `README.md`.

use std::fmt::Write;

use crate::model::ModelConfig;

/// A model card in Markdown: what the model is, how it was trained, how well it does.
pub(crate) fn model_card(config: &ModelConfig) -> String {
    let (sizes, training) = (&config.musicvae, &config.training);
    let mut card = format!(
        "# A MusicVAE of kind `{}`\n\n\
         Trained by controlgen {} from preset `{}`, seed {}, for {} steps on {} windows \
         (corpus {}).\n\n\
         | | |\n|---|---|\n\
         | steps a window, classes | {}, {} |\n\
         | encoder, decoder units | {:?}, {:?} |\n\
         | latent dimensions, active | {}, {} |\n",
        config.kind,
        training.program_version,
        training.preset,
        training.seed,
        training.n_steps,
        training.n_train_windows,
        training.corpus_hash,
        sizes.n_steps,
        sizes.n_classes,
        sizes.encoder_sizes,
        sizes.decoder_sizes,
        sizes.z_size,
        config.active_dimensions.len(),
    );
    if let Some(heldout) = &training.heldout {
        let _ = write!(
            card,
            "| held-out windows | {} |\n\
             | accuracy, teacher-forced | {:.3} |\n\
             | accuracy, sampled at temperature 1 | {:.3} |\n\
             | reconstruction, nats a window | {:.2} |\n\
             | KL, bits a window | {:.1} |\n",
            heldout.n_windows,
            heldout.teacher_forced_accuracy,
            heldout.sampled_accuracy,
            heldout.reconstruction_nats,
            heldout.kl_bits,
        );
    }
    if let Some(baselines) = &training.baselines {
        let _ = writeln!(
            card,
            "| baselines: commonest token, bigram | {:.3}, {:.3} |",
            baselines.most_frequent_accuracy, baselines.bigram_accuracy,
        );
    }
    card.push_str(
        "\nThe rights in the music it was trained on are those of its sources; this file does not \
         know them.\n",
    );
    card
}
