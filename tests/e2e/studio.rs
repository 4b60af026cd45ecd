//! The studio: started like a user does, and queried like a browser does.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::support::TestDir;

/// A running studio; dropping it stops it.
struct Studio {
    child: Child,
    told: Value,
}

impl Drop for Studio {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Studio {
    fn start(dir: &TestDir, line: &str) -> Self {
        let mut command = dir.command(&format!("studio --no-open --json --quiet --port 0 {line}"));
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, told: serde_json::from_str(&line).unwrap() }
    }

    fn port(&self) -> u64 {
        self.told["port"].as_u64().unwrap()
    }

    /// The first line of an answer, and its body.
    fn get(&self, path: &str, host: &str) -> (String, String) {
        let mut stream = TcpStream::connect(format!("127.0.0.1:{}", self.port())).unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.lines().next().unwrap().to_owned(), body.to_owned())
    }

    fn model(&self) -> Value {
        let (status, body) = self.get("/api/v1/model", &format!("127.0.0.1:{}", self.port()));
        assert_eq!(status, "HTTP/1.1 200 OK", "{body}");
        serde_json::from_str(&body).unwrap()
    }
}

#[test]
fn the_studio_serves_its_page_and_a_corpus_with_or_without_its_latents() {
    let dir = TestDir::new();
    dir.model();
    let studio = Studio::start(&dir, "--model run/model");
    let address = studio.told["address"].as_str().unwrap();
    assert_eq!(address, format!("http://127.0.0.1:{}/", studio.port()));
    let own = format!("localhost:{}", studio.port());
    let (status, page) = studio.get("/", &own);
    assert!(status == "HTTP/1.1 200 OK" && page.starts_with("<!doctype html>"), "{status}\n{page}");
    assert_eq!(studio.get("/", "evil.example").0, "HTTP/1.1 403 Forbidden");
    let model = studio.model();
    assert_eq!((&model["name"], &model["n_styles"]), (&"run".into(), &2.into()));
    let taken = dir.run(&format!("studio --no-open --model run/model --port {}", studio.port()));
    assert_eq!(taken.code, Some(1));
    assert!(taken.stderr.contains("--port"), "{}", taken.stderr);

    // All windows, including those held out: more than the model folder contains.
    let n_encoded = {
        let studio = Studio::start(&dir, "--model run/model --corpus corpus");
        studio.model()["n_windows"].as_u64().unwrap()
    };
    assert!(n_encoded > model["n_windows"].as_u64().unwrap());
    let studio = Studio::start(&dir, "--model run/model --corpus corpus --latents run/latents");
    assert_eq!(studio.model()["n_windows"].as_u64().unwrap(), n_encoded);
    dir.fails("studio --no-open --model run/model --corpus midi", &["report.json"]);
}
