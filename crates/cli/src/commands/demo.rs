//! `controlgen demo`: the styles of a model, a style of three tunes, mixes and interpolations, on
//! one page.

use std::path::{Path, PathBuf};
use std::time::Instant;

use controlgen::arrange::{Arrangement, Arranger};
use controlgen::copy::CopyIndex;
use controlgen::encode::encode_windows;
use controlgen::generate::{
    Decoding, Interpolation, LatentPath, PieceFilter, PieceRequest, controls_of, decode_all,
    interpolate, pieces,
};
use controlgen::mix::{MixMethod, MixRequest, mix};
use controlgen::model::Model;
use controlgen::output::{Batch, CopyCheck, Formats, Sidecar, Sound, music};
use controlgen::session::SessionParts;
use controlgen::style::{Style, Styles};
use controlgen::tune::{Tune, TuneOptions};
use corpus::synthetic;
use note_seq::midi::{self, WriteOptions};
use note_seq::{NoteListPlayback, NoteSequence};
use serde::Serialize;
use serde_json::json;

use super::Context;
use super::loading::open;
use super::writing::{file_name, rows};
use crate::args::{DEFAULT_TEMPERATURE, DemoArgs, StylesArgs};
use crate::progress::{Show, note};

/// Maximum number of styles shown, the largest ones.
const MAX_STYLES: usize = 6;
/// Number of pieces of each style.
const PIECES: usize = 3;
/// Windows of each.
const N_WINDOWS: usize = 2;
/// The name of the style that is added.
const ADDED: &str = "three-tunes";
/// Strengths at which a style is mixed in.
const STRENGTHS: [f64; 3] = [0.35, 0.7, 1.0];
/// Number of windows of an interpolation.
const STEPS: usize = 7;

/// The result.
#[derive(Serialize)]
struct Demo {
    #[serde(with = "corpus::path_text")]
    folder: PathBuf,
    #[serde(with = "corpus::path_text::option")]
    page: Option<PathBuf>,
    styles: Vec<Shown>,
    /// Duration of each part in seconds.
    seconds: Vec<(&'static str, f64)>,
    n_files: usize,
}

/// A style and the membership of its pieces.
#[derive(Serialize)]
struct Shown {
    style: String,
    words: Vec<String>,
    /// Mean membership of its pieces after encoding them again.
    membership: f64,
}

/// The model in the program that adds drums to the pieces of another model.
const DRUMS: &str = "drums";

/// Writes pieces and counts them.
struct DemoWriter<'a> {
    model: &'a Model,
    /// Arranges new pieces: with drums, unless the pieces are drums themselves.
    arranger: Arranger<'a>,
    batch: Batch,
    seed: u64,
    n_files: usize,
    playback: NoteListPlayback,
}

impl DemoWriter<'_> {
    fn sidecar(&self, part: &str) -> Sidecar {
        let decoding = Decoding { temperature: Some(DEFAULT_TEMPERATURE), seed: self.seed };
        let options = json!({ "part": part });
        Sidecar { index: self.n_files, ..Sidecar::new(self.model, "demo", options, decoding) }
    }

    fn music(&self, windows: &[Vec<u16>]) -> NoteSequence {
        music(self.model.kind(), windows.iter().map(Vec::as_slice), &self.playback)
    }

    fn write(
        &mut self,
        name: &str,
        music: &NoteSequence,
        sidecar: &Sidecar,
        beside: &[(&str, &NoteSequence)],
    ) -> anyhow::Result<()> {
        self.batch.write_beside(name, music, sidecar, beside)?;
        self.n_files += 1;
        Ok(())
    }

    /// Writes new pieces in a style; returns their mean membership.
    fn style(
        &mut self,
        styles: &Styles,
        style: &Style,
        index: Option<&CopyIndex>,
    ) -> anyhow::Result<f64> {
        let path = LatentPath::stationary(&styles.distribution(style))?;
        let decoding = Decoding { temperature: Some(DEFAULT_TEMPERATURE), seed: self.seed };
        let targets = [style];
        let request = PieceRequest {
            n_windows: N_WINDOWS,
            filter: PieceFilter { index, ..PieceFilter::default() },
            ..PieceRequest::new(&path, &targets, PIECES, decoding)
        };
        let found = pieces(self.model, styles, &request)?;
        let mut sum = 0.0;
        for (number, piece) in found.kept.iter().enumerate() {
            let arranged = self.arranger.arrange(piece, self.n_files)?;
            let sidecar = Sidecar {
                style: Some(style.name.clone()),
                component: style.component(),
                z: arranged.z,
                membership: Some(piece.components.clone()),
                style_membership: Some(piece.membership),
                attempt: Some(piece.attempt),
                copy: index.map(|_| CopyCheck { longest: piece.copy.clone() }),
                ..self.sidecar("styles")
            };
            let name = format!("{}-{number}", file_name(&style.name));
            self.write(&name, &arranged.music, &sidecar, &[])?;
            sum += piece.membership;
        }
        Ok(sum / found.kept.len().max(1) as f64)
    }
}

pub(super) fn run(context: &Context, args: &DemoArgs) -> anyhow::Result<()> {
    let start = Instant::now();
    let mut seconds = Vec::new();
    let mut last = Instant::now();
    let mut lap = |part: &'static str| {
        seconds.push((part, last.elapsed().as_secs_f64()));
        last = Instant::now();
        if context.show != Show::Nothing {
            note(&format!("{part}: {:.1} s", seconds.last().map_or(0.0, |(_, s)| *s)));
        }
    };
    let folder = args.out.clone().unwrap_or_else(free_folder);
    // Styles added by the demo are stored in its folder.
    let own_styles = Some(folder.join("styles"));
    let of = StylesArgs { model: args.model.clone(), styles_folder: own_styles };
    let SessionParts { model, mut styles, copy_index, .. } = open(context, &of)?.into_parts()?;
    let formats = Formats { wav: true, html: true, ..Formats::default() };
    let has_drums = models::names().any(|name| name == DRUMS) && !model.kind().is_of_drums();
    let decoding = Decoding { temperature: Some(DEFAULT_TEMPERATURE), seed: args.seed };
    let of_drums = StylesArgs { model: Some(DRUMS.into()), styles_folder: None };
    let drums = has_drums.then(|| open(context, &of_drums)).transpose()?;
    let arrangement = Arrangement { drums: drums.as_ref(), ..Arrangement::default() };
    let arranger = Arranger::new(&model, arrangement, N_WINDOWS, decoding, 1)?;
    let mut writer = DemoWriter {
        model: &model,
        arranger,
        batch: Batch::new(&folder, "What controlgen does", formats, Sound::default())
            .overwriting(context.overwrite),
        seed: args.seed,
        n_files: 0,
        playback: NoteListPlayback::default(),
    };
    writer.batch.check()?;
    writer.batch.text(format!(
        "Model {}: trained on unlabeled music, in which {} styles were found. Every piece here was \
         written just now, with seed {}{}.",
        model.hash(),
        styles.all().len(),
        args.seed,
        if drums.is_some() { "; a second model plays drums under it" } else { "" },
    ));
    lap("loading the model");

    let mut largest: Vec<Style> = styles.all().iter().filter(|s| !s.hidden).cloned().collect();
    largest.sort_by(|a, b| b.share.total_cmp(&a.share));
    largest.truncate(MAX_STYLES);
    let mut shown = Vec::new();
    for style in &largest {
        writer.batch.group(style.name.clone());
        let words = style.card.as_ref().map(|card| card.words.clone()).unwrap_or_default();
        writer.batch.text(in_words(style.share, &words));
        let membership = writer.style(&styles, style, copy_index.as_ref())?;
        shown.push(Shown { style: style.name.clone(), words, membership });
    }
    lap("new music of the largest styles");

    let tunes = write_tunes(context, &folder, args.seed)?;
    let report = styles.add(&model, ADDED, &tunes)?;
    let added = styles.find(ADDED)?.clone();
    writer.batch.group("A style of three tunes".to_owned());
    writer.batch.text(format!(
        "Three tunes (in {}) became a style without any training: {} windows; {:.0} % of the style \
         come from the styles known before.",
        folder.join("tunes").display(),
        report.n_windows,
        100.0 * report.prior_share,
    ));
    let membership = writer.style(&styles, &added, copy_index.as_ref())?;
    let words = added.card.as_ref().map(|card| card.words.clone()).unwrap_or_default();
    shown.push(Shown { style: ADDED.to_owned(), words, membership });
    lap("a style of three tunes");

    let tune = Tune::read_with(&tunes[0], model.kind(), TuneOptions::default())?;
    let windows = tune.window_tokens();
    let windows = &windows[..windows.len().min(2)];
    if let Some(style) = largest.first() {
        writer.batch.group("Mixed into a tune".to_owned());
        writer.batch.text(format!(
            "The first tune (its first {} of {} windows) moved into {}, further each time; next to it \
             the tune itself, to be heard together.",
            windows.len(),
            tune.windows.len(),
            style.name
        ));
        mixes(&mut writer, &styles, style, windows)?;
        writer.batch.group("From the tune to a style".to_owned());
        between(&mut writer, &styles, style, windows)?;
    }
    lap("mixes and an interpolation");

    let n_files = writer.n_files;
    let page = writer.batch.finish()?;
    lap("sound and the page");
    let demo = Demo { folder, page, styles: shown, seconds, n_files };
    context.output.result(&demo, || lines(&demo, start.elapsed().as_secs_f64()))
}

/// The default folder: one that does not exist yet.
fn free_folder() -> PathBuf {
    let numbered = (2_u32..).map(|n| format!("controlgen-demo-{n}"));
    std::iter::once("controlgen-demo".to_owned())
        .chain(numbered)
        .map(PathBuf::from)
        .find(|folder| !folder.exists())
        .expect("numbers don't end")
}

/// Writes three synthetic tunes in one style.
fn write_tunes(context: &Context, folder: &Path, seed: u64) -> anyhow::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for number in 0..3 {
        let tune = synthetic::piece(0, seed, number);
        let path = folder.join("tunes").join(format!("tune-{}.mid", number + 1));
        context.overwrite.write(&path, &midi::write(&tune, &WriteOptions::default())?)?;
        paths.push(path);
    }
    Ok(paths)
}

fn in_words(share: f64, words: &[String]) -> String {
    let share = format!("{:.0} % of the training music", 100.0 * share);
    match words {
        [] => format!("{share}."),
        words => format!("{share}; {}.", words.join(", ")),
    }
}

fn mixes(
    writer: &mut DemoWriter<'_>,
    styles: &Styles,
    style: &Style,
    windows: &[Vec<u16>],
) -> anyhow::Result<()> {
    let original = writer.music(windows);
    for strength in STRENGTHS {
        let decoding = Decoding { temperature: None, seed: writer.seed };
        let request = MixRequest { style, strength, method: MixMethod::Transport, decoding };
        let mixed = mix(writer.model, styles, windows, &request)?;
        let sidecar = Sidecar {
            options: json!({ "part": "mix", "strength": strength }),
            style: Some(style.name.clone()),
            component: style.component(),
            z: rows(&mixed.z, writer.model.z_size()),
            temperature: None,
            membership: Some(mixed.components),
            style_membership: Some(mixed.membership_after),
            ..writer.sidecar("mix")
        };
        let music = writer.music(&mixed.windows);
        let name = format!("mix-{:03.0}", 100.0 * strength);
        writer.write(&name, &music, &sidecar, &[("the tune", &original)])?;
    }
    Ok(())
}

/// The interpolation from a tune's first window to the mean of a style, as one piece.
fn between(
    writer: &mut DemoWriter<'_>,
    styles: &Styles,
    style: &Style,
    windows: &[Vec<u16>],
) -> anyhow::Result<()> {
    let model = writer.model;
    let from = encode_windows(model, &windows[..1]);
    let to = styles.mean_latent(model, style)?;
    let decoding = Decoding { temperature: None, seed: writer.seed };
    let control = controls_of(model, windows[..1].iter().map(Vec::as_slice));
    let latents = interpolate(&[from, to], STEPS, Interpolation::Slerp)?;
    let stops = decode_all(model, latents, &control, decoding)?;
    let (z, tokens): (Vec<Vec<f32>>, Vec<Vec<u16>>) =
        stops.into_iter().map(|stop| (stop.z, stop.tokens)).unzip();
    let sidecar = Sidecar {
        z,
        temperature: None,
        style: Some(style.name.clone()),
        ..writer.sidecar("interpolation")
    };
    writer.write("interpolation", &writer.music(&tokens), &sidecar, &[])
}

fn lines(demo: &Demo, seconds: f64) -> Vec<String> {
    let mut lines = vec![format!("{} pieces in {seconds:.1} s:", demo.n_files)];
    for Shown { style, words, membership } in &demo.styles {
        lines.push(format!(
            "  {style}: {}  (membership of new pieces {membership:.2})",
            if words.is_empty() { "like the whole".to_owned() } else { words.join(", ") },
        ));
    }
    if let Some(page) = &demo.page {
        lines.push(format!("see and hear them: open {} in a browser", page.display()));
    }
    lines.extend(
        [
            "",
            "what next:",
            "  controlgen style list                                    what the styles are like",
            "  controlgen generate --style 0 -n 8 --html -o out         more of one",
            "  controlgen style add mine a.mid b.mid c.mid              a style of your own pieces",
            "  controlgen mix tune.mid --style mine --html -o out       mixed into a tune",
            "  controlgen --help                                        and from your own folder to a model",
        ]
        .map(ToOwned::to_owned),
    );
    lines
}
