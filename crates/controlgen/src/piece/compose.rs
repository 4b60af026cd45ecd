//! Composing: window by window, with a choice among draws.

use std::ops::Range;

use gmm::ModelError;
use musicvae::{Sampling, seed};
use rand::Rng;
use rayon::prelude::*;

use super::choose::{Draw, Fit, has_tones, semitones_into, spliced, tonic};
use super::form::{Form, FormRequest};
use super::join::Joins;
use super::plan::{Composed, Composition, MAX_CANDIDATES, Plan};
use super::propose::{Around, Place, Proposer, noise};
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

/// Makes pieces.
pub(crate) struct Composer<'a> {
    model: &'a Model,
    styles: &'a Styles,
    plan: Plan<'a>,
    proposer: Proposer<'a>,
    joins: Joins,
    /// Similarities of varied windows in real pieces.
    variations: Vec<f64>,
    /// Components of the styles asked for.
    components: Vec<usize>,
    /// How consonant their music usually is.
    consonance: Option<f64>,
    given: Vec<Option<Made>>,
    /// The windows that are made.
    new: Range<usize>,
    has_tones: bool,
}

/// A window of a piece.
#[derive(Clone, Debug)]
struct Made {
    tokens: Vec<u16>,
    z: Vec<f32>,
    mu: Vec<f32>,
    /// The point that the next one is drawn from: active dimensions of `mu`, without the shift.
    point: Vec<f64>,
    sounds: Sounds,
    onsets: Onsets,
}

/// A piece in the making.
struct Draft {
    number: u64,
    form: Form,
    windows: Vec<Option<Made>>,
    /// Meter or chords of all its windows, once known.
    control: Option<Vec<u16>>,
    /// How long each pitch class sounds so far.
    classes: [f64; 12],
    /// The tonic of its major scale, once known.
    scale: Option<usize>,
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
        let proposer =
            Proposer::new(plan.path, plan.n_windows, plan.sampling, follows, styles.mixture())?;
        let mut composer = Self {
            model,
            styles,
            proposer,
            joins: learned.map_or_else(Joins::default, |learned| learned.joins.clone()),
            variations: learned.map(|learned| learned.templates.variations()).unwrap_or_default(),
            components: plan.targets.iter().flat_map(|style| &style.components).copied().collect(),
            consonance: usual(model.form(), plan.targets, Attribute::Consonance),
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
        let mut point = self.model.latent_space().project(&mu);
        if let Some(shift) = self.plan.shift.filter(|_| is_shifted) {
            point.iter_mut().zip(shift).for_each(|(x, by)| *x -= by);
        }
        // A walk goes on from what was drawn, what was learned from what was heard.
        if !self.proposer.has_learned() {
            point = self.model.latent_space().project(&z);
        }
        let sounds = Sounds::of(self.model.form(), &tokens);
        let onsets = Onsets::from(&sounds);
        Made { tokens, z, mu, point, sounds, onsets }
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
            add(&mut classes, &made.sounds);
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
        Draft { number, form, windows: self.given.clone(), control, classes, scale }
    }

    /// Makes window number `at` of all pieces.
    fn window(&self, at: usize, drafts: &mut [Draft]) -> Result<(), GenerateError> {
        let mut open: Vec<&mut Draft> = Vec::new();
        for draft in drafts.iter_mut().filter(|draft| draft.windows[at].is_none()) {
            match draft.form.slots[at].returns {
                Some((of, 1.0..)) => {
                    let same = draft.windows[of].clone();
                    draft.windows[at] = same;
                }
                _ => open.push(draft),
            }
        }
        let z: Vec<Vec<f32>> = open
            .par_iter()
            .map(|draft| self.latents(at, draft))
            .collect::<Result<Vec<_>, ModelError>>()?;
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
        for (draft, options) in open.into_iter().zip(options) {
            let found = options.into_iter().zip(again.by_ref()).map(|(draw, (mu, membership))| {
                (draw.score + Fit::of_membership(membership), draw, mu)
            });
            // Of equals the first.
            let best = found.reduce(|best, next| if next.0 > best.0 { next } else { best });
            let (_, draw, mu) = best.expect("there is a draw");
            let made = self.made(draw.tokens, draw.z, mu.to_vec(), true);
            add(&mut draft.classes, &made.sounds);
            if draft.scale.is_none() {
                draft.scale = best_scale(&draft.classes).map(|(scale, _)| scale);
            }
            draft.windows[at] = Some(made);
        }
        Ok(())
    }

    fn is_end(&self, at: usize) -> bool {
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

    /// Latents `[draws, Z]` of a window.
    fn latents(&self, at: usize, draft: &Draft) -> Result<Vec<f32>, ModelError> {
        let space = self.model.latent_space();
        let window = |at: Option<usize>| {
            let made = at.and_then(|at| draft.windows.get(at)).and_then(Option::as_ref);
            made.map(|made| made.point.as_slice())
        };
        let around = Around {
            before: window(at.checked_sub(1)),
            two_before: window(at.checked_sub(2)),
            after: window(Some(at + 1)),
            two_after: window(Some(at + 2)),
        };
        let place = Place { is_first: at == 0, is_last: self.is_end(at) };
        let temperature = self.plan.sampling.temperature;
        let n = self.n_draws(at);
        let mut rng = seed::stream(self.plan.decoding.seed, "window", Self::number(draft, at, 0));
        let source = draft.form.slots[at].returns;
        let source = source.and_then(|(of, _)| draft.windows[of].as_ref());
        let points = match source {
            Some(source) => {
                (0..n).map(|_| self.varied(source, temperature, &mut rng)).collect::<Vec<_>>()
            }
            None => self.proposer.propose(at, around, place, n, &mut rng)?,
        };
        let mut latents = Vec::with_capacity(n * space.z_size());
        for mut point in points {
            let mut z = vec![0.0; space.z_size()];
            space.sample_inactive(&mut rng, &mut z);
            z.iter_mut().for_each(|e| *e *= temperature as f32);
            if let Some(shift) = self.plan.shift {
                point.iter_mut().zip(shift).for_each(|(x, by)| *x += by);
            }
            space.embed(&point, &mut z);
            latents.extend(z);
        }
        Ok(latents)
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

    /// What can be taken for a window of a piece: its draws, moved into its key, with bars of what
    /// returns or of the best ending put in; the best of them, which are to be encoded.
    fn options(&self, at: usize, draft: &Draft, drawn: Vec<Vec<u16>>, z: &[f32]) -> Vec<Draw> {
        let form = self.model.form();
        let n = self.plan.composition.n_candidates;
        let mut rows = z.chunks_exact(self.model.z_size());
        let moves = self.has_tones && !self.model.kind().is_in_one_key() && n > 1;
        let mut draws: Vec<(Vec<u16>, Vec<f32>)> = Vec::with_capacity(drawn.len());
        for mut tokens in drawn {
            let z = rows.next().unwrap_or_default().to_vec();
            if let (true, Some(scale)) = (moves, draft.scale) {
                let classes = Sounds::of(form, &tokens).pitch_classes();
                form.transpose(&mut tokens, semitones_into(&classes, scale));
            }
            draws.push((tokens, z));
        }
        let window =
            |at: Option<usize>| at.and_then(|at| draft.windows.get(at)).and_then(Option::as_ref);
        let key = |at: usize| i32::from(draft.form.slots[at].key);
        let source = draft.form.slots[at].returns;
        let source = source.and_then(|(of, alike)| Some((window(Some(of))?, alike)));
        let tonic = draft.scale.map(|scale| tonic(&draft.classes, scale));
        let before = at.checked_sub(1);
        let fit = Fit {
            joins: &self.joins,
            scale: draft.scale.filter(|_| self.has_tones),
            ends_on: tonic.filter(|_| self.has_tones && self.is_end(at)),
            before: before.and_then(|b| Some((&window(before)?.sounds, key(at) - key(b)))),
            after: window(Some(at + 1)).map(|made| (&made.sounds, key(at + 1) - key(at))),
            returns: source.map(|(source, alike)| (&source.onsets, alike)),
        };
        let n_bars = self.model.kind().n_bars();
        let middle = n_bars / 2;
        let mut all = draws.clone();
        if n > 1 && n_bars > 1 {
            if let Some((source, _)) = source {
                for (tokens, z) in &draws {
                    all.push((spliced(form, &source.tokens, tokens, middle), z.clone()));
                    all.push((spliced(form, tokens, &source.tokens, middle), z.clone()));
                }
            }
            if let Some(tonic) = fit.ends_on {
                let ending = |tokens: &[u16]| Sounds::of(form, tokens).ending(tonic).score();
                let best = draws.iter().map(|(tokens, _)| (ending(tokens), tokens));
                let best = best.reduce(|best, next| if next.0 > best.0 { next } else { best });
                if let Some((_, best)) = best {
                    let begins = all.clone();
                    for (tokens, z) in begins {
                        all.push((spliced(form, &tokens, best, n_bars - 1), z));
                    }
                }
            }
        }
        let mut options: Vec<Draw> = all
            .into_iter()
            .map(|(tokens, z)| {
                let sounds = Sounds::of(form, &tokens);
                let away = self.plan.aim.map_or(0.0, |aim| aim.distance(form, &tokens));
                let consonance = Attribute::Consonance.measure(form, &tokens);
                let score = fit.score(&sounds)
                    + Fit::of_consonance(self.consonance, consonance)
                    + Fit::of_aim(away);
                Draw { tokens, z, score }
            })
            .collect();
        // Stable, so that of equals the first stays.
        options.sort_by(|a, b| b.score.total_cmp(&a.score));
        options.truncate(n);
        options
    }
}

fn add(classes: &mut [f64; 12], sounds: &Sounds) {
    let more = sounds.pitch_classes();
    classes.iter_mut().zip(more).for_each(|(sum, value)| *sum += value);
}

fn finished(draft: Draft) -> Composed {
    let form = draft.form;
    let (mut windows, mut z, mut mu) = (Vec::new(), Vec::new(), Vec::new());
    for made in draft.windows {
        let made = made.expect("every window was made");
        windows.push(made.tokens);
        z.push(made.z);
        mu.push(made.mu);
    }
    Composed { windows, z, mu, form }
}
