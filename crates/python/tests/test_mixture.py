"""GaussianMixture: scikit-learn's checks, scikit-learn's numbers, and what ours has more."""

import pickle
import signal
import sys
import threading

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.mixture import GaussianMixture as Peer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from controlgen import ControlgenError, GaussianMixture, Mixture

TYPES = ["full", "tied", "diag", "spherical"]


# None is expected to fail.
@parametrize_with_checks([GaussianMixture(), GaussianMixture(covariance_type="diag", n_init=2)])
@pytest.mark.filterwarnings("ignore")
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def clouds(n=600, seed=0):
    """Three clouds of different shapes, with their labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    centers = np.array([[0.0, 0.0], [8.0, 0.0], [0.0, 8.0]])[labels]
    scales = np.array([[1.0, 0.3], [0.5, 2.0], [1.0, 1.0]])[labels]
    return centers + scales * rng.standard_normal((n, 2)), labels


@pytest.mark.parametrize("covariance_type", TYPES)
def test_a_fit_is_that_of_scikit_learn(covariance_type):
    X, _ = clouds()
    shared = {"covariance_type": covariance_type, "tol": 1e-8, "max_iter": 1000, "random_state": 0}
    own, peer = GaussianMixture(3, **shared).fit(X), Peer(3, n_init=5, **shared).fit(X)
    # Both have reached the only good optimum, in whatever order; `tol` leaves the last digits open.
    order, peer_order = (np.lexsort(gm.means_.round(1).T) for gm in (own, peer))
    np.testing.assert_allclose(own.weights_[order], peer.weights_[peer_order], atol=1e-4)
    np.testing.assert_allclose(own.means_[order], peer.means_[peer_order], atol=1e-3)
    assert own.covariances_.shape == peer.covariances_.shape
    assert own.precisions_.shape == peer.precisions_.shape
    assert own.score(X) == pytest.approx(peer.score(X), abs=1e-6)
    assert own.bic(X) == pytest.approx(peer.bic(X), rel=1e-6)
    assert own.aic(X) == pytest.approx(peer.aic(X), rel=1e-6)


@pytest.mark.parametrize("covariance_type", TYPES)
def test_the_same_parameters_give_the_same_numbers_as_scikit_learn(covariance_type):
    X, _ = clouds()
    peer = Peer(3, covariance_type=covariance_type, random_state=0).fit(X)
    mixture = Mixture.from_parameters(
        peer.weights_, peer.means_, peer.covariances_, covariance_type
    )
    own = GaussianMixture.from_mixture(mixture)
    np.testing.assert_allclose(own.score_samples(X), peer.score_samples(X), rtol=1e-10)
    np.testing.assert_allclose(own.predict_proba(X), peer.predict_proba(X), atol=1e-10)
    np.testing.assert_array_equal(own.predict(X), peer.predict(X))
    np.testing.assert_allclose(own.precisions_, peer.precisions_, rtol=1e-8)
    np.testing.assert_allclose(own.precisions_cholesky_, peer.precisions_cholesky_, rtol=1e-8)
    assert own.get_params()["covariance_type"] == covariance_type


def test_weights_count_rows():
    X, _ = clouds(200)
    counts = np.random.default_rng(1).integers(0, 4, 200)
    fitted = GaussianMixture(3, random_state=0, tol=1e-10, max_iter=1000).fit(X)
    start = {"warm_start": True, "tol": 1e-10, "max_iter": 2000, "random_state": 0}

    def from_there(X, weights):
        gm = GaussianMixture(3, **start)
        gm._keep(fitted.mixture_)
        return gm.fit(X, sample_weight=weights)

    weighted, repeated = from_there(X, counts), from_there(np.repeat(X, counts, axis=0), None)
    np.testing.assert_allclose(weighted.means_, repeated.means_, atol=1e-6)
    np.testing.assert_allclose(weighted.weights_, repeated.weights_, atol=1e-6)
    with pytest.raises(ValueError, match="-1"):
        GaussianMixture(3).fit(X, sample_weight=-np.ones(200))


def test_single_precision_is_fitted_as_such():
    X, _ = clouds()
    single = GaussianMixture(3, random_state=0).fit(X.astype(np.float32))
    double = GaussianMixture(3, random_state=0).fit(X)
    assert single.score(X) == pytest.approx(double.score(X), abs=1e-3)


def test_rows_are_rows_in_any_layout():
    X, _ = clouds()
    fitted = GaussianMixture(3, random_state=0).fit(X)
    expected = fitted.predict_proba(X)
    padded = np.zeros((600, 4))
    padded[:, ::2] = X
    for rows in (np.asfortranarray(X), X[::-1][::-1], padded[:, ::2], X.tolist()):
        np.testing.assert_array_equal(fitted.predict_proba(rows), expected)
        np.testing.assert_array_equal(fitted.mixture_.predict_proba(rows), expected)


def test_pickles_clones_and_seeds_give_the_same_bits():
    X, _ = clouds()
    fitted = GaussianMixture(3, random_state=7).fit(X)
    again = pickle.loads(pickle.dumps(fitted))
    assert again.mixture_ == fitted.mixture_
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))
    assert clone(fitted).fit(X).mixture_ == fitted.mixture_
    points, labels = fitted.sample(100)
    assert points.shape == (100, 2) and labels.shape == (100,)
    np.testing.assert_array_equal(points, again.sample(100)[0])
    assert Mixture.from_json(fitted.mixture_.to_json()) == fitted.mixture_


def test_samples_have_the_moments_of_the_mixture():
    mixture = Mixture.from_parameters([0.25, 0.75], [[-2.0], [2.0]], [1.0, 4.0], "spherical")
    mean, covariance = mixture.moments()
    # Mean 1; variance: 0.25 + 3 within the components, 0.25 * 9 + 0.75 * 1 between them.
    assert mean[0] == pytest.approx(1.0)
    assert covariance[0, 0] == pytest.approx(0.25 + 3.0 + 3.0)
    points, labels = mixture.sample(100_000, seed=0)
    # Five standard errors.
    assert abs(points.mean() - 1.0) < 5 * (6.25 / 100_000) ** 0.5
    assert abs((labels == 1).mean() - 0.75) < 5 * (0.1875 / 100_000) ** 0.5


def test_marginals_and_conditionals():
    # Correlation 0.8 in the first component; given x0 = 1 its x1 is N(0.8, 0.36).
    mixture = Mixture.from_parameters([1.0], [[0.0, 0.0]], [[[1.0, 0.8], [0.8, 1.0]]])
    given = mixture.conditional({0: 1.0})
    assert given.means[0, 0] == pytest.approx(0.8)
    assert given.covariances[0, 0, 0] == pytest.approx(0.36)
    assert mixture.marginal([1]).covariances.tolist() == [[[1.0]]]
    with pytest.raises(ControlgenError):
        mixture.conditional({5: 1.0})


def test_low_rank_covariances_and_shrinkage():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((500, 1)) @ rng.standard_normal((1, 8)) + 0.1 * rng.standard_normal((500, 8))
    low = GaussianMixture(1, covariance_type="low_rank", rank=1, random_state=0, tol=1e-8, max_iter=5000).fit(X)
    loadings, noise = low.mixture_.factors
    assert loadings.shape == (1, 8, 1) and noise.shape == (1, 8)
    dense = loadings[0] @ loadings[0].T + np.diag(noise[0])
    np.testing.assert_allclose(low.covariances_[0], dense, rtol=1e-10)
    np.testing.assert_allclose(noise, 0.01, rtol=0.3)
    few = GaussianMixture(1, shrinkage="oas", random_state=0).fit(X[:5])
    assert np.linalg.cond(few.covariances_[0]) < np.linalg.cond(np.cov(X[:5].T))
    half = GaussianMixture(1, shrinkage=0.5, reg_covar=0.0, random_state=0).fit(X)
    own = np.cov(X.T, bias=True)
    target = np.trace(own) / 8 * np.eye(8)
    np.testing.assert_allclose(half.covariances_[0], 0.5 * own + 0.5 * target, rtol=1e-8)


def test_the_number_of_components_is_chosen():
    X, labels = clouds()
    chosen = GaussianMixture.select(X, range(1, 7), covariance_types=TYPES, random_state=0)
    assert (chosen.n_components, chosen.covariance_type) == (3, "diag")
    assert len(chosen.selection_["curve"]) == 6 * 4
    # Each cloud has a component.
    table = np.zeros((3, 3))
    np.add.at(table, (labels, chosen.predict(X)), 1)
    assert (table.max(axis=1) > 0.98 * table.sum(axis=1)).all()
    with pytest.raises(ControlgenError, match="'bic', 'aic'"):
        GaussianMixture.select(X, [1], criterion="best")


def test_it_works_in_scikit_learns_tools():
    X, _ = clouds()
    search = GridSearchCV(GaussianMixture(random_state=0), {"n_components": [1, 3]}, n_jobs=2)
    assert search.fit(X).best_params_ == {"n_components": 3}
    labels = make_pipeline(StandardScaler(), GaussianMixture(3, random_state=0)).fit(X).predict(X)
    assert len(set(labels)) == 3


def test_errors_and_warnings():
    X, _ = clouds()
    with pytest.raises(NotFittedError):
        GaussianMixture().predict(X)
    for name, value, text in [
        ("covariance_type", "round", "'low_rank'"),
        ("init_params", "guess", "'short_runs'"),
        ("shrinkage", "some", "'oas'"),
        ("tol", -1.0, "tol"),
        ("n_components", 0, "component"),
    ]:
        with pytest.raises(ControlgenError, match=text):
            GaussianMixture(**{name: value}).fit(X)
    with pytest.raises(ControlgenError, match="601|600"):
        GaussianMixture(601).fit(X)
    with pytest.warns(ConvergenceWarning, match="not converged after 2 iterations"):
        GaussianMixture(3, max_iter=2, tol=0.0, random_state=0).fit(X)


def test_the_lock_is_released_while_rust_works():
    X, _ = clouds(2000)
    go, ran = threading.Event(), threading.Event()

    def wait():
        go.wait()
        ran.set()

    interval = sys.getswitchinterval()
    thread = threading.Thread(target=wait)
    thread.start()
    try:
        # No thread hands the lock over by itself now: the other one runs only if `fit` lets it.
        sys.setswitchinterval(1000.0)
        mixture, settings = Mixture, GaussianMixture(8, tol=0.0, max_iter=200)._settings()
        go.set()
        mixture.fit(X, settings, 0)
        assert ran.is_set()
    finally:
        sys.setswitchinterval(interval)
        thread.join()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no interval timers")
def test_a_signal_stops_a_fit():
    class Stopped(Exception):
        pass

    def stop(*_):
        raise Stopped

    X, _ = clouds(2000)
    before = signal.signal(signal.SIGALRM, stop)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(Stopped):
            # Hours of iterations.
            GaussianMixture(8, tol=0.0, max_iter=10**9).fit(X)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
