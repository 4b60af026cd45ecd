//! `controlgen train`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use controlgen::run::RunFolder;
use controlgen::training::{TrainOutcome, TrainRequest, TrainSetup, train as train_model};
use musicvae::Scores;
use musicvae::train::{Plan, StopReason};

use super::Context;
use crate::args::TrainArgs;
use crate::interrupt;
use crate::output::table;
use crate::progress::{Training, collapse_warning, note};

pub(super) fn train(context: &Context, args: &TrainArgs) -> anyhow::Result<()> {
    let request = request(context, args)?;
    let stop = Arc::new(AtomicBool::new(false));
    let heard = Arc::clone(&stop);
    // The second time the program ends at once; the last checkpoint is good.
    interrupt::on_first(move || {
        heard.store(true, Ordering::Relaxed);
        note("finishing the step and writing a checkpoint; again to stop at once");
    })?;
    let n_sequences = request.setup.training.sequences_per_update();
    let mut progress = Training::new(context.show, request.plan, n_sequences, Arc::clone(&stop));
    let outcome = train_model(&request, &context.device()?, &mut progress)?;
    drop(progress);
    match outcome.stopped {
        StopReason::Request => note(&format!(
            "stopped; go on with `--resume` and the same options ({} steps so far)",
            outcome.n_steps
        )),
        StopReason::Patience => note(&format!(
            "stopped after step {}: no better held-out score than that of step {}",
            outcome.n_steps, outcome.best_step
        )),
        StopReason::Steps | StopReason::Time => {}
    }
    context.output.result(&outcome, || lines(&outcome))
}

fn request(context: &Context, args: &TrainArgs) -> anyhow::Result<TrainRequest> {
    if args.minutes.is_none() && args.steps.is_none() && args.patience.is_none() {
        bail!(
            "when should training stop? give `--minutes M` or `--steps N`, or let `--patience N` \
             decide"
        );
    }
    let max_time = match args.minutes {
        Some(minutes) => Some(
            Duration::try_from_secs_f64(minutes * 60.0)
                .with_context(|| format!("`--minutes {minutes}` is no length of time"))?,
        ),
        None => None,
    };
    let plan = Plan {
        max_steps: args.steps,
        max_time,
        patience: args.patience,
        evaluate_every: args.evaluate_every.unwrap_or(args.checkpoint_every),
        checkpoint_every: args.checkpoint_every,
    };
    let device = context.device()?;
    let mut setup = TrainSetup::find(args.preset.as_deref(), args.from.as_deref(), &device)?;
    setup.training = args.settings.apply(setup.training);
    setup.training.objective = args.objective.apply(setup.training.objective);
    if args.objective.beta_warmup.is_some() || args.objective.beta_cycle.is_some() {
        setup.training.schedule_start = 0;
    }
    Ok(TrainRequest {
        setup,
        corpus: args.corpus.clone(),
        run: RunFolder::new(&args.out),
        plan,
        keep_last: usize::from(args.keep_last),
        seed: args.seed,
        resume: args.resume,
        command_line: std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect(),
    })
}

/// A training run's outcome for people.
fn lines(outcome: &TrainOutcome) -> Vec<String> {
    let mut lines = vec![
        format!(
            "model of step {} (of {}) in {}, {} active units",
            outcome.best_step,
            outcome.n_steps,
            outcome.model.display(),
            outcome.n_active,
        ),
        format!(
            "{:.2} steps and {:.0} windows a second, {:.1} % of a step waiting for data; curves in {}",
            outcome.steps_per_second,
            outcome.sequences_per_second,
            outcome.wait_share * 100.0,
            outcome.curves.display(),
        ),
    ];
    if let Some(heldout) = &outcome.heldout {
        let row = |name: &str, a: f64, b: Option<f64>| {
            let b = b.map_or_else(String::new, |b| format!("{b:.3}"));
            vec![name.to_owned(), format!("{a:.3}"), b]
        };
        let head = vec![
            format!("{} on {} held-out windows", heldout.measure(), heldout.n_windows()),
            match heldout {
                Scores::Steps(_) => "teacher-forced".to_owned(),
                Scores::Notes(_) => "posterior mean".to_owned(),
            },
            "sampled at T = 1".to_owned(),
        ];
        let mut rows = vec![head, row("model", heldout.best(), Some(heldout.sampled()))];
        if let Some(baselines) = &outcome.baselines {
            rows.push(row("bigram", baselines.bigram_accuracy, None));
            rows.push(row("most frequent token", baselines.most_frequent_accuracy, None));
        }
        lines.extend(table(&rows));
        lines.push(format!(
            "reconstruction {:.2} nats, KL {:.1} bits a window",
            heldout.reconstruction_nats(),
            heldout.kl_bits()
        ));
        lines.extend(collapse_warning(heldout));
    }
    lines
}
