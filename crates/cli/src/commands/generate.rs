//! `controlgen generate`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::bail;
use controlgen::attribute::AttributeMethod;
use controlgen::generate::{
    Decoding, Dropped, LatentSampling, Piece, PieceFilter, PieceRequest, Pieces, Target,
    pieces_while,
};
use controlgen::model::Model;
use controlgen::output::{CopyCheck, Sidecar};
use controlgen::piece::{Expression, Form, introduction};
use controlgen::session::Session;
use controlgen::style::Styles;
use note_seq::{Meter, NoteSequence};
use serde::Serialize;
use serde_json::json;

use super::Context;
use super::drums::{Drummer, named, together};
use super::loading::open;
use super::writing::{Destination, Output, Writer, Written, file_name};
use crate::args::{ArrangementArgs, GenerateArgs, NewMusicArgs};
use crate::interrupt::{self, Interrupted};
use crate::progress::{Show, note};

/// What was written.
#[derive(Default, Serialize)]
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

/// How many pieces to make, and where to write them.
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
    let (model, styles) = (session.model(), session.styles()?);
    let n = usize::try_from(task.n)?;
    let targets = targets(styles, args, n, task.seed)?;
    let bars = args.bars.map(usize::try_from).transpose()?;
    let decoding = Decoding { seed: task.seed, ..Decoding::from(&args.decoding) };
    let sampling = LatentSampling::from(&args.latent);
    let n_windows = targets.iter().map(|(target, _)| target.n_windows(model, bars));
    let n_windows = n_windows.collect::<Result<Vec<_>, _>>()?;
    let n_windows = n_windows.into_iter().max().unwrap_or(1);
    let composing = args.compose.request(&args.latent, !args.attribute.is_empty());
    let composition = composing.composition(session, n_windows)?;
    let control = args.control.request();
    let method = AttributeMethod::from(args.attribute_method);
    let shift = session.shift(&args.attribute, method)?;
    let name = match &targets[..] {
        [(target, _)] if args.style.is_some() || !args.path.is_empty() => target.name.clone(),
        _ => "all styles by their shares".to_owned(),
    };
    let options = json!({
        "style": name,
        "n": n,
        "bars": n_windows * model.kind().n_bars(),
        "chords": control.chords,
        "meter": control.meter.map(Meter::time_signature),
        "form": composition.map(|composition| composition.form.to_string()),
        "candidates": composition.map(|composition| composition.n_candidates),
        "drums": args.drums.drums.as_ref().map(|folder| folder.display().to_string()),
        "intro": args.arrangement.intro,
        "even": args.arrangement.even,
        "follows": composition.map(|composition| {
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
        "attribute_method": method,
    });
    let to = Destination {
        out: task.out,
        title: format!("New music of {name}"),
        formats: &args.formats,
        playback: &args.playback,
        overwrite: context.overwrite,
        tune: None,
    };
    let mut writer = Writer::new(session, to, ("generate", options), decoding)?;
    let drummer =
        args.drums.drums.as_deref().map(|folder| {
            Drummer::open(context, folder, model, decoding, composing.n_candidates())
        });
    let arranger = Arranger::new(model, n_windows, &args.arrangement, drummer.transpose()?)?;
    let is_stopped = || task.stop.load(Ordering::Relaxed);
    let mut generated = Generated::default();
    for (target, n) in &targets {
        let aim = session.aim(&args.attribute, &target.styles)?;
        let request = PieceRequest {
            n_windows,
            sampling,
            shift: shift.as_deref(),
            aim: aim.as_ref(),
            control,
            composition,
            filter: PieceFilter {
                keep_degenerate: args.keep.keep_empty,
                min_membership: args.keep.min_membership,
                max_copy_notes: args.keep.max_copy_notes,
                max_copy_fraction: args.keep.max_copy_fraction,
                index: writer.index(),
            },
            max_attempts: args.keep.max_attempts,
            ..PieceRequest::new(&target.path, &target.styles, *n, decoding)
        };
        let found = pieces_while(model, styles, &request, &|| !is_stopped())?;
        generated.n_attempts += found.n_attempts;
        for (why, n) in &found.dropped {
            *generated.dropped.entry(*why).or_default() += n;
        }
        let with = (target, &arranger);
        write(&mut writer, with, found, task.seed, &mut generated)?;
    }
    writer.finish()?;
    generated.is_stopped = is_stopped() && generated.pieces.len() < n;
    if generated.pieces.len() < n && !generated.is_stopped {
        note(&format!(
            "{} of {n} pieces after {} attempts; ask for fewer, or give more `--max-attempts`",
            generated.pieces.len(),
            generated.n_attempts,
        ));
    }
    Ok(generated)
}

/// What was written, for people.
fn lines(generated: &Generated) -> Vec<String> {
    let mut lines: Vec<String> = generated.pieces.iter().map(WrittenPiece::line).collect();
    if !generated.dropped.is_empty() {
        let counts = generated.dropped.iter().map(|(why, n)| format!("{n} {}", why.in_words()));
        lines.push(format!("dropped: {}", counts.collect::<Vec<_>>().join(", ")));
    }
    lines
}

/// Who else plays in new pieces, and how.
struct Arranger<'a> {
    model: &'a Model,
    drummer: Option<Drummer>,
    /// Windows of an introduction.
    n_before: usize,
    expression: Expression,
}

impl<'a> Arranger<'a> {
    fn new(
        model: &'a Model,
        n_windows: usize,
        args: &ArrangementArgs,
        drummer: Option<Drummer>,
    ) -> anyhow::Result<Self> {
        let bars = args.intro.map(usize::try_from).transpose()?.unwrap_or(0);
        let (n_bars, name) = (model.kind().n_bars().max(1), model.kind().name);
        if bars > 0 && introduction(model.form(), &[], 0).is_none() {
            bail!("`--intro` leaves out the lead, which is all that `{name}` has; leave it out");
        }
        if !bars.is_multiple_of(n_bars) || bars > n_windows * n_bars {
            bail!(
                "`--intro {bars}` is no introduction for pieces of {} bars; whole windows are \
                 allowed, {n_bars} bars each, and no more than the piece has",
                n_windows * n_bars
            );
        }
        let expression = if args.even { Expression::EVEN } else { Expression::default() };
        Ok(Self { model, drummer, n_before: bars / n_bars, expression })
    }

    /// A piece's windows as they sound, an introduction before them, and the music of all players.
    fn arranged(
        &self,
        writer: &Writer<'_>,
        piece: &Piece,
        seed: u64,
        index: usize,
    ) -> anyhow::Result<(Vec<Vec<u16>>, NoteSequence)> {
        let n = self.n_before;
        let before = |windows: Vec<Vec<u16>>| -> Vec<Vec<u16>> {
            let opening = introduction(self.model.form(), &windows, n).unwrap_or_default();
            opening.into_iter().chain(windows).collect()
        };
        let form = piece.form.as_ref().map(|form| form.after_introduction(n));
        let windows = before(piece.sounding(self.model));
        let mut music = writer.music(&windows, writer.playback());
        music = match &self.drummer {
            Some(drummer) => {
                let own = before(piece.windows.clone());
                let drums =
                    drummer.under(&own, self.model, form.as_ref(), index, writer.playback())?;
                together(self.model, music, drums)
            }
            None => named(self.model, music),
        };
        if let Some(form) = &form {
            self.expression.apply(&mut music, form, seed, index as u64);
        }
        Ok((windows, music))
    }
}

fn write(
    writer: &mut Writer<'_>,
    (target, arranger): (&Target<'_>, &Arranger<'_>),
    found: Pieces,
    seed: u64,
    generated: &mut Generated,
) -> anyhow::Result<()> {
    for piece in found.kept {
        let index = generated.pieces.len();
        let (windows, music) = arranger.arranged(writer, &piece, seed, index)?;
        let mut sidecar = Sidecar {
            index,
            style: Some(target.name.clone()),
            component: target.component(),
            z: piece.z,
            membership: Some(piece.components),
            style_membership: Some(piece.membership),
            attempt: Some(piece.attempt),
            copy: writer.index().map(|_| CopyCheck { longest: piece.copy }),
            ..writer.sidecar()
        };
        let form = piece.form.as_ref().map(Form::letters);
        if let Some(form) = &piece.form {
            sidecar.options["composed"] = form.letters().into();
            let keys: Vec<i8> = form.slots.iter().map(|slot| slot.key).collect();
            sidecar.options["keys"] = keys.into();
        }
        let name = format!("{}-seed{seed}-{index:03}", file_name(&target.name));
        let written = writer.write_music(Output { name, windows, sidecar }, &music, &[])?;
        generated.pieces.push(WrittenPiece { written, form });
    }
    Ok(())
}

/// The targets of `--style` or `--path`, with the number of pieces of each. Without them, the style
/// of each piece is drawn by its share of the training music.
fn targets<'a>(
    styles: &'a Styles,
    args: &NewMusicArgs,
    n: usize,
    seed: u64,
) -> anyhow::Result<Vec<(Target<'a>, usize)>> {
    if let Some(parts) = &args.style {
        let parts: Vec<_> = parts.iter().map(|part| (part.name.as_str(), part.weight)).collect();
        return Ok(vec![(Target::blend(styles, &parts)?, n)]);
    }
    if !args.path.is_empty() {
        let names: Vec<&str> = args.path.iter().map(|name| name.trim()).collect();
        return Ok(vec![(Target::path(styles, &names)?, n)]);
    }
    Ok(Target::drawn_by_share(styles, n, seed)?)
}
