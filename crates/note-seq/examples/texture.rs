//! The textures of the windows of folders of MIDI files, one table per folder:
//! `cargo run --release -p note-seq --example texture -- [--4bar | --all | --drums] DIR…`.
//!
//! Each table has the mean and standard deviation of every feature over all windows, its mean in
//! the four most frequent meters, the patterns, and the folder in words, compared with all folders
//! together.

#![expect(clippy::print_stdout, reason = "an example prints")]

mod folder;

use std::path::Path;
use std::time::{Duration, Instant};

use note_seq::midi::{self, ReadOptions};
use note_seq::texture::{Texture, TextureFeature, TextureProfile};
use note_seq::{Meter, NoteListConverter};

use folder::midi_files;

/// Number of meters with a column.
const N_METERS: usize = 4;

fn main() -> std::io::Result<()> {
    let mut converter = NoteListConverter::poly_2bar();
    let mut folders = Vec::new();
    let mut all = Vec::new();
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--4bar" => converter = NoteListConverter::poly_4bar(),
            "--all" => converter = NoteListConverter::all_2bar(),
            "--drums" => converter = NoteListConverter::drums_2bar_groove(),
            folder => {
                let began = Instant::now();
                let (textures, measuring) = textures(&converter, Path::new(folder))?;
                let times = (began.elapsed(), measuring);
                folders.push((folder.to_owned(), all.len()..all.len() + textures.len(), times));
                all.extend(textures);
            }
        }
    }
    let reference = TextureProfile::of(&all);
    for (folder, range, (reading, measuring)) in folders {
        let textures = &all[range];
        println!(
            "{folder}: {} windows; {:.1} s, of which measuring {:.2} s = {:.1} µs a window",
            textures.len(),
            reading.as_secs_f64(),
            measuring.as_secs_f64(),
            1e6 * measuring.as_secs_f64() / textures.len().max(1) as f64,
        );
        table(textures, &reference);
    }
    Ok(())
}

fn table(textures: &[Texture], reference: &TextureProfile) {
    let profile = TextureProfile::of(textures);
    println!("  {}", profile.words(Some(reference)).join("; "));
    let mut patterns: Vec<_> = profile.patterns.keys().collect();
    patterns.sort_by(|a, b| profile.share(**b).total_cmp(&profile.share(**a)));
    let shares = patterns.iter().map(|p| format!("{p:?} {:.3}", profile.share(**p)));
    println!("  {}", shares.collect::<Vec<_>>().join(", "));
    let meters: Vec<Meter> = profile.meters.iter().take(N_METERS).map(|(m, _)| *m).collect();
    let of_meters: Vec<TextureProfile> = meters
        .iter()
        .map(|meter| TextureProfile::of(textures.iter().filter(|t| t.meter() == *meter)))
        .collect();
    let names = meters.iter().zip(&of_meters).map(|(m, p)| format!("{m} ({})", p.n_windows));
    let names = names.map(|name| format!("{name:>14}")).collect::<String>();
    println!("  {:<24}{:>10}{:>10}{names}  unit", "", "mean", "std dev");
    for feature in TextureFeature::ALL {
        let summary = profile.feature(feature);
        if summary.n == 0 {
            continue;
        }
        let means = of_meters.iter().map(|p| match p.mean(feature) {
            Some(mean) => format!("{mean:>14.3}"),
            None => format!("{:>14}", "–"),
        });
        println!(
            "  {feature:<24}{:>10.3}{:>10.3}{}  {}",
            summary.mean,
            summary.std_dev,
            means.collect::<String>(),
            feature.unit(),
        );
    }
}

/// The textures of all windows, and the duration of the measurement.
fn textures(
    converter: &NoteListConverter,
    folder: &Path,
) -> std::io::Result<(Vec<Texture>, Duration)> {
    let files = midi_files(folder)?;
    let (mut textures, mut measuring) = (Vec::new(), Duration::ZERO);
    for file in files {
        let Ok(read) = midi::read(&std::fs::read(file)?, &ReadOptions::default()) else { continue };
        let windows = converter.windows(&read.sequence).windows;
        let began = Instant::now();
        textures.extend(windows.iter().map(|window| Texture::from(&window.notes)));
        measuring += began.elapsed();
    }
    Ok((textures, measuring))
}
