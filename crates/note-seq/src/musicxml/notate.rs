//! Converts sequences to scores: a grid, bars, and a part for each instrument.

use std::collections::BTreeMap;

use super::score::{Bar, Part, Score, Signs, Sounds, Tone};
use super::staff::{Clef, Staff, in_two_staves};
use super::{GRIDS, MAX_BARS, MusicXmlError, ScoreOptions};
use crate::bar_map::BarMap;
use crate::event::{KeySignature, Mode};
use crate::key::Key;
use crate::pitch::{Pitch, Program};
use crate::sequence::{Note, NoteSequence};
use crate::tempo_map::TempoMap;
use crate::units::StepsPerQuarter;

/// Maximum distance, in quarter notes, of a note from a step that it counts as on: half a tick of
/// the coarsest files.
const OFF_GRID: f64 = 0.004;

/// Maximum difference, in steps, of positions that are equal before rounding.
const ROUNDING: f64 = 1e-6;

/// Dynamic marks with the velocity of each: a sixth of the range per mark.
const SIGNS: [(&str, f64); 6] =
    [("pp", 33.0), ("p", 49.0), ("mp", 64.0), ("mf", 80.0), ("f", 96.0), ("ff", 112.0)];
/// Minimum difference of a bar's mean velocity from the current mark for a new mark.
const NEW_SIGN: f64 = 10.0;

/// A part has two staves if it goes below the first and above the second: F3 and G4.
const TWO_STAVES: [u8; 2] = [53, 67];

/// Converts seconds to steps.
struct Steps<'a> {
    tempos: &'a TempoMap,
    per_quarter: f64,
}

impl Steps<'_> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates, as wanted"
    )]
    fn at_quarters(&self, quarters: f64) -> u32 {
        // Halves are rounded up, including those slightly decreased by the rounding of seconds.
        (quarters * self.per_quarter + 0.5 + ROUNDING).floor() as u32
    }

    fn at(&self, seconds: f64) -> u32 {
        self.at_quarters(self.tempos.quarters(seconds))
    }

    fn tone(&self, note: &Note) -> Tone {
        let start = self.at(note.start_time);
        let end = self.at(note.end_time).max(start.saturating_add(1));
        Tone { start, end, pitch: note.pitch, velocity: Some(note.velocity) }
    }
}

pub(super) fn score(
    sequence: &NoteSequence,
    options: &ScoreOptions,
) -> Result<Score, MusicXmlError> {
    let tempos = sequence.tempo_map();
    let grid = options.steps_per_quarter.unwrap_or_else(|| grid(sequence, &tempos));
    let steps = Steps { tempos: &tempos, per_quarter: f64::from(grid.get()) };
    let mut parts = BTreeMap::<(bool, u32), Vec<&Note>>::new();
    for note in &sequence.notes {
        parts.entry((note.is_drum, note.instrument)).or_default().push(note);
    }
    let last = sequence.notes.iter().map(|note| steps.tone(note).end).max().unwrap_or(0);
    let end = last.max(steps.at(sequence.total_time));
    let mut bars = bars(&sequence.bar_map(), &steps, end, grid)?;
    write_keys(sequence, &steps, &mut bars);
    let mut channels = (1_u8..=16).filter(|channel| *channel != 10).cycle();
    let part = |((is_drum, instrument), notes): ((bool, u32), Vec<&Note>)| {
        let tones: Vec<Tone> = notes.iter().map(|note| steps.tone(note)).collect();
        let program = notes.first().map_or_else(Program::default, |note| note.program);
        let given = sequence.instrument_name(instrument).filter(|name| !name.is_empty());
        let name = given.unwrap_or(if is_drum { "drums" } else { program.name() }).to_owned();
        let sounds = if is_drum {
            let mut keys: Vec<Pitch> = tones.iter().map(|tone| tone.pitch).collect();
            keys.sort_unstable();
            keys.dedup();
            Sounds::Drums(keys)
        } else {
            Sounds::Program(program, channels.next().unwrap_or(1))
        };
        let signs = signs(&tones, &bars);
        let staves = if is_drum {
            vec![Staff::of_chords(&tones, &bars, Some(Clef::Percussion))]
        } else if needs_two_staves(program, &tones) {
            let [upper, lower] = in_two_staves(&tones);
            vec![
                Staff::of_chords(&upper, &bars, Some(Clef::Treble)),
                Staff::of_chords(&lower, &bars, Some(Clef::Bass)),
            ]
        } else {
            vec![Staff::of_chords(&tones, &bars, None)]
        };
        Part { name, sounds, staves, signs }
    };
    let parts: Vec<Part> = parts.into_iter().map(part).collect();
    let tempos = tempos.pieces().iter().map(|piece| {
        let quarters = tempos.quarters_at_tick(piece.tick);
        (steps.at_quarters(quarters), tempos.qpm(piece))
    });
    let tempos = tempos.collect();
    Ok(Score { title: options.title.clone(), steps_per_quarter: grid, bars, tempos, parts })
}

/// The first of [`GRIDS`] on which all notes begin and end; the first of all if there is none.
fn grid(sequence: &NoteSequence, tempos: &TempoMap) -> StepsPerQuarter {
    let times: Vec<f64> = (sequence.notes.iter())
        .flat_map(|note| [note.start_time, note.end_time])
        .map(|time| tempos.quarters(time))
        .collect();
    let holds_all = |grid: &u16| {
        let grid = f64::from(*grid);
        times.iter().all(|quarters| (quarters - (quarters * grid).round() / grid).abs() < OFF_GRID)
    };
    let found = GRIDS.into_iter().find(holds_all).unwrap_or(GRIDS[0]);
    StepsPerQuarter::new(found).expect("no grid has no steps")
}

/// All bars until the end of the music, at least one. A bar cut off by a change of meter is short.
fn bars(
    meters: &BarMap,
    steps: &Steps<'_>,
    end: u32,
    grid: StepsPerQuarter,
) -> Result<Vec<Bar>, MusicXmlError> {
    let mut bars: Vec<Bar> = Vec::new();
    let pieces = meters.pieces();
    for (i, piece) in pieces.iter().enumerate() {
        let start = steps.at_quarters(piece.quarters);
        let next = pieces.get(i + 1).map(|next| steps.at_quarters(next.quarters));
        if next.is_some_and(|next| next <= start) || (start >= end && !bars.is_empty()) {
            continue;
        }
        let denominator = steps_of(4.0 / piece.quarters_per_beat);
        let length = piece.quarters_per_bar() * steps.per_quarter;
        let n_steps = steps_of(length);
        if n_steps == 0 || (length - f64::from(n_steps)).abs() > 1e-6 {
            return Err(MusicXmlError::UnsupportedMeter {
                numerator: piece.beats_per_bar,
                denominator,
                steps_per_quarter: grid.get(),
            });
        }
        // Three eighths or sixteenths are one beat in compound meters.
        let is_compound = denominator >= 8 && piece.beats_per_bar.is_multiple_of(3);
        let beat = steps.at_quarters(piece.quarters_per_beat);
        let beat = if is_compound { 3 * beat } else { beat };
        let until = next.unwrap_or(u32::MAX).min(end.max(start.saturating_add(1)));
        let n_bars = u64::from(until - start).div_ceil(n_steps.into()) + bars.len() as u64;
        if n_bars > MAX_BARS as u64 {
            return Err(MusicXmlError::TooLong { n_bars });
        }
        let mut meter = Some((piece.beats_per_bar, denominator));
        for start in (start..until).step_by(n_steps as usize) {
            let n_steps = n_steps.min(next.unwrap_or(u32::MAX) - start);
            let number = i64::try_from(bars.len() + 1).expect("at most `MAX_BARS`");
            bars.push(Bar { number, start, n_steps, beat, meter: meter.take(), key: None });
        }
    }
    Ok(bars)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, as wanted"
)]
fn steps_of(number: f64) -> u32 {
    number.round() as u32
}

/// Keys at their changes, each at the bar of its signature; an estimated one if the music does not
/// begin with one.
fn write_keys(sequence: &NoteSequence, steps: &Steps<'_>, bars: &mut [Bar]) {
    let mut given = sequence.key_signatures.clone();
    given.sort_by(|a, b| a.time.total_cmp(&b.time));
    for key in given {
        let step = steps.at(key.time);
        let at = bars.partition_point(|bar| bar.start <= step).max(1) - 1;
        bars[at].key = Some(key);
    }
    if bars[0].key.is_none() {
        bars[0].key = Some(found_key(sequence));
    }
    let mut last: Option<KeySignature> = None;
    for bar in bars {
        let same =
            |last: KeySignature, key: KeySignature| (last.key, last.mode) == (key.key, key.mode);
        if last.zip(bar.key).is_some_and(|(last, key)| same(last, key)) {
            bar.key = None;
        }
        last = bar.key.or(last);
    }
}

/// The key that best fits the duration of each pitch class; C major without tones.
fn found_key(sequence: &NoteSequence) -> KeySignature {
    let mut durations = [0.0; 12];
    for note in sequence.notes.iter().filter(|note| !note.is_drum) {
        durations[usize::from(note.pitch.class())] += (note.end_time - note.start_time).max(0.0);
    }
    let key = Key::find(&durations);
    let mode = key.map_or(Mode::NotSpecified, Key::mode);
    KeySignature { time: 0.0, key: key.map_or(0, Key::tonic), mode }
}

/// Whether an instrument is played with two hands, here both low and high: pianos, organs, harp.
fn needs_two_staves(program: Program, tones: &[Tone]) -> bool {
    let pitches = || tones.iter().map(|tone| tone.pitch.get());
    matches!(program.get(), 0..=7 | 16..=20 | 46)
        && pitches().any(|pitch| pitch < TWO_STAVES[0])
        && pitches().any(|pitch| pitch > TWO_STAVES[1])
}

/// Dynamic marks: a new one if the mean velocity of a bar's notes differs much from the last.
fn signs(tones: &[Tone], bars: &[Bar]) -> Signs {
    let mut sums = vec![(0.0, 0.0); bars.len()];
    for tone in tones {
        let bar = bars.partition_point(|bar| bar.start <= tone.start).max(1) - 1;
        sums[bar].0 += tone.velocity.map_or(0.0, |velocity| f64::from(velocity.get()));
        sums[bar].1 += 1.0;
    }
    let mut signs: Signs = Vec::new();
    let mut in_force = f64::INFINITY;
    for (bar, (sum, n)) in sums.into_iter().enumerate() {
        let mean: f64 = sum / n;
        if n == 0.0 || (mean - in_force).abs() < NEW_SIGN {
            continue;
        }
        let far = |sign: &(&str, f64)| (sign.1 - mean).abs();
        let nearest = SIGNS.into_iter().reduce(|a, b| if far(&b) < far(&a) { b } else { a });
        let (name, level) = nearest.unwrap_or(SIGNS[0]);
        if level != in_force {
            signs.push((bar, name));
            in_force = level;
        }
    }
    signs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::TimeSignature;
    use crate::pitch::Velocity;

    fn note(pitch: u8, start_time: f64, end_time: f64) -> Note {
        let velocity = Velocity::saturating(80);
        Note { pitch: Pitch::saturating(pitch), velocity, start_time, end_time, ..Note::default() }
    }

    fn sequence(notes: &[Note]) -> NoteSequence {
        let mut sequence = NoteSequence::default();
        notes.iter().for_each(|note| sequence.push(*note));
        sequence
    }

    #[test]
    fn a_finer_grid_only_for_what_needs_it() {
        let of = |end: f64| {
            let sequence = sequence(&[note(60, 0.0, end)]);
            grid(&sequence, &sequence.tempo_map()).get()
        };
        // A triplet eighth, a thirty-second, a performed note.
        assert_eq!((of(0.5 / 3.0), of(0.0625), of(0.222)), (12, 24, 12));
    }

    #[test]
    fn a_change_of_meter_cuts_the_bar_before_and_keys_stand_where_they_change() {
        let mut music = sequence(&[note(62, 0.0, 4.0)]);
        let meter = |time, numerator, denominator| TimeSignature { time, numerator, denominator };
        music.time_signatures = vec![meter(0.0, 3, 4), meter(2.5, 6, 8)];
        music.key_signatures = vec![KeySignature { time: 2.6, key: 7, mode: Mode::Major }; 2];
        let found = score(&music, &ScoreOptions::default()).unwrap();
        let bars: Vec<(i64, u32, u32, u32)> =
            found.bars.iter().map(|b| (b.number, b.start, b.n_steps, b.beat)).collect();
        // Eight quarters; the second bar has two of three.
        assert_eq!(bars, [(1, 0, 36, 12), (2, 36, 24, 12), (3, 60, 36, 18)]);
        let keys: Vec<Option<u8>> = found.bars.iter().map(|bar| bar.key.map(|k| k.key)).collect();
        assert_eq!(keys, [Some(2), None, Some(7)]);
        let meters: Vec<bool> = found.bars.iter().map(|bar| bar.meter.is_some()).collect();
        assert_eq!(meters, [true, false, true]);
    }

    #[test]
    fn loudness_is_signed_where_it_changes() {
        let mut notes = [note(60, 0.0, 2.0), note(60, 2.0, 4.0), note(60, 4.0, 6.0)];
        for (note, velocity) in notes.iter_mut().zip([80, 86, 110]) {
            note.velocity = Velocity::saturating(velocity);
        }
        let found = score(&sequence(&notes), &ScoreOptions::default()).unwrap();
        assert_eq!(found.parts[0].signs, [(0, "mf"), (2, "ff")]);
    }

    #[test]
    fn what_can_t_be_written_is_refused() {
        let mut music = sequence(&[note(60, 0.0, 1e6)]);
        let refused = score(&music, &ScoreOptions::default()).unwrap_err();
        assert_eq!(refused, MusicXmlError::TooLong { n_bars: 500_000 });
        music.notes[0].end_time = 1.0;
        music.total_time = 1.0;
        music.time_signatures = vec![TimeSignature { time: 0.0, numerator: 7, denominator: 128 }];
        let refused = score(&music, &ScoreOptions::default()).unwrap_err();
        assert!(matches!(refused, MusicXmlError::UnsupportedMeter { denominator: 128, .. }));
    }
}
