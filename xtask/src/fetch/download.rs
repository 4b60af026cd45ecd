//! Downloads that survive bad servers: resumed, bounded, and never taken on trust.
//!
//! What has come is in `FILE.part`, and what is needed to go on in `FILE.part.json`. The file gets its
//! name only when its size and hashes are right.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde::{Deserialize, Serialize};

use super::hashes::{Expected, Found};
use super::manifest::RemoteFile;
use super::store::write_atomic;
use super::transfer::{Failure, Network};
use crate::process::say;

/// What to fetch.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) name: String,
    pub(crate) bytes: Option<u64>,
    /// The most bytes to accept.
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

    /// Compares a file's size and hashes with what is known; gives the name of the hash that agreed.
    pub(crate) fn verify(&self, found: &Found) -> Result<Option<&'static str>> {
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

/// How long to bear with a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// To be connected.
    pub(crate) connect: Duration,
    /// Without a byte.
    pub(crate) silence: Duration,
    /// Before the second attempt; twice that before the third, and so on.
    pub(crate) pause: Duration,
    /// Attempts in a row that brought nothing new.
    pub(crate) fruitless: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            silence: Duration::from_mins(1),
            pause: Duration::from_secs(2),
            fruitless: 5,
        }
    }
}

/// A file that came whole.
#[derive(Clone, Debug)]
pub(crate) struct Downloaded {
    pub(crate) found: Found,
    pub(crate) url: String,
    /// The hash that agreed, if any is known.
    pub(crate) verified: Option<&'static str>,
}

/// The unfinished file.
pub(crate) struct Part {
    pub(crate) path: PathBuf,
    state: PathBuf,
}

/// What the server said of the file of which a part is here.
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

    /// Forgets what has come.
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

/// Downloads a file from the first of some addresses that has it.
///
/// # Errors
/// If no address gave the right bytes; each with its reason.
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
        [] => bail!("there is no address to get {} from", wanted.name),
        [one] => Err(anyhow!("{one}")),
        more => Err(anyhow!("no address gave {}:\n  {}", wanted.name, more.join("\n  "))),
    }
}

fn from_one(
    network: &Network,
    wanted: &Wanted,
    url: &str,
    part: &Part,
) -> Result<(Found, Option<&'static str>)> {
    if part.len() > 0 && part.state().url != url && !wanted.expected.is_known() {
        // Without a hash nothing would show that two servers' halves don't fit.
        part.clear()?;
    }
    // Whether bytes of an earlier request are part of it, which may be the reason of a wrong hash.
    let mut patched = part.len() > 0;
    let mut farthest = part.len();
    let mut fruitless = 0;
    loop {
        match network.transfer(wanted, url, part) {
            Ok(()) => {
                let found = Found::of(&part.path)?;
                match wanted.verify(&found) {
                    Ok(verified) => return Ok((found, verified)),
                    Err(error) => {
                        part.clear()?;
                        if !patched {
                            return Err(error);
                        }
                        say(&format!("{}: {error:#}; once more from its beginning", wanted.name));
                        patched = false;
                        farthest = 0;
                    }
                }
            }
            Err(Failure::Final(error)) => return Err(error),
            Err(Failure::Passing { error, wait }) => {
                let have = part.len();
                if have > farthest {
                    (farthest, fruitless) = (have, 0);
                } else {
                    fruitless += 1;
                }
                let attempts = network.patience.fruitless;
                if fruitless >= attempts {
                    return Err(error.context(format!(
                        "given up after {attempts} attempts that brought nothing new"
                    )));
                }
                patched = have > 0;
                let pause = network.patience.pause * 2_u32.saturating_pow(fruitless.min(6));
                let pause = wait.map_or(pause, |wait| wait.max(pause));
                say(&format!(
                    "{}: {error:#}; going on after byte {have} in {:.0} s",
                    wanted.name,
                    pause.as_secs_f64()
                ));
                std::thread::sleep(pause);
            }
        }
    }
}
