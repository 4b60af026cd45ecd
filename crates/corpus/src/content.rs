//! Content of a file found in a corpus.

use std::fmt::Display;
use std::path::PathBuf;

/// The bytes of a file, or the reason why there are none.
pub(super) enum Content {
    OnDisk { path: PathBuf, n_bytes: u64 },
    Bytes(Vec<u8>),
    Refused { reason: &'static str, detail: String },
}

impl Content {
    /// A file that is not used, with the reason.
    pub(super) fn refused(reason: &'static str, why: impl Display) -> Self {
        Self::Refused { reason, detail: why.to_string() }
    }

    /// An archive that can't be read further.
    pub(super) fn damaged_archive(why: impl Display) -> Self {
        Self::refused("damaged_archive", why)
    }

    /// A file larger than the limit.
    pub(super) fn over_limit(n_bytes: u64, max_bytes: u64) -> Self {
        let detail = format!("the file has {n_bytes} bytes or more, the limit is {max_bytes}");
        Self::Refused { reason: "over_limit", detail }
    }
}
