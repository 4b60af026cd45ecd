//! Composing: window by window, with a choice among draws.

use std::ops::Range;
use std::sync::OnceLock;

use gmm::ModelError;
use musicvae::{Sampling, seed};
use rand::Rng;
use rayon::prelude::*;

use super::choose::{Draw, Fit, has_tones};
use super::draft::{Draft, Made, add, finished};
use super::form::{Form, FormRequest};
use super::join::Joins;
use super::plan::{Composed, Composition, MAX_CANDIDATES, Plan};
use super::pool::{Pool, Proposal};
use super::propose::{Place, Proposer, noise};
use super::similarity::Onsets;
use super::sound::{Sounds, best_scale};
use crate::attribute::{Attribute, usual};
use crate::encode::encode_windows;
use crate::generate::{Decoding, GenerateError, memberships};
use crate::model::Model;
use crate::style::Styles;

/// Draws of the last window, for each of another: an end is rarer than a middle.
const CANDIDATES_OF_ENDS: usize = 3;
/// How alike a last window is, at most, to the one that returns there: an end is not the same.
const MOST_LIKE_AT_END: f64 = 0.75;
/// Bits of a stream's number for a window's place in its piece, and for a draw of it.
const PLACE_BITS: u32 = 13;
const DRAW_BITS: u32 = 10;

/// Latents of the draws of a window, and the places of those that are of the pool.
type Latents = (Vec<f32>, Vec<Option<usize>>);

/// Makes pieces.
pub(crate) struct Composer<'a> {
    pub(super) model: &'a Model,
    styles: &'a Styles,
    pub(super) plan: Plan<'a>,
    proposer: Proposer<'a>,
    pub(super) joins: Joins,
    /// Similarities of varied windows in real pieces.
    variations: Vec<f64>,
    /// Components of the styles asked for.
    components: Vec<usize>,
    /// How consonant their music usually is.
    pub(super) consonance: Option<f64>,
    /// For a window alone, how much of it usually lies in the scale.
    pub(super) usual_scale: Option<f64>,
    given: Vec<Option<Made>>,
    /// The windows that are made.
    new: Range<usize>,
    pub(super) has_tones: bool,
}

impl<'a> Composer<'a> {
    /// # Errors
    /// [`GenerateError::Form`] for sections that don't divide the windows;
    /// [`GenerateError::Setting`] for a number of candidates out of range.
    pub(crate) fn new(
        model: &'a Model,
        styles: &'a Styles,
        plan: Plan<'a>,
    ) -> Result<Self, GenerateError> {
        let Composition { learned, form, n_candidates } = plan.composition;
        if !(1..=MAX_CANDIDATES).contains(&n_candidates) {
            let found = n_candidates as f64;
            let allowed = "1 to 256 are allowed";
            return Err(GenerateError::Setting { what: "number of candidates", found, allowed });
        }
        let is_new = |at: &usize| plan.given.get(*at).is_none_or(Option::is_none);
        let first = (0..plan.n_windows).find(is_new).unwrap_or(plan.n_windows);
        let end = (0..plan.n_windows).rfind(is_new).map_or(first, |last| last + 1);
        if let FormRequest::Sections(sections) = form {
            let (n_sections, n_windows) = (sections.len(), end - first);
            if n_windows < n_sections || !n_windows.is_multiple_of(n_sections) {
                let form = form.to_string();
                let n_bars = model.kind().n_bars();
                return Err(GenerateError::Form { form, n_sections, n_windows, n_bars });
            }
        }
        // A piece that moves from style to style leaves what real pieces do: it walks.
        let follows = learned.filter(|_| !plan.path.is_moving());
        let proposer = Proposer::new(plan.path, plan.n_windows, plan.sampling, follows)?;
        let mut composer = Self {
            model,
            styles,
            proposer,
            joins: learned.map_or_else(Joins::default, |learned| learned.joins.clone()),
            variations: learned.map(|learned| learned.templates.variations()).unwrap_or_default(),
            components: plan.targets.iter().flat_map(|style| &style.components).copied().collect(),
            consonance: usual(model.form(), plan.targets, Attribute::Consonance),
            usual_scale: usual(model.form(), plan.targets, Attribute::Scale)
                .filter(|_| plan.n_windows == 1),
            given: vec![None; plan.n_windows],
            new: first..end,
            has_tones: has_tones(model.form()),
            plan,
        };
        let known: Vec<usize> =
            (0..plan.given.len()).filter(|at| plan.given[*at].is_some()).collect();
        let tokens: Vec<Vec<u16>> = known.iter().filter_map(|at| plan.given[*at].clone()).collect();
        let mu = encode_windows(model, &tokens);
        for ((at, tokens), mu) in known.into_iter().zip(tokens).zip(mu.chunks_exact(model.z_size()))
        {
            composer.given[at] = Some(composer.made(tokens, mu.to_vec(), mu.to_vec(), false));
        }
        Ok(composer)
    }

    fn made(&self, tokens: Vec<u16>, z: Vec<f32>, mu: Vec<f32>, is_shifted: bool) -> Made {
        let mut point = self.point(&mu, is_shifted);
        // A walk goes on from what was drawn, what was learned from what was heard.
        if !self.proposer.has_learned() {
            point = self.model.latent_space().project(&z);
        }
        let sounds = Sounds::of(self.model.form(), &tokens);
        let onsets = Onsets::from(&sounds);
        Made { tokens, z, mu, point, sounds, onsets }
    }

    /// A posterior mean on the active dimensions, without the shift.
    fn point(&self, mu: &[f32], is_shifted: bool) -> Vec<f64> {
        let mut point = self.model.latent_space().project(mu);
        if let Some(shift) = self.plan.shift.filter(|_| is_shifted) {
            point.iter_mut().zip(shift).for_each(|(x, by)| *x -= by);
        }
        point
    }

    /// The pieces of some attempts; each depends on the seed and its number alone.
    ///
    /// # Errors
    /// [`GenerateError`]; [`GenerateError::Stopped`] if canceled, which is checked before each
    /// window.
    pub(crate) fn pieces(&self, attempts: Range<u64>) -> Result<Vec<Composed>, GenerateError> {
        let mut drafts: Vec<Draft> = attempts.map(|number| self.draft(number)).collect();
        for at in 0..self.plan.n_windows {
            if self.plan.is_canceled() {
                return Err(GenerateError::Stopped);
            }
            self.window(at, &mut drafts)?;
        }
        Ok(drafts.into_iter().map(finished).collect())
    }

    fn draft(&self, number: u64) -> Draft {
        let Plan { composition, n_windows, decoding, .. } = self.plan;
        let mut rng = seed::stream(decoding.seed, "form", number);
        let mut form = match (composition.form, composition.learned) {
            (FormRequest::Sections(sections), _) => {
                let Range { start, end } = self.new;
                let new = Form::of_sections(sections, end - start, &self.variations, &mut rng);
                let new = new.expect("checked when the composer was made");
                let mut form = Form::through_composed(n_windows);
                for (slot, new) in form.slots[start..].iter_mut().zip(new.slots) {
                    slot.returns = new.returns.map(|(of, alike)| (of + start, alike));
                }
                form
            }
            (FormRequest::Same(form), _) if form.slots.len() == n_windows => form.clone(),
            // A piece that moves from style to style is nowhere twice.
            (FormRequest::Auto, Some(learned)) if !self.plan.path.is_moving() => {
                learned.templates.draw(n_windows, &self.components, &mut rng)
            }
            _ => Form::through_composed(n_windows),
        };
        let is_given = |at: usize| self.given.get(at).is_some_and(Option::is_some);
        // Music that is there stays in its own key.
        let keeps_key = !self.model.kind().is_in_one_key() || (0..n_windows).any(is_given);
        let mut classes = [0.0; 12];
        for made in self.given.iter().flatten() {
            add(&mut classes, &made.sounds, 0);
        }
        for (at, slot) in form.slots.iter_mut().enumerate() {
            if is_given(at) {
                slot.returns = None;
            }
            if keeps_key {
                slot.key = 0;
            }
            if self.is_end(at) {
                slot.returns = slot.returns.map(|(of, alike)| (of, alike.min(MOST_LIKE_AT_END)));
            }
        }
        let scale = if self.model.kind().is_in_one_key() {
            Some(0)
        } else {
            best_scale(&classes).map(|(scale, _)| scale)
        };
        let control = self.given.iter().flatten().next();
        let control = control.map(|made| self.model.form().control(&made.tokens).to_vec());
        let (windows, sounding) = (self.given.clone(), classes);
        let pool = OnceLock::new();
        Draft { number, form, windows, control, classes, sounding, scale, pool }
    }

    /// Makes window number `at` of all pieces.
    fn window(&self, at: usize, drafts: &mut [Draft]) -> Result<(), GenerateError> {
        let mut open: Vec<&mut Draft> = Vec::new();
        for draft in drafts.iter_mut().filter(|draft| draft.windows[at].is_none()) {
            match draft.form.slots[at].returns {
                Some((of, 1.0..)) => {
                    let same = draft.windows[of].clone();
                    let key = i32::from(draft.form.slots[at].key);
                    if let Some(made) = &same {
                        add(&mut draft.sounding, &made.sounds, key);
                    }
                    draft.windows[at] = same;
                }
                _ => open.push(draft),
            }
        }
        let latents = open.par_iter().map(|draft| self.latents(at, draft));
        let latents = latents.collect::<Result<Vec<Latents>, ModelError>>()?;
        let (z, places): (Vec<Vec<f32>>, Vec<_>) = latents.into_iter().unzip();
        for (draft, z) in open.iter_mut().zip(&z) {
            self.find_control(at, draft, z);
        }
        let mut drawn = self.decode(at, &open, &z);
        let options: Vec<Vec<Draw>> = open
            .par_iter()
            .zip(&mut drawn)
            .zip(&z)
            .map(|((draft, drawn), z)| self.options(at, draft, std::mem::take(drawn), z))
            .collect();
        let tokens: Vec<Vec<u16>> =
            options.iter().flatten().map(|option| option.tokens.clone()).collect();
        let mu = encode_windows(self.model, &tokens);
        let memberships = memberships(self.model, self.styles, self.plan.targets, &mu);
        let mut again = mu.chunks_exact(self.model.z_size()).zip(memberships);
        let drawn = z.iter().zip(&places);
        for ((draft, options), (z, places)) in open.into_iter().zip(options).zip(drawn) {
            // What returns varied is like what it returns, whatever it follows.
            let is_new = draft.form.slots[at].returns.is_none();
            let next = self.proposer.next(draft.around(at))?.filter(|_| is_new);
            let mut found = Vec::with_capacity(options.len());
            for (draw, (mu, membership)) in options.into_iter().zip(again.by_ref()) {
                let point = self.point(mu, true);
                let follows = next.as_ref().map(|next| self.proposer.log_ratio(next, &point));
                let score = draw.score
                    + Fit::of_membership(membership)
                    + Fit::of_succession(follows.transpose()?);
                found.push((score, draw, mu));
            }
            // Of equals the first.
            let best =
                found.into_iter().reduce(|best, next| if next.0 > best.0 { next } else { best });
            let (_, draw, mu) = best.expect("there is a draw");
            let mut rows = z.chunks_exact(self.model.z_size()).zip(places);
            let from = rows.find(|(z, _)| *z == draw.z).and_then(|(_, from)| *from);
            if let Some(pool) = draft.pool.get_mut() {
                pool.used(from);
            }
            let made = self.made(draw.tokens, draw.z, mu.to_vec(), true);
            let key = i32::from(draft.form.slots[at].key);
            add(&mut draft.classes, &made.sounds, 0);
            add(&mut draft.sounding, &made.sounds, key);
            if draft.scale.is_none() {
                draft.scale = best_scale(&draft.classes).map(|(scale, _)| scale);
            }
            draft.windows[at] = Some(made);
        }
        Ok(())
    }

    pub(super) fn is_end(&self, at: usize) -> bool {
        self.plan.has_end && at + 1 == self.plan.n_windows
    }

    fn n_draws(&self, at: usize) -> usize {
        let n = self.plan.composition.n_candidates;
        if n > 1 && self.is_end(at) { (CANDIDATES_OF_ENDS * n).min(MAX_CANDIDATES) } else { n }
    }

    /// The stream's number of a draw of a window of a piece.
    fn number(draft: &Draft, at: usize, draw: usize) -> u64 {
        (draft.number << (PLACE_BITS + DRAW_BITS)) | (at as u64) << DRAW_BITS | draw as u64
    }

    /// Latents `[draws, Z]` of a window, with their places in the pool.
    fn latents(&self, at: usize, draft: &Draft) -> Result<Latents, ModelError> {
        let space = self.model.latent_space();
        let place = Place { is_first: at == 0, is_last: self.is_end(at) };
        let temperature = self.plan.sampling.temperature;
        let n = self.n_draws(at);
        let mut rng = seed::stream(self.plan.decoding.seed, "window", Self::number(draft, at, 0));
        let source = draft.form.slots[at].returns.and_then(|(of, _)| draft.windows[of].as_ref());
        let points: Vec<Proposal> = if let Some(source) = source {
            let varied = || Proposal::new(self.varied(source, temperature, &mut rng));
            std::iter::repeat_with(varied).take(n).collect()
        } else {
            let pool = self.pool(draft)?;
            self.proposer.propose(at, (draft.around(at), place, pool), n, &mut rng)?
        };
        let mut latents = (Vec::with_capacity(n * space.z_size()), Vec::with_capacity(n));
        for (draw, Proposal { mut point, from }) in points.into_iter().enumerate() {
            let mut z = vec![0.0; space.z_size()];
            space.sample_inactive(&mut rng, &mut z);
            z.iter_mut().for_each(|e| *e *= temperature as f32);
            if let Some(shift) = self.plan.shift {
                let part = self.part_of_shift(draw, n);
                point.iter_mut().zip(shift).for_each(|(x, by)| *x += part * by);
            }
            space.embed(&point, &mut z);
            latents.0.extend(z);
            latents.1.push(from);
        }
        Ok(latents)
    }

    /// The part of the shift that a draw gets: for single windows from 0 to 2, evenly, because
    /// attributes are hardly ever linear in the latents, so one shift is too little for some draws
    /// and too much for others. The windows of longer pieces all get 1: they follow each other.
    fn part_of_shift(&self, draw: usize, n: usize) -> f64 {
        if n > 1 && self.plan.n_windows == 1 && self.plan.aim.is_some() {
            2.0 * draw as f64 / (n - 1) as f64
        } else {
            1.0
        }
    }

    /// The draws of the style for a piece.
    fn pool<'d>(&self, draft: &'d Draft) -> Result<&'d Pool, ModelError> {
        if let Some(known) = draft.pool.get() {
            return Ok(known);
        }
        let mut rng = seed::stream(self.plan.decoding.seed, "pool", draft.number);
        let made = self.proposer.pool(&mut rng)?;
        Ok(draft.pool.get_or_init(|| made))
    }

    /// As far from a window as varied returns are in real pieces.
    fn varied(&self, source: &Made, temperature: f64, rng: &mut impl Rng) -> Vec<f64> {
        let space = self.model.latent_space();
        let mut point = source.point.clone();
        let noise = noise(space.n_active(), temperature, rng);
        match self.plan.composition.learned {
            Some(learned) => {
                let moved = noise.iter().zip(&learned.variation);
                point.iter_mut().zip(moved).for_each(|(x, (e, scale))| *x += e * scale);
            }
            // Half a deviation of the prior.
            None => point.iter_mut().zip(noise).for_each(|(x, e)| *x += 0.5 * e),
        }
        point
    }

    /// Meter or chords: those given, or those of the first of the draws.
    fn find_control(&self, at: usize, draft: &mut Draft, z: &[f32]) {
        if self.model.form().n_control() == 0 || draft.control.is_some() {
            return;
        }
        let n = self.n_draws(at);
        let first = draft.number * self.plan.n_windows as u64;
        let found = self.plan.controls.of(first, z, n, self.plan.decoding.seed);
        draft.control = Some(found[..self.model.form().n_control()].to_vec());
    }

    /// Decodes the draws of all pieces: for each its windows.
    fn decode(&self, at: usize, open: &[&mut Draft], z: &[Vec<f32>]) -> Vec<Vec<Vec<u16>>> {
        let Decoding { temperature, seed } = self.plan.decoding;
        let n = self.n_draws(at);
        let numbers = open.iter().flat_map(|draft| (0..n).map(|i| Self::number(draft, at, i)));
        let mut rngs: Vec<_> = numbers.map(|i| seed::stream(seed, "decode", i)).collect();
        let control: Vec<u16> = open
            .iter()
            .flat_map(|draft| draft.control.clone().unwrap_or_default().repeat(n))
            .collect();
        let sampling = temperature.map_or(Sampling::Argmax, Sampling::Temperature);
        let windows = self.model.network().decode(&z.concat(), &control, sampling, &mut rngs);
        windows.chunks(n.max(1)).map(<[Vec<u16>]>::to_vec).collect()
    }
}
