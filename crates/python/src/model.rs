//! `Model`: a trained model with its styles.

mod encode;
mod eval;
mod generate;
mod load;
mod options;
mod piece;
mod style;
mod tunes;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use controlgen::generate::{LatentSampling, PieceFilter};
use controlgen::session::Session;
use evaluation::EvalRequest;
use numpy::PyArray1;
use pyo3::exceptions::PyUserWarning;
use pyo3::prelude::*;

use crate::arrays::latents;
use crate::error::Outcome;
use crate::interrupt::Interrupt;
use crate::mixture::Mixture;
use crate::notes::NoteSequence;
use crate::values::to_python;

use encode::TunesArg;
use generate::{DrumsArg, GenerateRequest, ProgramArg};
use options::{Control, Sounding, TuneArg, decoding};
use style::StyleArg;
use tunes::{End, MixArgs};

pub(crate) use piece::{Mix, Piece};
pub(crate) use style::Style;

/// A trained model with its styles. Its weights never change; styles can be added.
#[pyclass(frozen, module = "controlgen")]
pub(crate) struct Model {
    session: RwLock<Session>,
    /// Copied, so that it can be read without waiting while a style is being added.
    z_size: usize,
    kind: &'static str,
    n_bars: usize,
}

impl Model {
    /// The session, for reading. Must be called without the interpreter's lock.
    fn session(&self) -> RwLockReadGuard<'_, Session> {
        self.session.read().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Model {
    /// Loads a model: `poly`, `drums` or `melody`, which are included in this package, or a folder.
    ///
    /// Added styles are stored in `styles_folder`; by default in the model folder, or in the user's
    /// data folder if that is not writable.
    #[staticmethod]
    #[pyo3(signature = (model=None, *, styles_folder=None))]
    fn load(
        py: Python<'_>,
        model: Option<PathBuf>,
        styles_folder: Option<PathBuf>,
    ) -> Outcome<Self> {
        py.detach(|| {
            let session = load::open(model.as_deref(), styles_folder.as_deref())?;
            let (z_size, kind) = (session.model().z_size(), session.model().kind());
            let (kind, n_bars) = (kind.name, kind.n_bars());
            Ok(Self { session: RwLock::new(session), z_size, kind, n_bars })
        })
    }

    /// Number of dimensions of the latent space.
    #[getter]
    fn z_size(&self) -> usize {
        self.z_size
    }

    /// The kind of its windows, for example `poly-2bar`.
    #[getter]
    fn kind(&self) -> &'static str {
        self.kind
    }

    /// Number of bars in a window.
    #[getter]
    fn n_bars(&self) -> usize {
        self.n_bars
    }

    /// Hash of weights and configuration.
    #[getter]
    fn hash(&self, py: Python<'_>) -> String {
        py.detach(|| self.session().model().hash().to_owned())
    }

    /// The dimensions of the latent space that carry information; styles are defined on these.
    #[getter]
    fn active_dimensions<'py>(&self, py: Python<'py>) -> Outcome<Bound<'py, PyArray1<i64>>> {
        let active = py.detach(|| self.session().model().latent_space().active().to_vec());
        let active = active.into_iter().map(i64::try_from).collect::<Result<Vec<_>, _>>()?;
        Ok(PyArray1::from_vec(py, active))
    }

    /// The styles: discovered ones first, then added ones.
    #[getter]
    fn styles(&self, py: Python<'_>) -> Outcome<Vec<Style>> {
        py.detach(|| Ok(self.session().styles()?.all().iter().map(Style::from).collect()))
    }

    /// A style by name or number.
    fn style(&self, py: Python<'_>, style: StyleArg) -> Outcome<Style> {
        py.detach(|| Ok(self.session().styles()?.find(&style.text())?.into()))
    }

    /// The mixture of the styles, a fitted `GaussianMixture` on the active dimensions.
    #[getter]
    fn mixture<'py>(&self, py: Python<'py>) -> Outcome<Bound<'py, PyAny>> {
        let mixture =
            py.detach(|| Outcome::Ok(Mixture::new(self.session().styles()?.mixture().clone())))?;
        let class = py.import("controlgen._mixture")?.getattr("GaussianMixture")?;
        Ok(class.call_method1("from_mixture", (mixture,))?)
    }

    /// Describes the parts of a tune that the model would use: windows, instruments, and the notes
    /// left out with the reasons.
    #[pyo3(signature = (tune, *, track=None))]
    fn inspect<'py>(
        &self,
        py: Python<'py>,
        tune: TuneArg,
        track: Option<u32>,
    ) -> Outcome<Bound<'py, PyAny>> {
        encode::inspect(py, self, &tune, track)
    }

    /// Posterior means of a tune's windows, `[n_windows, z_size]`; a list of these for a list of
    /// tunes. With `return_std`, a tuple with their standard deviations.
    ///
    /// A tune is a `NoteSequence` or the path of a MIDI file; `track` is the instrument to take, by
    /// default the most melodic one, or all of them for a model of many voices.
    #[pyo3(signature = (tune, *, track=None, return_std=false))]
    fn encode<'py>(
        &self,
        py: Python<'py>,
        tune: TunesArg,
        track: Option<u32>,
        return_std: bool,
    ) -> Outcome<Bound<'py, PyAny>> {
        encode::encode(py, self, tune, track, return_std)
    }

    /// Decodes latents `[n_windows, z_size]` to music of consecutive windows. `temperature` is the
    /// sampling temperature, None for the most probable tokens; the default meter is that of the
    /// most similar real music.
    #[pyo3(signature = (z, *, temperature=None, seed=0, qpm=None, key=None, meter=None, chords=None))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments")]
    fn decode(
        &self,
        z: &Bound<'_, PyAny>,
        temperature: Option<f32>,
        seed: u64,
        qpm: Option<f64>,
        key: Option<&str>,
        meter: Option<(u32, u32)>,
        chords: Option<Vec<String>>,
    ) -> Outcome<NoteSequence> {
        let (given, sounding) = (Control::of(chords, meter)?, Sounding::of(qpm, key)?);
        encode::decode(self, z, &given, &sounding, decoding(temperature, seed)?)
    }

    /// Generates new pieces in a style: its name or number, or a dictionary of several with their
    /// weights. `path` lists styles that each piece moves through. Without either, the style of
    /// each piece is drawn by its share of the training music.
    ///
    /// Pieces of `bars` bars (by default one window) are composed as whole pieces in `form`, for
    /// example `AABA`. Each window is chosen among `candidates` draws (by default 8) by key, join,
    /// consonance, style, ending and requested attributes. `attributes` shifts attributes by
    /// standard deviations of the training music, for example `{"density": 1.5}`. Pieces are
    /// redrawn if they are below `min_membership`, copy more than `max_copy_notes` consecutive
    /// notes or `max_copy_fraction` of a part, or have fewer than two notes (unless `keep_empty`).
    /// `latent_temperature` widens or narrows the style, `temperature` the draws of notes.
    /// The seed determines all random draws.
    ///
    /// `drums` is a drum model (a `Model`, `"drums"` or a folder) that accompanies each piece;
    /// `intro` is the number of bars before it, without its lead. Loudness varies by section and
    /// the last two bars slow down, unless `even`. `instruments` sets the programs of families, for
    /// example `{"keys": "harpsichord"}`; `programs` those of the parts. Warns if fewer than `n`
    /// pieces are kept.
    #[pyo3(signature = (
        style=None, *, n=4, path=None, bars=None, form=None, candidates=None, attributes=None,
        attribute_method="regression", meter=None, key=None, qpm=None, chords=None, drums=None,
        intro=0, even=false, instruments=None, programs=None, velocity=None, temperature=0.5,
        latent_temperature=1.0, truncate=None, smoothness=None, min_membership=None,
        max_copy_notes=None, max_copy_fraction=None, keep_empty=false, max_attempts=None, seed=0
    ))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments")]
    fn generate(
        slf: Bound<'_, Self>,
        style: Option<&Bound<'_, PyAny>>,
        n: usize,
        path: Option<Vec<StyleArg>>,
        bars: Option<usize>,
        form: Option<String>,
        candidates: Option<usize>,
        attributes: Option<BTreeMap<String, f64>>,
        attribute_method: &str,
        meter: Option<(u32, u32)>,
        key: Option<&str>,
        qpm: Option<f64>,
        chords: Option<Vec<String>>,
        drums: Option<DrumsArg>,
        intro: usize,
        even: bool,
        instruments: Option<BTreeMap<String, ProgramArg>>,
        programs: Option<Vec<u8>>,
        velocity: Option<u8>,
        temperature: Option<f32>,
        latent_temperature: f64,
        truncate: Option<f64>,
        smoothness: Option<f64>,
        min_membership: Option<f64>,
        max_copy_notes: Option<usize>,
        max_copy_fraction: Option<f64>,
        keep_empty: bool,
        max_attempts: Option<usize>,
        seed: u64,
    ) -> Outcome<Vec<Piece>> {
        let request = GenerateRequest {
            styles: style::choice(style, path)?,
            n,
            bars,
            form: form.as_deref().map(str::parse).transpose()?,
            candidates,
            control: Control::of(chords, meter)?,
            sounding: Sounding::of(qpm, key)?,
            attributes: attributes.unwrap_or_default(),
            attribute_method: generate::attribute_method(attribute_method)?,
            sampling: LatentSampling::new(latent_temperature, truncate, smoothness),
            smoothness,
            filter: PieceFilter {
                keep_degenerate: keep_empty,
                min_membership,
                max_copy_notes,
                max_copy_fraction,
                index: None,
            },
            max_attempts,
            drums,
            intro,
            even,
            sound: generate::sound(programs, instruments, velocity)?,
            decoding: decoding(temperature, seed)?,
        };
        let (py, model, interrupt) = (slf.py(), slf.get(), Interrupt::default());
        let made = py.detach(|| request.run(model, &|| interrupt.go_on()));
        let made = interrupt.result(made)?;
        if let Some(warning) = made.warning(n) {
            let text = std::ffi::CString::new(warning)?;
            PyErr::warn(py, &py.get_type::<PyUserWarning>(), &text, 1)?;
        }
        made.pieces.into_iter().map(|piece| piece.publish(py, model.z_size)).collect()
    }

    /// Makes a style from some MIDI files, without training. Returns the parts of the files that
    /// were used.
    fn add_style<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        files: Vec<PathBuf>,
    ) -> Outcome<Bound<'py, PyAny>> {
        let report = py.detach(|| {
            let mut session = self.session.write().unwrap_or_else(PoisonError::into_inner);
            let (model, styles) = session.model_and_styles_mut()?;
            Outcome::Ok(styles.add(model, name, &files)?)
        })?;
        to_python(py, &report)
    }

    /// Removes an added style.
    fn remove_style(&self, py: Python<'_>, style: StyleArg) -> Outcome<()> {
        py.detach(|| {
            let mut session = self.session.write().unwrap_or_else(PoisonError::into_inner);
            let (_, styles) = session.model_and_styles_mut()?;
            let name = styles.find(&style.text())?.name.clone();
            Ok(styles.remove(&name)?)
        })
    }

    /// The probability that latents `[n, z_size]` belong to a style, `[n]`.
    fn membership<'py>(
        &self,
        z: &Bound<'py, PyAny>,
        style: StyleArg,
    ) -> Outcome<Bound<'py, PyArray1<f64>>> {
        let (py, z) = (z.py(), latents(z, self.z_size)?);
        let found = py.detach(|| {
            let session = self.session();
            let styles = session.styles()?;
            Outcome::Ok(styles.membership(session.model(), &z, styles.find(&style.text())?))
        })?;
        Ok(PyArray1::from_vec(py, found))
    }

    /// Mixes a style into a tune: `strength` 0 is the tune, 1 the style.
    ///
    /// `method` is `transport`, the optimal transport from the tune's nearest component to the
    /// style, or `interpolate`, linear interpolation to samples of the style.
    #[pyo3(signature = (
        tune, style, *, strength=0.5, method="transport", track=None, temperature=0.5,
        qpm=None, seed=0
    ))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments")]
    fn mix(
        &self,
        py: Python<'_>,
        tune: TuneArg,
        style: StyleArg,
        strength: f64,
        method: &str,
        track: Option<u32>,
        temperature: Option<f32>,
        qpm: Option<f64>,
        seed: u64,
    ) -> Outcome<Mix> {
        let method = tunes::mix_method(method)?;
        let decoding = decoding(temperature, seed)?;
        let args = MixArgs { style, strength, method, decoding };
        let sounding = Sounding::of(qpm, None)?;
        let interrupt = Interrupt::default();
        let mixed = py.detach(|| {
            let session = self.session();
            let tune = tune.tune(session.model(), track)?;
            tunes::mix(&session, &tune, &args, &sounding, &|| interrupt.go_on())
        });
        interrupt.result(mixed)?.publish(py, self.z_size)
    }

    /// Generates variations of a tune at a distance in standard deviations of the training music: 0
    /// is the tune, 1.4 the typical distance of unrelated music.
    #[pyo3(signature = (
        tune, *, distance=0.5, n=4, track=None, temperature=0.5, qpm=None, seed=0
    ))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments")]
    fn similar(
        &self,
        py: Python<'_>,
        tune: TuneArg,
        distance: f64,
        n: usize,
        track: Option<u32>,
        temperature: Option<f32>,
        qpm: Option<f64>,
        seed: u64,
    ) -> Outcome<Vec<Piece>> {
        let request = (distance, n, decoding(temperature, seed)?);
        let sounding = Sounding::of(qpm, None)?;
        let interrupt = Interrupt::default();
        let found = py.detach(|| {
            let session = self.session();
            let tune = tune.tune(session.model(), track)?;
            tunes::similar(&session, &tune, request, &sounding, &|| interrupt.go_on())
        });
        let found = interrupt.result(found)?.into_iter();
        found.map(|piece| piece.publish(py, self.z_size)).collect()
    }

    /// Decodes windows along a path through two or more ends, including the first and the last. An
    /// end is a `Style` or `"style:NAME"` for the mean of a style, a tune for its first window, or
    /// a latent `[z_size]`. `method` is `slerp` or `lerp`.
    #[pyo3(signature = (
        ends, *, steps=9, method="slerp", temperature=None, meter=None, key=None, qpm=None,
        chords=None, seed=0
    ))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments")]
    fn interpolate(
        &self,
        py: Python<'_>,
        ends: Vec<Bound<'_, PyAny>>,
        steps: usize,
        method: &str,
        temperature: Option<f32>,
        meter: Option<(u32, u32)>,
        key: Option<&str>,
        qpm: Option<f64>,
        chords: Option<Vec<String>>,
        seed: u64,
    ) -> Outcome<Vec<Piece>> {
        let ends = ends.iter().map(End::of).collect::<Outcome<Vec<_>>>()?;
        let path = (steps, tunes::interpolation(method)?, decoding(temperature, seed)?);
        let (given, sounding) = (Control::of(chords, meter)?, Sounding::of(qpm, key)?);
        let found =
            py.detach(|| tunes::interpolate(&self.session(), &ends, path, (&given, &sounding)))?;
        found.into_iter().map(|piece| piece.publish(py, self.z_size)).collect()
    }

    /// Evaluates the model on the held-out music of a corpus folder (`controlgen corpus build`).
    /// Returns figures with 95 % intervals and baselines; with `out`, also writes a report with
    /// images there.
    ///
    /// `scope` is `all`, or `control` for everything that concerns styles. Windows are sampled from
    /// the visible styles and encoded again; with `k`, from the components of a mixture fitted for
    /// this.
    #[pyo3(signature = (
        corpus, *, out=None, latents=None, scope="all", n_windows=2_000, n_train=20_000, k=None,
        n_resamples=20, temperature=0.5, seed=0
    ))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments")]
    fn eval<'py>(
        &self,
        py: Python<'py>,
        corpus: PathBuf,
        out: Option<PathBuf>,
        latents: Option<PathBuf>,
        scope: &str,
        n_windows: usize,
        n_train: usize,
        k: Option<usize>,
        n_resamples: usize,
        temperature: f32,
        seed: u64,
    ) -> Outcome<Bound<'py, PyAny>> {
        decoding(Some(temperature), seed)?;
        let scope = eval::scope(scope)?;
        let request = EvalRequest {
            corpus,
            latents,
            scope,
            n_windows,
            n_train,
            k,
            n_resamples,
            temperature,
            seed,
        };
        let report = py.detach(|| eval::run(&self.session(), &request, out.as_deref()))?;
        to_python(py, &report)
    }

    fn __repr__(&self) -> String {
        format!("<controlgen.Model of {}, {} latent dimensions>", self.kind, self.z_size)
    }
}
