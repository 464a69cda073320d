"""Control flow by JAX's names: ``cond``, ``while_loop`` and ``fori_loop``.

They take functions, and what these carry may be tensors in tuples, lists and dicts.  Each is an
`ifelse` or a `scan`, so derivatives, batches and backends are those of these.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gradcore.errors import GraphTypeError, ScanError
from gradcore.graph import Constant, Variable, as_variable, here
from gradcore.graph.trees import Structure, flattened, mapped
from gradcore.language import Function
from gradcore.ops.scalars import invert, neq
from gradcore.scan.arguments import OutputInfo
from gradcore.scan.builder import LoopBuilder
from gradcore.scan.last import last_values
from gradcore.scan.step_results import until
from gradcore.tensor.control import ifelse
from gradcore.tensor.creation import arange


def cond(pred: Any, true_fun: Function, false_fun: Function, *operands: Any) -> Any:
    """Return ``true_fun(*operands)`` if the scalar ``pred`` holds, else ``false_fun(*operands)``.

    Both functions are called once, and return tensors in equal structures of tuples, lists and
    dicts; what only one of them needs is computed only if it is taken.

    Raises GraphTypeError: structures that differ, results of different dtype or rank, a ``pred``
    with axes.

    >>> import gradcore.tensor as T
    >>> x = T.dscalar("x")
    >>> y = cond(x > 0, lambda v: {"root": T.sqrt(v)}, lambda v: {"root": -T.sqrt(-v)}, x)
    >>> y["root"].eval({x: -9.0})
    array(-3.)
    """
    given = mapped(as_variable, operands)
    taken, structure = flattened(true_fun(*given))
    other, others = flattened(false_fun(*given))
    if structure != others:
        raise GraphTypeError(
            f"the functions of cond return different structures: {structure} and {others}", here()
        )
    return structure.holding(ifelse(pred, taken, other) if taken else [])


def while_loop(
    cond_fun: Callable[[Any], Any],
    body_fun: Callable[[Any], Any],
    init_val: Any,
    *,
    checkpoint: int | str | None = "auto",
) -> Any:
    """Return the first of ``init_val``, ``body_fun(init_val)``, ... for which ``cond_fun`` fails.

    init_val : a tensor or number, or several in tuples, lists and dicts, which ``body_fun`` returns
        in the same structure, of the same shapes and dtypes.
    cond_fun : returns a scalar.
    checkpoint : what a gradient stores of the steps, as for `scan`.

    It is a `scan` that ``until`` ends, and so has derivatives in both modes, of any order (JAX's
    has no reverse mode).  For a gradient the steps are counted, then taken again with memory for as
    many; no bound is needed.  A loop that does not end is not noticed.

    Raises ScanError: ``body_fun`` returns another structure, shape or dtype; a condition with axes.

    >>> import gradcore
    >>> import gradcore.tensor as T
    >>> x = T.dscalar("x")
    >>> steps, root = while_loop(
    ...     lambda state: abs(state[1] ** 2 - x) > 1e-12,
    ...     lambda state: (state[0] + 1, (state[1] + x / state[1]) / 2),
    ...     (0, T.ones_like(x)),
    ... )
    >>> f = gradcore.function([x], [steps, root, gradcore.grad(root, x)])
    >>> [value.round(6).tolist() for value in f(9.0)]
    [6, 3.0, 0.166667]
    """
    starts, structure = _carried(init_val)

    def holds(values: Sequence[Any]) -> Variable:
        found = as_variable(cond_fun(structure.holding(values)))
        if found.ndim:
            raise ScanError(f"cond_fun returns a scalar, not {found.type}", here())
        return found if found.dtype == "bool" else neq(found, 0)

    def step(*values: Variable) -> Any:
        new = _returned(body_fun(structure.holding(values)), structure)
        return new, until(invert(holds(new)))

    first = holds([start.initial for start in starts])
    loop = LoopBuilder(step, None, starts, None, None, False, False, "while_loop", begins=first)
    return structure.holding(last_values(loop, loop.build(-1, checkpoint)))


def fori_loop(
    lower: Any,
    upper: Any,
    body_fun: Callable[[Any, Any], Any],
    init_val: Any,
    *,
    checkpoint: int | str | None = "auto",
) -> Any:
    """Return what ``init_val`` becomes by ``val = body_fun(i, val)``, for i in lower ... upper - 1.

    lower, upper : integers, numbers or scalars of the graph; where none is between them, the result
        is ``init_val``.
    init_val : as for `while_loop`; ``i`` is an int64 scalar.
    checkpoint : what a gradient stores of the steps, as for `scan`.

    It is a `scan` over the integers: derivatives in both modes, of any order, for any bounds.

    Raises ScanError: ``body_fun`` returns another structure, shape or dtype; bounds that are no
    integers.

    >>> import gradcore.tensor as T
    >>> x, n = T.dscalar("x"), T.lscalar("n")
    >>> series = fori_loop(1, n, lambda i, s: {"sum": s["sum"] + x ** i / i}, {"sum": 0.0})["sum"]
    >>> T.grad(series, x).eval({x: 0.5, n: 4}).tolist()
    1.75
    """
    for bound in map(as_variable, (lower, upper)):
        if bound.ndim or not bound.type.is_discrete:
            raise ScanError(f"a bound of fori_loop is an integer, not {bound.type}", here())
    starts, structure = _carried(init_val)

    def step(i: Variable, *values: Variable) -> list[Any]:
        return _returned(body_fun(i, structure.holding(values)), structure)

    indices = arange(lower, upper, dtype="int64")
    loop = LoopBuilder(step, indices, starts, None, None, False, False, "fori_loop")
    return structure.holding(last_values(loop, loop.build(-1, checkpoint)))


def _carried(init_val: Any) -> tuple[list[OutputInfo], Structure]:
    """Return where the tensors that a loop carries start, and what holds them.

    A Python int starts as int64, so that it can count, unless the step makes it something else.
    """
    leaves, structure = flattened(init_val)
    if not leaves:
        raise ScanError(f"init_val is {structure}: a loop carries one tensor at least", here())
    starts: list[OutputInfo] = []
    for leaf in leaves:
        counts = isinstance(leaf, int) and not isinstance(leaf, bool)
        start = Constant(leaf, "int64") if counts else as_variable(leaf)
        starts.append(OutputInfo(start, weak=isinstance(leaf, (bool, int, float))))
    return starts, structure


def _returned(value: Any, structure: Structure) -> list[Any]:
    """Return the tensors that ``body_fun`` returned; raises ScanError: they are held otherwise."""
    leaves, found = flattened(value)
    if found != structure:
        raise ScanError(f"body_fun returns {found}, but init_val is {structure}", here())
    return leaves
