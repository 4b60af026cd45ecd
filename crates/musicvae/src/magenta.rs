//! Imports Magenta's published checkpoints in all their formats.
//!
//! | form | files |
//! |---|---|
//! | [`Form::TensorFlowJs`] | `weights_manifest.json` and shards; float32, float16, or quantized |
//! | [`Form::DeepLearnJs`] | `manifest.json` and a file for each tensor (2017 and 2018) |
//! | [`Form::TensorFlow`] | `P.index` and `P.data-0000x-of-0000y`, with verified checksums |
//!
//! Each may be in a folder or in a `.tar`. Melody, chord-conditioned, drum and trio models of any
//! size can be imported, flat or with a conductor; the sizes are inferred from the tensors. This is
//! the only module of the crate that reads files.

mod bundle;
mod error;
mod files;
mod js;
mod layout;
mod sstable;
mod stored;
mod wire;

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::Device;

pub use error::ImportError;

use crate::config::MusicVaeConfig;
use crate::decoder::Decoder;
use crate::init::Initializer;
use crate::model::MusicVae;
use crate::weights::{self, HostTensor};
use files::Files;
use layout::{Layout, Part};
use stored::Stored;

/// Steps of a flat model's window if the checkpoint does not say: two bars of 4/4 at four steps per
/// quarter note. All but one of Magenta's flat single-part TensorFlow models have this length.
const DEFAULT_STEPS: usize = 32;

/// The format of a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A directory of magenta-js.
    TensorFlowJs,
    /// A directory of deeplearn.js, the library that magenta-js was first based on.
    DeepLearnJs,
    /// A TensorFlow checkpoint of version 2.
    TensorFlow,
}

/// Each format with the name, or the end of the name, of the file that lists its tensors.
const FORMS: [(Form, &str); 3] = [
    (Form::TensorFlowJs, js::TFJS_MANIFEST),
    (Form::DeepLearnJs, js::DEEPLEARN_MANIFEST),
    (Form::TensorFlow, bundle::INDEX_SUFFIX),
];

/// A checkpoint of Magenta. Tensors are read on demand.
///
/// ```no_run
/// use musicvae::magenta::Checkpoint;
///
/// let checkpoint = Checkpoint::open("cat-mel_2bar_big.tar".as_ref())?;
/// let model = checkpoint.model(&musicvae::device::parse("flex")?)?;
/// assert_eq!(model.z_size(), checkpoint.config()?.z_size);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Checkpoint {
    form: Form,
    files: Files,
    tensors: BTreeMap<String, Stored>,
    n_steps: Option<usize>,
    n_segments: Option<usize>,
    /// Standard deviation of all posteriors if their head is missing.
    std_dev: Option<f32>,
}

/// Allowed standard deviations to replace a missing head: those of a posterior, which is narrower
/// than the prior.
pub const STD_DEV_RANGE: std::ops::RangeInclusive<f32> = 1e-3..=1.0;

impl Checkpoint {
    /// Opens a folder, a `.tar`, a file of a checkpoint (its manifest or its `.index`), or a
    /// TensorFlow checkpoint name (`model.ckpt-7` for `model.ckpt-7.index`).
    ///
    /// # Errors
    /// If there is no checkpoint, or if its list of tensors is damaged.
    pub fn open(path: &Path) -> Result<Self, ImportError> {
        let not_one = |what: String| ImportError::NotACheckpoint { path: path.to_owned(), what };
        // TensorFlow itself refers to a checkpoint without the file extension.
        let mut with_suffix = path.as_os_str().to_owned();
        with_suffix.push(bundle::INDEX_SUFFIX);
        let path = match Path::new(&with_suffix) {
            index if !path.exists() && index.is_file() => index,
            _ => path,
        };
        let file_name = path.file_name().and_then(|name| name.to_str());
        let given = file_name
            .filter(|name| path.is_file() && FORMS.iter().any(|(_, end)| name.ends_with(end)));
        let files = match given {
            Some(_) => {
                let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty());
                Files::of_folder(folder.unwrap_or(Path::new(".")))?
            }
            None if path.is_dir() => Files::of_folder(path)?,
            None => Files::of_tar(path)?,
        };
        let lists = |end: &str| -> Vec<String> {
            let is_meant = |file: &&str| given.is_none_or(|given| *file == given);
            let is_list = |file: &&str| match end.strip_prefix('.') {
                Some(_) => file.ends_with(end),
                None => file.rsplit('/').next() == Some(end),
            };
            files.names().filter(is_meant).filter(is_list).map(str::to_owned).collect()
        };
        let found = FORMS.into_iter().map(|(form, end)| (form, lists(end)));
        let (form, list) = match found.into_iter().find(|(_, lists)| !lists.is_empty()) {
            None => return Err(not_one("none of its files lists tensors".to_owned())),
            Some((form, lists)) => match <[String; 1]>::try_from(lists) {
                Ok([list]) => (form, list),
                Err(several) => {
                    let several = several.join("`, `");
                    return Err(not_one(format!(
                        "it contains several (`{several}`); name one of them"
                    )));
                }
            },
        };
        let tensors = match form {
            Form::TensorFlowJs => js::tfjs(&files, &list)?,
            Form::DeepLearnJs => js::deeplearn(&files, &list)?,
            Form::TensorFlow => bundle::tensors(&files, &list)?,
        };
        let (n_steps, n_segments) = match form {
            Form::TensorFlow => (None, None),
            Form::TensorFlowJs | Form::DeepLearnJs => js::lengths(&files, &list)?,
        };
        Ok(Self { form, files, tensors, n_steps, n_segments, std_dev: None })
    }

    /// Gives every posterior this standard deviation if the checkpoint has no head for it.
    ///
    /// magenta-js only decodes means, so some of its directories lack `encoder/sigma`. Means are
    /// then as exact as ever, but anything that depends on standard deviations is made up.
    ///
    /// # Panics
    /// If it is outside [`STD_DEV_RANGE`].
    #[must_use]
    pub fn with_std_dev(self, std_dev: f32) -> Self {
        assert!(STD_DEV_RANGE.contains(&std_dev), "a standard deviation of {std_dev}");
        Self { std_dev: Some(std_dev), ..self }
    }

    /// Whether posteriors have the standard deviation given to [`Checkpoint::with_std_dev`].
    pub fn std_dev_is_made_up(&self) -> bool {
        self.std_dev.is_some() && !self.tensors.keys().any(|name| is_std_dev(name))
    }

    /// The format of this checkpoint.
    pub fn form(&self) -> Form {
        self.form
    }

    /// The sizes of its model, inferred from its tensors, except the number of steps of a window.
    /// That comes from magenta-js's configuration; by default it is 32, or 256 in 16 segments for
    /// hierarchical models and trios.
    ///
    /// # Errors
    /// [`ImportError::Missing`] if too few tensors are listed to infer the sizes,
    /// [`ImportError::Unsupported`] and [`ImportError::Shape`] if they are those of a different
    /// model.
    pub fn config(&self) -> Result<MusicVaeConfig, ImportError> {
        Ok(self.layout()?.config)
    }

    /// Names of the tensors that a complete model needs and that can't be read.
    ///
    /// # Errors
    /// Like [`Checkpoint::config`].
    pub fn missing(&self) -> Result<Vec<String>, ImportError> {
        let layout = self.layout()?;
        let mut names = layout.missing(Part::Decoder, &self.tensors);
        names.extend(layout.missing(Part::Encoder, &self.tensors));
        if self.std_dev_is_made_up() {
            names.retain(|name| !is_std_dev(name));
        }
        Ok(names)
    }

    /// The model, encoder and decoder.
    ///
    /// # Errors
    /// [`ImportError::Missing`] if it is incomplete; those of [`Checkpoint::config`]; damaged
    /// files.
    pub fn model(&self, device: &Device) -> Result<MusicVae, ImportError> {
        let layout = self.layout()?;
        let names = self.missing()?;
        if !names.is_empty() {
            let decoder_is_complete = layout.missing(Part::Decoder, &self.tensors).is_empty();
            let n_expected = layout.n_expected();
            return Err(ImportError::Missing { names, n_expected, decoder_is_complete });
        }
        let mut tensors = BTreeMap::new();
        for (part, prefix) in [(Part::Decoder, "decoder"), (Part::Encoder, "encoder")] {
            let of_part = self.convert(&layout, part)?;
            tensors.extend(of_part.into_iter().map(|(name, t)| (format!("{prefix}.{name}"), t)));
        }
        if let Some(std_dev) = self.std_dev.filter(|_| self.std_dev_is_made_up()) {
            let head = layout::constant_std_dev(&layout.config, std_dev);
            tensors.extend(head.map(|(name, tensor)| (format!("encoder.{name}"), tensor)));
        }
        let model = MusicVae::init(&layout.config, 0, device)?;
        Ok(weights::replace(model, tensors).expect("names and shapes were checked above"))
    }

    /// The decoder alone, for latents that are drawn from the prior or come from elsewhere.
    ///
    /// The only melody model whose files are still in public repositories is incomplete: both
    /// kernels of its encoder are missing.
    ///
    /// # Errors
    /// Like [`Checkpoint::model`], for the tensors of the decoder.
    pub fn decoder(&self, device: &Device) -> Result<Decoder, ImportError> {
        let layout = self.layout()?;
        let names = layout.missing(Part::Decoder, &self.tensors);
        if !names.is_empty() {
            let n_expected = layout.n_expected();
            return Err(ImportError::Missing { names, n_expected, decoder_is_complete: false });
        }
        let tensors = self.convert(&layout, Part::Decoder)?;
        let decoder = Decoder::init(&layout.config, &mut Initializer::new(0), device);
        Ok(weights::replace(decoder, tensors).expect("names and shapes were checked above"))
    }

    fn layout(&self) -> Result<Layout, ImportError> {
        Layout::find(&self.tensors, self.n_steps, self.n_segments)
    }

    fn convert(
        &self,
        layout: &Layout,
        part: Part,
    ) -> Result<BTreeMap<String, HostTensor>, ImportError> {
        let wanted = |name: &str| !(self.std_dev_is_made_up() && is_std_dev(name));
        layout.convert(part, wanted, |name| {
            let stored = self.tensors.get(name).expect("its presence was checked above");
            stored.read(name, &self.files)
        })
    }
}

/// Whether a variable belongs to the head that computes standard deviations.
fn is_std_dev(name: &str) -> bool {
    name.rsplit_once('/').is_some_and(|(scope, _)| scope == layout::STD_DEV)
}

#[cfg(all(test, feature = "flex"))]
#[allow(clippy::unwrap_used, reason = "a test that cannot continue has failed")]
mod tests;
