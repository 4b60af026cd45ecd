//! Complete data sets, from a manifest to their final place.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::archives::{TarGz, files_below, zip_of};
use super::faults::retry;
use super::server::{Request, Server, good, send};
use crate::fetch;
use crate::hashes::FileHashes;
use crate::list;
use crate::manifest::{DataSet, Manifest, Terms};
use crate::obtain::Fetcher;
use crate::process::root;
use crate::source::Mirror;
use crate::store::{STAMP, Stamp, Store};
use crate::transfer::Network;

fn manifest(sets: &str) -> Manifest {
    let head = "format = \"controlgen.datasets\"\nversion = 1\n";
    Manifest::parse(&format!("{head}{sets}")).unwrap()
}

/// A data set with one file and further keys for the file.
fn set(name: &str, terms: &str, url: &str, file: &str, keys: &str) -> DataSet {
    let text = format!(
        "[[dataset]]\nname = \"{name}\"\ntitle = \"A set\"\nkind = \"midi\"\n\
         home = \"http://home\"\nlicense = \"CC\"\nterms = \"{terms}\"\nlayout = \"*.mid\"\n\
         [[dataset.file]]\nname = \"{file}\"\nurls = [\"{url}\"]\n{keys}\n"
    );
    manifest(&text).datasets[0].clone()
}

fn fetcher(root: &Path) -> Fetcher {
    Fetcher {
        store: Store::new(root.to_owned()),
        network: Network::new(retry()),
        from: None,
        accept_license: false,
        keep_archives: false,
    }
}

fn stamp(root: &Path, name: &str) -> Stamp {
    serde_json::from_str(&std::fs::read_to_string(root.join(name).join(STAMP)).unwrap()).unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let name = |path: &std::path::PathBuf| {
        path.strip_prefix(folder).unwrap().to_str().unwrap().replace('\\', "/")
    };
    files_below(folder).iter().map(name).collect()
}

#[test]
fn a_set_is_fetched_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::serving(zip_of(&[("midi/a.mid", b"one"), ("midi/b.mid", b"two")]));
    let set = set("tunes", "open", &server.url("t.zip"), "t.zip", "unpack = \"zip\"");
    let fetcher = fetcher(folder.path());
    let said = fetch(&fetcher, &set).unwrap();
    assert!(said.starts_with("tunes: 2 files, 6 B, unverified and pinned: t.zip"), "{said}");
    assert_eq!(names(&folder.path().join("tunes")), [STAMP, "midi/a.mid", "midi/b.mid"]);
    // Only the lock files remain.
    assert_eq!(names(&folder.path().join(".fetch")), ["pins.lock", "tunes.lock"]);
    let said = fetch(&fetcher, &set).unwrap();
    assert!(said.starts_with("tunes is already present: 2 files"), "{said}");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn commercial_terms_are_asked_for_before_anything_is_fetched() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::serving(zip_of(&[("a.mid", b"one")]));
    let url = server.url("t.zip");
    let set = set("tunes", "non-commercial", &url, "t.zip", "unpack = \"zip\"");
    let mut fetcher = fetcher(folder.path());
    let error = fetch(&fetcher, &set).unwrap_err().to_string();
    assert!(error.contains("may not be used commercially (CC)"), "{error}");
    assert!(error.contains("--accept-license"), "{error}");
    assert!(server.requests().is_empty());
    fetcher.accept_license = true;
    fetch(&fetcher, &set).unwrap();
}

#[test]
fn a_first_fetch_is_pinned_and_a_changed_file_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|request, stream| {
        let bytes: &[u8] = if request.n == 1 { b"changed" } else { b"weights" };
        good(request, stream, bytes)
    });
    let set = set("model", "unstated", &server.url("m.tar"), "m.tar", "");
    let fetcher = fetcher(folder.path());
    fetch(&fetcher, &set).unwrap();
    assert_eq!(stamp(folder.path(), "model").files[0].verified, None);
    let again = || std::fs::remove_dir_all(folder.path().join("model")).unwrap();
    again();
    let error = format!("{:#}", fetch(&fetcher, &set).unwrap_err());
    assert!(error.contains("at the first download, from http://"), "{error}");
    assert!(error.contains("remove \"model/m.tar\" from"), "{error}");
    assert!(!folder.path().join("model").exists());
    // The wrong file is not kept, or each later run would take it for a finished one.
    fetch(&fetcher, &set).unwrap();
    assert_eq!(stamp(folder.path(), "model").files[0].verified.as_deref(), Some("pin"));
}

#[test]
fn archives_that_may_be_repacked_are_pinned_by_their_contents() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|request, stream| {
        let members: [&[(&str, &[u8])]; 3] = [
            &[("r/a.mid", b"one"), ("r/b.mid", b"two")],
            &[("r/b.mid", b"two"), ("r/a.mid", b"one")],
            &[("r/b.mid", b"two"), ("r/a.mid", b"ONE")],
        ];
        good(request, stream, &zip_of(members[request.n]))
    });
    let keys = "unpack = \"zip\"\npin = \"contents\"";
    let set = set("repo", "open", &server.url("r.zip"), "r.zip", keys);
    let fetcher = fetcher(folder.path());
    fetch(&fetcher, &set).unwrap();
    let first = stamp(folder.path(), "repo");
    std::fs::remove_dir_all(folder.path().join("repo")).unwrap();
    fetch(&fetcher, &set).unwrap();
    let second = stamp(folder.path(), "repo");
    assert_ne!(first.files[0].sha256, second.files[0].sha256);
    assert_eq!(first.files[0].contents_sha256, second.files[0].contents_sha256);
    assert_eq!(second.files[0].verified.as_deref(), Some("pin"));
    std::fs::remove_dir_all(folder.path().join("repo")).unwrap();
    let error = format!("{:#}", fetch(&fetcher, &set).unwrap_err());
    assert!(error.contains("the sha256 of its contents is"), "{error}");
    assert!(!folder.path().join("repo").exists());
}

#[test]
fn copies_on_disk_are_checked_and_left_where_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let copies = tempfile::tempdir().unwrap();
    let copy = copies.path().join("t.tar.gz");
    std::fs::write(&copy, TarGz::new().file(b"a.mid", b"one").bytes()).unwrap();
    let found = FileHashes::from_file(&copy).unwrap();
    let nowhere = "http://127.0.0.1:1/t.tar.gz";
    let keys = |sha256: &str| format!("unpack = \"tar.gz\"\nsha256 = \"{sha256}\"");
    let right = set("tunes", "open", nowhere, "t.tar.gz", &keys(&found.sha256));
    let wrong = set("tunes", "open", nowhere, "t.tar.gz", &keys(&"0".repeat(64)));
    let mut fetcher = fetcher(folder.path());
    for from in [copy.as_path(), copies.path()] {
        fetcher.from = Some(Mirror::new(from.as_os_str()).unwrap());
        let error = format!("{:#}", fetch(&fetcher, &wrong).unwrap_err());
        assert!(error.contains(&found.sha256) && error.contains("failed verification"));
        fetch(&fetcher, &right).unwrap();
        let stamp = stamp(folder.path(), "tunes");
        assert_eq!(stamp.files[0].verified.as_deref(), Some("sha256"));
        assert!(copy.exists());
        std::fs::remove_dir_all(folder.path().join("tunes")).unwrap();
    }
    fetcher.from = Some(Mirror::new(folder.path().as_os_str()).unwrap());
    let error = format!("{:#}", fetch(&fetcher, &right).unwrap_err());
    assert!(error.contains("has no t.tar.gz"), "{error}");
}

#[test]
fn a_mirror_is_asked_in_place_of_the_publisher() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::serving(zip_of(&[("a.mid", b"one")]));
    let set = set("tunes", "open", "http://127.0.0.1:1/t.zip", "my t.zip", "unpack = \"zip\"");
    let mut fetcher = fetcher(folder.path());
    fetcher.from = Some(Mirror::new(OsStr::new(&server.url("mirror/"))).unwrap());
    fetcher.keep_archives = true;
    fetch(&fetcher, &set).unwrap();
    assert_eq!(server.requests()[0].path, "/mirror/my%20t.zip");
    assert_eq!(names(&folder.path().join("tunes")), [STAMP, "a.mid", "my t.zip"]);
}

#[test]
fn two_runs_at_once_fetch_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|request, stream| {
        std::thread::sleep(Duration::from_millis(100));
        good(request, stream, &zip_of(&[("a.mid", b"one")]))
    });
    let set = set("tunes", "open", &server.url("t.zip"), "t.zip", "unpack = \"zip\"");
    let said: Vec<String> = std::thread::scope(|scope| {
        let run = || fetch(&fetcher(folder.path()), &set).unwrap();
        let runs = [scope.spawn(run), scope.spawn(run)];
        runs.map(|run| run.join().unwrap()).into()
    });
    assert_eq!(server.requests().len(), 1);
    assert_eq!(said.iter().filter(|said| said.contains("is present now")).count(), 1, "{said:?}");
}

#[test]
fn a_run_killed_while_it_unpacked_leaves_nothing_that_a_later_one_keeps() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::serving(zip_of(&[("a.mid", b"one")]));
    let set = set("tunes", "open", &server.url("t.zip"), "t.zip", "unpack = \"zip\"");
    let half = folder.path().join(".fetch/tunes/unpacked");
    std::fs::create_dir_all(&half).unwrap();
    std::fs::write(half.join("half.mid"), "ha").unwrap();
    fetch(&fetcher(folder.path()), &set).unwrap();
    assert_eq!(names(&folder.path().join("tunes")), [STAMP, "a.mid"]);
}

#[test]
fn a_damaged_archive_without_a_hash_is_fetched_again_by_the_next_run() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|request, stream| match request.n {
        0 => good(request, stream, b"no archive"),
        _ => good(request, stream, &zip_of(&[("a.mid", b"one")])),
    });
    let set = set("tunes", "open", &server.url("t.zip"), "t.zip", "unpack = \"zip\"");
    let error = format!("{:#}", fetch(&fetcher(folder.path()), &set).unwrap_err());
    assert!(error.contains("not a zip archive"), "{error}");
    assert!(!folder.path().join("pins.toml").exists());
    fetch(&fetcher(folder.path()), &set).unwrap();
}

#[test]
fn what_the_user_put_in_the_place_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let set = set("tunes", "open", "http://127.0.0.1:1/t.zip", "t.zip", "unpack = \"zip\"");
    std::fs::create_dir(folder.path().join("tunes")).unwrap();
    std::fs::write(folder.path().join("tunes/mine.mid"), "x").unwrap();
    let error = fetch(&fetcher(folder.path()), &set).unwrap_err().to_string();
    assert!(error.contains("was not created by this program"), "{error}");
    assert_eq!(names(&folder.path().join("tunes")), ["mine.mid"]);
}

#[test]
fn the_files_that_a_weights_manifest_names_belong_to_the_set() {
    let folder = tempfile::tempdir().unwrap();
    let answer = |request: &Request, stream: &mut std::net::TcpStream| {
        let manifest = br#"[{"paths": ["group1-shard1of2", "group1-shard2of2"], "weights": []}]"#;
        match request.path.as_str() {
            "/m/weights.json" => good(request, stream, manifest),
            "/m/group1-shard1of2" => good(request, stream, b"1"),
            "/m/group1-shard2of2" => good(request, stream, b"22"),
            _ => send(stream, "404 Not Found", &[], b""),
        }
    };
    let server = Arc::new(Server::start(answer));
    let url = server.url("m/weights.json");
    let set = set("model", "unstated", &url, "weights.json", "lists_more = true");
    let said = fetch(&fetcher(folder.path()), &set).unwrap();
    assert!(said.starts_with("model: 3 files"), "{said}");
    let expected = [STAMP, "group1-shard1of2", "group1-shard2of2", "weights.json"];
    assert_eq!(names(&folder.path().join("model")), expected);

    // Downloaded files are kept if a later file is missing.
    let patchy = Server::start(move |request, stream| match (request.n, request.path.as_str()) {
        (2, _) => send(stream, "404 Not Found", &[], b""),
        _ => answer(request, stream),
    });
    let url = patchy.url("m/weights.json");
    let model = super::sets::set("patchy", "unstated", &url, "weights.json", "lists_more = true");
    let error = format!("{:#}", fetch(&fetcher(folder.path()), &model).unwrap_err());
    assert!(error.contains("group1-shard2of2: ") && error.contains("404"), "{error}");
    fetch(&fetcher(folder.path()), &model).unwrap();
    let paths: Vec<String> = patchy.requests().into_iter().map(|r| r.path).collect();
    assert_eq!(paths[3..], ["/m/group1-shard2of2"]);

    let evil = Server::serving(br#"[{"paths": ["../../evil"]}]"#.to_vec());
    let set =
        super::sets::set("evil", "unstated", &evil.url("w.json"), "w.json", "lists_more = true");
    let error = format!("{:#}", fetch(&fetcher(folder.path()), &set).unwrap_err());
    assert!(error.contains("without a plain name"), "{error}");
}

#[test]
fn the_manifest_is_sound() {
    let manifest = Manifest::read(&root().join("datasets/manifest.toml")).unwrap();
    for (name, bytes) in [("lmd-full", 1_768_163_879), ("lmd-matched", 1_407_072_670)] {
        assert_eq!(manifest.find(name).unwrap().bytes(), Some((bytes, true)));
    }
    assert!(manifest.find("lmd-full").unwrap().names_are_md5);
    // Its authors allow no commercial use, regardless of the page of the archive.
    assert_eq!(manifest.find("emopia").unwrap().terms, Terms::NonCommercial);
    for set in &manifest.datasets {
        let non_commercial = set.license.contains("-NC");
        assert_eq!(set.terms == Terms::NonCommercial, non_commercial, "{}", set.name);
        if set.kind == "checkpoint" {
            assert!(!set.is_verifiable(), "{}", set.name);
        }
    }
    let error = manifest.find("lmd").unwrap_err().to_string();
    assert!(error.contains("lmd-full, lmd-matched"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let lines = list::lines(&manifest, &Store::new(folder.path().to_owned()));
    let full = lines.iter().find(|line| line.starts_with("lmd-full ")).unwrap();
    let cells: Vec<&str> =
        full.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
    assert_eq!(cells[..5], ["lmd-full", "midi", "1.6 GiB", "sha256", "CC-BY-4.0"]);
}

#[test]
fn an_invalid_manifest_is_rejected() {
    let refused = |from: &str, to: &str| {
        let good = "format = \"controlgen.datasets\"\nversion = 1\n\
             [[dataset]]\nname = \"a\"\ntitle = \"A\"\nkind = \"midi\"\nhome = \"h\"\n\
             license = \"l\"\nterms = \"open\"\nlayout = \"x\"\n\
             [[dataset.file]]\nname = \"f\"\nurls = [\"http://h/f\"]\n";
        Manifest::parse(good).unwrap();
        assert!(good.contains(from));
        format!("{:#}", Manifest::parse(&good.replace(from, to)).unwrap_err())
    };
    assert!(refused("version = 1", "version = 2").contains("version 2"));
    assert!(refused("name = \"a\"", "name = \"../a\"").contains("a name must consist of letters"));
    assert!(refused("name = \"f\"", "name = \"x/f\"").contains("not a plain file name"));
    assert!(refused("http://h/f", "ftp://h/f").contains("not an http or https URL"));
    assert!(refused("\"open\"", "\"opne\"").contains("opne"));
    assert!(refused("name = \"f\"\n", "name = \"f\"\nmd5 = \"xyz\"\n").contains("32 lowercase"));
    assert!(refused("name = \"f\"\n", "name = \"f\"\nsha265 = \"x\"\n").contains("sha265"));
}
