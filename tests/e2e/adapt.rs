//! From a folder of MIDI files to a model with styles in one command.

use crate::support::TestDir;

#[test]
fn a_folder_of_midi_becomes_a_model_with_styles() {
    let dir = TestDir::new();
    dir.model();
    dir.ok("corpus synthesize -o mine --styles blues,hymn --pieces 8 --seed 9");
    let trained = dir.json("train --from run/model --midi mine -o my --steps 12 --seed 3");
    assert_eq!(trained["n_steps"], 12);
    let n_styles = trained["fit"]["styles"].as_array().unwrap().len();
    assert!(n_styles >= 1);
    let styles = dir.json("style list --model my/model");
    assert_eq!(styles["styles"].as_array().unwrap().len(), n_styles);
    dir.ok("generate --model my/model --style 0 -n 1 -o out");

    // The copy index contains the music of both models.
    let n_notes = |line: &str| dir.json(line)["n_notes"].as_u64().unwrap();
    let size = |path: &str| dir.read(path).len();
    let both = size("my/model/copy.index");
    let old = n_notes("copy-index --model run/model --corpus corpus");
    let new = n_notes("copy-index --model my/model --corpus my/corpus");
    assert!(old > 0 && new > 0);
    assert!(both > size("run/model/copy.index") && both > size("my/model/copy.index"));

    // A resumed run fits again.
    dir.ok("train --from run/model --midi mine -o my --steps 13 --seed 3 --resume");
    assert_eq!(size("my/model/copy.index"), both);
}

#[test]
fn a_run_needs_a_corpus_or_midi_and_a_model_to_replay() {
    let dir = TestDir::new();
    dir.corpus();
    let run = dir.run("train -o my --steps 1");
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("--corpus"), "{}", run.stderr);
    let run = dir.run("train --corpus corpus -o my --steps 1 --replay 0.5");
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    dir.ok("train --corpus corpus -o bare --steps 2");
    dir.fails(
        "train --corpus corpus --from bare/model -o my --steps 1 --replay 0.5",
        &["bare/model has no `reference.parquet`", "--replay 0"],
    );
}
