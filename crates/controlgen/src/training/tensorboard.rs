//! Event files for `TensorBoard`, written from the run's metrics.
//!
//! An event file is a sequence of `TFRecords`, each with one `Event` in protobuf encoding
//! (tensorflow/core/util/event.proto, framework/summary.proto, `lib/io/record_writer.cc)`:
//!
//! ```text
//! record: length u64 | masked CRC-32C of the length | payload | masked CRC-32C of the payload
//! mask(crc) = (crc rotated right by 15) + 0xa282ead8
//! ```
//!
//! A resumed run writes its complete history to a new file and removes the old one, so a reader
//! never sees steps that an interrupted run made after its last checkpoint.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use corpus::artifact::{ArtifactResult, create_folder, io, write_atomic};
use musicvae::Scores;
use musicvae::train::StepMetrics;

use super::metrics::History;

/// Prefix of the files' names. `TensorBoard` finds them by `tfevents` and reads them in the order
/// of their names, which contain the second in which they begin.
const BEGINNING: &str = "events.out.tfevents.";
const END: &str = ".controlgen";

/// Appends to an event file.
pub(super) struct EventFile {
    path: PathBuf,
    file: BufWriter<File>,
    /// Start of the run, as if it had never been interrupted; seconds since 1970.
    began: f64,
    failed: Option<std::io::Error>,
}

impl EventFile {
    /// Creates a file in a folder, with the history of the run so far.
    pub(super) fn begin(
        folder: &Path,
        history: &History,
        elapsed: Duration,
    ) -> ArtifactResult<Self> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let began = now.as_secs_f64() - elapsed.as_secs_f64();
        create_folder(folder)?;
        // Later than any earlier file, because otherwise a reader takes it for an older one.
        let mut second = now.as_secs();
        let mut old = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(io("read the folder", folder))? {
            let path = entry.map_err(io("read the folder", folder))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if let Some(of_old) = name.strip_prefix(BEGINNING).and_then(|n| n.strip_suffix(END)) {
                second = second.max(of_old.parse::<u64>().unwrap_or(0).saturating_add(1));
                old.push(path);
            }
        }
        let path = folder.join(format!("{BEGINNING}{second:010}{END}"));
        let mut bytes = record(&file_version(began));
        // Discards what a reader has from earlier files.
        bytes.extend(record(&session_start(began)));
        let mut evaluations = history.evaluations.iter().peekable();
        let mut last = 0.0;
        for point in &history.steps {
            while let Some(e) = evaluations.next_if(|e| e.step <= point.metrics.step) {
                bytes.extend(evaluation_event(began + last, e.step, &e.scores));
            }
            last = point.elapsed_secs;
            bytes.extend(step_event(began + last, &point.metrics));
        }
        for e in evaluations {
            bytes.extend(evaluation_event(began + last, e.step, &e.scores));
        }
        write_atomic(&path, &bytes)?;
        for old in old {
            std::fs::remove_file(&old).map_err(io("remove", &old))?;
        }
        let file = OpenOptions::new().append(true).open(&path).map_err(io("write", &path))?;
        Ok(Self { path, file: BufWriter::new(file), began, failed: None })
    }

    pub(super) fn step(&mut self, metrics: &StepMetrics, elapsed: Duration) {
        self.write(&step_event(self.began + elapsed.as_secs_f64(), metrics));
    }

    pub(super) fn evaluation(&mut self, step: u64, scores: &Scores, elapsed: Duration) {
        self.write(&evaluation_event(self.began + elapsed.as_secs_f64(), step, scores));
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Err(error) = self.file.write_all(bytes) {
            self.failed.get_or_insert(error);
        }
    }

    /// Writes all events to disk.
    ///
    /// # Errors
    /// Returns an error if writing failed, now or at an earlier event.
    pub(super) fn flush(&mut self) -> ArtifactResult<()> {
        let result = match self.failed.take() {
            Some(error) => Err(error),
            None => self.file.flush(),
        };
        result.map_err(io("write", &self.path))
    }
}

fn step_event(wall_time: f64, metrics: &StepMetrics) -> Vec<u8> {
    let scalars = [
        ("train/loss", metrics.loss),
        ("train/reconstruction_nats", metrics.reconstruction_nats),
        ("train/kl_bits", metrics.kl_bits),
        ("train/beta", metrics.beta),
        ("train/learning_rate", metrics.learning_rate),
        ("train/sampling_probability", metrics.sampling_probability),
        ("train/gradient_norm", metrics.gradient_norm),
    ];
    record(&scalars_event(wall_time, metrics.step, &scalars))
}

fn evaluation_event(wall_time: f64, step: u64, scores: &Scores) -> Vec<u8> {
    let (best, sampled) = match scores {
        Scores::Steps(_) => ("heldout/teacher_forced_accuracy", "heldout/sampled_accuracy"),
        Scores::Notes(_) => ("heldout/note_f1", "heldout/sampled_note_f1"),
    };
    let scalars = [
        ("heldout/negative_elbo_nats", scores.negative_elbo_nats()),
        ("heldout/reconstruction_nats", scores.reconstruction_nats()),
        ("heldout/kl_bits", scores.kl_bits()),
        (best, scores.best()),
        (sampled, scores.sampled()),
        ("heldout/active_units", scores.active_units() as f64),
    ];
    record(&scalars_event(wall_time, step, &scalars))
}

/// `Event { wall_time, file_version }`: the first event of a file.
fn file_version(wall_time: f64) -> Vec<u8> {
    let mut event = Vec::new();
    double(&mut event, 1, wall_time);
    bytes(&mut event, 3, b"brain.Event:2");
    event
}

/// `Event { wall_time, step: 0, session_log: { status: START } }`.
fn session_start(wall_time: f64) -> Vec<u8> {
    let mut event = Vec::new();
    double(&mut event, 1, wall_time);
    let mut log = Vec::new();
    number(&mut log, 1, 1);
    bytes(&mut event, 7, &log);
    event
}

/// `Event { wall_time, step, summary: { value: [{ tag, simple_value }] } }`.
fn scalars_event(wall_time: f64, step: u64, scalars: &[(&str, f64)]) -> Vec<u8> {
    let mut summary = Vec::new();
    for (tag, value) in scalars {
        let mut scalar = Vec::new();
        bytes(&mut scalar, 1, tag.as_bytes());
        key(&mut scalar, 2, 5);
        scalar.extend((*value as f32).to_le_bytes());
        bytes(&mut summary, 1, &scalar);
    }
    let mut event = Vec::new();
    double(&mut event, 1, wall_time);
    number(&mut event, 2, step);
    bytes(&mut event, 5, &summary);
    event
}

/// A field's key: its number and wire type.
fn key(to: &mut Vec<u8>, field: u64, form: u64) {
    varint(to, field << 3 | form);
}

fn varint(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

fn number(to: &mut Vec<u8>, field: u64, value: u64) {
    key(to, field, 0);
    varint(to, value);
}

fn double(to: &mut Vec<u8>, field: u64, value: f64) {
    key(to, field, 1);
    to.extend(value.to_le_bytes());
}

fn bytes(to: &mut Vec<u8>, field: u64, value: &[u8]) {
    key(to, field, 2);
    varint(to, value.len() as u64);
    to.extend(value);
}

/// Frames a payload.
fn record(payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u64).to_le_bytes();
    let mut record = Vec::with_capacity(payload.len() + 16);
    record.extend(length);
    record.extend(masked(&length));
    record.extend(payload);
    record.extend(masked(payload));
    record
}

fn masked(bytes: &[u8]) -> [u8; 4] {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::super::metrics::{EvaluationPoint, StepPoint, heldout, step_metrics};
    use super::*;

    /// Payloads of a file, after checking their checksums.
    fn payloads(mut file: &[u8]) -> Vec<Vec<u8>> {
        let mut payloads = Vec::new();
        while !file.is_empty() {
            let length =
                usize::try_from(u64::from_le_bytes(file[..8].try_into().unwrap())).unwrap();
            assert_eq!(file[8..12], masked(&file[..8]));
            let payload = &file[12..12 + length];
            assert_eq!(file[12 + length..16 + length], masked(payload));
            payloads.push(payload.to_vec());
            file = &file[16 + length..];
        }
        payloads
    }

    /// The first record of every event file has 24 bytes, so files of TensorFlow and PyTorch begin
    /// with the same twelve bytes.
    #[test]
    fn a_file_begins_as_those_of_tensorflow() {
        let record = record(&file_version(1_600_000_000.0));
        let expected = [24, 0, 0, 0, 0, 0, 0, 0, 0xa3, 0x7f, 0x4b, 0x22];
        assert_eq!(record[..12], expected);
        assert_eq!(record[12], 9);
        assert_eq!(&record[21..36], b"\x1a\x0dbrain.Event:2");
        assert_eq!(record.len(), 12 + 24 + 4);
    }

    #[test]
    fn an_event_by_hand() {
        let event = scalars_event(1.0, 300, &[("a", 0.5)]);
        let expected = [
            &[0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f][..], // 1: wall_time, 1.0
            &[0x10, 0xac, 0x02],                       // 2: step, 300
            &[0x2a, 10],                               // 5: summary
            &[0x0a, 8],                                // 1: value
            &[0x0a, 1, b'a'],                          // 1: tag
            &[0x15, 0, 0, 0, 0x3f],                    // 2: simple_value, 0.5
        ];
        assert_eq!(event, expected.concat());
    }

    #[test]
    fn a_resumed_run_has_one_file_with_all_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let files = || -> Vec<PathBuf> {
            let entries = std::fs::read_dir(folder.path()).unwrap();
            entries.map(|entry| entry.unwrap().path()).collect()
        };
        let elapsed = Duration::from_secs(3);
        let mut first =
            EventFile::begin(folder.path(), &History::default(), Duration::ZERO).unwrap();
        first.step(&step_metrics(0), elapsed);
        first.step(&step_metrics(1), elapsed);
        first.flush().unwrap();
        let old = files();
        assert_eq!(payloads(&std::fs::read(&old[0]).unwrap()).len(), 4);

        let history = History {
            steps: vec![StepPoint { elapsed_secs: 3.0, metrics: step_metrics(0) }],
            evaluations: vec![EvaluationPoint { step: 1, scores: heldout() }],
        };
        let mut second = EventFile::begin(folder.path(), &history, elapsed).unwrap();
        second.step(&step_metrics(1), elapsed * 2);
        second.flush().unwrap();
        let new = files();
        assert_eq!(new.len(), 1);
        assert!(new[0] > old[0], "{new:?} comes after {old:?}");
        let events = payloads(&std::fs::read(&new[0]).unwrap());
        assert_eq!(events.len(), 5);
        let began = second.began;
        assert_eq!(events[1], session_start(began));
        assert_eq!(record(&events[2]), step_event(began + 3.0, &step_metrics(0)));
        assert_eq!(record(&events[3]), evaluation_event(began + 3.0, 1, &heldout()));
        assert_eq!(record(&events[4]), step_event(began + 6.0, &step_metrics(1)));
    }
}
