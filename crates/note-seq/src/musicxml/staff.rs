//! Tones on a staff: in voices, bar by bar, and in each voice as consecutive chords.

use std::cmp::Reverse;

use super::durations::values;
use super::score::{Bar, Tone};
use crate::units::StepsPerQuarter;

/// Maximum number of voices of a staff, apart from overlapping notes of one pitch.
const MAX_VOICES: usize = 2;
/// Boundary between the bass clef and the treble clef: middle C.
const MIDDLE: u8 = 60;

/// A staff of a part.
#[derive(Debug, Clone)]
pub(super) struct Staff {
    pub(super) clef: Clef,
    /// For each voice, its tones bar by bar; a tone is in every bar in which it sounds.
    pub(super) voices: Vec<Vec<Vec<Tone>>>,
}

/// The clef of a staff.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clef {
    Treble,
    Bass,
    Percussion,
}

/// Tones that sound together between two steps, or a rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slice {
    pub(super) start: u32,
    pub(super) n_steps: u32,
    pub(super) tones: Vec<Tone>,
}

impl Slice {
    /// Whether a tone continues from before, and whether it continues after.
    pub(super) fn ties(&self, tone: &Tone) -> [bool; 2] {
        [tone.start < self.start, tone.end > self.start + self.n_steps]
    }
}

impl Staff {
    /// A staff with one voice, whose tones must not overlap.
    pub(super) fn of_line(tones: &[Tone], bars: &[Bar]) -> Self {
        Self { clef: clef(tones), voices: vec![by_bar(tones, bars)] }
    }

    /// A staff with all tones, with the given clef or the one that fits.
    pub(super) fn of_chords(tones: &[Tone], bars: &[Bar], given: Option<Clef>) -> Self {
        let voices = voices(tones).iter().map(|voice| by_bar(voice, bars)).collect();
        Self { clef: given.unwrap_or_else(|| clef(tones)), voices }
    }

    /// All tones; one that crosses bar lines is repeated for every bar.
    pub(super) fn tones(&self) -> impl Iterator<Item = &Tone> {
        self.voices.iter().flatten().flatten()
    }
}

/// The bass clef if the median is below middle C.
fn clef(tones: &[Tone]) -> Clef {
    let mut pitches: Vec<u8> = tones.iter().map(|tone| tone.pitch.get()).collect();
    pitches.sort_unstable();
    let is_low = pitches.get(pitches.len() / 2).is_some_and(|median| *median < MIDDLE);
    if is_low { Clef::Bass } else { Clef::Treble }
}

/// The tones of a part on two staves: simultaneous ones stay together within an octave, others are
/// divided at middle C.
pub(super) fn in_two_staves(tones: &[Tone]) -> [Vec<Tone>; 2] {
    let mut tones = tones.to_vec();
    tones.sort_by_key(|tone| (tone.start, tone.pitch));
    let mut staves = [Vec::new(), Vec::new()];
    for chord in tones.chunk_by(|a, b| a.start == b.start) {
        let pitches = || chord.iter().map(|tone| u32::from(tone.pitch.get()));
        let (low, high) = (pitches().min().unwrap_or(0), pitches().max().unwrap_or(0));
        let n = u32::try_from(chord.len()).unwrap_or(u32::MAX);
        let is_high = pitches().sum::<u32>() >= n.saturating_mul(MIDDLE.into());
        for tone in chord {
            let upper = if high - low <= 12 { is_high } else { tone.pitch.get() >= MIDDLE };
            staves[usize::from(!upper)].push(*tone);
        }
    }
    staves
}

/// A voice being filled.
struct Filling {
    tones: Vec<Tone>,
    /// The end of its last tone, and that of the last tone of each pitch.
    end: u32,
    ends: [u32; 128],
    /// The highest pitch of its last chord.
    top: u8,
}

/// Distributes tones over voices. Chords that start and end together stay together. Each is
/// assigned to the resting voice nearest in pitch, otherwise to a new one; beyond [`MAX_VOICES`],
/// to the nearest voice that does not sound one of its pitches, where it is tied. After silence,
/// the first voice continues.
fn voices(tones: &[Tone]) -> Vec<Vec<Tone>> {
    let mut tones = tones.to_vec();
    tones.sort_by_key(|tone| (tone.start, Reverse(tone.end), Reverse(tone.pitch)));
    let mut chords: Vec<&[Tone]> =
        tones.chunk_by(|a, b| (a.start, a.end) == (b.start, b.end)).collect();
    chords.sort_by_key(|chord| (chord[0].start, Reverse(chord[0].pitch), Reverse(chord[0].end)));
    let mut voices: Vec<Filling> = Vec::new();
    for chord in chords {
        for tone in chord {
            place(&mut voices, *tone, chord);
        }
    }
    voices.into_iter().map(|voice| voice.tones).collect()
}

/// Adds a tone to a voice, together with the others of its chord if possible.
fn place(voices: &mut Vec<Filling>, tone: Tone, chord: &[Tone]) {
    let top = chord[0].pitch.get();
    let with_chord = |voice: &Filling| {
        voice.tones.last().is_some_and(|last| (last.start, last.end) == (tone.start, tone.end))
    };
    let pitch = usize::from(tone.pitch.get());
    let sounds = |voice: &Filling| voice.ends[pitch] > tone.start;
    let is_silent = voices.iter().all(|voice| voice.end <= tone.start);
    let nearest = |allowed: &dyn Fn(&Filling) -> bool| {
        let found = voices.iter().enumerate().filter(|(_, voice)| allowed(voice));
        found.min_by_key(|(at, voice)| (voice.top.abs_diff(top), *at)).map(|(at, _)| at)
    };
    let joins = voices.iter().position(|voice| with_chord(voice) && !sounds(voice));
    let first = (is_silent && !voices.is_empty()).then_some(0);
    let rests = || nearest(&|voice| voice.end <= tone.start);
    let at = joins.or(first).or_else(rests).or_else(|| {
        let is_full = voices.len() >= MAX_VOICES;
        if is_full { nearest(&|voice| !sounds(voice)) } else { None }
    });
    let at = at.unwrap_or_else(|| {
        voices.push(Filling { tones: Vec::new(), end: 0, ends: [0; 128], top });
        voices.len() - 1
    });
    let voice = &mut voices[at];
    voice.end = voice.end.max(tone.end);
    voice.ends[pitch] = tone.end;
    voice.top = top;
    voice.tones.push(tone);
}

/// The tones that sound in each bar.
fn by_bar(tones: &[Tone], bars: &[Bar]) -> Vec<Vec<Tone>> {
    let mut by_bar = vec![Vec::new(); bars.len()];
    for tone in tones {
        let first = bars.partition_point(|bar| bar.start + bar.n_steps <= tone.start);
        for (bar, tones) in bars.iter().zip(&mut by_bar).skip(first) {
            if bar.start >= tone.end {
                break;
            }
            tones.push(*tone);
        }
    }
    by_bar
}

/// A bar of a voice, cut at all starts and ends of tones, and where it results in simpler note
/// values.
pub(super) fn slices(tones: &[Tone], bar: &Bar, grid: StepsPerQuarter) -> Vec<Slice> {
    let end = bar.start + bar.n_steps;
    let inside = |step: u32| (bar.start < step && step < end).then_some(step);
    let cuts = tones.iter().flat_map(|tone| [tone.start, tone.end]).filter_map(inside);
    let mut cuts: Vec<u32> = cuts.chain([bar.start, end]).collect();
    cuts.sort_unstable();
    cuts.dedup();
    let mut slices = Vec::with_capacity(cuts.len());
    for pair in cuts.windows(2) {
        let sounding = |tone: &&Tone| tone.start <= pair[0] && tone.end >= pair[1];
        let mut tones: Vec<Tone> = tones.iter().filter(sounding).copied().collect();
        tones.sort_by_key(|tone| tone.pitch);
        let mut start = pair[0];
        while start < pair[1] {
            let n_steps =
                plain(start - bar.start, pair[1] - start, bar.beat, grid, !tones.is_empty());
            slices.push(Slice { start, n_steps, tones: tones.clone() });
            start += n_steps;
        }
    }
    slices
}

/// Number of steps of a note or rest to write as one value: up to the next beat if it begins off
/// the beat and no single value is as long (or if it is a rest), otherwise the longest value.
fn plain(from: u32, n_steps: u32, beat: u32, grid: StepsPerQuarter, is_note: bool) -> u32 {
    let values = values(n_steps, grid).unwrap_or_default();
    let to_beat = if beat > 0 { (beat - from % beat) % beat } else { 0 };
    if (1..n_steps).contains(&to_beat) && (values.len() > 1 || !is_note) {
        return plain(from, to_beat, beat, grid, is_note);
    }
    values.first().map_or(n_steps, |value| value.n_steps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pitch::Pitch;

    fn tone(pitch: u8, start: u32, end: u32) -> Tone {
        Tone { start, end, pitch: Pitch::saturating(pitch), velocity: None }
    }

    fn pitches(voices: &[Vec<Tone>]) -> Vec<Vec<u8>> {
        voices.iter().map(|voice| voice.iter().map(|tone| tone.pitch.get()).collect()).collect()
    }

    #[test]
    fn a_held_note_and_a_line_above_it_are_two_voices() {
        let tones = [tone(48, 0, 48), tone(60, 0, 12), tone(62, 12, 24), tone(64, 24, 48)];
        assert_eq!(pitches(&voices(&tones)), [vec![60, 62, 64], vec![48]]);
        // After both have ended, the first continues.
        let more = [tones.as_slice(), &[tone(50, 48, 60)]].concat();
        assert_eq!(pitches(&voices(&more)), [vec![60, 62, 64, 50], vec![48]]);
    }

    #[test]
    fn the_third_voice_is_tied_into_the_nearest_and_one_pitch_twice_gets_its_own() {
        let tones = [tone(72, 0, 12), tone(60, 0, 24), tone(58, 0, 48)];
        assert_eq!(pitches(&voices(&tones)), [vec![72], vec![60, 58]]);
        let same = [tone(60, 0, 24), tone(60, 6, 24), tone(60, 12, 24)];
        assert_eq!(pitches(&voices(&same)), [[60], [60], [60]]);
        let unison = [tone(60, 0, 24), tone(60, 0, 24)];
        assert_eq!(pitches(&voices(&unison)), [[60], [60]]);
    }

    #[test]
    fn hands_part_at_middle_c_unless_they_are_close() {
        let tones =
            [tone(40, 0, 4), tone(52, 0, 4), tone(64, 0, 4), tone(57, 4, 8), tone(65, 4, 8)];
        let [upper, lower] = in_two_staves(&tones);
        assert_eq!(pitches(&[upper, lower]), [vec![64, 57, 65], vec![40, 52]]);
    }

    #[test]
    fn bars_are_cut_where_tones_change_and_at_beats() {
        let grid = StepsPerQuarter::new(12).unwrap();
        let bar = Bar { number: 1, start: 48, n_steps: 48, beat: 12, meter: None, key: None };
        let tones = [tone(60, 36, 54), tone(67, 51, 84)];
        let found: Vec<(u32, u32, usize)> = slices(&tones, &bar, grid)
            .iter()
            .map(|slice| (slice.start, slice.n_steps, slice.tones.len()))
            .collect();
        // From 54 on, 30 steps: 6 to the beat, then a half note; a rest of a quarter.
        let expected = [(48, 3, 1), (51, 3, 2), (54, 6, 1), (60, 24, 1), (84, 12, 0)];
        assert_eq!(found, expected);
        let slice = &slices(&tones, &bar, grid)[0];
        assert_eq!(slice.ties(&tones[0]), [true, true]);
    }
}
