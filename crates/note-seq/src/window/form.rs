//! Windows of either form: one token per step, or a list of notes.

use thiserror::Error;

use super::{GridNote, Line, WindowLayout, leading, lines, n_notes};
use crate::note_list::{
    Family, Field, Meter, NoteList, NoteListEncoding, NoteListError, TICKS_PER_QUARTER,
};
use crate::vocabulary::STEPS_PER_BAR;

/// The form of a window: the meaning of its tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WindowForm {
    /// One token per step, track after track; all windows have the same number of tokens.
    Steps(WindowLayout),
    /// A meter and a list of notes, see [`NoteList::to_row`].
    Notes(NoteListEncoding),
}

/// Reason why tokens are not a window.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WindowFormError {
    /// The number of tokens is wrong.
    #[error("{found} tokens; a window has {n_tokens}")]
    Length {
        /// The number of tokens found.
        found: usize,
        /// The number of tokens of a window.
        n_tokens: usize,
    },
    /// A token is not a class of its track.
    #[error("token {at} is {token} (allowed: 0 to {max})")]
    Token {
        /// Its index in the window.
        at: usize,
        /// The token.
        token: u16,
        /// The last class of its track.
        max: usize,
    },
    /// The tokens are not a list of notes.
    #[error(transparent)]
    NoteList(#[from] NoteListError),
}

impl WindowForm {
    /// Number of tokens of every window; `None` if windows differ in length.
    pub fn n_tokens(&self) -> Option<usize> {
        match self {
            Self::Steps(layout) => Some(layout.n_tokens()),
            Self::Notes(_) => None,
        }
    }

    /// The layout of windows with one token per step.
    pub fn layout(&self) -> Option<&WindowLayout> {
        match self {
            Self::Steps(layout) => Some(layout),
            Self::Notes(_) => None,
        }
    }

    /// The encoding of windows that are lists of notes.
    pub fn encoding(&self) -> Option<NoteListEncoding> {
        match self {
            Self::Steps(_) => None,
            Self::Notes(encoding) => Some(*encoding),
        }
    }

    /// Checks the tokens of a window.
    ///
    /// # Errors
    /// Returns a [`WindowFormError`] for a wrong number of tokens, or for a token that is not a
    /// class.
    pub fn check(&self, tokens: &[u16]) -> Result<(), WindowFormError> {
        match self {
            Self::Steps(layout) => {
                let (found, n_tokens) = (tokens.len(), layout.n_tokens());
                if found != n_tokens {
                    return Err(WindowFormError::Length { found, n_tokens });
                }
                match layout.misfit(tokens) {
                    Some((at, max)) => Err(WindowFormError::Token { at, token: tokens[at], max }),
                    None => Ok(()),
                }
            }
            Self::Notes(encoding) => Ok(NoteList::from_row(*encoding, tokens).map(|_| ())?),
        }
    }

    /// Number of tokens of the control, which a model receives together with a latent and does not
    /// generate: the chords of each step, or the meter of a list of notes.
    pub fn n_control(&self) -> usize {
        match self {
            Self::Steps(layout) if layout.has_control() => layout.n_steps,
            Self::Steps(_) => 0,
            Self::Notes(_) => 1,
        }
    }

    /// The control of a window: [`Self::n_control`] tokens.
    ///
    /// # Panics
    /// If the tokens are not a window of this form.
    pub fn control<'a>(&self, tokens: &'a [u16]) -> &'a [u16] {
        match self {
            Self::Steps(layout) => &tokens[layout.n_parts() * layout.n_steps..],
            Self::Notes(_) => &tokens[..1],
        }
    }

    /// Number of sixteenths that a window lasts.
    ///
    /// # Panics
    /// If the tokens are not a window of this form.
    pub fn n_sixteenths(&self, tokens: &[u16]) -> usize {
        match self {
            Self::Steps(layout) => layout.n_steps,
            Self::Notes(encoding) => {
                usize::from(encoding.n_ticks(meter(tokens))) / TICKS_PER_SIXTEENTH
            }
        }
    }

    /// The lines of consecutive windows, as notes on a grid.
    ///
    /// Windows of steps have one line per part, in sixteenths (see [`lines`]). Lists of notes have,
    /// in ticks, the highest line of everything that sounds, and the lowest one if it differs; with
    /// only drums, the sets of drums struck on each step.
    ///
    /// # Panics
    /// If the tokens are not windows of this form.
    pub fn lines<'a>(&self, windows: impl IntoIterator<Item = &'a [u16]>) -> Vec<Line> {
        match self {
            Self::Steps(layout) => lines(layout, windows),
            Self::Notes(encoding) => {
                let list = |row: &[u16]| {
                    NoteList::from_row(*encoding, row).expect("a window of this form")
                };
                let lists: Vec<NoteList> = windows.into_iter().map(list).collect();
                let notes = notes_of_lists(&lists);
                if encoding.has_tones() {
                    outer_lines(&notes)
                } else {
                    vec![Line { part: 0, is_drums: true, notes }]
                }
            }
        }
    }

    /// The lines of consecutive windows in sixteenths, whatever their form. Notes of lists are
    /// moved to the preceding sixteenth; if several notes of a line are then on the same sixteenth,
    /// one is kept.
    ///
    /// # Panics
    /// If the tokens are not windows of this form.
    pub fn lines_in_sixteenths<'a>(
        &self,
        windows: impl IntoIterator<Item = &'a [u16]>,
    ) -> Vec<Line> {
        let mut lines = self.lines(windows);
        if let Self::Notes(_) = self {
            for line in &mut lines {
                for note in &mut line.notes {
                    note.start /= TICKS_PER_SIXTEENTH;
                    note.end = note.end.div_ceil(TICKS_PER_SIXTEENTH);
                }
                line.notes.dedup_by_key(|note| note.start);
                for i in 1..line.notes.len() {
                    let next = line.notes[i].start;
                    line.notes[i - 1].end = line.notes[i - 1].end.min(next);
                }
            }
        }
        lines
    }

    /// The leading line of a window in sixteenths, its melody: the first pitched part, or the drums
    /// of a window without one; for a list of notes, its highest line.
    ///
    /// # Panics
    /// If the tokens are not a window of this form.
    pub fn lead(&self, tokens: &[u16]) -> Line {
        leading(self.lines_in_sixteenths([tokens]))
    }

    /// Number of notes that start in some windows, in all parts.
    ///
    /// # Panics
    /// If the tokens are not windows of this form.
    pub fn n_notes<'a>(&self, windows: impl IntoIterator<Item = &'a [u16]>) -> usize {
        match self {
            Self::Steps(layout) => n_notes(layout, windows),
            Self::Notes(encoding) => windows
                .into_iter()
                .map(|row| row.len().saturating_sub(1) / encoding.n_fields())
                .sum(),
        }
    }

    /// Number of steps per bar on the grid of a window's lines, see [`Self::lines`].
    ///
    /// # Panics
    /// If the tokens are not a window of this form.
    pub fn steps_per_bar(&self, tokens: &[u16]) -> usize {
        match self {
            Self::Steps(_) => STEPS_PER_BAR,
            Self::Notes(_) => meter(tokens).bar().into(),
        }
    }

    /// Transposes every pitch and chord of a window by `semitones`, or by less if a pitch would
    /// leave its vocabulary (0 to 127 in lists of notes). Drums are unchanged. Returns the number
    /// of semitones it was transposed by.
    ///
    /// # Panics
    /// If the tokens are not a window of this form.
    pub fn transpose(&self, tokens: &mut Vec<u16>, semitones: i32) -> i32 {
        match self {
            Self::Steps(layout) => layout.transpose(tokens, semitones),
            Self::Notes(encoding) => {
                let list = NoteList::from_row(*encoding, tokens).expect("a window of this form");
                let (moved, by) = list.transposed_within(semitones);
                *tokens = moved.to_row();
                by
            }
        }
    }
}

/// Number of ticks per sixteenth.
const TICKS_PER_SIXTEENTH: usize = TICKS_PER_QUARTER as usize / 4;

fn meter(row: &[u16]) -> Meter {
    row.first().copied().and_then(Meter::from_class).expect("a window of this form")
}

/// The notes of consecutive lists, in ticks from the start of the first, sorted by their start; for
/// drums, the sets of drums struck on each step, as a number with one bit per drum.
pub fn notes_of_lists<'a>(lists: impl IntoIterator<Item = &'a NoteList>) -> Vec<GridNote> {
    let mut notes = Vec::<GridNote>::new();
    let mut start = 0;
    for list in lists {
        let encoding = list.encoding();
        let ticks_per_step = usize::from(encoding.ticks_per_step());
        let drum = encoding.index_of(Field::Drum);
        for (row, note) in list.rows().zip(list.notes()) {
            let onset = start + usize::from(note.onset) * ticks_per_step;
            if let Some(drum) = drum {
                let struck = 1_i32.checked_shl(row[drum].into()).unwrap_or(0);
                if let Some(last) = notes.last_mut().filter(|last| last.start == onset) {
                    last.pitch |= struck;
                } else {
                    let end = onset + ticks_per_step;
                    notes.push(GridNote { start: onset, end, pitch: struck });
                }
            } else if note.family != Family::Drums {
                let end = onset + usize::from(note.duration).max(1);
                notes.push(GridNote { start: onset, end, pitch: note.pitch.get().into() });
            }
        }
        start += usize::from(encoding.n_ticks(list.meter()));
    }
    notes
}

/// The highest line of notes sorted by their start, and the lowest one if it differs.
pub fn outer_lines(notes: &[GridNote]) -> Vec<Line> {
    let line = |part, notes| Line { part, is_drums: false, notes };
    let (top, bottom) = (outer_line(notes, |a, b| a > b), outer_line(notes, |a, b| a < b));
    if top == bottom { vec![line(0, top)] } else { vec![line(0, top), line(1, bottom)] }
}

/// The line that has no sounding note outside it: a note that starts while another one sounds
/// further `outside` is excluded, and a note ends where the next one of the line starts.
fn outer_line(notes: &[GridNote], outside: impl Fn(i32, i32) -> bool) -> Vec<GridNote> {
    let mut line: Vec<GridNote> = Vec::new();
    for note in notes {
        match line.last_mut() {
            Some(last) if last.start == note.start => {
                if outside(note.pitch, last.pitch) {
                    *last = *note;
                }
            }
            Some(last) if last.end > note.start => {
                if outside(note.pitch, last.pitch) {
                    last.end = note.start;
                    line.push(*note);
                }
            }
            _ => line.push(*note),
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Field, Meter};

    fn notes() -> WindowForm {
        WindowForm::Notes(NoteListEncoding::POLY_2BAR)
    }

    #[test]
    fn rows_are_checked_by_their_form() {
        let steps = WindowForm::Steps(WindowLayout::melody(4, 90));
        assert_eq!(steps.check(&[41, 0, 1, 0]), Ok(()));
        let length = WindowFormError::Length { found: 3, n_tokens: 4 };
        assert_eq!(steps.check(&[41, 0, 1]), Err(length));
        let token = WindowFormError::Token { at: 2, token: 90, max: 89 };
        assert_eq!(steps.check(&[41, 0, 90, 0]), Err(token));
        assert_eq!(notes().check(&[15, 0, 0, 60, 7, 0]), Ok(()));
        assert_eq!(notes().check(&[15]), Ok(()));
        let meter = |found| Err(WindowFormError::NoteList(NoteListError::Meter { found }));
        assert_eq!(notes().check(&[]), meter(None));
        assert_eq!(notes().check(&[26, 0, 0, 60, 7, 0]), meter(Some(26)));
        // The last onset of two bars of 3/4 is tick 71.
        let waltz = Meter::from_signature(3, 4).unwrap().class();
        let unknown =
            NoteListError::UnknownClass { note: 0, field: Field::Onset, class: 72, n_classes: 72 };
        assert_eq!(notes().check(&[waltz, 71, 0, 60, 7, 0]), Ok(()));
        assert_eq!(notes().check(&[waltz, 72, 0, 60, 7, 0]), Err(unknown.into()));
    }

    #[test]
    fn controls_and_lengths_are_those_of_the_window() {
        use crate::window::Track;
        let tracks = vec![Track::pitches(90), Track::CHORDS];
        let chorded = WindowForm::Steps(WindowLayout { n_steps: 2, tracks });
        assert_eq!((chorded.n_control(), chorded.control(&[41, 0, 7, 8])), (2, &[7, 8][..]));
        let melody = WindowForm::Steps(WindowLayout::melody(2, 90));
        assert_eq!((melody.n_control(), melody.control(&[41, 0])), (0, &[][..]));
        let jig = Meter::from_signature(6, 8).unwrap().class();
        assert_eq!((notes().n_control(), notes().control(&[jig, 0, 0, 60, 7, 0])), (1, &[jig][..]));
        assert_eq!(notes().n_sixteenths(&[jig]), 24);
        assert_eq!((melody.n_tokens(), notes().n_tokens()), (Some(2), None));
    }

    #[test]
    fn the_outer_lines_of_lists_cross_windows() {
        // C5 over C3 for a quarter each (class 7), then E4 inside a held G4 (half note, class 10).
        let durations = NoteListEncoding::POLY_2BAR.durations();
        let class = |ticks: u16| {
            u16::try_from(durations.iter().position(|d| *d == ticks).unwrap()).unwrap()
        };
        let (quarter, half) = (class(12), class(24));
        let note = |onset, pitch, duration| [onset, 0, pitch, duration, 0];
        let first = [
            &[15][..],
            &note(0, 48, quarter),
            &note(0, 72, quarter),
            &note(12, 67, half),
            &note(24, 64, quarter),
        ]
        .concat();
        let second = [&[15][..], &note(0, 60, quarter)].concat();
        let lines = notes().lines([&first[..], &second[..]]);
        let line = |n: usize| -> Vec<(usize, usize, i32)> {
            lines[n].notes.iter().map(|note| (note.start, note.end, note.pitch)).collect()
        };
        assert_eq!(line(0), [(0, 12, 72), (12, 36, 67), (96, 108, 60)]);
        assert_eq!(line(1), [(0, 12, 48), (12, 24, 67), (24, 36, 64), (96, 108, 60)]);
        assert_eq!(notes().n_notes([&first[..], &second[..]]), 5);
        assert_eq!(notes().steps_per_bar(&first), 48);
        // Kick and snare on the first step, the kick again on step 4.
        let drums = WindowForm::Notes(NoteListEncoding::DRUMS_2BAR_GROOVE);
        let row = [15, 0, 6, 0, 9, 0, 6, 1, 9, 4, 6, 0, 9];
        let lines = drums.lines([&row[..]]);
        let hits: Vec<_> = lines[0].notes.iter().map(|hit| (hit.start, hit.pitch)).collect();
        assert_eq!((lines.len(), hits), (1, vec![(0, 0b11), (12, 0b1)]));
    }

    #[test]
    fn the_lead_of_a_list_is_its_top_line_in_sixteenths() {
        // Triplets C5 D5 E5 of 4 ticks each (class 3) over C4: sixteenths 0, 1, 2.
        let durations = NoteListEncoding::POLY_2BAR.durations();
        let triplet = u16::try_from(durations.iter().position(|d| *d == 4).unwrap()).unwrap();
        let row = [
            &[15][..],
            &[0, 0, 60, triplet, 0],
            &[0, 0, 72, triplet, 0],
            &[4, 0, 74, triplet, 0],
            &[8, 0, 76, triplet, 0],
        ]
        .concat();
        let lead: Vec<_> =
            notes().lead(&row).notes.iter().map(|n| (n.start, n.end, n.pitch)).collect();
        assert_eq!(lead, [(0, 1, 72), (1, 2, 74), (2, 4, 76)]);
    }

    #[test]
    fn lists_move_as_far_as_their_pitches_allow() {
        let mut row = vec![15, 0, 0, 5, 7, 0, 0, 0, 120, 7, 0];
        assert_eq!(notes().transpose(&mut row, -9), -5);
        assert_eq!((row[3], row[8]), (0, 115));
        assert_eq!(notes().transpose(&mut row, 20), 12);
        assert_eq!((row[3], row[8]), (12, 127));
    }
}
