//! `controlgen continue` and `fill`.

use anyhow::Context as _;
use controlgen::encode::encode_windows;
use controlgen::generate::{Decoding, LatentPath, LatentSampling};
use controlgen::output::Sidecar;
use controlgen::piece::{Gap, InsertRequest, insert};
use controlgen::style::{Style, Styles};
use controlgen::tune::TuneOptions;
use serde::Serialize;

use super::Context;
use super::loading::open;
use super::writing::{
    Destination, Output, Writer, Written, file_name, read_tune_and_sequence, stem, tune_options,
};
use crate::args::{ContinueArgs, FillArgs, InsertArgs, PlaybackArgs};

/// A written tune with new bars.
#[derive(Serialize)]
struct WrittenBars {
    #[serde(flatten)]
    written: Written,
    /// The first new bar, from 1.
    from_bar: u32,
    n_bars: u32,
    /// The form of the whole, including the windows of the tune that were considered.
    form: String,
}

pub(super) fn extend(context: &Context, args: &ContinueArgs) -> anyhow::Result<()> {
    run(context, "continue", &args.insert, Gap::After { n_bars: args.bars })
}

pub(super) fn fill(context: &Context, args: &FillArgs) -> anyhow::Result<()> {
    let gap = Gap::Within { from_bar: args.from_bar - 1, n_bars: args.bars };
    run(context, "fill", &args.insert, gap)
}

fn run(context: &Context, command: &str, args: &InsertArgs, gap: Gap) -> anyhow::Result<()> {
    let session = open(context, &args.new.file.of)?;
    let (model, styles) = (session.model(), session.styles()?);
    let taking = TuneOptions::from(&args.new.track);
    let (tune, sequence) = read_tune_and_sequence(context, &args.new.file.tune, model, taking)?;
    let style = match &args.style {
        Some(name) => styles.find(name)?,
        None => own_style(styles, |style| {
            let mu = encode_windows(model, &tune.window_tokens());
            styles.membership(model, &mu, style).iter().sum()
        })
        .context("all styles of the model are hidden; give `--style`")?,
    };
    let path = LatentPath::stationary(&styles.distribution(style))?;
    let decoding = Decoding::from(&args.new.decoding);
    let composing = args.compose.request(&args.latent, false);
    let composition = composing.of_piece(&session)?;
    let mut options = tune_options(&tune);
    options["style"] = style.name.clone().into();
    options["form"] = composition.form.to_string().into();
    options["candidates"] = composition.n_candidates.into();
    // The tune keeps its sound: only instruments can be chosen.
    let playback = PlaybackArgs {
        qpm: None,
        program: Vec::new(),
        instruments: args.instruments.clone(),
        key: None,
        velocity: None,
    };
    let title = format!("{}, with new bars of {}", stem(&args.new.file.tune), style.name);
    let to = Destination::of_tune(context, &args.new.file, &playback, &tune, title);
    let mut writer = Writer::new(&session, to, (command, options), decoding)?;
    let targets = [style];
    let mut written = Vec::new();
    for index in 0..args.new.n {
        let request = InsertRequest {
            path: &path,
            targets: &targets,
            sampling: LatentSampling::from(&args.latent),
            decoding,
            composition,
            index: index.into(),
        };
        let found = insert(model, styles, (&tune, &sequence), gap, &request)?;
        let mut sidecar = Sidecar {
            index: usize::try_from(index)?,
            style: Some(style.name.clone()),
            component: style.component(),
            z: found.z,
            style_membership: Some(found.membership),
            warnings: tune.warnings.clone(),
            ..writer.sidecar()
        };
        sidecar.options["from_bar"] = (found.first_bar + 1).into();
        sidecar.options["bars"] = found.n_bars.into();
        sidecar.options["composed"] = found.form.clone().into();
        let done = if command == "continue" { "continued" } else { "filled" };
        let name =
            format!("{}-{done}-{}-{index:03}", stem(&args.new.file.tune), file_name(&style.name));
        let output = Output { name, windows: found.windows, sidecar };
        let piece = writer.write_music(output, &found.music, &[("the tune", &sequence)])?;
        written.push(WrittenBars {
            written: piece,
            from_bar: found.first_bar + 1,
            n_bars: found.n_bars,
            form: found.form,
        });
    }
    writer.finish()?;
    context.output.result(&written, || written.iter().map(line).collect())
}

/// The visible style that fits best; the first of equal ones.
fn own_style(styles: &Styles, fit: impl Fn(&Style) -> f64) -> Option<&Style> {
    let visible = styles.all().iter().filter(|style| !style.hidden);
    let fits = visible.map(|style| (fit(style), style));
    let best = fits.reduce(|best, next| if next.0 > best.0 { next } else { best });
    best.map(|(_, style)| style)
}

fn line(piece: &WrittenBars) -> String {
    let last = piece.from_bar + piece.n_bars - 1;
    format!("{}  new bars {} to {last}, form {}", piece.written.line(), piece.from_bar, piece.form)
}
