//! Every kind of window, from MIDI files to a tune that a model reconstructed.
//!
//! The models are trained for only two steps: the tests check that the parts fit together.

use note_seq::NoteSequence;
use serde_json::Value;

use crate::support::TestDir;

/// Trains a model of a kind for two steps on synthetic music, and returns a tune and its
/// reconstruction.
fn written_back(dir: &TestDir, kind: &str, preset: &str) -> (NoteSequence, Value) {
    dir.ok("corpus synthesize -o midi --styles hymn,reel,blues,toccata --pieces 4 --seed 1");
    // No melody rests for a bar, so that every piece is also one window of 16 bars.
    dir.ok(&format!("corpus build midi -o corpus --kind {kind} --heldout 0.3"));
    let trained = dir.json(&format!("train --corpus corpus --preset {preset} -o run --steps 2"));
    assert_eq!(trained["n_steps"], 2);
    let report = dir.json("encode --model run/model --corpus corpus -o run/latents");
    assert!(report["n_train"].as_u64().unwrap() > 0);
    let tune = "midi/blues/blues-000.mid";
    let line =
        format!("reconstruct {tune} --model run/model --temperature 1 --seed 1 --qpm 120 -o out");
    let accuracy = dir.json(&line)["accuracy"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&accuracy), "{accuracy}");
    let written = "out/blues-000-reconstruction";
    (dir.music(&format!("{written}.mid")), dir.json_file(&format!("{written}.json")))
}

#[test]
fn drums_come_back_as_drums() {
    let dir = TestDir::new();
    let (music, _) = written_back(&dir, "drums-2bar", "cat-drums_2bar_tiny");
    assert_ne!(music.notes, [] as [note_seq::Note; 0]);
    assert!(music.notes.iter().all(|note| note.is_drum));
    let refused = "corpus build midi/hymn -o none --kind drums-2bar";
    dir.fails(refused, &["no window of `drums-2bar` in 4 MIDI files", "4 no_drums", "channel 10"]);
}

#[test]
fn a_trio_comes_back_with_its_parts() {
    let dir = TestDir::new();
    let (music, sidecar) = written_back(&dir, "trio-16bar", "hierdec-trio_16bar_tiny");
    assert_eq!(sidecar["options"]["instruments"].as_array().unwrap().len(), 3);
    let of = |wanted: fn(&note_seq::Note) -> bool| music.notes.iter().filter(|n| wanted(n)).count();
    assert!(of(|n| n.is_drum) > 0);
    assert!(of(|n| !n.is_drum && n.program.get() == 0) > 0);
    assert!(of(|n| !n.is_drum && n.program.get() == 33) > 0);
    // 16 bars at 120 quarter notes per minute.
    assert!(music.total_time > 16.0 && music.total_time <= 32.0 + 1e-9, "{}", music.total_time);
}

#[test]
fn sixteen_bars_are_one_window() {
    let dir = TestDir::new();
    let (music, sidecar) = written_back(&dir, "mel-16bar", "hierdec-mel_16bar_tiny");
    assert_eq!(sidecar["z"].as_array().unwrap().len(), 1);
    assert!(music.total_time > 16.0 && music.total_time <= 32.0 + 1e-9, "{}", music.total_time);
}

#[test]
fn melodies_are_written_under_chords() {
    let dir = TestDir::new();
    let (music, _) = written_back(&dir, "mel-2bar-chords", "cat-mel_2bar_tiny_chords");
    assert_ne!(music.notes, [] as [note_seq::Note; 0]);
    let way = |chords: &str, out: &str| {
        let (from, to) = ("midi/hymn/hymn-000.mid", "midi/reel/reel-000.mid");
        let mut command =
            dir.command(&format!("interpolate {from} {to} --model run/model --steps 2 -o {out}"));
        let output = command.args(["--chords", chords]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        dir.json_file(&format!("{out}/interpolation-000.json"))["options"]["chords"].clone()
    };
    assert_eq!(way("C Am F G", "major"), serde_json::json!([1, 22, 6, 8]));

    // A model without chords accepts none.
    dir.model();
    let line = "generate --model run/model --style 0 --chords C -o none";
    dir.fails(line, &["chords are given, and a model of `poly-2bar` takes none; leave them out"]);
}
