//! Choosing among draws: by key, join, consonance, likeness to what returns, emptiness, how they
//! end, and the attributes asked for.

use note_seq::window::{Content, WindowForm, WindowLayout};
use note_seq::{KeyProfile, ListNote, NoteList};

use super::join::Joins;
use super::similarity::{Onsets, VARIED};
use super::sound::{Ending, Sounds, best_scale, share_in_scale, turned};

/// Weight of each part of a score. Shares of time in the scale differ by hundredths, of which
/// two are heard; joins are in nats; the others lie between 0 and 1.
const KEY: f64 = 12.0;
const MEMBERSHIP: f64 = 2.0;
const JOIN: f64 = 0.3;
const LIKENESS: f64 = 8.0;
/// The cost of a varied return that is too different from its original to be heard as one.
const NOT_VARIED: f64 = 4.0;
/// Shares of pairs of tones, where a tenth is heard.
const CONSONANCE: f64 = 4.0;
/// For each deviation from the attributes asked for: they go before all others.
const AIM: f64 = 12.0;
const ENDING: f64 = 8.0;
/// The same where a section ends, and the next one begins with something that was there before.
const PAUSE: f64 = 2.0;
/// What it costs to leave out all notes for an ending: as much as one of its signs adds.
const LEFT_OUT: f64 = 2.0;
/// For each nat that a window follows better than any; and the most that count.
const SUCCESSION: f64 = 0.1;
const MOST_OF_SUCCESSION: f64 = 20.0;
/// The cost of a bar without a note.
const EMPTY_BAR: f64 = 1.5;
/// What each semitone costs that a draw is moved by to fit the key.
const MOVED: f64 = 0.02;

/// A window that may be taken.
#[derive(Clone, Debug)]
pub(super) struct Draw {
    pub(super) tokens: Vec<u16>,
    /// The latent it was decoded from, `[Z]`.
    pub(super) z: Vec<f32>,
    pub(super) score: f64,
}

/// The surroundings that a window is to fit.
pub(super) struct Fit<'a> {
    pub(super) joins: &'a Joins,
    /// The major scale of the piece, by its tonic, if it is known.
    pub(super) scale: Option<usize>,
    /// How much of a window of this style usually lies in the scale: more is no gain. For a whole
    /// piece, whose windows are to stay together, there is no such limit.
    pub(super) usual_scale: Option<f64>,
    /// The tonic, where the piece ends here.
    pub(super) ends_on: Option<usize>,
    /// The tonic, where a section ends here.
    pub(super) pauses_on: Option<usize>,
    /// The windows before and after, with the semitones from one to the other.
    pub(super) before: Option<(&'a Sounds, i32)>,
    pub(super) after: Option<(&'a Sounds, i32)>,
    /// The window that returns here, and how alike they are to be.
    pub(super) returns: Option<(&'a Onsets, f64)>,
}

impl Fit<'_> {
    /// The score of a window's notes, without the parts that depend on its latent.
    pub(super) fn score(&self, sounds: &Sounds) -> f64 {
        let mut score = -EMPTY_BAR * sounds.n_empty_bars() as f64;
        let classes = sounds.pitch_classes();
        let in_scale = match self.scale {
            Some(scale) => share_in_scale(&classes, scale),
            None => best_scale(&classes).map(|(_, share)| share),
        };
        score += KEY * in_scale.unwrap_or(1.0).min(self.usual_scale.unwrap_or(1.0));
        if let Some((before, semitones)) = self.before {
            score += JOIN * self.joins.score(before, sounds, semitones);
        }
        if let Some((after, semitones)) = self.after {
            score += JOIN * self.joins.score(sounds, after, semitones);
        }
        if let Some((of, alike)) = &self.returns {
            let found = Onsets::from(sounds).similarity(of);
            score -= LIKENESS * (found - alike).abs();
            if found < VARIED.min(*alike) {
                score -= NOT_VARIED;
            }
        }
        if let Some(tonic) = self.pauses_on {
            // On the tonic, or on the dominant: a half cadence.
            let [full, half] = [tonic, (tonic + 7) % 12].map(|on| sounds.ending(on).score());
            score += PAUSE * full.max(half);
        }
        if let Some(tonic) = self.ends_on {
            score += Self::of_ending(sounds.ending(tonic));
        }
        score
    }

    /// The part of a score for windows less consonant than music of their style usually is.
    pub(super) fn of_consonance(usual: Option<f64>, measured: Option<f64>) -> f64 {
        match (usual, measured) {
            (Some(usual), Some(measured)) => -CONSONANCE * (usual - measured).max(0.0),
            _ => 0.0,
        }
    }

    /// The part of a score for how much a window is like an ending.
    pub(super) fn of_ending(ending: Ending) -> f64 {
        ENDING * ending.score()
    }

    /// The part of a score for the share of a window's notes that an ending leaves out.
    pub(super) fn of_left_out(share: f64) -> f64 {
        -LEFT_OUT * share
    }

    /// The part of a score for the distance from the attributes asked for.
    pub(super) fn of_aim(distance: f64) -> f64 {
        -AIM * distance
    }

    /// The score for how much more probable a window is after those around it, in nats, than after
    /// any.
    pub(super) fn of_succession(ratio: Option<f64>) -> f64 {
        SUCCESSION * ratio.unwrap_or(0.0).clamp(-MOST_OF_SUCCESSION, MOST_OF_SUCCESSION)
    }

    /// What membership in the style adds.
    pub(super) fn of_membership(membership: f64) -> f64 {
        MEMBERSHIP * membership
    }
}

/// Semitones, −6 to 5, that bring most of a window into a major scale; the fewest of equals.
pub(super) fn semitones_into(classes: &[f64; 12], scale: usize) -> i32 {
    let gain = |by: i32| {
        let share = share_in_scale(&turned(classes, by), scale).unwrap_or(0.0);
        share - MOVED * f64::from(by.abs())
    };
    let moves = (-6..=5).map(|by| (by, gain(by)));
    moves.reduce(|best, next| if next.1 > best.1 { next } else { best }).map_or(0, |(by, _)| by)
}

/// The tonic of music in a major scale: its own, or that of the relative minor, whichever profile
/// (Temperley 1999) correlates better.
pub fn tonic(classes: &[f64; 12], scale: usize) -> usize {
    let minor = (scale + 9) % 12;
    match KeyProfile::TEMPERLEY.correlations(classes) {
        Some(fits) if fits[12 + minor] > fits[scale] => minor,
        _ => scale,
    }
}

/// The notes of a window that start before a step (of note lists, a tick), and those of another
/// from there on.
pub(super) fn spliced(form: &WindowForm, first: &[u16], then: &[u16], at: usize) -> Vec<u16> {
    match form {
        WindowForm::Steps(layout) => {
            let parts = first.chunks_exact(layout.n_steps).zip(then.chunks_exact(layout.n_steps));
            parts.flat_map(|(first, then)| [&first[..at], &then[at..]].concat()).collect()
        }
        WindowForm::Notes(encoding) => {
            let list = |row| NoteList::from_row(*encoding, row).expect("a window of the form");
            let (first, then) = (list(first), list(then));
            let ticks =
                |note: &ListNote| usize::from(note.onset) * usize::from(encoding.ticks_per_step());
            let early = first.notes().filter(|note| ticks(note) < at);
            let late = then.notes().filter(|note| ticks(note) >= at);
            // What sounds on from the first would sound under the other.
            let early = early.map(|note| match at - ticks(&note) {
                left if usize::from(note.duration) > left => {
                    ListNote { duration: u16::try_from(left).unwrap_or(u16::MAX), ..note }
                }
                _ => note,
            });
            let meter = first.meter();
            let all = early.collect::<Vec<_>>().into_iter().chain(late);
            NoteList::from_notes(*encoding, meter, all).expect("notes of this meter").to_row()
        }
    }
}

/// Whether windows have notes with a pitch.
pub(super) fn has_tones(form: &WindowForm) -> bool {
    match form {
        WindowForm::Steps(WindowLayout { tracks, .. }) => {
            tracks.iter().any(|track| track.content == Content::Pitches)
        }
        WindowForm::Notes(encoding) => encoding.has_tones(),
    }
}

#[cfg(test)]
mod tests {
    use note_seq::NoteListEncoding;

    use super::*;
    use crate::test_lists::{note, window};

    #[test]
    fn only_what_is_less_consonant_than_usual_counts() {
        let score = |measured| Fit::of_consonance(Some(0.75), measured);
        assert_eq!((score(Some(0.5)), score(Some(1.0)), score(None)), (-1.0, 0.0, 0.0));
        assert_eq!(Fit::of_consonance(None, Some(0.5)), 0.0);
    }

    #[test]
    fn a_window_moves_into_the_scale_by_the_fewest_semitones() {
        let mut d_major = [0.0; 12];
        for class in [2, 4, 6, 7, 9, 11, 1] {
            d_major[class] = 1.0;
        }
        assert_eq!(semitones_into(&d_major, 0), -2);
        // A fourth down for one tone of seven: 0.1 for 0.14.
        assert_eq!(semitones_into(&d_major, 9), -5);
        assert_eq!(semitones_into(&[0.0; 12], 0), 0);
        // A minor triad, mostly A.
        let mut a_minor = [0.0; 12];
        (a_minor[9], a_minor[0], a_minor[4]) = (3.0, 1.0, 2.0);
        assert_eq!((tonic(&a_minor, 0), tonic(&d_major, 2)), (9, 2));
    }

    #[test]
    fn bars_of_two_windows_make_one() {
        let steps = WindowForm::Steps(WindowLayout::melody(32, 90));
        let (a, b): (Vec<u16>, Vec<u16>) = ((0..32).collect(), (32..64).collect());
        let joined = spliced(&steps, &a, &b, 16);
        assert_eq!((&joined[..16], &joined[16..]), (&a[..16], &b[16..]));

        let encoding = NoteListEncoding::POLY_2BAR;
        let list = |notes: &[ListNote]| window(notes).to_row();
        let a = list(&[note(0, 60, 12), note(24, 62, 48), note(60, 64, 12)]);
        let b = list(&[note(0, 70, 12), note(48, 72, 48)]);
        let expected = list(&[note(0, 60, 12), note(24, 62, 24), note(48, 72, 48)]);
        assert_eq!(spliced(&WindowForm::Notes(encoding), &a, &b, 48), expected);
    }

    #[test]
    fn better_windows_have_higher_scores() {
        let form = WindowForm::Steps(WindowLayout::melody(32, 90));
        let sounds = |tokens: &[(usize, u16)]| {
            let mut window = [0_u16; 32];
            tokens.iter().for_each(|(step, token)| window[*step] = *token);
            Sounds::of(&form, &window)
        };
        let joins = Joins::default();
        let before = sounds(&[(0, 41)]);
        let fit = Fit {
            joins: &joins,
            scale: Some(0),
            usual_scale: None,
            ends_on: None,
            pauses_on: None,
            before: Some((&before, 0)),
            after: None,
            returns: None,
        };
        let good = sounds(&[(0, 43), (8, 45), (16, 46)]);
        let outside = sounds(&[(0, 43), (8, 44), (16, 46)]);
        let far = sounds(&[(0, 60), (8, 45), (16, 46)]);
        let empty = sounds(&[(0, 43), (8, 1)]);
        for worse in [&outside, &far, &empty] {
            assert!(fit.score(&good) > fit.score(worse), "{worse:?}");
        }
        // C4 to the end, on C.
        let end = Fit { ends_on: Some(0), before: None, ..fit };
        let on_tonic = sounds(&[(0, 45), (16, 41)]);
        let elsewhere = sounds(&[(0, 45), (16, 43)]);
        let gain = end.score(&on_tonic) - end.score(&elsewhere);
        assert!((gain - 0.5 * ENDING).abs() < 1e-12, "{gain}");
        let of = Onsets::from(&good);
        let back = Fit { returns: Some((&of, 1.0)), ends_on: None, ..end };
        assert!(back.score(&good) > back.score(&on_tonic));
    }
}
