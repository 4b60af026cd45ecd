//! `Model.generate`.

use std::collections::BTreeMap;

use controlgen::attribute::{AttributeMethod, Dial};
use controlgen::generate::{
    CompositionRequest, Decoding, Dropped, LatentSampling, PieceFilter, PieceRequest, pieces_while,
};
use controlgen::piece::Form;
use controlgen::session::Session;

use super::options::{Control, Sounding};
use super::piece::NewPiece;
use super::style::StyleChoice;
use crate::error::Outcome;

/// The arguments of `Model.generate`.
pub(super) struct GenerateRequest {
    pub(super) styles: StyleChoice,
    pub(super) n: usize,
    pub(super) bars: Option<usize>,
    pub(super) form: Option<String>,
    pub(super) candidates: Option<usize>,
    pub(super) control: Control,
    pub(super) sounding: Sounding,
    pub(super) attributes: BTreeMap<String, f64>,
    pub(super) latent_temperature: f64,
    pub(super) truncate: Option<f64>,
    pub(super) smoothness: Option<f64>,
    pub(super) min_membership: Option<f64>,
    pub(super) max_copy_notes: Option<usize>,
    pub(super) max_attempts: Option<usize>,
    pub(super) decoding: Decoding,
}

/// The result.
pub(super) struct Generated {
    pub(super) pieces: Vec<NewPiece>,
    /// Number of attempts.
    n_attempts: usize,
    /// Attempts that were dropped, by reason.
    dropped: BTreeMap<Dropped, usize>,
}

impl Generated {
    /// A warning if there are fewer pieces than requested.
    pub(super) fn warning(&self, n: usize) -> Option<String> {
        let counts = self.dropped.iter().map(|(why, n)| format!("{n} {}", why.in_words()));
        (self.pieces.len() < n).then(|| {
            format!(
                "{} of {n} pieces after {} attempts; dropped: {}",
                self.pieces.len(),
                self.n_attempts,
                counts.collect::<Vec<_>>().join(", ")
            )
        })
    }
}

impl GenerateRequest {
    /// Generates the pieces; stops early when `go_on` returns `false`.
    pub(super) fn run(&self, session: &Session, go_on: &dyn Fn() -> bool) -> Outcome<Generated> {
        let (model, styles) = (session.model(), session.styles()?);
        let sampling = LatentSampling::new(self.latent_temperature, self.truncate, self.smoothness);
        let targets = self.styles.targets(styles, self.n, self.decoding.seed)?;
        let dials = self.attributes.iter().map(|(name, by)| format!("{name}:{by}").parse());
        let dials = dials.collect::<Result<Vec<Dial>, _>>()?;
        let shift = session.shift(&dials, AttributeMethod::default())?;
        let index = session.copy_index()?;
        let composing = CompositionRequest {
            form: self.form.as_deref().map(str::parse).transpose()?,
            n_candidates: self.candidates,
            smoothness: self.smoothness,
            has_attributes: !dials.is_empty(),
        };
        let mut made = Generated { pieces: Vec::new(), n_attempts: 0, dropped: BTreeMap::new() };
        for (target, n) in &targets {
            let n_windows = target.n_windows(model, self.bars)?;
            let aim = session.aim(&dials, &target.styles)?;
            let request = PieceRequest {
                n_windows,
                sampling,
                shift: shift.as_deref(),
                aim: aim.as_ref(),
                control: self.control.request(),
                composition: composing.composition(session, n_windows)?,
                filter: PieceFilter {
                    keep_degenerate: false,
                    min_membership: self.min_membership,
                    max_copy_notes: self.max_copy_notes,
                    max_copy_fraction: None,
                    index,
                },
                max_attempts: self.max_attempts,
                ..PieceRequest::new(&target.path, &target.styles, *n, self.decoding)
            };
            let found = pieces_while(model, styles, &request, go_on)?;
            made.n_attempts += found.n_attempts;
            for (why, n) in &found.dropped {
                *made.dropped.entry(*why).or_default() += n;
            }
            for piece in found.kept {
                let windows = piece.sounding(model);
                made.pieces.push(NewPiece {
                    sequence: self.sounding.music(model, &windows)?,
                    z: piece.z.concat(),
                    style: Some(target.name.clone()),
                    membership: Some(piece.membership),
                    components: Some(piece.components),
                    copy: piece.copy,
                    form: piece.form.as_ref().map(Form::letters),
                    warnings: Vec::new(),
                });
            }
        }
        Ok(made)
    }
}
