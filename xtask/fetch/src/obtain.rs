//! Gets, verifies and unpacks a data set's files, and moves them to their final place.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::archive::unpack;
use super::download::download;
use super::hashes::FileHashes;
use super::manifest::{DataSet, Pinned, RemoteFile, is_file_name};
use super::meter::bytes as readable;
use super::source::{Mirror, Source, sibling_url, source};
use super::store::{Stamp, StampedFile, Store};
use super::transfer::Network;
use super::unpack::{Contents, Limits};
use super::wanted::Wanted;
use crate::process::say;

/// A weights manifest has a few kilobytes.
const MAX_LISTING_BYTES: u64 = 16 << 20;
/// The largest published model has a few hundred files of 4 MiB.
const MAX_LISTED_FILES: usize = 2000;

/// Fetches data sets.
pub(crate) struct Fetcher {
    pub(crate) store: Store,
    pub(crate) network: Network,
    pub(crate) from: Option<Mirror>,
    pub(crate) accept_license: bool,
    pub(crate) keep_archives: bool,
}

/// A verified file on disk.
struct Obtained {
    path: PathBuf,
    /// Whether we may move it.
    own: bool,
    found: FileHashes,
    source: String,
    verified: Option<String>,
}

impl Fetcher {
    /// Gets everything of a data set that is missing. The caller must hold its lock.
    pub(crate) fn obtain(&self, set: &DataSet) -> Result<Stamp> {
        let work = self.store.work(set);
        let target = work.join("unpacked");
        if target.exists() {
            // Left by a run that was killed.
            std::fs::remove_dir_all(&target)
                .with_context(|| format!("can't remove {}", target.display()))?;
        }
        std::fs::create_dir_all(&target)
            .with_context(|| format!("can't create {}", target.display()))?;
        // First get all files, then move each to its place, so that downloaded files are not lost
        // if the next one fails.
        let mut files = set.files.clone();
        let mut all = Vec::new();
        while let Some(file) = files.get(all.len()).cloned() {
            let obtained = self.get(set, &file, &work).with_context(|| file.name.clone())?;
            if file.lists_more {
                let listed = listed(&file, &obtained.path).with_context(|| file.name.clone())?;
                for more in listed {
                    if files.iter().all(|known| known.name != more.name) {
                        files.push(more);
                    }
                }
            }
            all.push((file, obtained));
        }
        let mut stamp = Stamp::new(set);
        for (file, obtained) in all {
            let doubtful = obtained.verified.is_none() && obtained.own;
            let path = obtained.path.clone();
            let placed = self.place(set, &file, obtained, &target);
            if placed.is_err() && doubtful {
                // A later run must not take it for a finished file.
                let _ = std::fs::remove_file(path);
            }
            let placed = placed.with_context(|| file.name.clone())?;
            stamp.n_files += placed.n_files;
            stamp.bytes += placed.bytes;
            stamp.files.push(placed.file);
        }
        stamp.write(&target)?;
        let folder = self.store.folder(set);
        std::fs::rename(&target, &folder)
            .with_context(|| format!("can't create {}", folder.display()))?;
        std::fs::remove_dir_all(&work)
            .with_context(|| format!("can't remove {}", work.display()))?;
        Ok(stamp)
    }

    /// Gets a file and compares it with everything that is known about it.
    fn get(&self, set: &DataSet, file: &RemoteFile, work: &Path) -> Result<Obtained> {
        let limit = if file.lists_more { MAX_LISTING_BYTES } else { set.max_bytes };
        let wanted = Wanted::new(file, limit);
        let (path, own, found, source, verified) = match source(set, file, self.from.as_ref())? {
            Source::Local(path) => {
                let found = FileHashes::from_file(&path)?;
                let verified = wanted
                    .verify(&found)
                    .with_context(|| format!("{} failed verification", path.display()))?;
                let source = path.display().to_string();
                (path, false, found, source, verified)
            }
            Source::Remote(urls) => {
                let path = work.join(&file.name);
                if let Some((found, verified)) = finished(&wanted, &path)? {
                    (path, true, found, urls[0].clone(), verified)
                } else {
                    let got = download(&self.network, &wanted, &urls, &path)?;
                    (path, true, got.found, got.url, got.verified)
                }
            }
        };
        if verified.is_none() && file.pin == Pinned::File {
            let checked = self.store.check_pin(set, &file.name, &found.sha256);
            if checked.is_err() && own {
                let _ = std::fs::remove_file(&path);
            }
            checked?;
        }
        let verified = verified.map(str::to_owned);
        Ok(Obtained { path, own, found, source, verified })
    }

    /// Puts a file, or its unpacked contents, into the target, and pins it if no hash is known.
    fn place(
        &self,
        set: &DataSet,
        file: &RemoteFile,
        obtained: Obtained,
        target: &Path,
    ) -> Result<Placed> {
        let Obtained { path, own, found, source, verified } = obtained;
        let contents = match file.unpack {
            Some(packing) => {
                say(&format!("{}: unpacking {}", file.name, readable(found.bytes)));
                let limits = Limits { entries: set.max_entries, bytes: set.max_bytes };
                Some(unpack(&path, packing, target, limits, set.names_are_md5)?)
            }
            None => None,
        };
        let mut stamped = StampedFile {
            name: file.name.clone(),
            source,
            bytes: found.bytes,
            sha256: found.sha256.clone(),
            verified,
            contents_sha256: contents.as_ref().map(|contents| contents.sha256.clone()),
            left_out: contents.as_ref().map_or_else(BTreeMap::new, left_out),
        };
        if stamped.verified.is_none() {
            self.pin(set, file, &mut stamped)?;
        }
        let (n_files, bytes) = contents
            .as_ref()
            .map_or((1, found.bytes), |contents| (contents.n_files, contents.bytes));
        if contents.is_none() || (self.keep_archives && own) {
            let place = target.join(&file.name);
            ensure!(!place.exists(), "an archive of this data set also contains {}", file.name);
            let put = if own {
                std::fs::rename(&path, &place)
            } else {
                std::fs::copy(&path, &place).map(|_| ())
            };
            put.with_context(|| format!("can't create {}", place.display()))?;
        }
        Ok(Placed { n_files, bytes, file: stamped })
    }

    fn pin(&self, set: &DataSet, file: &RemoteFile, stamped: &mut StampedFile) -> Result<()> {
        let sha256 = match (file.pin, &stamped.contents_sha256) {
            (Pinned::Contents, Some(contents)) => contents,
            _ => &stamped.sha256,
        };
        if self.store.pin(set, &file.name, file.pin, sha256, &stamped.source)? {
            stamped.verified = Some("pin".to_owned());
        } else {
            say(&format!(
                "{}: no hash is published, so it is unverified; its sha256 {sha256} is pinned now",
                file.name
            ));
        }
        Ok(())
    }
}

struct Placed {
    n_files: u64,
    bytes: u64,
    file: StampedFile,
}

/// A file that an earlier run had downloaded before it was killed.
fn finished(wanted: &Wanted, path: &Path) -> Result<Option<(FileHashes, Option<&'static str>)>> {
    if !path.exists() {
        return Ok(None);
    }
    let found = FileHashes::from_file(path)?;
    if let Ok(verified) = wanted.verify(&found) {
        return Ok(Some((found, verified)));
    }
    std::fs::remove_file(path).with_context(|| format!("can't remove {}", path.display()))?;
    Ok(None)
}

/// The files listed in a magenta-js weights manifest: `[{"paths": [NAME, …], …}, …]`.
fn listed(file: &RemoteFile, path: &Path) -> Result<Vec<RemoteFile>> {
    let text = std::fs::read_to_string(path)?;
    let groups: serde_json::Value = serde_json::from_str(&text).context("it is not JSON")?;
    let names: Vec<&str> = groups
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|group| group["paths"].as_array())
        .flatten()
        .map(|name| name.as_str().filter(|name| is_file_name(name)))
        .collect::<Option<_>>()
        .context("it lists a file without a plain name")?;
    ensure!(!names.is_empty(), "it is not a weights manifest: it lists no files");
    ensure!(names.len() <= MAX_LISTED_FILES, "it lists more than {MAX_LISTED_FILES} files");
    Ok(names
        .into_iter()
        .map(|name| {
            let urls = file.urls.iter().filter_map(|url| sibling_url(url, name)).collect();
            RemoteFile::unknown(name.to_owned(), urls)
        })
        .collect())
}

/// Reports and returns the members that were left out.
fn left_out(contents: &Contents) -> BTreeMap<String, (u64, Vec<String>)> {
    contents
        .left_out
        .iter()
        .map(|(why, omitted)| {
            let why = why.as_str();
            say(&format!("  left out {}, each {why}: {}", omitted.n, omitted.examples.join(", ")));
            (why.to_owned(), (omitted.n, omitted.examples.clone()))
        })
        .collect()
}
