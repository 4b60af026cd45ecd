//! New pieces that meet requirements: sampled, checked, and sampled again if they fail.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use serde::{Deserialize, Serialize};

use super::membership::memberships_given;
use super::scale::into_scale;
use super::{ControlRequest, Controls, Decoding, GenerateError, LatentPath, LatentSampling};
use crate::attribute::Aim;
use crate::copy::{CopyIndex, CopyMatch};
use crate::encode::encode_windows;
use crate::model::Model;
use crate::piece::{Composer, Composition, Form, Plan};
use crate::style::{Style, Styles, mean_of_rows};

/// Maximum number of attempts per piece, and some more for small numbers of pieces.
const ATTEMPTS_PER_PIECE: usize = 20;
const MORE_ATTEMPTS: usize = 100;
/// Windows decoded at once: a few hundred keep all processors busy.
const WINDOWS_PER_BATCH: usize = 256;

/// A request for new pieces.
#[derive(Clone, Debug)]
pub struct PieceRequest<'a> {
    /// The distribution of their latents.
    pub path: &'a LatentPath,
    /// The styles asked for; a piece should belong to any of them.
    pub targets: &'a [&'a Style],
    /// Number of pieces.
    pub n: usize,
    /// Windows of each, one after the other.
    pub n_windows: usize,
    /// How latents are sampled.
    pub sampling: LatentSampling,
    /// Added to every latent on the active dimensions, `[D]`.
    pub shift: Option<&'a [f64]>,
    /// Attributes that draws are chosen by, where a window is chosen among several.
    pub aim: Option<&'a Aim>,
    /// How latents become tokens.
    pub decoding: Decoding,
    /// Chords or meter, if the model takes any.
    pub control: ControlRequest<'a>,
    /// How whole pieces are composed; `None` for windows that are only near each other
    /// ([`LatentSampling::smoothness`]).
    pub composition: Option<Composition<'a>>,
    /// Move notes outside the scale of the key into it: down a semitone. Minor is natural minor.
    pub in_scale: bool,
    /// Which pieces are kept.
    pub filter: PieceFilter<'a>,
    /// Maximum number of attempts; `None` for 20 per piece and 100 more.
    pub max_attempts: Option<usize>,
    /// Set when nobody waits for the pieces any more: also those that were begun are given up,
    /// before their next window, with [`GenerateError::Stopped`].
    pub canceled: Option<&'a AtomicBool>,
}

impl<'a> PieceRequest<'a> {
    /// A request for `n` pieces of one window with the default sampling and filter.
    pub fn new(
        path: &'a LatentPath,
        targets: &'a [&'a Style],
        n: usize,
        decoding: Decoding,
    ) -> Self {
        Self {
            path,
            targets,
            n,
            n_windows: 1,
            sampling: LatentSampling::default(),
            shift: None,
            aim: None,
            decoding,
            control: ControlRequest::default(),
            composition: None,
            in_scale: false,
            filter: PieceFilter::default(),
            max_attempts: None,
            canceled: None,
        }
    }
}

/// Requirements that a piece must meet to be kept.
#[derive(Clone, Copy, Debug, Default)]
pub struct PieceFilter<'a> {
    /// Keep pieces with no note or a single one.
    pub keep_degenerate: bool,
    /// Minimum mean membership in the styles asked for, after encoding again.
    pub min_membership: Option<f64>,
    /// Maximum number of consecutive notes that also occur in the training music; needs an index.
    pub max_copy_notes: Option<usize>,
    /// Maximum fraction of a part's notes that also occur consecutively in the training music, 0 to
    /// 1; needs an index.
    pub max_copy_fraction: Option<f64>,
    /// The index of the training music.
    pub index: Option<&'a CopyIndex>,
}

impl PieceFilter<'_> {
    /// Keeps every piece.
    pub const KEEP_ALL: Self = Self {
        keep_degenerate: true,
        min_membership: None,
        max_copy_notes: None,
        max_copy_fraction: None,
        index: None,
    };
}

/// Why a piece was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dropped {
    /// It has no note.
    Empty,
    /// It has one note.
    SingleNote,
    /// Encoded again, it does not belong to the styles asked for.
    LowMembership,
    /// It copies more of the training music than allowed.
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
    /// The number of its attempt, from 0; together with the seed, it reproduces the piece.
    pub attempt: usize,
    /// Its windows.
    pub windows: Vec<Vec<u16>>,
    /// Their latents.
    pub z: Vec<Vec<f32>>,
    /// Responsibility of each component after encoding it again, mean over its windows.
    pub components: Vec<f64>,
    /// Membership in the styles asked for after encoding it again, mean over its windows.
    pub membership: f64,
    /// Its longest match with the training music, if there is an index and anything matches.
    pub copy: Option<CopyMatch>,
    /// Its form, with the key of each window; `None` if it was not composed, or is one window.
    pub form: Option<Form>,
}

impl Piece {
    /// Its windows as they sound: those of other sections in other keys.
    pub fn sounding(&self, model: &Model) -> Vec<Vec<u16>> {
        let mut windows = self.windows.clone();
        for (window, slot) in windows.iter_mut().zip(self.form.iter().flat_map(|f| &f.slots)) {
            model.form().transpose(window, i32::from(slot.key));
        }
        windows
    }
}

/// The result of a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Pieces {
    /// The pieces kept, at most `n`.
    pub kept: Vec<Piece>,
    /// Number of attempts up to the last piece kept, or in total.
    pub n_attempts: usize,
    /// Number of attempts dropped, by reason.
    pub dropped: BTreeMap<Dropped, usize>,
}

/// Samples pieces until `n` are kept or no attempt is left. Each attempt depends on the seed and
/// its number alone, and the `i`-th piece is the `i`-th attempt that is kept; so it is the same for
/// any `n`.
///
/// # Errors
/// [`GenerateError`]: for settings out of range, if no attempt was kept, and if canceled.
pub fn pieces(
    model: &Model,
    styles: &Styles,
    request: &PieceRequest<'_>,
) -> Result<Pieces, GenerateError> {
    pieces_while(model, styles, request, &|| true)
}

/// Like [`pieces`], but stops early when `go_on` returns `false` (checked before each batch) and
/// returns the pieces made so far.
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
    if request.in_scale && !model.kind().is_in_one_key() {
        return Err(GenerateError::Scale { kind: model.kind().name });
    }
    let controls = Controls::of_styles(model, styles, request.targets, request.control)?;
    let max_attempts =
        request.max_attempts.unwrap_or(ATTEMPTS_PER_PIECE * request.n + MORE_ATTEMPTS);
    let n_windows = request.n_windows.max(1);
    let plan = request.composition.map(|composition| Plan {
        composition,
        path: request.path,
        targets: request.targets,
        n_windows,
        sampling,
        shift: request.shift,
        aim: request.aim,
        decoding,
        controls: &controls,
        given: &[],
        // A window alone is an idea, not a piece.
        has_end: n_windows > 1,
        canceled: request.canceled,
    });
    let composer = plan.map(|plan| Composer::new(model, styles, plan)).transpose()?;
    let drawn = Drawing { model, styles, request, controls: &controls, composer };
    let n_at_once = n_windows.max(plan.map_or(1, |plan| plan.composition.n_candidates));
    let per_batch = (WINDOWS_PER_BATCH / n_at_once).max(1);
    let mut found = Pieces { kept: Vec::new(), n_attempts: 0, dropped: BTreeMap::new() };
    while found.kept.len() < request.n && found.n_attempts < max_attempts {
        if !go_on() {
            return Ok(found);
        }
        // Expect the same fraction to be dropped again.
        let n_dropped = found.n_attempts - found.kept.len();
        let wanted = request.n - found.kept.len() + n_dropped;
        let n = wanted.min(per_batch).min(max_attempts - found.n_attempts);
        let first = found.n_attempts;
        for piece in drawn.pieces(first, n)? {
            if found.kept.len() == request.n {
                break;
            }
            found.n_attempts += 1;
            match request.filter.check(model, piece) {
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

/// How the attempts of a request are made.
struct Drawing<'a> {
    model: &'a Model,
    styles: &'a Styles,
    request: &'a PieceRequest<'a>,
    controls: &'a Controls,
    composer: Option<Composer<'a>>,
}

impl Drawing<'_> {
    /// `n` attempts from number `first` on.
    fn pieces(&self, first: usize, n: usize) -> Result<Vec<Piece>, GenerateError> {
        let n_windows = self.request.n_windows.max(1);
        if let Some(composer) = &self.composer {
            let mut made = composer.pieces(first as u64..(first + n) as u64)?;
            let mu: Vec<f32> = if self.request.in_scale {
                let windows = || made.iter().flat_map(|piece| &piece.windows);
                let moved = self.in_scale(windows().cloned().collect());
                let mut rest = moved.iter().cloned();
                for piece in &mut made {
                    let n = piece.windows.len();
                    piece.windows = rest.by_ref().take(n).collect();
                }
                encode_windows(self.model, &moved)
            } else {
                made.iter().flat_map(|piece| piece.mu.concat()).collect()
            };
            let judged = self.judged(&mu).into_iter();
            let pieces = made.into_iter().zip(judged).enumerate();
            return Ok(pieces
                .map(|(i, (made, (components, membership)))| Piece {
                    attempt: first + i,
                    windows: made.windows,
                    z: made.z,
                    components,
                    membership,
                    copy: None,
                    form: (n_windows > 1).then_some(made.form),
                })
                .collect());
        }
        let (request, space) = (self.request, self.model.latent_space());
        let decoding = request.decoding;
        let mut z = Vec::with_capacity(n * n_windows * space.z_size());
        for attempt in first..first + n {
            let (sampling, seed, index) = (request.sampling, decoding.seed, attempt as u64);
            z.extend(request.path.latents(space, n_windows, sampling, seed, index)?);
        }
        if let Some(shift) = request.shift {
            space.shift(shift, &mut z);
        }
        let first_window = (first * n_windows) as u64;
        let control = self.controls.of(first_window, &z, n_windows, decoding.seed);
        let windows = decoding.decode_from(self.model, first_window, &z, &control);
        let windows = self.in_scale(windows);
        let again = encode_windows(self.model, &windows);
        let judged = self.judged(&again).into_iter();
        let latents = z.chunks_exact(n_windows * space.z_size());
        let pieces = windows.chunks_exact(n_windows).zip(latents).zip(judged).enumerate();
        let piece = |(i, ((windows, z), (components, membership)))| Piece {
            attempt: first + i,
            windows: <[Vec<u16>]>::to_vec(windows),
            z: space.rows(z).map(<[f32]>::to_vec).collect(),
            components,
            membership,
            copy: None,
            form: None,
        };
        Ok(pieces.map(piece).collect())
    }

    /// Moves the notes of windows into the scale, if asked for.
    fn in_scale(&self, mut windows: Vec<Vec<u16>>) -> Vec<Vec<u16>> {
        if self.request.in_scale {
            windows.iter_mut().for_each(|window| into_scale(self.model.form(), window));
        }
        windows
    }

    /// Of posterior means `[n, windows, Z]`: each piece's responsibilities, and its membership in
    /// the styles asked for.
    fn judged(&self, mu: &[f32]) -> Vec<(Vec<f64>, f64)> {
        let n_windows = self.request.n_windows.max(1);
        let components = self.styles.memberships(self.model, mu);
        let (model, targets) = (self.model, self.request.targets);
        let memberships = memberships_given(model, self.styles, targets, mu, &components);
        let of_pieces = components.chunks(n_windows).zip(memberships.chunks(n_windows));
        of_pieces
            .map(|(components, members)| {
                (mean_of_rows(components), members.iter().sum::<f64>() / n_windows as f64)
            })
            .collect()
    }
}

impl PieceRequest<'_> {
    fn check(&self) -> Result<(), GenerateError> {
        if let Some(found) = self.filter.min_membership.filter(|p| !(0.0..=1.0).contains(p)) {
            let allowed = "0 to 1 is allowed";
            return Err(GenerateError::Setting { what: "minimum membership", found, allowed });
        }
        if let Some(found) = self.filter.max_copy_fraction.filter(|p| !(0.0..=1.0).contains(p)) {
            let allowed = "0 to 1 is allowed";
            return Err(GenerateError::Setting {
                what: "maximum fraction of a copy",
                found,
                allowed,
            });
        }
        let looks_for_copies =
            self.filter.max_copy_notes.is_some() || self.filter.max_copy_fraction.is_some();
        if looks_for_copies && self.filter.index.is_none() {
            return Err(GenerateError::NoIndex);
        }
        Ok(())
    }
}

impl PieceFilter<'_> {
    /// Looks for copies; the error is the reason why a piece is not kept.
    fn check(&self, model: &Model, piece: Piece) -> Result<Piece, Dropped> {
        let form = model.form();
        let windows = || piece.windows.iter().map(Vec::as_slice);
        if !self.keep_degenerate {
            match form.n_notes(windows()) {
                0 => return Err(Dropped::Empty),
                1 => return Err(Dropped::SingleNote),
                _ => {}
            }
        }
        if self.min_membership.is_some_and(|least| piece.membership < least) {
            return Err(Dropped::LowMembership);
        }
        let copy = self.index.and_then(|index| index.longest(form, windows()));
        let n_copied = copy.as_ref().map_or(0, |copy| copy.n_notes);
        let of_notes = copy.as_ref().map_or(1, |copy| copy.of_notes.max(1));
        let fraction = n_copied as f64 / of_notes as f64;
        if self.max_copy_notes.is_some_and(|most| n_copied > most)
            || self.max_copy_fraction.is_some_and(|most| fraction > most)
        {
            return Err(Dropped::Copy);
        }
        Ok(Piece { copy, ..piece })
    }
}

impl Pieces {
    /// The counts in words, `3 without a note, 1 of a single note`; empty if nothing was dropped.
    pub fn dropped_in_words(&self) -> String {
        let counts = self.dropped.iter().map(|(why, n)| format!("{n} {}", why.in_words()));
        counts.collect::<Vec<_>>().join(", ")
    }
}
