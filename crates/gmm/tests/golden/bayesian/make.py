#!/usr/bin/env python3
"""Writes answers.json: scikit-learn's BayesianGaussianMixture from given labels, after a few iterations.

  make.py > answers.json      (scikit-learn 1.9.1)

The data are three Gaussian clusters in three dimensions, the labels a split into five groups by row number, so that two
components are not needed. Each iteration is the estimator's own E and M step.
"""
import json
import sys

import numpy as np
import sklearn
from sklearn.mixture import BayesianGaussianMixture

rng = np.random.default_rng(20)
n, d, k = 240, 3, 5
centers = np.array([[0.0, 0.0, 0.0], [6.0, 1.0, -2.0], [-4.0, 5.0, 3.0]])
X = np.round(centers[rng.integers(0, 3, n)] + rng.normal(size=(n, d)) * [1.0, 0.5, 2.0], 6)
labels = rng.integers(0, k, n)
resp = np.zeros((n, k))
resp[np.arange(n), labels] = 1.0
cases = []
for covariance in ("full", "tied", "diag", "spherical"):
    for weights in ("dirichlet_process", "dirichlet_distribution"):
        for iterations in (1, 5, 20):
            model = BayesianGaussianMixture(
                n_components=k, covariance_type=covariance, weight_concentration_prior_type=weights, tol=0.0
            )
            model._check_parameters(X)
            model._initialize(X, resp)
            bounds = []
            for _ in range(iterations):
                log_prob_norm, log_resp = model._e_step(X)
                model._m_step(X, log_resp)
                bounds.append(float(np.squeeze(model._compute_lower_bound(log_resp, log_prob_norm))))
            model._set_parameters(model._get_parameters())
            cases.append({
                "covariance": covariance, "weight_prior": weights, "iterations": iterations,
                "weights": model.weights_.tolist(), "means": model.means_.ravel().tolist(),
                "covariances": np.asarray(model.covariances_).ravel().tolist(),
                "mean_precision": np.asarray(model.mean_precision_).tolist(),
                "degrees_of_freedom": np.broadcast_to(model.degrees_of_freedom_, (k,)).tolist(),
                "lower_bounds": bounds,
            })
json.dump({"made_by": f"scikit-learn {sklearn.__version__}", "n": n, "d": d, "k": k,
           "data": X.ravel().tolist(), "labels": labels.tolist(), "cases": cases}, sys.stdout)
