//! Parses generated pages and checks their contents.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use note_seq::midi::{ReadOptions, read};
use note_seq::{Note, Pitch, Velocity};

use super::*;

fn tune(first: u8) -> NoteSequence {
    let mut sequence = NoteSequence::default();
    for i in 0..4 {
        sequence.push(Note {
            pitch: Pitch::new(first + i).unwrap(),
            velocity: Velocity::new(80).unwrap(),
            start_time: f64::from(i) / 3.0,
            end_time: f64::from(i + 1) / 3.0,
            instrument: 2,
            is_drum: i == 3,
            ..Note::default()
        });
    }
    sequence
}

fn data(html: &str) -> serde_json::Value {
    let (_, rest) = html.split_once("<script type=\"application/json\" id=\"data\">").unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

#[test]
fn the_data_block_gives_the_notes_back() {
    let entry = Entry::new("x").take("a", &tune(60)).unwrap().take("b", &tune(70)).unwrap();
    let html = Sheet::new("t").entry(entry).to_html();
    let data = data(&html);
    assert_eq!((&data["format"], &data["version"]), (&"note-render.sheet".into(), &1.into()));
    let takes = data["takes"].as_array().unwrap();
    assert_eq!(takes.len(), 2);
    for (take, (label, tune)) in takes.iter().zip([("a", tune(60)), ("b", tune(70))]) {
        assert_eq!((&take["title"], &take["label"]), (&"x".into(), &label.into()));
        assert_eq!(take["seconds"], 2.0);
        let notes = take["notes"].as_array().unwrap();
        assert_eq!(notes.len(), 4);
        for (found, note) in notes.iter().zip(&tune.notes) {
            let number = |i: usize| found[i].as_f64().unwrap();
            assert!((number(0) - note.start_time).abs() <= 5e-5);
            assert!((number(1) - note.end_time).abs() <= 5e-5);
            let rest: Vec<u64> = (2..7).map(|i| found[i].as_u64().unwrap()).collect();
            let pitch = u64::from(note.pitch.get());
            assert_eq!(rest, [pitch, 80, 0, 2, u64::from(note.is_drum)]);
        }
        assert_eq!(take["beats"][0], serde_json::json!([0.0, 1]));
    }
}

#[test]
fn the_midi_files_on_the_page_are_the_music() {
    let html = Sheet::new("t").entry(Entry::new("x").take("", &tune(60)).unwrap()).to_html();
    let (_, rest) = html.split_once("href=\"data:audio/midi;base64,").unwrap();
    let (midi, rest) = rest.split_once('"').unwrap();
    assert!(rest.starts_with(" download=\"x.mid\""));
    let music = read(&STANDARD.decode(midi).unwrap(), &ReadOptions::strict()).unwrap().sequence;
    let mut pitches: Vec<u8> = music.notes.iter().map(|n| n.pitch.get()).collect();
    pitches.sort_unstable();
    assert_eq!(pitches, [60, 61, 62, 63]);
}

#[test]
fn text_is_escaped_everywhere() {
    let evil = "</script><script>alert(1)</script><!-- \"'><img src=x onerror=alert(2)>\u{2028}";
    let entry = Entry::new(evil)
        .take(evil, &tune(60))
        .unwrap()
        .take("../..\\a/b", &tune(60))
        .unwrap()
        .field(evil, evil)
        .note(evil);
    let html = Sheet::new(evil).text(evil).group(evil).text(evil).entry(entry).to_html();
    // Only the two scripts of the page itself: the data and the module.
    assert_eq!(html.matches("<script").count(), 2);
    assert_eq!(html.matches("</script>").count(), 2);
    assert!(!html.contains("<img") && !html.contains("<!--"));
    let title = data(&html)["takes"][0]["title"].as_str().unwrap().to_owned();
    assert_eq!(title, evil);
    // File names contain no special characters.
    for part in html.split("download=\"").skip(1) {
        let name = part.split('"').next().unwrap();
        assert!(
            name.strip_suffix(".mid").is_some() && !name.contains(['/', '\\', '<', '&']),
            "{name}"
        );
    }
}

#[test]
fn a_page_makes_no_requests_and_may_be_empty() {
    let html = Sheet::new("nothing").to_html();
    assert!(html.contains("There is nothing on this page."));
    assert!(html.contains("default-src 'none'"));
    for outside in ["http://", "https://", "src=\"", "@import", "url("] {
        assert!(!html.contains(outside), "{outside}");
    }
    let sheet = Sheet::new("t").group("one").entry(Entry::new("x")).group("two");
    assert_eq!(sheet.n_entries(), 1);
    assert!(sheet.to_html().contains("<h2>two</h2>"));
}
