//! Control: blends and paths, filters, mixes, variations, attributes, copies, any MIDI.

use corpus::synthetic;
use note_seq::midi::{WriteOptions, write};
use note_seq::{NoteSequence, Program, TimeSignature};
use serde_json::Value;

use crate::support::{TestDir, names};

const TUNE: &str = "midi/reel/reel-000.mid";

#[test]
fn pieces_do_not_depend_on_how_many_are_asked_for() {
    let dir = TestDir::new();
    dir.model();
    let line = "generate --model run/model --style 1 --seed 3 --temperature 1";
    dir.ok(&format!("{line} -n 2 -o two"));
    dir.ok(&format!("{line} -n 5 -o five"));
    assert_eq!(names(&dir.path("five")).len(), 10);
    for i in 0..2 {
        let of = |folder: &str| dir.read(&format!("{folder}/style-1-seed3-{i:03}.mid"));
        assert_eq!(of("two"), of("five"), "piece {i}");
        let z = |folder: &str| dir.json_file(&format!("{folder}/style-1-seed3-{i:03}.json"));
        let (two, five) = (z("two"), z("five"));
        assert_eq!((&two["z"], &two["copy"]), (&five["z"], &five["copy"]));
        assert_eq!(two["style_membership"], five["style_membership"]);
    }
}

#[test]
fn what_is_kept_is_as_asked_and_what_is_dropped_is_counted() {
    let dir = TestDir::new();
    dir.model();
    let line = "generate --model run/model --style 0 -n 3 --temperature 1 -o out";
    let strict = dir.json(&format!("{line} --max-copy-notes 4 --min-membership 0.05"));
    let pieces = strict["pieces"].as_array().unwrap();
    assert_eq!(pieces.len(), 3);
    for piece in pieces {
        assert!(piece["membership"].as_f64().unwrap() >= 0.05);
        let longest = &piece["copy"]["longest"];
        assert!(longest.is_null() || longest["n_notes"].as_u64().unwrap() <= 4, "{longest}");
        let file = piece["file"].as_str().unwrap();
        assert!(dir.music(file).notes.len() >= 2);
        let sidecar = dir.json_file(&file.replace(".mid", ".json"));
        assert_eq!(sidecar["options"]["max_copy_notes"], 4);
        assert!(sidecar["attempt"].as_u64().unwrap() < strict["n_attempts"].as_u64().unwrap());
    }
    let dropped: u64 =
        strict["dropped"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
    assert!(strict["n_attempts"].as_u64().unwrap() >= 3 + dropped);
    // At least one of the two styles generates lines in which any two consecutive notes also occur
    // in the training music; the other one may generate single notes.
    let refused = (0..2).filter(|style| {
        let run = dir.run(&format!(
            "generate --model run/model --style {style} -n 2 --max-copy-notes 0 --max-attempts 6 -o none"
        ));
        let texts = ["none of 6 attempts was kept", "that copy training music"];
        let refused = run.code == Some(1) && texts.iter().all(|text| run.stderr.contains(text));
        assert!(!refused || !dir.path("none").exists());
        let _ = std::fs::remove_dir_all(dir.path("none"));
        refused
    });
    assert_ne!(refused.count(), 0);
    dir.fails(&format!("{line} --latent-temperature 9"), &["latent temperature is 9; 0 to 4"]);
    dir.fails(&format!("{line} --truncate 0"), &["truncation radius is 0"]);

    std::fs::remove_file(dir.path("run/model/copy.index")).unwrap();
    dir.fails(&format!("{line} --max-copy-notes 9"), &["no `copy.index`", "copy-index --model"]);
    dir.ok("generate --model run/model --style 0 -n 1 -o unchecked");
    let unchecked = dir.json_file("unchecked/style-0-seed0-000.json");
    assert!(unchecked["copy"].is_null());
    assert!(unchecked["warnings"][0].as_str().unwrap().contains("were not searched for"));
    let made = dir.json("copy-index --model run/model --corpus corpus");
    assert_eq!(made["n_files"], 18);
    dir.write("run/model/copy.index", &dir.read("run/model/copy.index")[..999]);
    dir.fails(&format!("{line} --max-copy-notes 9"), &["copy.index is damaged", "checksum"]);
}

#[test]
fn longer_pieces_blends_and_ways_through_styles() {
    let dir = TestDir::new();
    dir.model();
    let generate = "generate --model run/model -n 1 --seed 5 --qpm 120";
    dir.ok(&format!("{generate} --style 0 --bars 8 --even -o long"));
    let long = dir.json_file("long/style-0-seed5-000.json");
    assert_eq!(long["z"].as_array().unwrap().len(), 4);
    let seconds = dir.music("long/style-0-seed5-000.mid").total_time;
    assert!(seconds > 8.0 && seconds <= 16.0 + 1e-9, "{seconds}");

    dir.ok(&format!("{generate} --style 0:0.75,style-1:0.25 --latent-temperature 0 -o blend"));
    let blend = dir.json_file("blend/style-0_0_75_style-1_0_25-seed5-000.json");
    assert_eq!(blend["style"], "style-0:0.75,style-1:0.25");
    // At latent temperature 0, a blend is its mean, which is a quarter of the path that
    // `--smoothness` asks for.
    let way = "--path 0,1 --bars 10 --latent-temperature 0 --smoothness 0.8 -o way";
    dir.ok(&format!("{generate} {way}"));
    let way = dir.json_file("way/style-0-to-style-1-seed5-000.json");
    let at = |file: &Value, window: usize| -> Vec<f64> {
        let z = file["z"][window].as_array().unwrap();
        z.iter().map(|v| v.as_f64().unwrap()).collect()
    };
    let (blend, quarter) = (at(&blend, 0), at(&way, 1));
    let apart = blend.iter().zip(&quarter).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(apart < 1e-5, "{apart}");
    assert_ne!(at(&way, 0), at(&way, 4));

    dir.fails(
        &format!("{generate} --style 0 --bars 3 -o x"),
        &["pieces of 3 bars", "windows of 2"],
    );
    dir.fails(&format!("{generate} --path 0,1 --bars 2 -o x"), &["at least 2 windows, not 1"]);
    dir.fails(&format!("{generate} --style 0:1,nobody:2 -o x"), &["no style `nobody`"]);
}

#[test]
fn a_style_is_mixed_into_a_tune_and_the_second_voice_keeps_its_time() {
    let dir = TestDir::new();
    dir.melody_model();
    let line = format!("mix {TUNE} --model run/model --style 1 -o out");
    let mixed = dir.json(&format!("{line} --strength 0.6"));
    assert_eq!(
        names(&dir.path("out")),
        [
            "reel-000-mix-style-1-duet.json",
            "reel-000-mix-style-1-duet.mid",
            "reel-000-mix-style-1.json",
            "reel-000-mix-style-1.mid"
        ]
    );
    let harmony = &mixed["harmony"];
    for share in ["consonance", "other_styles", "unrelated"] {
        assert!((0.0..=1.0).contains(&harmony[share].as_f64().unwrap()), "{share}: {harmony}");
    }
    let duet = dir.music("out/reel-000-mix-style-1-duet.mid");
    let alone = dir.music("out/reel-000-mix-style-1.mid");
    assert_eq!(duet.instruments().len(), 2);
    let second: Vec<_> = duet.notes.iter().filter(|n| n.program.get() == 11).collect();
    assert_eq!(second.len(), alone.notes.len());
    // The tempo of the tune.
    assert!((duet.tempos[0].qpm - 112.0).abs() < 0.1, "{:?}", duet.tempos);

    // With strength 0 it is the reconstructed tune, for any style and method.
    dir.ok(&format!("reconstruct {TUNE} --model run/model --temperature 0.5 -o back"));
    dir.ok(&format!("{line} --strength 0 --method interpolate"));
    let back = dir.music("back/reel-000-reconstruction.mid");
    let none = dir.music("out/reel-000-mix-style-1.mid");
    assert_eq!(back.notes, none.notes);
    dir.fails(&format!("{line} --strength 1.5"), &["strength is 1.5; 0 to 1"]);
}

#[test]
fn grids_ways_and_variations() {
    let dir = TestDir::new();
    dir.model();
    let grid =
        "interpolate --corners style:0 style:1 midi/hymn/hymn-000.mid midi/blues/blues-000.mid";
    dir.ok(&format!("{grid} --size 3 --model run/model -o grid"));
    let files = names(&dir.path("grid"));
    assert_eq!(files.iter().filter(|name| name.contains(".mid")).count(), 9 + 3);
    assert!(files.contains(&"grid-02-01.mid".to_owned()), "{files:?}");
    let way = "interpolate style:0 style:1 style:0 --steps 5 --interpolation lerp --model run/model -o way";
    dir.ok(way);
    let z = |i: usize| dir.json_file(&format!("way/interpolation-{i:03}.json"))["z"].clone();
    assert_eq!((z(0), z(1)), (z(4), z(3)));
    assert_eq!(dir.run("interpolate style:0 --model run/model -o x").code, Some(2));
    dir.fails(
        "interpolate style:0 style:1 style:0 --steps 2 --model run/model -o x",
        &["a path needs at least 3 windows, not 2"],
    );

    let line = format!("similar {TUNE} --model run/model -n 2 --seed 4");
    dir.ok(&format!("{line} --distance 0 -o same"));
    dir.ok(&format!("reconstruct {TUNE} --model run/model --seed 4 --temperature 0.5 -o back"));
    let back = dir.music("back/reel-000-reconstruction.mid");
    assert_eq!(dir.music("same/reel-000-similar-000.mid").notes, back.notes);
    let far = dir.json(&format!("{line} --distance 1.4 -o far"));
    assert_eq!(far.as_array().unwrap().len(), 2);
    let z = |i: usize| dir.json_file(&format!("far/reel-000-similar-{i:03}.json"))["z"].clone();
    assert_ne!(z(0), z(1));
    dir.fails(&format!("{line} --distance=-1 -o x"), &["distance is -1; 0 to 10"]);
}

#[test]
fn attributes_are_learnt_listed_and_turned() {
    let dir = TestDir::new();
    dir.model();
    let list = dir.json("attribute list --model run/model --check 6");
    let vectors = list["attributes"]["vectors"].as_array().unwrap();
    let names: Vec<&str> = vectors.iter().map(|v| v["attribute"].as_str().unwrap()).collect();
    assert!(names.contains(&"density") && names.contains(&"pitch"), "{names:?}");
    let checks = list["checks"].as_array().unwrap();
    assert_eq!(checks.len(), 2 * vectors.len());
    assert!(checks.iter().all(|c| c["spearman"].as_f64().unwrap().abs() <= 1.0 + 1e-9));

    let line = format!("attribute apply {TUNE} --model run/model -o out --attribute");
    let turned = dir.json(&format!("{line} pitch:+0"));
    assert_eq!(turned["measured"][0]["attribute"], "pitch");
    dir.ok(&format!("reconstruct {TUNE} --model run/model -o back"));
    let back = dir.music("back/reel-000-reconstruction.mid");
    assert_eq!(dir.music("out/reel-000-turned.mid").notes, back.notes);
    let generate = "generate --model run/model --style 0 -n 1 --seed 2 --latent-temperature 0";
    dir.ok(&format!("{generate} -o plain"));
    dir.ok(&format!("{generate} --attribute density:+1 --attribute pitch:-1 -o turned"));
    let z = |folder: &str| dir.json_file(&format!("{folder}/style-0-seed2-000.json"))["z"].clone();
    assert_ne!(z("plain"), z("turned"));

    // Even with a model that has learned next to nothing, the nearest of several draws follows the
    // dial.
    let n_notes = |density: &str| {
        let all = "generate --model run/model -n 6 --seed 5 --candidates 24 --attribute density:";
        let made = dir.json(&format!("{all}{density} -o density{density}"));
        let files = made["pieces"].as_array().unwrap().iter().map(|piece| piece["file"].as_str());
        files.map(|file| dir.music(file.unwrap()).notes.len()).sum::<usize>()
    };
    let (few, many) = (n_notes("-1.5"), n_notes("+1.5"));
    assert!(many > few + few / 2, "{few} notes for a density of -1.5, {many} for +1.5");

    let wrong = dir.run(&format!("{generate} --attribute loud:1 -o x"));
    assert_eq!(wrong.code, Some(2));
    assert!(
        wrong.stderr.contains("unknown attribute `loud`; known are density"),
        "{}",
        wrong.stderr
    );
    std::fs::remove_file(dir.path("run/model/attributes.json")).unwrap();
    dir.fails(&format!("{generate} --attribute density:1 -o x"), &["attribute learn"]);
    let learnt = dir.json("attribute learn --model run/model");
    assert_eq!(learnt["vectors"].as_array().unwrap().len(), vectors.len());
}

/// Files that a converter for training would reject.
#[test]
fn any_midi_will_do_for_a_tune() {
    let dir = TestDir::new();
    dir.melody_model();
    let save = |name: &str, sequence: &NoteSequence| {
        dir.write(name, &write(sequence, &WriteOptions::default()).unwrap());
    };
    // A flute two octaves too high, in 3/4, that starts late and ends in the middle of a window.
    let mut odd = synthetic::piece(1, 0, 0).with_notes(|note| note.instrument == 0);
    for note in &mut odd.notes {
        note.program = Program::saturating(73);
        note.pitch = note.pitch.transposed(24).unwrap();
    }
    odd.time_signatures = vec![TimeSignature { time: 0.0, numerator: 3, denominator: 4 }];
    odd.shift(1.0);
    odd.trim(0.0, 7.0);
    // Meter and tempo are at the beginning.
    odd.time_signatures[0].time = 0.0;
    odd.tempos.iter_mut().for_each(|tempo| tempo.time = 0.0);
    save("odd.mid", &odd);
    let run = dir.run("reconstruct odd.mid --model run/model -o out");
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("the most melodic track"), "{}", run.stderr);
    assert!(run.stderr.contains("its meter is 3/4"), "{}", run.stderr);
    let warnings = dir.json_file("out/odd-reconstruction.json")["warnings"].to_string();
    assert!(warnings.contains("its meter is 3/4"), "{warnings}");

    // For a whole piece, the requested track, or a list of the available ones.
    let tune = sidecar_of_track(&dir, 1);
    assert_eq!(tune["options"]["instruments"], serde_json::json!([1]));
    dir.fails(
        &format!("reconstruct {TUNE} --track 7 --model run/model -o out"),
        &["no instrument 7", "instrument 0 (melody)", "instrument 1"],
    );
    // From standard input, too.
    let mut command = dir.command("reconstruct - --model run/model -o stdin --quiet");
    let file = std::fs::File::open(dir.path(TUNE)).unwrap();
    assert!(command.stdin(file).output().unwrap().status.success());
    assert_eq!(names(&dir.path("stdin")), ["tune-reconstruction.json", "tune-reconstruction.mid"]);
}

fn sidecar_of_track(dir: &TestDir, track: u32) -> Value {
    dir.ok(&format!("reconstruct {TUNE} --track {track} --model run/model -o track"));
    dir.json_file("track/reel-000-reconstruction.json")
}
