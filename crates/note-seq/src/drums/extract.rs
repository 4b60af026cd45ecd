//! Extracts drum tracks from a quantized sequence, exactly like Magenta.

use serde::{Deserialize, Serialize};

use super::{DrumHits, DrumMap, DrumTrack};
use crate::melody::{ExtractError, Melody, bars_of};
use crate::quantized::{Bars, QuantizedNote, QuantizedSequence};
use crate::units::Step;

/// Settings for extracting drum tracks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DrumExtractOptions {
    /// Minimum number of silent bars that ends a track; `None` to never end it.
    pub gap_bars: Option<f64>,
    /// Lengthen the last bar to a whole one.
    pub pad_end: bool,
    /// With `pad_end`, lengthen to a multiple of this number of bars: 1, or the window length, so
    /// that no bar is lost.
    pub pad_bars: u32,
    /// Truncate longer tracks at this number of bars; the rest is not searched again. `None` for no
    /// limit except [`Melody::MAX_STEPS`].
    pub max_bars: Option<u32>,
}

impl Default for DrumExtractOptions {
    /// The settings of MusicVAE: a gap of one bar, whole bars, at most 100 of them.
    fn default() -> Self {
        Self { gap_bars: Some(1.0), pad_end: true, pad_bars: 1, max_bars: Some(100) }
    }
}

/// All drum tracks of a sequence, from the drum notes of all instruments combined.
///
/// Keys that are not in the map and notes of velocity 0 are skipped, and note ends are ignored. A
/// track begins at the bar line at or before its first hit and ends before a hit that comes
/// `gap_bars` or more after the step following the last hit.
///
/// # Errors
/// Returns [`ExtractError::AbsoluteGrid`], [`ExtractError::NonIntegerStepsPerBar`] or
/// [`ExtractError::TooLong`] (with instrument 0).
pub fn extract(
    sequence: &QuantizedSequence,
    map: &DrumMap,
    options: &DrumExtractOptions,
) -> Result<Vec<DrumTrack>, ExtractError> {
    let bars = bars_of(sequence)?;
    extract_notes(sequence.notes.iter(), bars, map, options)
}

/// Like [`extract`], for notes in any order.
pub(crate) fn extract_notes<'a>(
    notes: impl Iterator<Item = &'a QuantizedNote>,
    bars: Bars,
    map: &DrumMap,
    options: &DrumExtractOptions,
) -> Result<Vec<DrumTrack>, ExtractError> {
    let bar = bars.steps_per_bar;
    let hits = hits(notes, map);
    let mut tracks = Vec::new();
    let mut rest = &hits[..];
    let mut search_start: Step = 0;
    while let Some((first, _)) = rest.first() {
        let start_step = first - (first - search_start) % bar;
        let breaks = |pair: &[(Step, DrumHits)]| {
            options
                .gap_bars
                .is_some_and(|gap| (pair[1].0 - pair[0].0 - 1) as f64 >= gap * bar as f64)
        };
        let n_hits = rest.windows(2).position(breaks).map_or(rest.len(), |last| last + 1);
        let (track, later) = rest.split_at(n_hits);
        let n_steps = track.last().map_or(0, |last| last.0 - start_step + 1);
        let whole = bar.saturating_mul(Step::from(options.pad_bars.max(1)));
        let padding = if options.pad_end { (whole - n_steps % whole) % whole } else { 0 };
        let n_steps = n_steps.saturating_add(padding);
        let kept = options
            .max_bars
            .map_or(n_steps, |max| n_steps.min(Step::from(max).saturating_mul(bar)));
        if kept > Melody::MAX_STEPS {
            return Err(ExtractError::TooLong { instrument: 0, n_steps: kept });
        }
        let mut events = vec![DrumHits::NONE; usize::try_from(kept).unwrap_or_default()];
        for (step, hits) in track {
            if let Some(slot) =
                usize::try_from(step - start_step).ok().and_then(|s| events.get_mut(s))
            {
                *slot = *hits;
            }
        }
        tracks.push(DrumTrack {
            events,
            start_step,
            steps_per_bar: bar,
            steps_per_quarter: bars.steps_per_quarter,
        });
        let end_step = start_step.saturating_add(n_steps);
        search_start = end_step.saturating_add((bar - end_step % bar) % bar);
        rest = &later[later.partition_point(|(step, _)| *step < search_start)..];
    }
    Ok(tracks)
}

/// The drums of each step with hits, in ascending order of steps.
fn hits<'a>(
    notes: impl Iterator<Item = &'a QuantizedNote>,
    map: &DrumMap,
) -> Vec<(Step, DrumHits)> {
    let mut struck: Vec<(Step, u8)> = notes
        .filter(|n| n.is_drum && n.velocity.get() > 0)
        .filter_map(|n| Some((n.start_step, map.class(n.pitch)?)))
        .collect();
    struck.sort_unstable();
    let mut hits: Vec<(Step, DrumHits)> = Vec::with_capacity(struck.len());
    for (step, class) in struck {
        if hits.last().is_none_or(|last| last.0 != step) {
            hits.push((step, DrumHits::NONE));
        }
        if let Some(last) = hits.last_mut() {
            last.1.insert(class);
        }
    }
    hits
}
