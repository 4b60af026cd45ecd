//! Reassembles music from training windows: bars that several windows share occur once.

use corpus::table::WindowRow;
use note_seq::NoteList;
use note_seq::vocabulary::{NOTE_OFF, STEPS_PER_BAR};
use note_seq::window::{
    GridNote, Line, WindowForm, WindowLayout, lines, notes_of_lists, outer_lines,
};

/// A contiguous passage of one or all instruments, as far as windows cover it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    /// Its file.
    pub(super) file: String,
    /// Its first bar in the file.
    pub(super) start_bar: u32,
    /// Number of steps per bar of its lines.
    pub(super) steps_per_bar: usize,
    /// Its lines.
    pub(super) lines: Vec<Line>,
}

/// A stretch that may continue.
struct Open {
    file: String,
    track: i16,
    start_bar: u32,
    music: Music,
}

enum Music {
    /// Tokens of each part.
    Steps(Vec<Vec<u16>>),
    Notes {
        notes: Vec<GridNote>,
        steps_per_bar: usize,
        n_steps: usize,
        /// Number of semitones added to the notes.
        transposed: i8,
    },
}

/// Joins consecutive windows of a table.
pub(super) struct Stitcher<'a> {
    form: &'a WindowForm,
    current: Option<Open>,
}

impl<'a> Stitcher<'a> {
    pub(super) fn new(form: &'a WindowForm) -> Self {
        Self { form, current: None }
    }

    /// Adds the next window. Returns the current stretch if the window does not continue it.
    ///
    /// # Panics
    /// If the window does not have this form.
    pub(super) fn push(&mut self, row: WindowRow) -> Option<Stretch> {
        let music = self.music(&row);
        if let Some(open) = &mut self.current
            && (open.file.as_str(), open.track) == (row.file.as_str(), row.track)
            && let Some(n_bars) = row.start_bar.checked_sub(open.start_bar)
            && open.music.join(&music, usize::try_from(n_bars).unwrap_or(usize::MAX))
        {
            return None;
        }
        let WindowRow { file, track, start_bar, .. } = row;
        let ended = self.current.replace(Open { file, track, start_bar, music });
        ended.map(|open| self.close(open))
    }

    /// The last stretch.
    pub(super) fn finish(mut self) -> Option<Stretch> {
        self.current.take().map(|open| self.close(open))
    }

    fn music(&self, row: &WindowRow) -> Music {
        match self.form {
            WindowForm::Steps(layout) => {
                let parts = row.tokens.chunks_exact(layout.n_steps).take(layout.n_parts());
                Music::Steps(parts.map(<[u16]>::to_vec).collect())
            }
            WindowForm::Notes(encoding) => {
                let list = NoteList::from_row(*encoding, &row.tokens);
                let list = list.expect("a window of this form");
                Music::Notes {
                    notes: notes_of_lists([&list]),
                    steps_per_bar: list.meter().bar().into(),
                    n_steps: encoding.n_ticks(list.meter()).into(),
                    transposed: row.transposed,
                }
            }
        }
    }

    fn close(&self, open: Open) -> Stretch {
        let (steps_per_bar, lines) = match (open.music, self.form) {
            (Music::Steps(parts), WindowForm::Steps(layout)) => {
                let n_steps = parts.first().map_or(0, Vec::len);
                let whole = WindowLayout { n_steps, tracks: layout.tracks.clone() };
                (STEPS_PER_BAR, lines(&whole, [&parts.concat()[..]]))
            }
            (Music::Notes { notes, steps_per_bar, .. }, WindowForm::Notes(encoding)) => {
                let lines = if encoding.has_tones() {
                    outer_lines(&notes)
                } else {
                    vec![Line { part: 0, is_drums: true, notes }]
                };
                (steps_per_bar, lines)
            }
            _ => unreachable!("music of the stitcher's own form"),
        };
        Stretch { file: open.file, start_bar: open.start_bar, steps_per_bar, lines }
    }
}

impl Music {
    /// Appends the new part of a window that begins `n_bars` later, if it continues the stretch.
    fn join(&mut self, window: &Self, n_bars: usize) -> bool {
        match (self, window) {
            (Self::Steps(parts), Self::Steps(window)) => join_steps(parts, window, n_bars),
            (
                Self::Notes { notes, steps_per_bar, n_steps, transposed },
                Self::Notes { notes: new, steps_per_bar: bar, n_steps: n_new, transposed: by },
            ) => {
                let start = n_bars.saturating_mul(*bar);
                if steps_per_bar != bar || start > *n_steps || start + n_new <= *n_steps {
                    return false;
                }
                // A window in another key is transposed to the key of the stretch.
                let moved = i32::from(*transposed) - i32::from(*by);
                let moved = |note: &GridNote| GridNote {
                    start: start + note.start,
                    end: start + note.end,
                    pitch: note.pitch + moved,
                };
                let shared = notes.partition_point(|note| note.start < start);
                let n_shared = notes.len() - shared;
                let same = new.len() >= n_shared
                    && new[..n_shared].iter().map(moved).eq(notes[shared..].iter().copied())
                    && new.get(n_shared).is_none_or(|note| start + note.start >= *n_steps);
                if same {
                    notes.extend(new[n_shared..].iter().map(moved));
                    *n_steps = start + n_new;
                }
                same
            }
            _ => false,
        }
    }
}

fn join_steps(parts: &mut [Vec<u16>], window: &[Vec<u16>], n_bars: usize) -> bool {
    let n_stretch = parts.first().map_or(0, Vec::len);
    let n_steps = window.first().map_or(0, Vec::len);
    let start = n_bars.saturating_mul(STEPS_PER_BAR);
    // It begins within the stretch or directly after it, and ends after it.
    if start > n_stretch || start + n_steps <= n_stretch {
        return false;
    }
    let n_shared = n_stretch - start;
    let same = parts.iter().zip(window).all(|(part, window)| {
        let first = window.iter().position(|token| *token > NOTE_OFF).unwrap_or(window.len());
        let pairs = part[start..].iter().zip(window);
        pairs.enumerate().all(|(step, (known, new))| {
            known == new || (step < first && *new == 0 && *known == NOTE_OFF)
        })
    });
    if same {
        for (part, window) in parts.iter_mut().zip(window) {
            part.extend_from_slice(&window[n_shared..]);
        }
    }
    same
}

#[cfg(test)]
mod tests {
    use corpus::table::Split;
    use note_seq::window::Content;

    use super::*;

    fn row(file: &str, start_bar: u32, tokens: &[u16]) -> WindowRow {
        WindowRow {
            window_id: 0,
            tokens: tokens.to_vec(),
            file: file.to_owned(),
            file_hash: [0; 16],
            group: String::new(),
            split: Split::Train,
            seen: false,
            track: 0,
            start_bar,
            transposed: 0,
            label: None,
        }
    }

    #[test]
    fn windows_of_one_line_give_the_line_back_and_others_begin_anew() {
        let form = WindowForm::Steps(WindowLayout::melody(32, 90));
        let line: Vec<u16> = (0..80).map(|i| if i % 5 == 0 { 40 + i / 5 } else { i % 2 }).collect();
        let mut stitcher = Stitcher::new(&form);
        for bar in [0, 1, 3] {
            let mut tokens = line[bar * 16..bar * 16 + 32].to_vec();
            // As in real windows: ends before the first note are removed.
            let first = tokens.iter().position(|t| *t > 1).unwrap();
            tokens[..first].fill(0);
            let ended = stitcher.push(row("a", 7 + bar as u32, &tokens));
            assert_eq!(ended, None, "bar {bar}");
        }
        let stretch = stitcher.push(row("b", 12, &line[..32])).unwrap();
        assert_eq!((stretch.file.as_str(), stretch.start_bar), ("a", 7));
        // A boundary without overlap may have lost an end before the next note.
        let notes = |tokens: &[u16]| note_seq::window::notes(Content::Pitches, tokens);
        let starts = |notes: &[GridNote]| notes.iter().map(|n| n.start).collect::<Vec<_>>();
        assert_eq!(starts(&stretch.lines[0].notes), starts(&notes(&line)));
        assert_eq!(stretch.lines[0].notes[..9], notes(&line)[..9]);
        // Different music at the same position is not a continuation.
        let other = stitcher.push(row("b", 13, &line[3..35])).unwrap();
        assert_eq!(other.lines[0].notes, notes(&line[..32]));
        assert_eq!(stitcher.finish().unwrap().start_bar, 13);
    }
}
