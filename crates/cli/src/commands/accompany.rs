//! `controlgen accompany`.

use controlgen::accompany::{AccompanimentFit, AccompanyRequest, accompany as accompany_melody};
use controlgen::generate::Decoding;
use controlgen::output::Sidecar;
use controlgen::tune::TuneOptions;
use serde::Serialize;

use super::Context;
use super::loading::open;
use super::mix::duet;
use super::writing::{
    Destination, Output, Writer, Written, file_name, read_tune, rows, stem, tune_options,
};
use crate::args::AccompanyArgs;

/// A melody with an accompaniment.
#[derive(Serialize)]
struct WrittenAccompaniment {
    #[serde(flatten)]
    written: Written,
    fit: AccompanimentFit,
}

pub(super) fn accompany(context: &Context, args: &AccompanyArgs) -> anyhow::Result<()> {
    let session = open(context, &args.new.file.of)?;
    let (model, styles) = (session.model(), session.styles()?);
    let style = styles.find(&args.style)?;
    let tune = read_tune(context, &args.new.file.tune, model, TuneOptions::from(&args.new.track))?;
    let melody = tune.window_tokens();
    let reference = session.reference()?;
    let decoding = Decoding::from(&args.new.decoding);
    let mut options = tune_options(&tune);
    options["style"] = style.name.clone().into();
    options["tries"] = args.tries.into();
    options["alone"] = args.alone.into();
    let title = format!("{} accompanied by {}", stem(&args.new.file.tune), style.name);
    let to = Destination::of_tune(context, &args.new.file, &args.playback, &tune, title);
    let mut writer = Writer::new(&session, to, ("accompany", options), decoding)?;
    let original = writer.music(&melody, writer.playback());
    let mut written = Vec::new();
    for index in 0..args.new.n {
        // Each accompaniment is drawn with another seed.
        let decoding = Decoding { seed: decoding.seed.wrapping_add(u64::from(index)), ..decoding };
        let n_courses = usize::try_from(args.tries)?;
        let request = AccompanyRequest { style, n_courses, decoding };
        let found = accompany_melody(model, styles, reference, &melody, &request)?;
        let mut sidecar = Sidecar {
            index: usize::try_from(index)?,
            seed: decoding.seed,
            style: Some(style.name.clone()),
            component: style.component(),
            z: rows(&found.z, model.z_size()),
            style_membership: Some(found.fit.membership),
            warnings: tune.warnings.clone(),
            ..writer.sidecar()
        };
        sidecar.options["fit"] = serde_json::to_value(found.fit)?;
        let alone = writer.music(&found.windows, writer.playback());
        let music = if args.alone { alone } else { duet(original.clone(), alone) };
        let style_name = file_name(&style.name);
        let name = format!("{}-accompanied-{style_name}-{index:03}", stem(&args.new.file.tune));
        let output = Output { name, windows: found.windows, sidecar };
        let piece = writer.write_music(output, &music, &[("the melody", &original)])?;
        written.push(WrittenAccompaniment { written: piece, fit: found.fit });
    }
    writer.finish()?;
    context.output.result(&written, || written.iter().map(line).collect())
}

fn line(piece: &WrittenAccompaniment) -> String {
    let share =
        |share: Option<f64>| share.map_or("-".to_owned(), |s| format!("{:.1} %", 100.0 * s));
    let fit = &piece.fit;
    format!(
        "{}  consonant with the melody for {} of the common time; without selection {}, unrelated \
         music {}",
        piece.written.line(),
        share(fit.consonance),
        share(fit.unchosen),
        share(fit.unrelated),
    )
}
