//! Information about this program: its version and build.

use std::sync::LazyLock;

use serde::Serialize;

/// Build information of the program.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Build {
    pub(crate) version: &'static str,
    /// `release` or `debug`.
    pub(crate) profile: &'static str,
    pub(crate) os: &'static str,
    pub(crate) architecture: &'static str,
    /// The compiled-in backends, which are cargo features.
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

/// Text printed by `--version` after the name; `-V` prints only the number.
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
