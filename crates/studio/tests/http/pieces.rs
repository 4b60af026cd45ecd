//! Pieces that clients keep on the server.

use note_seq::midi::ReadOptions;
use serde_json::{Value, json};

use crate::support::App;

fn piece(id: &str, order: f64, title: &str) -> Value {
    json!({ "id": id, "order": order, "piece": { "title": title } })
}

#[tokio::test]
async fn pieces_outlive_a_studio_and_are_in_a_folder_of_their_model() {
    let app = App::new();
    let empty = app.get("/api/v1/pieces").await.ok();
    assert_eq!((&empty["pieces"], &empty["revision"]), (&json!([]), &json!(0)));
    let body = json!({ "changed": [piece("a", 1.0, "first"), piece("b-2", 2.0, "second")] });
    let kept = app.post("/api/v1/pieces", body).await.ok();
    assert_eq!((&kept["epoch"], &kept["revision"]), (&empty["epoch"], &json!(2)));
    let hash = app.get("/api/v1/model").await.ok()["hash"].as_str().unwrap().to_owned();
    let folder = app.folder.path().join("pieces").join(hash);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 2);
    let removed = json!({ "changed": [piece("a", 3.0, "again")], "removed": ["b-2"] });
    app.post("/api/v1/pieces", removed).await.ok();
    let since = format!("/api/v1/pieces?epoch={}&revision=2", kept["epoch"]);
    let news = app.get(&since).await.ok();
    assert_eq!(news["pieces"], json!([piece("a", 3.0, "again")]));
    assert_eq!(news["removed"], json!(["b-2"]));
    // An id that is not a file name of this folder is refused, and nothing is written.
    for bad in [piece("../a", 1.0, ""), json!({ "id": "c", "order": 1, "piece": 3 })] {
        let refused = app.post("/api/v1/pieces", json!({ "changed": [bad] })).await;
        assert_eq!(refused.error(), (422, "invalid".to_owned()));
    }
    let refused = app.post("/api/v1/pieces", json!({ "removed": ["../../styles"] })).await;
    assert_eq!(refused.error(), (422, "invalid".to_owned()));
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
}

#[tokio::test]
async fn what_can_not_be_kept_is_told() {
    let app = App::new();
    // A file where the folder should be.
    std::fs::write(app.folder.path().join("pieces"), "in the way").unwrap();
    let body = json!({ "changed": [piece("a", 1.0, "lost?")] });
    assert_eq!(app.post("/api/v1/pieces", body).await.error(), (507, "not_kept".to_owned()));
}

#[tokio::test]
async fn files_are_saved_next_to_each_other_in_the_folder_that_was_chosen() {
    let app = App::new();
    let folder = app.folder.path().join("saved");
    assert_eq!(app.get("/api/v1/model").await.ok()["save_folder"], folder.display().to_string());
    let notes =
        json!([{ "start": 0, "end": 4, "pitch": 60 }, { "start": 8, "end": 12, "pitch": 64 }]);
    let body = json!({ "title": "../my/tune", "qpm": 90.0, "notes": notes, "meter": [3, 4] });
    let mut paths = Vec::new();
    for _ in 0..2 {
        let saved = app.post("/api/v1/save", body.clone()).await;
        assert_eq!(saved.status.as_u16(), 201);
        paths.push(saved.json()["path"].as_str().unwrap().to_owned());
    }
    assert_ne!(paths[0], paths[1]);
    for path in &paths {
        assert_eq!(std::path::Path::new(path).parent().unwrap(), folder);
        let bytes = std::fs::read(path).unwrap();
        let music = note_seq::midi::read(&bytes, &ReadOptions::default()).unwrap().sequence;
        let signature = &music.time_signatures[0];
        assert_eq!((signature.numerator, signature.denominator), (3, 4));
        assert_eq!(music.notes.len(), 2);
    }
    let wrong = json!({ "notes": notes, "meter": [0, 3] });
    assert_eq!(app.post("/api/v1/save", wrong).await.error(), (422, "invalid".to_owned()));
}
