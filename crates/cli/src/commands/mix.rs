//! `controlgen mix` and `similar`.

use controlgen::encode::encode_windows;
use controlgen::generate::Decoding;
use controlgen::generate::controls_of;
use controlgen::mix::{HarmonyReport, MixRequest, harmony_report, mix as mix_in};
use controlgen::output::Sidecar;
use controlgen::similar::{SimilarRequest, distance_again, similar as variations};
use controlgen::tune::TuneOptions;
use note_seq::window::WindowForm;
use note_seq::{NoteListPlayback, NoteSequence, Program};
use serde::Serialize;

use super::Context;
use super::loading::open;
use super::writing::{
    Destination, Output, Writer, Written, file_name, read_tune, rows, stem, tune_options,
};
use crate::args::{MixArgs, SimilarArgs};

/// A tune with a style mixed in.
#[derive(Serialize)]
struct WrittenMix {
    /// The mix alone.
    mix: Written,
    /// The tune with the mix as a second voice.
    duet: Written,
    membership_before: f64,
    membership_after: f64,
    harmony: HarmonyReport,
    /// The part of the tune that was used.
    tune: serde_json::Value,
}

pub(super) fn mix(context: &Context, args: &MixArgs) -> anyhow::Result<()> {
    let session = open(context, &args.file.of)?;
    let (model, styles) = (session.model(), session.styles()?);
    let style = styles.find(&args.style)?;
    let tune = read_tune(context, &args.file.tune, model, TuneOptions::from(&args.taking))?;
    let decoding = Decoding::from(&args.decoding);
    let request =
        MixRequest { style, strength: args.strength, method: args.method.into(), decoding };
    let windows = tune.window_tokens();
    let mixed = mix_in(model, styles, &windows, &request)?;
    let reference = session.reference()?;
    let harmony = harmony_report(model, styles, reference, &windows, &mixed, &request)?;

    let mut options = tune_options(&tune);
    options["style"] = style.name.clone().into();
    options["strength"] = args.strength.into();
    options["method"] = serde_json::to_value(request.method)?;
    options["from_component"] = mixed.from.into();
    options["voice_program"] = args.voice_program.into();
    options["harmony"] = serde_json::to_value(&harmony)?;
    let title = format!("{} mixed into {}", style.name, stem(&args.file.tune));
    let to = Destination::of_tune(context, &args.file, &args.playback, &tune, title);
    let mut writer =
        Writer::new(&session, to, ("mix", options), decoding)?.transposed(&args.taking, &tune);
    let shared = writer.sidecar();
    let sidecar = |index| Sidecar {
        index,
        style: Some(style.name.clone()),
        component: style.component(),
        z: rows(&mixed.z, model.z_size()),
        membership: Some(mixed.components.clone()),
        style_membership: Some(mixed.membership_after),
        warnings: tune.warnings.clone(),
        ..shared.clone()
    };
    let name = format!("{}-mix-{}", stem(&args.file.tune), file_name(&style.name));
    let output = |name: String, index| Output {
        name,
        windows: mixed.windows.clone(),
        sidecar: sidecar(index),
    };
    let original = writer.music(&windows, writer.playback());
    let music = writer.music(&mixed.windows, writer.playback());
    let alone = writer.write_music(output(name.clone(), 0), &music, &[("original", &original)])?;
    let program = Program::saturating(args.voice_program);
    // A mix of several instruments keeps their programs.
    let programs = match model.form() {
        WindowForm::Steps(_) => [program; 6],
        WindowForm::Notes(_) => writer.playback().programs,
    };
    let voice = NoteListPlayback { programs, ..*writer.playback() };
    let together = duet(original, writer.music(&mixed.windows, &voice));
    let duet = writer.write_music(output(format!("{name}-duet"), 1), &together, &[])?;
    writer.finish()?;
    let written = WrittenMix {
        mix: alone,
        duet,
        membership_before: mixed.membership_before,
        membership_after: mixed.membership_after,
        harmony,
        tune: tune_options(&tune),
    };
    context.output.result(&written, || {
        let share =
            |share: Option<f64>| share.map_or("-".to_owned(), |s| format!("{:.1} %", 100.0 * s));
        vec![
            written.mix.line(),
            format!("{}  the tune and the second voice", written.duet.file.display()),
            format!(
                "membership in {}: {:.2} before, {:.2} after",
                style.name, written.membership_before, written.membership_after
            ),
            format!(
                "consonant with the tune for {} of the common time; other styles {}, unrelated music \
                 {}",
                share(written.harmony.consonance),
                share(written.harmony.other_styles),
                share(written.harmony.unrelated),
            ),
            format!("of the tune, {}", tune.usage.in_words()),
        ]
    })
}

/// Two pieces at the same time; the notes of the second are on separate instruments.
pub(super) fn duet(first: NoteSequence, mut second: NoteSequence) -> NoteSequence {
    let n_taken = first.instruments().last().map_or(0, |last| last + 1);
    for note in &mut second.notes {
        note.instrument += n_taken;
    }
    NoteSequence::merge(&[first, second])
}

pub(super) fn similar(context: &Context, args: &SimilarArgs) -> anyhow::Result<()> {
    let session = open(context, &args.file.of)?;
    let (model, styles) = (session.model(), session.styles()?);
    let tune = read_tune(context, &args.file.tune, model, TuneOptions::from(&args.taking))?;
    let decoding = Decoding::from(&args.decoding);
    let all = styles.mixture().moments()?;
    let n = usize::try_from(args.n)?;
    let windows = tune.window_tokens();
    let latents = encode_windows(model, &windows);
    let request = SimilarRequest {
        latents: &latents,
        control: &controls_of(model, windows.iter().map(Vec::as_slice)),
        distance: args.distance,
        n,
        decoding,
    };
    let found = variations(model, &all, &request)?;
    let mut options = tune_options(&tune);
    options["distance"] = args.distance.into();
    options["n"] = n.into();
    let title = format!("Like {}", stem(&args.file.tune));
    let to = Destination::of_tune(context, &args.file, &args.playback, &tune, title);
    let mut writer =
        Writer::new(&session, to, ("similar", options), decoding)?.transposed(&args.taking, &tune);
    let mut written = Vec::new();
    for (index, variation) in found.into_iter().enumerate() {
        let mut sidecar = Sidecar {
            index,
            z: rows(&variation.z, model.z_size()),
            warnings: tune.warnings.clone(),
            ..writer.sidecar()
        };
        let distance_again = distance_again(model, &all, &latents, &variation.windows);
        sidecar.options["distance_again"] = distance_again.into();
        let name = format!("{}-similar-{index:03}", stem(&args.file.tune));
        let piece = writer.write(Output { name, windows: variation.windows, sidecar })?;
        written.push(WrittenVariation { piece, distance_again });
    }
    writer.finish()?;
    context.output.result(&written, || {
        let line = |w: &WrittenVariation| {
            format!("{}  distance of the music {:.2}", w.piece.line(), w.distance_again)
        };
        written.iter().map(line).collect()
    })
}

/// A written variation.
#[derive(Serialize)]
struct WrittenVariation {
    #[serde(flatten)]
    piece: Written,
    /// The distance of the variation from the tune, after encoding it again.
    distance_again: f64,
}
