//! Selects the backend that runs the model at run time, among those compiled in.

use burn::tensor::Device;
use thiserror::Error;

/// Why a device is not available.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeviceError {
    /// The backend exists, but this program was built without it.
    #[error(
        "device `{name}` needs the backend `{feature}`, which this program was built without; \
         build it with `--features {feature}`"
    )]
    NotCompiled {
        /// The requested name.
        name: String,
        /// The cargo feature that enables it.
        feature: &'static str,
    },
    /// There is no backend of this name.
    #[error(
        "unknown device `{name}`; `flex`, `ndarray`, `tch`, `tch:cuda:N`, `wgpu` and `cuda:N` \
         are allowed, and this program was built with {}", available().join(", ")
    )]
    Unknown {
        /// The requested name.
        name: String,
    },
}

/// The backends compiled into this program.
pub fn available() -> Vec<&'static str> {
    let all = [
        ("flex", cfg!(feature = "flex")),
        ("ndarray", cfg!(feature = "ndarray")),
        ("tch", cfg!(feature = "tch")),
        ("wgpu", cfg!(feature = "wgpu")),
        ("cuda", cfg!(feature = "cuda")),
    ];
    all.into_iter().filter_map(|(name, here)| here.then_some(name)).collect()
}

/// The device with a name: `flex`, `ndarray`, `tch`, `tch:cuda:N`, `wgpu` or `cuda:N`.
///
/// # Errors
/// [`DeviceError::NotCompiled`] names the feature to build with; [`DeviceError::Unknown`] lists the
/// available backends.
pub fn parse(name: &str) -> Result<Device, DeviceError> {
    let unknown = || DeviceError::Unknown { name: name.to_owned() };
    let (backend, rest) = name.split_once(':').map_or((name, None), |(b, r)| (b, Some(r)));
    let gpu = |index: &str| index.parse::<usize>().map_err(|_| unknown());
    match (backend, rest) {
        ("flex", None) => flex(name),
        ("ndarray", None) => ndarray(name),
        ("tch", None) => tch(name, None),
        ("tch", Some(rest)) => match rest.split_once(':') {
            Some(("cuda", index)) => tch(name, Some(gpu(index)?)),
            _ => Err(unknown()),
        },
        ("wgpu", None) => wgpu(name),
        ("cuda", None) => cuda(name, 0),
        ("cuda", Some(index)) => cuda(name, gpu(index)?),
        _ => Err(unknown()),
    }
}

/// Whether tensors of this device are in this process's memory, so that reading them costs nothing.
pub(crate) fn is_host(device: &Device) -> bool {
    let mut host = false;
    #[cfg(feature = "flex")]
    {
        host |= device.clone().inner() == Device::flex();
    }
    #[cfg(feature = "ndarray")]
    {
        host |= device.clone().inner() == Device::ndarray();
    }
    host
}

/// Whether this device is the CPU, whichever library manages its memory.
pub(crate) fn is_cpu(device: &Device) -> bool {
    #[cfg(feature = "tch")]
    if torch(device) == Some(burn::backend::libtorch::LibTorchDevice::Cpu) {
        return true;
    }
    is_host(device)
}

/// Whether the recurrent core of this device supports bfloat16: the CPU kernel and libtorch do, the
/// composition of burn's operations does not.
pub(crate) fn has_bf16(device: &Device) -> bool {
    #[cfg(feature = "tch")]
    if torch(device).is_some() {
        return true;
    }
    is_host(device)
}

/// Whether this device is a GPU of libtorch.
pub(crate) fn is_torch_gpu(device: &Device) -> bool {
    #[cfg(feature = "tch")]
    {
        use burn::backend::libtorch::LibTorchDevice;
        torch(device).is_some_and(|device| matches!(device, LibTorchDevice::Cuda(_)))
    }
    #[cfg(not(feature = "tch"))]
    {
        let _ = device;
        false
    }
}

/// The libtorch device, or `None` for other backends.
#[cfg(feature = "tch")]
pub(crate) fn torch(device: &Device) -> Option<burn::backend::libtorch::LibTorchDevice> {
    match device.clone().inner().as_dispatch() {
        burn::backend::DispatchDevice::LibTorch(device) => Some(*device),
        _ => None,
    }
}

/// Expands to a constructor of a backend, or to the error that names its feature.
macro_rules! backend {
    ($name:ident, $feature:literal, ($($argument:ident: $type:ty),*) => $device:expr) => {
        #[cfg(feature = $feature)]
        fn $name(_name: &str, $($argument: $type),*) -> Result<Device, DeviceError> {
            Ok($device)
        }

        #[cfg(not(feature = $feature))]
        fn $name(name: &str, $(_: $type),*) -> Result<Device, DeviceError> {
            Err(DeviceError::NotCompiled { name: name.to_owned(), feature: $feature })
        }
    };
}

backend!(flex, "flex", () => Device::flex());
backend!(ndarray, "ndarray", () => Device::ndarray());
backend!(tch, "tch", (gpu: Option<usize>) => match gpu {
    Some(index) => Device::libtorch_cuda(index),
    None => Device::libtorch(),
});
backend!(wgpu, "wgpu", () => Device::wgpu(burn::tensor::DeviceKind::DefaultDevice));
backend!(cuda, "cuda", (index: usize) => Device::cuda(index));

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "flex")]
    #[test]
    fn flex_is_a_host_device_with_and_without_autodiff() {
        let device = parse("flex").unwrap();
        assert!(is_host(&device) && is_host(&device.autodiff()));
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_backend_left_out_names_its_feature() {
        let error = parse("cuda:1").unwrap_err();
        assert_eq!(error, DeviceError::NotCompiled { name: "cuda:1".to_owned(), feature: "cuda" });
        assert!(error.to_string().ends_with("build it with `--features cuda`"));
    }

    #[test]
    fn other_names_are_refused() {
        for name in ["", "gpu", "flex:0", "tch:cuda", "tch:cuda:x", "cuda:-1"] {
            let error = parse(name).unwrap_err();
            assert_eq!(error, DeviceError::Unknown { name: name.to_owned() });
        }
    }
}
