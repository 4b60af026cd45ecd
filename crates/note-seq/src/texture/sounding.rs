//! Sounding pitches over time.

use super::PassageNote;

/// A period of time in which the same pitches sound, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slice {
    /// First tick.
    pub(super) start: u32,
    /// The tick after the last one.
    pub(super) end: u32,
    pub(super) pitches: Pitches,
}

impl Slice {
    pub(super) fn ticks(&self) -> f64 {
        f64::from(self.end - self.start)
    }
}

/// A set of MIDI pitches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Pitches(u128);

impl Pitches {
    pub(super) fn insert(&mut self, pitch: u8) {
        self.0 |= 1 << (pitch & 127);
    }

    fn remove(&mut self, pitch: u8) {
        self.0 &= !(1 << (pitch & 127));
    }

    pub(super) const fn len(self) -> u32 {
        self.0.count_ones()
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The lowest pitch; `None` if the set is empty.
    pub(super) fn lowest(self) -> Option<u8> {
        u8::try_from(self.0.trailing_zeros()).ok().filter(|pitch| *pitch < 128)
    }

    /// The highest pitch; `None` if the set is empty.
    pub(super) fn highest(self) -> Option<u8> {
        u8::try_from(self.0.leading_zeros()).ok().and_then(|zeros| 127_u8.checked_sub(zeros))
    }

    pub(super) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// All pitches, ascending.
    pub(super) fn iter(self) -> impl Iterator<Item = u8> {
        let mut rest = self;
        std::iter::from_fn(move || {
            let lowest = rest.lowest()?;
            rest.remove(lowest);
            Some(lowest)
        })
    }

    /// Number of pitches in each pitch class.
    pub(super) fn classes(self) -> [u32; 12] {
        let mut classes = [0; 12];
        self.iter().for_each(|pitch| classes[usize::from(pitch % 12)] += 1);
        classes
    }
}

/// The periods in which something sounds, in order, until `n_ticks`; `duration` gives the length of
/// each note. Every onset is the start of one.
pub(super) fn slices(
    tones: &[PassageNote],
    n_ticks: u32,
    duration: impl Fn(&PassageNote) -> u32,
) -> Vec<Slice> {
    let mut changes = Vec::with_capacity(2 * tones.len());
    for note in tones {
        let end = note.onset.saturating_add(duration(note).max(1)).min(n_ticks);
        // At the same tick, ends come before starts.
        changes.push((note.onset, true, note.pitch.get()));
        changes.push((end, false, note.pitch.get()));
    }
    changes.sort_unstable();
    let mut counts = [0_usize; 128];
    let mut pitches = Pitches::default();
    let mut slices: Vec<Slice> = Vec::with_capacity(changes.len());
    let mut start = 0;
    for changes in changes.chunk_by(|a, b| a.0 == b.0) {
        let tick = changes[0].0;
        if !pitches.is_empty() {
            slices.push(Slice { start, end: tick, pitches });
        }
        start = tick;
        for (_, starts, pitch) in changes {
            let count = &mut counts[usize::from(*pitch)];
            *count = if *starts { *count + 1 } else { *count - 1 };
            if *starts {
                pitches.insert(*pitch);
            } else if *count == 0 {
                pitches.remove(*pitch);
            }
        }
    }
    slices
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::note_list::Family;
    use crate::pitch::Pitch;

    /// A keyboard note without dynamics.
    pub(in super::super) fn tone(onset: u32, duration: u32, pitch: u8) -> PassageNote {
        let (pitch, family) = (Pitch::new(pitch).unwrap(), Family::Keys);
        PassageNote { onset, offset: 0.0, duration, pitch, family, velocity: None }
    }

    #[test]
    fn slices_begin_and_end_with_notes() {
        let tones = [tone(0, 12, 60), tone(0, 12, 60), tone(6, 100, 127), tone(12, 3, 0)];
        let found: Vec<(u32, u32, Vec<u8>)> = slices(&tones, 24, |note| note.duration)
            .iter()
            .map(|s| (s.start, s.end, s.pitches.iter().collect()))
            .collect();
        let expected =
            [(0, 6, vec![60]), (6, 12, vec![60, 127]), (12, 15, vec![0, 127]), (15, 24, vec![127])];
        assert_eq!(found, expected);
        assert_eq!(slices(&[], 24, |note| note.duration), []);
    }

    #[test]
    fn sets_know_their_ends() {
        let mut set = Pitches::default();
        assert_eq!((set.lowest(), set.highest(), set.len()), (None, None, 0));
        [127, 0, 12].iter().for_each(|pitch| set.insert(*pitch));
        assert_eq!((set.lowest(), set.highest(), set.len()), (Some(0), Some(127), 3));
        assert_eq!((set.classes()[0], set.classes()[7]), (2, 1));
    }
}
