//! A folder with MIDI files and plans, in which the program is run.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use corpus::CorpusReport;
use corpus::artifact::JsonFormat;
use corpus::synthetic;
use corpus::table::{LatentRow, WindowRow, read_latents, read_windows};
use gmm::GaussianMixture;
use note_seq::midi::{self, WriteOptions};

const PROGRAM: &str = env!("CARGO_BIN_EXE_controlgen-cluster");
/// The trained model from the repository.
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../cli/model/melody");
/// No run takes longer than this.
const TIMEOUT: Duration = Duration::from_mins(4);

/// The folder of one test.
pub(crate) struct Dir {
    folder: tempfile::TempDir,
}

/// Result of a run of the program.
pub(crate) struct Answer {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Dir {
    /// Creates a folder with `n_files` music files, some of them twice, one damaged file and one
    /// that is not MIDI.
    pub(crate) fn new(n_files: usize) -> Self {
        let dir = Self { folder: tempfile::tempdir().unwrap() };
        let midi = dir.path("midi");
        for index in 0..n_files {
            let folder = midi.join(format!("style-{}", index % 3));
            std::fs::create_dir_all(&folder).unwrap();
            let bytes = music(index);
            if index % 7 == 3 {
                std::fs::write(folder.join(format!("{index}-copy.mid")), &bytes).unwrap();
            }
            std::fs::write(folder.join(format!("{index}.mid")), bytes).unwrap();
        }
        std::fs::write(midi.join("damaged.mid"), &music(0)[..40]).unwrap();
        std::fs::write(midi.join("text.mid"), "not music").unwrap();
        dir
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a plan whose results go to `out`, and returns its path.
    pub(crate) fn plan(&self, out: &str, model: Option<&str>) -> String {
        let text = format!(
            "roots = [\"{}\"]\nout = \"{}\"\nmodel = \"{}\"\npartitions = 5\n\
             [corpus]\nheldout = 0.2\nlabels = \"first_folder\"\n[fit]\nn_components = 3\n\
             covariance_type = \"diag\"\nn_start_windows = 60\nmax_iter = 6\ntol = 0.0\n",
            self.path("midi").display(),
            self.path(out).display(),
            model.unwrap_or(MODEL),
        );
        let path = self.path(&format!("{out}.toml"));
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// Starts the program in this folder.
    pub(crate) fn start(&self, words: &[&str]) -> Running {
        self.spawn(Command::new(PROGRAM).args(words).stderr(Stdio::piped()))
    }

    /// Starts a scheduler or executor in a subfolder, which also holds its log.
    fn serve(&self, below: &str, words: &[&str]) -> Running {
        let folder = self.path(below);
        let log = File::options().create(true).append(true).open(folder.join("log")).unwrap();
        self.spawn(Command::new(PROGRAM).args(words).stderr(log).current_dir(folder))
    }

    fn spawn(&self, command: &mut Command) -> Running {
        if command.get_current_dir().is_none() {
            command.current_dir(self.folder.path());
        }
        Running { child: command.stdout(Stdio::piped()).spawn().unwrap() }
    }

    pub(crate) fn run(&self, words: &[&str]) -> Answer {
        self.start(words).finish(|_| ())
    }

    /// Like [`Self::run`], but no file may grow beyond a few KiB.
    pub(crate) fn run_limited(&self, words: &[&str]) -> Answer {
        // Without the trap, the signal would end the program before it sees the error.
        let script = "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\"";
        let mut command = Command::new("sh");
        command.args(["-c", script, PROGRAM]).args(words).stderr(Stdio::piped());
        self.spawn(&mut command).finish(|_| ())
    }

    pub(crate) fn results(&self, out: &str) -> Results {
        Results::read(&self.path(out))
    }
}

fn music(index: usize) -> Vec<u8> {
    let piece = synthetic::piece(index % synthetic::style_names().len(), index as u64, 0);
    midi::write(&piece, &WriteOptions::default()).unwrap()
}

/// A running process of the program; killed by its id when dropped.
pub(crate) struct Running {
    child: Child,
}

impl Running {
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits for the process to end; `on_line` receives each line of standard error as it arrives.
    pub(crate) fn finish(mut self, mut on_line: impl FnMut(&str)) -> Answer {
        let start = Instant::now();
        let mut stderr = String::new();
        let (sender, lines) = std::sync::mpsc::channel();
        let errors = self.child.stderr.take().unwrap();
        std::thread::spawn(move || {
            for line in BufReader::new(errors).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        loop {
            let ended = self.child.try_wait().unwrap();
            while let Ok(line) = lines.recv_timeout(Duration::from_millis(50)) {
                on_line(&line);
                stderr += &line;
                stderr.push('\n');
            }
            if let Some(status) = ended {
                let mut stdout = String::new();
                self.child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
                return Answer { code: status.code(), stdout, stderr };
            }
            assert!(start.elapsed() < TIMEOUT, "the program hangs: {stderr}");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A scheduler and executors on loopback.
pub(crate) struct Cluster {
    pub(crate) url: String,
    pub(crate) executors: Vec<Running>,
    _scheduler: Running,
}

impl Cluster {
    /// Starts a scheduler, and one executor in each of the given folders.
    pub(crate) fn start(dir: &Dir, folders: &[&str]) -> Self {
        let port = free_port();
        let scheduler = dir.serve("", &["scheduler", "--port", &port]);
        std::thread::sleep(Duration::from_secs(1));
        let address = format!("127.0.0.1:{port}");
        let executors = folders.iter().map(|folder| {
            let port = free_port();
            let words = ["executor", "--scheduler", &address, "--vcores", "1", "--port", &port];
            dir.serve(folder, &words)
        });
        let executors = executors.collect();
        std::thread::sleep(Duration::from_secs(1));
        Self { url: format!("http://{address}"), executors, _scheduler: scheduler }
    }
}

fn free_port() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string()
}

/// Results of a run, in an order that does not depend on its shards.
#[derive(Debug, PartialEq)]
pub(crate) struct Results {
    pub(crate) report: CorpusReport,
    pub(crate) windows: Vec<WindowRow>,
    pub(crate) latents: Vec<LatentRow>,
    pub(crate) mixture: GaussianMixture,
}

impl Results {
    fn read(out: &Path) -> Self {
        let report = CorpusReport::load(&out.join("corpus/report.json")).unwrap();
        let mut windows = Vec::new();
        read_windows(&out.join("corpus"), |row| windows.push(row)).unwrap();
        windows.sort_by_key(|row| (row.window_id, row.split));
        let mut latents = read_latents(&out.join("latents"), 96).unwrap().rows;
        latents.sort_by_key(|row| (row.window_id, row.split));
        let text = std::fs::read_to_string(out.join("mixture.json")).unwrap();
        Self { report, windows, latents, mixture: serde_json::from_str(&text).unwrap() }
    }

    /// Asserts that rows are bit-identical, and mixtures equal up to the order of summation.
    #[track_caller]
    pub(crate) fn assert_same(&self, other: &Self) {
        assert!(!self.windows.is_empty() && self.report.n_heldout > 0);
        assert_eq!(self.report, other.report);
        assert_eq!(self.windows, other.windows);
        assert_eq!(self.latents, other.latents);
        let parameters = |mixture: &GaussianMixture| -> Vec<f64> {
            (0..mixture.n_components())
                .flat_map(|k| [mixture.mean(k).to_vec(), mixture.covariance(k)].concat())
                .chain(mixture.weights().to_vec())
                .collect()
        };
        for (a, b) in parameters(&self.mixture).iter().zip(parameters(&other.mixture)) {
            assert!((a - b).abs() < 1e-9, "{a} {b}");
        }
    }
}
