"""Fitting a Gaussian mixture next to scikit-learn, from Python, in one process.

    python benches/fit.py [ROWS FEATURES COMPONENTS]

Both get the same rows, the same covariance type, one start and the same number of iterations (`tol`
0), so that the time of an iteration is compared; then both with their defaults. Rounds alternate;
the figure is the fastest round of each. Both use all processors.
"""

import sys
import time
import warnings

import numpy as np
from sklearn.mixture import GaussianMixture as Peer

from controlgen import GaussianMixture

ROUNDS = 3


def timed(make, X):
    start = time.perf_counter()
    fitted = make().fit(X)
    return time.perf_counter() - start, fitted.score(X)


def main():
    n, d, k = map(int, sys.argv[1:4]) if len(sys.argv) > 3 else (20_000, 32, 10)
    rng = np.random.default_rng(0)
    centers = rng.normal(0, 3, (k, d))
    X = centers[rng.integers(0, k, n)] + rng.standard_normal((n, d)) * rng.uniform(0.5, 2, (1, d))
    warnings.simplefilter("ignore")
    print(f"{n} rows, {d} features, {k} components")
    for covariance_type in ("full", "diag"):
        for what, options in (("50 iterations", {"tol": 0.0, "max_iter": 50}), ("defaults", {})):
            options = {"covariance_type": covariance_type, "random_state": 0, **options}
            makers = {
                "controlgen": lambda options=options: GaussianMixture(k, **options),
                "scikit-learn": lambda options=options: Peer(k, **options),
            }
            best, scores = dict.fromkeys(makers, float("inf")), {}
            for _ in range(ROUNDS):
                for name, make in makers.items():
                    seconds, scores[name] = timed(make, X)
                    best[name] = min(best[name], seconds)
            for name, seconds in best.items():
                ratio = seconds / best["controlgen"]
                print(
                    f"{covariance_type:5} {what:14} {name:13} {seconds:8.3f} s {ratio:7.2f}"
                    f"  score {scores[name]:.4f}"
                )


if __name__ == "__main__":
    main()
