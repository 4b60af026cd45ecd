//! Styles: how they are found, what they sound like, and what users do with them.

use crate::support::{TestDir, names};

#[test]
fn a_fit_says_how_it_chose_and_what_styles_sound_like() {
    let dir = TestDir::new();
    dir.model();
    let fit = dir.json(
        "fit --model run/model --corpus corpus --latents run/latents -k 2..3 --n-init 1 \
         --latents-of sampled --criterion elbow --covariance diag,tied,low-rank:1,low-rank:99 --resamples 1",
    );
    // A rank of 99 is larger than the number of dimensions.
    assert_eq!(fit["curve"].as_array().unwrap().len(), 6);
    assert_eq!((&fit["criterion"], &fit["latents_of"]), (&"elbow".into(), &"sampled".into()));
    assert!((-1.0..=1.0).contains(&fit["stability"].as_f64().unwrap()));
    let chart = String::from_utf8(dir.read("run/model/mixture.svg")).unwrap();
    assert!(chart.contains("chosen: ") && chart.contains("low-rank:1"));

    let list = dir.json("style list --model run/model");
    assert_eq!(list["fit"]["latents_of"], "sampled");
    let card = &list["styles"][0]["card"];
    let onsets = card["profile"]["onsets"].as_array().unwrap();
    let total: f64 = onsets.iter().map(|share| share.as_f64().unwrap()).sum();
    assert!((total - 1.0).abs() < 1e-9 && onsets.len() == 16);
    assert!(card["deviations"]["note-density"].is_f64());
    // The corpus has its folders as labels.
    let label = &card["labels"][0];
    assert!(["blues", "hymn", "reel", "toccata"].contains(&label["name"].as_str().unwrap()));
    let text = dir.ok("style show 0 --model run/model --thumbnails out");
    for part in ["sounds", "keys", "onsets", "notes-per-beat", "labels", "nearest"] {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
    assert_eq!(names(&dir.path("out")), ["style-0.svg"]);
}

#[test]
fn styles_can_be_clusters_of_pieces() {
    let dir = TestDir::new();
    dir.model();
    let fit = dir.json(
        "fit --model run/model --corpus corpus --latents run/latents --granularity pieces -k 2..3 --resamples 0",
    );
    assert!(fit["n_pieces"].as_u64().unwrap() >= 4, "{}", fit["n_pieces"]);
    let styles = fit["styles"].as_array().unwrap();
    assert!((2..=3).contains(&styles.len()));
    // Every component belongs to one style, and together the styles contain all windows.
    let mut components: Vec<u64> = styles
        .iter()
        .flat_map(|style| style["components"].as_array().unwrap())
        .map(|component| component.as_u64().unwrap())
        .collect();
    components.sort_unstable();
    let expected: Vec<u64> = (0..fit["n_components"].as_u64().unwrap()).collect();
    assert_eq!(components, expected);
    let held: f64 = styles.iter().map(|style| style["share"].as_f64().unwrap()).sum();
    assert!((held - 1.0).abs() < 1e-9, "{held}");
    let list = dir.ok("style list --model run/model");
    assert!(list.contains("styles are clusters of"), "{list}");
    dir.json("generate --model run/model --style 0 -n 2 -o out");
}

/// Latents are meaningless to another model, and for other windows.
#[test]
fn latents_of_another_corpus_or_model_are_refused() {
    let dir = TestDir::new();
    dir.model();
    dir.ok("corpus synthesize -o other --styles reel,skank --pieces 4 --seed 9");
    dir.ok("corpus build other -o others --heldout 0.2");
    dir.ok("encode --model run/model --corpus others -o latents");
    let fit = "fit --model run/model -k 2 --n-init 1 --resamples 0 --corpus corpus --latents";
    let styles = dir.read("run/model/styles.json");
    dir.fails(
        &format!("{fit} latents"),
        &["latents does not hold the latents of the corpus's windows"],
    );
    dir.fails(
        "eval --model run/model --corpus corpus --latents latents -o x",
        &["does not hold the latents of the corpus's windows", "controlgen encode"],
    );
    dir.ok("train --corpus corpus -o second --steps 20 --seed 3");
    dir.ok("encode --model second/model --corpus corpus -o second/latents");
    dir.fails(&format!("{fit} second/latents"), &["does not hold the latents of the model"]);
    // Nor are they accepted if the folder does not identify their model.
    std::fs::remove_file(dir.path("second/latents/report.json")).unwrap();
    dir.fails(&format!("{fit} second/latents"), &["does not hold the latents of the model"]);
    dir.fails(
        "eval --model run/model --corpus corpus --latents second/latents -o x",
        &["does not hold the latents of the model"],
    );
    assert_eq!(dir.read("run/model/styles.json"), styles);
    std::fs::remove_file(dir.path("run/latents/report.json")).unwrap();
    dir.ok(&format!("{fit} run/latents"));
}

#[test]
fn a_model_of_half_the_size_is_encoded_and_fitted_again() {
    let dir = TestDir::new();
    dir.model();
    dir.ok("halve run/model -o half");
    let bytes = |model: &str| dir.read(&format!("{model}/weights.safetensors")).len();
    assert!(bytes("half") < bytes("run/model") * 6 / 10);
    dir.fails("halve run/model -o half", &["half", "exists"]);
    dir.fails("generate --model half --style 0 -n 1 -o out", &["a mixture", "controlgen fit"]);
    dir.ok("encode --model half --corpus corpus -o latents");
    dir.ok("fit --model half --corpus corpus --latents latents -k 2 --n-init 1 --resamples 0");
    dir.json("generate --model half --style 0 -n 1 -o out");
}

#[test]
fn styles_are_renamed_merged_split_and_hidden_for_good() {
    let dir = TestDir::new();
    dir.model();
    let listed = |line: &str| -> Vec<String> {
        let list = dir.json(&format!("style list --model run/model {line}"));
        let styles = list["styles"].as_array().unwrap().iter();
        styles.map(|style| style["name"].as_str().unwrap().to_owned()).collect()
    };
    dir.ok("style rename 0 calm --model run/model");
    assert_eq!(listed(""), ["calm", "style-1"]);
    dir.ok("style hide style-1 --model run/model");
    assert_eq!((listed(""), listed("--all").len()), (vec!["calm".to_owned()], 2));
    dir.ok("style unhide 1 --model run/model");
    dir.ok("style merge calm 1 --name both --model run/model");
    assert_eq!(listed(""), ["both"]);
    let list = dir.json("style list --model run/model");
    assert!((list["styles"][0]["share"].as_f64().unwrap() - 1.0).abs() < 1e-9);
    assert_eq!(list["styles"][0]["components"], serde_json::json!([0, 1]));
    let written = dir.json("generate --model run/model --style both -n 2 --seed 1 -o out");
    assert!((written["pieces"][0]["membership"].as_f64().unwrap() - 1.0).abs() < 1e-6);
    dir.ok("style split both --model run/model");
    assert_eq!(listed(""), ["style-0", "style-1"]);

    dir.fails("style rename 0 7 --model run/model", &["`7` can't be a style's name"]);
    dir.fails("style rename 0 style-1 --model run/model", &["a style `style-1` already exists"]);
    dir.fails("style merge 0 style-0 --model run/model", &["two or more"]);
    dir.fails("style remove 0 --model run/model", &["was discovered", "hide"]);
    dir.fails("style rename x y --model run/model", &["no style `x`", "style-0, style-1"]);
    dir.fails("style split 0 --model run/model", &["is not a merged style"]);
}

#[test]
fn a_style_of_a_few_pieces_can_be_used_handed_on_and_removed() {
    let dir = TestDir::new();
    dir.model();
    dir.write("junk.mid", b"no music");
    let added = dir.json(
        "style add mine midi/reel/reel-000.mid midi/reel/reel-001.mid junk.mid --model run/model",
    );
    let n_windows = added["n_windows"].as_u64().unwrap();
    assert!(n_windows > 10);
    assert_eq!(added["files"][1]["file"], "reel-001.mid");
    assert_eq!(added["refused"][0]["file"], "junk.mid");
    assert!((0.0..1.0).contains(&added["prior_share"].as_f64().unwrap()));
    assert_eq!(names(&dir.path("run/model/styles")), ["mine.style.json"]);

    let list = dir.json("style list --model run/model");
    let mine = &list["styles"][2];
    assert_eq!((&mine["name"], &mine["added"]["n_windows"]), (&"mine".into(), &n_windows.into()));
    let text = dir.ok("style show mine --model run/model");
    assert!(text.contains("used      reel-000.mid track"), "{text}");
    let written = dir.json("generate --model run/model --style mine -n 3 --seed 1 -o out");
    assert_eq!(written["pieces"].as_array().unwrap().len(), 3);
    assert!((0.0..=1.0).contains(&written["pieces"][0]["membership"].as_f64().unwrap()));

    dir.ok("style export mine -o mine.json --model run/model");
    dir.ok("style export 0 -o zero.json --model run/model");
    dir.fails("style import mine.json --model run/model", &["a style `mine` already exists"]);
    dir.ok("style rename mine yours --model run/model");
    assert_eq!(names(&dir.path("run/model/styles")), ["yours.style.json"]);
    dir.ok("style import mine.json --model run/model --styles kept");
    dir.ok("style import zero.json --name zero --model run/model --styles kept");
    assert_eq!(names(&dir.path("kept")), ["mine.style.json", "zero.style.json"]);
    dir.ok("generate --model run/model --styles kept --style zero -n 1 -o out");
    dir.fails("generate --model run/model --style zero -n 1 -o out", &["no style `zero`"]);
    dir.ok("style remove yours --model run/model");
    assert_eq!(names(&dir.path("run/model/styles")), Vec::<String>::new());

    // A style of another model is not valid for this one.
    let text = String::from_utf8(dir.read("mine.json")).unwrap();
    let hash = serde_json::from_str::<serde_json::Value>(&text).unwrap()["model_hash"].clone();
    let other = text.replace(hash.as_str().unwrap(), "0123456789abcdef");
    dir.write("other.json", other.as_bytes());
    dir.fails(
        "style import other.json --model run/model",
        &["is a style of model 0123456789abcdef"],
    );
    dir.write("run/model/styles/other.style.json", other.as_bytes());
    let list = dir.json("style list --model run/model");
    assert_eq!(list["styles"].as_array().unwrap().len(), 2);
    assert!(list["skipped"][0]["reason"].as_str().unwrap().contains("0123456789abcdef"));

    dir.fails("style add more junk.mid --model run/model", &["no file can be used", "junk.mid"]);
    dir.fails("style add style-0 midi/reel/reel-000.mid --model run/model", &["already"]);
}
