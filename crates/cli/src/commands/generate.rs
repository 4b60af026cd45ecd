//! `controlgen generate`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use controlgen::arrange::{Arrangement, Expression};
use controlgen::attribute::AttributeMethod;
use controlgen::generate::{Decoding, Dropped, LatentSampling, PieceFilter, StyleChoice};
use controlgen::new_music::{Attempts, NewMusic, NewMusicRequest, NewPiece};
use controlgen::output::{CopyCheck, Sidecar};
use controlgen::piece::Form;
use controlgen::session::Session;
use note_seq::{Meter, NoteListPlayback};
use serde::Serialize;
use serde_json::{Value, json};

use super::Context;
use super::loading::open;
use super::writing::{Destination, Output, Writer, Written, file_name};
use crate::args::{GenerateArgs, NewMusicArgs, StylesArgs};
use crate::interrupt::{self, Interrupted};
use crate::progress::{Show, note};

/// The pieces written.
#[derive(Serialize)]
pub(super) struct Generated {
    pub(super) pieces: Vec<WrittenPiece>,
    /// Attempts made.
    n_attempts: usize,
    /// Pieces dropped, by reason.
    dropped: BTreeMap<Dropped, usize>,
    /// Whether a signal ended it before all pieces were made.
    #[serde(skip)]
    is_stopped: bool,
}

#[derive(Serialize)]
pub(super) struct WrittenPiece {
    #[serde(flatten)]
    written: Written,
    /// The form of a whole piece.
    #[serde(skip_serializing_if = "Option::is_none")]
    form: Option<String>,
}

impl WrittenPiece {
    /// Its MIDI file.
    pub(super) fn file(&self) -> &Path {
        &self.written.file
    }

    /// The file with its measurements and form, on one line.
    pub(super) fn line(&self) -> String {
        let form = self.form.as_ref().map(|form| format!("  form {form}"));
        self.written.line() + &form.unwrap_or_default()
    }
}

/// Number of pieces to make, and the folder for them.
pub(super) struct GenerateTask<'a> {
    pub(super) n: u32,
    pub(super) out: &'a Path,
    pub(super) seed: u64,
    /// Set when no further piece should be begun.
    pub(super) stop: &'a AtomicBool,
}

pub(super) fn generate(context: &Context, args: &GenerateArgs) -> anyhow::Result<()> {
    let session = open(context, &args.music.of)?;
    let is_quiet = context.show == Show::Nothing;
    let stop = interrupt::flag(move || {
        if !is_quiet {
            note("finishing the pieces that were begun; again to stop at once");
        }
    })?;
    let (n, out) = (args.n, &args.out);
    let task = GenerateTask { n, out, seed: args.music.decoding.seed, stop: &stop };
    let generated = make(context, &session, &args.music, &task)?;
    context.output.result(&generated, || lines(&generated))?;
    let n_written = generated.pieces.len();
    if generated.is_stopped {
        let text = format!("stopped: {n_written} of {n} pieces were written to {}", out.display());
        return Err(Interrupted(text).into());
    }
    Ok(())
}

/// Generates pieces and writes them.
pub(super) fn make(
    context: &Context,
    session: &Session,
    args: &NewMusicArgs,
    task: &GenerateTask<'_>,
) -> anyhow::Result<Generated> {
    let drums = args.drums.drums.as_ref().map(|folder| {
        open(context, &StylesArgs { model: Some(folder.clone()), styles_folder: None })
    });
    let drums = drums.transpose()?;
    let request = request(args, drums.as_ref(), task)?;
    let music = NewMusic::plan(session, &request)?;
    let to = Destination {
        out: task.out,
        title: format!("New music of {}", music.name()),
        formats: &args.formats,
        playback: &args.playback,
        overwrite: context.overwrite,
        tune: None,
    };
    let options = options(args, &music, task);
    let mut writer = Writer::new(session, to, ("generate", options), request.decoding)?;
    let is_stopped = || task.stop.load(Ordering::Relaxed);
    let mut pieces = Vec::new();
    let attempts = music.each(&|| !is_stopped(), |piece| {
        pieces.push(write(&mut writer, piece, task.seed)?);
        anyhow::Ok(())
    })?;
    writer.finish()?;
    let is_stopped = is_stopped() && pieces.len() < request.n;
    if pieces.len() < request.n && !is_stopped {
        note(&format!(
            "{} of {} pieces after {} attempts; ask for fewer, or give more `--max-attempts`",
            pieces.len(),
            request.n,
            attempts.n_attempts,
        ));
    }
    let Attempts { n_attempts, dropped, .. } = attempts;
    Ok(Generated { pieces, n_attempts, dropped, is_stopped })
}

/// The request for new music.
fn request<'a>(
    args: &'a NewMusicArgs,
    drums: Option<&'a Session>,
    task: &GenerateTask<'_>,
) -> anyhow::Result<NewMusicRequest<'a>> {
    let styles = match &args.style {
        Some(parts) => {
            StyleChoice::Blend(parts.iter().map(|part| (part.name.clone(), part.weight)).collect())
        }
        None if args.path.is_empty() => StyleChoice::ByShare,
        None => StyleChoice::Path(args.path.iter().map(|name| name.trim().to_owned()).collect()),
    };
    let usual = Expression::default();
    let decoding = Decoding { seed: task.seed, ..Decoding::from(&args.decoding) };
    Ok(NewMusicRequest {
        bars: args.bars.map(usize::try_from).transpose()?,
        composing: args.compose.request(&args.latent, !args.attribute.is_empty()),
        in_scale: args.arrangement.in_scale,
        sampling: LatentSampling::from(&args.latent),
        control: args.control.request(),
        dials: &args.attribute,
        attribute_method: AttributeMethod::from(args.attribute_method),
        filter: PieceFilter {
            keep_degenerate: args.keep.keep_empty,
            min_membership: args.keep.min_membership,
            max_copy_notes: args.keep.max_copy_notes,
            max_copy_fraction: args.keep.max_copy_fraction,
            index: None,
        },
        max_attempts: args.keep.max_attempts,
        arrangement: Arrangement {
            intro_bars: args.arrangement.intro.map(usize::try_from).transpose()?.unwrap_or(0),
            drums,
            expression: if args.arrangement.even { Expression::EVEN } else { usual },
            playback: NoteListPlayback::from(&args.playback),
            key: args.playback.key,
        },
        ..NewMusicRequest::new(styles, usize::try_from(task.n)?, decoding)
    })
}

/// The options in sidecars.
fn options(args: &NewMusicArgs, music: &NewMusic<'_>, task: &GenerateTask<'_>) -> Value {
    let composition = music.composition();
    let control = args.control.request();
    let sampling = LatentSampling::from(&args.latent);
    json!({
        "style": music.name(),
        "n": task.n,
        "bars": music.n_bars(),
        "chords": control.chords,
        "meter": control.meter.map(Meter::time_signature),
        "form": composition.map(|composition| composition.form.to_string()),
        "candidates": composition.map(|composition| composition.n_candidates),
        "drums": args.drums.drums.as_ref().map(|folder| folder.display().to_string()),
        "intro": args.arrangement.intro,
        "even": args.arrangement.even,
        "in_scale": args.arrangement.in_scale,
        "follows": composition.filter(|_| music.n_windows() > 1).map(|composition| {
            let walks = composition.learned.is_none() || !args.path.is_empty();
            if walks { "smoothness" } else { "pieces" }
        }),
        "latent_temperature": sampling.temperature,
        "truncate": sampling.truncate,
        "smoothness": sampling.smoothness,
        "min_membership": args.keep.min_membership,
        "max_copy_notes": args.keep.max_copy_notes,
        "max_copy_fraction": args.keep.max_copy_fraction,
        "keep_empty": args.keep.keep_empty,
        "attributes": args.attribute.iter().map(|dial| json!(dial)).collect::<Vec<_>>(),
        "attribute_method": AttributeMethod::from(args.attribute_method),
    })
}

/// A summary of the output for the terminal.
fn lines(generated: &Generated) -> Vec<String> {
    let mut lines: Vec<String> = generated.pieces.iter().map(WrittenPiece::line).collect();
    if !generated.dropped.is_empty() {
        let counts = generated.dropped.iter().map(|(why, n)| format!("{n} {}", why.in_words()));
        lines.push(format!("dropped: {}", counts.collect::<Vec<_>>().join(", ")));
    }
    lines
}

fn write(writer: &mut Writer<'_>, new: NewPiece, seed: u64) -> anyhow::Result<WrittenPiece> {
    let NewPiece { index, style, component, piece, arranged } = new;
    let name = format!("{}-seed{seed}-{index:03}", file_name(&style));
    let mut sidecar = Sidecar {
        index,
        style: Some(style),
        component,
        z: arranged.z,
        membership: Some(piece.components),
        style_membership: Some(piece.membership),
        attempt: Some(piece.attempt),
        copy: writer.index().map(|_| CopyCheck { longest: piece.copy }),
        ..writer.sidecar()
    };
    if let Some(form) = &arranged.form {
        let keys: Vec<i8> = form.slots.iter().map(|slot| slot.key).collect();
        sidecar.options["keys"] = keys.into();
    }
    let form = piece.form.as_ref().map(Form::letters);
    if let Some(form) = &form {
        sidecar.options["composed"] = form.clone().into();
    }
    let output = Output { name, windows: arranged.windows, sidecar };
    let written = writer.write_music(output, &arranged.music, &[])?;
    Ok(WrittenPiece { written, form })
}
