//! Musical time: the same music at one tempo throughout.

use crate::event::Tempo;
use crate::sequence::NoteSequence;
use crate::units::{Qpm, Seconds};

impl NoteSequence {
    /// Gives the music one tempo, `qpm` quarter notes per minute, and moves everything with a time
    /// accordingly: `t ↦ 60 · q(t) / qpm`, where `q(t)` is the number of quarter notes before `t`
    /// by [`Self::tempo_map`], on the nearest tick of the map.
    ///
    /// Events before time 0 keep their time, so that they are still recognized as such. The source
    /// of cut music ([`Self::subsequence_info`]) is deleted, because its times refer to the old
    /// tempo.
    ///
    /// # Examples
    /// ```
    /// use note_seq::{Note, NoteSequence, Tempo};
    /// let mut sequence = NoteSequence { ticks_per_quarter: 480, ..NoteSequence::default() };
    /// sequence.tempos = vec![Tempo { time: 0.0, qpm: 120.0 }, Tempo { time: 1.0, qpm: 60.0 }];
    /// sequence.push(Note { start_time: 1.0, end_time: 3.0, ..Note::default() });
    /// sequence.even_out_tempo(120.0);
    /// // Two quarter notes in, two quarter notes long.
    /// assert_eq!((sequence.notes[0].start_time, sequence.notes[0].end_time), (1.0, 2.0));
    /// assert_eq!((sequence.tempos.len(), sequence.total_time), (1, 2.0));
    /// ```
    ///
    /// # Panics
    /// If `qpm` is not a positive finite number.
    pub fn even_out_tempo(&mut self, qpm: Qpm) {
        assert!(qpm > 0.0 && qpm.is_finite(), "a tempo is positive and finite");
        let map = self.tempo_map();
        let ticks_per_quarter = map.ticks_per_quarter();
        // In this order, so that the result is the nearest number to the exact time: one division
        // of integers, if `qpm` is an integer.
        let moved = |seconds: Seconds| {
            if seconds > 0.0 && seconds.is_finite() {
                let ticks = (map.quarters(seconds) * ticks_per_quarter).round();
                60.0 * ticks / (qpm * ticks_per_quarter)
            } else {
                seconds
            }
        };
        for note in &mut self.notes {
            note.start_time = moved(note.start_time);
            note.end_time = moved(note.end_time);
        }
        let times = (self.time_signatures.iter_mut().map(|e| &mut e.time))
            .chain(self.key_signatures.iter_mut().map(|e| &mut e.time))
            .chain(self.pitch_bends.iter_mut().map(|e| &mut e.time))
            .chain(self.control_changes.iter_mut().map(|e| &mut e.time))
            .chain(self.text_annotations.iter_mut().map(|e| &mut e.time));
        times.for_each(|time| *time = moved(*time));
        self.total_time = moved(self.total_time);
        self.subsequence_info = None;
        self.tempos = vec![Tempo { time: 0.0, qpm }];
    }
}

#[cfg(test)]
mod tests {
    use crate::midi::{ReadOptions, read};
    use crate::{MelodyConverter, Note, NoteSequence, StepsPerQuarter, Tempo, TimeSignature};

    /// A file of 32 notes whose ends lie halfway between two steps, and a tempo for every quarter.
    fn file(tempos: impl Fn(u32) -> u32) -> Vec<u8> {
        let mut track = Vec::new();
        for i in 0..32_u32 {
            track.extend([0, 0xff, 0x51, 3]);
            track.extend(&tempos(i).to_be_bytes()[1..]);
            let pitch = 48 + i as u8;
            // 12 of 96 ticks are half a step.
            track.extend([0, 0x90, pitch, 80, 84, 0x80, pitch, 0, 12]);
            track.extend([0xff, 1, 0]);
        }
        track.extend([0, 0xff, 0x2f, 0]);
        let mut bytes = b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk".to_vec();
        bytes.extend((track.len() as u32).to_be_bytes());
        bytes.extend(track);
        bytes
    }

    /// A time in musical units does not depend on the tempo, nor do the steps at halves.
    #[test]
    fn the_tempo_makes_no_difference_to_the_grid() {
        let even = |tempos: &dyn Fn(u32) -> u32| {
            let mut sequence = read(&file(tempos), &ReadOptions::default()).unwrap().sequence;
            sequence.even_out_tempo(120.0);
            sequence
        };
        let constant = even(&|_| 500_000);
        let quantized = constant.quantize(StepsPerQuarter::SIXTEENTHS).unwrap();
        // 84 ticks are three and a half steps, which are rounded up.
        assert!(quantized.notes.iter().all(|n| n.end_step - n.start_step == 4));
        let slow = even(&|_| 631_579);
        let wild = even(&|i| 300_000 + i * 7919);
        for other in [slow, wild] {
            let times = |s: &NoteSequence| -> Vec<(f64, f64)> {
                s.notes.iter().map(|n| (n.start_time, n.end_time)).collect()
            };
            assert_eq!(times(&other), times(&constant));
            assert_eq!(other.total_time.to_bits(), constant.total_time.to_bits());
            let windows = MelodyConverter::mel_2bar().windows(&other);
            assert_eq!(windows.windows.len(), 7, "{:?}", windows.skipped);
        }
    }

    #[test]
    fn times_that_are_none_stay_and_metres_move_along() {
        let mut sequence = NoteSequence::default();
        sequence.tempos.push(Tempo { time: 0.0, qpm: 60.0 });
        sequence.time_signatures.push(TimeSignature { time: 4.0, numerator: 3, denominator: 4 });
        for end_time in [-1.0, f64::INFINITY, 1e300] {
            sequence.push(Note { start_time: -2.0, end_time, ..Note::default() });
        }
        sequence.even_out_tempo(120.0);
        assert_eq!(sequence.time_signatures[0].time, 2.0);
        assert_eq!(sequence.notes[0].end_time, -1.0);
        assert_eq!(sequence.notes[1].end_time, f64::INFINITY);
        assert!(sequence.notes[2].end_time > 1e299);
    }
}
