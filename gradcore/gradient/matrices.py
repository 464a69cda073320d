"""Jacobians and Hessians, as a whole and times a vector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradcore.derive import pushforward
from gradcore.errors import GraphValueError
from gradcore.gradient.arguments import (
    Variables,
    like,
    points_for,
    present,
    real_alone,
    refuse_function,
    variables_of,
)
from gradcore.gradient.modes import grad
from gradcore.gradient.seeded import by_columns, by_rows, seeds_of
from gradcore.gradient.sparse import sparse_hessian, sparse_jacobian
from gradcore.graph import Variable, as_variable, here


def jacobian(
    expression: Variable,
    wrt: Variables,
    consider_constant: Sequence[Variable] | None = None,
    disconnected_inputs: str = "raise",
    *,
    mode: str = "auto",
    chunk_size: int | None = None,
    vectorize: bool = True,
    sparse: bool = False,
) -> Any:
    """Return all first derivatives of a tensor, of shape ``expression.shape + wrt.shape``.

    expression : of any rank.
    wrt : one variable, or a list or tuple of them; the result is one, a list or a tuple alike, each
        of the dtype of its variable (``config.floatX`` for an integer one).
    consider_constant : variables through which nothing is differentiated.
    disconnected_inputs : what to do about a variable that the expression does not depend on:
        "raise", "warn" or "ignore".
    mode : "reverse", a row for each element of the expression, as `Lop`; "forward", a column for
        each element of a variable, as `Rop`; or "auto", whichever take less.
    chunk_size : how many rows (or columns) are computed at once, which bounds the memory that they
        take beside the result; None: as many as fit ``config.jacobian_memory_budget`` bytes, all if
        that is 0.
    vectorize : False for one row (or column) after the other, in a loop.
    sparse : whether to return a `SparseMatrix`, as `sparse_jacobian` does, which takes known
        extents: a matrix of the elements of the expression by those of the variable.

    What is said in ``mode``, ``chunk_size`` and ``vectorize`` is of how it is computed where it is
    needed as a whole; products with it are `Rop` and `Lop` in any case.

    Raises DisconnectedInputError, NotDifferentiableError; GraphValueError: a mode that there is
    not, a ``chunk_size`` below 1, another than 1 with ``vectorize=False``, or either of them with
    ``sparse=True``; ShapeError: ``sparse=True``, and an extent is not known.

    >>> import gradcore.tensor as T
    >>> x = T.dvector("x")
    >>> T.jacobian(x ** 2, x).eval({x: [1, 2]}).tolist()
    [[2.0, 0.0], [0.0, 4.0]]
    >>> T.jacobian(T.sum(x ** 2), x, mode="forward", chunk_size=2).eval({x: [1, 2, 3]}).tolist()
    [2.0, 4.0, 6.0]
    >>> z = T.tensor("z", "float64", (2,))
    >>> T.jacobian(z ** 2, z, sparse=True).eval({z: [1, 2]}).toarray().tolist()
    [[2.0, 0.0], [0.0, 4.0]]
    """
    refuse_function("jacobian", expression, "call it: jacobian(f(x), x); or take jacrev(f)(x)")
    real_alone("jacobian", expression, wrt)
    if sparse:
        _require_products_of_colours("jacobian", chunk_size, vectorize)
        return sparse_jacobian(expression, wrt, consider_constant, disconnected_inputs, mode)
    y = as_variable(expression)
    variables = variables_of(wrt, "wrt")
    constants = list(consider_constant or ())
    seeds = seeds_of(mode, chunk_size, vectorize)
    if mode == "forward":
        return like(wrt, by_columns(y, variables, constants, disconnected_inputs, seeds))
    if not y.ndim:
        return grad(y, wrt, constants, disconnected_inputs)
    return like(wrt, by_rows(y, variables, constants, disconnected_inputs, seeds))


def hessian(
    cost: Variable,
    wrt: Variables,
    consider_constant: Sequence[Variable] | None = None,
    disconnected_inputs: str = "raise",
    *,
    blocks: bool = False,
    mode: str = "auto",
    chunk_size: int | None = None,
    vectorize: bool = True,
    sparse: bool = False,
) -> Any:
    """Return all second derivatives of a scalar, of shape ``wrt.shape + wrt.shape``.

    For a list of variables: the list of their own blocks, of no mixed ones.

    blocks : whether to return the mixed ones, too: for a list of variables, a list for each of
        them, as `jax.hessian` does; the second derivatives by x, then y, are at the places of x and
        y, of shape ``x.shape + y.shape``.
    mode : how the gradient is differentiated: "forward", "reverse", or "auto".
    consider_constant, disconnected_inputs, chunk_size, vectorize : as those of `jacobian`.
    sparse : whether to return a `SparseMatrix`, as `sparse_hessian` does, which takes known
        extents; without ``blocks``, and in the mode "auto".

    Raises as `jacobian`, and NotScalarError.

    >>> import gradcore.tensor as T
    >>> x, y = T.dvector("x"), T.dscalar("y")
    >>> T.hessian((x ** 3).sum(), x).eval({x: [1, 2]}).tolist()
    [[6.0, 0.0], [0.0, 12.0]]
    >>> (xx, xy), (yx, yy) = T.hessian((x ** 2).sum() * y, [x, y], blocks=True)
    >>> xy.eval({x: [1, 2], y: 1}).tolist()
    [2.0, 4.0]
    """
    refuse_function("hessian", cost, "call it: hessian(f(x), x); or take jacfwd(jacrev(f))(x)")
    real_alone("hessian", wrt)
    if sparse:
        _require_products_of_colours("hessian", chunk_size, vectorize)
        if blocks or mode != "auto":
            raise GraphValueError(
                f"hessian(..., sparse=True) has no blocks={blocks}, mode={mode!r}: it is of own "
                "blocks, by products from both sides",
                here(),
                "take jacobian(grad(cost, x), wrt, sparse=True, mode=...)",
            )
        return sparse_hessian(cost, wrt, consider_constant, disconnected_inputs)
    variables = variables_of(wrt, "wrt")
    constants = list(consider_constant or ())
    gradients = grad(cost, variables, constants, disconnected_inputs)
    # A constant gradient does not depend on the variable: its Hessian is zero, and that is fine.
    results = [
        jacobian(
            gradient,
            wrt if blocks else variable,
            constants,
            "ignore",
            mode=mode,
            chunk_size=chunk_size,
            vectorize=vectorize,
        )
        for gradient, variable in zip(gradients, variables, strict=True)
    ]
    return like(wrt, results)


def _require_products_of_colours(name: str, chunk_size: int | None, vectorize: bool) -> None:
    """Raise GraphValueError if it is said how products are computed that a sparse one has not."""
    if chunk_size is not None or not vectorize:
        raise GraphValueError(
            f"{name}(..., sparse=True) takes a product for each colour, all at once: there are no "
            f"rows for chunk_size={chunk_size}, vectorize={vectorize}",
            here(),
            "omit chunk_size and vectorize",
        )


def hessian_vector_product(cost: Variable, wrt: Variables, p: Any) -> Any:
    """Return the Hessian of a scalar times ``p``, without building the Hessian.

    p : for each of ``wrt`` a tensor of its shape.  The mixed blocks count.

    >>> import gradcore.tensor as T
    >>> x, v = T.dvectors("x", "v")
    >>> T.hessian_vector_product((x ** 3).sum(), x, v).eval({x: [1, 2], v: [1, 1]}).tolist()
    [6.0, 12.0]
    """
    variables = variables_of(wrt, "wrt")
    gradients = grad(cost, variables)
    points = points_for(p, wrt, variables, "hessian_vector_product")
    found = pushforward(gradients, variables, points)
    results = [
        present(direction, gradient, "zero", "raise")
        for direction, gradient in zip(found, gradients, strict=True)
    ]
    return like(wrt, results)
