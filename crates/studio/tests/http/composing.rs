//! Longer pieces: forms, sections that are drawn again, dials that measure.

use serde_json::{Value, json};

use crate::support::App;

/// The tokens of the windows of a piece.
fn tokens(piece: &Value) -> Vec<Value> {
    piece["windows"].as_array().unwrap().iter().map(|window| window["tokens"].clone()).collect()
}

#[tokio::test]
async fn a_piece_has_the_form_that_was_asked_for() {
    let app = App::shared();
    let names = app.style_names().await;
    let body = json!({
        "style": names[0], "n": 1, "bars": 16, "form": "AABA", "candidates": 2, "temperature": 0.5,
        "seed": 3,
    });
    let made = app.post("/api/v1/generate", body.clone()).await.ok();
    assert_eq!(made, app.post("/api/v1/generate", body.clone()).await.ok());
    let piece = &made["pieces"][0];
    // Two windows a section; the last one is an end, and so a variation.
    assert_eq!(piece["form"], "ABABCDAB'");
    let windows = tokens(piece);
    assert_eq!((&windows[..2], &windows[0]), (&windows[2..4], &windows[6]));
    assert_ne!(windows[1], windows[7]);
    assert_ne!(windows[0], windows[4]);
    // Windows have a length and a key, and their notes together are those of the piece.
    let mut start = 0;
    let mut notes = Vec::new();
    for window in piece["windows"].as_array().unwrap() {
        assert!(window["key"].is_i64(), "{}", window["key"]);
        for note in window["notes"].as_array().unwrap() {
            notes.push((note["start"].as_u64().unwrap() + start, note["pitch"].as_u64().unwrap()));
        }
        start += window["n_steps"].as_u64().unwrap();
    }
    assert_eq!(piece["n_steps"], start);
    let own = piece["notes"].as_array().unwrap();
    let own = own.iter().map(|n| (n["start"].as_u64().unwrap(), n["pitch"].as_u64().unwrap()));
    notes.sort_unstable();
    let mut own: Vec<(u64, u64)> = own.collect();
    own.sort_unstable();
    assert_eq!(own, notes);
    for (field, bad) in [("form", json!("ABx")), ("candidates", json!(0)), ("form", json!("ABC"))] {
        let mut wrong = body.clone();
        wrong[field] = bad;
        let refused = app.post("/api/v1/generate", wrong).await;
        assert_eq!(refused.error(), (422, "invalid".to_owned()), "{field}");
    }
}

#[tokio::test]
async fn sections_are_drawn_again_or_varied_and_the_others_stay() {
    let app = App::shared();
    let mut windows = Vec::new();
    for index in 0..4 {
        let window = app.get(&format!("/api/v1/windows/{index}")).await.ok();
        windows.push(window["window"]["tokens"].clone());
    }
    let body = json!({
        "windows": windows, "which": [2, 1], "temperature": 0.5, "seed": 5, "candidates": 4,
    });
    let made = app.post("/api/v1/redraw", body.clone()).await.ok();
    assert_eq!(made, app.post("/api/v1/redraw", body.clone()).await.ok());
    let new = made["windows"].as_array().unwrap();
    assert_eq!(new.len(), 2);
    assert!(new.iter().zip(&windows[1..3]).all(|(new, old)| new["tokens"] != *old));
    let measured = app.post("/api/v1/measure", json!({ "windows": [new[0]["tokens"]] })).await.ok();
    assert_eq!(new[0]["memberships"], measured["memberships"][0]);
    let names = app.style_names().await;
    let with = |field: &str, value: Value| {
        let mut changed = body.clone();
        changed[field] = value;
        changed
    };
    let varied = app.post("/api/v1/redraw", with("likeness", json!(0.8))).await.ok();
    assert_ne!(varied["windows"], made["windows"]);
    let of_style = app.post("/api/v1/redraw", with("style", json!(names[3]))).await.ok();
    assert_ne!(of_style["windows"], made["windows"]);
    for (field, bad) in [
        ("which", json!([])),
        ("which", json!([4])),
        ("likeness", json!(1.5)),
        ("windows", json!([])),
        ("windows", json!([[1]])),
        ("candidates", json!(1000)),
    ] {
        let refused = app.post("/api/v1/redraw", with(field, bad)).await;
        assert_eq!(refused.error(), (422, "invalid".to_owned()), "{field}");
    }
    let unknown = app.post("/api/v1/redraw", with("style", json!("nothing like it"))).await;
    assert_eq!(unknown.error(), (404, "unknown_style".to_owned()));
}

/// Number of notes of each window.
fn counts(windows: &Value) -> Vec<usize> {
    let windows = windows["windows"].as_array().unwrap();
    windows.iter().map(|window| window["notes"].as_array().unwrap().len()).collect()
}

#[tokio::test]
async fn dials_say_how_far_the_music_moved() {
    let app = App::shared();
    let mut z = Vec::new();
    let mut windows = Vec::new();
    for index in 0..12 {
        let window = app.get(&format!("/api/v1/windows/{}", 37 * index)).await.ok();
        z.push(window["window"]["z"].clone());
        windows.push(window["window"]["tokens"].clone());
    }
    let turned = async |by: f64| {
        let attributes = json!([{ "name": "density", "by": by }]);
        let body = json!({
            "z": z, "windows": windows, "attributes": attributes, "temperature": 0.5, "seed": 1,
        });
        app.post("/api/v1/attributes", body).await.ok()
    };
    let (less, more) = (turned(-1.0).await, turned(1.0).await);
    let moved = |found: &Value| found["moved"][0].as_f64().unwrap();
    assert!((moved(&less) + 1.0).abs() < 0.4, "{}", moved(&less));
    assert!((moved(&more) - 1.0).abs() < 0.4, "{}", moved(&more));
    // Density is the number of notes in a bar: what is said is what is there.
    let sd = app.get("/api/v1/model").await.ok()["attributes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|attribute| attribute["name"] == "density")
        .unwrap()["sd"]
        .as_f64()
        .unwrap();
    let tokens: Vec<Value> = windows.iter().map(|tokens| json!({ "tokens": tokens })).collect();
    let own = app.post("/api/v1/encode", json!({ "windows": tokens })).await.ok();
    let differences = counts(&more).into_iter().zip(counts(&own));
    let mean = differences.map(|(after, before)| after as f64 - before as f64).sum::<f64>()
        / windows.len() as f64;
    assert!((mean / 2.0 / sd - moved(&more)).abs() < 1e-6, "{mean} {sd} {}", moved(&more));
    let one = json!({ "z": z, "windows": [windows[0]], "attributes": [] });
    assert_eq!(app.post("/api/v1/attributes", one).await.error(), (422, "invalid".to_owned()));
}

#[tokio::test]
async fn notes_are_encoded_in_the_meter_of_a_window() {
    let app = App::shared();
    let window = app.get("/api/v1/windows/5").await.ok()["window"].clone();
    let body = json!({ "windows": [{ "notes": window["notes"] }], "like": window["tokens"] });
    let encoded = app.post("/api/v1/encode", body).await.ok();
    assert_eq!(encoded["windows"][0]["notes"], window["notes"]);
    let wrong = json!({ "windows": [{ "notes": window["notes"] }], "like": [1, 2] });
    assert_eq!(app.post("/api/v1/encode", wrong).await.error(), (422, "invalid".to_owned()));
}

#[tokio::test]
async fn pieces_of_many_voices_keep_their_meter_and_their_ends() {
    let app = App::of("poly");
    let model = app.get("/api/v1/model").await.ok();
    assert_eq!((&model["in_one_key"], &model["has_pieces"]), (&json!(true), &json!(true)));
    let names = app.style_names().await;
    let body = json!({ "style": names[0], "n": 1, "bars": 8, "temperature": 0.5, "seed": 2 });
    let piece = app.post("/api/v1/generate", body).await.ok()["pieces"][0].clone();
    let windows = tokens(&piece);
    let body = json!({ "windows": windows, "which": [1, 3], "temperature": 0.5, "seed": 7 });
    for likeness in [Value::Null, json!(0.7)] {
        let mut body = body.clone();
        body["likeness"] = likeness;
        let new = app.post("/api/v1/redraw", body).await.ok();
        let new = new["windows"].as_array().unwrap();
        assert_eq!(new.len(), 2);
        for window in new {
            assert_eq!(window["n_steps"], piece["windows"][0]["n_steps"], "the same meter");
            assert_ne!(window["notes"].as_array().unwrap().len(), 0);
        }
    }
    // A window in another meter than 4/4 is encoded in that meter.
    let usual = model["window_steps"].as_u64().unwrap();
    let n = model["n_windows"].as_u64().unwrap();
    for index in (0..n).step_by(61) {
        let window = app.get(&format!("/api/v1/windows/{index}")).await.ok()["window"].clone();
        if window["n_steps"] == usual {
            continue;
        }
        let body = json!({ "windows": [{ "notes": window["notes"] }], "like": window["tokens"] });
        let encoded = app.post("/api/v1/encode", body).await.ok();
        assert_eq!(encoded["windows"][0]["n_steps"], window["n_steps"]);
        assert_eq!(encoded["windows"][0]["notes"], window["notes"]);
        return;
    }
    panic!("no window is in another meter than 4/4");
}
