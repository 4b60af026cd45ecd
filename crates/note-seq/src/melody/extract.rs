//! Extracts melodies from a quantized sequence, exactly like Magenta.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Melody, MelodyEvent};
use crate::quantized::{Bars, QuantizedNote, QuantizedSequence};
use crate::units::Step;

/// Settings for extracting melodies.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ExtractOptions {
    /// Minimum number of silent bars that ends a melody; `None` to never end it.
    pub gap_bars: Option<f64>,
    /// Take the highest of notes that start together; otherwise a chord is an
    /// [`ExtractError::Polyphonic`].
    pub ignore_polyphonic: bool,
    /// Lengthen the last bar to a whole one.
    pub pad_end: bool,
    /// With `pad_end`, lengthen to a multiple of this number of bars: 1, or the window length, so
    /// that no bar is lost.
    pub pad_bars: u32,
    /// Truncate longer melodies at this number of bars; the rest is not searched again. `None` for
    /// no limit except [`Melody::MAX_STEPS`].
    pub max_bars: Option<u32>,
}

impl Default for ExtractOptions {
    /// The settings of MusicVAE: a gap of one bar, the highest of a chord, whole bars, at most 100
    /// of them.
    fn default() -> Self {
        Self {
            gap_bars: Some(1.0),
            ignore_polyphonic: true,
            pad_end: true,
            pad_bars: 1,
            max_bars: Some(100),
        }
    }
}

/// Reason why no melody could be extracted.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
#[non_exhaustive]
pub enum ExtractError {
    /// A bar is not a whole number of steps.
    #[error("a bar has {steps_per_bar} steps, which is not a whole number; use a finer grid")]
    NonIntegerStepsPerBar {
        /// Steps per bar.
        steps_per_bar: f64,
    },
    /// The grid has no bars.
    #[error("melodies need bars; quantize with `quantize`, not `quantize_absolute`")]
    AbsoluteGrid,
    /// Notes start together and `ignore_polyphonic` is off.
    #[error(
        "instrument {instrument} plays a chord on step {step}; set `ignore_polyphonic` to \
         take its top note"
    )]
    Polyphonic {
        /// The instrument.
        instrument: u32,
        /// The step, from the start of the sequence.
        step: Step,
    },
    /// The melody would have more than [`Melody::MAX_STEPS`] steps.
    #[error(
        "a melody of instrument {instrument} has {n_steps} steps (allowed: {}); set `max_bars`",
        Melody::MAX_STEPS
    )]
    TooLong {
        /// The instrument.
        instrument: u32,
        /// Its length.
        n_steps: Step,
    },
}

/// All melodies of all instruments, in ascending order of instruments.
///
/// For each instrument, and again from the bar after each melody found: notes are sorted by start
/// and then from high to low; the melody begins at the bar line at or before the first of them;
/// drums and notes of velocity 0 are skipped; of notes that start together, the highest is kept; a
/// later note ends an earlier one; the melody ends before a note that starts `gap_bars` or more
/// after the last note's end. The final off is omitted; padding restores it.
///
/// # Errors
/// Returns an [`ExtractError`].
pub fn extract(
    sequence: &QuantizedSequence,
    options: &ExtractOptions,
) -> Result<Vec<Melody>, ExtractError> {
    let bars = bars_of(sequence)?;
    let mut notes = sequence.notes.clone();
    notes.sort_by_key(|n| (n.instrument, n.start_step, std::cmp::Reverse(n.pitch)));
    extract_sorted(&notes, bars, options)
}

/// Like [`extract`], for notes sorted by instrument and start, and then from high to low.
pub(crate) fn extract_sorted(
    notes: &[QuantizedNote],
    bars: Bars,
    options: &ExtractOptions,
) -> Result<Vec<Melody>, ExtractError> {
    let mut melodies = Vec::new();
    for part in notes.chunk_by(|a, b| a.instrument == b.instrument) {
        extract_instrument(part, bars, options, &mut melodies)?;
    }
    Ok(melodies)
}

/// The bars of a sequence, or the reason why melodies and drum tracks cannot be cut along them.
pub(crate) fn bars_of(sequence: &QuantizedSequence) -> Result<Bars, ExtractError> {
    let steps_per_bar = sequence.steps_per_bar().ok_or(ExtractError::AbsoluteGrid)?;
    sequence.grid.bars().ok_or(ExtractError::NonIntegerStepsPerBar { steps_per_bar })
}

/// A note of a melody, in steps from the melody's first bar line.
#[derive(Debug, Clone, Copy)]
struct Placed {
    start: Step,
    end: Step,
    event: MelodyEvent,
}

/// `notes` must be from one instrument, sorted by start and then from high to low.
fn extract_instrument(
    notes: &[QuantizedNote],
    bars: Bars,
    options: &ExtractOptions,
    melodies: &mut Vec<Melody>,
) -> Result<(), ExtractError> {
    let bar = bars.steps_per_bar;
    let mut search_start: Step = 0;
    let mut rest = notes;
    let mut placed: Vec<Placed> = Vec::new();
    loop {
        rest = &rest[rest.partition_point(|n| n.start_step < search_start)..];
        let Some(first) = rest.first() else { return Ok(()) };
        let start_step = first.start_step - (first.start_step - search_start) % bar;
        placed.clear();
        for note in rest {
            // A note that ends before it starts can only come from hand-made sequences; Python
            // stops at it.
            if note.is_drum || note.velocity.get() == 0 || note.end_step <= note.start_step {
                continue;
            }
            let (start, end) = (note.start_step - start_step, note.end_step - start_step);
            if let Some(last) = placed.last() {
                if start == last.start {
                    if options.ignore_polyphonic {
                        continue;
                    }
                    return Err(ExtractError::Polyphonic {
                        instrument: note.instrument,
                        step: note.start_step,
                    });
                }
                if options.gap_bars.is_some_and(|gap| (start - last.end) as f64 >= gap * bar as f64)
                {
                    break;
                }
            }
            placed.push(Placed { start, end, event: MelodyEvent::NoteOn(note.pitch) });
        }
        let Some(last) = placed.last() else { return Ok(()) };
        let whole = bar.saturating_mul(Step::from(options.pad_bars.max(1)));
        let padding = if options.pad_end { (whole - last.end % whole) % whole } else { 0 };
        let n_steps = last.end.saturating_add(padding);
        let kept = options
            .max_bars
            .map_or(n_steps, |max| n_steps.min(Step::from(max).saturating_mul(bar)));
        if kept > Melody::MAX_STEPS {
            return Err(ExtractError::TooLong { instrument: first.instrument, n_steps: kept });
        }
        melodies.push(Melody {
            events: render(&placed, kept),
            start_step,
            steps_per_bar: bar,
            steps_per_quarter: bars.steps_per_quarter,
            instrument: first.instrument,
        });
        let end_step = start_step.saturating_add(n_steps);
        search_start = end_step.saturating_add((bar - end_step % bar) % bar);
    }
}

/// The first `n_steps` events of a line. Starts must be ascending; a note ends at the start of the
/// next one at the latest.
fn render(placed: &[Placed], n_steps: Step) -> Vec<MelodyEvent> {
    let n_steps = usize::try_from(n_steps).unwrap_or_default();
    let mut events = vec![MelodyEvent::NoEvent; n_steps];
    for (i, note) in placed.iter().enumerate() {
        let mut put = |step: Step, event| {
            if let Some(slot) = usize::try_from(step).ok().and_then(|s| events.get_mut(s)) {
                *slot = event;
            }
        };
        put(note.start, note.event);
        if placed.get(i + 1).is_none_or(|next| note.end < next.start) {
            put(note.end, MelodyEvent::NoteOff);
        }
    }
    events
}

#[cfg(test)]
mod tests;
