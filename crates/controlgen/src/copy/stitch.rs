//! Training windows put together again: bars that several windows share stand once.

use corpus::table::WindowRow;
use note_seq::vocabulary::{NOTE_OFF, STEPS_PER_BAR};
use note_seq::window::WindowLayout;

/// A stretch of one instrument's music, as long as the windows reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    /// The file it stands in.
    pub(super) file: String,
    /// Its instrument.
    track: i16,
    /// Its first bar there.
    pub(super) start_bar: u32,
    /// Tokens of each part.
    pub(super) parts: Vec<Vec<u16>>,
}

/// Joins windows that follow each other in a table.
pub(super) struct Stitcher<'a> {
    layout: &'a WindowLayout,
    current: Option<Stretch>,
}

impl<'a> Stitcher<'a> {
    pub(super) fn new(layout: &'a WindowLayout) -> Self {
        Self { layout, current: None }
    }

    /// Takes the next window; gives back the stretch that it does not belong to, if one ends.
    pub(super) fn push(&mut self, row: WindowRow) -> Option<Stretch> {
        if let Some(stretch) = &mut self.current
            && join(stretch, &row, self.layout)
        {
            return None;
        }
        let n_steps = self.layout.n_steps;
        let parts = row.tokens.chunks_exact(n_steps).take(self.layout.n_parts());
        self.current.replace(Stretch {
            file: row.file,
            track: row.track,
            start_bar: row.start_bar,
            parts: parts.map(<[u16]>::to_vec).collect(),
        })
    }

    /// The last stretch.
    pub(super) fn finish(self) -> Option<Stretch> {
        self.current
    }
}

/// Appends what a window has beyond a stretch, if it continues it.
fn join(stretch: &mut Stretch, row: &WindowRow, layout: &WindowLayout) -> bool {
    if (stretch.file.as_str(), stretch.track) != (row.file.as_str(), row.track) {
        return false;
    }
    let n_stretch = stretch.parts.first().map_or(0, Vec::len);
    let Some(bars) = row.start_bar.checked_sub(stretch.start_bar) else { return false };
    let start = usize::try_from(bars).unwrap_or(usize::MAX).saturating_mul(STEPS_PER_BAR);
    // It begins within the stretch or right after it, and ends after it.
    if start > n_stretch || start + layout.n_steps <= n_stretch {
        return false;
    }
    let n_shared = n_stretch - start;
    let windows = || row.tokens.chunks_exact(layout.n_steps).take(layout.n_parts());
    let same = stretch.parts.iter().zip(windows()).all(|(part, window)| {
        let first = window.iter().position(|token| *token > NOTE_OFF).unwrap_or(window.len());
        let pairs = part[start..].iter().zip(window);
        pairs.enumerate().all(|(step, (known, new))| {
            known == new || (step < first && *new == 0 && *known == NOTE_OFF)
        })
    });
    if same {
        for (part, window) in stretch.parts.iter_mut().zip(windows()) {
            part.extend_from_slice(&window[n_shared..]);
        }
    }
    same
}

#[cfg(test)]
mod tests {
    use corpus::table::Split;

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
        let layout = WindowLayout::melody(32, 90);
        let line: Vec<u16> = (0..80).map(|i| if i % 5 == 0 { 40 + i / 5 } else { i % 2 }).collect();
        let mut stitcher = Stitcher::new(&layout);
        for bar in [0, 1, 3] {
            let mut tokens = line[bar * 16..bar * 16 + 32].to_vec();
            // As windows are cut: ends before the first note are erased.
            let first = tokens.iter().position(|t| *t > 1).unwrap();
            tokens[..first].fill(0);
            let ended = stitcher.push(row("a", 7 + bar as u32, &tokens));
            assert_eq!(ended, None, "bar {bar}");
        }
        let stretch = stitcher.push(row("b", 12, &line[..32])).unwrap();
        assert_eq!((stretch.file.as_str(), stretch.start_bar), ("a", 7));
        // The seam without overlap may have lost an end before the next note.
        assert_eq!(stretch.parts[0].len(), 80);
        assert_eq!(stretch.parts[0][..48], line[..48]);
        // Other music at the same place is no continuation.
        let other = stitcher.push(row("b", 13, &line[3..35])).unwrap();
        assert_eq!(other.parts[0], line[..32]);
        assert_eq!(stitcher.finish().unwrap().start_bar, 13);
    }
}
