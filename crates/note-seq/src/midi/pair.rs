//! Pairs note-on with note-off events, by the rules of Python's `pretty_midi`.
//!
//! A key is (channel, pitch) within one track. A note-off closes every open note of its key that
//! began on an earlier tick, oldest first. Open notes that began on the same tick stay open if an
//! older one was closed; otherwise they have no length and are dropped.

const N_KEYS: usize = 16 * 128;
const NONE: u32 = u32::MAX;

/// An open note in its key's list.
#[derive(Debug, Clone, Copy)]
struct Open {
    tick: u64,
    voice: Voice,
    next: u32,
}

/// The properties of an open note that are fixed at its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Voice {
    pub(super) velocity: u8,
    /// The program set by the track for the channel.
    pub(super) program: u8,
    /// The index of the channel among those of all ports.
    pub(super) channel: u32,
}

/// The open notes of one track.
#[derive(Debug)]
pub(super) struct Pairing {
    /// First and last open note of each key.
    ends: Vec<(u32, u32)>,
    pool: Vec<Open>,
    free: u32,
    n_open: usize,
}

/// The effect of a note-off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closed {
    /// Nothing was open.
    Nothing,
    /// This many notes ended.
    Notes(usize),
    /// Only notes of no length were open; they were dropped.
    Empty {
        /// Their number.
        n_notes: u64,
        /// The last one.
        voice: Voice,
    },
}

impl Pairing {
    pub(super) fn new() -> Self {
        Self { ends: vec![(NONE, NONE); N_KEYS], pool: Vec::new(), free: NONE, n_open: 0 }
    }

    /// Discards all open notes: state never outlives a track.
    pub(super) fn clear(&mut self) {
        if self.n_open > 0 {
            self.ends.fill((NONE, NONE));
        }
        self.pool.clear();
        self.free = NONE;
        self.n_open = 0;
    }

    pub(super) fn n_open(&self) -> usize {
        self.n_open
    }

    /// Opens a note and returns whether its key was already open.
    #[inline]
    pub(super) fn on(&mut self, channel: u8, pitch: u8, tick: u64, voice: Voice) -> bool {
        let open = Open { tick, voice, next: NONE };
        let at = if self.free == NONE {
            self.pool.push(open);
            // Every open note took at least two bytes of a file below 2^32 bytes or so, so it fits.
            u32::try_from(self.pool.len() - 1).unwrap_or(NONE)
        } else {
            let at = self.free;
            self.free = self.pool[at as usize].next;
            self.pool[at as usize] = open;
            at
        };
        let ends = &mut self.ends[key(channel, pitch)];
        let was_open = ends.1 != NONE;
        if was_open {
            self.pool[ends.1 as usize].next = at;
        } else {
            ends.0 = at;
        }
        ends.1 = at;
        self.n_open += 1;
        was_open
    }

    /// Closes the only note of a key, if there is exactly one and it has a length; returns its
    /// start and voice.
    #[inline]
    pub(super) fn off_single(&mut self, channel: u8, pitch: u8, tick: u64) -> Option<(u64, Voice)> {
        let ends = &mut self.ends[key(channel, pitch)];
        if ends.0 == NONE || ends.0 != ends.1 {
            return None;
        }
        let open = self.pool[ends.0 as usize];
        if open.tick == tick {
            return None;
        }
        let at = std::mem::replace(ends, (NONE, NONE)).0;
        self.release(at);
        Some((open.tick, open.voice))
    }

    /// Closes the notes of a key; `emit` receives each ended note's start and voice, oldest first.
    pub(super) fn off(
        &mut self,
        channel: u8,
        pitch: u8,
        tick: u64,
        mut emit: impl FnMut(u64, Voice),
    ) -> Closed {
        let key = key(channel, pitch);
        let mut at = self.ends[key].0;
        if at == NONE {
            return Closed::Nothing;
        }
        let mut n_closed = 0;
        while at != NONE && self.pool[at as usize].tick != tick {
            let open = self.pool[at as usize];
            emit(open.tick, open.voice);
            at = self.release(at);
            n_closed += 1;
        }
        if n_closed > 0 {
            self.ends[key] = if at == NONE { (NONE, NONE) } else { (at, self.ends[key].1) };
            return Closed::Notes(n_closed);
        }
        let (mut n_notes, mut voice) = (0, self.pool[at as usize].voice);
        while at != NONE {
            voice = self.pool[at as usize].voice;
            at = self.release(at);
            n_notes += 1;
        }
        self.ends[key] = (NONE, NONE);
        Closed::Empty { n_notes, voice }
    }

    /// Emits every open note, key by key: pitch, start, voice.
    pub(super) fn drain(&mut self, mut emit: impl FnMut(u8, u64, Voice)) {
        for key in 0..N_KEYS {
            let mut at = self.ends[key].0;
            while at != NONE {
                let open = self.pool[at as usize];
                #[expect(clippy::cast_possible_truncation, reason = "a pitch is below 128")]
                emit((key % 128) as u8, open.tick, open.voice);
                at = open.next;
            }
        }
        self.clear();
    }

    fn release(&mut self, at: u32) -> u32 {
        let next = self.pool[at as usize].next;
        self.pool[at as usize].next = self.free;
        self.free = at;
        self.n_open -= 1;
        next
    }
}

fn key(channel: u8, pitch: u8) -> usize {
    usize::from(channel & 15) * 128 + usize::from(pitch & 127)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loud(velocity: u8) -> Voice {
        Voice { velocity, program: 3, channel: 7 }
    }

    fn off(pairing: &mut Pairing, tick: u64) -> (Closed, Vec<(u64, u8)>) {
        let mut notes = Vec::new();
        let closed = pairing.off(0, 60, tick, |start, voice| notes.push((start, voice.velocity)));
        (closed, notes)
    }

    #[test]
    fn the_first_off_ends_all_older_notes_and_a_second_finds_nothing() {
        let mut p = Pairing::new();
        assert!(!p.on(0, 60, 0, loud(90)));
        assert!(p.on(0, 60, 24, loud(70)));
        assert_eq!(p.off_single(0, 60, 48), None);
        assert_eq!(off(&mut p, 48), (Closed::Notes(2), vec![(0, 90), (24, 70)]));
        assert_eq!(off(&mut p, 96), (Closed::Nothing, vec![]));
    }

    #[test]
    fn a_note_begun_on_the_offs_tick_stays_if_an_older_one_ended() {
        let mut p = Pairing::new();
        p.on(0, 60, 0, loud(90));
        p.on(0, 60, 96, loud(80));
        assert_eq!(off(&mut p, 96), (Closed::Notes(1), vec![(0, 90)]));
        assert_eq!(off(&mut p, 192), (Closed::Notes(1), vec![(96, 80)]));
    }

    #[test]
    fn the_only_note_of_a_key_is_closed_at_once_unless_it_has_no_length() {
        let mut p = Pairing::new();
        p.on(0, 60, 5, loud(90));
        assert_eq!((p.off_single(0, 60, 5), p.off_single(1, 60, 6)), (None, None));
        assert_eq!(p.off_single(0, 60, 6), Some((5, loud(90))));
        assert_eq!((p.off_single(0, 60, 7), p.n_open()), (None, 0));
    }

    #[test]
    fn a_note_of_no_length_is_given_up() {
        let mut p = Pairing::new();
        p.on(0, 60, 5, loud(90));
        assert_eq!(off(&mut p, 5), (Closed::Empty { n_notes: 1, voice: loud(90) }, vec![]));
        assert_eq!(p.n_open(), 0);
        p.on(0, 60, 6, loud(90));
        p.on(3, 61, 7, loud(91));
        let mut left = Vec::new();
        p.drain(|pitch, start, voice| left.push((pitch, start, voice)));
        assert_eq!(left, [(60, 6, loud(90)), (61, 7, loud(91))]);
    }
}
