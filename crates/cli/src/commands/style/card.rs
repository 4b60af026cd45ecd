//! Style cards for the terminal.

use controlgen::style::{AddedStyle, Card, Share, Style, UsedFile};
use note_seq::features::Feature;

use crate::output::table;

/// Names of note lengths in sixteenths, if they have one.
const LENGTHS: [(usize, &str); 8] = [
    (1, "sixteenths"),
    (2, "eighths"),
    (3, "dotted eighths"),
    (4, "quarters"),
    (6, "dotted quarters"),
    (8, "halves"),
    (12, "dotted halves"),
    (16, "a bar or longer"),
];
/// Maximum number of parts of a histogram that are named.
const MOST: usize = 4;
/// The smallest interval of a histogram, in semitones.
const LOWEST_INTERVAL: i64 = -12;

/// A description of a style in a few words.
pub(super) fn words(style: &Style) -> String {
    match &style.card {
        Some(card) if card.words.is_empty() => "like the corpus as a whole".to_owned(),
        Some(card) => card.words.join(", "),
        None => String::new(),
    }
}

/// The locations of the nearest windows; bars are counted from 1.
pub(super) fn nearest(style: &Style) -> String {
    let place = |source: &controlgen::style::WindowSource| {
        format!("{} bar {}", source.file, source.start_bar + 1)
    };
    style.nearest.iter().map(place).collect::<Vec<_>>().join("; ")
}

/// A style's card.
pub(super) fn lines(style: &Style, added: Option<&AddedStyle>) -> Vec<String> {
    let mut lines = vec![match (&style.added, style.components.as_slice()) {
        (Some(added), _) => format!(
            "{}: added, from {} windows; {:.0} % of it comes from the model's own styles",
            style.name,
            added.n_windows,
            100.0 * added.prior_share
        ),
        (None, components) => format!(
            "{}: {:.1} % of the training windows; {} {}",
            style.name,
            100.0 * style.share,
            if components.len() == 1 { "component" } else { "components" },
            components.iter().map(usize::to_string).collect::<Vec<_>>().join(", "),
        ),
    }];
    lines.push(format!("  sounds    {}", words(style)));
    if let Some(card) = &style.card {
        lines.extend(card_lines(card));
    }
    lines.push(format!("  nearest   {}", nearest(style)));
    lines.extend(added.iter().flat_map(|added| &added.files).flat_map(used_lines));
    lines
}

fn card_lines(card: &Card) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(minor) = card.minor {
        lines.push(format!("  keys      {}; {:.0} % minor", shares(&card.keys), 100.0 * minor));
    }
    if card.degrees.iter().any(|share| *share > 0.0) {
        lines.push(format!(
            "  degrees   {}  (time on each semitone above the tonic)",
            bars(&card.degrees)
        ));
    }
    lines.push(format!("  onsets    {}  (on each sixteenth of a bar)", bars(&card.profile.onsets)));
    let length = |at: usize| match LENGTHS.iter().find(|(steps, _)| *steps == at + 1) {
        Some((_, name)) => (*name).to_owned(),
        None => format!("{} sixteenths", at + 1),
    };
    lines.push(format!("  lengths   {}", largest(&card.profile.lengths, length)));
    if card.profile.intervals.iter().any(|share| *share > 0.0) {
        let interval =
            |at: usize| format!("{:+}", i64::try_from(at).unwrap_or(0) + LOWEST_INTERVAL);
        let named = largest(&card.profile.intervals, interval);
        lines.push(format!("  intervals {named} (semitones)"));
    }
    if !card.labels.is_empty() {
        lines.push(format!("  labels    {}", shares(&card.labels)));
    }
    if !card.titles.is_empty() {
        lines.push(format!("  titles    {}", shares(&card.titles)));
    }
    let mut rows = Vec::new();
    if let Some(texture) = &card.texture {
        for (feature, summary) in &texture.features {
            let value = format!("{:.2} {}", summary.mean, feature.unit());
            rows.push(vec![String::new(), feature.to_string(), value, String::new()]);
        }
        lines.extend(table(&rows));
        return lines;
    }
    for feature in Feature::ALL {
        let summary = card.profile.feature(feature);
        if summary.n == 0 {
            continue;
        }
        let away = card.deviations.get(&feature);
        let away = away.map_or_else(String::new, |away| format!("{away:+.2} sd from the corpus"));
        let value = format!("{:.2} {}", summary.mean, feature.unit());
        rows.push(vec![String::new(), feature.to_string(), value, away]);
    }
    lines.extend(table(&rows));
    lines
}

/// Fractions by name, compared with those of the corpus.
fn shares(shares: &[Share]) -> String {
    let text = |share: &Share| {
        let beside = share.in_corpus.map(|all| format!(" ({:.0} % of all)", 100.0 * all));
        format!("{} {:.0} %{}", share.name, 100.0 * share.share, beside.unwrap_or_default())
    };
    shares.iter().map(text).collect::<Vec<_>>().join(", ")
}

/// The largest parts of a histogram.
fn largest(histogram: &[f64], name: impl Fn(usize) -> String) -> String {
    let mut order: Vec<usize> = (0..histogram.len()).filter(|at| histogram[*at] > 0.0).collect();
    order.sort_by(|a, b| histogram[*b].total_cmp(&histogram[*a]));
    let named = order.iter().take(MOST);
    named
        .map(|at| format!("{} {:.0} %", name(*at), 100.0 * histogram[*at]))
        .collect::<Vec<_>>()
        .join(", ")
}

/// A histogram as a row of bars; the largest one has full height.
fn bars(histogram: &[f64]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = histogram.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    histogram
        .iter()
        .map(|share| {
            // The highest bar reached by the value.
            let reached =
                (1..=BARS.len()).rev().find(|n| share / most * BARS.len() as f64 > *n as f64 - 1.0);
            reached.map_or(' ', |n| BARS[n - 1])
        })
        .collect()
}

/// The parts of a file that were used; bars are counted from 1.
pub(super) fn used_lines(used: &UsedFile) -> Vec<String> {
    let mut lines: Vec<String> = used
        .tracks
        .iter()
        .map(|track| {
            let numbers: Vec<String> = track.instruments.iter().map(u32::to_string).collect();
            let names = match track.names.as_slice() {
                [] => String::new(),
                names => format!(" ({})", names.join(", ")),
            };
            format!(
                "  used      {} track {}{names}: {} windows from bar {} to bar {}",
                used.file,
                numbers.join(", "),
                track.n_windows,
                track.first_bar + 1,
                track.last_bar + 1,
            )
        })
        .collect();
    let changes: Vec<String> = used.changes.iter().map(ToString::to_string).collect();
    if !changes.is_empty() {
        lines.push(format!("            {}: {}", used.file, changes.join("; ")));
    }
    let bars = used.bars.iter().cloned().chain(used.left_out_bars.iter().map(ToString::to_string));
    lines.extend(bars.map(|text| format!("            {}: {text}", used.file)));
    if !used.left_out.is_empty() {
        let left_out = used.left_out.iter().map(|(why, n)| format!("{n} {why}"));
        let left_out = left_out.collect::<Vec<_>>().join(", ");
        lines.push(format!("            {}: left out {left_out}", used.file));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histograms_are_bars_and_their_largest_parts() {
        assert_eq!(bars(&[0.0, 0.5, 1.0, 0.01]), " ▄█▁");
        assert_eq!(bars(&[0.0; 2]), "  ");
        assert_eq!(largest(&[0.25, 0.0, 0.75], |at| at.to_string()), "2 75 %, 0 25 %");
    }
}
