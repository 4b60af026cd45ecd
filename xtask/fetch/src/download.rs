//! Downloads that are resumed after failures, limited in size, and always verified.
//!
//! The bytes received so far are in `FILE.part`, and the state needed to resume is in
//! `FILE.part.json`. The file gets its final name only once its size and hashes are correct.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde::{Deserialize, Serialize};

use super::hashes::{Expected, FileHashes};
use super::manifest::RemoteFile;
use super::store::write_atomic;
use super::transfer::{Failure, Network};
use crate::process::say;

/// A file to download.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) name: String,
    pub(crate) bytes: Option<u64>,
    /// Maximum number of bytes to accept.
    pub(crate) limit: u64,
    pub(crate) expected: Expected,
}

impl Wanted {
    pub(crate) fn new(file: &RemoteFile, otherwise: u64) -> Self {
        Self {
            name: file.name.clone(),
            bytes: file.bytes,
            limit: file.limit(otherwise),
            expected: file.expected(),
        }
    }

    /// Compares a file's size and hashes with the expected ones; returns the name of the hash that
    /// matched.
    pub(crate) fn verify(&self, found: &FileHashes) -> Result<Option<&'static str>> {
        if let Some(bytes) = self.bytes {
            ensure!(found.bytes == bytes, "it has {} bytes, but should have {bytes}", found.bytes);
        }
        ensure!(
            found.bytes <= self.limit,
            "it has {} bytes, more than the limit of {}",
            found.bytes,
            self.limit
        );
        self.expected.verify(found)
    }
}

/// Timeouts and retries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RetryPolicy {
    /// Timeout for connecting.
    pub(crate) connect_timeout: Duration,
    /// Timeout without receiving a byte.
    pub(crate) read_timeout: Duration,
    /// Delay before the second attempt; it doubles with each further attempt.
    pub(crate) backoff: Duration,
    /// Maximum number of consecutive attempts without new bytes.
    pub(crate) max_fruitless: u32,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(30),
            read_timeout: Duration::from_mins(1),
            backoff: Duration::from_secs(2),
            max_fruitless: 5,
        }
    }
}

/// A completely downloaded file.
#[derive(Clone, Debug)]
pub(crate) struct Downloaded {
    pub(crate) found: FileHashes,
    pub(crate) url: String,
    /// The hash that matched, if any is known.
    pub(crate) verified: Option<&'static str>,
}

/// The unfinished file.
pub(crate) struct Part {
    pub(crate) path: PathBuf,
    state: PathBuf,
}

/// The server's metadata of a partially downloaded file.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct PartState {
    pub(crate) url: String,
    /// Its `ETag` or `Last-Modified`, for `If-Range`.
    pub(crate) validator: Option<String>,
}

impl Part {
    fn of(file: &Path) -> Self {
        let with = |suffix: &str| {
            let mut name = file.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        };
        Self { path: with(".part"), state: with(".part.json") }
    }

    pub(crate) fn len(&self) -> u64 {
        std::fs::metadata(&self.path).map_or(0, |file| file.len())
    }

    pub(crate) fn state(&self) -> PartState {
        let text = std::fs::read_to_string(&self.state).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    pub(crate) fn set_state(&self, state: &PartState) -> Result<()> {
        write_atomic(&self.state, serde_json::to_string(state)?.as_bytes())
    }

    /// Deletes the bytes received so far.
    pub(crate) fn clear(&self) -> Result<()> {
        for path in [&self.path, &self.state] {
            match std::fs::remove_file(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("can't remove {}", path.display()));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Downloads a file from the first URL that has it.
///
/// # Errors
/// If no URL gave the right bytes, with the reason for each.
pub(crate) fn download(
    network: &Network,
    wanted: &Wanted,
    urls: &[String],
    to: &Path,
) -> Result<Downloaded> {
    let part = Part::of(to);
    let mut failures = Vec::new();
    for url in urls {
        match from_one(network, wanted, url, &part) {
            Ok((found, verified)) => {
                std::fs::rename(&part.path, to)
                    .with_context(|| format!("can't create {}", to.display()))?;
                part.clear()?;
                return Ok(Downloaded { found, url: url.clone(), verified });
            }
            Err(error) => failures.push(format!("{url}: {error:#}")),
        }
    }
    match &failures[..] {
        [] => bail!("there is no URL for {}", wanted.name),
        [one] => Err(anyhow!("{one}")),
        more => Err(anyhow!("no URL gave {}:\n  {}", wanted.name, more.join("\n  "))),
    }
}

fn from_one(
    network: &Network,
    wanted: &Wanted,
    url: &str,
    part: &Part,
) -> Result<(FileHashes, Option<&'static str>)> {
    if part.len() > 0 && part.state().url != url && !wanted.expected.is_known() {
        // Without a hash, parts from two servers that do not match would go unnoticed.
        part.clear()?;
    }
    // Whether it includes bytes of an earlier request, which may be the reason for a wrong hash.
    let mut patched = part.len() > 0;
    let mut farthest = part.len();
    let mut fruitless = 0;
    loop {
        match network.transfer(wanted, url, part) {
            Ok(()) => {
                let found = FileHashes::of(&part.path)?;
                match wanted.verify(&found) {
                    Ok(verified) => return Ok((found, verified)),
                    Err(error) => {
                        part.clear()?;
                        if !patched {
                            return Err(error);
                        }
                        say(&format!("{}: {error:#}; restarting from the beginning", wanted.name));
                        patched = false;
                        farthest = 0;
                    }
                }
            }
            Err(Failure::Permanent(error)) => return Err(error),
            Err(Failure::Transient { error, wait }) => {
                let have = part.len();
                if have > farthest {
                    (farthest, fruitless) = (have, 0);
                } else {
                    fruitless += 1;
                }
                let attempts = network.retry.max_fruitless;
                if fruitless >= attempts {
                    return Err(error
                        .context(format!("gave up after {attempts} attempts without new data")));
                }
                patched = have > 0;
                let pause = network.retry.backoff * 2_u32.saturating_pow(fruitless.min(6));
                let pause = wait.map_or(pause, |wait| wait.max(pause));
                say(&format!(
                    "{}: {error:#}; resuming after byte {have} in {:.0} s",
                    wanted.name,
                    pause.as_secs_f64()
                ));
                std::thread::sleep(pause);
            }
        }
    }
}
