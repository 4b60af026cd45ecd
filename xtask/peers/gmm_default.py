#!/usr/bin/env python3
"""Seconds of a default fit of scikit-learn's GaussianMixture, including its start.

  gmm_default.py DATA.npy K COVARIANCE SEED
  gmm_default.py make latents|overlapping FILE.npy
  gmm_default.py take LATENTS.parquet FILE.npy    the first 20,300 latents that `controlgen encode` wrote; needs pyarrow

Prints one JSON object: wall and processor seconds, the iterations, and the mean log likelihood. Threads:
OPENBLAS_NUM_THREADS and OMP_NUM_THREADS, set by the caller.
"""
import json
import sys
import time
import warnings

import numpy as np
from sklearn.mixture import GaussianMixture



def make(name):
    """Rows like those of the problem with this name."""
    rng = np.random.default_rng(11)
    if name == "overlapping":
        k, d, n = 64, 32, 200_000
        means = rng.normal(size=(k, d)) * 0.8
        scale = rng.uniform(0.7, 1.3, size=(1, d))
        return means[rng.integers(0, k, n)] + rng.normal(size=(n, d)) * scale
    # Latents: sixty clusters of unequal size, each along a few directions and with heavy tails, features of unequal scale.
    k, d, n = 60, 96, 20_300
    label = rng.choice(k, n, p=rng.dirichlet(np.full(k, 0.6)))
    means, along = rng.normal(size=(k, d)) * 0.7, rng.normal(size=(k, d, 6)) * 0.35
    rows = means[label] + np.einsum("ndf,nf->nd", along[label], rng.normal(size=(n, 6)))
    rows += rng.normal(size=(n, d)) * rng.gamma(4, 0.25, size=(n, 1)) * 0.6
    return rows * np.concatenate([np.ones(24), np.linspace(1.0, 0.15, 72)])


if sys.argv[1] == "make":
    np.save(sys.argv[3], make(sys.argv[2]))
    print("{}")
    sys.exit()
if sys.argv[1] == "take":
    import pyarrow.parquet

    means = pyarrow.parquet.read_table(sys.argv[2], columns=["mu"]).column("mu").combine_chunks()
    rows = means.flatten().to_numpy().reshape(len(means), -1)[:20_300]
    np.save(sys.argv[3], rows.astype(np.float64))
    print("{}")
    sys.exit()
data, k, covariance, seed = sys.argv[1:5]
X = np.load(data)
warnings.filterwarnings("ignore")
model = GaussianMixture(int(k), covariance_type=covariance, random_state=int(seed))
begin, used = time.perf_counter(), time.process_time()
model.fit(X)
wall, cpu = time.perf_counter() - begin, time.process_time() - used
print(json.dumps({"wall": wall, "cpu": cpu, "n_iter": model.n_iter_, "converged": bool(model.converged_),
                  "score": float(model.score(X)), "n": X.shape[0], "d": X.shape[1]}))
