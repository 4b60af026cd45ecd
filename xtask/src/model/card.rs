//! The card of a model in the program, with the header for model hubs.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::recipe::Recipe;

const SAMPLED_F1: &str = "note F1, sampled at temperature 1";
const SAMPLED_ACCURACY: &str = "accuracy, sampled at temperature 1";

/// Writes the `README.md` of a model folder, around the table that the program wrote.
pub(super) fn write(model: &Path, recipe: &Recipe, corpus: &Value, fit: &Value) -> Result<()> {
    let path = model.join("README.md");
    let own =
        std::fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))?;
    let config = std::fs::read_to_string(model.join("config.json")).context("no config.json")?;
    let config: Value = serde_json::from_str(&config).context("config.json is damaged")?;
    let text = text(&own, recipe, &config, corpus, fit);
    std::fs::write(&path, text).with_context(|| format!("can't write {}", path.display()))
}

/// The table in the card written by the program, and the sentence before it.
fn own_facts(card: &str) -> &str {
    let facts = card.split_once("\n\n").map_or(card, |(_, facts)| facts);
    facts.split_once("\nThe rights in the music").map_or(facts, |(facts, _)| facts).trim_end()
}

fn text(own: &str, recipe: &Recipe, config: &Value, corpus: &Value, fit: &Value) -> String {
    let mut card = header(recipe, config);
    let _ = write!(card, "\n# {}\n\n{}\n\n", recipe.title, own_facts(own));
    let _ = writeln!(
        card,
        "{} styles: a mixture of {} components on {} of {} latents, {} windows of each file at most.\n",
        fit["styles"].as_array().map_or(0, Vec::len),
        fit["n_components"],
        fit["n_fit_samples"],
        fit["n_samples"],
        recipe.windows_per_file,
    );
    let _ = writeln!(
        card,
        "## Data, licenses, attributions\n\nTrained by this project on public music under permissive \
         licenses only, without labels: {} files, {} windows, {} of them held out by piece.\n\n\
         | corpus | source | license | attribution |\n|---|---|---|---|",
        corpus["n_files"],
        corpus["n_train"].as_u64().unwrap_or(0) + corpus["n_heldout"].as_u64().unwrap_or(0),
        corpus["n_heldout"],
    );
    for source in recipe.sources {
        let _ = writeln!(
            card,
            "| {} | {} | {} | {} |",
            source.folder, source.origin, source.license, source.attribution
        );
    }
    let _ = write!(
        card,
        "\nThe weights, the mixture and the tables of this folder are under the repository's license \
         (MIT or Apache-2.0); `reference.parquet` and `copy.index` hold excerpts of the music above, \
         which keeps its licenses.\n\n\
         ## How to make it again\n\n```sh\ncargo xtask model {} --data DIR --out RUN\n```\n\n\
         ## Use and limits\n\n{} It may repeat stretches of its training music: the JSON file of each \
         piece names the longest, and `--max-copy-notes` refuses them.\n",
        recipe.name, recipe.limits,
    );
    card
}

/// The YAML header of a model card on the Hugging Face hub.
fn header(recipe: &Recipe, config: &Value) -> String {
    let folders = recipe.sources.iter().map(|source| source.folder);
    let datasets: BTreeSet<&str> = folders.filter_map(|folder| folder.split('/').next()).collect();
    let mut header = "---\nlicense: apache-2.0\nlibrary_name: controlgen\n\
                      pipeline_tag: other\ntags:\n- music\n- midi\n- musicvae\n"
        .to_owned();
    let _ = writeln!(header, "- {}\ndatasets:", recipe.kind);
    for dataset in datasets {
        let _ = writeln!(header, "- {dataset}");
    }
    let heldout = &config["training"]["heldout"];
    // Models of note lists count notes; models of tokens count time steps.
    let (metric, values) = if heldout["best"].is_object() {
        let f1 = |side: &str| heldout[side]["note_f1"].as_f64();
        ("f1", [("note F1, posterior mean", f1("best")), (SAMPLED_F1, f1("sampled"))])
    } else {
        let accuracy = |name: &str| heldout[name].as_f64();
        let teacher_forced = ("accuracy, teacher-forced", accuracy("teacher_forced_accuracy"));
        ("accuracy", [teacher_forced, (SAMPLED_ACCURACY, accuracy("sampled_accuracy"))])
    };
    let _ = writeln!(
        header,
        "metrics:\n- {metric}\nmodel-index:\n- name: controlgen-{}\n  results:\n  - task:\n      \
         type: reconstruction\n    dataset:\n      type: {}\n      name: held-out pieces\n    metrics:",
        recipe.name, recipe.kind,
    );
    for (name, value) in values {
        let value = value.unwrap_or(f64::NAN);
        let _ =
            writeln!(header, "    - type: {metric}\n      name: {name}\n      value: {value:.3}");
    }
    header.push_str("---\n");
    header
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::recipe::RECIPES;
    use serde_json::json;

    #[test]
    fn a_card_names_every_source_and_its_license() {
        let own = "# A MusicVAE of kind `poly-2bar`\n\nTrained by controlgen.\n\n| | |\n|---|---|\n\
                   | note F1, posterior mean | 0.8 |\n\nThe rights in the music it was trained on.\n";
        let config = json!({ "training": { "heldout": {
            "best": { "note_f1": 0.8125 }, "sampled": { "note_f1": 0.75 } } } });
        let corpus = json!({ "n_files": 3, "n_train": 70, "n_heldout": 5 });
        let fit =
            json!({ "styles": [1, 2], "n_components": 2, "n_fit_samples": 20, "n_samples": 40 });
        for recipe in &RECIPES {
            let card = text(own, recipe, &config, &corpus, &fit);
            assert!(card.starts_with("---\nlicense: "), "{card}");
            assert!(card.contains("value: 0.812\n") && card.contains("value: 0.750\n"), "{card}");
            assert!(card.contains("3 files, 75 windows, 5 of them held out"), "{card}");
            assert!(card.contains("| note F1, posterior mean | 0.8 |\n\n2 styles"), "{card}");
            assert!(card.contains("2 components on 20 of 40 latents"), "{card}");
            assert!(!card.contains("The rights in"), "{card}");
            for source in recipe.sources {
                let row = format!("| {} | {} | {} |", source.folder, source.origin, source.license);
                assert!(card.contains(&row), "{card}");
            }
        }
    }
    #[test]
    fn models_of_tokens_are_measured_by_their_steps() {
        let heldout = json!({ "teacher_forced_accuracy": 0.9375, "sampled_accuracy": 0.875 });
        let config = json!({ "training": { "heldout": heldout } });
        let header = header(&RECIPES[2], &config);
        assert!(header.contains("metrics:\n- accuracy\n"), "{header}");
        let metric = |name: &str, value| {
            format!("    - type: accuracy\n      name: accuracy, {name}\n      value: {value}\n")
        };
        assert!(header.contains(&metric("teacher-forced", "0.938")), "{header}");
        assert!(header.contains(&metric("sampled at temperature 1", "0.875")), "{header}");
    }
}
