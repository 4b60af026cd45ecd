//! The Python process for the peers: started once, queried alternately.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

pub(crate) struct Python {
    child: Child,
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Python {
    pub(crate) fn start(python: &OsStr, oracles: &Path, files: &[PathBuf]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/peers.py");
        let mut child = Command::new(python)
            .arg(script)
            .arg(oracles)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut commands = child.stdin.take().unwrap();
        for file in files {
            writeln!(commands, "{}", file.display()).unwrap();
        }
        writeln!(commands).unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self { child, commands: Some(commands), answers }
    }

    /// The answer to a command; null if a package is not installed.
    pub(crate) fn ask(&mut self, command: &str) -> Value {
        let commands = self.commands.as_mut().unwrap();
        writeln!(commands, "{command}").unwrap();
        commands.flush().unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    pub(crate) fn files_per_second(&mut self, command: &str) -> Option<f64> {
        let answer = self.ask(command);
        Some(answer["files"].as_f64()? / answer["seconds"].as_f64()?)
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // Closing its input ends the process.
        self.commands = None;
        let _ = self.child.wait();
    }
}
