//! The data of an evaluation: windows from both sides of the split, with their latents.

use std::collections::BTreeMap;
use std::path::Path;

use super::EvalError;
use super::statistics::Tally;
use controlgen::encode::check_latents;
use controlgen::latent::LatentSpace;
use controlgen::model::Model;
use corpus::CorpusReport;
use corpus::artifact::{ArtifactError, JsonFormat};
use corpus::progress::Progress;
use corpus::table::{CorpusHash, Split, WindowRow, read_latents, read_windows};

/// Windows with their posteriors.
#[derive(Clone, Debug, Default)]
pub struct Partition {
    /// The windows, in corpus order.
    pub rows: Vec<WindowRow>,
    /// Posterior means, `[n, Z]`.
    pub mu: Vec<f32>,
    /// Posterior standard deviations, `[n, Z]`.
    pub sigma: Vec<f32>,
}

impl Partition {
    /// Tokens of each window.
    pub fn windows(&self) -> impl Iterator<Item = &[u16]> {
        self.rows.iter().map(|row| row.tokens.as_slice())
    }

    /// Active dimensions of the means, `[n, D]`.
    pub fn points(&self, space: &LatentSpace) -> Vec<f64> {
        space.project_all(&self.mu)
    }

    /// Active dimensions of the means of some windows, by their indices in [`Partition::rows`].
    pub fn points_at(
        &self,
        space: &LatentSpace,
        places: impl IntoIterator<Item = usize>,
    ) -> Vec<f64> {
        let z_size = space.z_size();
        space.project_rows(places.into_iter().map(|i| &self.mu[i * z_size..][..z_size]))
    }

    /// Sums a value per window over each file, the unit of confidence intervals.
    pub fn by_file(&self, values: impl IntoIterator<Item = f64>) -> Vec<Tally> {
        let mut files = BTreeMap::<&str, Tally>::new();
        for (row, value) in self.rows.iter().zip(values) {
            files.entry(&row.group).or_default().add(value);
        }
        files.into_values().collect()
    }

    /// Windows of each label, by their indices in [`Partition::rows`].
    pub fn by_label(&self) -> BTreeMap<&str, Vec<usize>> {
        let mut labels = BTreeMap::<&str, Vec<usize>>::new();
        for (at, row) in self.rows.iter().enumerate() {
            if let Some(label) = &row.label {
                labels.entry(label).or_default().push(at);
            }
        }
        labels
    }
}

/// The data from which all figures are computed.
pub struct EvalData {
    /// Training windows, evenly spaced over the corpus.
    pub train: Partition,
    /// Held-out windows that do not occur in the training split, evenly spaced.
    pub heldout: Partition,
    /// Hash of the whole corpus's windows and split.
    pub corpus_hash: String,
}

impl EvalData {
    /// Reads up to `n_train` and `n_heldout` windows of a corpus with their latents from a latents
    /// folder, or encodes them.
    ///
    /// # Errors
    /// Returns an error if a file can't be read or is of another kind than the model, or if no
    /// held-out window is left.
    pub fn read(
        model: &Model,
        corpus: &Path,
        latents: Option<&Path>,
        [n_train, n_heldout]: [usize; 2],
        progress: &dyn Progress,
    ) -> Result<Self, EvalError> {
        let report = CorpusReport::of_kind(corpus, model.kind())?;
        let every_train = report.n_train.div_ceil(n_train.max(1)).max(1);
        let n_unseen = report.n_heldout.saturating_sub(report.n_heldout_seen);
        let every_heldout = n_unseen.div_ceil(n_heldout.max(1)).max(1);
        let (mut train, mut heldout) = (Partition::default(), Partition::default());
        let (mut at_train, mut at_heldout) = (0, 0);
        let mut hash = CorpusHash::default();
        read_windows(corpus, |row| {
            hash.add(&row);
            let (side, at, every) = match row.split {
                Split::Train => (&mut train, &mut at_train, every_train),
                Split::Heldout if !row.seen => (&mut heldout, &mut at_heldout, every_heldout),
                Split::Heldout => return,
            };
            if *at % every == 0 {
                side.rows.push(row);
            }
            *at += 1;
        })?;
        if heldout.rows.is_empty() {
            return Err(EvalError::NoHeldout { corpus: corpus.to_owned() });
        }
        if train.rows.is_empty() {
            return Err(EvalError::NoTrain { corpus: corpus.to_owned() });
        }
        if let Some(folder) = latents {
            look_up(model, corpus, folder, [&mut train, &mut heldout])?;
        } else {
            progress.begin("encoding", "windows", (train.rows.len() + heldout.rows.len()) as u64);
            for side in [&mut train, &mut heldout] {
                encode_side(model, corpus, side, progress)?;
            }
            progress.end();
        }
        Ok(Self { train, heldout, corpus_hash: hash.finish() })
    }

    /// Number of pieces among the held-out windows.
    pub fn n_files(&self) -> usize {
        let files: std::collections::BTreeSet<&str> =
            self.heldout.rows.iter().map(|row| row.group.as_str()).collect();
        files.len()
    }
}

fn encode_side(
    model: &Model,
    corpus: &Path,
    side: &mut Partition,
    progress: &dyn Progress,
) -> Result<(), EvalError> {
    let windows: Vec<&[u16]> = side.windows().collect();
    let mut done = 0;
    let posteriors = model.network().encode(&windows, |n| {
        progress.advance((n - done) as u64);
        done = n;
    });
    let posteriors = posteriors.map_err(|error| ArtifactError::Json {
        path: corpus.to_owned(),
        format: CorpusReport::FORMAT,
        source: serde::de::Error::custom(error),
    })?;
    (side.mu, side.sigma) = (posteriors.mean, posteriors.std_dev);
    Ok(())
}

/// Looks up posteriors in a latents folder.
fn look_up(
    model: &Model,
    corpus: &Path,
    folder: &Path,
    sides: [&mut Partition; 2],
) -> Result<(), EvalError> {
    let latents = read_latents(folder, model.z_size())?;
    check_latents(model, corpus, folder, &latents)?;
    let mut by_id = BTreeMap::new();
    for row in &latents.rows {
        by_id.entry(row.window_id).or_insert(row);
    }
    for side in sides {
        for row in &side.rows {
            let latent = by_id.get(&row.window_id).expect("checked: all windows have latents");
            side.mu.extend_from_slice(&latent.mu);
            side.sigma.extend_from_slice(&latent.sigma);
        }
    }
    Ok(())
}
