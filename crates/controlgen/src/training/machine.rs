//! The machine that a run used: only the same instruction set gives the same bytes.

use serde::{Deserialize, Serialize};

/// Properties of a machine that affect speed and rounding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name, if the system provides it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<String>,
    /// `x86_64`, `aarch64`, …
    pub architecture: String,
    /// The widest instruction set that our kernels use on it: `avx512`, `avx2`, `neon` or
    /// `baseline`.
    pub instruction_set: String,
    /// Number of processors available to the program.
    pub n_cores: usize,
    /// `linux`, `macos`, `windows`, …
    pub system: String,
}

impl Machine {
    /// This machine.
    pub fn this() -> Self {
        Self {
            cpu: cpu_name(),
            architecture: std::env::consts::ARCH.to_owned(),
            instruction_set: instruction_set().to_owned(),
            n_cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            system: std::env::consts::OS.to_owned(),
        }
    }
}

/// The processor's name from Linux's `/proc`; `None` on other systems.
fn cpu_name() -> Option<String> {
    name_in(&std::fs::read_to_string("/proc/cpuinfo").ok()?)
}

fn name_in(cpuinfo: &str) -> Option<String> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, name)| name.trim().to_owned())
}

#[cfg(target_arch = "x86_64")]
fn instruction_set() -> &'static str {
    if ["avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"].into_iter().all(has) {
        "avx512"
    } else if has("avx2") && has("fma") {
        "avx2"
    } else {
        "baseline"
    }
}

#[cfg(target_arch = "x86_64")]
fn has(feature: &str) -> bool {
    match feature {
        "avx512f" => is_x86_feature_detected!("avx512f"),
        "avx512bw" => is_x86_feature_detected!("avx512bw"),
        "avx512cd" => is_x86_feature_detected!("avx512cd"),
        "avx512dq" => is_x86_feature_detected!("avx512dq"),
        "avx512vl" => is_x86_feature_detected!("avx512vl"),
        "avx2" => is_x86_feature_detected!("avx2"),
        "fma" => is_x86_feature_detected!("fma"),
        _ => false,
    }
}

#[cfg(target_arch = "aarch64")]
fn instruction_set() -> &'static str {
    "neon"
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn instruction_set() -> &'static str {
    "baseline"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processors_name_is_read_from_its_line() {
        let text = "processor\t: 0\nmodel\t\t: 1\nmodel name\t: Some CPU 9000\nmodel name\t: x\n";
        assert_eq!(name_in(text).as_deref(), Some("Some CPU 9000"));
        assert_eq!(name_in(""), None);
        assert!(Machine::this().n_cores >= 1);
    }
}
