//! `datasets/manifest.toml`: what can be fetched, from where, and how its bytes are known.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use super::hashes::Expected;

const FORMAT: &str = "controlgen.datasets";
const VERSION: u32 = 1;
/// The most that is fetched or unpacked where the manifest sets no limit.
const DEFAULT_MAX_ENTRIES: u64 = 50_000;
const DEFAULT_MAX_BYTES: u64 = 4 << 30;

/// All data sets.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    format: String,
    version: u32,
    #[serde(rename = "dataset")]
    pub(crate) datasets: Vec<DataSet>,
}

/// One data set, or one published model.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DataSet {
    /// What is typed: lower case, no spaces. It names the folder, too.
    pub(crate) name: String,
    pub(crate) title: String,
    /// `midi`, `scores`, `labels`, `checkpoint`, …: for people.
    pub(crate) kind: String,
    /// The publisher's page.
    pub(crate) home: String,
    /// The licence's SPDX name, or what is known of the terms.
    pub(crate) licence: String,
    pub(crate) terms: Terms,
    pub(crate) citation: Option<String>,
    /// What lies where once it is unpacked.
    pub(crate) layout: String,
    pub(crate) note: Option<String>,
    /// Files called `<32 hexadecimal digits>.mid` must have that MD5.
    #[serde(default)]
    pub(crate) names_are_md5: bool,
    /// The most members that an archive may have.
    #[serde(default = "default_max_entries")]
    pub(crate) max_entries: u64,
    /// The most bytes that an archive may unpack to.
    #[serde(default = "default_max_bytes")]
    pub(crate) max_bytes: u64,
    #[serde(rename = "file")]
    pub(crate) files: Vec<RemoteFile>,
}

/// What its licence means for a user.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Terms {
    /// Any use, under the licence's conditions.
    Open,
    /// No commercial use: consent is asked for.
    NonCommercial,
    /// Nothing is stated, or nothing clear: it is said, and left to the user.
    Unstated,
}

/// A file to fetch.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RemoteFile {
    pub(crate) name: String,
    /// The publisher's address, then mirrors.
    pub(crate) urls: Vec<String>,
    /// Its size, if it is known for sure.
    pub(crate) bytes: Option<u64>,
    /// A size that somebody noted, for `--list` only.
    pub(crate) approximate_bytes: Option<u64>,
    sha256: Option<String>,
    md5: Option<String>,
    git_blob_sha1: Option<String>,
    pub(crate) unpack: Option<Packing>,
    #[serde(default)]
    pub(crate) pin: Pinned,
    /// It is a magenta-js weights manifest: the files that it names belong to the set.
    #[serde(default)]
    pub(crate) lists_more: bool,
}

/// How a file is packed.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(crate) enum Packing {
    #[serde(rename = "tar.gz")]
    TarGz,
    #[serde(rename = "zip")]
    Zip,
}

/// What is pinned of a file without a published hash.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Pinned {
    /// Its bytes.
    #[default]
    File,
    /// What it unpacks to: for archives that a server packs anew at will.
    Contents,
}

fn default_max_entries() -> u64 {
    DEFAULT_MAX_ENTRIES
}

fn default_max_bytes() -> u64 {
    DEFAULT_MAX_BYTES
}

impl Manifest {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("can't read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("{} can't be used", path.display()))
    }

    pub(crate) fn parse(text: &str) -> Result<Self> {
        let manifest: Self = toml::from_str(text)?;
        ensure!(
            manifest.format == FORMAT && manifest.version == VERSION,
            "it is {:?} of version {}; this program reads {FORMAT:?} of version {VERSION}",
            manifest.format,
            manifest.version,
        );
        let mut names = BTreeSet::new();
        for set in &manifest.datasets {
            set.check().with_context(|| format!("data set {:?}", set.name))?;
            ensure!(names.insert(&set.name), "{:?} is there twice", set.name);
        }
        Ok(manifest)
    }

    /// The data set of a name.
    pub(crate) fn find(&self, name: &str) -> Result<&DataSet> {
        if let Some(set) = self.datasets.iter().find(|set| set.name == name) {
            return Ok(set);
        }
        let part = name.split(['-', '_', '.']).next().unwrap_or(name).to_lowercase();
        let near: Vec<&str> = self
            .datasets
            .iter()
            .map(|set| set.name.as_str())
            .filter(|known| !part.is_empty() && known.contains(&part))
            .collect();
        if near.is_empty() {
            bail!("there is no data set {name:?}; `cargo xtask fetch --list` shows them");
        }
        bail!("there is no data set {name:?}; there are {}", near.join(", "));
    }
}

impl DataSet {
    fn check(&self) -> Result<()> {
        ensure!(is_plain(&self.name), "a name is letters, digits, `.`, `-` and `_`");
        ensure!(!self.files.is_empty(), "it has no files");
        let mut names = BTreeSet::new();
        for file in &self.files {
            file.check().with_context(|| format!("file {:?}", file.name))?;
            ensure!(names.insert(&file.name), "file {:?} is there twice", file.name);
        }
        Ok(())
    }

    /// Its size as far as it is known: bytes, and whether that is exact.
    pub(crate) fn bytes(&self) -> Option<(u64, bool)> {
        let mut total = (0, true);
        for file in &self.files {
            match (file.bytes, file.approximate_bytes) {
                _ if file.lists_more => return None,
                (Some(bytes), _) => total.0 += bytes,
                (None, Some(bytes)) => total = (total.0 + bytes, false),
                (None, None) => return None,
            }
        }
        Some(total)
    }

    /// Whether every file of it has a hash in the manifest.
    pub(crate) fn is_verifiable(&self) -> bool {
        self.files.iter().all(|file| file.expected().is_known() && !file.lists_more)
    }
}

impl RemoteFile {
    fn check(&self) -> Result<()> {
        ensure!(is_file_name(&self.name), "it is no plain name of a file");
        ensure!(!self.urls.is_empty(), "it has no addresses");
        for url in &self.urls {
            ensure!(is_url(url), "{url:?} is no address of http or https");
        }
        ensure!(self.pin == Pinned::File || self.unpack.is_some(), "it has no contents to pin");
        self.expected().check()
    }

    /// A file without anything known of it.
    pub(crate) fn unknown(name: String, urls: Vec<String>) -> Self {
        Self {
            name,
            urls,
            bytes: None,
            approximate_bytes: None,
            sha256: None,
            md5: None,
            git_blob_sha1: None,
            unpack: None,
            pin: Pinned::File,
            lists_more: false,
        }
    }

    /// What its hashes should be.
    pub(crate) fn expected(&self) -> Expected {
        Expected {
            sha256: self.sha256.clone(),
            md5: self.md5.clone(),
            git_blob_sha1: self.git_blob_sha1.clone(),
        }
    }

    /// The most bytes to accept: its size where that is known, else twice what was noted, else the
    /// limit for all.
    pub(crate) fn limit(&self, otherwise: u64) -> u64 {
        self.bytes.or_else(|| Some(self.approximate_bytes?.saturating_mul(2))).unwrap_or(otherwise)
    }
}

/// Whether a text is an address that we fetch from.
pub(crate) fn is_url(text: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| {
        text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
            && text.len() > scheme.len()
    })
}

fn is_plain(name: &str) -> bool {
    is_file_name(name) && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

/// Whether a name is that of a file in a folder, and of nothing else.
pub(crate) fn is_file_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 200
        && !name.starts_with('.')
        && !name.contains(['/', '\\', ':', '\0'])
        && !name.chars().any(char::is_control)
}
