//! The terminal and the repository's folder.

use std::io::Write;
use std::path::{Path, PathBuf};

/// Prints a line to standard error.
#[expect(clippy::print_stderr, reason = "messages go through here")]
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}

/// Prints a line to standard output.
pub(crate) fn answer(text: &str) {
    // The reader may stop early, for example `cargo xtask fetch --list | head`.
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.ancestors().nth(2).unwrap_or(manifest).to_owned()
}
