"""Functions for optimizers and equation solvers, made from expressions.

A solver wants Python functions of one vector: a value, its gradient, its Hessian times a vector, a
sparse Jacobian.  `ScalarFunction` and `VectorFunction` have them as methods, under the names of
SciPy's arguments; `IpoptProblem` is what cyipopt takes.

>>> from scipy.optimize import minimize
>>> import gradcore.tensor as T
>>> from gradcore.optimize import ScalarFunction
>>> x = T.dvector("x")
>>> f = ScalarFunction(T.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2), x)
>>> found = minimize(f.value, [0.0, 2.0, 0.5], jac=f.grad, hessp=f.hessp, method="trust-ncg")
>>> found.x.round(3).tolist()
[1.0, 1.0, 1.0]

`LogDensity` is the same for samplers, `linear_operator` makes of a matrix that is never built what
iterative solvers take, `lbfgs` trains shared variables by one of SciPy's optimizers, and
`minibatches` by steps that see a part of the data each.  `ScalarFunction.over`, and ``data=`` of
both, take data in chunks: larger than memory, or on a cluster (`gradcore.distributed`).

This package is not imported with gradcore: it imports ``scipy.optimize``.
"""

from gradcore.optimize.densities import LogDensity as LogDensity
from gradcore.optimize.functions import ScalarFunction as ScalarFunction
from gradcore.optimize.functions import VectorFunction as VectorFunction
from gradcore.optimize.ipopt import IpoptProblem as IpoptProblem
from gradcore.optimize.lbfgs import lbfgs as lbfgs
from gradcore.optimize.minibatches import minibatches as minibatches
from gradcore.optimize.operators import linear_operator as linear_operator
