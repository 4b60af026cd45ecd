//! What can be taken for a window: its draws, and windows put together of them.

use super::cadence::{held, left_out, places};
use super::choose::{Draw, Fit, semitones_into, spliced, tonic};
use super::compose::Composer;
use super::draft::Draft;
use super::sound::{Sounds, best_scale, turned};
use crate::attribute::Attribute;

/// A window that may be taken, not yet compared.
struct Candidate {
    tokens: Vec<u16>,
    /// The latent it was decoded from, `[Z]`.
    z: Vec<f32>,
    /// The share of its notes that were left out.
    left_out: f64,
}

impl Composer<'_> {
    /// What can be taken for a window of a piece: its draws, moved into its key; at the end also
    /// with their last chord held; with parts of what returns or of the best ending put in. The
    /// best of them, which are to be encoded.
    pub(super) fn options(
        &self,
        at: usize,
        draft: &Draft,
        drawn: Vec<Vec<u16>>,
        z: &[f32],
    ) -> Vec<Draw> {
        let form = self.model.form();
        let n = self.plan.composition.n_candidates;
        let window =
            |at: Option<usize>| at.and_then(|at| draft.windows.get(at)).and_then(Option::as_ref);
        let key = |at: usize| i32::from(draft.form.slots[at].key);
        let source = draft.form.slots[at].returns;
        let source = source.and_then(|(of, alike)| Some((window(Some(of))?, alike)));
        // Of all that sounded so far, in the key of this window.
        let classes = turned(&draft.sounding, -key(at));
        let tonic = best_scale(&classes).map(|(scale, _)| tonic(&classes, scale));
        let tonic = tonic.filter(|_| self.has_tones);
        let before = at.checked_sub(1);
        let fit = Fit {
            joins: &self.joins,
            scale: draft.scale.filter(|_| self.has_tones),
            usual_scale: self.usual_scale,
            ends_on: tonic.filter(|_| self.is_end(at)),
            pauses_on: tonic.filter(|_| draft.form.is_end_of_section(at)),
            before: before.and_then(|b| Some((&window(before)?.sounds, key(at) - key(b)))),
            after: window(Some(at + 1)).map(|made| (&made.sounds, key(at + 1) - key(at))),
            returns: source.map(|(source, alike)| (&source.onsets, alike)),
        };
        let mut all = self.moved(draft, drawn, z);
        if n > 1 {
            if let Some((source, _)) = source {
                self.add_varied(&source.tokens, &source.sounds, &mut all);
            }
            if let Some(tonic) = fit.ends_on {
                self.add_endings(tonic, &mut all);
            }
        }
        let mut options: Vec<Draw> = all
            .into_iter()
            .map(|Candidate { tokens, z, left_out }| {
                let sounds = Sounds::of(form, &tokens);
                let away = self.plan.aim.map_or(0.0, |aim| aim.distance(form, &tokens));
                let consonance = Attribute::Consonance.measure(form, &tokens);
                let score = fit.score(&sounds)
                    + Fit::of_consonance(self.consonance, consonance)
                    + Fit::of_left_out(left_out)
                    + Fit::of_aim(away);
                Draw { tokens, z, score }
            })
            .collect();
        // Stable, so that of equals the first stays.
        options.sort_by(|a, b| b.score.total_cmp(&a.score));
        options.truncate(n);
        options
    }

    /// The draws of a window; those of a kind without a common key are moved into that of the
    /// piece.
    fn moved(&self, draft: &Draft, drawn: Vec<Vec<u16>>, z: &[f32]) -> Vec<Candidate> {
        let form = self.model.form();
        let n = self.plan.composition.n_candidates;
        let moves = self.has_tones && !self.model.kind().is_in_one_key() && n > 1;
        let mut rows = z.chunks_exact(self.model.z_size());
        let candidate = |mut tokens: Vec<u16>| {
            if let (true, Some(scale)) = (moves, draft.scale) {
                let classes = Sounds::of(form, &tokens).pitch_classes();
                form.transpose(&mut tokens, semitones_into(&classes, scale));
            }
            Candidate { tokens, z: rows.next().unwrap_or_default().to_vec(), left_out: 0.0 }
        };
        drawn.into_iter().map(candidate).collect()
    }

    /// Adds the window that returns with a part of each draw in its place: the first or the last
    /// half bars, so that variations more and less like it are there.
    fn add_varied(&self, source: &[u16], sounds: &Sounds, all: &mut Vec<Candidate>) {
        let form = self.model.form();
        let half = (sounds.bar / 2).max(1);
        let mut varied = Vec::new();
        for Candidate { tokens, z, .. } in all.iter() {
            for at in (half..sounds.n_steps).step_by(half) {
                for (first, then) in [(source, tokens.as_slice()), (tokens.as_slice(), source)] {
                    let tokens = spliced(form, first, then, at);
                    varied.push(Candidate { tokens, z: z.clone(), left_out: 0.0 });
                }
            }
        }
        all.append(&mut varied);
    }

    /// Adds each window with its last chord held to the bar line, and with the last bar of the
    /// best ending among all.
    fn add_endings(&self, tonic: usize, all: &mut Vec<Candidate>) {
        let form = self.model.form();
        let mut closed = Vec::new();
        for Candidate { tokens, z, .. } in all.iter() {
            let sounds = Sounds::of(form, tokens);
            for at in places(&sounds) {
                let left_out = left_out(&sounds, at);
                closed.push(Candidate { tokens: held(form, tokens, at), z: z.clone(), left_out });
            }
        }
        let n_bars = self.model.kind().n_bars();
        let begins = all.len();
        all.append(&mut closed);
        let ending = |candidate: &Candidate| {
            let sounds = Sounds::of(form, &candidate.tokens);
            let first = sounds.n_steps.saturating_sub(sounds.bar);
            (Fit::of_ending(sounds.ending(tonic)) + Fit::of_left_out(candidate.left_out), first)
        };
        let scored = all.iter().map(|candidate| (ending(candidate), candidate));
        let best = scored.reduce(|best, next| if next.0.0 > best.0.0 { next } else { best });
        let Some(((_, first), best)) = best.filter(|_| n_bars > 1) else { return };
        let with_end = |candidate: &Candidate| Candidate {
            tokens: spliced(form, &candidate.tokens, &best.tokens, first),
            z: candidate.z.clone(),
            left_out: best.left_out,
        };
        let mut joined: Vec<Candidate> = all[..begins].iter().map(with_end).collect();
        all.append(&mut joined);
    }
}
