//! `controlgen train`, `encode` and `presets`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use controlgen::encode::encode_corpus;
use controlgen::model::Model;
use controlgen::run::RunFolder;
use controlgen::training::{TrainOutcome, TrainRequest, train as train_model};
use musicvae::RecurrentPrecision;
use musicvae::presets as named;
use musicvae::train::Plan;
use serde::Serialize;

use super::Context;
use crate::args::{EncodeArgs, TrainArgs};
use crate::output::table;
use crate::progress::{Training, collapse_warning, note};

pub(super) fn train(context: &Context, args: &TrainArgs) -> anyhow::Result<()> {
    if args.minutes.is_none() && args.steps.is_none() {
        bail!("when should training stop? give `--minutes M` or `--steps N`");
    }
    let max_time = match args.minutes {
        Some(minutes) => Some(
            Duration::try_from_secs_f64(minutes * 60.0)
                .with_context(|| format!("`--minutes {minutes}` is no length of time"))?,
        ),
        None => None,
    };
    let plan = Plan { max_steps: args.steps, max_time, checkpoint_every: args.checkpoint_every };
    let request = TrainRequest {
        preset: args.preset.clone(),
        objective: named::find(&args.preset)
            .map(|preset| args.objective.apply(preset.training.objective)),
        recurrent_precision: args.bf16.then_some(RecurrentPrecision::Bf16),
        corpus: args.corpus.clone(),
        run: RunFolder::new(&args.out),
        plan,
        seed: args.seed,
        resume: args.resume,
    };
    let stop = Arc::new(AtomicBool::new(false));
    let heard = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        if heard.swap(true, Ordering::Relaxed) {
            // The second time, at once; the last checkpoint is good.
            std::process::exit(130);
        }
        note("finishing the step and writing a checkpoint; again to stop at once");
    })?;
    let batch_size = named::find(&args.preset).map_or(0, |preset| preset.training.batch_size);
    let mut progress = Training::new(context.show, plan, batch_size, Arc::clone(&stop));
    let outcome = train_model(&request, &context.device()?, &mut progress)?;
    if stop.load(Ordering::Relaxed) {
        note(&format!(
            "stopped; go on with `--resume` and the same options ({} steps so far)",
            outcome.n_steps
        ));
    }
    context.output.result(&outcome, || lines(&outcome))
}

/// A training run's outcome for people.
fn lines(outcome: &TrainOutcome) -> Vec<String> {
    let mut lines = vec![format!(
        "model of step {} (of {}) in {}, {} active units",
        outcome.best_step,
        outcome.n_steps,
        outcome.model.display(),
        outcome.n_active,
    )];
    if let (Some(heldout), Some(baselines)) = (&outcome.heldout, &outcome.baselines) {
        let row = |name: &str, a: f64, b: Option<f64>| {
            let b = b.map_or_else(String::new, |b| format!("{b:.3}"));
            vec![name.to_owned(), format!("{a:.3}"), b]
        };
        let head = vec![
            format!("accuracy on {} held-out windows", heldout.n_windows),
            "teacher-forced".to_owned(),
            "sampled at T = 1".to_owned(),
        ];
        lines.extend(table(&[
            head,
            row("model", heldout.teacher_forced_accuracy, Some(heldout.sampled_accuracy)),
            row("bigram", baselines.bigram_accuracy, None),
            row("commonest token", baselines.most_frequent_accuracy, None),
        ]));
        lines.push(format!(
            "reconstruction {:.2} nats, KL {:.1} bits a window",
            heldout.reconstruction_nats, heldout.kl_bits
        ));
        lines.extend(collapse_warning(heldout));
    }
    lines
}

pub(super) fn encode(context: &Context, args: &EncodeArgs) -> anyhow::Result<()> {
    let model = Model::load(&args.model, &context.device()?)?;
    let report = encode_corpus(&model, &args.corpus, &args.out, &context.stages)?;
    context.output.result(&report, || {
        let (train, heldout) = (report.n_train, report.n_heldout);
        vec![format!(
            "latents of {train} training and {heldout} held-out windows in {}",
            args.out.display()
        )]
    })
}

/// A preset for programs.
#[derive(Serialize)]
struct PresetRow {
    name: &'static str,
    kind: &'static str,
    summary: &'static str,
    model: musicvae::MusicVaeConfig,
    training: musicvae::TrainingConfig,
}

pub(super) fn presets(context: &Context) -> anyhow::Result<()> {
    let rows: Vec<PresetRow> = named::all()
        .into_iter()
        .map(|preset| PresetRow {
            name: preset.name,
            kind: preset.kind,
            summary: preset.summary,
            model: preset.model,
            training: preset.training,
        })
        .collect();
    context.output.result(&rows, || {
        let mut cells = vec![["name", "of", "what"].map(str::to_owned).to_vec()];
        cells.extend(rows.iter().map(|r| [r.name, r.kind, r.summary].map(str::to_owned).to_vec()));
        table(&cells)
    })
}
