//! The chord of every beat.

use super::sounding::Slice;
use crate::chords::{Chord, ChordKind};
use crate::note_list::Meter;

/// Minimum cosine of a beat's sound and a chord: a bare fifth has 0.816 with its triads.
const LEAST: f64 = 0.8;
/// Minimum advantage of another chord over the current one, or of a seventh chord over the triads.
const MARGIN: f64 = 0.05;
/// Kinds that are triads, in [`ChordKind::ALL`].
const N_TRIADS: usize = 4;

/// Duration of each pitch class in every beat, in ticks. Pitches count, not notes: a unison once,
/// an octave twice.
pub(super) fn beats(meter: Meter, n_bars: u16, slices: &[Slice]) -> Vec<[f64; 12]> {
    let per_bar = usize::from(meter.beats_per_bar());
    let (bar, beat) = (u32::from(meter.bar()), u32::from(meter.beat()));
    let mut beats = vec![[0.0; 12]; per_bar * usize::from(n_bars)];
    for slice in slices {
        let mut start = slice.start;
        while start < slice.end {
            let (in_bar, bar_start) = (start % bar, start - start % bar);
            let beat_end = bar_start + ((in_bar / beat + 1) * beat).min(bar);
            let end = beat_end.min(slice.end);
            let at = start as usize / bar as usize * per_bar + (in_bar / beat) as usize;
            for pitch in slice.pitches.iter() {
                beats[at][usize::from(pitch % 12)] += f64::from(end - start);
            }
            start = end;
        }
    }
    beats
}

/// The chord of every beat, see [`super::Passage::chords`].
pub(super) fn chords(beats: &[[f64; 12]]) -> Vec<Option<Chord>> {
    let mut last = None;
    let chord = |durations: &[f64; 12]| {
        let length = durations.iter().map(|d| d * d).sum::<f64>().sqrt();
        if length == 0.0 {
            return None;
        }
        let cosine = |chord: Chord| {
            let sum: f64 = chord.pitch_classes().map(|class| durations[usize::from(class)]).sum();
            sum / (chord.kind().intervals().len() as f64).sqrt() / length
        };
        let nearest = |kinds: &[ChordKind]| {
            let chords = kinds.iter().flat_map(|kind| (0..12).map(|root| Chord::new(root, *kind)));
            let mut best = (Chord::new(0, ChordKind::Major), f64::NEG_INFINITY);
            for chord in chords {
                // Of equal ones (up to rounding), the first.
                let cosine = cosine(chord);
                if cosine > best.1 + 1e-9 {
                    best = (chord, cosine);
                }
            }
            best
        };
        let (triads, sevenths) = ChordKind::ALL.split_at(N_TRIADS);
        let (triad, seventh) = (nearest(triads), nearest(sevenths));
        let (mut found, mut best) = if seventh.1 > triad.1 + MARGIN { seventh } else { triad };
        if let Some((chord, cosine)) = last.map(|last| (last, cosine(last)))
            && best <= cosine + MARGIN
        {
            (found, best) = (chord, cosine);
        }
        if best < LEAST {
            return None;
        }
        last = Some(found);
        last
    };
    beats.iter().map(chord).collect()
}

#[cfg(test)]
mod tests {
    use super::super::sounding::slices;
    use super::super::sounding::tests::tone;
    use super::*;

    fn symbols(beats: &[&[(usize, f64)]]) -> Vec<String> {
        let beats: Vec<[f64; 12]> = beats
            .iter()
            .map(|classes| {
                let mut durations = [0.0; 12];
                classes.iter().for_each(|(class, ticks)| durations[*class] += ticks);
                durations
            })
            .collect();
        let chords = chords(&beats).into_iter();
        chords.map(|c| c.map_or("–".to_owned(), |c| c.to_string())).collect()
    }

    #[test]
    fn beats_have_the_nearest_chord_and_keep_it() {
        let (c, e, g, b, a) = ((0, 12.0), (4, 12.0), (7, 12.0), (11, 12.0), (9, 12.0));
        assert_eq!(symbols(&[&[c, e, g], &[g, b, (2, 12.0)]]), ["C", "G"]);
        // A passing tone does not make a seventh chord; a full seventh does: cosines 0.866 and 1.
        assert_eq!(symbols(&[&[c, e, g, (11, 4.0)]]), ["C"]);
        assert_eq!(symbols(&[&[c, e, g, b]]), ["Cmaj7"]);
        // C and E may be part of C or A minor: the previous chord is kept.
        assert_eq!(symbols(&[&[c, e], &[c, e, a], &[c, e]]), ["C", "Am", "Am"]);
        assert_eq!(symbols(&[&[c], &[], &[c, (2, 12.0)]]), ["–", "–", "–"]);
    }

    #[test]
    fn time_is_divided_among_beats() {
        let meter = Meter::from_signature(7, 8).unwrap();
        let slices =
            slices(&[tone(6, 40, 60), tone(6, 40, 72), tone(6, 40, 67)], 84, |n| n.duration);
        let beats = beats(meter, 2, &slices);
        let of_c: Vec<f64> = beats.iter().map(|beat| beat[0]).collect();
        assert_eq!(of_c, [12.0, 24.0, 24.0, 12.0, 8.0, 0.0, 0.0, 0.0]);
        assert_eq!(beats[1][7], 12.0);
    }
}
