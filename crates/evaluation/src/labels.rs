//! What labels alone are needed for: the judge, few files, styles of pieces.

use std::path::PathBuf;

use controlgen::model::Model;
use controlgen::style::Styles;
use corpus::progress::Progress;

use super::labelled::{LabelledData, Role};
use super::report::EvalReport;
use super::{EvalError, Part, few_shot, measure, piece_labels};

/// The request for an evaluation on a corpus with labels.
#[derive(Clone, Debug)]
pub struct LabelEvalRequest {
    /// The corpus folder. Half of its pieces should be held out: they are what draws are compared
    /// with.
    pub corpus: PathBuf,
    /// Resamples of files at each point of the few-files curve; 0 for no curve.
    pub n_resamples: usize,
    /// Temperature of new music.
    pub temperature: f32,
    /// The seed of every draw.
    pub seed: u64,
}

/// Measures what a corpus's labels say of a model's styles: eight windows judged together, styles
/// of few files compared with other music, styles and labels of pieces. These sections are part of
/// [`evaluate`](super::evaluate), too; here they stand alone, for one set of labels after another.
///
/// # Errors
/// See [`EvalError`]; [`EvalError::NoLabels`] for a corpus with too few labeled pieces.
pub fn evaluate_labels(
    model: &Model,
    request: &LabelEvalRequest,
    progress: &dyn Progress,
) -> Result<EvalReport, EvalError> {
    let styles = Styles::load(model)?;
    let data = LabelledData::read(model, &request.corpus, progress)?;
    if data.labels.is_empty() {
        let (corpus, n_short) = (request.corpus.clone(), data.n_short);
        return Err(EvalError::NoLabels { corpus, n_short });
    }
    let (temperature, seed) = (request.temperature, request.seed);
    let (styles, data) = (&styles, &data);
    let parts: Vec<Part<'_>> = vec![
        Box::new(move || {
            let n = request.n_resamples;
            few_shot::sections(model, styles, data, n, temperature, seed)
        }),
        Box::new(move || {
            Ok(piece_labels::section(model, styles, data, seed)?.into_iter().collect())
        }),
    ];
    let sections = measure(parts, progress)?;
    let n_windows = |is_test: bool| -> usize {
        let pieces = data.pieces.iter().filter(|piece| (piece.role == Role::Test) == is_test);
        pieces.map(|piece| piece.windows.len()).sum()
    };
    Ok(EvalReport {
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
        model_hash: model.hash().to_owned(),
        kind: model.kind().name.to_owned(),
        corpus_hash: data.corpus_hash.clone(),
        seed,
        temperature,
        n_train: n_windows(false),
        n_heldout: n_windows(true),
        n_files: data.pieces.len(),
        sections,
    })
}
