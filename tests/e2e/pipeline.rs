//! From MIDI files to new MIDI files.

use crate::support::{STEPS, TestDir, names};

#[test]
fn midi_in_new_music_of_a_style_out() {
    let dir = TestDir::new();
    dir.corpus();
    let report = dir.json("corpus report corpus");
    assert_eq!(report["n_files_used"], 24);

    let train = dir.json(&format!("train --corpus corpus -o run --steps {STEPS} --seed 2"));
    assert_eq!(train["n_steps"], STEPS);
    assert!(train["heldout"]["n_windows"].as_u64().unwrap() > 20);
    let metrics = String::from_utf8(dir.read("run/metrics.jsonl")).unwrap();
    let steps = metrics.lines().filter(|line| line.contains("\"event\":\"step\"")).count();
    assert_eq!(steps, STEPS as usize);

    dir.ok("encode --model run/model --corpus corpus -o run/latents");
    let fit = "fit --model run/model --corpus corpus --latents run/latents -k 2..3 --n-init 1";
    let fit = dir.json(fit);
    let n_styles = fit["n_components"].as_u64().unwrap();
    assert!((2..=3).contains(&n_styles));
    assert_eq!(fit["curve"].as_array().unwrap().len(), 4);

    let list = dir.json("style list --model run/model --check 5");
    let shares = list["styles"].as_array().unwrap().iter();
    let total: f64 = shares.map(|style| style["share"].as_f64().unwrap()).sum();
    assert!((total - 1.0).abs() < 1e-9);
    assert!((list["reencoding"]["chance"].as_f64().unwrap() - 1.0 / n_styles as f64).abs() < 1e-9);
    assert_eq!(list["reencoding"]["n_candidates"], 1);
    assert_eq!(list["chosen"]["n_candidates"], 8);

    dir.ok("generate --model run/model --style 0 -n 4 --seed 7 -o out");
    let expected: Vec<String> = (0..4)
        .flat_map(|i| ["json", "mid"].map(|ending| format!("style-0-seed7-{i:03}.{ending}")))
        .collect();
    assert_eq!(names(&dir.path("out")), expected);
    let sidecar = dir.json_file("out/style-0-seed7-001.json");
    assert_eq!(sidecar["format"], "controlgen.output");
    assert_eq!((&sidecar["seed"], &sidecar["index"]), (&7.into(), &1.into()));
    assert_eq!(sidecar["component"], 0);
    assert_eq!(sidecar["z"][0].as_array().unwrap().len(), 96);
    let membership = sidecar["membership"].as_array().unwrap();
    let total: f64 = membership.iter().map(|p| p.as_f64().unwrap()).sum();
    assert!((total - 1.0).abs() < 1e-9);
    for i in 0..4 {
        let music = dir.music(&format!("out/style-0-seed7-{i:03}.mid"));
        // Two bars at 120 quarter notes per minute.
        assert!(music.total_time <= 4.0 + 1e-9);
    }

    let tune = "midi/reel/reel-000.mid";
    let back = dir.json(&format!("reconstruct {tune} --model run/model -o out"));
    assert!((0.0..=1.0).contains(&back["accuracy"].as_f64().unwrap()));
    let line = format!("interpolate {tune} style:style-1 --model run/model --steps 3 -o way");
    dir.ok(&line);
    assert_eq!(names(&dir.path("way")).len(), 8);
    dir.ok("style show 0 1 --model run/model --picture out/styles.svg -n 2");
    assert!(String::from_utf8(dir.read("out/styles.svg")).unwrap().contains("new, of style-1"));
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_one_thread_and_on_two() {
    let dir = TestDir::new();
    dir.corpus();
    for threads in ["1", "2"] {
        let run = |line: &str| {
            let mut command = dir.command(line);
            let output = command.env("RAYON_NUM_THREADS", threads).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        };
        let (out, model) = (format!("run{threads}"), format!("run{threads}/model"));
        run(&format!("train --corpus corpus -o {out} --steps {STEPS} --seed 2"));
        run(&format!("encode --model {model} --corpus corpus -o {out}/latents"));
        run(&format!("fit --model {model} --corpus corpus --latents {out}/latents -k 2..3"));
        run(&format!("generate --model {model} --style 1 -n 3 --seed 9 -o {out}/samples"));
    }
    let files = names(&dir.path("run1/samples"));
    assert_eq!(files.len(), 6);
    let same = |name: &str| {
        let (one, two) = (dir.read(&format!("run1/{name}")), dir.read(&format!("run2/{name}")));
        assert!(one == two, "{name} differs");
    };
    for file in files {
        same(&format!("samples/{file}"));
    }
    for file in names(&dir.path("run1/model")) {
        same(&format!("model/{file}"));
    }
    same("latents/latents-00000.parquet");
}
