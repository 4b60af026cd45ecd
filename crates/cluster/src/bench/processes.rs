//! A cluster on loopback, of processes that this one starts and ends, each by its own id.

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

/// A process with the most memory that it was seen to hold.
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
            // As a machine with one core would.
            .env("RAYON_NUM_THREADS", "1")
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("can't start a process")?;
        Ok(Self { child, peak: 0, work: work.to_owned() })
    }

    fn look(&mut self) {
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

/// A scheduler and two executors of one core each.
pub(super) struct Cluster {
    folder: PathBuf,
    port: u16,
    memory: Option<u64>,
    scheduler: Process,
    executors: Vec<Process>,
    /// Peaks of those that were killed.
    gone: Vec<u64>,
    n_started: usize,
    n_looks: u32,
    shuffled: u64,
}

impl Cluster {
    /// Starts one in an empty folder; executors may hold `memory` MiB of rows.
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
            gone: Vec::new(),
            n_started: 0,
            n_looks: 0,
            shuffled: 0,
        };
        // It is there before they call.
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

    /// Looks at memory and disk.
    pub(super) fn look(&mut self) -> Result<()> {
        self.n_looks += 1;
        if !self.n_looks.is_multiple_of(10) {
            return Ok(());
        }
        self.scheduler.look();
        self.executors.iter_mut().for_each(Process::look);
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

    /// Kills the oldest executor and starts another in its place; gives the id of the one killed.
    pub(super) fn kill_one(&mut self) -> Result<u32> {
        let mut executor = self.executors.remove(0);
        executor.look();
        self.gone.push(executor.peak);
        let id = executor.child.id();
        executor.child.kill()?;
        executor.child.wait()?;
        self.add()?;
        Ok(id)
    }

    /// Peaks of the scheduler, of the executors, and of those that were killed.
    pub(super) fn peaks(&self) -> Vec<u64> {
        let running = std::iter::once(&self.scheduler).chain(&self.executors);
        running.map(|process| process.peak).chain(self.gone.iter().copied()).collect()
    }

    /// The most bytes that executors had on disk for others to fetch.
    pub(super) fn shuffled(&self) -> u64 {
        self.shuffled
    }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// The process that makes plans, or does without.
pub(super) struct Driver {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Driver {
    pub(super) fn start(words: &[&str]) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(words)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("can't start a process")?;
        let stderr = child.stderr.take().context("its errors are piped")?;
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Self { child, lines, said: Vec::new() })
    }

    pub(super) fn is_running(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// What it said since.
    pub(super) fn lines(&mut self) -> Vec<String> {
        let lines: Vec<String> = self.lines.try_iter().collect();
        self.said.extend(lines.iter().cloned());
        lines
    }

    /// Its answer, which is short.
    pub(super) fn finish(mut self) -> Result<String> {
        let status = self.child.wait()?;
        self.said.extend(self.lines.iter());
        if !status.success() {
            bail!("the run failed: {}", self.said.last().map_or("", String::as_str));
        }
        let mut text = String::new();
        self.child.stdout.take().context("its answer is piped")?.read_to_string(&mut text)?;
        Ok(text)
    }
}

mod walk {
    use std::path::Path;

    /// Bytes of all files in a folder; those that go meanwhile don't count.
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
