//! `controlgen watch`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

use corpus::artifact::io;
use serde::Serialize;

use super::Context;
use super::generate::{GenerateTask, Generated, make};
use super::loading::open;
use crate::args::{ArrangementArgs, NewMusicArgs, WatchArgs};
use crate::interrupt;
use crate::progress::note;

/// The result, when the command ends.
#[derive(Serialize)]
struct Watched {
    #[serde(with = "corpus::path_text")]
    folder: PathBuf,
    /// Number of takes written.
    n_takes: u64,
    /// The seed of the next take.
    next_seed: u64,
}

pub(super) fn run(context: &Context, args: &WatchArgs) -> anyhow::Result<()> {
    let session = open(context, &args.music.of)?;
    let stop = interrupt::flag(|| {})?;
    // Takes are looped, so their tempo and loudness are constant.
    let arrangement = ArrangementArgs { even: true, ..args.music.arrangement };
    let music = NewMusicArgs { arrangement, ..args.music.clone() };
    std::fs::create_dir_all(&args.folder).map_err(io("create the folder", &args.folder))?;
    note(&format!("keeping {} takes in {}; Ctrl-C stops", args.n, args.folder.display()));
    let n = usize::try_from(args.n)?;
    let mut watched =
        Watched { folder: args.folder.clone(), n_takes: 0, next_seed: args.music.decoding.seed };
    let mut takes = BTreeSet::new();
    while !stop.load(Ordering::Relaxed) {
        takes.retain(|take: &PathBuf| take.exists());
        if takes.len() >= n {
            std::thread::sleep(Duration::from_secs_f64(args.interval));
            continue;
        }
        let seed = watched.next_seed;
        watched.next_seed = seed.wrapping_add(1);
        if is_taken(&args.folder, seed)? {
            // An existing take of an earlier run counts.
            takes.extend(takes_of(&args.folder, seed)?);
            continue;
        }
        let task = GenerateTask { n: 1, out: &args.folder, seed, stop: &stop };
        let Generated { pieces, .. } = make(context, &session, &music, &task)?;
        for piece in &pieces {
            note(&piece.line());
            takes.insert(piece.file().to_owned());
            watched.n_takes += 1;
        }
    }
    context.output.result(&watched, || {
        vec![format!(
            "{} takes written; continue with `--seed {}`",
            watched.n_takes, watched.next_seed
        )]
    })
}

/// Whether there is already a take with this seed.
fn is_taken(folder: &Path, seed: u64) -> anyhow::Result<bool> {
    Ok(!takes_of(folder, seed)?.is_empty())
}

/// The takes with a seed, by the file names that `generate` gives.
fn takes_of(folder: &Path, seed: u64) -> anyhow::Result<Vec<PathBuf>> {
    let ending = format!("-seed{seed}-000.mid");
    let mut takes = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io("read the folder", folder))? {
        let path = entry.map_err(io("read the folder", folder))?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(&ending)) {
            takes.push(path);
        }
    }
    Ok(takes)
}
