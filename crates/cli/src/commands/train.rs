//! `controlgen train`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use controlgen::copy::CopyIndex;
use controlgen::encode::encode_corpus;
use controlgen::run::RunFolder;
use controlgen::style::{FitRequest, FitSummary};
use controlgen::training::{
    RunConfig, TrainOutcome, TrainRequest, TrainSetup, train as train_model,
};
use corpus::artifact::JsonFormat as _;
use corpus::kind::Kind;
use corpus::{CorpusOptions, build};
use models::model_folder;
use musicvae::Scores;
use musicvae::train::{Plan, StopReason};
use serde::Serialize;

use super::Context;
use super::style::{Fitted, fit_all};
use crate::args::TrainArgs;
use crate::interrupt;
use crate::output::table;
use crate::progress::{Training, collapse_warning, note};

/// Minimum number of windows per style, which limits the number of styles.
const WINDOWS_OF_A_STYLE: usize = 50;
/// Steps per minute of the compact presets, on two cores.
const STEPS_A_MINUTE: f64 = 150.0;
/// Number of steps for adapting a model to new music if only `--patience` is given.
const DEFAULT_STEPS: u64 = 1500;

pub(super) fn train(context: &Context, args: &TrainArgs) -> anyhow::Result<()> {
    let mut request = request(context, args)?;
    if !args.midi.is_empty() {
        request.corpus = corpus_of(context, args, &request)?;
    }
    // The second signal ends the program at once; the last checkpoint is valid.
    let stop = interrupt::flag(|| {
        note("finishing the step and writing a checkpoint; repeat to stop at once");
    })?;
    let n_sequences = request.setup.training.sequences_per_update();
    let mut progress = Training::new(context.show, request.plan, n_sequences, stop);
    let outcome = train_model(&request, &context.device()?, &mut progress)?;
    drop(progress);
    match outcome.stopped {
        StopReason::Request => note(&format!(
            "stopped; continue with `--resume` and the same options ({} steps so far)",
            outcome.n_steps
        )),
        StopReason::Patience => note(&format!(
            "stopped after step {}: no better held-out score than that of step {}",
            outcome.n_steps, outcome.best_step
        )),
        StopReason::Steps | StopReason::Time => {}
    }
    let fitted = match &args.midi[..] {
        [] => None,
        _ => Some(fit(context, &request, &outcome)?),
    };
    let fit = fitted.as_ref().map(|fitted| &fitted.summary);
    context.output.result(&Trained { outcome: &outcome, fit }, || {
        let mut lines = lines(&outcome);
        if let Some(fitted) = &fitted {
            lines.extend(fitted.lines());
            let model = outcome.model.display();
            lines.push(format!(
                "hear it: controlgen generate --model {model} --style 0 --html -o out"
            ));
        }
        lines
    })
}

/// The result of a run, for JSON output.
#[derive(Serialize)]
struct Trained<'a> {
    #[serde(flatten)]
    outcome: &'a TrainOutcome,
    /// Only with `--midi`.
    #[serde(skip_serializing_if = "Option::is_none")]
    fit: Option<&'a FitSummary>,
}

/// Builds the corpus for `--midi` in the run folder; a resumed run already has it.
fn corpus_of(
    context: &Context,
    args: &TrainArgs,
    request: &TrainRequest,
) -> anyhow::Result<PathBuf> {
    let folder = request.run.corpus();
    if request.resume && folder.exists() {
        return Ok(folder);
    }
    let kind = Kind::find(&request.setup.kind)?;
    let report = build(&CorpusOptions::new(args.midi.clone(), kind), &folder, &context.stages)?;
    for line in super::corpus::lines(&report) {
        note(&line);
    }
    Ok(folder)
}

/// Encodes the run's corpus with the model and fits its styles.
fn fit(
    context: &Context,
    request: &TrainRequest,
    outcome: &TrainOutcome,
) -> anyhow::Result<Fitted> {
    let model = context.model(Some(&outcome.model))?;
    let latents = request.run.latents();
    if latents.exists() {
        // Existing latents were computed with the weights from before this run was resumed.
        std::fs::remove_dir_all(&latents)
            .with_context(|| format!("can't remove {}", latents.display()))?;
    }
    let encoded = encode_corpus(&model, &request.corpus, &latents, &context.stages)?;
    let most = (encoded.n_train / WINDOWS_OF_A_STYLE).clamp(1, FitRequest::MAX_COMPONENTS);
    let fit = FitRequest {
        n_components: 2.min(most)..=most,
        seed: request.seed,
        ..FitRequest::new(latents, request.corpus.clone())
    };
    // New music must not copy the earlier training music, either.
    let older = match &request.setup.from {
        Some(from) => CopyIndex::of_folder(&from.folder, model.kind().name)?,
        None => None,
    };
    fit_all(context, &model, &fit, older)
}

fn request(context: &Context, args: &TrainArgs) -> anyhow::Result<TrainRequest> {
    if args.minutes.is_none() && args.steps.is_none() && args.patience.is_none() {
        bail!(
            "specify when training ends: `--minutes M` or `--steps N`, or `--patience N` to stop \
             when it no longer improves"
        );
    }
    let max_time = match args.minutes {
        Some(minutes) => Some(
            Duration::try_from_secs_f64(minutes * 60.0)
                .with_context(|| format!("`--minutes {minutes}` is not a valid duration"))?,
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
    let from = args.from.as_deref().map(|from| model_folder(Some(from))).transpose()?;
    let mut setup = TrainSetup::find(args.preset.as_deref(), from.as_deref(), &device)?;
    let run = RunFolder::new(&args.out);
    if setup.from.is_some() && !args.midi.is_empty() {
        if args.resume && run.config().exists() {
            // With its original schedule.
            setup.training.learning_rate = RunConfig::load(&run.config())?.training.learning_rate;
        } else {
            setup.adapt(n_steps_of(args));
        }
    }
    setup.training = args.settings.apply(setup.training);
    setup.training.objective = args.objective.apply(setup.training.objective);
    if args.objective.beta_warmup.is_some() || args.objective.beta_cycle.is_some() {
        setup.training.schedule_start = 0;
    }
    Ok(TrainRequest {
        setup,
        corpus: args.corpus.clone().unwrap_or_default(),
        run,
        plan,
        replay: args.replay,
        keep_last: usize::from(args.keep_last),
        seed: args.seed,
        resume: args.resume,
        command_line: std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect(),
    })
}

/// Approximate number of steps of a run.
fn n_steps_of(args: &TrainArgs) -> u64 {
    #[expect(clippy::cast_sign_loss, reason = "at least 1")]
    let by_time = args.minutes.map(|minutes| (minutes * STEPS_A_MINUTE).max(1.0) as u64);
    args.steps.or(by_time).unwrap_or(DEFAULT_STEPS)
}

/// The result of a training run for the terminal.
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
            "{:.2} steps and {:.0} windows per second, {:.1} % of a step waiting for data; curves in {}",
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
            "reconstruction {:.2} nats, KL {:.1} bits per window",
            heldout.reconstruction_nats(),
            heldout.kl_bits()
        ));
        lines.extend(collapse_warning(heldout));
    }
    lines
}
