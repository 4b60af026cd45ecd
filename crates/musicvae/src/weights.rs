//! Weights as a safetensors file: every tensor by the path of its field, row-major.
//!
//! The names are those of [`crate::MusicVae`]'s fields (`encoder.layers.0.forward.recurrent`), and
//! the layouts are in their documentation. Values are `F32`, or `F16` for half the size.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor, TensorData};
use half::f16;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use thiserror::Error;

use crate::config::{ConfigError, MusicVaeConfig};
use crate::model::{MusicVae, host};

/// How values are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// 32-bit floats: exact.
    F32,
    /// 16-bit floats: half the size, rounded to 11 bits.
    F16,
}

/// Why bytes are not the weights of a model.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The bytes are not a safetensors file.
    #[error(
        "not a valid safetensors file; it is damaged or truncated, so download or train it again"
    )]
    Damaged(#[source] safetensors::SafeTensorError),
    /// A tensor is missing.
    #[error("tensor `{name}` is missing; the file belongs to another configuration")]
    Missing {
        /// Name of the tensor.
        name: String,
    },
    /// The model has no such tensor.
    #[error("tensor `{name}` has no place in the model; the file belongs to another configuration")]
    Unexpected {
        /// Name of the tensor.
        name: String,
    },
    /// A tensor of another shape.
    #[error("tensor `{name}` has shape {found:?}; the configuration says {expected:?}")]
    Shape {
        /// Name of the tensor.
        name: String,
        /// Its shape in the file.
        found: Vec<usize>,
        /// The shape of the configuration.
        expected: Vec<usize>,
    },
    /// A tensor of an unsupported type.
    #[error("tensor `{name}` has type {found:?}; F32 and F16 are allowed")]
    Type {
        /// Name of the tensor.
        name: String,
        /// Its type in the file.
        found: Dtype,
    },
    /// A weight that is not finite.
    #[error(
        "tensor `{name}` contains a value that is not finite; the training that wrote it failed"
    )]
    NotFinite {
        /// Name of the tensor.
        name: String,
    },
    /// The configuration itself is invalid.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// A named tensor on the host.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HostTensor {
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f32>,
}

/// Every parameter of a model by its path.
pub(crate) fn tensors<M: Module>(model: &M) -> BTreeMap<String, HostTensor> {
    struct Collect {
        path: Vec<String>,
        tensors: BTreeMap<String, HostTensor>,
    }
    impl ModuleVisitor for Collect {
        fn enter_module(&mut self, name: &str, _container_type: &str) {
            self.path.push(name.to_owned());
        }
        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.path.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let tensor = param.val();
            let shape = tensor.dims().to_vec();
            let tensor = HostTensor { shape, values: host(tensor) };
            self.tensors.insert(self.path.join("."), tensor);
        }
    }
    let mut collect = Collect { path: Vec::new(), tensors: BTreeMap::new() };
    model.visit(&mut collect);
    collect.tensors
}

/// Writes named tensors as a safetensors file.
pub(crate) fn write(tensors: &BTreeMap<String, HostTensor>, precision: Precision) -> Vec<u8> {
    let bytes: BTreeMap<&str, Vec<u8>> = tensors
        .iter()
        .map(|(name, tensor)| {
            let values = &tensor.values;
            let bytes = match precision {
                Precision::F32 => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
                Precision::F16 => {
                    values.iter().flat_map(|v| f16::from_f32(*v).to_le_bytes()).collect()
                }
            };
            (name.as_str(), bytes)
        })
        .collect();
    let dtype = match precision {
        Precision::F32 => Dtype::F32,
        Precision::F16 => Dtype::F16,
    };
    let views = bytes.iter().map(|(name, bytes)| {
        let shape = tensors[*name].shape.clone();
        (
            *name,
            TensorView::new(dtype, shape, bytes).expect("the number of bytes matches the shape"),
        )
    });
    safetensors::serialize(views, None).expect("names and shapes are plain")
}

/// Reads a safetensors file of `F32` or `F16` tensors.
pub(crate) fn read(bytes: &[u8]) -> Result<BTreeMap<String, HostTensor>, WeightsError> {
    let file = SafeTensors::deserialize(bytes).map_err(WeightsError::Damaged)?;
    let tensor = |(name, view): (&str, TensorView<'_>)| {
        let data = view.data();
        let values: Vec<f32> = match view.dtype() {
            Dtype::F32 => data.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
            Dtype::F16 => {
                data.as_chunks().0.iter().map(|b| f16::from_le_bytes(*b).to_f32()).collect()
            }
            found => return Err(WeightsError::Type { name: name.to_owned(), found }),
        };
        if !values.iter().all(|value| value.is_finite()) {
            return Err(WeightsError::NotFinite { name: name.to_owned() });
        }
        Ok((name.to_owned(), HostTensor { shape: view.shape().to_vec(), values }))
    };
    file.iter().map(tensor).collect()
}

impl MusicVae {
    /// The weights as a safetensors file.
    pub fn to_safetensors(&self, precision: Precision) -> Vec<u8> {
        write(&tensors(self), precision)
    }

    /// A model of a configuration with the weights of a safetensors file.
    ///
    /// # Errors
    /// If the file is damaged or does not match this configuration; see [`WeightsError`].
    pub fn from_safetensors(
        config: &MusicVaeConfig,
        bytes: &[u8],
        device: &Device,
    ) -> Result<Self, WeightsError> {
        let model = Self::init(config, 0, device)?;
        replace(model, read(bytes)?)
    }
}

/// Replaces all of a model's parameters by tensors, which must all be present.
pub(crate) fn replace<M: Module>(
    model: M,
    tensors: BTreeMap<String, HostTensor>,
) -> Result<M, WeightsError> {
    struct Replace {
        path: Vec<String>,
        tensors: BTreeMap<String, HostTensor>,
        error: Option<WeightsError>,
    }
    impl ModuleMapper for Replace {
        fn enter_module(&mut self, name: &str, _container_type: &str) {
            self.path.push(name.to_owned());
        }
        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.path.pop();
        }
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let name = self.path.join(".");
            let expected = param.val().dims().to_vec();
            match self.tensors.remove(&name) {
                None => {
                    self.error.get_or_insert(WeightsError::Missing { name });
                    param
                }
                Some(tensor) if tensor.shape != expected => {
                    let found = tensor.shape;
                    self.error.get_or_insert(WeightsError::Shape { name, found, expected });
                    param
                }
                Some(tensor) => param.map(|old| {
                    let data = TensorData::new(tensor.values, tensor.shape);
                    let new = Tensor::from_data(data, &old.device());
                    if old.is_require_grad() { new.require_grad() } else { new }
                }),
            }
        }
    }
    let mut replace = Replace { path: Vec::new(), tensors, error: None };
    let model = model.map(&mut replace);
    let unexpected = replace.tensors.into_keys().next();
    match replace.error.or(unexpected.map(|name| WeightsError::Unexpected { name })) {
        None => Ok(model),
        Some(error) => Err(error),
    }
}

#[cfg(all(test, feature = "flex"))]
#[allow(clippy::unwrap_used, reason = "a test that cannot continue has failed")]
mod tests {
    use super::*;

    fn config() -> MusicVaeConfig {
        MusicVaeConfig::flat(5, 4, 3, &[2, 3], &[4, 2])
    }

    fn model() -> MusicVae {
        MusicVae::init(&config(), 11, &Device::flex()).unwrap()
    }

    #[test]
    fn names_and_shapes_are_the_documented_layout() {
        let shapes: Vec<(String, Vec<usize>)> =
            tensors(&model()).into_iter().map(|(name, t)| (name, t.shape)).collect();
        let expected = [
            ("decoder.cores.0.initial.bias", vec![12]),
            ("decoder.cores.0.initial.kernel", vec![3, 12]),
            ("decoder.cores.0.latent", vec![3, 16]),
            ("decoder.cores.0.layers.0.bias", vec![16]),
            ("decoder.cores.0.layers.0.input", vec![5, 16]),
            ("decoder.cores.0.layers.0.recurrent", vec![4, 16]),
            ("decoder.cores.0.layers.1.bias", vec![8]),
            ("decoder.cores.0.layers.1.input", vec![4, 8]),
            ("decoder.cores.0.layers.1.recurrent", vec![2, 8]),
            ("decoder.cores.0.output.bias", vec![5]),
            ("decoder.cores.0.output.kernel", vec![2, 5]),
        ];
        for (found, expected) in shapes.iter().zip(expected) {
            assert_eq!(*found, (expected.0.to_owned(), expected.1));
        }
        assert!(
            shapes.iter().any(|(n, s)| n == "encoder.layers.1.backward.input" && *s == [4, 12])
        );
        assert!(shapes.iter().any(|(n, s)| n == "encoder.std_dev.kernel" && *s == [6, 3]));
    }

    #[test]
    fn f32_is_exact_and_f16_is_near() {
        let model = model();
        let before = tensors(&model);
        for (precision, tolerance) in [(Precision::F32, 0.0), (Precision::F16, 5e-4)] {
            let bytes = model.to_safetensors(precision);
            let read = MusicVae::from_safetensors(&config(), &bytes, &Device::flex()).unwrap();
            for (name, tensor) in tensors(&read) {
                for (found, expected) in tensor.values.iter().zip(&before[&name].values) {
                    // 11 bits of a number below 1.
                    assert!((found - expected).abs() <= tolerance, "{name}");
                }
            }
        }
    }

    #[test]
    fn every_kind_of_wrong_file_has_its_error() {
        let load = |bytes: &[u8]| {
            MusicVae::from_safetensors(&config(), bytes, &Device::flex()).unwrap_err()
        };
        let good = model().to_safetensors(Precision::F32);
        assert!(matches!(load(&[]), WeightsError::Damaged(_)));
        assert!(matches!(load(&good[..good.len() - 1]), WeightsError::Damaged(_)));
        assert!(matches!(load(&vec![0xff; 1000]), WeightsError::Damaged(_)));

        let mut fewer = tensors(&model());
        fewer.remove("decoder.cores.0.latent");
        let error = load(&write(&fewer, Precision::F32));
        assert!(
            matches!(&error, WeightsError::Missing { name } if name == "decoder.cores.0.latent")
        );

        let mut more = tensors(&model());
        more.insert("spare".to_owned(), HostTensor { shape: vec![1], values: vec![0.0] });
        let error = load(&write(&more, Precision::F32));
        assert!(matches!(&error, WeightsError::Unexpected { name } if name == "spare"));

        let mut wrong = tensors(&model());
        let tensor = wrong.get_mut("decoder.cores.0.latent").unwrap();
        tensor.shape = vec![16, 3];
        let error = load(&write(&wrong, Precision::F32));
        assert_eq!(
            error.to_string(),
            "tensor `decoder.cores.0.latent` has shape [16, 3]; the configuration says [3, 16]"
        );
        wrong.get_mut("decoder.cores.0.latent").unwrap().values[7] = f32::NAN;
        let error = load(&write(&wrong, Precision::F32));
        assert!(matches!(error, WeightsError::NotFinite { .. }));
    }
}
