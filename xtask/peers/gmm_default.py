#!/usr/bin/env python3
"""Seconds of a default fit of scikit-learn's GaussianMixture, its start included.

  gmm_default.py DATA.npy K COVARIANCE SEED

Prints one JSON object: wall and processor seconds, the iterations, and the mean log likelihood. Threads:
OPENBLAS_NUM_THREADS and OMP_NUM_THREADS, set by the caller.
"""
import json
import sys
import time
import warnings

import numpy as np
from sklearn.mixture import GaussianMixture

data, k, covariance, seed = sys.argv[1:5]
X = np.load(data)
warnings.filterwarnings("ignore")
model = GaussianMixture(int(k), covariance_type=covariance, random_state=int(seed))
begin, used = time.perf_counter(), time.process_time()
model.fit(X)
wall, cpu = time.perf_counter() - begin, time.process_time() - used
print(json.dumps({"wall": wall, "cpu": cpu, "n_iter": model.n_iter_, "converged": bool(model.converged_),
                  "score": float(model.score(X)), "n": X.shape[0], "d": X.shape[1]}))
