//! The meter of a user's music: layout as consecutive bars of four quarter notes.
//!
//! Windows consist of bars of four quarter notes. A file may have other bars between them: an
//! upbeat written as a separate bar, a bar of 2/4, a section in 3/4. If every section with one
//! meter gave separate windows, each of these would split the music. Instead, the bars of four
//! quarters are made consecutive. A single shorter bar becomes one of them, with a rest before it
//! (an upbeat) or after it; longer sections are left out. [`Bars::changes`] and [`Bars::left_out`]
//! describe the changes.

use note_seq::{NoteSequence, TimeSignature};

/// Length of a bar of a window, in quarter notes.
const BAR: f64 = 4.0;

/// Times closer than this, in quarters, count as equal: a tick of the finest common resolution is
/// longer.
const ROUNDING: f64 = 1e-6;

/// Half a sixteenth, in quarters: the grid moves a note that begins this much before a bar line to
/// the bar line.
const HALF_STEP: f64 = 0.125;

/// A section with one meter.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Section {
    /// In quarters.
    start: f64,
    end: f64,
    metre: (u32, u32),
    /// Number of bars of the file before it.
    first_bar: u32,
    /// Its start in the music that is cut into windows, in quarters; `None` if it is left out.
    placed: Option<f64>,
}

impl Section {
    /// Length of a bar in quarters; `None` for an invalid meter.
    fn bar(&self) -> Option<f64> {
        let (numerator, denominator) = self.metre;
        let makes_sense = numerator > 0 && denominator.is_power_of_two();
        makes_sense.then(|| 4.0 * f64::from(numerator) / f64::from(denominator))
    }

    fn length(&self) -> f64 {
        self.end - self.start
    }

    fn is_of_four_quarters(&self) -> bool {
        self.bar().is_some_and(|bar| (bar - BAR).abs() < ROUNDING)
    }

    /// Whether it is a single bar shorter than a window's, for example an upbeat.
    fn is_short_bar(&self) -> bool {
        let one_bar = self.bar().is_some_and(|bar| self.length() < bar + ROUNDING);
        one_bar && self.length() < BAR - ROUNDING
    }

    /// Number of bars that begin in it, as [`note_seq::MelodyWindow::start_bar`] counts them.
    fn n_bars(&self) -> u32 {
        whole(self.bar().map_or(0.0, |bar| (self.length() / bar - ROUNDING).ceil()))
    }

    /// The bar of the file that contains a time of the section, in quarters.
    fn bar_at(&self, quarters: f64) -> u32 {
        let bars = self.bar().map_or(0.0, |bar| (quarters - self.start) / bar + ROUNDING);
        self.first_bar.saturating_add(whole(bars).min(self.n_bars().saturating_sub(1)))
    }
}

#[expect(clippy::cast_sign_loss, reason = "the cast saturates, as wanted")]
fn whole(bars: f64) -> u32 {
    bars as u32
}

/// The layout of the bars of a sequence. Bars of the file are counted from 0.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bars {
    sections: Vec<Section>,
    seconds_per_quarter: f64,
    /// Changes made to bars so that they fit, as text for users.
    pub(crate) changes: Vec<String>,
}

impl Bars {
    /// Lays out a sequence with one tempo; `None` if it has no bar of four quarters.
    pub(crate) fn of(sequence: &NoteSequence) -> Option<Self> {
        let mut bars = Self::as_they_are(sequence);
        if !bars.sections.iter().any(Section::is_of_four_quarters) {
            return None;
        }
        let mut has_notes = vec![false; bars.sections.len()];
        for note in &sequence.notes {
            has_notes[bars.section_of(note.start_time)] = true;
        }
        let last = bars.sections.len() - 1;
        let mut next = 0.0;
        for (at, (section, has_notes)) in bars.sections.iter_mut().zip(has_notes).enumerate() {
            let bar = section.first_bar.saturating_add(1);
            let (numerator, denominator) = section.metre;
            if at == 0 && last > 0 && section.length() < BAR - ROUNDING {
                section.placed = Some(BAR - section.length());
                next = BAR;
                if has_notes {
                    let length = quarters(section.length());
                    bars.changes.push(format!(
                        "bar 1 is an upbeat of {length}: a rest was added before it"
                    ));
                }
            } else if section.is_of_four_quarters() {
                section.placed = Some(next);
                let begun = f64::from(section.n_bars()) * BAR;
                let missing = begun - section.length();
                next += begun;
                if missing > ROUNDING && at < last && has_notes {
                    let cut = section.first_bar.saturating_add(section.n_bars());
                    bars.changes.push(format!(
                        "bar {cut} ends after {}, where the meter changes: a rest was added",
                        quarters(BAR - missing)
                    ));
                }
            } else if section.is_short_bar() {
                section.placed = Some(next);
                next += BAR;
                if has_notes {
                    bars.changes.push(format!(
                        "bar {bar} is in {numerator}/{denominator}: a rest was added to make four quarters"
                    ));
                }
            } else {
                section.placed = None;
            }
        }
        Some(bars)
    }

    /// Every section unchanged, whatever its meter: for music that is cut every four quarters.
    pub(crate) fn as_they_are(sequence: &NoteSequence) -> Self {
        let qpm = super::prepare::first_qpm(sequence);
        let seconds_per_quarter = 60.0 / qpm;
        let mut signatures: Vec<&TimeSignature> = sequence.time_signatures.iter().collect();
        signatures.sort_by(|a, b| a.time.total_cmp(&b.time));
        let end =
            sequence.notes.iter().map(|note| note.end_time).fold(sequence.total_time, f64::max)
                / seconds_per_quarter;
        let section =
            |start, metre| Section { start, end, metre, first_bar: 0, placed: Some(start) };
        let mut sections = vec![section(0.0, (4, 4))];
        for signature in signatures {
            let start = (signature.time / seconds_per_quarter).max(0.0);
            let metre = (signature.numerator, signature.denominator);
            let last = sections.last_mut().expect("there is a first one");
            if start < last.start + ROUNDING {
                last.metre = metre;
            } else if metre != last.metre && start < end {
                last.end = start;
                sections.push(section(start, metre));
            }
        }
        let mut first_bar = 0_u32;
        for section in &mut sections {
            section.first_bar = first_bar;
            first_bar = first_bar.saturating_add(section.n_bars());
        }
        Self { sections, seconds_per_quarter, changes: Vec::new() }
    }

    /// The index of the section of a note that begins at a time in seconds.
    fn section_of(&self, seconds: f64) -> usize {
        let quarters = seconds / self.seconds_per_quarter + HALF_STEP;
        self.sections.iter().rposition(|section| section.start <= quarters).unwrap_or(0)
    }

    /// The bar of the file of a note that begins at a time in seconds.
    pub(crate) fn bar_at(&self, seconds: f64) -> u32 {
        let section = &self.sections[self.section_of(seconds)];
        section.bar_at(seconds / self.seconds_per_quarter + HALF_STEP)
    }

    /// The bar of the file that a bar of the laid-out music comes from.
    pub(crate) fn source_bar(&self, bar: u32) -> u32 {
        self.source_bar_at(f64::from(bar) * BAR + ROUNDING)
    }

    /// The bar of the file of a note that begins at a time, in seconds, of the laid-out music.
    pub(crate) fn source_bar_of_note(&self, seconds: f64) -> u32 {
        self.source_bar_at(seconds / self.seconds_per_quarter + HALF_STEP)
    }

    fn source_bar_at(&self, quarters: f64) -> u32 {
        let placed = || self.sections.iter().filter_map(|s| Some((s, s.placed?)));
        let found = placed().rfind(|(_, at)| *at <= quarters).or_else(|| placed().next());
        found.map_or(0, |(section, at)| section.bar_at(section.start + (quarters - at).max(0.0)))
    }

    /// The meter of the section at a time in seconds, if that section is left out.
    pub(crate) fn left_out(&self, seconds: f64) -> Option<(u32, u32)> {
        let section = &self.sections[self.section_of(seconds)];
        section.placed.is_none().then_some(section.metre)
    }

    /// Whether any section is left out.
    pub(crate) fn leaves_out(&self) -> bool {
        self.sections.iter().any(|section| section.placed.is_none())
    }

    /// Whether more notes begin in sections that are left out than in the others.
    pub(crate) fn leaves_out_most(&self, sequence: &NoteSequence) -> bool {
        let is_left_out = |note: &&note_seq::Note| self.left_out(note.start_time).is_some();
        2 * sequence.notes.iter().filter(is_left_out).count() > sequence.notes.len()
    }

    /// The sequence with its bars laid out, in 4/4, without the sections that are left out.
    pub(crate) fn lay_out(&self, sequence: &NoteSequence) -> NoteSequence {
        let in_place = |s: &Section| s.is_of_four_quarters() && s.placed == Some(s.start);
        if self.sections.iter().all(in_place) {
            // Exactly as before.
            return sequence.clone();
        }
        let mut laid = sequence.clone();
        laid.notes.retain_mut(|note| {
            let section = &self.sections[self.section_of(note.start_time)];
            let Some(placed) = section.placed else { return false };
            let moved = (placed - section.start) * self.seconds_per_quarter;
            // A note sounds into the next section only if nothing comes between them.
            let end = section.end * self.seconds_per_quarter;
            let after = note.end_time / self.seconds_per_quarter - ROUNDING;
            let next = self.sections.iter().rfind(|section| section.start <= after);
            let next = next.unwrap_or(section);
            let goes_on = next
                .placed
                .is_some_and(|at| (at - placed - (next.start - section.start)).abs() < ROUNDING);
            if !goes_on && note.end_time > end {
                note.end_time = end.max(note.start_time);
            }
            note.start_time = (note.start_time + moved).max(0.0);
            note.end_time += moved;
            true
        });
        laid.time_signatures = vec![TimeSignature::default()];
        laid.total_time = laid.notes.iter().map(|note| note.end_time).fold(0.0, f64::max);
        // Other timed events are not needed for windows.
        laid.text_annotations.clear();
        laid.key_signatures.clear();
        laid.control_changes.clear();
        laid.pitch_bends.clear();
        laid
    }
}

/// A length for display, without superfluous digits.
fn quarters(quarters: f64) -> String {
    let text = format!("{quarters:.3}");
    match text.trim_end_matches('0').trim_end_matches('.') {
        "1" => "1 quarter note".to_owned(),
        number => format!("{number} quarter notes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use note_seq::{Note, Pitch};

    /// Quarter notes at 120 per minute, with changes of meter at the given quarters.
    fn music(n_quarters: u32, metres: &[(f64, u32, u32)]) -> NoteSequence {
        let mut music = NoteSequence::default();
        for i in 0..n_quarters {
            let start_time = 0.5 * f64::from(i);
            let pitch = Pitch::new(60).unwrap();
            music.push(Note { pitch, start_time, end_time: start_time + 0.5, ..Note::default() });
        }
        let signature = |(at, numerator, denominator): &(f64, u32, u32)| TimeSignature {
            time: 0.5 * at,
            numerator: *numerator,
            denominator: *denominator,
        };
        music.time_signatures.extend(metres.iter().map(signature));
        music
    }

    fn starts(music: &NoteSequence) -> Vec<f64> {
        music.notes.iter().map(|note| 2.0 * note.start_time).collect()
    }

    #[test]
    fn an_upbeat_stands_before_the_first_bar_line() {
        let music = music(9, &[(0.0, 1, 4), (1.0, 4, 4)]);
        let bars = Bars::of(&music).unwrap();
        let laid = bars.lay_out(&music);
        assert_eq!(starts(&laid), [3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0]);
        assert_eq!(
            bars.changes,
            ["bar 1 is an upbeat of 1 quarter note: a rest was added before it"]
        );
        assert_eq!([0, 1, 2].map(|bar| bars.source_bar(bar)), [0, 1, 2]);
        assert!(!bars.leaves_out());
    }

    #[test]
    fn a_short_bar_is_filled_up_and_a_longer_section_left_out() {
        // Bars 1 and 2, a bar of 2/4, bar 4, two bars of 3/4, bar 7.
        let metres = [(0.0, 4, 4), (8.0, 2, 4), (10.0, 4, 4), (14.0, 3, 4), (20.0, 4, 4)];
        let music = music(24, &metres);
        let bars = Bars::of(&music).unwrap();
        let laid = bars.lay_out(&music);
        let mut expected: Vec<f64> = (0..10).map(f64::from).collect();
        expected.extend((12..16).chain(16..20).map(f64::from));
        assert_eq!(starts(&laid), expected);
        let filled = "bar 3 is in 2/4: a rest was added to make four quarters";
        assert_eq!(bars.changes, [filled]);
        // Bars of the file: 5 and 6 are left out.
        assert_eq!([0, 1, 2, 3, 4].map(|bar| bars.source_bar(bar)), [0, 1, 2, 3, 6]);
        let left: Vec<(u32, (u32, u32))> = (music.notes.iter())
            .filter_map(|n| Some((bars.bar_at(n.start_time), bars.left_out(n.start_time)?)))
            .collect();
        assert_eq!(left[..3], [(4, (3, 4)); 3]);
        assert_eq!(left[3..], [(5, (3, 4)); 3]);
        assert!(bars.leaves_out());
        // A note does not extend into music that was elsewhere.
        assert!(laid.notes.iter().all(|note| (note.end_time - note.start_time - 0.5).abs() < 1e-9));
    }

    #[test]
    fn a_bar_that_a_change_of_metre_cuts_is_filled_up() {
        let music = music(10, &[(0.0, 4, 4), (6.0, 2, 2)]);
        let bars = Bars::of(&music).unwrap();
        assert_eq!(starts(&bars.lay_out(&music))[5..], [5.0, 8.0, 9.0, 10.0, 11.0]);
        let text = "bar 2 ends after 2 quarter notes, where the meter changes: a rest was added";
        assert_eq!(bars.changes, [text]);
    }

    #[test]
    fn music_in_four_four_stays_as_it_is_and_other_music_has_no_such_bars() {
        let plain = music(9, &[(0.0, 4, 4), (4.0, 4, 4)]);
        let bars = Bars::of(&plain).unwrap();
        assert_eq!(bars.lay_out(&plain), plain);
        assert!(Bars::of(&music(9, &[(0.0, 3, 4)])).is_none());
        assert!(Bars::of(&music(9, &[(0.0, 0, 4)])).is_none());
    }
}
