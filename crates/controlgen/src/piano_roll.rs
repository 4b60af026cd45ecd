//! Piano rolls as SVG: rows of windows, each with its caption.

use std::borrow::Cow;

use corpus::kind::Kind;
use note_seq::NoteListPlayback;
use note_seq::vocabulary::{STEPS_PER_BAR, STEPS_PER_QUARTER};
use svg::Document;
use svg::node::element::{Group, Line, Rectangle, Text};

/// A row of windows under one caption.
#[derive(Clone, Debug)]
pub struct RollRow {
    /// The title of the row.
    pub caption: String,
    /// Windows, left to right.
    pub windows: Vec<Roll>,
    /// The color of the notes, in CSS syntax.
    pub color: Cow<'static, str>,
}

/// A window as notes on a grid.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Roll {
    n_steps: usize,
    notes: Vec<RollNote>,
}

/// A note of a window.
#[derive(Clone, Copy, Debug, PartialEq)]
struct RollNote {
    pitch: i32,
    step: f64,
    n_steps: f64,
    /// Opacity, 0 to 1: the melody is more visible than its bass and its drums.
    opacity: f64,
}

impl Roll {
    /// A window of a kind.
    ///
    /// # Panics
    /// If a token is not of the kind's vocabulary.
    pub fn new(kind: &Kind, tokens: &[u16]) -> Self {
        let playback = NoteListPlayback::default();
        // A step is a sixteenth.
        let steps_per_second = 4.0 * playback.qpm / 60.0;
        let notes = kind.to_sequence([tokens], &playback).notes;
        let notes = notes.iter().map(|note| RollNote {
            pitch: i32::from(note.pitch.get()),
            step: note.start_time * steps_per_second,
            n_steps: (note.end_time - note.start_time) * steps_per_second,
            opacity: match (note.is_drum, note.instrument) {
                (false, 0) => 1.0,
                (false, _) => 0.6,
                (true, _) => 0.35,
            },
        });
        Self { n_steps: kind.form().n_sixteenths(tokens), notes: notes.collect() }
    }
}

const STEP: f64 = 7.0;
const SEMITONE: f64 = 3.2;
const PANEL_GAP: f64 = 14.0;
const CAPTION: f64 = 20.0;
const MARGIN: f64 = 12.0;
/// Number of semitones shown above and below the notes, and minimum range shown.
const AIR: i32 = 2;
const LEAST_RANGE: i32 = 24;

/// Draws rows of piano rolls. All of them share the same pitch range, so that they can be compared.
pub fn draw(rows: &[RollRow]) -> String {
    let pitches =
        || rows.iter().flat_map(|row| &row.windows).flat_map(|w| &w.notes).map(|note| note.pitch);
    let lowest = pitches().min().unwrap_or(60) - AIR;
    let highest = (pitches().max().unwrap_or(60) + AIR).max(lowest + LEAST_RANGE);
    let height = f64::from(highest - lowest + 1) * SEMITONE;
    let n_steps = rows.iter().flat_map(|row| &row.windows).map(|w| w.n_steps).max().unwrap_or(0);
    let n_columns = rows.iter().map(|row| row.windows.len()).max().unwrap_or(0);
    let panel = n_steps as f64 * STEP;
    let width = 2.0 * MARGIN + n_columns as f64 * (panel + PANEL_GAP) - PANEL_GAP;
    let row_height = CAPTION + height + PANEL_GAP;
    let mut document = Document::new()
        .set("viewBox", (0, 0, width, 2.0 * MARGIN + rows.len() as f64 * row_height))
        .set("width", width)
        .set("font-family", "sans-serif")
        .add(Rectangle::new().set("width", "100%").set("height", "100%").set("fill", "#ffffff"));
    for (n, row) in rows.iter().enumerate() {
        let top = MARGIN + n as f64 * row_height;
        let caption = Text::new(row.caption.clone())
            .set("x", MARGIN)
            .set("y", top + 13.0)
            .set("font-size", 13)
            .set("fill", "#222222");
        document = document.add(caption);
        for (column, window) in row.windows.iter().enumerate() {
            let left = MARGIN + column as f64 * (panel + PANEL_GAP);
            let place = format!("translate({left} {})", top + CAPTION);
            let roll = draw_roll(window, lowest, highest, height, &row.color);
            document = document.add(roll.set("transform", place));
        }
    }
    document.to_string()
}

/// One window, its upper left corner at the origin.
fn draw_roll(window: &Roll, lowest: i32, highest: i32, height: f64, color: &str) -> Group {
    let width = window.n_steps as f64 * STEP;
    let frame = Rectangle::new()
        .set("width", width)
        .set("height", height)
        .set("fill", "#f6f6f4")
        .set("stroke", "#c8c8c4");
    let mut group = Group::new().add(frame);
    for pitch in (lowest..=highest).filter(|pitch| pitch.rem_euclid(12) == 0) {
        let y = f64::from(highest - pitch + 1) * SEMITONE;
        group = group.add(line(0.0, y, width, y, "#e2e2dc"));
    }
    for step in (0..window.n_steps).step_by(STEPS_PER_QUARTER).skip(1) {
        let color = if step % STEPS_PER_BAR == 0 { "#9a9a94" } else { "#e2e2dc" };
        let x = step as f64 * STEP;
        group = group.add(line(x, 0.0, x, height, color));
    }
    // Faint notes are drawn below the others.
    let mut notes = window.notes.clone();
    notes.sort_by(|a, b| a.opacity.total_cmp(&b.opacity));
    for note in notes {
        let rectangle = Rectangle::new()
            .set("x", note.step * STEP + 0.5)
            .set("y", f64::from(highest - note.pitch) * SEMITONE)
            .set("width", note.n_steps * STEP - 1.0)
            .set("height", SEMITONE)
            .set("rx", 1)
            .set("fill", color)
            .set("fill-opacity", note.opacity);
        group = group.add(rectangle);
    }
    group
}

fn line(x1: f64, y1: f64, x2: f64, y2: f64, color: &str) -> Line {
    Line::new().set("x1", x1).set("y1", y1).set("x2", x2).set("y2", y2).set("stroke", color)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::style_color::style_color;

    #[test]
    fn notes_end_at_the_next_note_at_an_off_or_at_the_window() {
        let mut tokens = [0; 32];
        tokens[1..8].copy_from_slice(&[41, 0, 43, 1, 0, 45, 0]);
        let roll = Roll::new(&Kind::mel_2bar(), &tokens);
        let notes: Vec<_> = roll.notes.iter().map(|n| (n.pitch, n.step, n.n_steps)).collect();
        assert_eq!(notes, [(60, 1.0, 2.0), (62, 3.0, 1.0), (64, 6.0, 26.0)]);
    }

    #[test]
    fn every_note_of_every_window_is_drawn() {
        let mut tokens = [0; 32];
        tokens[..4].copy_from_slice(&[41, 0, 1, 50]);
        let window = Roll::new(&Kind::mel_2bar(), &tokens);
        let row = |n: usize| RollRow {
            caption: "a & b".to_owned(),
            windows: vec![window.clone(), Roll::default()],
            color: style_color(n),
        };
        let text = draw(&[row(0), row(1)]);
        assert_eq!(text.matches(&*style_color(0)).count(), 2);
        assert_eq!(text.matches(&*style_color(1)).count(), 2);
        assert!(text.contains("a &amp; b"));
        // An empty list is a valid picture, too.
        assert!(draw(&[]).starts_with("<svg"));
    }
}
