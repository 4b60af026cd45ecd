//! The coordinates of three windows: principal axes, and along each axis mean, slope and bend.

use gmm::points::dot;

use super::SPAN;

/// The orthonormal discrete cosine transform (type 2) of length 3.
pub(super) fn transform() -> [[f64; SPAN]; SPAN] {
    let (third, half, sixth) = ((1.0_f64 / 3.0).sqrt(), 0.5_f64.sqrt(), (1.0_f64 / 6.0).sqrt());
    [[third, third, third], [half, 0.0, -half], [sixth, -2.0 * sixth, sixth]]
}

/// A triple `[3, D]` in turned coordinates.
pub(super) fn turn(triple: &[f64], center: &[f64], axes: &[f64]) -> Vec<f64> {
    let d = center.len();
    let along: Vec<f64> = triple.chunks_exact(d).flat_map(|z| project(z, center, axes)).collect();
    let turn = transform();
    let of =
        |u: usize, i: usize| (0..SPAN).map(|place| turn[u][place] * along[place * d + i]).sum();
    (0..SPAN).flat_map(|u| (0..d).map(move |i| (u, i))).map(|(u, i)| of(u, i)).collect()
}

/// From turned coordinates to the principal axes of each window, `[3, D]`.
pub(super) fn back(turned: &[f64], d: usize) -> Vec<f64> {
    let turn = transform();
    let of = |place: usize, i: usize| (0..SPAN).map(|u| turn[u][place] * turned[u * d + i]).sum();
    let places = (0..SPAN).flat_map(|place| (0..d).map(move |i| (place, i)));
    places.map(|(place, i)| of(place, i)).collect()
}

/// A latent along the principal axes.
pub(super) fn project(z: &[f64], center: &[f64], axes: &[f64]) -> Vec<f64> {
    let shifted: Vec<f64> = z.iter().zip(center).map(|(z, c)| z - c).collect();
    axes.chunks_exact(center.len().max(1)).map(|axis| dot(axis, &shifted)).collect()
}

/// The latent of a point along the principal axes.
pub(super) fn unproject(y: &[f64], center: &[f64], axes: &[f64]) -> Vec<f64> {
    let mut z = center.to_vec();
    for (y, axis) in y.iter().zip(axes.chunks_exact(center.len().max(1))) {
        z.iter_mut().zip(axis).for_each(|(z, a)| *z += y * a);
    }
    z
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_turn_is_orthonormal_and_leads_back() {
        let turn_of = transform();
        for a in &turn_of {
            for b in &turn_of {
                let product: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
                let expected = f64::from(a == b);
                assert!((product - expected).abs() < 1e-15);
            }
        }
        let axes = [0.6, 0.8, -0.8, 0.6];
        let (center, triple) = ([1.0, 2.0], [1.0, -2.0, 0.5, 3.0, 7.0, -1.0]);
        let along = back(&turn(&triple, &center, &axes), 2);
        let found: Vec<f64> =
            along.as_chunks::<2>().0.iter().flat_map(|y| unproject(y, &center, &axes)).collect();
        assert!(found.iter().zip(triple).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}");
    }
}
