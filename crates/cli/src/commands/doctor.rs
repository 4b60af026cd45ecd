//! `doctor`: reports the capabilities of this program and machine, and checks a model.

use std::path::{Path, PathBuf};

use anyhow::bail;
use controlgen::model::Model;
use controlgen::style::Styles;
use models::{HAS_MODELS, model_folder};
use serde::Serialize;

use super::Context;
use crate::about::Build;
use crate::args::DoctorArgs;

const MIB: u64 = 1 << 20;

/// The findings.
#[derive(Debug, Serialize)]
struct Findings {
    build: Build,
    device: Device,
    /// The instruction set used by the CPU kernel on this machine.
    instruction_set: &'static str,
    threads: Threads,
    memory: Memory,
    libtorch: Libtorch,
    user_styles: UserStyles,
    /// Names of the models in the program.
    models: Vec<&'static str>,
    /// `None` if no model was given and the program has none.
    model: Option<ModelFinding>,
    /// Problems; the command fails if there are any.
    problems: Vec<String>,
}

/// The backend given by `--device`.
#[derive(Debug, Serialize)]
struct Device {
    name: String,
    usable: bool,
}

#[derive(Debug, Serialize)]
struct Threads {
    /// Number of processors available to this process.
    available: Option<usize>,
    /// Number of threads used, see `--threads`.
    used: usize,
}

/// In bytes; `None` if the system does not report it.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Memory {
    total_bytes: Option<u64>,
    available_bytes: Option<u64>,
    /// The limit of this process's group (containers).
    limit_bytes: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Libtorch {
    compiled_in: bool,
    /// The library loaded in this process, if the system reports it.
    #[serde(with = "corpus::path_text::option")]
    library: Option<PathBuf>,
}

/// The folder for styles of models that are not writable.
#[derive(Debug, Serialize)]
struct UserStyles {
    #[serde(with = "corpus::path_text::option")]
    folder: Option<PathBuf>,
    n_styles: usize,
}

#[derive(Debug, Serialize)]
struct ModelFinding {
    #[serde(with = "corpus::path_text")]
    folder: PathBuf,
    /// Whether its configuration and weights could be loaded.
    found: bool,
    kind: Option<String>,
    hash: Option<String>,
    /// `None` if no mixture was fitted.
    n_styles: Option<usize>,
}

pub(super) fn run(context: &Context, args: &DoctorArgs) -> anyhow::Result<()> {
    let findings = examine(context, args);
    context.output.result(&findings, || lines(&findings))?;
    match &findings.problems[..] {
        [] => Ok(()),
        problems => bail!("{}", problems.join("; ")),
    }
}

fn examine(context: &Context, args: &DoctorArgs) -> Findings {
    let mut problems = Vec::new();
    let device = context.device();
    let name = context.device.clone();
    let usable = device.is_ok();
    let model = match (&args.model, device) {
        (None, Ok(_)) if !HAS_MODELS => None,
        (model, Ok(device)) => match model_folder(model.as_deref()) {
            Ok(folder) => Some(look_into(&folder, &device, &mut problems)),
            Err(error) => {
                problems.push(format!("{error:#}"));
                None
            }
        },
        (_, Err(error)) => {
            problems.push(format!("{error:#}"));
            None
        }
    };
    Findings {
        build: Build::of_this_program(),
        device: Device { name, usable },
        instruction_set: instruction_set(),
        threads: Threads {
            available: std::thread::available_parallelism().ok().map(Into::into),
            used: rayon::current_num_threads(),
        },
        memory: memory(),
        libtorch: Libtorch {
            compiled_in: cfg!(feature = "tch"),
            library: read("/proc/self/maps").and_then(|maps| libtorch_of(&maps)),
        },
        user_styles: user_styles(),
        models: models::names().collect(),
        model,
        problems,
    }
}

/// The instruction set that `pulp`, which the kernel uses, detects on this machine.
fn instruction_set() -> &'static str {
    // Its variants differ between architectures; their names don't.
    let arch = format!("{:?}", pulp::Arch::new());
    match arch.split(['(', ' ', '{']).next().unwrap_or_default() {
        "V4" => "AVX-512 (x86-64-v4)",
        "V3" => "AVX2 and FMA (x86-64-v3)",
        "Neon" => "NEON",
        "Simd128" | "RelaxedSimd" => "WebAssembly SIMD",
        _ => "none beyond the architecture's own",
    }
}

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

fn memory() -> Memory {
    let info = read("/proc/meminfo").unwrap_or_default();
    let kib = |key: &str| -> Option<u64> {
        let line = info.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
    };
    let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let total_bytes = kib("MemTotal");
    let limit_bytes: Option<u64> =
        limits.into_iter().find_map(read).and_then(|text| text.trim().parse().ok());
    Memory {
        total_bytes,
        available_bytes: kib("MemAvailable"),
        // The older of the two represents "no limit" by a huge number.
        limit_bytes: limit_bytes.filter(|limit| total_bytes.is_none_or(|total| *limit < total)),
    }
}

/// The path of libtorch among the files mapped by a process.
fn libtorch_of(maps: &str) -> Option<PathBuf> {
    let paths = maps.lines().filter_map(|line| line.split_once('/').map(|(_, path)| path));
    let mut libraries = paths.filter(|path| {
        path.rsplit('/').next().is_some_and(|name| name.starts_with("libtorch_cpu.so"))
    });
    libraries.next().map(|path| PathBuf::from(format!("/{path}")))
}

fn user_styles() -> UserStyles {
    let folder = directories::ProjectDirs::from("", "", "controlgen")
        .map(|folders| folders.data_dir().join("styles"));
    let n_styles = folder.as_deref().map_or(0, count_styles);
    UserStyles { folder, n_styles }
}

/// Number of files `NAME.style.json` in the folder, or in a model's folder below it.
fn count_styles(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries
        .filter_map(Result::ok)
        .map(|entry| {
            let is_style = entry.file_name().to_string_lossy().ends_with(".style.json");
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder { count_styles(&entry.path()) } else { usize::from(is_style) }
        })
        .sum()
}

fn look_into(folder: &Path, device: &musicvae::Device, problems: &mut Vec<String>) -> ModelFinding {
    let nothing = ModelFinding {
        folder: folder.to_owned(),
        found: false,
        kind: None,
        hash: None,
        n_styles: None,
    };
    let model = match Model::load(folder, device) {
        Ok(model) => model,
        Err(error) => {
            problems.push(format!("{:#}", anyhow::Error::new(error)));
            return nothing;
        }
    };
    let n_styles = match Styles::load(&model) {
        Ok(styles) => Some(styles.all().len()),
        // A model without a mixture is valid: it encodes and reconstructs.
        Err(_) if !Styles::exist_in(folder) => None,
        Err(error) => {
            problems.push(format!("{:#}", anyhow::Error::new(error)));
            None
        }
    };
    ModelFinding {
        found: true,
        kind: Some(model.config().kind.clone()),
        hash: Some(model.hash().to_owned()),
        n_styles,
        ..nothing
    }
}

fn lines(found: &Findings) -> Vec<String> {
    let build = &found.build;
    let mebibytes = |bytes: Option<u64>| {
        bytes.map_or_else(|| "unknown".to_owned(), |bytes| format!("{} MiB", bytes / MIB))
    };
    let limit = found
        .memory
        .limit_bytes
        .map_or_else(String::new, |limit| format!("; this process may use {} MiB", limit / MIB));
    let memory = format!(
        "{}, of which {} are free{limit}",
        mebibytes(found.memory.total_bytes),
        mebibytes(found.memory.available_bytes)
    );
    let libtorch = match (found.libtorch.compiled_in, &found.libtorch.library) {
        (false, _) => "not in this program; build it with `--features tch`".to_owned(),
        (true, Some(library)) => library.display().to_string(),
        (true, None) => "in this program".to_owned(),
    };
    let styles = match &found.user_styles.folder {
        Some(folder) => format!("{} in {}", found.user_styles.n_styles, folder.display()),
        None => "no folder: this system has no home folder".to_owned(),
    };
    let models = match &found.models[..] {
        [] => "none in this program".to_owned(),
        names => format!("{} in this program", names.join(", ")),
    };
    let model = match &found.model {
        None => "none examined; give one with `--model FOLDER`".to_owned(),
        Some(model) if !model.found => format!("not found in {}", model.folder.display()),
        Some(model) => format!(
            "{} {} in {}, {}",
            model.kind.as_deref().unwrap_or_default(),
            model.hash.as_deref().unwrap_or_default(),
            model.folder.display(),
            model.n_styles.map_or_else(|| "no styles yet".to_owned(), |n| format!("{n} styles")),
        ),
    };
    let device = if found.device.usable { "usable" } else { "not usable" };
    let available = found.threads.available.map_or_else(|| "?".to_owned(), |n| n.to_string());
    [
        (
            "program",
            format!(
                "{} for {} on {}, {} build",
                build.version, build.os, build.architecture, build.profile
            ),
        ),
        ("backends", build.backends.join(", ")),
        ("device", format!("{}, {device}", found.device.name)),
        ("instructions", found.instruction_set.to_owned()),
        ("threads", format!("{} of {available}", found.threads.used)),
        ("memory", memory),
        ("libtorch", libtorch),
        ("your styles", styles),
        ("models", models),
        ("model", model),
    ]
    .into_iter()
    .map(|(name, value)| format!("{name:<12}  {value}"))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libtorch_is_found_among_mapped_files() {
        let maps = "7f0-7f1 r-xp 0 08:01 1 /usr/lib/libc.so.6\n\
                    7f2-7f3 r-xp 0 08:01 2                  /opt/my torch/lib/libtorch_cpu.so\n";
        assert_eq!(libtorch_of(maps), Some(PathBuf::from("/opt/my torch/lib/libtorch_cpu.so")));
        assert_eq!(
            libtorch_of("7f0-7f1 r-xp 0 08:01 1 /usr/lib/libtorch_other.so\n[heap]\n"),
            None
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn memory_is_what_linux_says() {
        let memory = memory();
        assert!(memory.total_bytes.unwrap() >= memory.available_bytes.unwrap());
        assert!(memory.total_bytes.unwrap() > 64 * MIB);
    }

    #[test]
    fn styles_are_counted_in_the_folders_of_models_too() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(count_styles(&folder.path().join("nowhere")), 0);
        let model = folder.path().join("0123456789abcdef");
        std::fs::create_dir(&model).unwrap();
        for path in [model.join("a.style.json"), model.join("b.json"), model.join("c.style.json")] {
            std::fs::write(path, "{}").unwrap();
        }
        assert_eq!(count_styles(folder.path()), 2);
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn the_instruction_set_is_the_processors() {
        let avx2 = std::arch::is_x86_feature_detected!("avx2");
        assert_eq!(instruction_set().contains("AVX"), avx2, "{}", instruction_set());
    }
}
