//! Files to download, timeouts and retries.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::hashes::{Expected, FileHashes};
use super::manifest::RemoteFile;

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
