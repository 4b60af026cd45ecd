//! Starts and stops the program's studio.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use serde_json::Value;

/// A running studio; dropping it stops it.
pub(super) struct Server {
    child: Child,
    told: Value,
    socket: SocketAddr,
    /// Keeps the folder of its styles until it is dropped.
    _styles: tempfile::TempDir,
}

impl Server {
    pub(super) fn start(program: &Path, model: Option<&Path>) -> Result<Self> {
        let styles = tempfile::tempdir().context("can't make a temporary folder")?;
        let mut command = Command::new(program);
        command.args(["studio", "--no-open", "--json", "--quiet", "--port", "0", "--styles"]);
        command.arg(styles.path());
        if let Some(model) = model {
            command.arg("--model").arg(model);
        }
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("can't run {}", program.display()))?;
        let mut line = String::new();
        let out = child.stdout.take().context("the program has no standard output")?;
        BufReader::new(out).read_line(&mut line)?;
        let told: Value = serde_json::from_str(&line).context("the studio did not start")?;
        let port = told["port"].as_u64().and_then(|port| u16::try_from(port).ok());
        let socket = SocketAddr::from(([127, 0, 0, 1], port.context("the studio has no port")?));
        Ok(Self { child, told, socket, _styles: styles })
    }

    pub(super) fn address(&self) -> &str {
        self.told["address"].as_str().unwrap_or_default()
    }

    pub(super) fn socket(&self) -> SocketAddr {
        self.socket
    }

    pub(super) fn page_bytes(&self) -> f64 {
        self.told["page_bytes"].as_f64().unwrap_or(f64::NAN)
    }

    /// The memory it uses, on Linux; 0 on other systems.
    pub(super) fn memory_mib(&self) -> Result<f64> {
        let path = format!("/proc/{}/status", self.child.id());
        let Ok(status) = std::fs::read_to_string(path) else { return Ok(0.0) };
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let line = line.context("the studio has exited")?;
        let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kib / 1024.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have exited already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
