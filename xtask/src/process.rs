//! Runs other programs.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// Prints a line to standard error.
#[expect(clippy::print_stderr, reason = "all messages of tasks are printed here")]
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}

/// Prints a line to standard output.
pub(crate) fn answer(text: &str) {
    // The reader may have closed the pipe, as in `cargo xtask fetch --list | head`.
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().map_or(manifest.clone(), PathBuf::from)
}

/// The script of a PyTorch counterpart, relative to the repository's root.
pub(crate) fn counterpart(script: &Path) -> Result<PathBuf> {
    let script = root().join(script);
    ensure!(
        script.exists(),
        "{} does not exist; give the PyTorch counterpart with `--script`",
        script.display()
    );
    Ok(script)
}

/// Selects all packages except the cluster runner, whose engine takes longer to build than
/// everything else. All builds use the same selection, because with another one dependencies have
/// other features and would be built again.
pub(crate) const WORKSPACE: [&str; 3] = ["--workspace", "--exclude", "cluster"];

/// Runs `cargo` in the repository's root and prints the time it took.
pub(crate) fn cargo(args: &[&str], environment: &[(&str, &str)]) -> Result<()> {
    let start = Instant::now();
    say(&format!("$ cargo {}", args.join(" ")));
    let status = Command::new(env!("CARGO"))
        .args(args)
        .envs(environment.iter().copied())
        .current_dir(root())
        .status()
        .context("can't run cargo")?;
    if !status.success() {
        bail!("`cargo {}` failed", args.join(" "));
    }
    say(&format!("  {:.1} minutes", start.elapsed().as_secs_f64() / 60.0));
    Ok(())
}

/// Runs a task of the package `fetch` after building it.
pub(crate) fn fetch(task: &str, args: &[OsString]) -> Result<()> {
    let status = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--release", "--package", "fetch", "--", task])
        .args(args)
        .current_dir(root())
        .status()
        .context("can't run cargo")?;
    if status.success() { Ok(()) } else { bail!("`cargo xtask {task}` failed") }
}

/// The given `controlgen` program, or its release build, which is built first.
pub(crate) fn controlgen(wanted: Option<&Path>) -> Result<PathBuf> {
    wanted.map_or_else(build_controlgen, |program| Ok(program.to_owned()))
}

/// Arguments of a command, from strings and paths.
macro_rules! args {
    ($($arg:expr),* $(,)?) => { vec![$(std::ffi::OsString::from($arg)),*] };
}
pub(crate) use args;

/// The program whose commands a task runs in sequence.
#[derive(Debug, clap::Args)]
pub(crate) struct ProgramArgs {
    /// The `controlgen` program to run [default: build its release]
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Number of threads [default: all processors]
    #[arg(long)]
    threads: Option<u16>,
}

/// A program whose commands can be run.
pub(crate) struct Program {
    path: PathBuf,
    threads: Option<u16>,
}

impl ProgramArgs {
    /// The program, built first if none is given.
    pub(crate) fn open(&self) -> Result<Program> {
        Ok(Program { path: controlgen(self.program.as_deref())?, threads: self.threads })
    }
}

impl Program {
    /// Runs a command and returns its result.
    pub(crate) fn json(&self, mut arguments: Vec<OsString>) -> Result<Value> {
        if let Some(threads) = self.threads {
            arguments.extend(args!["--threads", threads.to_string()]);
        }
        json(&self.path, arguments)
    }
}

/// The release build of `controlgen`.
fn build_controlgen() -> Result<PathBuf> {
    cargo(&["build", "--release", "--package", "controlgen-cli"], &[])?;
    let name = format!("controlgen{}", std::env::consts::EXE_SUFFIX);
    let program = target()?.join("release").join(name);
    if !program.exists() {
        bail!("{} was not built", program.display());
    }
    Ok(program)
}

/// Cargo's target folder, wherever it is: this program is in its subfolder `PROFILE`.
pub(crate) fn target() -> Result<PathBuf> {
    let own = std::env::current_exe().context("can't find this program")?;
    let target = own.parent().and_then(Path::parent).context("this program has no folder")?;
    Ok(target.to_owned())
}

/// Builds an example of a crate, which is then in the `examples` folder next to this program.
pub(crate) fn build_example(package: &str, name: &str) -> Result<PathBuf> {
    build_example_with(package, name, &[])
}

/// Like [`build_example`], with features of the crate in addition to its default ones.
pub(crate) fn build_example_with(package: &str, name: &str, features: &[&str]) -> Result<PathBuf> {
    let features: Vec<String> =
        features.iter().map(|feature| format!("{package}/{feature}")).collect();
    let features = features.join(",");
    // Of the whole workspace, so that dependencies have the same features as in every other build.
    let mut args = vec!["build", "--release"];
    args.extend(WORKSPACE);
    args.extend(["--example", name]);
    if !features.is_empty() {
        args.extend(["--features", &features]);
    }
    cargo(&args, &[])?;
    // `cargo xtask` itself may be a debug build, but the example is always in `release`.
    let folder = target()?.join("release/examples");
    Ok(folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX)))
}

/// Runs a program with `--json` and parses its answer; its progress messages go to the terminal.
pub(crate) fn json(
    program: &Path,
    args: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> Result<Value> {
    let mut command = Command::new(program);
    command.args(args).arg("--json").stderr(Stdio::inherit());
    let output = command.output().with_context(|| format!("can't run {}", program.display()))?;
    if !output.status.success() {
        bail!("the step failed");
    }
    serde_json::from_slice(&output.stdout).context("the program's answer is not JSON")
}

/// Runs a program whose output goes to the terminal.
pub(crate) fn run(
    program: &PathBuf,
    args: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> Result<()> {
    let status = Command::new(program)
        .args(args)
        .status()
        .with_context(|| format!("can't run {}", program.display()))?;
    if status.success() { Ok(()) } else { bail!("{} failed", program.display()) }
}
