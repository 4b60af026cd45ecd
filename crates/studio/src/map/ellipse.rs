//! Projections of Gaussians to ellipses.

use serde::Serialize;
use utoipa::ToSchema;

/// One standard deviation of a style on the map.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Ellipse {
    /// Index of the style.
    pub(crate) style: usize,
    x: f64,
    y: f64,
    /// Lengths of the longer and the shorter semi-axis.
    pub(crate) axes: [f64; 2],
    /// Angle of the longer axis in radians, counterclockwise from the x axis (x right, y up).
    pub(crate) angle: f64,
}

impl Ellipse {
    /// The ellipse of the covariance `[[a, b], [b, c]]`.
    pub(crate) fn new(style: usize, [x, y]: [f64; 2], [a, b, c]: [f64; 3]) -> Self {
        let (middle, half) = (f64::midpoint(a, c), (a - c) / 2.0);
        let root = half.hypot(b);
        let axes = [(middle + root).max(0.0).sqrt(), (middle - root).max(0.0).sqrt()];
        Self { style, x, y, axes, angle: b.atan2(half) / 2.0 }
    }

    #[cfg(test)]
    pub(crate) fn center(&self) -> [f64; 2] {
        [self.x, self.y]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_axis_has_the_largest_variance() {
        // Variance 9 along 30 degrees, and 1 across.
        let (cos, sin) = (30.0_f64.to_radians().cos(), 30.0_f64.to_radians().sin());
        let covariance =
            [9.0 * cos * cos + sin * sin, 8.0 * sin * cos, 9.0 * sin * sin + cos * cos];
        let found = Ellipse::new(0, [1.0, 2.0], covariance);
        assert!((found.axes[0] - 3.0).abs() < 1e-12 && (found.axes[1] - 1.0).abs() < 1e-12);
        assert!((found.angle - 30.0_f64.to_radians()).abs() < 1e-12, "{found:?}");
        assert_eq!(Ellipse::new(0, [0.0; 2], [0.0; 3]).axes, [0.0; 2]);
    }
}
