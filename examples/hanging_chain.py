"""A chain between two hooks, over a table: one problem for four optimizers.

Run it: ``python examples/hanging_chain.py``.  The joints go where their potential energy is least.
Links have a length (constraints), and no joint is below the table (bounds).  Energy and constraints
are written once; gradients, sparse Jacobians and Hessians follow.  SciPy's "trust-constr" and
"SLSQP" take both; "L-BFGS-B" takes bounds only, and the constraints in an augmented Lagrangian;
Ipopt is asked where cyipopt is installed.
"""

from importlib import import_module
from importlib.util import find_spec

import numpy as np
import scipy.optimize

import gradcore.tensor as T
from gradcore.optimize import IpoptProblem, ScalarFunction, VectorFunction

LENGTH, TABLE = 1.6, -0.45


class Chain:
    """A chain of links from (0, 0) to (1, 0): its energy, its constraints, where it starts."""

    def __init__(self, links):
        self.variables = [T.tensor(name, "float64", (links - 1,)) for name in ("x", "y")]
        ends = [[0.0], [1.0]], [[0.0], [0.0]]
        right, height = (
            T.concatenate([first, v, last])
            for v, (first, last) in zip(self.variables, ends, strict=True)
        )
        squares = (right[1:] - right[:-1]) ** 2 + (height[1:] - height[:-1]) ** 2
        self.energy = T.sum(height) / links
        self.stretch = squares * (links / LENGTH) ** 2 - 1  # of each link: 0
        straight = np.linspace(0, 1, links + 1)[1:-1]
        self.start = np.concatenate([straight, -0.1 * np.sin(np.pi * straight)])
        self.lower = np.repeat([-np.inf, TABLE], links - 1)
        self.bounds = scipy.optimize.Bounds(self.lower, np.inf)


def by_trust_constr(chain):
    """Interior points, with sparse Jacobians and Hessians."""
    f, g = (
        made(y, chain.variables)
        for made, y in ((ScalarFunction, chain.energy), (VectorFunction, chain.stretch))
    )
    return scipy.optimize.minimize(
        f.value_and_grad,
        chain.start,
        jac=True,
        hess=f.hess,
        method="trust-constr",
        bounds=chain.bounds,
        constraints=[g.constraint(0.0, 0.0)],
        options={"gtol": 1e-8, "barrier_tol": 1e-9, "initial_tr_radius": 0.1},
    ).x


def by_slsqp(chain):
    """Sequential quadratic programs, with dense Jacobians."""
    f = ScalarFunction(chain.energy, chain.variables)
    g = VectorFunction(chain.stretch, chain.variables, sparse=False)
    return scipy.optimize.minimize(
        f.value_and_grad,
        chain.start,
        jac=True,
        method="SLSQP",
        bounds=chain.bounds,
        constraints=[g.constraint(0.0, 0.0, second_order=False)],
        options={"maxiter": 500, "ftol": 1e-12},
    ).x


def by_lbfgsb(chain, rounds=20, weight=10.0):
    """Gradients alone: constraints cost, by multipliers that grow where they are violated."""
    multipliers = T.dvector("multipliers")
    cost = chain.energy + T.dot(multipliers, chain.stretch) + weight / 2 * T.sum(chain.stretch**2)
    f = ScalarFunction(cost, chain.variables, args=[multipliers])
    g = VectorFunction(chain.stretch, chain.variables)
    x, values = chain.start, np.zeros_like(g.value(chain.start))
    for _ in range(rounds):
        x = scipy.optimize.minimize(
            f.value_and_grad,
            x,
            args=(values,),
            jac=True,
            method="L-BFGS-B",
            bounds=chain.bounds,
            options={"maxiter": 5000, "ftol": 1e-15, "gtol": 1e-9},
        ).x
        values = values + weight * g.value(x)
    return x


def by_ipopt(chain):
    """Ipopt, which takes the Hessian of the Lagrangian."""
    p = IpoptProblem(chain.energy, chain.variables, chain.stretch)
    zeros = np.zeros(p.m)
    solver = import_module("cyipopt").Problem(
        n=p.n, m=p.m, problem_obj=p, lb=chain.lower, cl=zeros, cu=zeros
    )
    solver.add_option("print_level", 0)
    solver.add_option("sb", "yes")
    return solver.solve(chain.start)[0]


SOLVERS = {"trust-constr": by_trust_constr, "SLSQP": by_slsqp, "L-BFGS-B": by_lbfgsb}
if find_spec("cyipopt"):
    SOLVERS["Ipopt"] = by_ipopt


def main(links=12):
    """Return what each optimizer finds: the energy, the largest stretch, the joints."""
    chain = Chain(links)
    f = ScalarFunction(chain.energy, chain.variables)
    g = VectorFunction(chain.stretch, chain.variables)
    found = {name: solve(chain) for name, solve in SOLVERS.items()}
    return {
        name: (f.value(x), float(abs(g.value(x)).max()), f.unflatten(x))
        for name, x in found.items()
    }


if __name__ == "__main__":
    for solver, (energy, stretch, (_, height)) in main().items():
        on_table = int((height < TABLE + 1e-4).sum())
        print(f"{solver:12} energy {energy:.6f}, stretch {stretch:.0e}, {on_table} on the table")
