//! Piano rolls as SVG: rows of windows, each with its caption.

use svg::Document;
use svg::node::element::{Group, Line, Rectangle, Text};

/// A row of windows under one caption.
#[derive(Clone, Debug)]
pub struct RollRow {
    /// What the row shows.
    pub caption: String,
    /// Windows of tokens, left to right.
    pub windows: Vec<Vec<u16>>,
    /// The colour of the notes, as CSS has it.
    pub color: &'static str,
}

/// Colours for styles, told apart with most kinds of colour vision (Okabe and Ito 2008).
pub const STYLE_COLORS: [&str; 8] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a6d00", "#555555"];

const STEP: f64 = 7.0;
const SEMITONE: f64 = 3.2;
const PANEL_GAP: f64 = 14.0;
const CAPTION: f64 = 20.0;
const MARGIN: f64 = 12.0;
/// Semitones shown above and below the notes, and the least shown in all.
const AIR: i32 = 2;
const LEAST_RANGE: i32 = 24;
const STEPS_PER_BEAT: usize = 4;
const STEPS_PER_BAR: usize = 16;
/// The pitch of the first pitch token.
const LOWEST_PITCH: i32 = 21;

/// A note of a window: MIDI pitch, first step, steps.
fn notes(tokens: &[u16]) -> Vec<(i32, usize, usize)> {
    let mut notes: Vec<(i32, usize, usize)> = Vec::new();
    let mut sounding = false;
    for (step, token) in tokens.iter().enumerate() {
        match token {
            0 => {}
            1 => sounding = false,
            pitch => {
                notes.push((i32::from(*pitch) - 2 + LOWEST_PITCH, step, 0));
                sounding = true;
            }
        }
        if sounding && let Some(note) = notes.last_mut() {
            note.2 += 1;
        }
    }
    notes
}

/// Draws rows of piano rolls. All of them share one range of pitches, so that they can be compared.
pub fn draw(rows: &[RollRow]) -> String {
    let pitches = || {
        rows.iter().flat_map(|row| &row.windows).flat_map(|w| notes(w)).map(|(pitch, _, _)| pitch)
    };
    let lowest = pitches().min().unwrap_or(60) - AIR;
    let highest = (pitches().max().unwrap_or(60) + AIR).max(lowest + LEAST_RANGE);
    let height = f64::from(highest - lowest + 1) * SEMITONE;
    let n_steps = rows.iter().flat_map(|row| &row.windows).map(Vec::len).max().unwrap_or(0);
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
            let roll = roll(window, lowest, highest, height, row.color);
            document = document.add(roll.set("transform", place));
        }
    }
    document.to_string()
}

/// One window, its upper left corner at the origin.
fn roll(tokens: &[u16], lowest: i32, highest: i32, height: f64, color: &str) -> Group {
    let width = tokens.len() as f64 * STEP;
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
    for step in (0..tokens.len()).step_by(STEPS_PER_BEAT).skip(1) {
        let color = if step % STEPS_PER_BAR == 0 { "#9a9a94" } else { "#e2e2dc" };
        let x = step as f64 * STEP;
        group = group.add(line(x, 0.0, x, height, color));
    }
    for (pitch, step, length) in notes(tokens) {
        let note = Rectangle::new()
            .set("x", step as f64 * STEP + 0.5)
            .set("y", f64::from(highest - pitch) * SEMITONE)
            .set("width", length as f64 * STEP - 1.0)
            .set("height", SEMITONE)
            .set("rx", 1)
            .set("fill", color);
        group = group.add(note);
    }
    group
}

fn line(x1: f64, y1: f64, x2: f64, y2: f64, color: &str) -> Line {
    Line::new().set("x1", x1).set("y1", y1).set("x2", x2).set("y2", y2).set("stroke", color)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_end_at_the_next_note_at_an_off_or_at_the_window() {
        let tokens = [0, 41, 0, 43, 1, 0, 45, 0];
        assert_eq!(notes(&tokens), [(60, 1, 2), (62, 3, 1), (64, 6, 2)]);
    }

    #[test]
    fn every_note_of_every_window_is_drawn() {
        let row = |n: usize| RollRow {
            caption: "a & b".to_owned(),
            windows: vec![vec![41, 0, 1, 50], vec![0; 4]],
            color: STYLE_COLORS[n],
        };
        let text = draw(&[row(0), row(1)]);
        assert_eq!(text.matches(STYLE_COLORS[0]).count(), 2);
        assert_eq!(text.matches(STYLE_COLORS[1]).count(), 2);
        assert!(text.contains("a &amp; b"));
        // Nothing at all is a picture too.
        assert!(draw(&[]).starts_with("<svg"));
    }
}
