//! The sounding notes and their ends.

/// Maximum number of simultaneous notes.
const MAX_VOICES: usize = 256;

/// A note as it is sent to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Voice {
    /// A number that no other sounding note has.
    pub(crate) id: u32,
    /// MIDI channel, 0 to 15.
    pub(crate) channel: u8,
    /// Key number, 0 to 127.
    pub(crate) key: u8,
}

/// Receives notes: the host's event list for a block.
pub(crate) trait Sink {
    /// Starts a note at a sample, with a velocity of 1 to 127. Returns `false` if the list is full.
    fn note_on(&mut self, time: u32, voice: Voice, velocity: u8) -> bool;

    /// Ends a note at a sample. Returns `false` if the list is full.
    fn note_off(&mut self, time: u32, voice: Voice) -> bool;
}

/// The sounding notes.
pub(super) struct Voices {
    sounding: Vec<Sounding>,
    next_id: u32,
}

#[derive(Clone, Copy)]
struct Sounding {
    voice: Voice,
    /// The song position at which it ends, in quarter notes.
    end: f64,
}

impl Voices {
    pub(super) fn new() -> Self {
        Self { sounding: Vec::with_capacity(MAX_VOICES), next_id: 0 }
    }

    /// Starts a note that lasts until a song position. A note that sounds on the same key ends
    /// first, because most instruments have one voice per key. Returns `false` if the host takes no
    /// more events.
    pub(super) fn start(
        &mut self,
        (channel, key, velocity): (u8, u8, u8),
        end: f64,
        time: u32,
        sink: &mut impl Sink,
    ) -> bool {
        let same = |s: &Sounding| (s.voice.channel, s.voice.key) == (channel, key);
        while let Some(at) = self.sounding.iter().position(same) {
            if !self.stop(at, time, sink) {
                return false;
            }
        }
        if self.sounding.len() == MAX_VOICES {
            return false;
        }
        let voice = Voice { id: self.next_id, channel, key };
        if !sink.note_on(time, voice, velocity) {
            return false;
        }
        // CLAP's note ids are not negative.
        self.next_id = (self.next_id + 1) & 0x7fff_ffff;
        self.sounding.push(Sounding { voice, end });
        true
    }

    /// The first end at or before a song position.
    pub(super) fn next_end(&self, up_to: f64) -> Option<f64> {
        let ends = self.sounding.iter().map(|s| s.end).filter(|end| *end <= up_to);
        ends.min_by(f64::total_cmp)
    }

    /// Ends all notes whose end is at or before a song position. Returns `false` if the host takes
    /// no more events; the remaining notes are ended as soon as it does.
    pub(super) fn end_at(&mut self, position: f64, time: u32, sink: &mut impl Sink) -> bool {
        while let Some(at) = self.sounding.iter().position(|s| s.end <= position) {
            if !self.stop(at, time, sink) {
                return false;
            }
        }
        true
    }

    /// Marks all notes as ended, regardless of the song position.
    pub(super) fn release(&mut self) {
        self.sounding.iter_mut().for_each(|s| s.end = f64::NEG_INFINITY);
    }

    fn stop(&mut self, at: usize, time: u32, sink: &mut impl Sink) -> bool {
        let is_taken = sink.note_off(time, self.sounding[at].voice);
        if is_taken {
            self.sounding.swap_remove(at);
        }
        is_taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Accepts a limited number of events.
    #[derive(Default)]
    struct Room {
        left: usize,
        taken: Vec<(u32, u8, bool)>,
    }

    impl Room {
        fn take(&mut self, event: (u32, u8, bool)) -> bool {
            let has_room = self.left > 0;
            if has_room {
                self.left -= 1;
                self.taken.push(event);
            }
            has_room
        }
    }

    impl Sink for Room {
        fn note_on(&mut self, time: u32, voice: Voice, _: u8) -> bool {
            self.take((time, voice.key, true))
        }

        fn note_off(&mut self, time: u32, voice: Voice) -> bool {
            self.take((time, voice.key, false))
        }
    }

    #[test]
    fn a_key_that_sounds_is_released_before_it_is_struck_again() {
        let (mut voices, mut room) = (Voices::new(), Room { left: 9, ..Room::default() });
        assert!(voices.start((0, 60, 80), 4.0, 0, &mut room));
        assert!(voices.start((1, 60, 80), 4.0, 5, &mut room), "another channel is another key");
        assert!(voices.start((0, 60, 80), 2.0, 7, &mut room));
        assert_eq!(room.taken, [(0, 60, true), (5, 60, true), (7, 60, false), (7, 60, true)]);
        assert_eq!(voices.next_end(9.0), Some(2.0));
    }

    #[test]
    fn ends_that_a_full_host_refuses_are_sent_later() {
        let (mut voices, mut room) = (Voices::new(), Room { left: 3, ..Room::default() });
        assert!(voices.start((0, 60, 80), 1.0, 0, &mut room));
        assert!(voices.start((0, 64, 80), 1.0, 0, &mut room));
        assert!(!voices.end_at(1.0, 9, &mut room));
        assert!(!voices.start((0, 67, 80), 1.0, 9, &mut room));
        room.left = 9;
        assert!(voices.end_at(1.0, 0, &mut room));
        assert!(voices.sounding.is_empty());
        assert_eq!(room.taken[2..], [(9, 60, false), (0, 64, false)]);
    }

    #[test]
    fn no_more_notes_sound_than_there_is_room_for() {
        let (mut voices, mut room) = (Voices::new(), Room { left: 1000, ..Room::default() });
        let all = (0..3).flat_map(|channel| (0..128).map(move |key| (channel, key, 80)));
        let n = all.filter(|note| voices.start(*note, 1.0, 0, &mut room)).count();
        assert_eq!(n, MAX_VOICES);
        voices.release();
        assert!(voices.end_at(f64::MIN, 0, &mut room) && voices.sounding.is_empty());
    }
}
