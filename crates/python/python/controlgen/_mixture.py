"""`GaussianMixture`: scikit-learn's interface to the mixtures of `gmm`."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from ._controlgen import Mixture

# In other precisions, data are converted to the first.
_DTYPES = (np.float64, np.float32)

# The parameters of the constructor that a fit takes as they are.
_SETTINGS = (
    "n_components",
    "covariance_type",
    "rank",
    "tol",
    "reg_covar",
    "max_iter",
    "n_init",
    "init_params",
    "shrinkage",
)


class GaussianMixture(DensityMixin, BaseEstimator):
    """A Gaussian mixture, fitted by parallel expectation maximization.

    The interface is that of `sklearn.mixture.GaussianMixture`, and so are the names and defaults of
    its parameters, except for `init_params`. It also takes weighted samples, data of single
    precision, low-rank covariances and shrinkage, and it chooses the number of components.

    The same data, parameters and `random_state` give the same bits at any number of threads.

    Parameters
    ----------
    n_components : int, default=1
        Number of components.
    covariance_type : {'full', 'tied', 'diag', 'spherical', 'low_rank'}, default='full'
        Shape of the covariances; 'low_rank' is a mixture of factor analyzers.
    rank : int, default=1
        Number of factors of low-rank covariances.
    tol : float, default=1e-3
        A start has converged once the mean lower bound rises by less, in nats per sample.
    reg_covar : float, default=1e-6
        Added to the diagonal of every covariance.
    max_iter : int, default=100
        Maximum number of EM iterations of each start.
    n_init : int, default=1
        Number of starts; the likeliest result is kept.
    init_params : str, default='short_runs'
        The kind of start: 'short_runs' (short runs of EM, of which the likeliest continues),
        'kmeans', 'k-means++', 'k-means||' or 'random_from_data'.
    shrinkage : {'oas', 'ledoit_wolf'}, float or None, default=None
        Shrinkage of full covariances toward a multiple of the identity, for components with few
        samples; a float is the fraction.
    warm_start : bool, default=False
        Whether a fit goes on from the parameters of the last one.
    random_state : int, RandomState instance or None, default=None
        The seed of starts and samples.

    Attributes
    ----------
    weights_, means_, covariances_ : ndarray
        Parameters, in scikit-learn's shapes; low-rank covariances as full ones.
    precisions_, precisions_cholesky_ : ndarray
        Inverses of the covariances, and their Cholesky factors, computed when asked for.
    converged_ : bool
        Whether the kept start has converged.
    n_iter_ : int
        Its number of iterations.
    lower_bound_ : float
        Mean log likelihood of the fitted mixture, in nats per sample.
    lower_bounds_ : list of float
        Mean log likelihood before each M step.
    n_features_in_ : int
        Number of features.
    mixture_ : Mixture
        The parameters in Rust, with `marginal`, `conditional`, `merged`, `moments`, `to_json`.
    report_ : dict
        Facts about the fit: all starts, repairs of degenerate components, criteria.
    selection_ : dict
        All candidates, after `select`.

    Examples
    --------
    >>> import numpy as np
    >>> from controlgen import GaussianMixture
    >>> X = np.array([[1, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0]])
    >>> gm = GaussianMixture(n_components=2, random_state=0).fit(X)
    >>> bool(gm.predict([[0, 0]])[0] != gm.predict([[12, 3]])[0])
    True
    """

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: str = "full",
        rank: int = 1,
        tol: float = 1e-3,
        reg_covar: float = 1e-6,
        max_iter: int = 100,
        n_init: int = 1,
        init_params: str = "short_runs",
        shrinkage: str | float | None = None,
        warm_start: bool = False,
        random_state: Any = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.rank = rank
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.shrinkage = shrinkage
        self.warm_start = warm_start
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> GaussianMixture:
        """Fits the mixture to the rows of X; a weight is read as "this row occurs so often"."""
        X, weights = self._data(X, sample_weight)
        start = self.mixture_ if self.warm_start and hasattr(self, "mixture_") else None
        return self._take(*Mixture.fit(X, self._settings(), self._seed(), weights, start))

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> npt.NDArray[np.int64]:
        """Fits the mixture and returns the most probable component of each row."""
        return self.fit(X, y, sample_weight).predict(X)

    @classmethod
    def select(
        cls,
        X: Any,
        n_components: Iterable[int] = range(1, 11),
        *,
        covariance_types: Sequence[str] = ("full",),
        criterion: str = "bic",
        sample_weight: Any = None,
        **params: Any,
    ) -> GaussianMixture:
        """Fits mixtures of several sizes and shapes and returns the one that a criterion chooses.

        `criterion` is 'bic', 'aic', 'icl', 'held_out' (cross-validated log likelihood) or 'elbow';
        `params` are those of the constructor. `selection_` of the result lists all candidates.
        """
        chosen = cls(**params)
        X, weights = chosen._data(X, sample_weight)
        mixture, report, selection = Mixture.select(
            X,
            chosen._settings(),
            list(n_components),
            list(covariance_types),
            criterion,
            chosen._seed(),
            weights,
        )
        chosen.n_components = mixture.n_components
        chosen.covariance_type = mixture.covariance_type
        chosen.selection_ = selection
        return chosen._take(mixture, report)

    @classmethod
    def from_mixture(cls, mixture: Mixture) -> GaussianMixture:
        """A fitted estimator with known parameters; see `Mixture.from_parameters`."""
        made = cls(mixture.n_components, covariance_type=mixture.covariance_type)
        if mixture.rank is not None:
            made.rank = mixture.rank
        made.n_features_in_ = mixture.n_features
        made._keep(mixture)
        return made

    def predict(self, X: Any) -> npt.NDArray[np.int64]:
        """Most probable component of each row."""
        X = self._rows(X)
        return self.mixture_.predict(X)

    def predict_proba(self, X: Any) -> npt.NDArray[np.float64]:
        """Probability of each component for each row, `[n, K]`."""
        X = self._rows(X)
        return self.mixture_.predict_proba(X)

    def score_samples(self, X: Any) -> npt.NDArray[np.float64]:
        """Log likelihood of each row, in nats."""
        X = self._rows(X)
        return self.mixture_.score_samples(X)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Mean log likelihood of the rows, in nats."""
        return self._criteria(X, sample_weight)[0]

    def bic(self, X: Any, sample_weight: Any = None) -> float:
        """Bayesian information criterion; lower is better."""
        return self._criteria(X, sample_weight)[1]

    def aic(self, X: Any, sample_weight: Any = None) -> float:
        """Akaike's information criterion; lower is better."""
        return self._criteria(X, sample_weight)[2]

    def sample(self, n_samples: int = 1) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """Draws points; returns them with their components."""
        check_is_fitted(self)
        if n_samples < 1:
            raise ValueError(f"n_samples is {n_samples}; 1 or more is allowed")
        return self.mixture_.sample(n_samples, self._seed())

    @property
    def precisions_(self) -> npt.NDArray[np.float64]:
        """Inverses of the covariances, in their shape."""
        covariances = self.covariances_
        if self.mixture_.covariance_type in ("diag", "spherical"):
            return 1.0 / covariances
        return np.linalg.inv(covariances).astype(np.float64, copy=False)

    @property
    def precisions_cholesky_(self) -> npt.NDArray[np.float64]:
        """Upper triangular factors P of the precisions, `P @ P.T`; square roots of variances'."""
        covariances = self.covariances_
        if self.mixture_.covariance_type in ("diag", "spherical"):
            return 1.0 / np.sqrt(covariances)
        factors = np.linalg.inv(np.linalg.cholesky(covariances))
        return np.swapaxes(factors, -1, -2).astype(np.float64, copy=False)

    def _data(self, X: Any, sample_weight: Any) -> tuple[Any, list[float] | None]:
        X = validate_data(self, X, dtype=_DTYPES, ensure_min_samples=2)
        if sample_weight is None:
            return X, None
        return X, _check_sample_weight(sample_weight, X, dtype=np.float64).tolist()

    def _rows(self, X: Any) -> Any:
        check_is_fitted(self)
        return validate_data(self, X, dtype=_DTYPES, reset=False)

    def _criteria(self, X: Any, sample_weight: Any) -> tuple[float, float, float]:
        X = self._rows(X)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, dtype=np.float64).tolist()
        return self.mixture_.criteria(X, sample_weight)

    def _settings(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _SETTINGS}

    def _seed(self) -> int:
        if isinstance(self.random_state, Integral) and int(self.random_state) >= 0:
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

    def _keep(self, mixture: Mixture) -> None:
        self.mixture_ = mixture
        self.weights_ = mixture.weights
        self.means_ = mixture.means
        self.covariances_ = mixture.covariances

    def _take(self, mixture: Mixture, report: dict[str, Any]) -> GaussianMixture:
        self._keep(mixture)
        self.report_ = report
        self.converged_ = report["converged"]
        self.n_iter_ = report["n_iter"]
        self.lower_bound_ = report["score"]
        self.lower_bounds_ = report["lower_bounds"]
        if not self.converged_:
            warnings.warn(
                f"the fit has not converged after {self.n_iter_} iterations; raise max_iter or tol",
                ConvergenceWarning,
                stacklevel=3,
            )
        return self
