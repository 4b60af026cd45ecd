//! New pieces that hold what was asked: drawn, checked, and drawn anew where they do not.

use std::collections::BTreeMap;

use note_seq::window::n_notes;
use serde::{Deserialize, Serialize};

use super::{Controls, Course, Decoding, GenerateError, LatentSampling};
use crate::copy::{CopyIndex, CopyMatch};
use crate::encode::encode_windows;
use crate::model::Model;
use crate::style::{Style, Styles};

/// Attempts for each piece asked for, and some more for small numbers.
const ATTEMPTS_PER_PIECE: usize = 20;
const MORE_ATTEMPTS: usize = 100;
/// Windows decoded at once: some hundred fill all processors.
const WINDOWS_PER_BATCH: usize = 256;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct PieceRequest<'a> {
    /// Where latents come from.
    pub course: &'a Course,
    /// The styles asked for: a piece should belong to any of them.
    pub aims: &'a [&'a Style],
    /// Pieces wanted.
    pub n: usize,
    /// Windows of each, one after the other.
    pub n_windows: usize,
    /// How latents are drawn.
    pub sampling: LatentSampling,
    /// What is added to every latent, on the active dimensions; none for nothing.
    pub shift: Option<&'a [f64]>,
    /// How latents become tokens.
    pub decoding: Decoding,
    /// Chords, spread evenly over each window; none for those of real music.
    pub chords: Option<&'a [u16]>,
    /// What is kept.
    pub keep: Keep<'a>,
    /// The most attempts; none for 20 a piece and 100 more.
    pub max_attempts: Option<usize>,
}

/// What a piece must be to be kept.
#[derive(Clone, Copy, Debug, Default)]
pub struct Keep<'a> {
    /// Keep pieces without a note, and of a single one, too.
    pub degenerate: bool,
    /// The least mean membership in the styles asked for, after encoding again.
    pub min_membership: Option<f64>,
    /// The most notes in a row that may stand in the training music; needs an index.
    pub max_copy: Option<usize>,
    /// The largest share of a part's notes that may stand in a row in the training music, 0 to 1; needs an index.
    pub max_copy_share: Option<f64>,
    /// The training music, to look for copies in.
    pub index: Option<&'a CopyIndex>,
}

/// Why a piece was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dropped {
    /// It has no note.
    Empty,
    /// It has one note.
    SingleNote,
    /// Encoded again, it does not belong to what was asked for.
    LowMembership,
    /// It repeats training music for longer than allowed.
    Copy,
}

impl Dropped {
    /// The reason in words.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Empty => "without a note",
            Self::SingleNote => "of a single note",
            Self::LowMembership => "of too low a membership",
            Self::Copy => "that copy training music",
        }
    }
}

/// A piece that was kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    /// The attempt that made it, from 0: with the seed, it makes it again.
    pub attempt: usize,
    /// Its windows.
    pub windows: Vec<Vec<u16>>,
    /// Their latents.
    pub z: Vec<Vec<f32>>,
    /// Probability of each component after encoding it again, mean over its windows.
    pub components: Vec<f64>,
    /// How surely it belongs to the styles asked for after encoding it again, mean over its windows.
    pub membership: f64,
    /// Its longest match with training music, where an index was given and anything matches.
    pub copy: Option<CopyMatch>,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Pieces {
    /// The pieces kept, at most as many as asked for.
    pub kept: Vec<Piece>,
    /// Attempts made up to the last one that was kept, or all.
    pub n_attempts: usize,
    /// Of these, how many were dropped and why.
    pub dropped: BTreeMap<Dropped, usize>,
}

/// Draws pieces until `n` are kept or no attempt is left. The `i`th piece is that of the `i`th attempt
/// that is kept, and each attempt depends on the seed and its number alone; so the `i`th piece is the
/// same whatever `n`.
///
/// # Errors
/// [`GenerateError`]: for settings out of range, and where no attempt was kept.
pub fn pieces(
    model: &Model,
    styles: &Styles,
    request: &PieceRequest<'_>,
) -> Result<Pieces, GenerateError> {
    pieces_while(model, styles, request, &|| true)
}

/// As [`pieces`], as long as `go_on`, which is asked before each batch, says so; then what there is by then.
///
/// # Errors
/// Those of [`pieces`].
pub fn pieces_while(
    model: &Model,
    styles: &Styles,
    request: &PieceRequest<'_>,
    go_on: &dyn Fn() -> bool,
) -> Result<Pieces, GenerateError> {
    let (decoding, sampling) = (request.decoding.check()?, request.sampling.check()?);
    request.check()?;
    let controls = Controls::new(model, request.chords)?;
    let max_attempts =
        request.max_attempts.unwrap_or(ATTEMPTS_PER_PIECE * request.n + MORE_ATTEMPTS);
    let n_windows = request.n_windows.max(1);
    let per_batch = (WINDOWS_PER_BATCH / n_windows).max(1);
    let mut found = Pieces { kept: Vec::new(), n_attempts: 0, dropped: BTreeMap::new() };
    while found.kept.len() < request.n && found.n_attempts < max_attempts {
        if !go_on() {
            return Ok(found);
        }
        // Where some were dropped, more will be.
        let n_dropped = found.n_attempts - found.kept.len();
        let wanted = request.n - found.kept.len() + n_dropped;
        let n = wanted.min(per_batch).min(max_attempts - found.n_attempts);
        let first = found.n_attempts;
        let active = &model.config().active_dimensions;
        let mut z = Vec::with_capacity(n * n_windows * model.z_size());
        for attempt in first..first + n {
            let number = [decoding.seed, attempt as u64];
            z.extend(request.course.latents(
                active,
                model.z_size(),
                n_windows,
                sampling,
                number,
            )?);
        }
        if let Some(shift) = request.shift {
            for z in z.chunks_exact_mut(model.z_size()) {
                for (dimension, by) in active.iter().zip(shift) {
                    z[*dimension] += *by as f32;
                }
            }
        }
        let first_window = (first * n_windows) as u64;
        let control = controls.of(first_window, n * n_windows, decoding.seed);
        let windows = decoding.decode_from(model, first_window, &z, &control);
        let again = encode_windows(model, &windows);
        let memberships = memberships(model, styles, request.aims, &again);
        let components = styles.memberships(model, &again);
        for i in 0..n {
            if found.kept.len() == request.n {
                break;
            }
            let of = i * n_windows..(i + 1) * n_windows;
            let piece = Piece {
                attempt: first + i,
                windows: windows[of.clone()].to_vec(),
                z: z[of.start * model.z_size()..of.end * model.z_size()]
                    .chunks_exact(model.z_size())
                    .map(<[f32]>::to_vec)
                    .collect(),
                components: mean_rows(&components[of.clone()]),
                membership: memberships[of].iter().sum::<f64>() / n_windows as f64,
                copy: None,
            };
            found.n_attempts += 1;
            match request.keep.check(model, piece) {
                Ok(piece) => found.kept.push(piece),
                Err(why) => *found.dropped.entry(why).or_default() += 1,
            }
        }
    }
    if found.kept.is_empty() && request.n > 0 {
        let dropped = found.dropped_in_words();
        return Err(GenerateError::NothingKept { n_attempts: found.n_attempts, dropped });
    }
    Ok(found)
}

impl PieceRequest<'_> {
    fn check(&self) -> Result<(), GenerateError> {
        if let Some(found) = self.keep.min_membership.filter(|p| !(0.0..=1.0).contains(p)) {
            let allowed = "0 to 1 is allowed";
            return Err(GenerateError::Setting { what: "least membership", found, allowed });
        }
        if let Some(found) = self.keep.max_copy_share.filter(|p| !(0.0..=1.0).contains(p)) {
            let allowed = "0 to 1 is allowed";
            return Err(GenerateError::Setting { what: "largest share of a copy", found, allowed });
        }
        let looks_for_copies = self.keep.max_copy.is_some() || self.keep.max_copy_share.is_some();
        if looks_for_copies && self.keep.index.is_none() {
            return Err(GenerateError::NoIndex);
        }
        Ok(())
    }
}

impl Keep<'_> {
    /// Looks for copies, and says why a piece is not kept.
    fn check(&self, model: &Model, piece: Piece) -> Result<Piece, Dropped> {
        let layout = model.config().musicvae.window();
        let windows = || piece.windows.iter().map(Vec::as_slice);
        if !self.degenerate {
            match n_notes(&layout, windows()) {
                0 => return Err(Dropped::Empty),
                1 => return Err(Dropped::SingleNote),
                _ => {}
            }
        }
        if self.min_membership.is_some_and(|least| piece.membership < least) {
            return Err(Dropped::LowMembership);
        }
        let copy = self.index.and_then(|index| index.longest(&layout, windows()));
        let n_copied = copy.as_ref().map_or(0, |copy| copy.n_notes);
        let of_notes = copy.as_ref().map_or(1, |copy| copy.of_notes.max(1));
        let share = n_copied as f64 / of_notes as f64;
        if self.max_copy.is_some_and(|most| n_copied > most)
            || self.max_copy_share.is_some_and(|most| share > most)
        {
            return Err(Dropped::Copy);
        }
        Ok(Piece { copy, ..piece })
    }
}

impl Pieces {
    /// What was dropped, as `3 without a note, 1 of a single note`; empty if nothing was.
    pub fn dropped_in_words(&self) -> String {
        let counts = self.dropped.iter().map(|(why, n)| format!("{n} {}", why.in_words()));
        counts.collect::<Vec<_>>().join(", ")
    }
}

/// How surely latents `[n, Z]` belong to any of some styles.
pub fn memberships(model: &Model, styles: &Styles, aims: &[&Style], latents: &[f32]) -> Vec<f64> {
    let mut sums = vec![0.0_f64; latents.len() / model.z_size().max(1)];
    for (at, style) in aims.iter().enumerate() {
        // A style that is named twice counts once.
        if aims[..at].iter().any(|other| other.name == style.name) {
            continue;
        }
        for (sum, p) in sums.iter_mut().zip(styles.membership(model, latents, style)) {
            *sum = (*sum + p).min(1.0);
        }
    }
    sums
}

fn mean_rows(rows: &[Vec<f64>]) -> Vec<f64> {
    let mut mean = vec![0.0; rows.first().map_or(0, Vec::len)];
    for row in rows {
        mean.iter_mut().zip(row).for_each(|(sum, value)| *sum += value / rows.len() as f64);
    }
    mean
}
