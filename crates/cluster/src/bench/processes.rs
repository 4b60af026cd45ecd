//! A cluster on loopback; this process starts its processes and stops each by its id.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use walk::size_of_folder;

use crate::output::peak_memory_bytes;

/// A process and the peak memory observed so far.
struct Process {
    child: Child,
    peak: u64,
    work: PathBuf,
}

impl Process {
    fn start(words: &[String], log: &Path, work: &Path) -> Result<Self> {
        let log = File::create(log).with_context(|| format!("can't write {}", log.display()))?;
        let child = Command::new(std::env::current_exe()?)
            .args(words)
            // Behaves like a machine with one core.
            .env("RAYON_NUM_THREADS", "1")
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("can't start a process")?;
        Ok(Self { child, peak: 0, work: work.to_owned() })
    }

    fn sample_memory(&mut self) {
        let peak = peak_memory_bytes(&self.child.id().to_string());
        self.peak = self.peak.max(peak.unwrap_or(0));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A scheduler and two executors with one core each.
pub(super) struct Cluster {
    folder: PathBuf,
    port: u16,
    memory: Option<u64>,
    scheduler: Process,
    executors: Vec<Process>,
    /// Peak memory of killed executors.
    killed_peaks: Vec<u64>,
    n_started: usize,
    n_samples: u32,
    shuffled: u64,
}

impl Cluster {
    /// Starts a cluster in an empty folder; each executor may hold `memory` MiB of rows.
    pub(super) fn start(folder: &Path, memory: Option<u64>) -> Result<Self> {
        if folder.exists() {
            std::fs::remove_dir_all(folder)?;
        }
        std::fs::create_dir_all(folder)?;
        let port = free_port()?;
        let words = ["scheduler", "--port", &port.to_string()].map(str::to_owned);
        let scheduler = Process::start(&words, &folder.join("scheduler.log"), folder)?;
        let mut cluster = Self {
            folder: folder.to_owned(),
            port,
            memory,
            scheduler,
            executors: Vec::new(),
            killed_peaks: Vec::new(),
            n_started: 0,
            n_samples: 0,
            shuffled: 0,
        };
        // The scheduler must be listening before the executors connect.
        std::thread::sleep(Duration::from_secs(1));
        for _ in 0..2 {
            cluster.add()?;
        }
        std::thread::sleep(Duration::from_secs(1));
        Ok(cluster)
    }

    fn add(&mut self) -> Result<()> {
        let work = self.folder.join(format!("executor-{}", self.n_started));
        std::fs::create_dir_all(&work)?;
        let mut words: Vec<String> =
            ["executor", "--vcores", "1", "--scheduler"].map(str::to_owned).into();
        words.push(format!("127.0.0.1:{}", self.port));
        words.extend(["--port".to_owned(), free_port()?.to_string()]);
        words.extend(["--work".to_owned(), work.display().to_string()]);
        if let Some(memory) = self.memory {
            words.extend(["--memory".to_owned(), memory.to_string()]);
        }
        let log = self.folder.join(format!("executor-{}.log", self.n_started));
        self.executors.push(Process::start(&words, &log, &work)?);
        self.n_started += 1;
        Ok(())
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Samples memory and disk usage.
    pub(super) fn sample(&mut self) -> Result<()> {
        self.n_samples += 1;
        if !self.n_samples.is_multiple_of(10) {
            return Ok(());
        }
        self.scheduler.sample_memory();
        self.executors.iter_mut().for_each(Process::sample_memory);
        let on_disk: u64 = self.executors.iter().map(|e| size_of_folder(&e.work)).sum();
        self.shuffled = self.shuffled.max(on_disk);
        for process in std::iter::once(&mut self.scheduler).chain(&mut self.executors) {
            if let Some(status) = process.child.try_wait()? {
                bail!(
                    "a process of the cluster ended with {status}; see {}",
                    self.folder.display()
                );
            }
        }
        Ok(())
    }

    /// Kills the oldest executor, starts another in its place, and returns the id of the killed
    /// process.
    pub(super) fn kill_one(&mut self) -> Result<u32> {
        let mut executor = self.executors.remove(0);
        executor.sample_memory();
        self.killed_peaks.push(executor.peak);
        let id = executor.child.id();
        executor.child.kill()?;
        executor.child.wait()?;
        self.add()?;
        Ok(id)
    }

    /// Peak memory of the scheduler, the executors, and the killed executors.
    pub(super) fn peaks(&self) -> Vec<u64> {
        let running = std::iter::once(&self.scheduler).chain(&self.executors);
        running.map(|process| process.peak).chain(self.killed_peaks.iter().copied()).collect()
    }

    /// Maximum number of bytes on the executors' disks for others to fetch.
    pub(super) fn shuffled(&self) -> u64 {
        self.shuffled
    }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// The process that runs the job, with or without plans.
pub(super) struct Driver {
    child: Child,
    lines: Receiver<String>,
    printed: Vec<String>,
}

impl Driver {
    pub(super) fn start(words: &[&str]) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(words)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("can't start a process")?;
        let stderr = child.stderr.take().context("standard error is piped")?;
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Self { child, lines, printed: Vec::new() })
    }

    pub(super) fn is_running(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Lines printed since the last call.
    pub(super) fn lines(&mut self) -> Vec<String> {
        let lines: Vec<String> = self.lines.try_iter().collect();
        self.printed.extend(lines.iter().cloned());
        lines
    }

    /// Waits for the process to end and returns its output, which is short.
    pub(super) fn finish(mut self) -> Result<String> {
        let status = self.child.wait()?;
        self.printed.extend(self.lines.iter());
        if !status.success() {
            bail!("the run failed: {}", self.printed.last().map_or("", String::as_str));
        }
        let mut text = String::new();
        self.child.stdout.take().context("standard output is piped")?.read_to_string(&mut text)?;
        Ok(text)
    }
}

mod walk {
    use std::path::Path;

    /// Total size of the files in a folder; files that disappear in the meantime don't count.
    pub(super) fn size_of_folder(folder: &Path) -> u64 {
        let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
        entries
            .flatten()
            .map(|entry| match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => size_of_folder(&entry.path()),
                Ok(metadata) => metadata.len(),
                Err(_) => 0,
            })
            .sum()
    }
}
