//! Notes in the format that the modules take.

use note_seq::{NoteSequence, SUSTAIN_PEDAL, Seconds};
use serde::Serialize;

/// A beat of the grid behind the notes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GridBeat {
    /// Seconds.
    pub time: Seconds,
    /// The bar, from 0.
    pub bar: u32,
    /// Whether it is the first beat of its bar.
    pub is_bar: bool,
}

/// Beats, and the end of the last bar.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    /// Beats until the end of the music.
    pub beats: Vec<GridBeat>,
    /// End of the last bar in seconds; a loop returns to the start from here, keeping time.
    pub end: Seconds,
}

impl Grid {
    /// Computes the grid of a sequence from its tempos and time signatures.
    pub fn new(sequence: &NoteSequence) -> Self {
        let beats: Vec<GridBeat> = sequence
            .beats()
            .into_iter()
            .map(|beat| GridBeat { time: beat.time, bar: beat.bar, is_bar: beat.beat == 0 })
            .collect();
        let end = beats.last().map_or(0.0, |last| {
            let quarters = sequence.bar_map().quarters_at_bar(last.bar + 1);
            sequence.tempo_map().seconds_at_quarters(quarters)
        });
        Self { beats, end: end.max(sequence.total_time) }
    }
}

/// A sequence in the format of `player.js` and `roll.js`; times are rounded to a tenth of a
/// millisecond.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Score {
    /// End of the last bar in seconds.
    pub seconds: Seconds,
    /// Start, end, pitch, velocity, program, instrument, and 1 for drums.
    pub notes: Vec<(Seconds, Seconds, u8, u8, u8, u32, u8)>,
    /// Time of each beat, and 1 if it begins a bar.
    pub beats: Vec<(Seconds, u8)>,
}

impl From<&NoteSequence> for Score {
    /// Notes are extended as long as the sustain pedal holds them, since the modules don't know
    /// pedals.
    fn from(sequence: &NoteSequence) -> Self {
        let mut sequence = sequence.clone();
        if sequence.control_changes.iter().any(|c| c.control_number == SUSTAIN_PEDAL) {
            sequence.apply_sustain();
        }
        let grid = Grid::new(&sequence);
        let round = |seconds: Seconds| (seconds * 1e4).round() / 1e4;
        let mut notes: Vec<_> = sequence
            .notes
            .iter()
            .map(|note| {
                (
                    round(note.start_time),
                    round(note.end_time),
                    note.pitch.get(),
                    note.velocity.get(),
                    note.program.get(),
                    note.instrument,
                    u8::from(note.is_drum),
                )
            })
            .collect();
        // The player expects sorted notes.
        notes.sort_by(|a, b| a.0.total_cmp(&b.0));
        let beats = grid.beats.iter().map(|b| (round(b.time), u8::from(b.is_bar))).collect();
        Self { seconds: round(grid.end), notes, beats }
    }
}

#[cfg(test)]
mod tests {
    use note_seq::{Note, TimeSignature};

    use super::*;

    #[test]
    fn the_grid_ends_with_the_bar_that_the_music_ends_in() {
        let mut sequence = NoteSequence::default();
        sequence.push(Note { end_time: 2.25, ..Note::default() });
        // At 120 quarter notes per minute, a bar of 4/4 lasts two seconds, a bar of 3/4 one and a
        // half.
        assert_eq!(Grid::new(&sequence).end, 4.0);
        let three = TimeSignature { time: 0.0, numerator: 3, denominator: 4 };
        sequence.time_signatures.push(three);
        assert_eq!(Grid::new(&sequence).end, 3.0);
        let bars: Vec<f64> =
            Grid::new(&sequence).beats.iter().filter(|b| b.is_bar).map(|b| b.time).collect();
        assert_eq!(bars, [0.0, 1.5]);
        // A full bar is not followed by an empty one.
        sequence.total_time = 1.5;
        sequence.notes.clear();
        assert_eq!(Grid::new(&sequence).end, 1.5);
        assert_eq!(Grid::new(&NoteSequence::default()).end, 0.0);
    }
}
