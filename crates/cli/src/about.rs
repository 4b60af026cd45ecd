//! What this program is: its version, and what it was built for and with.

use std::sync::LazyLock;

use serde::Serialize;

/// How the program was built.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Build {
    pub(crate) version: &'static str,
    /// `release` or `debug`.
    pub(crate) profile: &'static str,
    pub(crate) os: &'static str,
    pub(crate) architecture: &'static str,
    /// The backends compiled in, which are cargo features.
    pub(crate) backends: Vec<&'static str>,
}

impl Build {
    pub(crate) fn of_this_program() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            profile: if cfg!(debug_assertions) { "debug" } else { "release" },
            os: std::env::consts::OS,
            architecture: std::env::consts::ARCH,
            backends: musicvae::device::available(),
        }
    }
}

/// What `--version` prints after the name; `-V` prints the number only.
pub(crate) fn long_version() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        let build = Build::of_this_program();
        format!(
            "{}\nbackends: {}\nbuilt for: {} on {}, {}",
            build.version,
            build.backends.join(", "),
            build.os,
            build.architecture,
            build.profile,
        )
    });
    &TEXT
}
