//! The sustain pedal: notes last while it is down.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use crate::pitch::Pitch;
use crate::sequence::NoteSequence;
use crate::units::Seconds;

/// The controller number of the sustain pedal.
pub const SUSTAIN_PEDAL: u8 = 64;

/// The kinds of events, in the order in which simultaneous ones are processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    PedalDown(u32),
    PedalUp(u32),
    NoteOn(usize),
    NoteOff(usize),
}

impl Event {
    fn kind(self) -> u8 {
        match self {
            Self::PedalDown(_) => 0,
            Self::PedalUp(_) => 1,
            Self::NoteOn(_) => 2,
            Self::NoteOff(_) => 3,
        }
    }
}

impl NoteSequence {
    /// Lengthens notes by the sustain pedal (controller 64, down from 64 on), like Python's
    /// `apply_sustain_control_changes`; reading never does this automatically.
    ///
    /// While the pedal of its instrument is down, a note lasts until the pedal is released or its
    /// pitch is struck again; a note struck again at its own start is deleted. Notes still held at
    /// the end last until the last event, which is then `total_time`. Drums and controllers are
    /// unchanged.
    pub fn apply_sustain(&mut self) {
        let mut events: Vec<(Seconds, Event)> = Vec::new();
        for (i, note) in self.notes.iter().enumerate().filter(|(_, n)| !n.is_drum) {
            events.push((note.start_time, Event::NoteOn(i)));
            events.push((note.end_time, Event::NoteOff(i)));
        }
        // A stable sort keeps, for equal times, all ons before all offs.
        for pedal in self.control_changes.iter().filter(|c| c.control_number == SUSTAIN_PEDAL) {
            let is_down = pedal.control_value >= 64;
            let event = if is_down {
                Event::PedalDown(pedal.instrument)
            } else {
                Event::PedalUp(pedal.instrument)
            };
            events.push((pedal.time, event));
        }
        events.sort_by(|a, b| match a.0.total_cmp(&b.0) {
            Ordering::Equal => a.1.kind().cmp(&b.1.kind()),
            order => order,
        });
        let mut is_down: BTreeMap<u32, bool> = BTreeMap::new();
        // By instrument, with those of each pitch together.
        let mut sounding: BTreeMap<u32, BTreeSet<(Pitch, usize)>> = BTreeMap::new();
        // Those whose off has come: only these can be held by the pedal.
        let mut held: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        let mut is_off = vec![false; self.notes.len()];
        let mut is_deleted = vec![false; self.notes.len()];
        let mut last_time = 0.0;
        for (time, event) in events {
            last_time = time;
            match event {
                Event::PedalDown(instrument) => {
                    is_down.insert(instrument, true);
                }
                Event::PedalUp(instrument) => {
                    is_down.insert(instrument, false);
                    let sounding = sounding.entry(instrument).or_default();
                    for i in held.remove(&instrument).into_iter().flatten() {
                        let note = &mut self.notes[i];
                        // Unless it was struck again meanwhile.
                        if sounding.remove(&(note.pitch, i)) {
                            note.end_time = time;
                            self.total_time = self.total_time.max(time);
                        }
                    }
                }
                Event::NoteOn(new) => {
                    let (instrument, pitch) = (self.notes[new].instrument, self.notes[new].pitch);
                    let sounding = sounding.entry(instrument).or_default();
                    if is_down.get(&instrument) == Some(&true) {
                        while let Some(old) =
                            sounding.range((pitch, 0)..=(pitch, usize::MAX)).next()
                        {
                            let old = *old;
                            sounding.remove(&old);
                            self.notes[old.1].end_time = time;
                            is_deleted[old.1] |= self.notes[old.1].start_time >= time;
                        }
                    }
                    sounding.insert((pitch, new));
                    // A note whose end is before its start has already ended.
                    if is_off[new] {
                        held.entry(instrument).or_default().push(new);
                    }
                }
                Event::NoteOff(i) => {
                    let (instrument, pitch) = (self.notes[i].instrument, self.notes[i].pitch);
                    is_off[i] = true;
                    let sounding = sounding.entry(instrument).or_default();
                    if is_down.get(&instrument) != Some(&true) {
                        sounding.remove(&(pitch, i));
                    } else if sounding.contains(&(pitch, i)) {
                        held.entry(instrument).or_default().push(i);
                    }
                }
            }
        }
        for (_, i) in sounding.into_values().flatten() {
            self.notes[i].end_time = last_time;
            self.total_time = last_time;
        }
        let mut deleted = is_deleted.into_iter();
        self.notes.retain(|_| !deleted.next().unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ControlChange, Note};

    fn sequence(notes: &[(u8, f64, f64)], pedals: &[(f64, u8)]) -> NoteSequence {
        let mut s = NoteSequence::default();
        for (pitch, start_time, end_time) in notes {
            let pitch = Pitch::new(*pitch).unwrap();
            s.push(Note { pitch, start_time: *start_time, end_time: *end_time, ..Note::default() });
        }
        s.control_changes = (pedals.iter())
            .map(|(time, value)| ControlChange {
                time: *time,
                control_number: SUSTAIN_PEDAL,
                control_value: *value,
                ..ControlChange::default()
            })
            .collect();
        s.apply_sustain();
        s
    }

    fn spans(s: &NoteSequence) -> Vec<(u8, f64, f64)> {
        s.notes.iter().map(|n| (n.pitch.get(), n.start_time, n.end_time)).collect()
    }

    #[test]
    fn notes_last_until_the_pedal_goes_up_or_they_are_struck_again() {
        let s = sequence(
            &[(60, 0.0, 0.125), (62, 0.25, 0.375), (60, 0.5, 0.625)],
            &[(0.0, 127), (1.0, 0)],
        );
        assert_eq!(spans(&s), [(60, 0.0, 0.5), (62, 0.25, 1.0), (60, 0.5, 1.0)]);
        assert!((s.total_time - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_pedal_that_never_goes_up_holds_to_the_last_event() {
        let s = sequence(&[(60, 0.0, 0.125), (62, 0.25, 0.375)], &[(0.0, 64)]);
        assert_eq!(spans(&s), [(60, 0.0, 0.375), (62, 0.25, 0.375)]);
    }

    #[test]
    fn of_two_notes_struck_at_once_one_stays() {
        let s = sequence(&[(60, 0.0, 1.0), (60, 0.0, 2.0)], &[(0.0, 127), (3.0, 0)]);
        assert_eq!(spans(&s), [(60, 0.0, 3.0)]);
    }

    #[test]
    fn values_below_64_are_up() {
        let s = sequence(&[(60, 0.0, 0.125), (62, 0.25, 0.375)], &[(0.0, 63)]);
        assert_eq!(spans(&s), [(60, 0.0, 0.125), (62, 0.25, 0.375)]);
    }
}
