//! The model card: a model folder's `README.md`.

use std::fmt::Write;

use crate::model::{ModelConfig, Origin};

/// A model card in Markdown: what the model is, how it was trained, how well it does.
pub(crate) fn model_card(config: &ModelConfig) -> String {
    let mut card = format!("# A MusicVAE of kind `{}`\n\n", config.kind);
    if let Some(training) = &config.training {
        let _ = writeln!(
            card,
            "Trained by controlgen {} from preset `{}`, seed {}, for {} steps on {} windows \
             (corpus {}).",
            training.program_version,
            training.preset,
            training.seed,
            training.n_steps,
            training.n_train_windows,
            training.corpus_hash,
        );
        if let Some(from) = &training.from {
            let _ = writeln!(card, "{}", began_with(from));
        }
    }
    if let Some(imported) = &config.imported {
        let _ = writeln!(
            card,
            "Imported by controlgen {} from Magenta's checkpoint `{}` (form `{}`); active \
             dimensions: {}.",
            imported.program_version,
            imported.source,
            imported.form,
            match &imported.corpus_hash {
                Some(hash) => format!("found on corpus {hash}"),
                None => "all, because they were not looked for".to_owned(),
            },
        );
    }
    if let Some(std_dev) = config.imported.as_ref().and_then(|imported| imported.std_dev) {
        let _ = writeln!(
            card,
            "The checkpoint has no standard deviations of posteriors: {std_dev} stands for all of \
             them.",
        );
    }
    let sizes = &config.musicvae;
    let _ = write!(
        card,
        "\n| | |\n|---|---|\n\
         | steps a window, classes | {}, {:?} |\n\
         | encoder, decoder units | {:?}, {:?} |\n\
         | latent dimensions, active | {}, {} |\n",
        sizes.n_steps,
        sizes.n_classes,
        sizes.encoder_sizes,
        sizes.decoder_sizes,
        sizes.z_size,
        config.active_dimensions.len(),
    );
    let training = config.training.as_ref();
    if let Some(heldout) = training.and_then(|training| training.heldout.as_ref()) {
        let _ = write!(
            card,
            "| held-out windows | {} |\n\
             | accuracy, teacher-forced | {:.3} |\n\
             | accuracy, sampled at temperature 1 | {:.3} |\n\
             | reconstruction, nats a window | {:.2} |\n\
             | KL, bits a window | {:.1} |\n\
             | mean standard deviation of active dimensions | {} |\n",
            heldout.n_windows,
            heldout.teacher_forced_accuracy,
            heldout.sampled_accuracy,
            heldout.reconstruction_nats,
            heldout.kl_bits,
            heldout
                .active_std_dev
                .map_or_else(|| "none is active".to_owned(), |s| format!("{s:.2}")),
        );
        if heldout.is_collapsed() {
            card.push_str(
                "\nIts posterior collapsed: latents hardly differ from window to window, so no style can \
                 be found in them.\n\n",
            );
        }
    }
    if let Some(baselines) = training.and_then(|training| training.baselines) {
        let _ = writeln!(
            card,
            "| baselines: most frequent token, bigram | {:.3}, {:.3} |",
            baselines.most_frequent_accuracy, baselines.bigram_accuracy,
        );
    }
    card.push_str(
        "\nThe rights in the music it was trained on are those of its sources; this file does not \
         know them.\n",
    );
    card
}

/// A sentence on the model that training began with.
fn began_with(from: &Origin) -> String {
    let whence = match (&from.imported, from.n_steps, &from.corpus_hash) {
        (Some(source), ..) => format!("imported from `{source}`"),
        (None, Some(n_steps), Some(corpus)) => {
            format!("trained up to step {n_steps} of its schedules, at last on corpus {corpus}")
        }
        _ => "of unknown training".to_owned(),
    };
    format!("It began with the weights of model {} ({whence}).", from.hash)
}
