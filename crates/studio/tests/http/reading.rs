//! The model, its styles, its map.

use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use serde_json::Value;

use crate::support::{App, request};

#[tokio::test]
async fn the_model_has_its_facts_and_limits() {
    let model = App::shared().get("/api/v1/model").await.ok();
    assert_eq!((&model["kind"], &model["name"]), (&"mel-2bar".into(), &"test".into()));
    assert_eq!((&model["window_steps"], &model["window_bars"]), (&32.into(), &2.into()));
    assert_eq!((&model["pitch_min"], &model["pitch_max"]), (&21.into(), &108.into()));
    assert_eq!(model["voices"].as_array().unwrap().len(), 1);
    assert_eq!(model["attributes"].as_array().unwrap().len(), 6);
    assert!(model["n_windows"].as_u64().unwrap() > 1000);
    assert_eq!(model["has_copy_index"], true);
    assert_eq!(model["limits"]["upload_files"], 10);
}

#[tokio::test]
async fn styles_have_cards_with_words_numbers_and_real_music() {
    let app = App::shared();
    let styles = app.get("/api/v1/styles").await.ok();
    let styles = styles.as_array().unwrap();
    let weights: f64 = styles.iter().map(|style| style["weight"].as_f64().unwrap()).sum();
    assert!(styles.len() > 1 && (weights - 1.0).abs() < 1e-6);
    let name = styles[0]["name"].as_str().unwrap();
    let card = app.get(&format!("/api/v1/styles/{name}")).await.ok();
    assert_eq!(card["style"], styles[0]);
    assert!(card["sentences"].as_array().unwrap().len() >= 2);
    assert!(card["features"][0]["value"].is_f64() && card["used"].is_null());
    let example = &card["examples"][0];
    assert!(example["source"]["bar"].as_u64().unwrap() >= 1);
    assert_ne!(example["window"]["notes"].as_array().unwrap().len(), 0);
    let shares = example["window"]["memberships"].as_object().unwrap();
    let ids: Vec<&str> = styles.iter().map(|style| style["id"].as_str().unwrap()).collect();
    assert!(shares.keys().all(|id| ids.contains(&id.as_str())));
    let nearest = card["nearest"].as_array().unwrap();
    assert_eq!(nearest.len(), 2);
    for other in nearest {
        assert!(other["name"] != styles[0]["name"] && ids.contains(&other["id"].as_str().unwrap()));
        assert!(!other["words"].as_array().unwrap().is_empty(), "{other}");
    }
    let unknown = app.get("/api/v1/styles/nothing%20such").await;
    assert_eq!(unknown.error(), (404, "unknown_style".to_owned()));
}

/// Parses points into `(x, y, style)`.
fn points(bytes: &[u8]) -> Vec<(f32, f32, u32)> {
    let word = |bytes: &[u8]| -> [u8; 4] { bytes.try_into().unwrap() };
    bytes
        .as_chunks::<12>()
        .0
        .iter()
        .map(|p| {
            let (x, y) = (f32::from_le_bytes(word(&p[..4])), f32::from_le_bytes(word(&p[4..8])));
            (x, y, u32::from_le_bytes(word(&p[8..])))
        })
        .collect()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

#[tokio::test]
async fn maps_are_projections_that_their_inverse_undoes() {
    let app = App::shared();
    let names = app.style_names().await;
    for query in
        ["projection=pca".to_owned(), format!("projection=lda&styles={},{}", names[0], names[1])]
    {
        let map = app.get(&format!("/api/v1/map?{query}")).await.ok();
        let reply = app.get(&format!("/api/v1/map/points?{query}")).await;
        assert_eq!(reply.header(header::CONTENT_TYPE), "application/octet-stream");
        let points = points(&reply.body);
        assert_eq!(
            (map["n"].as_u64().unwrap(), &map["progress"]),
            (points.len() as u64, &1.0.into())
        );
        let mean = numbers(&map["inverse"]["mean"]);
        let axes = [numbers(&map["inverse"]["axes"][0]), numbers(&map["inverse"]["axes"][1])];
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        assert!((dot(&axes[0], &axes[0]) - 1.0).abs() < 1e-5, "{query}");
        assert!(dot(&axes[0], &axes[1]).abs() < 1e-5, "{query}");
        // Projecting the latent of a window with the inverse gives its point.
        for index in [0, points.len() / 2, points.len() - 1] {
            let z = numbers(&app.latent(index).await);
            let centered: Vec<f64> = z.iter().zip(&mean).map(|(z, m)| z - m).collect();
            let (x, y, style) = points[index];
            assert!((dot(&axes[0], &centered) - f64::from(x)).abs() < 1e-3, "{query} {index}");
            assert!((dot(&axes[1], &centered) - f64::from(y)).abs() < 1e-3, "{query} {index}");
            assert!((style as usize) < names.len());
        }
        let bounds = numbers(&map["bounds"]);
        let inside = |(x, y, _): &(f32, f32, u32)| {
            // Both are written as the shortest decimals that parse to the same f32.
            let (x, y) = (f64::from(*x), f64::from(*y));
            let least = bounds[0] - 1e-5 <= x && bounds[1] - 1e-5 <= y;
            least && x <= bounds[2] + 1e-5 && y <= bounds[3] + 1e-5
        };
        assert!(points.iter().all(inside));
        assert_eq!(map["ellipses"].as_array().unwrap().len(), names.len());
        let axes = numbers(&map["ellipses"][0]["axes"]);
        assert!(axes[0] >= axes[1] && axes[1] > 0.0);
    }
}

#[tokio::test]
async fn invalid_maps_are_rejected() {
    let app = App::shared();
    let names = app.style_names().await;
    for (query, code) in [
        ("projection=umap".to_owned(), (422, "invalid")),
        (format!("projection=lda&styles={}", names[0]), (422, "invalid")),
        ("projection=lda&styles=a,b".to_owned(), (404, "unknown_style")),
        ("color=red".to_owned(), (422, "invalid")),
    ] {
        let reply = app.get(&format!("/api/v1/map?{query}")).await;
        assert_eq!(reply.error(), (code.0, code.1.to_owned()), "{query}");
    }
    for index in ["99999999", "-1", "x"] {
        let reply = app.get(&format!("/api/v1/windows/{index}")).await;
        assert_eq!(reply.error(), (404, "unknown_window".to_owned()), "{index}");
    }
}

#[tokio::test]
async fn the_t_sne_map_is_computed_in_the_background() {
    let app = App::shared();
    let path = "/api/v1/map?projection=neighbours";
    let first = app.get(path).await.ok();
    assert!(first["inverse"].is_null() && first["ellipses"].as_array().unwrap().is_empty());
    if first["progress"].as_f64().unwrap() < 1.0 {
        assert_eq!(first["n"], 0);
        assert!(app.get(&path.replace("map", "map/points")).await.body.is_empty());
    }
    // Other requests are answered meanwhile.
    app.get("/api/v1/windows/0").await.ok();
}

#[tokio::test]
async fn the_description_has_every_path_and_its_errors() {
    let reply = App::shared().get("/api/v1/openapi.json").await;
    let description = reply.ok();
    assert!(description["openapi"].as_str().unwrap().starts_with("3.1"));
    let paths = description["paths"].as_object().unwrap();
    let expected = [
        "attributes",
        "decode",
        "encode",
        "generate",
        "grid",
        "interpolate",
        "map",
        "map/points",
        "measure",
        "midi",
        "mix",
        "model",
        "pieces",
        "place",
        "redraw",
        "save",
        "similar",
        "styles",
        "styles/import",
        "styles/{name}",
        "styles/{name}/export",
        "tunes",
        "wav",
        "windows/{index}",
    ];
    let found: Vec<&str> =
        paths.keys().map(|path| path.strip_prefix("/api/v1/").unwrap()).collect();
    assert_eq!(found, expected);
    let busy = &paths["/api/v1/decode"]["post"]["responses"]["503"];
    assert_eq!(busy["content"]["application/json"]["schema"]["$ref"], "#/components/schemas/Error");
    assert!(
        description["components"]["schemas"]["Window"]["properties"]["memberships"].is_object()
    );
}

#[tokio::test]
async fn the_page_is_served_with_its_type_and_cached_files_are_not_sent_again() {
    let app = App::shared();
    let page = app.get("/").await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.header(header::CONTENT_TYPE), "text/html; charset=utf-8");
    assert_eq!(page.header(header::CACHE_CONTROL), "no-cache");
    let policy = page.header(header::CONTENT_SECURITY_POLICY);
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self'") && !policy.contains("unsafe")
    );
    assert_eq!(page.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
    let again = request(Method::GET, "/").header(header::IF_NONE_MATCH, page.header(header::ETAG));
    let again = app.send(again.body(Body::empty()).unwrap()).await;
    assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0));
    let head = app.send(request(Method::HEAD, "/").body(Body::empty()).unwrap()).await;
    assert_eq!(head.status, StatusCode::OK);
    assert_eq!(app.get("/nothing.js").await.error(), (404, "not_found".to_owned()));
}
