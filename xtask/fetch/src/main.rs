//! `cargo xtask fetch`: downloads, verifies and unpacks public data sets and published models.
//!
//! For each data set: check whether it is present, show its terms, lock it, get its files
//! ([`download`], or a copy), verify them, unpack them into a temporary folder ([`archive`]), and
//! rename that folder. So `datasets/NAME` is either complete or absent.

mod archive;
mod download;
mod hashes;
mod list;
mod manifest;
mod meter;
mod names;
mod obtain;
mod part;
mod process;
mod source;
mod store;
#[cfg(test)]
mod tests;
mod transfer;
mod unpack;
mod wanted;

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::process::{answer, root, say};
use manifest::{DataSet, Manifest, Terms};
use meter::bytes as readable;
use obtain::Fetcher;
use source::Mirror;
use store::{Present, Stamp, Store};
use transfer::Network;
use wanted::RetryPolicy;

/// Public data sets and published models.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Get public data sets and published models, checked and unpacked
    Fetch(FetchArgs),
    /// Get the Lakh MIDI Dataset
    FetchLakh(FetchLakhArgs),
}

#[derive(Debug, Args)]
struct FetchArgs {
    /// Names of data sets
    #[arg(required_unless_present = "list", value_name = "NAME")]
    names: Vec<String>,
    /// List the available data sets
    #[arg(long, conflicts_with = "names")]
    list: bool,
    #[command(flatten)]
    options: FetchOptions,
}

#[derive(Debug, Args)]
struct FetchLakhArgs {
    /// Part of the Lakh MIDI Dataset
    #[arg(value_enum, default_value_t = Lakh::Full, value_name = "PART")]
    part: Lakh,
    #[command(flatten)]
    options: FetchOptions,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Lakh {
    /// All 176,581 files, 1.6 GiB
    Full,
    /// The 45,129 files that match the Million Song Dataset, 1.3 GiB
    Matched,
    /// Files by artist and title, 0.2 GiB
    Clean,
}

#[derive(Debug, Args)]
struct FetchOptions {
    /// Take the files from a copy or a mirror: the file, a folder of files, or a URL of either
    #[arg(long, value_name = "FILE|DIR|URL")]
    from: Option<OsString>,
    /// Agree to the license of a data set that must not be used commercially
    #[arg(long, alias = "accept-licence")]
    accept_license: bool,
    /// Keep downloaded archives in the data set's folder after unpacking
    #[arg(long)]
    keep_archives: bool,
    /// Folder of data sets [default: the repository's `datasets`]
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
    /// List of data sets [default: the repository's `datasets/manifest.toml`]
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
}

fn main() -> Result<()> {
    match Cli::parse().task {
        Task::Fetch(args) => run(&args),
        Task::FetchLakh(args) => run_lakh(&args),
    }
}

fn run(args: &FetchArgs) -> Result<()> {
    if args.list {
        let (manifest, store) = (args.options.manifest()?, args.options.store());
        for line in list::lines(&manifest, &store) {
            answer(&line);
        }
        return Ok(());
    }
    args.options.fetch(&args.names)
}

fn run_lakh(args: &FetchLakhArgs) -> Result<()> {
    let name = match args.part {
        Lakh::Full => "lmd-full",
        Lakh::Matched => "lmd-matched",
        Lakh::Clean => "lmd-clean",
    };
    args.options.fetch(&[name.to_owned()])
}

impl FetchOptions {
    fn manifest(&self) -> Result<Manifest> {
        let own = || root().join("datasets/manifest.toml");
        Manifest::read(&self.manifest.clone().unwrap_or_else(own))
    }

    fn store(&self) -> Store {
        Store::new(self.into.clone().unwrap_or_else(|| root().join("datasets")))
    }

    /// Fetches several data sets; a failure does not stop the others.
    fn fetch(&self, names: &[String]) -> Result<()> {
        let manifest = self.manifest()?;
        let sets: Vec<&DataSet> =
            names.iter().map(|name| manifest.find(name)).collect::<Result<_>>()?;
        let fetcher = Fetcher {
            store: self.store(),
            network: Network::new(RetryPolicy::default()),
            from: self.from.as_deref().map(Mirror::new).transpose()?,
            accept_license: self.accept_license,
            keep_archives: self.keep_archives,
        };
        let mut failed = Vec::new();
        for set in sets {
            match fetch(&fetcher, set) {
                Ok(line) => answer(&line),
                Err(error) if names.len() == 1 => return Err(error),
                Err(error) => {
                    say(&format!("{}: {error:#}", set.name));
                    failed.push(set.name.as_str());
                }
            }
        }
        if !failed.is_empty() {
            bail!(
                "{} of {} data sets were not fetched: {}",
                failed.len(),
                names.len(),
                failed.join(", ")
            );
        }
        Ok(())
    }
}

/// Fetches a data set, unless it is present, and returns a summary.
fn fetch(fetcher: &Fetcher, set: &DataSet) -> Result<String> {
    if let Present::Yes(stamp) = fetcher.store.present(set)? {
        return Ok(format!("{} is already present: {}", set.name, summary(fetcher, set, &stamp)));
    }
    for line in terms(set) {
        say(&line);
    }
    if set.terms == Terms::NonCommercial && !fetcher.accept_license {
        bail!(
            "{} may not be used commercially ({}); if you agree to its license, add \
             --accept-license",
            set.name,
            set.license
        );
    }
    let _lock = fetcher.store.lock(&set.name)?;
    // Another run may have fetched it in the meantime.
    if let Present::Yes(stamp) = fetcher.store.present(set)? {
        return Ok(format!("{} is present now: {}", set.name, summary(fetcher, set, &stamp)));
    }
    let stamp = fetcher.obtain(set)?;
    Ok(format!("{}: {}", set.name, summary(fetcher, set, &stamp)))
}

fn terms(set: &DataSet) -> Vec<String> {
    let mut lines = vec![
        format!("{}: {}", set.name, set.title),
        format!("  from     {}", set.home),
        format!("  holds    {}", set.layout),
        format!("  license  {}", set.license),
    ];
    if let Some(citation) = &set.citation {
        lines.push(format!("  cite     {citation}"));
    }
    if let Some(note) = &set.note {
        lines.push(format!("  note     {note}"));
    }
    if set.terms == Terms::Unstated {
        lines.push(
            "  No license is stated: find out whether your intended use is allowed.".to_owned(),
        );
    }
    lines
}

fn summary(fetcher: &Fetcher, set: &DataSet, stamp: &Stamp) -> String {
    let unverified: Vec<&str> = stamp
        .files
        .iter()
        .filter(|file| file.verified.is_none())
        .map(|file| file.name.as_str())
        .collect();
    let sure = match unverified.len() {
        0 => "verified".to_owned(),
        1..4 => format!("unverified and pinned: {}", unverified.join(", ")),
        n => format!("{n} files unverified and pinned"),
    };
    format!(
        "{} files, {}, {sure}, in {}",
        stamp.n_files,
        readable(stamp.bytes),
        fetcher.store.folder(set).display()
    )
}
