//! A model next to music of known factors: the melodies of [`corpus::synthetic::dmelodies`].

use std::path::PathBuf;

use controlgen::model::Model;
use controlgen::style::{StyleFolders, Styles};
use corpus::progress::Progress;
use corpus::synthetic::dmelodies::{DMelody, FACTORS};
use gmm::Samples;

use super::EvalError;
use super::clusters::agreement;
use super::data::{EvalData, Partition};
use super::discovery::styles_of_components;
use super::disentangle::{Informed, separated_attribute_predictability};
use super::logistic::LogisticRegression;
use super::reconstruction;
use super::report::{EvalReport, Figure, Section};
use super::statistics::{jackknife_of, mean};

/// Blocks of melodies that intervals are over.
const BLOCKS: usize = 20;
/// Training melodies that classifiers of all dimensions learn from.
const LEARNED: usize = 4_000;

const NOTE: &str = "Latents of melodies that are made of nine independent factors (dMelodies, Pati, Gururani \
and Lerch 2020), next to these. MIG (Chen et al. 2018): the mutual information of a factor and the dimension \
that tells most of it, less that of the second, by the factor's entropy; 20 bins of each dimension, as \
Locatello et al. 2019. SAP (Kumar et al. 2018): the accuracy of the dimension that predicts a factor best, \
less that of the second, by the nearest class mean. Modularity (Ridgeway and Mozer 2018): 1 if each dimension \
tells of a single factor. Nothing in our objective asks that dimensions be factors. All dimensions together: a \
logistic regression on them, which says what latents contain wherever it is. Intervals by jackknife over 20 \
blocks of melodies.";

const STYLES_NOTE: &str = "Styles found without labels, next to each factor of the melodies: normalized and \
adjusted mutual information. Factors are independent and each is of the same weight in the data, so that no \
clustering of a few styles can agree with all.";

/// The request for an evaluation on melodies of known factors.
#[derive(Clone, Debug)]
pub struct DMelodiesRequest {
    /// The corpus of their files.
    pub corpus: PathBuf,
    /// The most held-out melodies that are measured.
    pub n_heldout: usize,
    /// The most training melodies that classifiers learn from.
    pub n_train: usize,
    /// The seed of every draw.
    pub seed: u64,
}

/// Melodies with their factors.
struct Known {
    /// Means on the active dimensions, `[n, D]`.
    points: Vec<f64>,
    /// The values of each factor, `[9][n]`.
    factors: Vec<Vec<usize>>,
}

impl Known {
    fn of(model: &Model, side: &Partition) -> Self {
        let name = |file: &str| {
            let stem = std::path::Path::new(file).file_stem()?.to_str()?;
            DMelody::from_name(stem)
        };
        let found: Vec<(usize, DMelody)> = side
            .rows
            .iter()
            .enumerate()
            .filter(|(_, row)| row.start_bar == 0)
            .filter_map(|(at, row)| Some((at, name(&row.file)?)))
            .collect();
        let factor = |f: usize| found.iter().map(|(_, melody)| melody.0[f]).collect();
        Self {
            points: side.points_at(model.latent_space(), found.iter().map(|(at, _)| *at)),
            factors: (0..FACTORS.len()).map(factor).collect(),
        }
    }

    fn n(&self) -> usize {
        self.factors[0].len()
    }

    /// The melodies that lie in none of the blocks left out.
    fn some(&self, d: usize, blocks: &[&usize]) -> Self {
        let is_in = |at: &usize| blocks.iter().any(|block| **block == at % BLOCKS);
        let kept: Vec<usize> = (0..self.n()).filter(is_in).collect();
        let factor = |values: &Vec<usize>| kept.iter().map(|at| values[*at]).collect();
        Self {
            points: kept.iter().flat_map(|at| &self.points[at * d..][..d]).copied().collect(),
            factors: self.factors.iter().map(factor).collect(),
        }
    }
}

/// Evaluates a model of melodies on a corpus of files that [`corpus::synthetic::dmelodies`] wrote:
/// reconstruction, how single dimensions stand for factors, how styles agree with them.
///
/// # Errors
/// See [`EvalError`]; [`EvalError::NoMelodies`] for a corpus of other music.
pub fn evaluate_dmelodies(
    model: &Model,
    request: &DMelodiesRequest,
    progress: &dyn Progress,
) -> Result<EvalReport, EvalError> {
    let sizes = [request.n_train, request.n_heldout];
    let data = EvalData::read(model, &request.corpus, None, sizes, progress)?;
    let (train, heldout) = (Known::of(model, &data.train), Known::of(model, &data.heldout));
    if train.n() < BLOCKS || heldout.n() < BLOCKS {
        return Err(EvalError::NoMelodies { corpus: request.corpus.clone() });
    }
    let mut sections = vec![
        reconstruction::section(model, &data, request.seed),
        disentanglement(model.latent_space().n_active(), &train, &heldout),
    ];
    if let Some(styles) = Styles::load_if_any(model, StyleFolders::of(model))? {
        sections.push(of_styles(&styles, &heldout)?);
    }
    Ok(EvalReport {
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
        model_hash: model.hash().to_owned(),
        kind: model.kind().name.to_owned(),
        corpus_hash: data.corpus_hash.clone(),
        seed: request.seed,
        temperature: 0.0,
        n_train: train.n(),
        n_heldout: heldout.n(),
        n_files: data.n_files(),
        sections,
    })
}

fn disentanglement(d: usize, train: &Known, heldout: &Known) -> Section {
    let mut section = Section::new("disentanglement", "Dimensions and factors", NOTE);
    let blocks: Vec<usize> = (0..BLOCKS).collect();
    let n = heldout.n();
    let informed = |known: &Known| Informed::new(&known.points, d, &known.factors);
    let predicted = |known: &Known| {
        separated_attribute_predictability(
            (&train.points, &train.factors),
            (&known.points, &known.factors),
            d,
        )
    };
    let all = informed(heldout);
    let (gaps, separated) = (all.gaps(), predicted(heldout));
    let of_blocks = |value: &dyn Fn(&Known) -> Option<f64>| {
        jackknife_of(&blocks, |kept| value(&heldout.some(d, kept)))
    };
    let mut push = |key: &str, title: &str, value: f64, interval: Option<[f64; 2]>| {
        section.push(Figure::new(key, title, value, "", n).interval(interval));
    };
    if let (Some(gap), Some(sap)) = (mean(&gaps), mean(&separated)) {
        let interval = of_blocks(&|known| mean(&informed(known).gaps()));
        push("dmelodies.mig", "MIG, mean of nine factors", gap, interval);
        let interval = of_blocks(&|known| mean(&predicted(known)));
        push("dmelodies.sap", "SAP, mean of nine factors", sap, interval);
        let interval = of_blocks(&|known| Some(informed(known).modularity()));
        push("dmelodies.modularity", "modularity", all.modularity(), interval);
    }
    let rows = LEARNED.min(train.n());
    for (f, (name, n_values)) in FACTORS.iter().enumerate() {
        let key = name.replace(' ', "_");
        let classifier = LogisticRegression::fit(
            &train.points[..rows * d],
            d,
            &train.factors[f][..rows],
            *n_values,
            1.0,
        );
        let answers = classifier.predict_all(&heldout.points);
        let right = answers.iter().zip(&heldout.factors[f]).filter(|(a, b)| a == b).count();
        let title = format!("{name}: predicted from all dimensions");
        let key_of = |what: &str| format!("dmelodies.{what}.{key}");
        section.push(
            Figure::new(&key_of("told"), &title, right as f64 / n as f64, "share", n)
                .beside("chance", 1.0 / *n_values as f64)
                .beside("MIG", gaps[f])
                .beside("SAP", separated[f]),
        );
    }
    section
}

/// # Errors
/// [`EvalError::Mixture`] where the mixture is of other dimensions.
fn of_styles(styles: &Styles, heldout: &Known) -> Result<Section, EvalError> {
    let mut section = Section::new("dmelodies_styles", "Styles and factors", STYLES_NOTE);
    let style_of = styles_of_components(styles);
    let d = styles.mixture().n_features();
    let samples = Samples::new(&heldout.points, heldout.n(), d)?;
    let components = styles.mixture().predict(&samples)?.into_iter();
    let found: Vec<usize> = components.map(|component| style_of[component]).collect();
    for ((name, _), factor) in FACTORS.iter().zip(&heldout.factors) {
        let pairs: Vec<(usize, usize)> =
            factor.iter().copied().zip(found.iter().copied()).collect();
        let nmi = |pairs: &[(usize, usize)]| {
            let (truth, found): (Vec<usize>, Vec<usize>) = pairs.iter().copied().unzip();
            agreement(&truth, &found)
        };
        let Some(all) = nmi(&pairs) else { continue };
        let blocks: Vec<usize> = (0..BLOCKS).collect();
        let interval = jackknife_of(&blocks, |kept| {
            let is_in = |at: &usize| kept.iter().any(|block| **block == at % BLOCKS);
            let some: Vec<_> = (0..pairs.len()).filter(is_in).map(|at| pairs[at]).collect();
            nmi(&some).map(|found| found.nmi)
        });
        let key = format!("dmelodies.nmi.{}", name.replace(' ', "_"));
        let title = format!("{name}: normalized mutual information with styles");
        let figure = Figure::new(&key, &title, all.nmi, "", pairs.len()).interval(interval);
        section.push(figure.beside("adjusted", all.ami));
    }
    Ok(section)
}
