//! From latents to music and back.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{App, piece};

/// The tokens of the windows of a piece.
fn tokens(piece: &Value) -> Vec<Value> {
    piece["windows"].as_array().unwrap().iter().map(|window| window["tokens"].clone()).collect()
}

/// The sum of memberships.
fn sum(memberships: &Value) -> f64 {
    memberships.as_object().unwrap().values().map(|share| share.as_f64().unwrap()).sum()
}

/// Uploads a synthetic piece as a tune.
async fn tune(app: &App) -> Value {
    app.upload("/api/v1/tunes", &[], &[("a tune.mid", piece(1, 0))]).await.ok()
}

#[tokio::test]
async fn the_same_seed_decodes_to_the_same_notes_and_another_to_others() {
    let app = App::shared();
    let z = app.latent(3).await;
    let decode = async |seed: u64, temperature: Value| {
        let body = json!({ "z": [z, z], "temperature": temperature, "seed": seed });
        app.post("/api/v1/decode", body).await.ok()
    };
    // For the latent of real music the model is confident: only a high temperature makes a
    // difference.
    let first = decode(7, 4.0.into()).await;
    assert_eq!(first, decode(7, 4.0.into()).await);
    assert!(first != decode(8, 4.0.into()).await, "another seed");
    assert_eq!(first["windows"][0]["z"], z);
    // What it turned out as: the memberships are those of the music, encoded again.
    let tokens = first["windows"][0]["tokens"].clone();
    let again = app.post("/api/v1/encode", json!({ "windows": [{ "tokens": tokens }] })).await.ok();
    let memberships = &first["windows"][0]["memberships"];
    assert_eq!(*memberships, again["windows"][0]["memberships"]);
    let measured = app.post("/api/v1/measure", json!({ "windows": [tokens] })).await.ok();
    assert_eq!(*memberships, measured["memberships"][0]);
    assert!((sum(memberships) - 1.0).abs() < 0.01);
    // The most likely notes don't depend on the seed.
    assert_eq!(decode(7, Value::Null).await, decode(8, Value::Null).await);
}

#[tokio::test]
async fn the_middle_of_an_ellipse_is_music_of_its_style() {
    let app = App::shared();
    let styles = app.get("/api/v1/styles").await.ok();
    let map = app.get("/api/v1/map?projection=lda").await.ok();
    let place = async |body: Value| {
        let mut whole = json!({ "map": { "projection": "lda" }, "temperature": 0.5, "seed": 1 });
        whole.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        app.post("/api/v1/place", whole).await
    };
    let ellipses = map["ellipses"].as_array().unwrap();
    let middles: Vec<Value> = ellipses.iter().map(|e| json!([e["x"], e["y"]])).collect();
    let all = place(json!({ "places": middles })).await.ok();
    let windows = all["windows"].as_array().unwrap();
    let right = ellipses.iter().zip(windows).filter(|(ellipse, window)| {
        let style = &styles[usize::try_from(ellipse["style"].as_u64().unwrap()).unwrap()];
        let share = window["memberships"].get(style["id"].as_str().unwrap());
        share.is_some_and(|share| share.as_f64().unwrap() > 0.5)
    });
    // 24 of 24 here; the goal is 22.
    assert!(right.count() >= 22);
    // The same place and seed have the same music, whatever else is asked for; they lie there.
    let one = place(json!({ "places": [middles[5]], "measure": false })).await.ok();
    assert_eq!(one["windows"][0]["notes"], windows[5]["notes"]);
    assert_eq!(one["windows"][0]["memberships"], json!({}));
    let [x, y] = [0, 1].map(|axis| {
        let row = |value: &Value| -> Vec<f64> {
            value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
        };
        let (mean, step) = (row(&map["inverse"]["mean"]), row(&map["inverse"]["axes"][axis]));
        let z = row(&windows[5]["z"]);
        z.iter().zip(mean).zip(step).map(|((z, mean), step)| (z - mean) * step).sum::<f64>()
    });
    assert!((x - middles[5][0].as_f64().unwrap()).abs() < 1e-4, "{x}");
    assert!((y - middles[5][1].as_f64().unwrap()).abs() < 1e-4, "{y}");
    // What is held sounds unchanged where it lies.
    let window = app.get("/api/v1/windows/7").await.ok()["window"].clone();
    let bytes = app.get("/api/v1/map/points?projection=lda").await.body;
    let number = |at: usize| f32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let body = json!({ "places": [[number(84), number(88)]], "held": window["z"] });
    let held = place(body).await.ok();
    let decoded = json!({ "z": [window["z"]], "temperature": 0.5, "seed": 1 });
    let decoded = app.post("/api/v1/decode", decoded).await.ok();
    assert_eq!(held["windows"][0]["notes"], decoded["windows"][0]["notes"]);
    let nowhere = json!({ "places": [[0, 0]], "map": { "projection": "neighbours" } });
    assert_eq!(place(nowhere).await.error(), (422, "invalid".to_owned()));
    assert_eq!(place(json!({ "places": [] })).await.error(), (422, "invalid".to_owned()));
}

#[tokio::test]
async fn music_is_encoded_as_tokens_or_as_notes_and_written_back() {
    let app = App::shared();
    let window = app.get("/api/v1/windows/5").await.ok()["window"].clone();
    let body = json!({ "windows": [{ "tokens": window["tokens"] }, { "notes": window["notes"] }] });
    let encoded = app.post("/api/v1/encode", body).await.ok();
    let windows = encoded["windows"].as_array().unwrap();
    assert_eq!(windows[0]["notes"], window["notes"]);
    assert_eq!(windows[1]["notes"], window["notes"]);
    let near = |a: &Value, b: &Value| {
        let pairs = a.as_array().unwrap().iter().zip(b.as_array().unwrap());
        pairs.into_iter().all(|(a, b)| (a.as_f64().unwrap() - b.as_f64().unwrap()).abs() < 1e-3)
    };
    assert!(near(&windows[0]["z"], &window["z"]), "same latent as on the map");
    let again = &encoded["reconstruction"][0];
    assert_eq!(again["z"], windows[0]["z"]);
    assert_ne!(again["notes"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn pieces_of_a_style_and_of_a_blend() {
    let app = App::shared();
    let names = app.style_names().await;
    let body = json!({ "style": names[0], "n": 3, "bars": 4, "temperature": 0.5, "seed": 1 });
    let made = app.post("/api/v1/generate", body.clone()).await.ok();
    assert_eq!(made, app.post("/api/v1/generate", body.clone()).await.ok());
    let pieces = made["pieces"].as_array().unwrap();
    assert_eq!((pieces.len(), &pieces[0]["n_steps"]), (3, &64.into()));
    assert_eq!(pieces[0]["windows"].as_array().unwrap().len(), 2);
    assert!(pieces[0]["membership"].as_f64().unwrap() > 0.0);
    assert_eq!((&pieces[0]["seed"], &pieces[0]["temperature"]), (&1.into(), &0.5.into()));
    assert_ne!(pieces[0]["notes"], pieces[1]["notes"]);
    if let Some(copy) = pieces[0]["copy"].as_object() {
        let fraction = copy["fraction"].as_f64().unwrap();
        assert!(fraction > 0.0 && fraction <= 1.0 && copy["bar"].as_u64().unwrap() >= 1);
    }
    let mut shifted = body;
    shifted["attributes"] = json!([{ "name": "density", "by": 2.0 }]);
    assert_ne!(app.post("/api/v1/generate", shifted).await.ok(), made);
    let blend = json!({
        "blend": [{ "style": names[0], "weight": 1.0 }, { "style": names[1], "weight": 2.0 }],
        "n": 1, "temperature": 0.5, "max_copy_fraction": 0.9, "min_membership": 0.01,
    });
    assert_eq!(
        app.post("/api/v1/generate", blend).await.ok()["pieces"].as_array().unwrap().len(),
        1
    );
    let never = json!({ "style": names[0], "n": 1, "max_copy_fraction": 0.0, "temperature": 0.5 });
    assert_eq!(app.post("/api/v1/generate", never).await.error(), (422, "nothing_kept".to_owned()));
}

#[tokio::test]
async fn paths_have_their_ends_and_grids_their_corners() {
    let app = App::shared();
    let names = app.style_names().await;
    let (a, b) = (app.latent(0).await, app.latent(9).await);
    let tokens = app.get("/api/v1/windows/2").await.ok()["window"]["tokens"].clone();
    let body = json!({
        "points": [{ "z": a }, { "style": names[0] }, { "tokens": [tokens] }, { "z": b }],
        "n_windows": 7, "interpolation": "lerp", "seed": 2,
    });
    let path = app.post("/api/v1/interpolate", body).await.ok();
    let windows = path["windows"].as_array().unwrap();
    assert_eq!((windows.len(), &path["n_steps"]), (7, &(7 * 32).into()));
    assert_eq!((&windows[0]["z"], &windows[6]["z"]), (&a, &b));
    let corners = json!([{ "z": a }, { "style": names[0] }, { "style": names[1] }, { "z": b }]);
    let grid = app.post("/api/v1/grid", json!({ "corners": corners, "n": 3 })).await.ok();
    let cells = grid["cells"].as_array().unwrap();
    assert_eq!((cells.len(), &grid["n"]), (9, &3.into()));
    assert_eq!((&cells[0]["windows"][0]["z"], &cells[8]["windows"][0]["z"]), (&a, &b));
}

#[tokio::test]
async fn a_mix_moves_with_its_strength_and_sounds_together_in_two_voices() {
    let app = App::shared();
    let names = app.style_names().await;
    let tune = tune(app).await;
    let windows = tokens(&tune["piece"]);
    let mix = async |strength: f64, style: &str| {
        let body = json!({ "tokens": windows, "style": style, "strength": strength, "qpm": 90.0 });
        app.post("/api/v1/mix", body).await.ok()
    };
    // A style that the tune does not belong to yet.
    let style = names.last().unwrap();
    let [half, whole] = [mix(0.5, style).await, mix(1.0, style).await];
    assert_ne!(half["mixed"]["notes"], whole["mixed"]["notes"]);
    assert_eq!(half["original"]["notes"], tune["piece"]["notes"]);
    let voices: std::collections::BTreeSet<u64> = half["together"]["notes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|note| note["voice"].as_u64().unwrap())
        .collect();
    assert_eq!(voices.into_iter().collect::<Vec<_>>(), [0, 1]);
    assert_eq!(half["mixed"]["qpm"], 90.0);
    assert!(half["consonance"].is_null() || half["consonance"].as_f64().unwrap() <= 1.0);
    let before = whole["original"]["membership"].as_f64().unwrap();
    assert!(whole["mixed"]["membership"].as_f64().unwrap() >= before - 0.05);
    let line =
        json!({ "tokens": windows, "style": style, "strength": 0.5, "method": "interpolate" });
    app.post("/api/v1/mix", line).await.ok();
    let beyond = json!({ "tokens": windows, "style": style, "strength": 1.5 });
    assert_eq!(app.post("/api/v1/mix", beyond).await.error(), (422, "invalid".to_owned()));
}

#[tokio::test]
async fn variations_have_their_distance_and_attributes_move_latents() {
    let app = App::shared();
    let z = app.latent(4).await;
    let body = json!({ "anchor": { "z": z }, "n": 2, "distance": 0.5, "seed": 3 });
    let found = app.post("/api/v1/similar", body).await.ok();
    let pieces = found["pieces"].as_array().unwrap();
    assert_eq!(pieces.len(), 2);
    assert_ne!(pieces[0]["windows"][0]["z"], pieces[1]["windows"][0]["z"]);
    let unmoved = json!({ "anchor": { "z": z }, "n": 1, "distance": 0.0 });
    let same = app.post("/api/v1/similar", unmoved).await.ok();
    let gap = |(a, b): (&Value, &Value)| (a.as_f64().unwrap() - b.as_f64().unwrap()).abs();
    let own = same["pieces"][0]["windows"][0]["z"].as_array().unwrap();
    assert!(own.iter().zip(z.as_array().unwrap()).map(gap).fold(0.0, f64::max) < 1e-4);
    // All windows of a tune are varied.
    let windows = tokens(&tune(app).await["piece"]);
    let body = json!({ "anchor": { "tokens": windows }, "n": 1, "distance": 0.3 });
    let varied = app.post("/api/v1/similar", body).await.ok();
    assert_eq!(tokens(&varied["pieces"][0]).len(), windows.len());

    let body = json!({ "z": [z], "attributes": [{ "name": "pitch", "by": 2.0 }] });
    let moved = app.post("/api/v1/attributes", body).await.ok();
    assert_ne!(moved["windows"][0]["z"], z);
    let body = json!({ "z": [z], "attributes": [{ "name": "loudness", "by": 1.0 }] });
    assert_eq!(app.post("/api/v1/attributes", body).await.error(), (422, "invalid".to_owned()));
}

#[tokio::test]
async fn invalid_values_are_rejected() {
    let app = App::shared();
    let name = app.style_names().await[0].clone();
    let z = app.latent(0).await;
    let far = json!(vec![1000.0; 96]);
    for (path, body) in [
        ("decode", json!({ "z": [[0.0, 1.0]], "seed": 0 })),
        ("decode", json!({ "z": [], "seed": 0 })),
        ("decode", json!({ "z": [far], "seed": 0 })),
        ("decode", json!({ "z": [z], "seed": 1_u64 << 53 })),
        ("decode", json!({ "z": [z], "temperature": 0.0 })),
        ("decode", json!({ "z": vec![z.clone(); 257] })),
        ("decode", json!({ "z": "up" })),
        ("encode", json!({ "windows": [{ "tokens": [1, 2, 3] }] })),
        ("encode", json!({ "windows": [{ "tokens": vec![999; 32] }] })),
        ("encode", json!({ "windows": [{ "notes": [{ "pitch": 5, "start": 0, "end": 1 }] }] })),
        ("generate", json!({ "n": 1 })),
        ("generate", json!({ "style": name, "n": 0 })),
        ("generate", json!({ "style": name, "bars": 3 })),
        ("generate", json!({ "style": name, "bars": 4096 })),
        ("generate", json!({ "style": name, "latent_temperature": 9.0 })),
        ("generate", json!({ "style": name, "max_copy_fraction": 7.0 })),
        ("generate", json!({ "blend": [{ "style": name, "weight": 0.0 }] })),
        ("interpolate", json!({ "points": [{ "z": z }], "n_windows": 4 })),
        ("interpolate", json!({ "points": [{ "z": z }, { "z": z }], "n_windows": 100_000 })),
        ("interpolate", json!({ "points": [{ "x": 1 }, { "z": z }], "n_windows": 4 })),
        ("grid", json!({ "corners": [{ "z": z }, { "z": z }, { "z": z }], "n": 3 })),
        ("grid", json!({ "corners": [{ "z": z }, { "z": z }, { "z": z }, { "z": z }], "n": 99 })),
        ("similar", json!({ "anchor": { "z": z }, "n": 1, "distance": -1.0 })),
        ("mix", json!({ "tokens": [], "style": name, "strength": 0.5 })),
    ] {
        let reply = app.post(&format!("/api/v1/{path}"), body).await;
        assert_eq!(reply.error(), (422, "invalid".to_owned()), "{path} {}", reply.json());
    }
    let unknown = app.post("/api/v1/generate", json!({ "style": "nothing such" })).await;
    assert_eq!(unknown.error(), (404, "unknown_style".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_requests_are_canceled_and_long_ones_don_t_delay_decoding() {
    let app = App::new();
    let name = app.style_names().await[0].clone();
    let z = app.latent(0).await;
    // Every piece is rejected, so this takes very long.
    let endless =
        json!({ "style": name, "n": 64, "bars": 64, "max_copy_fraction": 0.0, "temperature": 1.0 });
    let long = || app.post("/api/v1/generate", endless.clone());
    let decode = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        app.post("/api/v1/decode", json!({ "z": [z], "seed": 1 })).await.ok();
    };
    tokio::select! {
        biased;
        reply = async { tokio::join!(long(), long()) } => {
            panic!("finished too soon: {:?}", reply.0.status)
        }
        () = decode => {}
    }
    // Both were dropped when decoding finished. If they were still running, this would wait for
    // them.
    let short = json!({ "style": name, "n": 1, "temperature": 0.5 });
    let reply = tokio::time::timeout(Duration::from_mins(1), app.post("/api/v1/generate", short));
    reply.await.expect("the pool is free again").ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_beyond_the_queue_are_busy() {
    let app = App::new();
    let name = app.style_names().await[0].clone();
    let endless =
        json!({ "style": name, "n": 64, "bars": 64, "max_copy_fraction": 0.0, "temperature": 1.0 });
    let long = || app.post("/api/v1/generate", endless.clone());
    // Two run, four wait.
    let six = async { tokio::join!(long(), long(), long(), long(), long(), long()) };
    let seventh = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        long().await
    };
    tokio::select! {
        biased;
        _ = six => panic!("finished too soon"),
        reply = seventh => {
            assert_eq!(reply.error(), (503, "busy".to_owned()));
            assert_eq!(reply.header(axum::http::header::RETRY_AFTER), "1");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_at_once_get_the_same_answers_as_alone() {
    for name in ["poly", "melody"] {
        let app = Arc::new(App::of(name));
        let mut requests = Vec::new();
        for number in 0..12_u64 {
            let z = app.latent(usize::try_from(number).unwrap() * 5).await;
            // Of different temperatures, seeds and numbers of windows.
            let temperature = [json!(0.5), json!(1.0), Value::Null][number as usize % 3].clone();
            let many = vec![z; number as usize % 4 + 1];
            let body = json!({ "z": many, "temperature": temperature, "seed": number });
            requests.push(("/api/v1/decode", body));
            let place = json!({
                "map": { "projection": "lda" }, "places": [[0.1 * number as f64, 0.2]],
                "temperature": temperature, "seed": number, "measure": number % 2 == 0,
            });
            requests.push(("/api/v1/place", place));
        }
        let mut alone = Vec::new();
        for (path, body) in &requests {
            alone.push(app.post(path, body.clone()).await.ok());
        }
        let tokens = tokens(&alone[2]);
        requests.push(("/api/v1/measure", json!({ "windows": tokens })));
        let measured = app.post("/api/v1/measure", json!({ "windows": tokens })).await.ok();
        assert_eq!(measured["memberships"][0], alone[2]["windows"][0]["memberships"]);
        alone.push(measured);
        let ask = |(path, body): (&'static str, Value)| {
            let app = Arc::clone(&app);
            tokio::spawn(async move { app.post(path, body).await.ok() })
        };
        let at_once: Vec<_> = requests.into_iter().map(ask).collect();
        for (at, (reply, alone)) in at_once.into_iter().zip(alone).enumerate() {
            assert_eq!(reply.await.unwrap(), alone, "{name}, request {at}");
        }
    }
}

#[tokio::test]
async fn new_music_keeps_to_the_scale_if_asked_to() {
    let app = App::of("poly");
    let names = app.style_names().await;
    let make = async |in_scale: bool, bars: u64| {
        let body = json!({
            "style": names[0], "n": 4, "bars": bars, "temperature": 1.5, "seed": 3,
            "in_scale": in_scale, "candidates": 2,
        });
        app.post("/api/v1/generate", body).await.ok()
    };
    // Numbers of notes in and outside the scale of the key that each window is in.
    let model = app.get("/api/v1/model").await.ok();
    let is_drum = |voice: &Value| {
        model["voices"][usize::try_from(voice.as_u64().unwrap()).unwrap()]["drums"] == true
    };
    let count = |made: &Value| {
        let mut counts = [0, 0];
        for piece in made["pieces"].as_array().unwrap() {
            for window in piece["windows"].as_array().unwrap() {
                for note in window["notes"].as_array().unwrap() {
                    let pitch = note["pitch"].as_i64().unwrap() - window["key"].as_i64().unwrap();
                    let is_in = [0, 2, 4, 5, 7, 9, 11].contains(&pitch.rem_euclid(12));
                    counts[usize::from(!is_in)] += i32::from(!is_drum(&note["voice"]));
                }
            }
        }
        counts
    };
    for bars in [2, 4] {
        let (free, kept) = (make(false, bars).await, make(true, bars).await);
        let ([_, outside], [inside, none]) = (count(&free), count(&kept));
        assert!(outside > 0 && inside > 0 && none == 0, "{bars} bars: {outside}, {inside}, {none}");
        // Memberships are those of the music as it is now.
        let window = &kept["pieces"][0]["windows"][0];
        let measured = json!({ "windows": [window["tokens"]] });
        let measured = app.post("/api/v1/measure", measured).await.ok();
        assert_eq!(window["memberships"], measured["memberships"][0]);
    }
    let drums = App::of("drums");
    let names = drums.style_names().await;
    let body = json!({ "style": names[0], "n": 1, "in_scale": true });
    assert_eq!(drums.post("/api/v1/generate", body).await.error().0, 422);
}
