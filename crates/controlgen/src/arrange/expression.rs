//! Loudness and tempo over the form of a piece: sections are louder or softer, and the end slows.

use musicvae::seed;
use note_seq::{NoteSequence, Tempo, Velocity};
use rand::RngExt;
use rand_distr::StandardNormal;

use crate::piece::Form;

/// Windows of new music, at most, that are as loud as each other: eight bars of windows of two.
const PHRASE: usize = 4;
/// Deviations from the usual loudness, at most.
const MOST: f64 = 2.0;
/// Bars over which the end slows.
const SLOWING_BARS: f64 = 2.0;

/// Changes of loudness and tempo over a piece.
///
/// # Examples
/// ```
/// use controlgen::arrange::Expression;
/// use controlgen::piece::Form;
/// use note_seq::{Note, NoteSequence, Velocity};
/// let mut music = NoteSequence::default();
/// let velocity = Velocity::saturating(80);
/// (0..32).for_each(|beat| {
///     let start_time = 0.5 * f64::from(beat);
///     music.push(Note { velocity, start_time, end_time: start_time + 0.5, ..Note::default() });
/// });
/// let even = music.clone();
/// let form = Form::through_composed(4);
/// Expression::EVEN.apply(&mut music, &form, 7, 0);
/// assert_eq!(music, even);
/// Expression::default().apply(&mut music, &form, 7, 0);
/// // The last two bars are slower, those before are not.
/// assert_eq!(music.notes[24].start_time, even.notes[24].start_time);
/// assert!(music.total_time > even.total_time + 0.3);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expression {
    /// Standard deviation of the loudness of sections, in steps of velocity.
    pub loudness: f64,
    /// Tempo of the last beat, as a fraction of the piece's own.
    pub last_tempo: f64,
}

impl Default for Expression {
    /// As usual in real files that have dynamics or slow at the end (docs/pieces.md has figures).
    fn default() -> Self {
        Self { loudness: 3.5, last_tempo: 0.8 }
    }
}

impl Expression {
    /// Every section as loud, at one tempo.
    pub const EVEN: Self = Self { loudness: 0.0, last_tempo: 1.0 };

    /// Shapes a piece whose windows are of equal length. What returns, varied or not, is as loud as
    /// it was. Draws depend on the seed and the piece's `index` alone. The end of music that has
    /// several tempos stays as it is.
    pub fn apply(&self, music: &mut NoteSequence, form: &Form, seed: u64, index: u64) {
        if self.loudness > 0.0 && !form.slots.is_empty() {
            let levels = self.levels(form, seed, index);
            let seconds = music.total_time / levels.len() as f64;
            for note in &mut music.notes {
                // A note a little before its window still belongs to it.
                let after = (0..levels.len())
                    .take_while(|at| *at as f64 * seconds <= note.start_time + 0.01)
                    .last()
                    .unwrap_or(0);
                let velocity = i32::from(note.velocity.get()) + levels[after];
                let velocity = u8::try_from(velocity.clamp(1, 127)).unwrap_or(127);
                note.velocity = Velocity::saturating(velocity);
            }
        }
        if self.last_tempo < 1.0 && music.tempos.len() <= 1 {
            self.slow(music);
        }
    }

    /// Steps of velocity that each window is louder by.
    fn levels(&self, form: &Form, seed: u64, index: u64) -> Vec<i32> {
        let mut rng = seed::stream(seed, "loudness", index);
        let mut draw = || -> i32 {
            let deviations: f64 = rng.sample(StandardNormal);
            (self.loudness * deviations.clamp(-MOST, MOST)).round() as i32
        };
        let (mut levels, mut n_new, mut level) = (Vec::new(), 0, 0);
        for slot in &form.slots {
            let returns = slot.returns.and_then(|(of, _)| levels.get(of)).copied();
            levels.push(returns.unwrap_or_else(|| {
                if n_new % PHRASE == 0 {
                    level = draw();
                }
                level
            }));
            n_new = if returns.is_some() { 0 } else { n_new + 1 };
        }
        levels
    }

    /// Slows the last bars, beat by beat.
    fn slow(&self, music: &mut NoteSequence) {
        let map = music.tempo_map();
        let qpm = map.qpm(&map.pieces()[0]);
        let end = map.quarters(music.total_time);
        let bars = music.bar_map();
        let bar = bars.pieces().last().map_or(4.0, note_seq::BarPiece::quarters_per_bar);
        let n_beats = (SLOWING_BARS * bar).floor();
        let first = end - n_beats;
        if n_beats < 1.0 || first <= 0.0 {
            return;
        }
        let from = map.seconds_at_quarters(first);
        // Where each beat begins, in quarters and in seconds, and its tempo.
        let mut beats = Vec::new();
        let mut time = from;
        let mut beat = 0.0;
        while beat < n_beats {
            let slower = 1.0 - (1.0 - self.last_tempo) * (beat + 1.0) / n_beats;
            beats.push((first + beat, time, qpm * slower));
            time += 60.0 / (qpm * slower);
            beat += 1.0;
        }
        let moved = |seconds: f64| {
            let quarters = map.quarters(seconds);
            let at = beats.iter().rev().find(|(begin, ..)| *begin <= quarters);
            at.map_or(seconds, |(begin, time, qpm)| time + (quarters - begin) * 60.0 / qpm)
        };
        for note in &mut music.notes {
            note.start_time = moved(note.start_time);
            note.end_time = moved(note.end_time);
        }
        music.total_time = moved(music.total_time);
        music.time_signatures.iter_mut().for_each(|event| event.time = moved(event.time));
        music.key_signatures.iter_mut().for_each(|event| event.time = moved(event.time));
        music.control_changes.iter_mut().for_each(|event| event.time = moved(event.time));
        music.pitch_bends.iter_mut().for_each(|event| event.time = moved(event.time));
        music.text_annotations.iter_mut().for_each(|event| event.time = moved(event.time));
        if music.tempos.is_empty() {
            music.tempos.push(Tempo { time: 0.0, qpm });
        }
        music.tempos.extend(beats.into_iter().map(|(_, time, qpm)| Tempo { time, qpm }));
    }
}

#[cfg(test)]
mod tests {
    use note_seq::{Note, TimeSignature};

    use super::*;
    use crate::piece::Slot;

    /// Quarters at 120 for some bars of 3/4.
    fn music(n_bars: u32) -> NoteSequence {
        let mut music = NoteSequence { ticks_per_quarter: 480, ..NoteSequence::default() };
        music.tempos.push(Tempo { time: 0.0, qpm: 120.0 });
        music.time_signatures.push(TimeSignature { time: 0.0, numerator: 3, denominator: 4 });
        for beat in 0..3 * n_bars {
            let start_time = 0.5 * f64::from(beat);
            let velocity = Velocity::saturating(80);
            music.push(Note {
                velocity,
                start_time,
                end_time: start_time + 0.5,
                ..Note::default()
            });
        }
        music
    }

    #[test]
    fn what_returns_is_as_loud_as_it_was_and_phrases_differ() {
        let mut form = Form::through_composed(12);
        form.slots[8] = Slot { returns: Some((0, 0.7)), key: 0 };
        let expression = Expression { last_tempo: 1.0, ..Expression::default() };
        let mut shaped = music(24);
        expression.apply(&mut shaped, &form, 3, 1);
        // Two bars of three quarters for each window.
        let loudness: Vec<u8> = shaped.notes.iter().map(|n| n.velocity.get()).collect();
        let of = |window: usize| &loudness[6 * window..6 * window + 6];
        assert!(of(0).iter().all(|velocity| *velocity == of(0)[0]));
        assert_eq!((of(0), of(0)), (of(3), of(8)));
        assert_ne!(of(0), of(4));
        let mut again = music(24);
        expression.apply(&mut again, &form, 3, 1);
        assert_eq!(again, shaped);
        let other = (0..8).any(|index| {
            let mut other = music(24);
            expression.apply(&mut other, &form, 3, index);
            other != shaped
        });
        assert!(other, "pieces differ");
    }

    #[test]
    fn the_last_two_bars_slow_by_the_beat_and_keep_their_places() {
        let mut slowed = music(4);
        let expression = Expression { loudness: 0.0, last_tempo: 0.7 };
        expression.apply(&mut slowed, &Form::through_composed(2), 0, 0);
        let expected: Vec<f64> =
            (1..=6).map(|beat| 120.0 * (1.0 - 0.05 * f64::from(beat))).collect();
        let tempos: Vec<f64> = slowed.tempos[1..].iter().map(|tempo| tempo.qpm).collect();
        assert!(tempos.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-9), "{tempos:?}");
        let map = slowed.tempo_map();
        for (beat, note) in slowed.notes.iter().enumerate() {
            let quarters = map.quarters(note.start_time);
            assert!((quarters - beat as f64).abs() < 1e-6, "{quarters}");
        }
        let end = 3.0 + expected.iter().map(|qpm| 60.0 / qpm).sum::<f64>();
        assert!((slowed.total_time - end).abs() < 1e-9);
        // Too short to slow.
        let mut short = music(2);
        expression.apply(&mut short, &Form::through_composed(1), 0, 0);
        assert_eq!(short, music(2));
    }
}
