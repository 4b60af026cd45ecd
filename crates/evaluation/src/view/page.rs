//! A report as one HTML file: no other files, no network, light and dark mode.

use std::fmt::Write;

use corpus::kind::Kind;
use note_render::picture::{RollOptions, Theme, piano_roll};
use note_render::web::{DRUMS, PLAYER, VOICES, bundle};
use note_seq::{Note, NoteListPlayback};

use super::super::report::{EvalReport, Figure, Rolls, Section};
use super::chart::{self, escape};
use super::{beside, goal, headline, interval, number, subject};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// A note in the format of `note-render`'s player: start and end in seconds, pitch, velocity,
/// program, instrument, and 1 for a drum.
type PlayedNote = (f64, f64, u8, u8, u8, u32, u8);

/// The report as one HTML file.
///
/// # Panics
/// If the report is of another kind, with tokens unknown to this one.
pub fn html(report: &EvalReport, kind: &Kind) -> String {
    let contents: String = report
        .sections
        .iter()
        .map(|s| format!("<a href=\"#{}\">{}</a> ", escape(&s.key), escape(&s.title)))
        .collect();
    let mut takes: Vec<Vec<PlayedNote>> = Vec::new();
    let sections: String =
        report.sections.iter().map(|section| of_section(section, kind, &mut takes)).collect();
    // Only numbers: nothing in it can end the script.
    let takes = serde_json::to_string(&takes).expect("plain numbers");
    let script = bundle(&[DRUMS, VOICES, PLAYER, SCRIPT]);
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><title>Evaluation of {}</title><style>{STYLE}</style>\
         </head><body><h1>Evaluation</h1><p>{}</p>{}<nav>{contents}</nav>{sections}<script \
         type=\"application/json\" id=\"takes\">{takes}</script><script>{script}</script></body></html>\n",
        escape(&report.model_hash),
        escape(&subject(report)),
        table(&headline(report)),
    )
}

fn of_section(section: &Section, kind: &Kind, takes: &mut Vec<Vec<PlayedNote>>) -> String {
    let charts: String = section.charts.iter().map(chart::draw).collect();
    let rolls: String = section.rolls.iter().map(|rolls| of_rolls(rolls, kind, takes)).collect();
    format!(
        "<section id=\"{}\"><h2>{}</h2><p class=\"note\">{}</p>{}<div class=\"charts\">{charts}</div>{rolls}\
         </section>",
        escape(&section.key),
        escape(&section.title),
        escape(&section.note),
        table(&section.figures.iter().collect::<Vec<_>>())
    )
}

fn table(figures: &[&Figure]) -> String {
    if figures.is_empty() {
        return String::new();
    }
    let mut rows = String::new();
    for figure in figures {
        let reached = match figure.reached() {
            Some(true) => " class=\"reached\"",
            Some(false) => " class=\"missed\"",
            None => "",
        };
        write!(
            rows,
            "<tr><td title=\"{}\">{}</td><td class=\"value\">{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>\
             <td{reached}>{}</td></tr>",
            escape(&figure.key),
            escape(&figure.title),
            number(figure.value),
            interval(figure),
            escape(&figure.unit),
            figure.n,
            escape(&beside(figure)),
            goal(figure)
        )
        .expect("a string");
    }
    format!(
        "<div class=\"wide\"><table><tr><th>figure</th><th>value</th><th>95 % interval</th><th>unit</th>\
         <th>n</th><th>compared with</th><th>goal</th></tr>{rows}</table></div>"
    )
}

/// Rolls small enough that a few windows stand next to each other.
const ROLL: RollOptions = RollOptions {
    pixels_per_second: 56.0,
    pixels_per_semitone: 3.2,
    max_width: 600.0,
    theme: Theme::Light,
};

/// Piano rolls of windows of the kind's length, with a button for each that plays it.
fn of_rolls(rolls: &Rolls, kind: &Kind, takes: &mut Vec<Vec<PlayedNote>>) -> String {
    let form = kind.form();
    let windows = || rolls.windows.iter().filter(|window| form.check(window).is_ok());
    let (mut buttons, mut pictures) = (String::new(), Vec::new());
    for (n, window) in windows().enumerate() {
        let music = kind.to_sequence([window.as_slice()], &NoteListPlayback::default());
        pictures.push(piano_roll(&music, &ROLL).to_svg());
        let notes = music.notes;
        let take = takes.len();
        let played = |note: &Note| -> PlayedNote {
            let Note { start_time, end_time, pitch, velocity, program, instrument, .. } = *note;
            let drum = u8::from(note.is_drum);
            (start_time, end_time, pitch.get(), velocity.get(), program.get(), instrument, drum)
        };
        takes.push(notes.iter().map(played).collect());
        let number = n + 1;
        write!(
            buttons,
            "<button type=\"button\" data-take=\"{take}\" aria-pressed=\"false\" aria-label=\"Play window \
             {number}\">▶ {number}</button> "
        )
        .expect("a string");
    }
    format!(
        "<figure class=\"rolls\"><figcaption>{}</figcaption><div class=\"wide\">{}</div>{buttons}</figure>",
        escape(&rolls.caption),
        pictures.concat()
    )
}
