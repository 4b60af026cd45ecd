//! `pieces.safetensors` of a model folder: what was learned of whole pieces.
//!
//! Tensors of 32-bit floats, if nothing else is said; `D` active dimensions, `K` components of the
//! styles' mixture, `F` forms of up to 32 windows:
//!
//! | tensor | shape | holds |
//! |---|---|---|
//! | `succession.center` | `[D]` | mean of the windows |
//! | `succession.axes` | `[D, D]` | their principal axes, row by row |
//! | `succession.weights`, `.means`, `.covariances` | | the mixture of triples in turned coordinates, `[3, P]` a triple, of the first `P` axes |
//! | `succession.rest` | `[3, D - P]` | variances along the other axes, turned |
//! | `first.…`, `last.…` | | mixtures of first and of last windows, if there were enough |
//! | `variation` | `[D]` | deviation of a varied window from the one it returns |
//! | `joins` | `[2, 26]` | `ln p` of intervals between windows, of top and bottom voice |
//! | `forms.returns` | `[F, 32]`, U8 | the window that returns; 255 for a new one, 254 past the end |
//! | `forms.similarity` | `[F, 32]`, U8 | how alike they are, 255 for the same |
//! | `forms.key` | `[F, 32]`, I8 | semitones above the key of the piece |
//! | `forms.components` | `[F, K]` | responsibilities of the piece |
//!
//! Covariances are `[K, n]` variances, or `[K, n, R + 1]`, loadings on `R` factors and a variance.
//! The metadata has one entry, `format`: the words `controlgen.pieces`, the version, and the hash
//! of the model.

use std::collections::BTreeMap;
use std::path::PathBuf;

use corpus::artifact::{io, read, write_atomic};
use gmm::{Covariances, GaussianMixture};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

use super::form::{Form, Slot, Template, Templates};
use super::join::{Joins, N_INTERVALS};
use super::propose::{Conditionals, Target};
use super::succession::{SPAN, Succession};
use super::{PieceError, PieceModel};
use crate::model::Model;

/// The file in a model folder.
const FILE: &str = "pieces.safetensors";
const FORMAT: &str = "controlgen.pieces";
const VERSION: &str = "1";
/// The entry of the metadata.
const HEAD: &str = "format";
/// In `forms.returns`.
const NEW: u8 = 255;
const PAST_THE_END: u8 = 254;
const WIDTH: usize = Templates::MAX_WINDOWS;

/// Tensors to be written.
#[derive(Default)]
struct Writer {
    tensors: BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>,
}

impl Writer {
    fn floats(&mut self, name: &str, shape: &[usize], values: impl IntoIterator<Item = f64>) {
        let bytes = values.into_iter().flat_map(|v| (v as f32).to_le_bytes()).collect();
        self.tensors.insert(name.to_owned(), (Dtype::F32, shape.to_vec(), bytes));
    }

    fn mixture(&mut self, name: &str, mixture: &GaussianMixture) {
        let (k, d) = (mixture.n_components(), mixture.n_features());
        self.floats(&format!("{name}.weights"), &[k], mixture.weights().iter().copied());
        self.floats(&format!("{name}.means"), &[k, d], mixture.means().iter().copied());
        let name = format!("{name}.covariances");
        if let Covariances::LowRank { rank, values } = mixture.covariances() {
            self.floats(&name, &[k, d, rank + 1], values.iter().copied());
        } else {
            let variances = (0..k).flat_map(|k| {
                let dense = mixture.covariance(k);
                (0..d).map(move |i| dense[i * (d + 1)])
            });
            self.floats(&name, &[k, d], variances.collect::<Vec<_>>());
        }
    }

    fn templates(&mut self, templates: &Templates) {
        let (mut returns, mut similarity, mut key) = (Vec::new(), Vec::new(), Vec::new());
        for template in &templates.all {
            for at in 0..WIDTH {
                let slot = template.form.slots.get(at);
                let (of, alike) = match slot.map(|slot| slot.returns) {
                    None => (PAST_THE_END, 0),
                    Some(None) => (NEW, 0),
                    Some(Some((of, 1.0..))) => (u8::try_from(of).unwrap_or(NEW), u8::MAX),
                    Some(Some((of, alike))) => {
                        let alike = (alike * 255.0).round().clamp(0.0, 254.0);
                        #[expect(clippy::cast_sign_loss, reason = "clamped")]
                        (u8::try_from(of).unwrap_or(NEW), alike as u8)
                    }
                };
                returns.push(of);
                similarity.push(alike);
                key.push(slot.map_or(0, |slot| slot.key).cast_unsigned());
            }
        }
        let n = templates.all.len();
        for (name, dtype, bytes) in [
            ("forms.returns", Dtype::U8, returns),
            ("forms.similarity", Dtype::U8, similarity),
            ("forms.key", Dtype::I8, key),
        ] {
            self.tensors.insert(name.to_owned(), (dtype, vec![n, WIDTH], bytes));
        }
        let k = templates.all.first().map_or(0, |template| template.components.len());
        let components = templates.all.iter().flat_map(|template| &template.components);
        self.floats("forms.components", &[n, k], components.map(|p| f64::from(*p)));
    }

    fn finish(self, model: &Model) -> Vec<u8> {
        let views = self.tensors.iter().map(|(name, (dtype, shape, bytes))| {
            let view = TensorView::new(*dtype, shape.clone(), bytes);
            (name.as_str(), view.expect("the number of bytes matches the shape"))
        });
        // A single entry: the library writes several in no fixed order.
        let entry = (HEAD.to_owned(), format!("{FORMAT} {VERSION} {}", model.hash()));
        let metadata = Some([entry].into_iter().collect());
        safetensors::serialize(views, metadata).expect("names and shapes are plain")
    }
}

impl PieceModel {
    /// The file of a model folder.
    pub fn path(model: &Model) -> PathBuf {
        model.folder().join(FILE)
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// [`PieceError::Artifact`].
    pub fn save(&self, model: &Model) -> Result<(), PieceError> {
        let mut writer = Writer::default();
        let d = self.succession.n_features();
        writer.floats("succession.center", &[d], self.succession.center.iter().copied());
        writer.floats("succession.axes", &[d, d], self.succession.axes.iter().copied());
        writer.mixture("succession", &self.succession.mixture);
        let n_rest = d - self.succession.n_axes();
        writer.floats("succession.rest", &[SPAN, n_rest], self.succession.rest.iter().copied());
        for (name, mixture) in [("first", &self.first), ("last", &self.last)] {
            if let Some(mixture) = mixture {
                writer.mixture(name, &mixture.mixture);
            }
        }
        writer.floats("variation", &[d], self.variation.iter().copied());
        let joins = self.joins.log_probabilities.iter().flatten().copied();
        writer.floats("joins", &[2, N_INTERVALS], joins);
        writer.templates(&self.templates);
        Ok(write_atomic(&Self::path(model), &writer.finish(model))?)
    }

    /// Removes the file, if there is one.
    pub(super) fn remove(model: &Model) -> Result<(), PieceError> {
        let path = Self::path(model);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(io("remove", &path)(error).into())
            }
            _ => Ok(()),
        }
    }

    /// Reads the file of a model folder; `None` if there is none, as in folders of earlier
    /// programs.
    ///
    /// # Errors
    /// [`PieceError`] where it is damaged, of another version, or of another model.
    pub fn of_model(model: &Model) -> Result<Option<Self>, PieceError> {
        let path = Self::path(model);
        if !path.exists() {
            return Ok(None);
        }
        let bytes = read(&path)?;
        let damaged =
            |what: &str| PieceError::Damaged { path: path.clone(), what: what.to_owned() };
        let (_, header) =
            SafeTensors::read_metadata(&bytes).map_err(|error| damaged(&error.to_string()))?;
        let head = header.metadata().as_ref().and_then(|m| m.get(HEAD)).cloned();
        let head = head.unwrap_or_default();
        let words: Vec<&str> = head.split(' ').collect();
        match words[..] {
            [FORMAT, VERSION, hash] if hash == model.hash() => {}
            [FORMAT, VERSION, _] => return Err(damaged("it was learned with another model")),
            [FORMAT, version, ..] => {
                let what = format!("it is of version {version}; this program reads {VERSION}");
                return Err(damaged(&what));
            }
            _ => return Err(damaged("it is something else")),
        }
        let file = SafeTensors::deserialize(&bytes).map_err(|e| damaged(&e.to_string()))?;
        let reader = Reader { file };
        let d = model.latent_space().n_active();
        reader.model(d).map(Some).ok_or_else(|| damaged("its tensors don't fit together"))
    }
}

/// Something that is there and can't be used.
struct Unsound;

/// Takes tensors out of a file; `None` for what is not there or does not fit.
struct Reader<'a> {
    file: SafeTensors<'a>,
}

impl Reader<'_> {
    fn floats(&self, name: &str) -> Option<(Vec<usize>, Vec<f64>)> {
        let view = self.file.tensor(name).ok().filter(|view| view.dtype() == Dtype::F32)?;
        let values: Vec<f64> = view
            .data()
            .as_chunks()
            .0
            .iter()
            .map(|bytes| f64::from(f32::from_le_bytes(*bytes)))
            .collect();
        values.iter().all(|v| v.is_finite()).then(|| (view.shape().to_vec(), values))
    }

    fn shaped(&self, name: &str, shape: &[usize]) -> Option<Vec<f64>> {
        self.floats(name).filter(|(found, _)| found == shape).map(|(_, values)| values)
    }

    fn bytes(&self, name: &str, dtype: Dtype, n: usize) -> Option<Vec<u8>> {
        let view = self.file.tensor(name).ok().filter(|view| view.dtype() == dtype)?;
        (view.shape() == [n, WIDTH]).then(|| view.data().to_vec())
    }

    fn mixture(&self, name: &str, d: usize) -> Option<GaussianMixture> {
        let (shape, weights) = self.floats(&format!("{name}.weights"))?;
        let [k] = shape[..] else { return None };
        let means = self.shaped(&format!("{name}.means"), &[k, d])?;
        let (shape, values) = self.floats(&format!("{name}.covariances"))?;
        let covariances = match shape[..] {
            [found, n] if (found, n) == (k, d) => Covariances::Diag(values),
            [found, n, width] if (found, n) == (k, d) && width > 1 => {
                Covariances::LowRank { rank: width - 1, values }
            }
            _ => return None,
        };
        GaussianMixture::from_parameters(weights, means, covariances).ok()
    }

    fn has_mixture(&self, name: &str) -> bool {
        self.file.tensor(&format!("{name}.weights")).is_ok()
    }

    /// As [`Self::mixture`], of a mixture that need not be there: no mixture is sound, too.
    fn mixture_if_any(&self, name: &str, d: usize) -> Result<Option<GaussianMixture>, Unsound> {
        if self.has_mixture(name) {
            self.mixture(name, d).map(Some).ok_or(Unsound)
        } else {
            Ok(None)
        }
    }

    fn templates(&self) -> Option<Templates> {
        let (shape, components) = self.floats("forms.components")?;
        let [n, k] = shape[..] else { return None };
        let returns = self.bytes("forms.returns", Dtype::U8, n)?;
        let similarity = self.bytes("forms.similarity", Dtype::U8, n)?;
        let key = self.bytes("forms.key", Dtype::I8, n)?;
        let template = |number: usize| {
            let row = number * WIDTH..(number + 1) * WIDTH;
            let length = returns[row.clone()].iter().position(|of| *of == PAST_THE_END);
            let slots = row.clone().take(length.unwrap_or(WIDTH)).map(|at| {
                let of = usize::from(returns[at]);
                let alike = f64::from(similarity[at]) / 255.0;
                let returns = (returns[at] != NEW).then_some((of, alike));
                // Only what came before can return.
                let is_sound = returns.is_none_or(|(of, _)| of < at - row.start);
                is_sound.then(|| Slot { returns, key: key[at].cast_signed().clamp(-6, 5) })
            });
            let form = Form { slots: slots.collect::<Option<_>>()? };
            let components = components[number * k..][..k].iter().map(|p| *p as f32).collect();
            Some(Template { form, components })
        };
        Some(Templates { all: (0..n).map(template).collect::<Option<_>>()? })
    }

    fn model(&self, d: usize) -> Option<PieceModel> {
        let (shape, rest) = self.floats("succession.rest")?;
        let [SPAN, n_rest] = shape[..] else { return None };
        let n_axes = d.checked_sub(n_rest).filter(|n| *n > 0)?;
        if rest.iter().any(|variance| *variance <= 0.0) {
            return None;
        }
        let succession = Succession {
            center: self.shaped("succession.center", &[d])?,
            axes: self.shaped("succession.axes", &[d, d])?,
            mixture: self.mixture("succession", SPAN * n_axes)?,
            rest,
        };
        let joins = self.shaped("joins", &[2, N_INTERVALS])?;
        let of_voice = |voice: usize| std::array::from_fn(|i| joins[voice * N_INTERVALS + i]);
        Some(PieceModel {
            succession,
            conditionals: Conditionals::default(),
            first: self.mixture_if_any("first", d).ok()?.map(Target::new),
            last: self.mixture_if_any("last", d).ok()?.map(Target::new),
            variation: self.shaped("variation", &[d])?,
            joins: Joins { log_probabilities: [of_voice(0), of_voice(1)] },
            templates: self.templates()?,
        })
    }
}
