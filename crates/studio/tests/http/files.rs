//! Uploads, changes of styles, downloads.

use axum::http::{Method, StatusCode, header};
use note_seq::midi::{self, ReadOptions};
use serde_json::{Value, json};

use crate::support::{App, piece};

#[tokio::test]
async fn a_tune_has_windows_and_names_its_track() {
    let app = App::shared();
    let tune = app.upload("/api/v1/tunes", &[], &[("My tune.mid", piece(1, 0))]).await.ok();
    assert_eq!((&tune["title"], &tune["piece"]["title"]), (&"My tune".into(), &"My tune".into()));
    assert!(
        !tune["track"].as_str().unwrap().is_empty() && !tune["why"].as_str().unwrap().is_empty()
    );
    let windows = tune["piece"]["windows"].as_array().unwrap();
    assert!(windows.len() >= 2 && windows[0]["z"].as_array().unwrap().len() == 96);
    assert!(tune["piece"]["seed"].is_null() && tune["piece"]["qpm"].as_f64().unwrap() > 0.0);
    let tracks = tune["tracks"].as_array().unwrap();
    assert!(tracks.len() >= 2 && tracks[0]["n_windows"] == windows.len());
    assert!(tune["track"] == tracks[0]["label"] && tracks.iter().any(|t| t["number"] == 1));
    // Another track of the file, and one that does not exist.
    let other =
        app.upload("/api/v1/tunes", &[("track", "1")], &[("a.mid", piece(1, 0))]).await.ok();
    assert_ne!(other["piece"]["notes"], tune["piece"]["notes"]);
    let none = app.upload("/api/v1/tunes", &[("track", "77")], &[("a.mid", piece(1, 0))]).await;
    assert_eq!(none.error(), (422, "no_tune".to_owned()));
    let word = app.upload("/api/v1/tunes", &[("track", "first")], &[("a.mid", piece(1, 0))]).await;
    assert_eq!(word.error(), (422, "invalid".to_owned()));
}

#[tokio::test]
async fn damaged_files_get_the_message_of_the_reader() {
    let app = App::shared();
    let good = piece(1, 0);
    for bad in [b"not music".to_vec(), Vec::new(), good[..3].to_vec()] {
        let message_of_reader = midi::read(&bad, &ReadOptions::default()).unwrap_err().to_string();
        let reply = app.upload("/api/v1/tunes", &[], &[("broken.mid", bad)]).await;
        assert_eq!(reply.error(), (422, "unreadable_midi".to_owned()));
        let message = reply.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(
            message.starts_with("broken.mid") && message.contains(&message_of_reader),
            "{message}"
        );
    }
    for n in [0, 2] {
        let files: Vec<(&str, Vec<u8>)> = (0..n).map(|_| ("a.mid", good.clone())).collect();
        let reply = app.upload("/api/v1/tunes", &[], &files).await;
        assert_eq!(reply.error(), (422, "invalid".to_owned()), "{n} files");
    }
}

#[tokio::test]
async fn a_style_is_added_seen_renamed_hidden_shared_and_removed() {
    let app = App::new();
    let known = app.get("/api/v1/styles").await.ok().as_array().unwrap().clone();
    let before = known.len();
    let ellipses = async |app: &App| -> Vec<Value> {
        let map = app.get("/api/v1/map").await.ok();
        map["ellipses"].as_array().unwrap().iter().map(|e| e["style"].clone()).collect()
    };
    assert_eq!(ellipses(&app).await.len(), before);
    let files = [
        ("one.mid", piece(0, 0)),
        ("../two.mid", piece(0, 1)),
        ("one.mid", piece(0, 2)),
        ("bad.mid", b"not music".to_vec()),
    ];
    let reply = app.upload("/api/v1/styles", &[("name", "mine")], &files).await;
    assert_eq!(reply.status, StatusCode::CREATED);
    let added = reply.ok();
    assert_eq!((&added["style"]["name"], &added["style"]["added"]), (&"mine".into(), &true.into()));
    let used: Vec<&str> =
        added["used"].as_array().unwrap().iter().map(|u| u["file"].as_str().unwrap()).collect();
    assert_eq!(used, ["one.mid", "two.mid", "one.mid"]);
    assert!(added["used"][0]["n_windows"].as_u64().unwrap() > 0);
    assert!(added["used"][0]["sentence"].as_str().unwrap().contains("bars 1 to"));
    assert_eq!(added["refused"][0]["file"], "bad.mid");

    let index = added["style"]["index"].as_u64().unwrap();
    assert!(ellipses(&app).await.contains(&index.into()), "it is on the map");
    // Identities and colors stay; with added styles too, memberships sum up to 1 at most.
    let styles = app.get("/api/v1/styles").await.ok();
    assert_eq!(&styles.as_array().unwrap()[..before], &known[..]);
    let mine = &styles[before];
    let tokens = &app.get("/api/v1/styles/mine").await.ok()["examples"][0]["window"]["tokens"];
    let measured = app.post("/api/v1/measure", json!({ "windows": [tokens] })).await.ok();
    let shares = measured["memberships"][0].as_object().unwrap().clone();
    let sum: f64 = shares.values().map(|share| share.as_f64().unwrap()).sum();
    assert!(sum < 1.0 + 1e-9 && shares.contains_key(mine["id"].as_str().unwrap()), "{shares:?}");
    assert_eq!(app.get("/api/v1/map/points").await.body.len() % 12, 0);
    let card = app.get("/api/v1/styles/mine").await.ok();
    assert_eq!(card["used"].as_array().unwrap().len(), 3);
    assert_ne!(card["examples"].as_array().unwrap().len(), 0);
    let made = json!({ "style": "mine", "n": 1, "temperature": 0.5 });
    assert!(app.post("/api/v1/generate", made).await.ok()["pieces"][0]["membership"].is_f64());

    let taken = app.upload("/api/v1/styles", &[("name", "mine")], &files[..1]).await;
    assert_eq!(taken.error(), (409, "name_taken".to_owned()));
    let change = async |name: &str, body: Value| {
        app.with_json(Method::PATCH, &format!("/api/v1/styles/{name}"), body).await
    };
    let renamed = change("mine", json!({ "name": "späte Lieder", "hidden": true })).await.ok();
    assert_eq!((&renamed["id"], &renamed["color"]), (&mine["id"], &mine["color"]));
    assert_eq!((&renamed["name"], &renamed["hidden"]), (&"späte Lieder".into(), &true.into()));
    assert_eq!(ellipses(&app).await.len(), before, "hidden styles have none");
    let path = "/api/v1/styles/sp%C3%A4te%20Lieder";
    let exported = app.get(&format!("{path}/export")).await;
    assert!(exported.header(header::CONTENT_DISPOSITION).contains(".style.json"));
    assert_eq!(app.delete(path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(app.style_names().await.len(), before);

    let reply = app.post("/api/v1/styles/import", exported.ok()).await;
    assert_eq!((reply.status, &reply.ok()["name"]), (StatusCode::CREATED, &"späte Lieder".into()));
    assert_eq!(reply.ok()["id"], mine["id"], "what it is known by comes back");
    // It is stored in the style folder of this studio only.
    assert!(app.folder.path().join("späte Lieder.style.json").exists());
}

#[tokio::test]
async fn invalid_changes_are_rejected() {
    let app = App::new();
    let first = app.style_names().await[0].clone();
    assert_eq!(
        app.delete(&format!("/api/v1/styles/{first}")).await.error(),
        (409, "not_added".to_owned())
    );
    assert_eq!(app.delete("/api/v1/styles/x").await.error(), (404, "unknown_style".to_owned()));
    let path = format!("/api/v1/styles/{first}");
    let bad_name = app.with_json(Method::PATCH, &path, json!({ "name": "../x" })).await;
    assert_eq!(bad_name.error(), (422, "invalid".to_owned()));
    for (name, files, code) in [
        ("", vec![("a.mid", piece(0, 0))], "invalid"),
        ("x", Vec::new(), "invalid"),
        ("a/b", vec![("a.mid", piece(0, 0))], "invalid"),
        ("x", vec![("a.mid", b"not music".to_vec())], "unreadable_midi"),
        ("x", vec![("a.mid", piece(0, 0)); 11], "invalid"),
    ] {
        let reply = app.upload("/api/v1/styles", &[("name", name)], &files).await;
        assert_eq!(reply.error(), (422, code.to_owned()), "{name}");
    }
    // Drums alone have no melody.
    let drums = corpus::synthetic::piece(2, 3, 0).with_notes(|note| note.is_drum);
    let drums = midi::write(&drums, &midi::WriteOptions::default()).unwrap();
    let reply = app.upload("/api/v1/styles", &[("name", "x")], &[("drums.mid", drums)]).await;
    assert_eq!(reply.error(), (422, "no_tune".to_owned()));
    let message = reply.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("drums.mid: ") && !message.contains("/tmp"), "{message}");
    for body in [json!({}), json!({ "format": "controlgen.style", "version": 99 }), json!([1])] {
        let reply = app.post("/api/v1/styles/import", body).await;
        assert_eq!(reply.error(), (422, "invalid".to_owned()));
        let message = reply.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains("the file"), "{message}");
    }
    assert_eq!(std::fs::read_dir(app.folder.path()).unwrap().count(), 0, "nothing was written");
}

#[tokio::test]
async fn midi_has_the_notes_and_the_tempo_and_wav_is_not_silent() {
    let app = App::shared();
    let window = app.get("/api/v1/windows/7").await.ok()["window"].clone();
    let mut notes = window["notes"].as_array().unwrap().clone();
    notes.push(json!({ "pitch": 48, "start": 0, "end": 32, "voice": 1 }));
    let body = json!({
        "title": "A \"piece\"", "qpm": 90.0, "notes": notes, "program": 40, "velocity": 99,
    });
    let reply = app.post("/api/v1/midi", body.clone()).await;
    assert_eq!(reply.header(header::CONTENT_TYPE), "audio/midi");
    assert_eq!(reply.header(header::CONTENT_DISPOSITION), "attachment; filename=\"A _piece_.mid\"");
    let read = midi::read(&reply.body, &ReadOptions::strict()).unwrap().sequence;
    assert!((read.tempos[0].qpm - 90.0).abs() < 1e-3);
    let step = 60.0 / 90.0 / 4.0;
    let mut found: Vec<Value> = read
        .notes
        .iter()
        .map(|note| {
            assert_eq!((note.program.get(), note.velocity.get()), (40, 99));
            #[expect(clippy::cast_sign_loss, reason = "times are not negative")]
            let on_grid = |seconds: f64| (seconds / step).round() as u64;
            let (start, end) = (on_grid(note.start_time), on_grid(note.end_time));
            assert!((note.start_time - start as f64 * step).abs() < 2e-3, "on the grid");
            let voice = u64::from(note.pitch.get() == 48 && end - start == 32);
            json!({ "start": start, "end": end, "pitch": note.pitch.get(), "voice": voice })
        })
        .collect();
    let key = |note: &Value| ["start", "end", "pitch"].map(|k| note[k].as_u64().unwrap());
    found.sort_by_key(key);
    notes.sort_by_key(key);
    assert_eq!(found, notes);

    let wav = app.post("/api/v1/wav", body).await;
    assert_eq!((wav.header(header::CONTENT_TYPE), &wav.body[..4]), ("audio/wav", &b"RIFF"[..]));
    assert!(wav.body[100..].iter().any(|byte| *byte != 0));
    for bad in [
        json!({ "notes": [{ "pitch": 60, "start": 4, "end": 4 }] }),
        json!({ "notes": [{ "pitch": 128, "start": 0, "end": 4 }] }),
        json!({ "notes": [{ "pitch": 60, "start": 0, "end": 1_000_000 }] }),
        json!({ "notes": [], "qpm": 0.0 }),
        json!({ "notes": [], "program": 128 }),
        json!({ "notes": [], "velocity": 0 }),
        json!({ "notes": [{ "pitch": 60, "start": -1, "end": 4 }] }),
    ] {
        assert_eq!(app.post("/api/v1/midi", bad).await.error(), (422, "invalid".to_owned()));
    }
    let long = json!({ "qpm": 4.0, "notes": [{ "pitch": 60, "start": 0, "end": 16_000 }] });
    assert_eq!(app.post("/api/v1/wav", long).await.error(), (422, "invalid".to_owned()));
}
