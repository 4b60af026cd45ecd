//! Import of Magenta's published checkpoints as model folders; export of model folders to PyTorch
//! and in half precision.

use std::path::{Path, PathBuf};

use corpus::CorpusReport;
use corpus::artifact::{ArtifactError, JsonFormat, write_atomic, write_folder};
use corpus::kind::{Kind, UnknownKind};
use corpus::table::CorpusRows;
#[cfg(doc)]
use musicvae::magenta::STD_DEV_RANGE;
use musicvae::magenta::{Checkpoint, Form, ImportError};
use musicvae::{Device, MusicVaeConfig, Network, Precision, Windows, active_dimensions};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::model::{ImportSummary, Model, ModelConfig, WEIGHTS};
use crate::training::{ACTIVITY_TOKENS, every_nth};

/// The checkpoint to import, and options.
#[derive(Clone, Debug)]
pub struct ImportRequest {
    /// A checkpoint: folder, `.tar`, manifest or `.index`.
    pub source: PathBuf,
    /// The model folder to write.
    pub out: PathBuf,
    /// The standard deviation of every posterior if the checkpoint has no head for it, in
    /// [`STD_DEV_RANGE`].
    pub std_dev: Option<f32>,
    /// A corpus on which to find the dimensions that carry information.
    pub corpus: Option<PathBuf>,
}

/// The result of an import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportOutcome {
    /// The model's folder.
    #[serde(with = "corpus::path_text")]
    pub model: PathBuf,
    /// The kind of window of the model.
    pub kind: String,
    /// Its sizes.
    pub musicvae: MusicVaeConfig,
    /// Number of active latent dimensions.
    pub n_active: usize,
}

/// The reason why a model could not be imported.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ImportModelError {
    /// The checkpoint can't be read, or contains another kind of model.
    #[error("can't import {}", source_path.display())]
    Checkpoint {
        /// The checkpoint.
        source_path: PathBuf,
        /// The cause.
        source: ImportError,
    },
    /// The model's music is of a kind unknown to this program.
    #[error(
        "can't import {}: it has {:?} classes and windows of {} steps", source_path.display(),
        musicvae.n_classes, musicvae.n_steps
    )]
    Kind {
        /// The checkpoint.
        source_path: PathBuf,
        /// Its sizes.
        musicvae: Box<MusicVaeConfig>,
        /// The kind that it would be.
        source: UnknownKind,
    },
    /// The corpus has other music than the model.
    #[error("the corpus {} holds `{found}` windows; the model is of `{expected}`", corpus.display())]
    Corpus {
        /// The corpus folder.
        corpus: PathBuf,
        /// Its kind.
        found: String,
        /// The model's kind.
        expected: String,
    },
    /// Reading or writing failed.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}

/// Imports one of Magenta's checkpoints as a model folder.
///
/// A checkpoint has no information about the music it was trained on, and so none about the
/// dimensions that carry information. Given a corpus, they are found with its training windows;
/// otherwise all dimensions count as active.
///
/// # Errors
/// Returns an [`ImportModelError`]; nothing is written then.
///
/// # Panics
/// If the standard deviation is outside [`STD_DEV_RANGE`].
pub fn import_magenta(
    request: &ImportRequest,
    device: &Device,
) -> Result<ImportOutcome, ImportModelError> {
    let source_path = || request.source.clone();
    let failed = |source| ImportModelError::Checkpoint { source_path: source_path(), source };
    let mut checkpoint = Checkpoint::open(&request.source).map_err(failed)?;
    if let Some(std_dev) = request.std_dev {
        checkpoint = checkpoint.with_std_dev(std_dev);
    }
    let musicvae = checkpoint.config().map_err(failed)?;
    let kind = Kind::find(&Kind::name_for(&musicvae.window())).map_err(|source| {
        ImportModelError::Kind {
            source_path: source_path(),
            musicvae: Box::new(musicvae.clone()),
            source,
        }
    })?;
    let weights = checkpoint.model(device).map_err(failed)?;

    let mut summary = ImportSummary {
        source: request
            .source
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
        form: match checkpoint.form() {
            Form::TensorFlowJs => "tensorflow-js",
            Form::DeepLearnJs => "deeplearn-js",
            Form::TensorFlow => "tensorflow",
        }
        .to_owned(),
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
        std_dev: request.std_dev.filter(|_| checkpoint.std_dev_is_made_up()),
        corpus_hash: None,
    };
    let mut active: Vec<usize> = (0..musicvae.z_size).collect();
    if let Some(corpus) = &request.corpus {
        let report = CorpusReport::of(corpus)?;
        if report.kind != kind.name {
            return Err(ImportModelError::Corpus {
                corpus: corpus.clone(),
                found: report.kind,
                expected: kind.name.to_owned(),
            });
        }
        let rows = CorpusRows::read(corpus, report.roots.len())?;
        let layout = musicvae.window();
        let sample = every_nth(&rows.train, ACTIVITY_TOKENS).concat();
        let sample = Windows::new(&sample, &layout)
            .map_err(|_| ArtifactError::Column { path: corpus.clone(), column: "tokens" })?;
        let posteriors = weights.encode_windows(sample, |_| ());
        active = active_dimensions(&posteriors.mean, musicvae.z_size);
        summary.corpus_hash = Some(rows.hash);
    }
    let outcome = ImportOutcome {
        model: request.out.clone(),
        kind: kind.name.to_owned(),
        musicvae: musicvae.clone(),
        n_active: active.len(),
    };
    let config = ModelConfig {
        kind: kind.name.to_owned(),
        network: musicvae.into(),
        active_dimensions: active,
        training: None,
        imported: Some(summary),
    };
    write_folder(&request.out, |folder| {
        let bytes = weights.to_safetensors(Precision::F32);
        write_atomic(&folder.join(WEIGHTS), &bytes)?;
        config.save(&folder.join("config.json"))?;
        let card = crate::card::model_card(&config);
        write_atomic(&folder.join("README.md"), card.as_bytes())
    })?;
    Ok(outcome)
}

/// Writes a model's weights as a state dict for PyTorch, see
/// [`musicvae::Network::to_torch_safetensors`].
///
/// # Errors
/// Returns [`ArtifactError::Exists`] if `file` already exists, and [`ArtifactError::Io`] if writing
/// fails.
pub fn export_torch(model: &Model, file: &Path) -> Result<(), ArtifactError> {
    if file.exists() {
        return Err(ArtifactError::Exists { path: file.to_owned() });
    }
    write_atomic(file, &model.network().to_torch_safetensors(Precision::F32))
}

/// Writes a model with its weights in half precision: a new folder without styles, because its
/// latents differ slightly from those of the model.
///
/// # Errors
/// Returns [`ArtifactError::Exists`] if `out` already exists, [`ArtifactError::Weights`] if a
/// weight is too large for half precision (65,504), and [`ArtifactError::Io`] if writing fails.
pub fn halve(model: &Model, out: &Path, device: &Device) -> Result<(), ArtifactError> {
    let config = model.config();
    let bytes = model.network().to_safetensors(Precision::F16);
    // Weights that can't be read back are not written.
    Network::from_safetensors(&config.network, &bytes, device)
        .map_err(|source| ArtifactError::weights(&model.folder().join(WEIGHTS), source))?;
    write_folder(out, |folder| {
        write_atomic(&folder.join(WEIGHTS), &bytes)?;
        config.save(&folder.join("config.json"))?;
        write_atomic(&folder.join("README.md"), crate::card::model_card(config).as_bytes())
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A deeplearn.js checkpoint with arbitrary numbers: a melody model, tiny but complete.
    fn checkpoint(folder: &Path, n_steps: usize) {
        let (z, encoder, decoder, classes) = (3, 2, 4, 90);
        let cell = |direction: &str| {
            format!("encoder/cell_0/bidirectional_rnn/{direction}/multi_rnn_cell/cell_0/lstm_cell")
        };
        let layers = [
            (cell("fw"), classes + encoder, 4 * encoder),
            (cell("bw"), classes + encoder, 4 * encoder),
            ("encoder/mu".to_owned(), 2 * encoder, z),
            ("encoder/sigma".to_owned(), 2 * encoder, z),
            ("decoder/z_to_initial_state".to_owned(), z, 2 * decoder),
            (
                "decoder/multi_rnn_cell/cell_0/lstm_cell".to_owned(),
                classes + z + decoder,
                4 * decoder,
            ),
            ("decoder/output_projection".to_owned(), decoder, classes),
        ];
        let mut manifest = serde_json::Map::new();
        for (scope, n_rows, n_columns) in layers {
            for (part, shape) in [("kernel", vec![n_rows, n_columns]), ("bias", vec![n_columns])] {
                let filename = format!("{scope}_{part}").replace('/', "_");
                let n = shape.iter().product::<usize>();
                let bytes: Vec<u8> = (0..n).flat_map(|i| (i as f32).sin().to_le_bytes()).collect();
                fs::write(folder.join(&filename), bytes).unwrap();
                let entry = serde_json::json!({ "filename": filename, "shape": shape });
                manifest.insert(format!("{scope}/{part}"), entry);
            }
        }
        let manifest = serde_json::Value::Object(manifest).to_string();
        fs::write(folder.join("manifest.json"), manifest).unwrap();
        let converter = serde_json::json!({ "args": { "numSteps": n_steps } });
        fs::write(folder.join("converter.json"), converter.to_string()).unwrap();
    }

    #[test]
    fn an_imported_model_loads_and_says_where_it_is_from() {
        let folder = tempfile::tempdir().unwrap();
        checkpoint(folder.path(), 32);
        let device = musicvae::device::parse("flex").unwrap();
        let request = ImportRequest {
            source: folder.path().to_owned(),
            out: folder.path().join("model"),
            std_dev: None,
            corpus: None,
        };
        let outcome = import_magenta(&request, &device).unwrap();
        assert_eq!((outcome.kind.as_str(), outcome.n_active), ("mel-2bar", 3));
        let model = Model::load(&outcome.model, &device).unwrap();
        assert_eq!(model.config().imported.as_ref().unwrap().form, "deeplearn-js");
        assert!(model.config().training.is_none());
        let card = fs::read_to_string(outcome.model.join("README.md")).unwrap();
        assert!(card.contains("Imported by controlgen"), "{card}");
        // An existing folder is not changed.
        let error = import_magenta(&request, &device).unwrap_err();
        assert!(matches!(error, ImportModelError::Artifact(ArtifactError::Exists { .. })));

        let file = folder.path().join("torch.safetensors");
        export_torch(&model, &file).unwrap();
        let weights = model.network().to_torch_safetensors(Precision::F32);
        assert_eq!(fs::read(&file).unwrap(), weights);
        assert!(matches!(export_torch(&model, &file), Err(ArtifactError::Exists { .. })));

        let out = folder.path().join("half");
        halve(&model, &out, &device).unwrap();
        let half = Model::load(&out, &device).unwrap();
        let bytes = |folder: &Path| fs::metadata(folder.join(WEIGHTS)).unwrap().len();
        assert!(bytes(&out) < bytes(model.folder()));
        // Every weight is the rounded weight of the original model.
        let rounded = |model: &Model| model.network().to_safetensors(Precision::F16);
        assert_eq!(rounded(&half), rounded(&model));
        assert!(matches!(halve(&model, &out, &device), Err(ArtifactError::Exists { .. })));
    }

    #[test]
    fn music_that_this_program_does_not_know_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        checkpoint(folder.path(), 64);
        let out = folder.path().join("model");
        let request = ImportRequest {
            source: folder.path().to_owned(),
            out: out.clone(),
            std_dev: None,
            corpus: None,
        };
        let device = musicvae::device::parse("flex").unwrap();
        let error = anyhow::Error::from(import_magenta(&request, &device).unwrap_err());
        let text = format!("{error:#}");
        assert!(
            text.contains(
                "it has [90] classes and windows of 64 steps: unknown kind of window `mel-4bar`; \
                 known are poly-2bar, "
            ),
            "{text}"
        );
        assert!(!out.exists());
    }
}
