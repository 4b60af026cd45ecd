//! Selection of the track of a file that is its tune.

use corpus::kind::{Kind, Window};
use note_seq::{Note, NoteListPlayback, NoteSequence, Pitch, SkipReason};
use serde::{Deserialize, Serialize};

use super::melodic::{MelodicScore, is_polyphonic};
use super::metre::Bars;
use super::prepare::{first_qpm, fitted, octaves_into, skyline, without};
use super::usage::{Count, LeftOutReason, Usage};
use super::{NoTune, Refused, TuneOptions};

/// The track selected, and the alternatives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// Whether the user requested it.
    pub asked: bool,
    /// All pitched tracks, the selected one first, then from the most to the least melodic.
    pub candidates: Vec<Candidate>,
}

/// A pitched track.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The instrument.
    pub instrument: u32,
    /// Its name in the file.
    pub name: Option<String>,
    /// Its program.
    pub program: u8,
    /// Number of its notes.
    pub n_notes: usize,
    /// Number of its windows.
    pub n_windows: usize,
    /// Its melodic score.
    pub score: MelodicScore,
    /// The reason why it has no windows, if it has none.
    pub refused: Option<SkipReason>,
}

impl Candidate {
    /// The track as text: its number, and its name or program.
    pub fn label(&self) -> String {
        label(self.instrument, self.name.as_deref(), self.program, false)
    }
}

impl Choice {
    /// The selected track and the reason, in one line.
    pub fn in_words(&self) -> String {
        let [taken, others @ ..] = &self.candidates[..] else { return "no track".to_owned() };
        let why = if self.asked { "as asked" } else { "the most melodic track" };
        let next = match others.iter().find(|other| other.refused.is_none()) {
            Some(next) => format!("; next is {}, {:.2}", next.label(), next.score.total()),
            None => String::new(),
        };
        format!(
            "{}, {why}: melodic score {:.2} ({:.0} % of its time one note sounds, {} notes){next}",
            taken.label(),
            taken.score.total(),
            100.0 * taken.score.alone,
            taken.n_notes,
        )
    }
}

fn label(instrument: u32, name: Option<&str>, program: u8, is_drum: bool) -> String {
    match name.map(str::trim).filter(|name| !name.is_empty()) {
        Some(name) => format!("instrument {instrument} ({name})"),
        None if is_drum => format!("instrument {instrument} (drums)"),
        None => format!("instrument {instrument} (program {program})"),
    }
}

/// The tune found in a sequence.
pub(super) struct FoundTune {
    pub(super) instruments: Vec<u32>,
    pub(super) windows: Vec<Window>,
    pub(super) transposed: i32,
    pub(super) choice: Option<Choice>,
    pub(super) usage: Usage,
    pub(super) warnings: Vec<String>,
    pub(super) playback: NoteListPlayback,
}

/// Music whose bars are laid out for windows, and the original.
#[derive(Clone, Copy)]
struct Laid<'a> {
    /// Laid out.
    sequence: &'a NoteSequence,
    /// The original at one tempo, with all its bars.
    source: &'a NoteSequence,
    bars: &'a Bars,
}

impl Laid<'_> {
    /// Counts which of the notes that `is_of` selects are in the windows, and sets the windows'
    /// bars to those of the file.
    fn count(
        &self,
        mut count: Count,
        kind: &Kind,
        windows: &mut [Window],
        notes: &[Note],
        is_of: impl Fn(&Note) -> bool,
    ) -> Usage {
        count.other_metres(self.bars, &self.source.notes, is_of);
        count.windows(kind, self.bars, windows, notes, first_qpm(self.sequence));
        for window in windows {
            window.start_bar = self.bars.source_bar(window.start_bar);
        }
        count.usage()
    }

    /// Changes to bars, changes to notes, and what was left out, as text for users.
    fn warnings(&self, mut done: Vec<String>, usage: &Usage) -> Vec<String> {
        let mut warnings = self.bars.changes.clone();
        warnings.append(&mut done);
        let told = [LeftOutReason::LowerVoice, LeftOutReason::Range];
        let rest = usage.left_out.iter().filter(|left| !told.contains(&left.reason));
        warnings.extend(rest.map(ToString::to_string));
        warnings
    }
}

/// A track adapted to the model.
struct Track {
    candidate: Candidate,
    line: Vec<Note>,
    /// Notes that are not in the line.
    dropped: Vec<(LeftOutReason, Note)>,
    transposed: i32,
    warnings: Vec<String>,
}

/// Labels of all tracks.
pub(super) fn tracks(sequence: &NoteSequence) -> Vec<String> {
    let of = |instrument: u32| {
        let first = sequence.notes.iter().find(|note| note.instrument == instrument);
        let (program, is_drum) = first.map_or((0, false), |n| (n.program.get(), n.is_drum));
        label(instrument, sequence.instrument_name(instrument), program, is_drum)
    };
    sequence.instruments().into_iter().map(of).collect()
}

/// Takes the most melodic track that has a window, or the requested one.
pub(super) fn melody(
    sequence: &NoteSequence,
    kind: &Kind,
    range: (Pitch, Pitch),
    options: TuneOptions,
) -> Result<FoundTune, NoTune> {
    if let Some(track) = options.track
        && !sequence.instruments().contains(&track)
    {
        return Err(NoTune::NoSuchTrack { track, tracks: tracks(sequence) });
    }
    let Some(bars) = Bars::of(sequence).filter(|bars| !bars.leaves_out_most(sequence)) else {
        return cut_in_quarters(sequence, kind, range, options);
    };
    let laid = bars.lay_out(sequence);
    let laid = Laid { sequence: &laid, source: sequence, bars: &bars };
    match melody_in(laid, kind, range, options) {
        // The tune may be in what was left out.
        Err(NoTune::Refused(refused)) if bars.leaves_out() => {
            cut_in_quarters(sequence, kind, range, options).map_err(|_| NoTune::Refused(refused))
        }
        found => found,
    }
}

/// The most melodic track, if little or nothing of the music has bars of four quarter notes: the
/// bars of the file are ignored.
fn cut_in_quarters(
    sequence: &NoteSequence,
    kind: &Kind,
    range: (Pitch, Pitch),
    options: TuneOptions,
) -> Result<FoundTune, NoTune> {
    let mut bare = sequence.clone();
    bare.time_signatures.clear();
    let bars = Bars::as_they_are(sequence);
    let laid = Laid { sequence: &bare, source: sequence, bars: &bars };
    let mut found = melody_in(laid, kind, range, options)?;
    let meter = meters(sequence);
    found.warnings.insert(
        0,
        format!(
            "its meter is {meter}; it was cut every four quarters, so windows don't begin with \
             its bars"
        ),
    );
    Ok(found)
}

/// The meters of a sequence, for example `3/4, 6/8`.
fn meters(sequence: &NoteSequence) -> String {
    let mut meters: Vec<String> = Vec::new();
    for signature in &sequence.time_signatures {
        let meter = format!("{}/{}", signature.numerator, signature.denominator);
        if !meters.contains(&meter) {
            meters.push(meter);
        }
    }
    meters.join(", ")
}

fn melody_in(
    laid: Laid<'_>,
    kind: &Kind,
    range: (Pitch, Pitch),
    options: TuneOptions,
) -> Result<FoundTune, NoTune> {
    let sequence = laid.sequence;
    let mut refused: Vec<Refused> = Vec::new();
    let mut fitting: Vec<Track> = Vec::new();
    let mut others: Vec<Candidate> = Vec::new();
    for instrument in sequence.instruments() {
        let notes: Vec<Note> =
            sequence.notes.iter().filter(|n| n.instrument == instrument).copied().collect();
        let asked = options.track.is_none_or(|track| track == instrument);
        match track(sequence, kind, range, instrument, &notes) {
            Ok(track) if asked => fitting.push(track),
            Ok(track) => others.push(track.candidate),
            Err((reason, candidate)) => {
                if asked {
                    let first = notes.first();
                    let (program, is_drum) =
                        first.map_or((0, false), |n| (n.program.get(), n.is_drum));
                    let name = sequence.instrument_name(instrument);
                    let track = label(instrument, name, program, is_drum);
                    refused.push(Refused { track, reason });
                }
                others.extend(candidate);
            }
        }
    }
    // The first of the most melodic ones.
    let total = |track: &Track| track.candidate.score.total();
    let best =
        (0..fitting.len()).rev().max_by(|a, b| total(&fitting[*a]).total_cmp(&total(&fitting[*b])));
    let Some(best) = best else {
        if refused.is_empty() {
            refused.push(Refused { track: "the file".to_owned(), reason: SkipReason::NoNotes });
        }
        return Err(NoTune::Refused(refused));
    };
    let taken = fitting.swap_remove(best);
    others.extend(fitting.into_iter().map(|track| track.candidate));
    others.sort_by(|a, b| b.score.total().total_cmp(&a.score.total()));
    let instrument = taken.candidate.instrument;
    // Chords are inferred from all instruments.
    let mut prepared = sequence.with_notes(|note| note.instrument != instrument);
    prepared.notes.extend(&taken.line);
    let of_it = |w: &Window| w.instruments == [instrument];
    let conversion = kind.windows_in_a_row(&prepared);
    let why_empty = conversion.skipped.keys().next_back().copied();
    let mut windows: Vec<Window> = conversion.windows.into_iter().filter(of_it).collect();
    if windows.is_empty() {
        let reason = why_empty.unwrap_or(SkipReason::NoChords);
        let track = taken.candidate.label();
        return Err(NoTune::Refused(vec![Refused { track, reason }]));
    }
    let mut count = Count::default();
    for (reason, note) in taken.dropped {
        count.leave_out(reason, laid.bars.source_bar_of_note(note.start_time));
    }
    let is_of = |note: &Note| note.instrument == instrument && !note.is_drum;
    let usage = laid.count(count, kind, &mut windows, &taken.line, is_of);
    let warnings = laid.warnings(taken.warnings, &usage);
    let candidates = std::iter::once(taken.candidate).chain(others).collect();
    Ok(FoundTune {
        instruments: vec![instrument],
        windows,
        transposed: taken.transposed,
        choice: Some(Choice { asked: options.track.is_some(), candidates }),
        usage,
        warnings,
        playback: NoteListPlayback::default(),
    })
}

/// Adapts a track, or returns the reason why it doesn't fit.
fn track(
    sequence: &NoteSequence,
    kind: &Kind,
    range: (Pitch, Pitch),
    instrument: u32,
    notes: &[Note],
) -> Result<Track, (SkipReason, Option<Candidate>)> {
    let tones: Vec<Note> =
        notes.iter().filter(|n| !n.is_drum && n.velocity.get() > 0).copied().collect();
    let Some(first) = tones.first() else {
        let drums = notes.iter().any(|note| note.is_drum);
        return Err((if drums { SkipReason::Drums } else { SkipReason::Silent }, None));
    };
    let name = sequence.instrument_name(instrument);
    let score = MelodicScore::new(&tones, name, sequence);
    let (mut warnings, mut dropped) = (Vec::new(), Vec::new());
    let line = if is_polyphonic(&score) {
        let line = skyline(&tones);
        warnings.push(format!(
            "it has chords: its upper line was used, {} of {} notes",
            line.len(),
            tones.len()
        ));
        let lower = without(&tones, &line);
        dropped.extend(lower.into_iter().map(|note| (LeftOutReason::LowerVoice, note)));
        line
    } else {
        tones.clone()
    };
    let transposed = octaves_into(&line, range);
    let (line, outside) = fitted(&line, transposed, range);
    if transposed != 0 {
        warnings.push(format!("it was shifted by {transposed} semitones to fit the model's range"));
    }
    if !outside.is_empty() {
        let n = outside.len();
        warnings.push(format!("{n} notes outside the model's range were left out"));
        dropped.extend(outside.into_iter().map(|note| (LeftOutReason::Range, note)));
    }
    let mut candidate = Candidate {
        instrument,
        name: name.map(ToOwned::to_owned),
        program: first.program.get(),
        n_notes: tones.len(),
        n_windows: 0,
        score,
        refused: None,
    };
    let mut alone = sequence.with_notes(|_| false);
    alone.notes.clone_from(&line);
    let conversion = kind.melody_windows(&alone).expect("a kind with the range of a melody");
    candidate.n_windows = conversion.windows.len();
    match conversion.why_empty() {
        Some(reason) => {
            candidate.refused = Some(reason);
            Err((reason, Some(candidate)))
        }
        None => Ok(Track { candidate, line, dropped, transposed, warnings }),
    }
}

/// Takes the tracks that kinds of several tracks, or of drums, find themselves.
pub(super) fn all_tracks(
    sequence: &NoteSequence,
    kind: &Kind,
    options: TuneOptions,
) -> Result<FoundTune, NoTune> {
    if options.track.is_some() {
        return Err(NoTune::AllTracks);
    }
    let source = sequence;
    let bars = Bars::of(source);
    let sequence = bars.as_ref().map_or_else(|| source.clone(), |bars| bars.lay_out(source));
    let bars = bars.unwrap_or_else(|| Bars::as_they_are(source));
    let conversion = kind.windows_in_a_row(&sequence);
    let Some(instruments) = busiest(&conversion.windows) else {
        let reason = conversion.why_empty().unwrap_or(SkipReason::NoNotes);
        return Err(NoTune::Refused(vec![Refused { track: "the file".to_owned(), reason }]));
    };
    let mut windows: Vec<Window> =
        conversion.windows.into_iter().filter(|w| w.instruments == instruments).collect();
    // Windows with one part have drums, whatever their instruments.
    let is_of_drums = kind.is_of_drums();
    let is_of = |note: &Note| {
        if is_of_drums { note.is_drum } else { instruments.contains(&note.instrument) }
    };
    let notes: Vec<Note> =
        sequence.notes.iter().filter(|n| n.velocity.get() > 0 && is_of(n)).copied().collect();
    let laid = Laid { sequence: &sequence, source, bars: &bars };
    let usage = laid.count(Count::default(), kind, &mut windows, &notes, is_of);
    let warnings = laid.warnings(Vec::new(), &usage);
    let playback = NoteListPlayback::default();
    Ok(FoundTune { instruments, windows, transposed: 0, choice: None, usage, warnings, playback })
}

/// The instruments with the most windows; the first of equal ones.
fn busiest(windows: &[Window]) -> Option<Vec<u32>> {
    let mut counts = std::collections::BTreeMap::<&[u32], usize>::new();
    for window in windows {
        *counts.entry(&window.instruments).or_default() += 1;
    }
    let most = counts.into_iter().max_by_key(|(i, n)| (*n, std::cmp::Reverse(*i)));
    most.map(|(instruments, _)| instruments.to_vec())
}
