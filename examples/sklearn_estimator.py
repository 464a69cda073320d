"""An estimator for scikit-learn: robust regression, whose Newton steps nobody derived.

Run it: ``python examples/sklearn_estimator.py``.  A line through points of which some are far off:
the loss is quadratic near it and linear far from it (the "pseudo-Huber" loss), and its minimum is
found by Newton's method in a trust region, with a gradient and products of the Hessian that follow
from the expression of the loss.  The class is what scikit-learn wants of an estimator, which its
own `check_estimator` confirms: it stands in pipelines and searches, and is cloned and pickled.  The
loss is compiled once, for data of any size.

P. Charbonnier, L. Blanc-Feraud, G. Aubert and M. Barlaud, "Two deterministic half-quadratic
regularization algorithms for computed imaging" (ICIP 1994).
"""

import functools

import numpy as np
from scipy.optimize import minimize
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

import gradcore.tensor as T
from gradcore.optimize import ScalarFunction


@functools.cache
def loss():
    """Return the loss as functions of the coefficients, of which the intercept is the last."""
    w, X, y, weights = T.dvector("w"), T.dmatrix("X"), *T.dvectors("y", "weights")
    delta, alpha = T.dscalars("delta", "alpha")
    residual = (y - T.dot(X, w[:-1]) - w[-1]) / delta
    misfit = T.sqr(delta) * (T.sqrt(1 + T.sqr(residual)) - 1)
    cost = T.sum(weights * misfit) + alpha / 2 * T.sum(T.sqr(w[:-1]))
    return ScalarFunction(cost, w, args=[X, y, weights, delta, alpha])


class PseudoHuberRegressor(RegressorMixin, BaseEstimator):
    """Linear regression that points far from the line disturb little.

    delta : from which distance on the loss is about linear.
    alpha : of the penalty on the squares of the coefficients.
    max_iter, tol : of the solver: how many steps, and how small the gradient becomes.

    coef_, intercept_ : what `fit` has found; n_iter_ : in how many steps.
    """

    def __init__(self, delta=1.0, alpha=1e-3, max_iter=200, tol=1e-8):
        self.delta = delta
        self.alpha = alpha
        self.max_iter = max_iter
        self.tol = tol

    def fit(self, X, y, sample_weight=None):
        """Find the coefficients; return the estimator."""
        X, y = validate_data(self, X, y, dtype="float64", y_numeric=True)
        weights = _check_sample_weight(sample_weight, X)
        f, start = loss(), np.zeros(X.shape[1] + 1)
        start[-1] = np.average(y, weights=weights)
        found = minimize(
            f.value, start, (X, np.asarray(y, "float64"), weights, self.delta, self.alpha),
            jac=f.grad, hessp=f.hessp, method="trust-ncg",
            options={"gtol": self.tol, "maxiter": self.max_iter},
        )  # fmt: skip
        self.coef_, self.intercept_ = found.x[:-1], found.x[-1]
        self.n_iter_ = max(found.nit, 1)
        return self

    def predict(self, X):
        """Return what the line says at places."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype="float64", reset=False)
        return X @ self.coef_ + self.intercept_


def main(points=400, seed=0):
    """Print what two regressions make of points of which a tenth is far off; return both."""
    rng = np.random.default_rng(seed)
    X, truth = rng.normal(size=(points, 3)), np.array([2.0, -1.0, 0.5])
    y = X @ truth + 3 + rng.normal(scale=0.1, size=points)
    y[::10] += 50 * rng.exponential(size=points // 10)
    steps = make_pipeline(StandardScaler(), PseudoHuberRegressor())
    delta = {"pseudohuberregressor__delta": [0.1, 1.0, 10.0]}
    search = GridSearchCV(steps, delta, scoring="neg_median_absolute_error").fit(X, y)
    robust, plain = PseudoHuberRegressor(delta=0.1).fit(X, y), LinearRegression().fit(X, y)
    print("the truth    ", truth, 3.0)
    print("least squares", plain.coef_.round(2), plain.intercept_.round(2))
    print("robust       ", robust.coef_.round(2), robust.intercept_.round(2))
    print("the search takes", search.best_params_)
    return truth, robust, plain


if __name__ == "__main__":
    main()
