//! Cutting a sequence into pieces, each starting at time 0.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::event::{ControlChange, InstrumentInfo, TextKind};
use crate::sequence::{NoteSequence, SubsequenceInfo};
use crate::units::{DEFAULT_QPM, Seconds};

/// Controllers whose state is carried into a piece: sustain, sostenuto and soft pedal.
pub const PEDALS: [u8; 3] = [64, 66, 67];

/// Reason why a sequence could not be cut.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
#[non_exhaustive]
pub enum SplitError {
    /// A piece would have no end.
    #[error("{n_times} times are too few (needed: at least a start and an end)")]
    TooFewTimes {
        /// The number of times given.
        n_times: usize,
    },
    /// The times are not sorted (or one is NaN).
    #[error("times must ascend, but {earlier} s is followed by {later} s")]
    Unsorted {
        /// The first of the two times, in seconds.
        earlier: Seconds,
        /// The time after it, in seconds.
        later: Seconds,
    },
    /// A piece would begin after the end of the music.
    #[error("a piece cannot begin at {start} s: the sequence ends at {total_time} s")]
    PastEnd {
        /// The requested start, in seconds.
        start: Seconds,
        /// The sequence's end, in seconds.
        total_time: Seconds,
    },
    /// There would be more than 65,536 pieces.
    #[error("this hop gives {n_pieces} pieces (allowed: 65,536); use a longer one")]
    TooManyPieces {
        /// Number of pieces.
        n_pieces: f64,
    },
}

impl NoteSequence {
    /// Cuts at changes of tempo or meter. Every piece has one of each, so every piece can be
    /// quantized.
    ///
    /// The initial values are 120 and 4/4; changes at or after the end of the music are ignored,
    /// and of two changes at the same time the last one counts. A sequence without notes gives no
    /// pieces. See [`Self::split_at`] for the contents of a piece. The bar grid of a piece begins
    /// at its cut, so a change in mid-bar moves the bar lines.
    ///
    /// # Examples
    /// ```
    /// use note_seq::{Note, NoteSequence, Tempo};
    /// let mut sequence = NoteSequence::default();
    /// sequence.tempos.push(Tempo { time: 2.0, qpm: 90.0 });
    /// sequence.push(Note { start_time: 1.0, end_time: 3.0, ..Note::default() });
    /// sequence.push(Note { start_time: 3.5, end_time: 4.0, ..Note::default() });
    /// let pieces = sequence.split_on_time_changes();
    /// assert_eq!(pieces.len(), 2);
    /// assert_eq!(pieces[0].notes[0].end_time, 2.0); // cut, not carried over
    /// assert_eq!(pieces[1].notes[0].start_time, 1.5);
    /// ```
    #[must_use]
    pub fn split_on_time_changes(&self) -> Vec<NoteSequence> {
        let times = self.time_change_cuts();
        self.split_at(&times).unwrap_or_default()
    }

    /// The times at which [`Self::split_on_time_changes`] cuts, including start and end.
    #[expect(clippy::float_cmp, reason = "equal tempos are the same number, as in Python")]
    pub(crate) fn time_change_cuts(&self) -> Vec<Seconds> {
        enum Change {
            Meter(u32, u32),
            Tempo(f64),
        }
        let meters = self
            .time_signatures
            .iter()
            .map(|t| (t.time, Change::Meter(t.numerator, t.denominator)));
        let tempos = self.tempos.iter().map(|t| (t.time, Change::Tempo(t.qpm)));
        let mut changes: Vec<(Seconds, Change)> =
            meters.chain(tempos).filter(|(time, _)| *time < self.total_time).collect();
        changes.sort_by(|a, b| a.0.total_cmp(&b.0));

        let (mut meter, mut qpm) = ((4, 4), DEFAULT_QPM);
        let mut cuts = vec![0.0];
        let mut last_cut = 0.0;
        for (time, change) in changes {
            let changed = match change {
                Change::Meter(numerator, denominator) => {
                    std::mem::replace(&mut meter, (numerator, denominator))
                        != (numerator, denominator)
                }
                Change::Tempo(tempo) => std::mem::replace(&mut qpm, tempo) != tempo,
            };
            if changed && time > last_cut {
                cuts.push(time);
                last_cut = time;
            }
        }
        if self.total_time > last_cut {
            cuts.push(self.total_time);
        }
        cuts
    }

    /// Cuts at `times` (ascending): one piece from each to the next, shifted to begin at 0.
    ///
    /// A note belongs to the piece in which it starts and is cut at that piece's end; a note that
    /// sounds across a cut is not continued. The current tempo, meter, key and chord symbol at the
    /// cut are placed at 0; a change exactly at the end belongs to the next piece. Of the
    /// controllers, only the [`PEDALS`] are kept, and their state is carried over; pitch bends and
    /// texts other than chords and beats are dropped. A piece has the pedals and names of only
    /// the instruments in it. `total_time` of a piece is its largest note end.
    ///
    /// # Errors
    /// Returns [`SplitError::TooFewTimes`], [`SplitError::Unsorted`] or [`SplitError::PastEnd`].
    pub fn split_at(&self, times: &[Seconds]) -> Result<Vec<NoteSequence>, SplitError> {
        let [starts @ .., _] = times else { return Err(SplitError::TooFewTimes { n_times: 0 }) };
        if starts.is_empty() {
            return Err(SplitError::TooFewTimes { n_times: times.len() });
        }
        if let Some(pair) =
            times.windows(2).find(|w| w[0].partial_cmp(&w[1]).is_none_or(std::cmp::Ordering::is_gt))
        {
            return Err(SplitError::Unsorted { earlier: pair[0], later: pair[1] });
        }
        if let Some(start) = starts.iter().find(|t| **t >= self.total_time) {
            return Err(SplitError::PastEnd { start: *start, total_time: self.total_time });
        }

        let mut pieces: Vec<NoteSequence> = starts
            .iter()
            .map(|_| NoteSequence {
                ticks_per_quarter: self.ticks_per_quarter,
                ..NoteSequence::default()
            })
            .collect();
        self.deal_notes(times, &mut pieces);
        // The other events of a piece are limited by its notes, because pieces times instruments
        // could be a large number.
        let players: Vec<Vec<u32>> = pieces.iter().map(NoteSequence::instruments).collect();
        self.deal_names(&players, &mut pieces);
        deal_states(
            &self.time_signatures,
            times,
            |t| t.time,
            |piece, mut t, time| {
                t.time = time;
                pieces[piece].time_signatures.push(t);
            },
        );
        deal_states(
            &self.key_signatures,
            times,
            |t| t.time,
            |piece, mut t, time| {
                t.time = time;
                pieces[piece].key_signatures.push(t);
            },
        );
        deal_states(
            &self.tempos,
            times,
            |t| t.time,
            |piece, mut t, time| {
                t.time = time;
                pieces[piece].tempos.push(t);
            },
        );
        let chords: Vec<_> =
            self.text_annotations.iter().filter(|t| t.kind == TextKind::ChordSymbol).collect();
        deal_states(
            &chords,
            times,
            |t| t.time,
            |piece, t, time| {
                let mut chord = t.clone();
                chord.time = time;
                pieces[piece].text_annotations.push(chord);
            },
        );
        for beat in self.text_annotations.iter().filter(|t| t.kind == TextKind::Beat) {
            if let Some(piece) = piece_of(times, beat.time) {
                let mut moved = beat.clone();
                moved.time -= times[piece];
                pieces[piece].text_annotations.push(moved);
            }
        }
        self.deal_pedals(times, &players, &mut pieces);
        for (piece, start) in pieces.iter_mut().zip(starts) {
            piece.subsequence_info = Some(SubsequenceInfo {
                start_time_offset: *start,
                end_time_offset: self.total_time - start - piece.total_time,
            });
        }
        Ok(pieces)
    }

    fn deal_notes(&self, times: &[Seconds], pieces: &mut [NoteSequence]) {
        let mut order: Vec<usize> = (0..self.notes.len()).collect();
        order.sort_by(|a, b| self.notes[*a].start_time.total_cmp(&self.notes[*b].start_time));
        for note in order.into_iter().map(|i| &self.notes[i]) {
            let Some(piece) = piece_of(times, note.start_time) else { continue };
            let mut moved = *note;
            moved.start_time -= times[piece];
            moved.end_time = note.end_time.min(times[piece + 1]) - times[piece];
            pieces[piece].push(moved);
        }
    }

    fn deal_names(&self, players: &[Vec<u32>], pieces: &mut [NoteSequence]) {
        let mut infos: BTreeMap<u32, Vec<&InstrumentInfo>> = BTreeMap::new();
        for info in &self.instrument_infos {
            infos.entry(info.instrument).or_default().push(info);
        }
        for (piece, players) in pieces.iter_mut().zip(players) {
            let own = players.iter().filter_map(|p| infos.get(p)).flatten();
            piece.instrument_infos = own.map(|info| (*info).clone()).collect();
        }
    }

    fn deal_pedals(&self, times: &[Seconds], players: &[Vec<u32>], pieces: &mut [NoteSequence]) {
        let mut events: Vec<&ControlChange> =
            self.control_changes.iter().filter(|c| PEDALS.contains(&c.control_number)).collect();
        events.sort_by(|a, b| a.time.total_cmp(&b.time));
        let mut state: BTreeMap<(u32, u8), ControlChange> = BTreeMap::new();
        let mut events = events.into_iter().peekable();
        for ((piece, players), window) in pieces.iter_mut().zip(players).zip(times.windows(2)) {
            while let Some(event) = events.next_if(|e| e.time <= window[0]) {
                state.insert((event.instrument, event.control_number), *event);
            }
            let keys = players.iter().flat_map(|player| PEDALS.map(|pedal| (*player, pedal)));
            let in_force = keys.filter_map(|key| state.get(&key));
            piece.control_changes.extend(in_force.map(|c| ControlChange { time: 0.0, ..*c }));
            while let Some(event) = events.next_if(|e| e.time < window[1]) {
                if players.binary_search(&event.instrument).is_ok() {
                    let time = event.time - window[0];
                    piece.control_changes.push(ControlChange { time, ..*event });
                }
                state.insert((event.instrument, event.control_number), *event);
            }
        }
    }
}

/// The piece in which something at `time` starts: the last `i` with `times[i] <= time`.
pub(crate) fn piece_of(times: &[Seconds], time: Seconds) -> Option<usize> {
    let next = times.partition_point(|t| *t <= time);
    (1..times.len()).contains(&next).then(|| next - 1)
}

/// Distributes values that apply until the next one: for each piece first the current value, at 0,
/// then those strictly inside.
pub(crate) fn deal_states<T: Clone>(
    events: &[T],
    times: &[Seconds],
    time_of: impl Fn(&T) -> Seconds,
    mut give: impl FnMut(usize, T, Seconds),
) {
    let mut sorted: Vec<&T> = events.iter().collect();
    sorted.sort_by(|a, b| time_of(a).total_cmp(&time_of(b)));
    let mut state: Option<&T> = None;
    let mut sorted = sorted.into_iter().peekable();
    for (piece, window) in times.windows(2).enumerate() {
        while let Some(event) = sorted.next_if(|e| time_of(e) <= window[0]) {
            state = Some(event);
        }
        if let Some(event) = state {
            give(piece, event.clone(), 0.0);
        }
        while let Some(event) = sorted.next_if(|e| time_of(e) < window[1]) {
            give(piece, event.clone(), time_of(event) - window[0]);
            state = Some(event);
        }
    }
}

#[cfg(test)]
mod tests;
