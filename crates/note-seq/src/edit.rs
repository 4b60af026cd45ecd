//! Moving, joining and trimming whole sequences.

use std::collections::BTreeSet;

use crate::sequence::{Note, NoteSequence};
use crate::split::SplitError;
use crate::units::{DEFAULT_QPM, Seconds};

impl NoteSequence {
    /// Applies `change` to all times except the ends of notes and `total_time`, which
    /// [`Self::map_times`] adds.
    fn map_event_times(&mut self, change: impl Fn(Seconds) -> Seconds) {
        let times = (self.tempos.iter_mut().map(|t| &mut t.time))
            .chain(self.time_signatures.iter_mut().map(|t| &mut t.time))
            .chain(self.key_signatures.iter_mut().map(|k| &mut k.time))
            .chain(self.pitch_bends.iter_mut().map(|b| &mut b.time))
            .chain(self.control_changes.iter_mut().map(|c| &mut c.time))
            .chain(self.text_annotations.iter_mut().map(|t| &mut t.time));
        for time in times {
            *time = change(*time);
        }
    }

    fn map_times(&mut self, change: impl Fn(Seconds) -> Seconds) {
        for note in &mut self.notes {
            note.start_time = change(note.start_time);
            note.end_time = change(note.end_time);
        }
        self.total_time = change(self.total_time);
        self.map_event_times(change);
    }

    /// Moves everything later by `seconds` (earlier if negative, which may make times negative).
    pub fn shift(&mut self, seconds: Seconds) {
        self.map_times(|time| time + seconds);
        self.subsequence_info = None;
    }

    /// Multiplies all durations by `factor` and divides the tempos by it, so that steps relative to
    /// the tempo do not change. `factor` must be positive and finite.
    pub fn stretch(&mut self, factor: f64) {
        self.map_times(|time| time * factor);
        for tempo in &mut self.tempos {
            tempo.qpm /= factor;
        }
        if self.tempos.is_empty() {
            self.tempos.push(crate::Tempo { time: 0.0, qpm: DEFAULT_QPM / factor });
        }
    }

    /// Keeps the notes that begin at or after `start` and before `end`, truncated at `end`. Nothing
    /// moves, and only notes and `total_time` change.
    pub fn trim(&mut self, start: Seconds, end: Seconds) {
        self.notes.retain(|n| n.start_time >= start && n.start_time < end);
        for note in &mut self.notes {
            note.end_time = note.end_time.min(end);
        }
        self.total_time = self.total_time.min(end);
    }

    /// The piece from `start` to `end`, shifted to begin at 0; see [`Self::split_at`] for its
    /// contents.
    ///
    /// # Errors
    /// Returns a [`SplitError`] if `end` is before `start`, or `start` after the end of the music.
    pub fn extract(&self, start: Seconds, end: Seconds) -> Result<NoteSequence, SplitError> {
        let mut pieces = self.split_at(&[start, end])?;
        pieces.pop().ok_or(SplitError::TooFewTimes { n_times: 2 })
    }

    /// Cuts every `hop` seconds; the last piece may be shorter. With `skip_inside_notes`, cuts
    /// inside a sounding note are left out.
    ///
    /// # Errors
    /// Returns [`SplitError::Unsorted`] if `hop` is not above 0, and [`SplitError::TooManyPieces`]
    /// if there would be too many pieces.
    pub fn split_every(
        &self,
        hop: Seconds,
        skip_inside_notes: bool,
    ) -> Result<Vec<NoteSequence>, SplitError> {
        // A piece takes about 400 bytes, and one long note can ask for any number of them.
        const MAX_PIECES: f64 = 65_536.0;
        if hop.is_nan() || hop <= 0.0 {
            return Err(SplitError::Unsorted { earlier: 0.0, later: hop });
        }
        let n_pieces = self.total_time / hop;
        if n_pieces > MAX_PIECES {
            return Err(SplitError::TooManyPieces { n_pieces });
        }
        let mut cuts = vec![0.0];
        // The latest end of the notes that begin before a cut; cuts are ascending.
        let mut by_start: Vec<&Note> = self.notes.iter().filter(|_| skip_inside_notes).collect();
        by_start.sort_by(|a, b| a.start_time.total_cmp(&b.start_time));
        let mut by_start = by_start.into_iter().peekable();
        let mut latest_end = f64::NEG_INFINITY;
        // Multiples, not sums: no drift.
        for time in (1..).map(|i| f64::from(i) * hop).take_while(|time| *time < self.total_time) {
            while let Some(note) = by_start.next_if(|n| n.start_time < time) {
                latest_end = latest_end.max(note.end_time);
            }
            if latest_end <= time {
                cuts.push(time);
            }
        }
        if self.total_time > 0.0 {
            cuts.push(self.total_time);
            self.split_at(&cuts)
        } else {
            Ok(Vec::new())
        }
    }

    /// Cuts where a note begins after more than `gap` seconds of silence. Python's default gap is 3
    /// s.
    #[must_use]
    pub fn split_on_silence(&self, gap: Seconds) -> Vec<NoteSequence> {
        let mut by_start: Vec<&Note> = self.notes.iter().collect();
        by_start.sort_by(|a, b| a.start_time.total_cmp(&b.start_time));
        let mut cuts = vec![0.0];
        let (mut last_active, mut last_cut) = (0.0_f64, 0.0);
        for note in by_start {
            if note.start_time > last_active + gap {
                cuts.push(note.start_time);
                last_cut = note.start_time;
            }
            last_active = last_active.max(note.end_time);
        }
        if self.total_time > last_cut {
            cuts.push(self.total_time);
        }
        self.split_at(&cuts).unwrap_or_default()
    }

    /// Concatenates sequences: each begins at the end (`total_time`) of the previous one. Tempos,
    /// signatures and texts that only repeat the current ones are left out; the first resolution
    /// counts.
    #[must_use]
    pub fn concatenate(sequences: &[NoteSequence]) -> NoteSequence {
        let mut joined = NoteSequence::default();
        for (i, next) in sequences.iter().enumerate() {
            let mut next = next.clone();
            if i > 0 {
                // The state at the seam must not leak into a piece that relies on the defaults.
                if next.tempos.iter().all(|t| t.time > 0.0) {
                    next.tempos.insert(0, crate::Tempo { time: 0.0, qpm: DEFAULT_QPM });
                }
                if next.time_signatures.iter().all(|t| t.time > 0.0) {
                    next.time_signatures.insert(0, crate::TimeSignature::default());
                }
                next.shift(joined.total_time);
            }
            joined.absorb(next);
        }
        joined.remove_redundant();
        joined
    }

    /// Merges sequences that play simultaneously by joining their lists. Instrument numbers are
    /// kept, so make them distinct first.
    #[must_use]
    pub fn merge(sequences: &[NoteSequence]) -> NoteSequence {
        let mut merged = NoteSequence::default();
        for next in sequences {
            merged.absorb(next.clone());
        }
        merged.remove_redundant();
        merged
    }

    fn absorb(&mut self, other: NoteSequence) {
        if self.ticks_per_quarter == 0 {
            self.ticks_per_quarter = other.ticks_per_quarter;
        }
        self.total_time = self.total_time.max(other.total_time);
        self.notes.extend(other.notes);
        self.tempos.extend(other.tempos);
        self.time_signatures.extend(other.time_signatures);
        self.key_signatures.extend(other.key_signatures);
        self.pitch_bends.extend(other.pitch_bends);
        self.control_changes.extend(other.control_changes);
        self.text_annotations.extend(other.text_annotations);
        let known: BTreeSet<u32> = self.instrument_infos.iter().map(|i| i.instrument).collect();
        let new = other.instrument_infos.into_iter();
        self.instrument_infos.extend(new.filter(|i| !known.contains(&i.instrument)));
    }

    /// Sorts tempos, signatures and keys and drops those that only repeat the current one.
    pub fn remove_redundant(&mut self) {
        self.tempos.sort_by(|a, b| a.time.total_cmp(&b.time));
        self.tempos.dedup_by(|later, earlier| later.qpm.to_bits() == earlier.qpm.to_bits());
        self.time_signatures.sort_by(|a, b| a.time.total_cmp(&b.time));
        self.time_signatures.dedup_by(|later, earlier| {
            (later.numerator, later.denominator) == (earlier.numerator, earlier.denominator)
        });
        self.key_signatures.sort_by(|a, b| a.time.total_cmp(&b.time));
        self.key_signatures
            .dedup_by(|later, earlier| (later.key, later.mode) == (earlier.key, earlier.mode));
    }

    /// Drops notes that equal another in pitch, start, instrument and kind (drum or tone), keeping
    /// the longest of them; returns the number of dropped notes.
    pub fn dedupe_notes(&mut self) -> usize {
        let before = self.notes.len();
        let key = |n: &Note| (n.start_time.to_bits(), n.pitch, n.instrument, n.is_drum);
        let mut longest = std::collections::BTreeMap::new();
        for (i, note) in self.notes.iter().enumerate() {
            let kept: &mut usize = longest.entry(key(note)).or_insert(i);
            if self.notes[*kept].end_time < note.end_time {
                *kept = i;
            }
        }
        let kept: BTreeSet<usize> = longest.into_values().collect();
        let mut index = 0..;
        self.notes.retain(|_| index.next().is_some_and(|i| kept.contains(&i)));
        before - self.notes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Pitch, StepsPerQuarter, Tempo};

    fn sequence(spans: &[(u8, f64, f64)]) -> NoteSequence {
        let mut s = NoteSequence::default();
        for (pitch, start_time, end_time) in spans {
            let pitch = Pitch::new(*pitch).unwrap();
            s.push(Note { pitch, start_time: *start_time, end_time: *end_time, ..Note::default() });
        }
        s
    }

    fn spans(s: &NoteSequence) -> Vec<(u8, f64, f64)> {
        s.notes.iter().map(|n| (n.pitch.get(), n.start_time, n.end_time)).collect()
    }

    #[test]
    fn stretching_keeps_the_steps() {
        let mut s = sequence(&[(60, 0.5, 1.0), (62, 1.0, 2.25)]);
        let before = s.quantize(StepsPerQuarter::SIXTEENTHS).unwrap().notes;
        s.stretch(1.5);
        assert_eq!(spans(&s), [(60, 0.75, 1.5), (62, 1.5, 3.375)]);
        assert_eq!(s.tempos, [Tempo { time: 0.0, qpm: 80.0 }]);
        assert_eq!(s.quantize(StepsPerQuarter::SIXTEENTHS).unwrap().notes, before);
    }

    #[test]
    fn trimming_cuts_and_extracting_shifts_too() {
        let mut s = sequence(&[(60, 0.0, 1.0), (61, 1.0, 3.0), (62, 2.0, 2.5)]);
        let piece = s.extract(1.0, 2.0).unwrap();
        assert_eq!(spans(&piece), [(61, 0.0, 1.0)]);
        s.trim(1.0, 2.0);
        assert_eq!(spans(&s), [(61, 1.0, 2.0)]);
    }

    #[test]
    fn pieces_put_together_again_are_the_whole() {
        let s = sequence(&[(60, 0.0, 1.0), (61, 1.0, 2.0), (62, 2.0, 4.0)]);
        let pieces = s.split_every(1.0, false).unwrap();
        assert_eq!(pieces.len(), 4);
        let whole = s.split_every(1.0, true).unwrap();
        assert_eq!(whole.len(), 3);
        assert_eq!(spans(&NoteSequence::concatenate(&whole)), spans(&s));
        assert!(s.split_every(0.0, false).is_err() && s.split_every(1e-9, false).is_err());
    }

    #[test]
    fn silence_longer_than_the_gap_splits() {
        let s = sequence(&[(60, 0.0, 1.0), (61, 4.0, 5.0), (62, 8.5, 9.0)]);
        let pieces = s.split_on_silence(3.0);
        assert_eq!(
            pieces.iter().map(spans).collect::<Vec<_>>(),
            [vec![(60, 0.0, 1.0), (61, 4.0, 5.0)], vec![(62, 0.0, 0.5)]]
        );
    }

    #[test]
    fn merging_keeps_all_and_deduping_keeps_the_longest() {
        let mut s = NoteSequence::merge(&[
            sequence(&[(60, 0.0, 1.0)]),
            sequence(&[(60, 0.0, 2.0), (61, 0.0, 1.0)]),
        ]);
        assert_eq!((s.notes.len(), s.dedupe_notes()), (3, 1));
        assert_eq!(spans(&s), [(60, 0.0, 2.0), (61, 0.0, 1.0)]);
    }
}
