//! `Model.generate`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use controlgen::arrange::{Arrangement, Expression};
use controlgen::attribute::{AttributeMethod, Dial};
use controlgen::generate::{
    CompositionRequest, Decoding, LatentSampling, PieceFilter, StyleChoice,
};
use controlgen::new_music::{Attempts, NewMusic, NewMusicError, NewMusicRequest};
use controlgen::output::{InstrumentChoice, Sound};
use controlgen::piece::{Form, FormRequest};
use controlgen::session::Session;
use note_seq::{Program, Velocity};
use pyo3::prelude::*;

use super::options::{Control, Sounding};
use super::piece::NewPiece;
use super::{Model, load};
use crate::error::{Outcome, refused};

/// The arguments of `Model.generate`.
pub(super) struct GenerateRequest {
    pub(super) styles: StyleChoice,
    pub(super) n: usize,
    pub(super) bars: Option<usize>,
    pub(super) form: Option<FormRequest>,
    pub(super) candidates: Option<usize>,
    pub(super) smoothness: Option<f64>,
    pub(super) control: Control,
    pub(super) sounding: Sounding,
    pub(super) attributes: BTreeMap<String, f64>,
    pub(super) attribute_method: AttributeMethod,
    pub(super) sampling: LatentSampling,
    pub(super) filter: PieceFilter<'static>,
    pub(super) max_attempts: Option<usize>,
    pub(super) drums: Option<DrumsArg>,
    pub(super) intro: usize,
    pub(super) even: bool,
    pub(super) sound: Sound,
    pub(super) decoding: Decoding,
}

/// A model of drums: itself, its name or its folder.
#[derive(FromPyObject)]
pub(super) enum DrumsArg {
    Model(Py<Model>),
    Folder(PathBuf),
}

/// A program: its number or its name.
#[derive(FromPyObject)]
pub(super) enum ProgramArg {
    Number(u8),
    Name(String),
}

/// A method of finding the directions of attributes, by its name.
pub(super) fn attribute_method(name: &str) -> Outcome<AttributeMethod> {
    match name {
        "regression" => Ok(AttributeMethod::Regression),
        "quartile" => Ok(AttributeMethod::Quartile),
        _ => Err(refused(format!(
            "attribute_method is {name:?}; 'regression' and 'quartile' are allowed"
        ))),
    }
}

/// What plays, and how loud.
pub(super) fn sound(
    programs: Option<Vec<u8>>,
    instruments: Option<BTreeMap<String, ProgramArg>>,
    velocity: Option<u8>,
) -> Outcome<Sound> {
    let choice = |(family, program): (String, ProgramArg)| {
        let choice = match program {
            ProgramArg::Number(number) => InstrumentChoice::new(&family, &number.to_string())?,
            ProgramArg::Name(name) => InstrumentChoice::new(&family, &name)?,
        };
        Ok((choice.family, choice.program))
    };
    Ok(Sound {
        qpm: None,
        programs: programs.iter().flatten().map(|p| Program::new(*p)).collect::<Result<_, _>>()?,
        instruments: instruments.into_iter().flatten().map(choice).collect::<Outcome<_>>()?,
        velocity: velocity.map(Velocity::new).transpose()?,
    })
}

/// The result.
pub(super) struct Generated {
    pub(super) pieces: Vec<NewPiece>,
    attempts: Attempts,
}

impl Generated {
    /// A warning if there are fewer pieces than requested.
    pub(super) fn warning(&self, n: usize) -> Option<String> {
        let Attempts { n_attempts, dropped, .. } = &self.attempts;
        let counts = dropped.iter().map(|(why, n)| format!("{n} {}", why.in_words()));
        (self.pieces.len() < n).then(|| {
            format!(
                "{} of {n} pieces after {n_attempts} attempts; dropped: {}",
                self.pieces.len(),
                counts.collect::<Vec<_>>().join(", ")
            )
        })
    }
}

impl GenerateRequest {
    /// Generates the pieces of a model; stops early when `go_on` returns `false`.
    pub(super) fn run(&self, model: &Model, go_on: &dyn Fn() -> bool) -> Outcome<Generated> {
        let session = &*model.session();
        // A lock must not be taken twice: a style may be waiting to be added in between.
        let (other, opened);
        let drums: Option<&Session> = match &self.drums {
            Some(DrumsArg::Model(drums)) if std::ptr::eq(drums.get(), model) => Some(session),
            Some(DrumsArg::Model(drums)) => {
                other = drums.get().session();
                Some(&*other)
            }
            Some(DrumsArg::Folder(folder)) => {
                opened = load::open(Some(folder), None)?;
                Some(&opened)
            }
            None => None,
        };
        let dials = self.attributes.iter().map(|(name, by)| format!("{name}:{by}").parse());
        let dials = dials.collect::<Result<Vec<Dial>, _>>()?;
        let usual = Expression::default();
        let request = NewMusicRequest {
            bars: self.bars,
            composing: CompositionRequest {
                form: self.form.clone(),
                n_candidates: self.candidates,
                smoothness: self.smoothness,
                has_attributes: !dials.is_empty(),
            },
            sampling: self.sampling,
            control: self.control.request(),
            dials: &dials,
            attribute_method: self.attribute_method,
            filter: self.filter,
            max_attempts: self.max_attempts,
            arrangement: Arrangement {
                intro_bars: self.intro,
                drums,
                expression: if self.even { Expression::EVEN } else { usual },
                playback: self.sounding.playback(),
                key: self.sounding.key(),
            },
            ..NewMusicRequest::new(self.styles.clone(), self.n, self.decoding)
        };
        let mut pieces = Vec::new();
        let attempts = NewMusic::plan(session, &request)?.each(go_on, |new| {
            let mut sequence = new.arranged.music;
            self.sound.apply(&mut sequence);
            pieces.push(NewPiece {
                sequence,
                z: new.arranged.z.concat(),
                style: Some(new.style),
                membership: Some(new.piece.membership),
                components: Some(new.piece.components),
                copy: new.piece.copy,
                form: new.piece.form.as_ref().map(Form::letters),
                warnings: Vec::new(),
            });
            Ok::<(), NewMusicError>(())
        })?;
        Ok(Generated { pieces, attempts })
    }
}
