//! Windows of a melody with its chords.

use serde::{Deserialize, Serialize};

use super::{MelodyConverter, MelodyWindow};
use crate::chords::ChordInference;
use crate::conversion::{Conversion, Dedupe, SkipReason};
use crate::segments::convert;
use crate::sequence::NoteSequence;
use crate::slices::Seen;
use crate::units::Step;

/// A window of a melody, with a chord for each of its steps.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ChordedMelodyWindow {
    /// The melody.
    pub melody: MelodyWindow,
    /// One triad label per step, 0 to 48; see [`crate::chords::Chord::triad_label`].
    pub chords: Vec<u16>,
}

impl MelodyConverter {
    /// The windows of a sequence with their chords, two per bar, which are inferred from all
    /// instruments.
    ///
    /// A window is a repetition if both its melody and its chords are.
    ///
    /// # Examples
    /// ```
    /// use note_seq::chords::ChordInference;
    /// use note_seq::{MelodyConverter, Note, NoteSequence, Pitch, Velocity};
    /// let velocity = Velocity::new(80)?;
    /// let mut sequence = NoteSequence::default();
    /// for (bar, pitches) in [[60, 64, 67], [57, 60, 64]].iter().enumerate() {
    ///     for (instrument, pitch) in (0..).zip(pitches) {
    ///         let (pitch, start_time) = (Pitch::new(*pitch)?, bar as f64 * 2.0);
    ///         let end_time = start_time + 2.0;
    ///         let note =
    ///             Note { pitch, velocity, start_time, end_time, instrument, ..Note::default() };
    ///         sequence.push(note);
    ///     }
    /// }
    /// let inference = ChordInference::default();
    /// let converter = MelodyConverter::mel_2bar();
    /// let windows = converter.windows_under_chords(&sequence, &inference).windows;
    /// // C major (label 1) for a bar, then A minor (13 + 9).
    /// assert_eq!((windows[0].chords[0], windows[0].chords[31]), (1, 22));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn windows_under_chords(
        &self,
        sequence: &NoteSequence,
        inference: &ChordInference,
    ) -> Conversion<ChordedMelodyWindow> {
        // The same stretches as for the windows, with all instruments for inferring chords.
        let pieces = sequence.split_on_time_changes();
        let n_notes = sequence.notes.len();
        let mut seen = Seen::new(self.dedupe, n_notes);
        let (steps, bar) = (self.steps_per_quarter, self.steps_per_bar);
        convert(sequence, steps, bar, self.max_windows, |segment, bars, conversion| {
            seen.begin_segment();
            let mut plain = Conversion::new();
            self.segment_windows(segment, bars, &mut Seen::new(Dedupe::Off, n_notes), &mut plain);
            for (reason, n) in plain.skipped {
                conversion.skip_n(reason, n);
            }
            if plain.windows.is_empty() {
                return;
            }
            let max = ChordInference::MAX_CHORDS_OF_WINDOWS;
            let progression = pieces.get(segment.index).and_then(|piece| {
                inference.infer_up_to(max, piece, self.steps_per_quarter, None).ok()
            });
            let Some(progression) = progression else {
                return conversion.skip_n(SkipReason::NoChords, plain.windows.len());
            };
            for melody in plain.windows {
                // Melodies and windows begin at a bar line.
                let start = Step::from(melody.start_bar - segment.first_bar) * Step::from(bar);
                let length = Step::try_from(melody.tokens.len()).unwrap_or(Step::MAX);
                let chords = progression.triad_labels(start, start.saturating_add(length));
                if seen.is_repeated(&[melody.tokens.as_slice(), &chords].concat()) {
                    conversion.skip(SkipReason::Duplicate);
                } else if seen.has_room(2 * melody.tokens.len()) {
                    conversion.windows.push(ChordedMelodyWindow { melody, chords });
                } else {
                    conversion.skip(SkipReason::OverCap);
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pitch::{Pitch, Velocity};
    use crate::sequence::Note;
    use crate::{Tempo, TimeSignature};

    /// Bars of C major, then of A minor, with one repeated tone; the tempo changes after `n` bars.
    fn piece(n: u32) -> NoteSequence {
        let mut sequence = NoteSequence::default();
        sequence.time_signatures.push(TimeSignature { time: 0.0, numerator: 4, denominator: 4 });
        // Two seconds a bar at 120, one at 240.
        let tempos = [(0.0, 120.0), (f64::from(n) * 2.0, 240.0)];
        sequence.tempos.extend(tempos.map(|(time, qpm)| Tempo { time, qpm }));
        let mut time = 0.0;
        for (chord, seconds) in [([48, 52, 55], 2.0), ([45, 48, 52], 1.0)] {
            for _ in 0..n {
                let mut push = |pitch, instrument| {
                    let pitch = Pitch::new(pitch).unwrap();
                    let end_time = time + seconds;
                    sequence.push(Note {
                        pitch,
                        velocity: Velocity::saturating(80),
                        start_time: time,
                        end_time,
                        instrument,
                        ..Note::default()
                    });
                };
                push(76, 0);
                for (instrument, pitch) in (1..).zip(chord) {
                    push(pitch, instrument);
                }
                time += seconds;
            }
        }
        sequence
    }

    #[test]
    fn chords_are_those_of_the_windows_own_stretch() {
        let converter = MelodyConverter { dedupe: Dedupe::Off, ..MelodyConverter::mel_2bar() };
        let inference = ChordInference::default();
        let conversion = converter.windows_under_chords(&piece(4), &inference);
        let of_melody: Vec<_> =
            conversion.windows.iter().filter(|w| w.melody.instrument == 0).collect();
        let found: Vec<(u32, u16)> =
            of_melody.iter().map(|w| (w.melody.start_bar, w.chords[0])).collect();
        assert_eq!(found, [(0, 1), (1, 1), (2, 1), (4, 22), (5, 22), (6, 22)]);
        assert!(of_melody.iter().all(|w| w.chords == vec![w.chords[0]; 32]));
        // The melody alone repeats, so only two windows of it are left.
        let once = MelodyConverter { dedupe: Dedupe::PerSequence, ..converter };
        let windows = once.windows_under_chords(&piece(4), &inference).windows;
        assert_eq!(windows.iter().filter(|w| w.melody.instrument == 0).count(), 2);
    }

    #[test]
    fn a_stretch_too_long_for_chords_is_counted() {
        let max = ChordInference::MAX_CHORDS_OF_WINDOWS;
        let n = u32::try_from(max).unwrap() / 2 + 1;
        let conversion =
            MelodyConverter::mel_2bar().windows_under_chords(&piece(n), &ChordInference::default());
        assert_eq!(conversion.windows.len(), 0);
        assert!(conversion.skipped[&SkipReason::NoChords] > 0);
    }
}
