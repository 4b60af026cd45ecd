//! Learning whole pieces from a corpus: what follows what, how pieces begin and end, what returns.

use std::collections::BTreeMap;
use std::path::Path;

use corpus::pieces::{WholePiece, read_pieces};
use corpus::progress::Progress;
use corpus::table::{Split, read_latents};
use gmm::{CovarianceType, GaussianMixture, GmmParams, Samples};
use serde::{Deserialize, Serialize};

use super::form::{Form, Template, Templates};
use super::join::{JoinCounts, Joins};
use super::propose::{Conditionals, Target};
use super::similarity::{Onsets, VARIED};
use super::sound::Sounds;
use super::succession::{SPAN, Succession, Triples};
use super::{PieceError, PieceModel};
use crate::encode::{check_latents, encode_windows};
use crate::model::Model;
use crate::style::{Styles, mean_of_rows};

/// The most pieces that are read.
const MAX_PIECES: usize = 3000;
/// The most templates of form that are kept.
const MAX_TEMPLATES: usize = 1024;
/// The most triples of windows that are fitted.
const MAX_TRIPLES: usize = 12_000;
/// The fewest triples that anything can be learned from.
const MIN_TRIPLES: usize = 20;
/// The fewest beginnings or endings that a distribution is fitted to.
const MIN_ENDS: usize = 20;
/// Factors of the distributions of beginnings and endings.
const FACTORS_OF_ENDS: usize = 6;

/// A piece of a corpus with the posterior means of its windows.
#[derive(Clone, Debug, PartialEq)]
pub struct CorpusPiece {
    /// Its file, as in the table of windows.
    pub file: String,
    /// Its windows in a row, in the common key if the kind has one.
    pub windows: Vec<Vec<u16>>,
    /// Semitones that were added to each to bring it to the common key; empty for other kinds.
    pub transposed: Vec<i8>,
    /// Posterior means, one for each window.
    pub mu: Vec<Vec<f32>>,
    /// Whether it ends where its music does.
    pub has_end: bool,
}

/// Facts about what was learned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PieceFacts {
    /// Pieces learned from.
    pub n_pieces: usize,
    /// Files that are no longer there.
    pub n_gone: usize,
    /// Triples of consecutive windows.
    pub n_triples: usize,
    /// Components of their mixture.
    pub n_components: usize,
    /// Forms kept.
    pub n_forms: usize,
    /// Windows in all pieces.
    pub n_windows: usize,
    /// Those that return exactly, and varied.
    pub n_returning: [usize; 2],
}

/// Reads the pieces of one side of a corpus's split (at most `most`, spread evenly) with their
/// latents: those of a latents folder where it has them; other windows are encoded. The second
/// result is the number of files that are gone.
///
/// # Errors
/// See [`PieceError`].
pub fn corpus_pieces(
    model: &Model,
    corpus: &Path,
    latents: Option<&Path>,
    side: Split,
    most: usize,
    progress: &dyn Progress,
) -> Result<(Vec<CorpusPiece>, usize), PieceError> {
    let mut whole: Vec<WholePiece> = Vec::new();
    let kind = model.kind();
    let counts = read_pieces(corpus, kind, side, most, progress, &mut |p| whole.push(p))?;
    let mut known: BTreeMap<u64, Option<Vec<f32>>> = BTreeMap::new();
    for window in whole.iter().flat_map(|piece| &piece.windows) {
        known.insert(kind.window_id(&window.tokens), None);
    }
    if let Some(folder) = latents {
        let latents = read_latents(folder, model.z_size())?;
        check_latents(model, corpus, folder, &latents)?;
        for row in latents.rows {
            if let Some(slot) = known.get_mut(&row.window_id) {
                *slot = Some(row.mu);
            }
        }
    }
    let mut missing: BTreeMap<u64, Vec<u16>> = BTreeMap::new();
    for window in whole.iter().flat_map(|piece| &piece.windows) {
        let id = kind.window_id(&window.tokens);
        if matches!(known.get(&id), Some(None)) {
            missing.entry(id).or_insert_with(|| window.tokens.clone());
        }
    }
    progress.begin("encoding", "windows", missing.len() as u64);
    let (ids, windows): (Vec<u64>, Vec<Vec<u16>>) = missing.into_iter().unzip();
    for (ids, windows) in ids.chunks(1 << 12).zip(windows.chunks(1 << 12)) {
        let found = encode_windows(model, windows);
        for (id, mu) in ids.iter().zip(found.chunks_exact(model.z_size())) {
            known.insert(*id, Some(mu.to_vec()));
        }
        progress.advance(windows.len() as u64);
    }
    progress.end();
    let has_key = kind.is_in_one_key();
    let piece = |piece: WholePiece| {
        let id = |tokens: &[u16]| kind.window_id(tokens);
        let mu = |w: &corpus::kind::Window| known[&id(&w.tokens)].clone().expect("encoded above");
        CorpusPiece {
            file: piece.file,
            mu: piece.windows.iter().map(mu).collect(),
            transposed: piece.windows.iter().filter(|_| has_key).map(|w| w.transposed).collect(),
            has_end: piece.has_end,
            windows: piece.windows.into_iter().map(|window| window.tokens).collect(),
        }
    };
    Ok((whole.into_iter().map(piece).collect(), counts.n_gone))
}

/// Triples of consecutive windows of some pieces, active dimensions only. Those with a rest or a
/// return among them are left out: what returns is a matter of form.
pub fn triples<'a>(model: &Model, pieces: impl IntoIterator<Item = &'a CorpusPiece>) -> Triples {
    let (space, form) = (model.latent_space(), model.form());
    let mut triples = Triples::default();
    for (number, piece) in pieces.into_iter().enumerate() {
        let onsets: Vec<Onsets> = piece.windows.iter().map(|w| Onsets::of(form, w)).collect();
        for (start, span) in onsets.windows(SPAN).enumerate() {
            let returns = |a: usize, b: usize| span[a].similarity(&span[b]) >= 1.0;
            if span.iter().any(Onsets::is_empty) || returns(0, 1) || returns(1, 2) || returns(0, 2)
            {
                continue;
            }
            let mu = piece.mu[start..start + SPAN].iter();
            triples.values.extend(mu.flat_map(|mu| space.project(mu)));
            triples.pieces.push(number);
        }
    }
    triples
}

impl PieceModel {
    /// Learns from the training pieces of a corpus and writes `pieces.safetensors` into the model
    /// folder.
    ///
    /// # Errors
    /// See [`PieceError`]; a file of an earlier fit is removed then, as it belongs to other styles.
    pub fn make(
        model: &Model,
        styles: &Styles,
        corpus: &Path,
        latents: &Path,
        seed: u64,
        progress: &dyn Progress,
    ) -> Result<PieceFacts, PieceError> {
        let made = corpus_pieces(model, corpus, Some(latents), Split::Train, MAX_PIECES, progress)
            .and_then(|(pieces, n_gone)| Self::learn(model, styles, &pieces, n_gone, seed));
        match made {
            Ok((learned, facts)) => {
                learned.save(model)?;
                Ok(facts)
            }
            Err(error) => {
                Self::remove(model)?;
                Err(error)
            }
        }
    }

    /// Learns from pieces.
    ///
    /// # Errors
    /// [`PieceError::TooFew`]; where a mixture can't be fitted.
    pub fn learn(
        model: &Model,
        styles: &Styles,
        pieces: &[CorpusPiece],
        n_gone: usize,
        seed: u64,
    ) -> Result<(Self, PieceFacts), PieceError> {
        let (space, form) = (model.latent_space(), model.form());
        let d = space.n_active();
        let triples = thinned(triples(model, pieces), SPAN * d);
        if triples.pieces.len() < MIN_TRIPLES {
            return Err(PieceError::TooFew { n: triples.pieces.len(), needed: MIN_TRIPLES });
        }
        let succession = Succession::fit(&triples, d, seed)?;
        let end = |of: &dyn Fn(&CorpusPiece) -> Option<&Vec<f32>>| {
            let points: Vec<f64> =
                pieces.iter().filter_map(of).flat_map(|mu| space.project(mu)).collect();
            distribution(&points, d, seed).map(Target::new)
        };
        let first = end(&|piece| piece.mu.first());
        let last = end(&|piece| piece.mu.last().filter(|_| piece.has_end && piece.mu.len() > 1));

        let mut joins = JoinCounts::default();
        let mut squares = vec![0.0; d];
        let mut facts = PieceFacts {
            n_pieces: pieces.len(),
            n_gone,
            n_triples: triples.pieces.len(),
            n_components: succession.n_components(),
            ..PieceFacts::default()
        };
        let mut all: Vec<Template> = Vec::new();
        let every = pieces.len().div_ceil(MAX_TEMPLATES).max(1);
        for (number, piece) in pieces.iter().enumerate() {
            let sounds: Vec<Sounds> = piece.windows.iter().map(|w| Sounds::of(form, w)).collect();
            let moved = |at: usize| piece.transposed.get(at).map_or(0, |t| -i32::from(*t));
            for (at, pair) in sounds.windows(2).enumerate() {
                joins.add(&pair[0], &pair[1], moved(at + 1) - moved(at));
            }
            let onsets: Vec<Onsets> = sounds.iter().map(Onsets::from).collect();
            let found = Form::of_piece(&onsets, &piece.transposed);
            facts.n_windows += found.slots.len();
            for (at, slot) in found.slots.iter().enumerate() {
                match slot.returns {
                    Some((_, 1.0..)) => facts.n_returning[0] += 1,
                    Some((of, _)) => {
                        facts.n_returning[1] += 1;
                        let pairs = space.project(&piece.mu[at]).into_iter();
                        let pairs = pairs.zip(space.project(&piece.mu[of]));
                        squares.iter_mut().zip(pairs).for_each(|(s, (a, b))| *s += (a - b).powi(2));
                    }
                    None => {}
                }
            }
            if number % every == 0 && found.slots.len() > 1 {
                let some: Vec<f32> =
                    piece.mu.iter().take(Templates::MAX_WINDOWS).flatten().copied().collect();
                let components = mean_of_rows(&styles.memberships(model, &some));
                all.push(Template {
                    form: found.cut(Templates::MAX_WINDOWS),
                    components: components.into_iter().map(|p| p as f32).collect(),
                });
            }
        }
        let n_varied = facts.n_returning[1];
        // Where nothing returns varied, as far as two windows of a piece lie apart half-way.
        let variation = match n_varied {
            0 => vec![VARIED; d],
            n => squares.iter().map(|s| (s / n as f64).sqrt()).collect(),
        };
        facts.n_forms = all.len();
        let joins = Joins::from(&joins);
        let templates = Templates { all };
        let conditionals = Conditionals::default();
        let learned = Self { succession, conditionals, first, last, variation, joins, templates };
        Ok((learned, facts))
    }
}

/// At most [`MAX_TRIPLES`], spread evenly.
fn thinned(triples: Triples, width: usize) -> Triples {
    let every = triples.pieces.len().div_ceil(MAX_TRIPLES).max(1);
    if every == 1 {
        return triples;
    }
    let values = triples.values.chunks_exact(width).step_by(every);
    Triples {
        values: values.flatten().copied().collect(),
        pieces: triples.pieces.into_iter().step_by(every).collect(),
    }
}

/// A Gaussian of some points; `None` if they are too few.
fn distribution(points: &[f64], d: usize, seed: u64) -> Option<GaussianMixture> {
    let n = points.len() / d.max(1);
    if n < MIN_ENDS {
        return None;
    }
    let samples = Samples::new(points, n, d).ok()?;
    let rank = FACTORS_OF_ENDS.min(d.saturating_sub(1));
    let shape =
        if rank > 0 && n > 2 * d { CovarianceType::LowRank(rank) } else { CovarianceType::Diag };
    let params = GmmParams::new(1).covariance_type(shape).reg_covar(1e-2);
    params.fit(&samples, seed).ok().map(|fit| fit.model)
}
