//! `cargo xtask plugin`: builds the plug-in and installs it where hosts look for it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use crate::process::{WORKSPACE, answer, cargo, target};

/// The file, or on macOS the folder, that hosts load.
const BUNDLE: &str = "controlgen.clap";

/// The build and the destination of the plug-in.
#[derive(Debug, Args)]
pub(crate) struct PluginArgs {
    /// The profile to build it with
    #[arg(long, value_enum, default_value_t)]
    profile: Profile,
    /// Put it in this folder [default: the one that Cargo builds it in]
    #[arg(long, value_name = "FOLDER", conflicts_with = "install")]
    out: Option<PathBuf>,
    /// Put it in your folder of CLAP plug-ins
    #[arg(long)]
    install: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Profile {
    #[default]
    Release,
    Dev,
}

pub(crate) fn run(args: &PluginArgs) -> Result<()> {
    let folder = match args.profile {
        // Together with the program, so that both share all dependencies.
        Profile::Release => {
            cargo(
                &["build", "--release", "--package", "controlgen-cli", "--package", "plugin"],
                &[],
            )?;
            target()?.join("release")
        }
        // With its tests, as `cargo xtask check` builds it.
        Profile::Dev => {
            let words = ["build"].into_iter().chain(WORKSPACE).chain(["--test", "clap_host"]);
            cargo(&words.collect::<Vec<_>>(), &[])?;
            target()?.join("debug/deps")
        }
    };
    let name = format!("{}plugin{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let to = match &args.out {
        Some(folder) => folder.clone(),
        None if args.install => plugin_folder()?,
        None => folder.clone(),
    };
    let bundle = bundle(&folder.join(name), &to, cfg!(target_os = "macos"))?;
    answer(&bundle.display().to_string());
    if !args.install && args.out.is_none() {
        let folder = plugin_folder()?;
        answer(&format!(
            "Copy it to {}, or run `cargo xtask plugin --install`; then have your DAW scan its \
             plug-ins.",
            folder.display()
        ));
    }
    Ok(())
}

/// The folder of a user's CLAP plug-ins, by the CLAP specification.
fn plugin_folder() -> Result<PathBuf> {
    let (variable, below) = if cfg!(windows) {
        ("LOCALAPPDATA", "Programs/Common/CLAP")
    } else if cfg!(target_os = "macos") {
        ("HOME", "Library/Audio/Plug-Ins/CLAP")
    } else {
        ("HOME", ".clap")
    };
    let base = std::env::var_os(variable).with_context(|| format!("{variable} is not set"))?;
    Ok(PathBuf::from(base).join(below))
}

/// Creates the bundle for a library in a folder: the library under another name or, on macOS, a
/// folder that contains it. An existing bundle is replaced once the new one is complete.
fn bundle(library: &Path, to: &Path, is_folder: bool) -> Result<PathBuf> {
    if !library.exists() {
        bail!("{} was not built", library.display());
    }
    fs::create_dir_all(to).with_context(|| format!("can't create {}", to.display()))?;
    let bundle = to.join(BUNDLE);
    let new = to.join(format!("{BUNDLE}.new"));
    remove(&new)?;
    let made = if is_folder { fill(library, &new) } else { copy(library, &new) };
    if made.is_err() {
        remove(&new)?;
    }
    made?;
    if is_folder {
        // A folder can't be renamed onto another one.
        remove(&bundle)?;
    }
    fs::rename(&new, &bundle).with_context(|| format!("can't write {}", bundle.display()))?;
    Ok(bundle)
}

/// Fills a macOS bundle.
fn fill(library: &Path, bundle: &Path) -> Result<()> {
    let contents = bundle.join("Contents");
    fs::create_dir_all(contents.join("MacOS"))
        .with_context(|| format!("can't create {}", contents.display()))?;
    copy(library, &contents.join("MacOS/controlgen"))?;
    let version = env!("CARGO_PKG_VERSION");
    let keys = [
        ("CFBundleExecutable", "controlgen"),
        ("CFBundleIdentifier", "controlgen.clap"),
        ("CFBundleName", "controlgen"),
        ("CFBundlePackageType", "BNDL"),
        ("CFBundleShortVersionString", version),
        ("CFBundleVersion", version),
    ];
    let entries: String = keys
        .map(|(key, value)| format!("  <key>{key}</key>\n  <string>{value}</string>\n"))
        .concat();
    let list = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<plist version=\"1.0\">\n<dict>\n{entries}\
         </dict>\n</plist>\n"
    );
    let path = contents.join("Info.plist");
    fs::write(&path, list).with_context(|| format!("can't write {}", path.display()))?;
    let path = contents.join("PkgInfo");
    fs::write(&path, "BNDL????").with_context(|| format!("can't write {}", path.display()))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).with_context(|| format!("can't write {}", to.display()))?;
    Ok(())
}

/// Removes a bundle, if there is one.
fn remove(path: &Path) -> Result<()> {
    let removed = if path.is_dir() {
        fs::remove_dir_all(path)
    } else if path.exists() {
        fs::remove_file(path)
    } else {
        Ok(())
    };
    removed.with_context(|| format!("can't remove {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_takes_the_place_of_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("libplugin.so");
        let to = folder.path().join("to");
        assert!(bundle(&library, &to, false).is_err(), "nothing was built");
        for text in ["old", "new"] {
            fs::write(&library, text).unwrap();
            let file = bundle(&library, &to, false).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
        }
        fs::remove_file(to.join(BUNDLE)).unwrap();
        for text in ["old", "new"] {
            fs::write(&library, text).unwrap();
            let made = bundle(&library, &to, true).unwrap();
            let inside = made.join("Contents");
            assert_eq!(fs::read_to_string(inside.join("MacOS/controlgen")).unwrap(), text);
            let list = fs::read_to_string(inside.join("Info.plist")).unwrap();
            assert!(list.contains("<key>CFBundleExecutable</key>\n  <string>controlgen</string>"));
        }
        assert_eq!(fs::read_dir(&to).unwrap().count(), 1, "nothing else is left");
    }
}
