//! Statistics of a sequence: pitches, density, polyphony, range, inter-onset times, entropy,
//! consistency, key.

use serde::{Deserialize, Serialize};

use crate::event::Mode;
use crate::features;
use crate::key::Key;
use crate::pitch::Pitch;
use crate::quantized::QuantizedSequence;
use crate::sequence::{Note, NoteSequence};
use crate::units::{Seconds, Step};

/// Statistics of a sequence. Drums are excluded from everything about pitch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Statistics {
    /// Number of notes, including drums.
    pub n_notes: usize,
    /// Notes per second, including drums; 0 for an empty sequence.
    pub notes_per_second: f64,
    /// Number of notes that begin on each pitch class, C first.
    pub pitch_class_counts: [usize; 12],
    /// Lowest and highest pitch.
    pub pitch_range: Option<(Pitch, Pitch)>,
    /// Entropy of the pitch classes, `−Σ p log₂ p`, in bits: 0 (one class) to log₂ 12.
    pub pitch_class_entropy_bits: f64,
    /// Maximum number of notes that sound together, including drums.
    pub max_polyphony: usize,
    /// Mean number of sounding notes over the time in which any sounds, including drums.
    pub mean_polyphony: f64,
    /// Mean time from one start to the next later one, in seconds, including drums.
    pub mean_inter_onset_seconds: Option<f64>,
    /// The largest fraction of notes in one major or natural minor scale (`MusPy`'s scale
    /// consistency).
    pub scale_consistency: Option<f64>,
    /// Tonic and mode of the best key by Krumhansl and Kessler's profiles.
    pub key: Option<(u8, Mode)>,
}

impl NoteSequence {
    /// The statistics of the sequence.
    ///
    /// # Examples
    /// ```
    /// use note_seq::{MelodyEncoding, Mode, Playback};
    /// let scale = MelodyEncoding::PIANO.decode(&[41, 43, 45, 46, 48, 50, 52, 53])?;
    /// let statistics = scale.to_sequence(&Playback::default()).statistics();
    /// let range = statistics.pitch_range.map(|(low, high)| (low.get(), high.get()));
    /// assert_eq!(range, Some((60, 72)));
    /// assert_eq!(statistics.scale_consistency, Some(1.0));
    /// assert_eq!(statistics.key, Some((0, Mode::Major)));
    /// # Ok::<(), note_seq::UnknownLabel>(())
    /// ```
    pub fn statistics(&self) -> Statistics {
        let tones = || self.notes.iter().filter(|n| !n.is_drum);
        let mut counts = [0_usize; 12];
        for note in tones() {
            counts[usize::from(note.pitch.class())] += 1;
        }
        let weights = counts.map(|n| n as f64);
        let (max_polyphony, mean_polyphony) = polyphony(&self.notes);
        let lowest = tones().map(|n| n.pitch).min();
        let highest = tones().map(|n| n.pitch).max();
        let is_timed = self.total_time > 0.0;
        Statistics {
            n_notes: self.notes.len(),
            notes_per_second: if is_timed {
                self.notes.len() as f64 / self.total_time
            } else {
                0.0
            },
            pitch_class_counts: counts,
            pitch_range: lowest.zip(highest),
            pitch_class_entropy_bits: features::entropy_bits(&weights),
            max_polyphony,
            mean_polyphony,
            mean_inter_onset_seconds: mean_inter_onset(&self.notes),
            scale_consistency: features::scale_consistency(&weights),
            key: self.find_key(),
        }
    }

    /// The tonic and mode that best fit the duration of each pitch class: [`Key::find`]; `None`
    /// without tones.
    pub fn find_key(&self) -> Option<(u8, Mode)> {
        let mut seconds = [0.0; 12];
        for note in self.notes.iter().filter(|n| !n.is_drum) {
            seconds[usize::from(note.pitch.class())] += (note.end_time - note.start_time).max(0.0);
        }
        Key::find(&seconds).map(|key| (key.tonic(), key.mode()))
    }
}

impl QuantizedSequence {
    /// The similarity of the rhythms of consecutive bars, see [`features::groove_consistency`].
    /// `None` for fewer than two bars, or if a bar is not a whole number of steps.
    pub fn groove_consistency(&self) -> Option<f64> {
        const MAX_STEPS: Step = 1 << 20;
        let bar = usize::try_from(self.whole_steps_per_bar()?).ok()?;
        if self.total_steps > MAX_STEPS {
            return None;
        }
        let n_bars = usize::try_from(self.total_steps).ok()?.div_ceil(bar);
        let onsets = self.notes.iter().filter_map(|note| usize::try_from(note.start_step).ok());
        features::groove_consistency(onsets, n_bars, bar)
    }
}

/// Maximum and mean number of sounding notes.
fn polyphony(notes: &[Note]) -> (usize, f64) {
    // At the same time, ends come before starts.
    let mut events: Vec<(Seconds, bool)> = notes
        .iter()
        .flat_map(|n| [(n.start_time, true), (n.end_time.max(n.start_time), false)])
        .collect();
    events.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let (mut sounding, mut most, mut sounding_time, mut note_time, mut last) =
        (0_usize, 0, 0.0, 0.0, 0.0);
    for (time, is_start) in events {
        if sounding > 0 {
            sounding_time += time - last;
            note_time += (time - last) * sounding as f64;
        }
        last = time;
        sounding = if is_start { sounding + 1 } else { sounding.saturating_sub(1) };
        most = most.max(sounding);
    }
    (most, if sounding_time > 0.0 { note_time / sounding_time } else { 0.0 })
}

fn mean_inter_onset(notes: &[Note]) -> Option<f64> {
    let mut starts: Vec<Seconds> = notes.iter().map(|n| n.start_time).collect();
    starts.sort_by(Seconds::total_cmp);
    starts.dedup_by(|a, b| a.to_bits() == b.to_bits());
    let n_gaps = starts.len().checked_sub(1).filter(|n| *n > 0)?;
    Some((starts[n_gaps] - starts[0]) / n_gaps as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StepsPerQuarter;

    fn sequence(spans: &[(u8, f64, f64)]) -> NoteSequence {
        let mut s = NoteSequence::default();
        for (pitch, start_time, end_time) in spans {
            let pitch = Pitch::new(*pitch).unwrap();
            s.push(Note { pitch, start_time: *start_time, end_time: *end_time, ..Note::default() });
        }
        s
    }

    /// C for 2 s; E from 1 to 2 s; C an octave higher from 3 to 4 s: 4 note-seconds in 3 s of
    /// sound, starts 0, 1, 3.
    #[test]
    fn numbers_by_hand() {
        let s = sequence(&[(60, 0.0, 2.0), (64, 1.0, 2.0), (72, 3.0, 4.0)]).statistics();
        assert_eq!(
            (s.n_notes, s.max_polyphony, s.pitch_class_counts[0], s.pitch_class_counts[4]),
            (3, 2, 2, 1)
        );
        assert!((s.notes_per_second - 0.75).abs() < 1e-12);
        assert!((s.mean_polyphony - 4.0 / 3.0).abs() < 1e-12);
        assert!((s.mean_inter_onset_seconds.unwrap() - 1.5).abs() < 1e-12);
        // −(2/3 log₂ 2/3 + 1/3 log₂ 1/3)
        assert!((s.pitch_class_entropy_bits - 0.918_295_834_054_489_6).abs() < 1e-12);
    }

    #[test]
    fn an_empty_sequence_has_no_key_and_no_division_by_zero() {
        let s = NoteSequence::default().statistics();
        assert_eq!(
            (s.key, s.scale_consistency, s.mean_inter_onset_seconds, s.pitch_range),
            (None, None, None, None)
        );
        assert!(
            s.notes_per_second.abs() + s.mean_polyphony + s.pitch_class_entropy_bits.abs()
                < f64::EPSILON
        );
    }

    #[test]
    fn every_scale_is_found_in_its_key() {
        for tonic in 0..12_u8 {
            let major = [0, 4, 7, 0, 2, 4, 5, 7, 9, 11, 0];
            let spans = (0..11_u8)
                .map(|i| (60 + tonic + major[usize::from(i)], f64::from(i), f64::from(i) + 1.0));
            assert_eq!(sequence(&spans.collect::<Vec<_>>()).find_key(), Some((tonic, Mode::Major)));
            let minor = [0, 3, 7, 0, 2, 3, 5, 7, 8, 10, 0];
            let spans = (0..11_u8)
                .map(|i| (60 + tonic + minor[usize::from(i)], f64::from(i), f64::from(i) + 1.0));
            assert_eq!(sequence(&spans.collect::<Vec<_>>()).find_key(), Some((tonic, Mode::Minor)));
        }
    }

    /// Two bars of 16 steps that differ in two of them.
    #[test]
    fn equal_bars_have_a_consistent_groove() {
        let same = sequence(&[(60, 0.0, 1.0), (60, 2.0, 4.0)])
            .quantize(StepsPerQuarter::SIXTEENTHS)
            .unwrap();
        assert_eq!(same.groove_consistency(), Some(1.0));
        let other = sequence(&[(60, 0.0, 1.0), (60, 2.5, 4.0)])
            .quantize(StepsPerQuarter::SIXTEENTHS)
            .unwrap();
        assert_eq!(other.groove_consistency(), Some(1.0 - 2.0 / 16.0));
    }
}
