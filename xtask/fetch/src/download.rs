//! Downloads that are resumed after failures, limited in size, and always verified.
//!
//! The bytes received so far are in `FILE.part`, and the state needed to resume is in
//! `FILE.part.json`. The file gets its final name only once its size and hashes are correct.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};

use super::hashes::FileHashes;
use super::part::Part;
use super::transfer::{Failure, Network};
use super::wanted::Wanted;
use crate::process::say;

/// A completely downloaded file.
#[derive(Clone, Debug)]
pub(crate) struct Downloaded {
    pub(crate) found: FileHashes,
    pub(crate) url: String,
    /// The hash that matched, if any is known.
    pub(crate) verified: Option<&'static str>,
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
    let part = Part::new(to);
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
                let found = FileHashes::from_file(&part.path)?;
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
