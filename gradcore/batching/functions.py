"""Functions of single tensors, called with stacks of them."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from gradcore.batching.graphs import with_leading_axes
from gradcore.batching.leading import LeadingAxes
from gradcore.errors import GraphTypeError, GraphValueError, ShapeError
from gradcore.graph import Extent, Shape, TensorType, Variable, as_variable, here
from gradcore.graph.nodes import extents_of
from gradcore.language import LANGUAGE, Function, is_several, listed
from gradcore.ops.shape import SpecifyShape

Dims: TypeAlias = tuple[str, ...]
"""The axes of an argument or a result, by name; or by extent, a number."""

CORE = r"\(\s*(?:\w+\s*(?:,\s*\w+\s*)*)?\)"
SIGNATURE = re.compile(rf"\s*(?:{CORE}\s*(?:,\s*{CORE}\s*)*)?->\s*{CORE}\s*(?:,\s*{CORE}\s*)*")


@dataclass(frozen=True)
class Signature:
    """The axes of the arguments of a function, and of its results."""

    arguments: tuple[Dims, ...]
    results: tuple[Dims, ...]

    @classmethod
    def parsed(cls, text: str) -> Signature:
        """Return what ``text`` says, as in ``"(m,n),(n)->(m)"``; raises GraphValueError."""
        if not SIGNATURE.fullmatch(text):
            raise GraphValueError(
                f"{text!r} is no signature of a function",
                here(),
                'write the axes of its arguments and results: "(m,n),(n)->(m)"',
            )
        before, after = text.split("->")
        return cls(_dims(before), _dims(after))


def _dims(text: str) -> tuple[Dims, ...]:
    return tuple(tuple(re.findall(r"\w+", group)) for group in re.findall(CORE, text))


def vectorize(fn: Function, signature: str | None = None) -> Callable[..., Any]:
    """Return a function that applies ``fn``, a function of tensors, to stacks of its arguments.

    fn : takes variables and returns one, or a list or tuple of them.
    signature : the axes of the arguments and the results of ``fn`` by name, as NumPy's
        ``"(m,n),(n)->(m)"``; axes of one name have one extent, a number stands for itself.  Without
        one all are scalars.

    The function returned takes tensors with any axes in front of those, which broadcast as NumPy's
    do; its results have all of these axes in front.  See `vectorize_graph` for loops and choices.

    Raises GraphValueError: a signature that is none.  When called, GraphTypeError: another number
    of arguments or results, too few axes.  ShapeError: extents that do not fit, here or when it
    runs.

    >>> import gradcore.tensor as T
    >>> X, y = T.dmatrix("X"), T.dvector("y")
    >>> distance = T.vectorize(lambda a, b: T.sqrt(T.sum((a - b) ** 2)), "(n),(n)->()")
    >>> distance(X, y).eval({X: [[3, 4], [0, 1]], y: [0, 0]})
    array([5., 1.])
    """
    declared = None if signature is None else Signature.parsed(signature)
    named: Callable[..., Any] = fn

    @functools.wraps(named)
    def vectorized(*arguments: Any) -> Any:
        given = [as_variable(x) for x in arguments]
        form = declared or Signature(((),) * len(given), ())
        if len(given) != len(form.arguments):
            raise GraphTypeError(f"{len(given)} arguments for the signature {signature}", here())
        extents = _extents(given, form.arguments)
        fitted = [
            _with_extents(x, dims, extents) for x, dims in zip(given, form.arguments, strict=True)
        ]
        inner = [
            Variable(TensorType(x.dtype, x.type.shape[x.ndim - len(dims) :]), x.name)
            for x, dims in zip(fitted, form.arguments, strict=True)
        ]
        returned = fn(*inner)
        outputs = [as_variable(y) for y in listed(returned)]
        results = form.results if declared else tuple(() for _ in outputs)
        _check_results(outputs, results, signature)
        axes = LeadingAxes.of(fitted, [v.ndim for v in inner])
        found = [
            with_all_axes(_with_extents(y, dims, extents), axes.shape, len(dims))
            for y, dims in zip(with_leading_axes(outputs, inner, axes), results, strict=True)
        ]
        if not is_several(returned):
            return found[0]
        return tuple(found) if isinstance(returned, tuple) else found

    return vectorized


def _check_results(
    outputs: Sequence[Variable], results: Sequence[Dims], signature: str | None
) -> None:
    """Raise GraphTypeError for other results than the signature says."""
    said = f"the signature {signature}" if signature else "a function of scalars"
    if len(outputs) != len(results):
        raise GraphTypeError(f"{len(outputs)} results for {said}", here())
    for k, (y, dims) in enumerate(zip(outputs, results, strict=True)):
        if y.ndim != len(dims):
            raise GraphTypeError(
                f"result {k} has {y.ndim} axes ({y.type}), for {said}",
                here(),
                None if signature else 'give a signature, such as "(n)->(n)"',
            )


def _extents(given: Sequence[Variable], arguments: Sequence[Dims]) -> dict[str, Extent]:
    """Return the extents of axes by name: ints where one is known.  Raises ShapeError."""
    found: dict[str, Extent] = {}
    for k, (x, dims) in enumerate(zip(given, arguments, strict=True)):
        if x.ndim < len(dims):
            raise GraphTypeError(
                f"argument {k}, {x}, is {x.type}; the signature gives it axes ({', '.join(dims)})",
                here(),
            )
        for name, n in zip(dims, extents_of(x)[x.ndim - len(dims) :], strict=True):
            known = int(name) if name.isdigit() else found.get(name, n)
            both = {m for m in (known, n) if isinstance(m, int)}
            if len(both) > 1:
                raise ShapeError(
                    f"argument {k}, {x}, is {x.type}: its axis {name} should be {known}", here()
                )
            found[name] = both.pop() if both else known
    return found


def _with_extents(x: Variable, dims: Dims, extents: Mapping[str, Extent]) -> Variable:
    """Return a tensor whose last axes are known, or at run time checked, to have their extents."""
    have = extents_of(x)
    front = x.ndim - len(dims)
    wanted = [extents.get(name, n) for name, n in zip(dims, have[front:], strict=True)]
    if all(m is n for m, n in zip(wanted, have[front:], strict=True)):
        return x
    why = f"the signature gives it axes ({', '.join(dims)})"
    return SpecifyShape(why)(x, *have[:front], *wanted)


def with_all_axes(y: Variable, shape: Shape, core: int) -> Variable:
    """Return a result with all axes in front, those that it does not depend on, too."""
    front = y.ndim - core
    lead = y.type.shape[:front]
    missing = front < len(shape) or any(m == 1 != n for m, n in zip(lead, shape, strict=True))
    return LANGUAGE["alloc"](y, *shape, *extents_of(y)[front:]) if missing else y
