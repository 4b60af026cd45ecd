//! Updates computed by hand, on every kind of device, and with gradients that are not finite.

use super::*;

#[derive(Module, Debug)]
struct Two {
    a: Param<Tensor<1>>,
    b: Param<Tensor<2>>,
}

/// Two updates of θ = (1, 2) with gradients (3, 4) and (0.3, 0.4), by hand.
#[test]
fn two_clipped_updates_by_hand() {
    let device = Device::flex().autodiff();
    let mut model = Two {
        a: Param::from_tensor(Tensor::from_data([1.0], &device)),
        b: Param::from_tensor(Tensor::from_data([[2.0]], &device)),
    };
    let mut adam = Adam::default();
    let (mut theta, mut m, mut v) = ([1.0_f64, 2.0], [0.0; 2], [0.0; 2]);
    for (t, gradient) in [(1, [3.0_f64, 4.0]), (2, [0.3, 0.4])] {
        let loss = model.a.val() * gradient[0] + model.b.val().reshape([1]) * gradient[1];
        let mut gradients = loss.backward();
        let (updated, norm) =
            adam.update(model, &mut gradients, 0.1, 1.0, &device).map_err(|e| e.1).unwrap();
        model = updated;
        let expected_norm = (gradient[0] * gradient[0] + gradient[1] * gradient[1]).sqrt();
        assert!((norm - expected_norm).abs() < 1e-6);
        // Norm 5 is clipped to 1, norm 0.5 is left unchanged.
        let scale = 1.0 / expected_norm.max(1.0);
        let t = f64::from(t);
        let rate = 0.1 * (1.0 - 0.999_f64.powf(t)).sqrt() / (1.0 - 0.9_f64.powf(t));
        for n in 0..2 {
            let g = gradient[n] * scale;
            m[n] = 0.9 * m[n] + 0.1 * g;
            v[n] = 0.999 * v[n] + 0.001 * g * g;
            theta[n] -= rate * m[n] / (v[n].sqrt() + 1e-8);
        }
    }
    let found = [host(model.a.val())[0], host(model.b.val())[0]];
    for (found, expected) in found.into_iter().zip(theta) {
        // f32 arithmetic on numbers near 1.
        assert!((f64::from(found) - expected).abs() < 1e-6, "{found} {expected}");
    }
}

#[test]
fn host_and_device_updates_agree() {
    #[allow(unused_mut, reason = "a build without libtorch adds nothing")]
    let mut devices = vec![Device::flex()];
    #[cfg(feature = "tch")]
    devices.push(Device::libtorch());
    for device in devices {
        let gradient: Vec<f32> = (0..1000).map(|i| (i as f32 * 0.37).sin()).collect();
        let mut values: Vec<f32> = (0..1000).map(|i| (i as f32 * 0.11).cos()).collect();
        let zeros = vec![0.0; 1000];
        let mut on_host = Moments::Host { first: zeros.clone(), second: zeros.clone() };
        let tensor =
            |v: &[f32]| Tensor::<1>::from_data(TensorData::new(v.to_vec(), [1000]), &device);
        let mut on_device = Moments::Device { first: tensor(&zeros), second: tensor(&zeros) };
        let before = on_device.clone();
        let mut tensors = tensor(&values);
        for _ in 0..3 {
            update_host(&mut values, &gradient, &mut on_host, 0.5, 0.01);
            tensors = update_device(tensors, tensor(&gradient), &mut on_device, 0.5, 0.01);
        }
        for (a, b) in values.iter().zip(host(tensors)) {
            // The same formula with different rounding.
            assert!((a - b).abs() < 1e-6);
        }
        let Moments::Device { first, second } = before else { unreachable!() };
        assert_eq!((host(first), host(second)), (zeros.clone(), zeros));
        let sum = host(square_sum(tensor(&[3.0; 1000])))[0];
        assert!((sum - 9000.0).abs() < 1e-2, "{sum}");
    }
}

/// If it did not, burn's operations would be used unnoticed.
#[cfg(feature = "tch")]
#[test]
fn libtorch_updates_its_own_tensors() {
    let tensor = Tensor::<1>::from_data([1.0_f32, 2.0], &Device::libtorch());
    assert!(torch::square_sum(&tensor).is_some());
    assert!(torch::update(&tensor, &tensor, [&tensor, &tensor], 1.0, 0.1).is_some());
}

#[test]
fn a_gradient_that_is_not_finite_changes_nothing() {
    let device = Device::flex().autodiff();
    let model = Two {
        a: Param::from_tensor(Tensor::from_data([1.0], &device)),
        b: Param::from_tensor(Tensor::from_data([[2.0]], &device)),
    };
    let mut adam = Adam::default();
    let mut gradients = (model.a.val() * f32::NAN).backward();
    let (model, error) = adam.update(model, &mut gradients, 0.1, 1.0, &device).unwrap_err();
    assert_eq!(error, GradientNotFinite);
    assert_eq!((host(model.a.val()), adam.n_updates()), (vec![1.0], 0));
}
