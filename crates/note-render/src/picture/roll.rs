//! Draws notes as a picture.

use std::collections::BTreeMap;

use note_seq::{NoteSequence, Seconds};

use super::{Label, Picture, Rect, Theme};
use crate::web::Grid;

/// Appearance of a piano roll.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RollOptions {
    /// Width of a second, unless [`Self::max_width`] requires less.
    pub pixels_per_second: f64,
    /// Height of a semitone.
    pub pixels_per_semitone: f64,
    /// Maximum width of the picture; longer music is compressed horizontally.
    pub max_width: f64,
    /// Color theme.
    pub theme: Theme,
}

impl Default for RollOptions {
    fn default() -> Self {
        Self {
            pixels_per_second: 120.0,
            pixels_per_semitone: 6.0,
            max_width: 4000.0,
            theme: Theme::Light,
        }
    }
}

/// Margins for octave names on the left and bar numbers below.
const LEFT: f64 = 28.0;
const BELOW: f64 = 16.0;
/// Margin above and below the notes, and minimum height of the roll, in semitones.
const MARGIN: i32 = 2;
const MIN_SEMITONES: i32 = 18;
/// Minimum distance between two bar numbers, in pixels.
const MIN_NUMBER_DISTANCE: f64 = 28.0;
/// Beat lines closer than this, in pixels, would merge into gray, so they are left out.
const MIN_BEAT_WIDTH: f64 = 5.0;

/// Draws the piano roll of a sequence: time runs from left to right, pitch upwards, each instrument
/// has a color, and louder notes are more opaque. Lines mark beats, bars and octaves.
///
/// Music without notes gives an empty grid of at least two seconds.
pub fn piano_roll(sequence: &NoteSequence, options: &RollOptions) -> Picture {
    let palette = options.theme.palette();
    let grid = Grid::new(sequence);
    let seconds = grid.end.max(if sequence.notes.is_empty() { 2.0 } else { 0.1 });
    let scale = options.pixels_per_second.min((options.max_width - LEFT) / seconds);
    let pitch = |note: &note_seq::Note| i32::from(note.pitch.get());
    let lowest = sequence.notes.iter().map(pitch).min().unwrap_or(60) - MARGIN;
    let highest = sequence.notes.iter().map(pitch).max().unwrap_or(60) + MARGIN;
    let missing = (MIN_SEMITONES - (highest - lowest + 1)).max(0);
    let (lowest, highest) = (lowest - missing / 2, highest + missing - missing / 2);

    let semitone = options.pixels_per_semitone;
    let roll_width = seconds * scale;
    let roll_height = f64::from(highest - lowest + 1) * semitone;
    let x = |time: Seconds| LEFT + time.clamp(0.0, seconds) * scale;
    let y = |pitch: i32| f64::from(highest - pitch) * semitone;

    let rect = |x, y, width, height, color| Rect { x, y, width, height, color, opacity: 1.0 };
    let mut rects = Vec::new();
    let mut labels = Vec::new();
    for pitch in lowest..=highest {
        if matches!(pitch.rem_euclid(12), 1 | 3 | 6 | 8 | 10) {
            rects.push(rect(LEFT, y(pitch), roll_width, semitone, palette.black_key));
        }
        if pitch.rem_euclid(12) == 0 {
            let (bottom, text) = (y(pitch) + semitone, format!("C{}", pitch.div_euclid(12) - 1));
            rects.push(rect(LEFT, bottom - 1.0, roll_width, 1.0, palette.octave));
            labels.push(Label { x: 4.0, y: bottom - semitone / 2.0, text, color: palette.text });
        }
    }
    let beat_width = roll_width / grid.beats.len().max(1) as f64;
    let mut free_from = 0.0;
    for (i, beat) in grid.beats.iter().enumerate() {
        let color = if beat.is_bar { palette.bar } else { palette.beat };
        if i > 0 && (beat.is_bar || beat_width >= MIN_BEAT_WIDTH) {
            rects.push(rect(x(beat.time), 0.0, 1.0, roll_height, color));
        }
        if beat.is_bar && x(beat.time) >= free_from {
            free_from = x(beat.time) + MIN_NUMBER_DISTANCE;
            let (x, y) = (x(beat.time) + 2.0, roll_height + BELOW / 2.0);
            // Bar numbers shown to users start at 1.
            let text = (beat.bar + 1).to_string();
            labels.push(Label { x, y, text, color: palette.text });
        }
    }
    let parts: BTreeMap<u32, usize> =
        sequence.instruments().into_iter().enumerate().map(|(i, number)| (number, i)).collect();
    for note in &sequence.notes {
        let (left, right) = (x(note.start_time), x(note.end_time));
        rects.push(Rect {
            x: left,
            y: y(pitch(note)) + 0.5,
            // A gap separates repeated notes.
            width: (right - left - 1.0).max(1.5),
            height: semitone - 1.0,
            color: palette.parts[parts[&note.instrument] % palette.parts.len()],
            opacity: 0.4 + 0.6 * f64::from(note.velocity.get()) / 127.0,
        });
    }
    Picture {
        width: LEFT + roll_width,
        height: roll_height + BELOW,
        description: describe(sequence),
        background: palette.background,
        rects,
        labels,
    }
}

/// Describes a piano roll in words: `12 notes from C4 to G5, 4.0 seconds`.
pub fn describe(sequence: &NoteSequence) -> String {
    let pitches = || sequence.notes.iter().map(|note| note.pitch.get());
    let seconds = sequence.total_time;
    match (pitches().min(), pitches().max()) {
        (Some(lowest), Some(highest)) => {
            let notes = if sequence.notes.len() == 1 { "note" } else { "notes" };
            let (n, lowest, highest) = (sequence.notes.len(), name(lowest), name(highest));
            format!("{n} {notes} from {lowest} to {highest}, {seconds:.1} seconds")
        }
        _ => "no notes".to_owned(),
    }
}

/// The name of a pitch; middle C is `C4`.
fn name(pitch: u8) -> String {
    const NAMES: [&str; 12] = ["C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B"];
    format!("{}{}", NAMES[usize::from(pitch % 12)], i32::from(pitch / 12) - 1)
}

#[cfg(test)]
mod tests {
    use note_seq::{Note, Pitch, Velocity};

    use super::*;

    fn melody() -> NoteSequence {
        let mut sequence = NoteSequence::default();
        for (i, pitch) in [60, 67].into_iter().enumerate() {
            sequence.push(Note {
                pitch: Pitch::new(pitch).unwrap(),
                velocity: Velocity::MAX,
                start_time: i as f64,
                end_time: i as f64 + 0.5,
                ..Note::default()
            });
        }
        sequence
    }

    #[test]
    fn notes_are_placed_by_time_and_pitch() {
        let picture = piano_roll(&melody(), &RollOptions::default());
        let blue = Theme::Light.palette().parts[0];
        let notes: Vec<&Rect> = picture.rects.iter().filter(|r| r.color == blue).collect();
        // 120 pixels per second and 6 per semitone; the second note is one second later and 7
        // semitones higher.
        assert_eq!(notes.len(), 2);
        assert!((notes[1].x - notes[0].x - 120.0).abs() < 1e-9);
        assert!((notes[0].y - notes[1].y - 42.0).abs() < 1e-9);
        assert!((notes[0].width - 59.0).abs() < 1e-9);
        // One bar of 4/4 at 120 quarter notes per minute lasts two seconds.
        assert!((picture.width - 28.0 - 240.0).abs() < 1e-9);
        assert_eq!(picture.description, "2 notes from C4 to G4, 1.5 seconds");
        let texts: Vec<&str> = picture.labels.iter().map(|l| l.text.as_str()).collect();
        assert!(texts.contains(&"C4") && texts.contains(&"1"), "{texts:?}");
    }

    #[test]
    fn long_and_empty_music_can_be_drawn() {
        let mut long = melody();
        long.push(Note { start_time: 3000.0, end_time: 3600.0, ..Note::default() });
        let picture = piano_roll(&long, &RollOptions::default());
        assert!(picture.width <= 4000.0 + 1e-9);
        assert!(picture.rects.iter().all(|r| r.x + r.width <= picture.width + 2.0));
        let none = piano_roll(&NoteSequence::default(), &RollOptions::default());
        assert!((none.width - 28.0 - 240.0).abs() < 1e-9);
        assert_eq!(none.description, "no notes");
    }
}
