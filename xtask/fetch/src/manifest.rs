//! `datasets/manifest.toml`: the available data sets, their URLs, and their hashes.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use super::hashes::Expected;

const FORMAT: &str = "controlgen.datasets";
const VERSION: u32 = 1;
/// Limits for fetched and unpacked data if the manifest sets none.
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
    /// The name to type: lowercase, without spaces. Also the name of its folder.
    pub(crate) name: String,
    pub(crate) title: String,
    /// `midi`, `scores`, `labels`, `checkpoint`, …; for display only.
    pub(crate) kind: String,
    /// The publisher's page.
    pub(crate) home: String,
    /// The SPDX name of the license, or what is known about the terms.
    #[serde(alias = "licence")]
    pub(crate) license: String,
    pub(crate) terms: Terms,
    pub(crate) citation: Option<String>,
    /// The layout of the unpacked files.
    pub(crate) layout: String,
    pub(crate) note: Option<String>,
    /// Files named `<32 hexadecimal digits>.mid` must have that MD5.
    #[serde(default)]
    pub(crate) names_are_md5: bool,
    /// Maximum number of members of an archive.
    #[serde(default = "default_max_entries")]
    pub(crate) max_entries: u64,
    /// Maximum number of bytes that an archive may unpack to.
    #[serde(default = "default_max_bytes")]
    pub(crate) max_bytes: u64,
    #[serde(rename = "file")]
    pub(crate) files: Vec<RemoteFile>,
}

/// The meaning of the license for a user.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Terms {
    /// Any use, under the conditions of the license.
    Open,
    /// No commercial use: the user has to agree.
    NonCommercial,
    /// No clear terms are stated: this is shown, and left to the user.
    Unstated,
}

/// A file to download.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RemoteFile {
    pub(crate) name: String,
    /// The publisher's URL, then mirrors.
    pub(crate) urls: Vec<String>,
    /// Its size, if known exactly.
    pub(crate) bytes: Option<u64>,
    /// An approximate size, only for `--list`.
    pub(crate) approximate_bytes: Option<u64>,
    sha256: Option<String>,
    md5: Option<String>,
    git_blob_sha1: Option<String>,
    pub(crate) unpack: Option<Packing>,
    #[serde(default)]
    pub(crate) pin: Pinned,
    /// Whether it is a magenta-js weights manifest, whose listed files belong to the data set.
    #[serde(default)]
    pub(crate) lists_more: bool,
}

/// The format of an archive.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(crate) enum Packing {
    #[serde(rename = "tar.gz")]
    TarGz,
    #[serde(rename = "zip")]
    Zip,
}

/// The data that is pinned for a file without a published hash.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Pinned {
    /// The bytes of the file.
    #[default]
    File,
    /// The unpacked contents: for archives that a server may pack again at any time.
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
        Self::parse(&text).with_context(|| format!("{} is not valid", path.display()))
    }

    pub(crate) fn parse(text: &str) -> Result<Self> {
        let manifest: Self = toml::from_str(text)?;
        ensure!(
            manifest.format == FORMAT && manifest.version == VERSION,
            "it is {:?} version {}; this program reads {FORMAT:?} version {VERSION}",
            manifest.format,
            manifest.version,
        );
        let mut names = BTreeSet::new();
        for set in &manifest.datasets {
            set.check().with_context(|| format!("data set {:?}", set.name))?;
            ensure!(names.insert(&set.name), "{:?} is listed twice", set.name);
        }
        Ok(manifest)
    }

    /// The data set with a name.
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
        bail!("there is no data set {name:?}; similar names: {}", near.join(", "));
    }
}

impl DataSet {
    fn check(&self) -> Result<()> {
        ensure!(is_plain(&self.name), "a name must consist of letters, digits, `.`, `-` and `_`");
        ensure!(!self.files.is_empty(), "it has no files");
        let mut names = BTreeSet::new();
        for file in &self.files {
            file.check().with_context(|| format!("file {:?}", file.name))?;
            ensure!(names.insert(&file.name), "file {:?} is listed twice", file.name);
        }
        Ok(())
    }

    /// Its size as far as it is known: number of bytes, and whether that is exact.
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

    /// Whether all its files have a hash in the manifest.
    pub(crate) fn is_verifiable(&self) -> bool {
        self.files.iter().all(|file| file.expected().is_known() && !file.lists_more)
    }
}

impl RemoteFile {
    fn check(&self) -> Result<()> {
        ensure!(is_file_name(&self.name), "it is not a plain file name");
        ensure!(!self.urls.is_empty(), "it has no URLs");
        for url in &self.urls {
            ensure!(is_url(url), "{url:?} is not an http or https URL");
        }
        ensure!(self.pin == Pinned::File || self.unpack.is_some(), "it has no contents to pin");
        self.expected().check()
    }

    /// A file of which nothing is known in advance.
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

    /// Its expected hashes.
    pub(crate) fn expected(&self) -> Expected {
        Expected {
            sha256: self.sha256.clone(),
            md5: self.md5.clone(),
            git_blob_sha1: self.git_blob_sha1.clone(),
        }
    }

    /// Maximum number of bytes to accept: its exact size if known, otherwise twice the approximate
    /// size, otherwise the general limit.
    pub(crate) fn limit(&self, otherwise: u64) -> u64 {
        self.bytes.or_else(|| Some(self.approximate_bytes?.saturating_mul(2))).unwrap_or(otherwise)
    }
}

/// Whether a text is a supported URL.
pub(crate) fn is_url(text: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| {
        text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
            && text.len() > scheme.len()
    })
}

fn is_plain(name: &str) -> bool {
    is_file_name(name) && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

/// Whether a name is a plain file name without any path.
pub(crate) fn is_file_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 200
        && !name.starts_with('.')
        && !name.contains(['/', '\\', ':', '\0'])
        && !name.chars().any(char::is_control)
}
