//! The sound of a window: its notes in time, its pitch classes, its outer voices, its ending.

use note_seq::features::MAJOR_SCALE;
use note_seq::window::{GridNote, Line, WindowForm};
use note_seq::{Family, NoteList};

/// A note of a window, in steps of its grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sound {
    /// The part (of note lists, the family of instruments).
    pub part: usize,
    /// First step.
    pub start: usize,
    /// The step after the last; past the end of the window if it sounds on.
    pub end: usize,
    /// MIDI pitch; of a drum its class or its set of drums.
    pub pitch: i32,
}

/// The notes of a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sounds {
    /// Steps of the window.
    pub n_steps: usize,
    /// Steps of a bar.
    pub bar: usize,
    /// Notes with a pitch, by onset.
    pub tones: Vec<Sound>,
    /// Drums, by onset.
    pub drums: Vec<Sound>,
}

/// The highest and the lowest of the pitches that sound at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outer {
    /// The highest.
    pub top: i32,
    /// The lowest.
    pub bottom: i32,
}

impl Sounds {
    /// The notes of a window.
    ///
    /// # Panics
    /// If the tokens are not a window of the form.
    pub fn of(form: &WindowForm, window: &[u16]) -> Self {
        let (mut tones, mut drums) = (Vec::new(), Vec::new());
        let bar = form.steps_per_bar(window);
        let n_steps = match form {
            WindowForm::Steps(layout) => {
                for Line { part, is_drums, notes } in form.lines([window]) {
                    let sound = |note: GridNote| {
                        let GridNote { start, end, pitch } = note;
                        Sound { part, start, end, pitch }
                    };
                    let side = if is_drums { &mut drums } else { &mut tones };
                    side.extend(notes.into_iter().map(sound));
                }
                layout.n_steps
            }
            WindowForm::Notes(encoding) => {
                let list = NoteList::from_row(*encoding, window).expect("a window of the form");
                let ticks_per_step = usize::from(encoding.ticks_per_step());
                for note in list.notes() {
                    let start = usize::from(note.onset) * ticks_per_step;
                    let sound = Sound {
                        part: note.family.class().into(),
                        start,
                        end: start + usize::from(note.duration).max(1),
                        pitch: note.pitch.get().into(),
                    };
                    let is_drum = note.family == Family::Drums || !encoding.has_tones();
                    if is_drum { &mut drums } else { &mut tones }.push(sound);
                }
                encoding.n_ticks(list.meter()).into()
            }
        };
        tones.sort_by_key(|sound| (sound.start, sound.pitch, sound.part));
        drums.sort_by_key(|sound| (sound.start, sound.pitch, sound.part));
        Self { n_steps, bar, tones, drums }
    }

    /// How long each pitch class sounds within the window, in steps, C first.
    pub fn pitch_classes(&self) -> [f64; 12] {
        let mut classes = [0.0; 12];
        for tone in &self.tones {
            classes[pitch_class(tone.pitch)] +=
                tone.end.min(self.n_steps).saturating_sub(tone.start) as f64;
        }
        classes
    }

    /// The outer pitches of what sounds when the first note starts; `None` without tones.
    pub fn first_outer(&self) -> Option<Outer> {
        let start = self.tones.first()?.start;
        outer(self.tones.iter().filter(|tone| tone.start == start))
    }

    /// The outer pitches of what sounds when the last note starts; `None` without tones.
    pub fn last_outer(&self) -> Option<Outer> {
        let start = self.tones.last()?.start;
        outer(self.tones.iter().filter(|tone| tone.end > start))
    }

    /// Pitch classes that sound when the first (`true`) or the last note starts, as bits.
    pub fn chord_at(&self, first: bool) -> u16 {
        let end = if first { self.tones.first() } else { self.tones.last() };
        let Some(at) = end.map(|tone| tone.start) else { return 0 };
        let sounding = self.tones.iter().filter(|tone| tone.start <= at && tone.end > at);
        sounding.fold(0, |bits, tone| bits | 1 << pitch_class(tone.pitch))
    }

    /// Bars in which nothing sounds.
    pub fn n_empty_bars(&self) -> usize {
        let sounds = |first: usize| {
            let mut all = self.tones.iter().chain(&self.drums);
            all.any(|sound| sound.start < first + self.bar && sound.end > first)
        };
        (0..self.n_steps).step_by(self.bar.max(1)).filter(|first| !sounds(*first)).count()
    }

    /// Similarity of the window's end to an end of music on a tonic (a pitch class).
    pub fn ending(&self, tonic: usize) -> Ending {
        let Some(last) = self.last_outer() else { return Ending::default() };
        let start = self.tones.last().map_or(0, |tone| tone.start);
        let end = self.tones.iter().map(|tone| tone.end).max().unwrap_or(0).min(self.n_steps);
        Ending {
            is_on_tonic: pitch_class(last.bottom) == tonic,
            is_long: 2 * end.saturating_sub(start) >= self.bar,
            is_at_bar_line: end == self.n_steps,
        }
    }
}

/// Signs of an ending at the end of a piece.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// Its lowest note, at the last onset, is the tonic.
    pub is_on_tonic: bool,
    /// Whether the last sound is at least half a bar long.
    pub is_long: bool,
    /// It sounds until the end of the last bar.
    pub is_at_bar_line: bool,
}

impl Ending {
    /// A half for the tonic, a quarter each for the rest.
    pub fn score(self) -> f64 {
        0.5 * f64::from(self.is_on_tonic)
            + 0.25 * f64::from(self.is_long)
            + 0.25 * f64::from(self.is_at_bar_line)
    }
}

fn outer<'a>(tones: impl Iterator<Item = &'a Sound>) -> Option<Outer> {
    tones
        .map(|tone| Outer { top: tone.pitch, bottom: tone.pitch })
        .reduce(|a, b| Outer { top: a.top.max(b.top), bottom: a.bottom.min(b.bottom) })
}

fn pitch_class(pitch: i32) -> usize {
    usize::try_from(pitch.rem_euclid(12)).expect("0 to 11")
}

/// The share of sounding time that lies in the major scale on a pitch class; `None` if nothing
/// sounds.
pub fn share_in_scale(classes: &[f64; 12], tonic: usize) -> Option<f64> {
    let total: f64 = classes.iter().sum();
    let inside: f64 = MAJOR_SCALE.iter().map(|degree| classes[(tonic + degree) % 12]).sum();
    (total > 0.0).then(|| inside / total)
}

/// The major scale that most of the sounding time lies in, the lowest tonic of equals, and that
/// share; `None` if nothing sounds.
pub fn best_scale(classes: &[f64; 12]) -> Option<(usize, f64)> {
    let shares = (0..12).filter_map(|tonic| Some((tonic, share_in_scale(classes, tonic)?)));
    shares.reduce(|best, next| if next.1 > best.1 { next } else { best })
}

/// Pitch classes turned up by some semitones.
pub fn turned(classes: &[f64; 12], semitones: i32) -> [f64; 12] {
    let mut turned = [0.0; 12];
    for (class, value) in classes.iter().enumerate() {
        let to = i32::try_from(class).unwrap_or(0) + semitones;
        turned[pitch_class(to)] = *value;
    }
    turned
}

#[cfg(test)]
mod tests {
    use note_seq::window::WindowLayout;
    use note_seq::{ListNote, Meter, NoteListEncoding, Pitch};

    use super::*;

    /// A window of a melody: tokens are pitches less 19.
    fn melody(tokens: &[(usize, u16)]) -> Sounds {
        let mut window = [0_u16; 32];
        for (step, token) in tokens {
            window[*step] = *token;
        }
        Sounds::of(&WindowForm::Steps(WindowLayout::melody(32, 90)), &window)
    }

    #[test]
    fn a_melody_sounds_in_time() {
        // C4 for a bar, then B3 for a quarter, a rest, and C4 for half a bar.
        let sounds = melody(&[(0, 41), (16, 40), (20, 1), (24, 41)]);
        assert_eq!((sounds.n_steps, sounds.bar, sounds.tones.len()), (32, 16, 3));
        let classes = sounds.pitch_classes();
        assert_eq!((classes[0], classes[11], classes.iter().sum::<f64>()), (24.0, 4.0, 28.0));
        assert_eq!(share_in_scale(&classes, 0), Some(1.0));
        // F major has no B.
        assert_eq!(share_in_scale(&classes, 5), Some(24.0 / 28.0));
        assert_eq!(best_scale(&classes), Some((0, 1.0)));
        assert_eq!(best_scale(&turned(&classes, 3)), Some((3, 1.0)));
        assert_eq!(sounds.n_empty_bars(), 0);
        assert_eq!(melody(&[(16, 41)]).n_empty_bars(), 1);
        let ending = sounds.ending(0);
        assert_eq!((ending.score(), sounds.ending(2).score()), (1.0, 0.5));
        // A quarter, and rest to the end.
        assert_eq!(melody(&[(24, 41), (28, 1)]).ending(0).score(), 0.5);
        assert_eq!(melody(&[]).ending(0), Ending::default());
        assert_eq!(best_scale(&melody(&[]).pitch_classes()), None);
    }

    #[test]
    fn chords_have_outer_voices_and_sound_on() {
        let note = |onset, pitch, duration| ListNote {
            onset,
            pitch: Pitch::saturating(pitch),
            duration,
            ..ListNote::default()
        };
        let notes = [note(0, 48, 96), note(0, 64, 24), note(24, 67, 24), note(72, 72, 24)];
        let list = NoteList::from_notes(NoteListEncoding::POLY_2BAR, Meter::COMMON, notes).unwrap();
        let form = WindowForm::Notes(NoteListEncoding::POLY_2BAR);
        let sounds = Sounds::of(&form, &list.to_row());
        assert_eq!((sounds.n_steps, sounds.bar), (96, 48));
        assert_eq!(sounds.first_outer(), Some(Outer { top: 64, bottom: 48 }));
        assert_eq!(sounds.last_outer(), Some(Outer { top: 72, bottom: 48 }));
        // C and E; C alone.
        assert_eq!((sounds.chord_at(true), sounds.chord_at(false)), (0b1_0001, 0b1));
        assert_eq!(sounds.ending(0).score(), 1.0);
    }
}
