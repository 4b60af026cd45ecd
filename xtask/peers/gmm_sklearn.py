#!/usr/bin/env python3
"""Seconds per EM iteration of scikit-learn's GaussianMixture, from given initial values.

  gmm_sklearn.py DATA.npy INIT.json COVARIANCE ITERATIONS [float32|float64]

Runs GaussianMixture's own E and M steps (the arithmetic of `fit`) and prints one JSON object: wall
and processor seconds of each iteration, the mean log likelihood after the last one, peak memory, and
the rate of a large matrix product on the same threads. The caller sets the number of threads with
OPENBLAS_NUM_THREADS.
"""
import json
import resource
import sys
import time

import numpy as np
from sklearn.mixture import GaussianMixture
from sklearn.mixture._gaussian_mixture import _compute_precision_cholesky


def product_rate(dtype, n=2048):
    """Floating-point operations per second, the best of five products of square matrices."""
    a = np.random.default_rng(0).standard_normal((n, n)).astype(dtype)
    best = float("inf")
    for _ in range(5):
        begin = time.perf_counter()
        a @ a
        best = min(best, time.perf_counter() - begin)
    return 2 * n**3 / best


data, init, covariance, iterations = sys.argv[1:5]
dtype = np.dtype(sys.argv[5] if len(sys.argv) > 5 else "float64")
X = np.load(data).astype(dtype)
start = {key: np.asarray(value, dtype) for key, value in json.load(open(init)).items()}
model = GaussianMixture(len(start["weights"]), covariance_type=covariance, reg_covar=1e-6)
model.weights_, model.means_, model.covariances_ = (start[k] for k in ("weights", "means", "covariances"))
model.precisions_cholesky_ = _compute_precision_cholesky(model.covariances_, covariance)
wall, cpu = [], []
for _ in range(int(iterations)):
    begin, used = time.perf_counter(), time.process_time()
    _, log_resp = model._e_step(X)
    model._m_step(X, log_resp)
    wall.append(time.perf_counter() - begin)
    cpu.append(time.process_time() - used)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"wall": wall, "cpu": cpu, "score": float(model.score(X)), "peak_kib": peak,
                  "n": X.shape[0], "d": X.shape[1], "product_rate": product_rate(dtype)}))
