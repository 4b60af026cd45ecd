//! The model card: a model folder's `README.md`.

use std::fmt::Write;

use musicvae::{NetworkConfig, Scores};

use crate::model::{ModelConfig, Origin};

/// A model card in Markdown: what the model is, how it was trained, and its scores.
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
                None => "all, because no corpus was given to find them".to_owned(),
            },
        );
    }
    if let Some(std_dev) = config.imported.as_ref().and_then(|imported| imported.std_dev) {
        let _ = writeln!(
            card,
            "The checkpoint has no standard deviations of posteriors: {std_dev} is used for all of them.",
        );
    }
    card.push_str("\n| | |\n|---|---|\n");
    card.push_str(&size_rows(&config.network));
    let _ = writeln!(
        card,
        "| latent dimensions, active | {}, {} |",
        config.network.z_size(),
        config.active_dimensions.len(),
    );
    let heldout = config.training.as_ref().and_then(|training| training.heldout.as_ref());
    card.push_str(&heldout.map(score_rows).unwrap_or_default());
    if let Some(baselines) = config.training.as_ref().and_then(|training| training.baselines) {
        let _ = writeln!(
            card,
            "| baselines: most frequent token, bigram | {:.3}, {:.3} |",
            baselines.most_frequent_accuracy, baselines.bigram_accuracy,
        );
    }
    if heldout.is_some_and(Scores::is_collapsed) {
        card.push_str(
            "\nIts posterior collapsed: latents hardly differ from window to window, so no style can \
             be found in them.\n",
        );
    }
    card.push_str(
        "\nThe rights in the music it was trained on are those of its sources; this file does not \
         know them.\n",
    );
    card
}

/// Rows of a table with a network's sizes.
fn size_rows(network: &NetworkConfig) -> String {
    match network {
        NetworkConfig::Steps(sizes) => format!(
            "| steps per window, classes | {}, {:?} |\n\
             | encoder, decoder units | {:?}, {:?} |\n",
            sizes.n_steps, sizes.n_classes, sizes.encoder_sizes, sizes.decoder_sizes,
        ),
        NetworkConfig::Notes(sizes) => {
            let fields = sizes.encoding.fields().iter();
            let fields: Vec<String> =
                fields.map(|field| format!("{} {}", field.name(), field.n_classes)).collect();
            format!(
                "| bars per window, classes of a note | {}, {} |\n\
                 | units of encoder, conductor, lists | {}, {}, {} |\n",
                sizes.encoding.n_bars(),
                fields.join(", "),
                sizes.encoder_size,
                sizes.conductor_size,
                sizes.list_size,
            )
        }
    }
}

/// Rows of a table with a model's scores on held-out windows.
fn score_rows(heldout: &Scores) -> String {
    let (best, active_std_dev) = match heldout {
        Scores::Steps(scores) => ("accuracy, teacher-forced", scores.active_std_dev),
        Scores::Notes(scores) => ("note F1, posterior mean", scores.active_std_dev),
    };
    format!(
        "| held-out windows | {} |\n\
         | {best} | {:.3} |\n\
         | {}, sampled at temperature 1 | {:.3} |\n\
         | reconstruction, nats per window | {:.2} |\n\
         | KL, bits per window | {:.1} |\n\
         | mean standard deviation of active dimensions | {} |\n",
        heldout.n_windows(),
        heldout.best(),
        heldout.measure(),
        heldout.sampled(),
        heldout.reconstruction_nats(),
        heldout.kl_bits(),
        active_std_dev.map_or_else(|| "none is active".to_owned(), |s| format!("{s:.2}")),
    )
}

/// A sentence on the model that training started from.
fn began_with(from: &Origin) -> String {
    let whence = match (&from.imported, from.n_steps, &from.corpus_hash) {
        (Some(source), ..) => format!("imported from `{source}`"),
        (None, Some(n_steps), Some(corpus)) => {
            format!(
                "trained up to step {n_steps} of its schedules, most recently on corpus {corpus}"
            )
        }
        _ => "of unknown training".to_owned(),
    };
    format!("Training started from the weights of model {} ({whence}).", from.hash)
}
