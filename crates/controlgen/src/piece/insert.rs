//! New bars in a tune: after its end, or in place of some of its bars. Everything else stays as it
//! is, to the last note.

mod parts;

use std::collections::BTreeMap;

use corpus::kind::Kind;
use note_seq::window::WindowForm;
use note_seq::{ListNote, Note, NoteList, NoteListPlayback, NoteSequence};

use super::compose::Composer;
use super::form::Templates;
use super::plan::{Composition, Plan};
use super::sound::Sounds;
use crate::generate::{
    ControlRequest, Controls, Decoding, GenerateError, LatentPath, LatentSampling, memberships,
};
use crate::model::Model;
use crate::style::{Style, Styles};
use crate::tune::Tune;
use parts::Parts;

/// Windows after a gap that its windows are drawn to lead to, and that what returns is taken from.
const WINDOWS_AFTER: usize = 4;
/// Times, in quarters, that count as the same.
const ROUNDING: f64 = 1e-6;

/// Where new bars go. Bars count from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// After the last bar with a note.
    After {
        /// Number of bars.
        n_bars: u32,
    },
    /// In place of the tune's own.
    Within {
        /// The first.
        from_bar: u32,
        /// Number of bars.
        n_bars: u32,
    },
}

/// How new bars are made.
#[derive(Clone, Copy, Debug)]
pub struct InsertRequest<'a> {
    /// The distribution of their latents.
    pub path: &'a LatentPath,
    /// The styles asked for.
    pub targets: &'a [&'a Style],
    /// How latents are sampled.
    pub sampling: LatentSampling,
    /// How latents become tokens.
    pub decoding: Decoding,
    /// How they are composed; the form is that of the new bars, unless it is
    /// [`FormRequest::Auto`](super::FormRequest::Auto): then it is that of the whole.
    pub composition: Composition<'a>,
    /// Which of several attempts.
    pub index: u64,
}

/// A tune with new bars.
#[derive(Clone, Debug, PartialEq)]
pub struct Inserted {
    /// All of it.
    pub music: NoteSequence,
    /// The new windows, in the common key if the kind has one.
    pub windows: Vec<Vec<u16>>,
    /// Their latents, `[Z]` each.
    pub z: Vec<Vec<f32>>,
    /// Mean membership of the new windows in the styles asked for, after encoding them again.
    pub membership: f64,
    /// The first new bar, from 0.
    pub first_bar: u32,
    /// Number of them.
    pub n_bars: u32,
    /// The form, with the windows of the tune around it that were looked at.
    pub form: String,
}

/// Makes new bars in a tune, which was taken from `sequence`.
///
/// # Errors
/// [`GenerateError::Gap`] for bars that the tune does not have, or of another length than the
/// model's; those of settings out of range.
pub fn insert(
    model: &Model,
    styles: &Styles,
    (tune, sequence): (&Tune, &NoteSequence),
    gap: Gap,
    request: &InsertRequest<'_>,
) -> Result<Inserted, GenerateError> {
    let (sampling, decoding) = (request.sampling.check()?, request.decoding.check()?);
    let kind = model.kind();
    let bars = TuneBars::of(kind, tune);
    let place = bars.place(sequence, gap)?;
    let per_window = kind.n_bars().max(1);
    let n_new = (place.n_bars as usize).div_ceil(per_window);
    let room = Templates::MAX_WINDOWS.saturating_sub(n_new);
    let before = bars.before(place.context, room.saturating_sub(WINDOWS_AFTER).max(2));
    let past = place.first_bar + u32::try_from(n_new * per_window).unwrap_or(u32::MAX);
    let after = match gap {
        Gap::After { .. } => Vec::new(),
        Gap::Within { .. } => bars.after(past, WINDOWS_AFTER),
    };
    if before.is_empty() && after.is_empty() {
        return Err(GenerateError::Gap {
            why: format!(
                "no two bars in a row before or after bar {} are of the tune",
                place.first_bar + 1
            ),
        });
    }
    let first_new = before.len();
    let has_end = after.is_empty();
    let given: Vec<Option<Vec<u16>>> = before
        .into_iter()
        .map(Some)
        .chain(std::iter::repeat_n(None, n_new))
        .chain(after.into_iter().map(Some))
        .collect();
    // Given windows have meter and chords.
    let controls = Controls::of_styles(model, styles, request.targets, ControlRequest::default())?;
    let plan = Plan {
        composition: request.composition,
        path: request.path,
        targets: request.targets,
        n_windows: given.len(),
        sampling,
        shift: None,
        aim: None,
        decoding,
        controls: &controls,
        given: &given,
        has_end,
        canceled: None,
    };
    let composer = Composer::new(model, styles, plan)?;
    let mut made = composer.pieces(request.index..request.index + 1)?;
    let made = made.pop().expect("a piece for each attempt");
    let new = first_new..first_new + n_new;
    let windows = made.windows[new.clone()].to_vec();
    let mu = made.mu[new.clone()].concat();
    let members = memberships(model, styles, request.targets, &mu);
    Ok(Inserted {
        music: music(kind, (tune, sequence), &windows, &place),
        z: made.z[new].to_vec(),
        membership: members.iter().sum::<f64>() / members.len().max(1) as f64,
        first_bar: place.first_bar,
        n_bars: place.n_bars,
        form: made.form.letters(),
        windows,
    })
}

/// The bars of a tune, each as a bar of one of its windows.
struct TuneBars<'a> {
    form: WindowForm,
    n_bars: usize,
    tune: &'a Tune,
    /// By the number of the bar in the file: the window, and which bar of it.
    places: BTreeMap<u32, (usize, usize)>,
}

/// Where new bars go.
struct Placed {
    first_bar: u32,
    n_bars: u32,
    /// The bar that the tune before them ends before.
    context: u32,
    /// Semitones that were added to the music there to bring it to the common key.
    transposed: i32,
}

impl<'a> TuneBars<'a> {
    fn of(kind: &Kind, tune: &'a Tune) -> Self {
        let mut places = BTreeMap::new();
        for (number, window) in tune.windows.iter().enumerate() {
            for bar in 0..kind.n_bars() {
                let at = window.start_bar.saturating_add(u32::try_from(bar).unwrap_or(u32::MAX));
                places.entry(at).or_insert((number, bar));
            }
        }
        Self { form: kind.form(), n_bars: kind.n_bars(), tune, places }
    }

    /// Finds a gap, and checks that the bars there are as long as the model's.
    fn place(&self, sequence: &NoteSequence, gap: Gap) -> Result<Placed, GenerateError> {
        let wrong = |why: String| Err(GenerateError::Gap { why });
        let (tempos, bars) = (sequence.tempo_map(), sequence.bar_map());
        let end = sequence.notes.iter().map(|note| note.end_time).fold(0.0, f64::max);
        let end = tempos.quarters(end);
        // A note that ends on a bar line ends the bar before it.
        let n_in_file = bars.position((end - 1e-3).max(0.0)).bar + 1;
        let (first_bar, n_bars) = match gap {
            Gap::After { n_bars } => (n_in_file, n_bars),
            Gap::Within { from_bar, n_bars } => (from_bar, n_bars),
        };
        if n_bars == 0 {
            return wrong("no bar is asked for; ask for one or more".to_owned());
        }
        let is_within = matches!(gap, Gap::Within { .. });
        if is_within && first_bar.saturating_add(n_bars) > n_in_file {
            let last = u64::from(first_bar) + u64::from(n_bars);
            let from = u64::from(first_bar) + 1;
            return wrong(format!(
                "bars {from} to {last} are not all in the tune, which has bars 1 to {n_in_file}"
            ));
        }
        let context = match gap {
            Gap::Within { .. } => first_bar,
            Gap::After { .. } => self.last_sounding().map_or(0, |bar| bar + 1),
        };
        let near = context.checked_sub(1).and_then(|bar| self.places.get(&bar));
        let near = near.or_else(|| self.places.range(first_bar..).next().map(|(_, place)| place));
        let Some((near, _)) = near else {
            return wrong("the tune has no bar next to them".to_owned());
        };
        let window = &self.tune.windows[*near];
        let quarters = self.form.n_sixteenths(&window.tokens) as f64 / 4.0 / self.n_bars as f64;
        for bar in first_bar..first_bar + n_bars {
            let found = bars.quarters_at_bar(bar + 1) - bars.quarters_at_bar(bar);
            if (found - quarters).abs() > ROUNDING {
                return wrong(format!(
                    "bar {} has {found} quarters, and the music around it was read in bars of \
                     {quarters}",
                    bar + 1
                ));
            }
        }
        Ok(Placed { first_bar, n_bars, context, transposed: window.transposed.into() })
    }

    /// The last bar in which a note starts.
    fn last_sounding(&self) -> Option<u32> {
        let sounds = |(window, bar): &(usize, usize)| {
            let sounds = Sounds::of(&self.form, &self.tune.windows[*window].tokens);
            let within = bar * sounds.bar..(bar + 1) * sounds.bar;
            sounds.tones.iter().chain(&sounds.drums).any(|note| within.contains(&note.start))
        };
        self.places.iter().rev().find(|(_, place)| sounds(place)).map(|(bar, _)| *bar)
    }

    /// The window that begins with a bar; `None` if a bar of it is not there, or of another meter.
    fn window(&self, first: u32) -> Option<Vec<u16>> {
        let n_bars = u32::try_from(self.n_bars).ok()?;
        let bars = (first..first.checked_add(n_bars)?).map(|bar| {
            let (window, bar) = self.places.get(&bar)?;
            Some((self.tune.windows[*window].tokens.as_slice(), *bar))
        });
        joined(&self.form, &bars.collect::<Option<Vec<_>>>()?)
    }

    /// The windows before a bar, without a gap, at most `most`.
    fn before(&self, bar: u32, most: usize) -> Vec<Vec<u16>> {
        let n_bars = u32::try_from(self.n_bars).unwrap_or(u32::MAX);
        let starts = std::iter::successors(bar.checked_sub(n_bars), |at| at.checked_sub(n_bars));
        let mut windows: Vec<Vec<u16>> =
            starts.map_while(|first| self.window(first)).take(most).collect();
        windows.reverse();
        let meter = |window: &Vec<u16>| self.form.control(window).first().copied();
        // What is of another meter than the last is another section.
        if self.form.encoding().is_some() {
            let last = windows.last().and_then(meter);
            let other = windows.iter().rposition(|window| meter(window) != last);
            windows.drain(..other.map_or(0, |at| at + 1));
        }
        windows
    }

    /// The windows from a bar on, without a gap, at most `most`.
    fn after(&self, bar: u32, most: usize) -> Vec<Vec<u16>> {
        let n_bars = u32::try_from(self.n_bars).unwrap_or(u32::MAX);
        let starts = std::iter::successors(Some(bar), |at| at.checked_add(n_bars));
        starts.map_while(|first| self.window(first)).take(most).collect()
    }
}

/// A window of bars of windows: of each the window, and which bar of it. `None` for bars of
/// different meters.
fn joined(form: &WindowForm, bars: &[(&[u16], usize)]) -> Option<Vec<u16>> {
    match form {
        WindowForm::Steps(layout) => {
            let per_bar = form.steps_per_bar(bars.first()?.0);
            let track = |number: usize| {
                bars.iter().flat_map(move |(window, bar)| {
                    window[number * layout.n_steps + bar * per_bar..][..per_bar].iter().copied()
                })
            };
            Some((0..layout.tracks.len()).flat_map(track).collect())
        }
        WindowForm::Notes(encoding) => {
            let lists: Option<Vec<NoteList>> =
                bars.iter().map(|(row, _)| NoteList::from_row(*encoding, row).ok()).collect();
            let lists = lists?;
            let meter = lists.first()?.meter();
            if lists.iter().any(|list| list.meter() != meter) {
                return None;
            }
            let per_bar = u16::from(meter.bar()) / u16::from(encoding.ticks_per_step());
            let mut notes: Vec<ListNote> = Vec::new();
            for (to, (list, (_, from))) in lists.iter().zip(bars).enumerate() {
                let from = u16::try_from(*from).ok()? * per_bar;
                let to = u16::try_from(to).ok()? * per_bar;
                let own = list.notes().filter(|n| (from..from + per_bar).contains(&n.onset));
                notes.extend(own.map(|note| ListNote { onset: note.onset - from + to, ..note }));
            }
            NoteList::from_notes(*encoding, meter, notes).ok().map(|list| list.to_row())
        }
    }
}

/// The tune with new windows in their place.
fn music(
    kind: &Kind,
    (tune, sequence): (&Tune, &NoteSequence),
    windows: &[Vec<u16>],
    place: &Placed,
) -> NoteSequence {
    let (tempos, bars) = (sequence.tempo_map(), sequence.bar_map());
    let start = bars.quarters_at_bar(place.first_bar);
    let end = bars.quarters_at_bar(place.first_bar + place.n_bars);
    let (from, to) = (tempos.seconds_at_quarters(start), tempos.seconds_at_quarters(end));
    let of_drums = kind.is_of_drums();
    let takes_drums = of_drums || kind.form().encoding().is_none_or(|e| e.has_drums());
    let is_taken = |note: &Note| {
        tune.instruments.contains(&note.instrument)
            && if note.is_drum { takes_drums } else { !of_drums }
    };
    let parts = Parts::of(kind, tune, sequence, is_taken);
    let is_replaced = |note: &Note| {
        is_taken(note) && note.start_time > from - ROUNDING && note.start_time < to - ROUNDING
    };
    let mut music = sequence.with_notes(|note| !is_replaced(note));
    music.total_time = sequence.total_time.max(to);
    let mut own_key = windows.to_vec();
    for window in &mut own_key {
        kind.form().transpose(window, -place.transposed);
    }
    // At 60 quarters a minute, seconds are quarters.
    let playback = NoteListPlayback { qpm: 60.0, velocity: parts.velocity, ..tune.playback };
    let new = kind.to_sequence(own_key.iter().map(Vec::as_slice), &playback);
    for mut note in new.notes {
        let first = start + note.start_time;
        let last = (start + note.end_time).min(end);
        if first > end - ROUNDING || last <= first {
            continue;
        }
        let Some(pitch) = note.pitch.transposed(if note.is_drum { 0 } else { -tune.transposed })
        else {
            continue;
        };
        note.pitch = pitch;
        (note.instrument, note.program) = parts.of_note(&note);
        (note.start_time, note.end_time) =
            (tempos.seconds_at_quarters(first), tempos.seconds_at_quarters(last));
        music.notes.push(note);
    }
    music.notes.sort_by(|a, b| {
        let key = |note: &Note| (note.instrument, note.pitch);
        a.start_time.total_cmp(&b.start_time).then(key(a).cmp(&key(b)))
    });
    music
}

#[cfg(test)]
mod tests {
    use note_seq::window::WindowLayout;
    use note_seq::{Meter, NoteListEncoding, Pitch};

    use super::*;

    #[test]
    fn windows_begin_with_any_bar() {
        let form = WindowForm::Steps(WindowLayout::melody(32, 90));
        let (a, b): (Vec<u16>, Vec<u16>) = ((0..32).collect(), (32..64).collect());
        let found = joined(&form, &[(&a, 1), (&b, 0)]).unwrap();
        assert_eq!(found, (16..48).collect::<Vec<u16>>());

        let encoding = NoteListEncoding::POLY_2BAR;
        let row = |meter: Meter, notes: &[(u16, u8)]| {
            let note = |(onset, pitch): &(u16, u8)| ListNote {
                onset: *onset,
                pitch: Pitch::saturating(*pitch),
                duration: 6,
                ..ListNote::default()
            };
            NoteList::from_notes(encoding, meter, notes.iter().map(note)).unwrap().to_row()
        };
        let waltz = Meter::from_signature(3, 4).unwrap();
        let (a, b) = (row(waltz, &[(0, 60), (40, 62)]), row(waltz, &[(3, 64), (36, 65)]));
        let form = WindowForm::Notes(encoding);
        let found = joined(&form, &[(&a, 1), (&b, 0)]).unwrap();
        assert_eq!(found, row(waltz, &[(4, 62), (39, 64)]));
        let common = row(Meter::COMMON, &[(0, 60)]);
        assert_eq!(joined(&form, &[(&a, 1), (&common, 0)]), None);
    }
}
