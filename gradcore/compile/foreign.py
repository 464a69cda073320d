"""Functions of JAX and torch as ops: ``from_jax`` and ``from_torch``.

Values, derivatives in both modes, and of any order, are the library's: the pullback of such an op
is the op of the library's pullback of its function.  Arrays go there and back through NumPy, which
shares memory on a CPU.

The decision: what a function returns is found by calling it on shapes alone (``jax.eval_shape``,
torch's meta tensors).  Extents that are not known are tried with several numbers; where none fits,
the user says the types.  Rejected: symbolic shapes of the libraries, which refuse much that runs.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Protocol, final

from gradcore.errors import GraphTypeError
from gradcore.graph import Apply, Op, TensorType, Variable, as_variable, here
from gradcore.graph.nodes import Derivative
from gradcore.graph.types import listed_types
from gradcore.language import LANGUAGE, is_several, listed
from gradcore.mode import Mode

TRIED = (3, 2, 5, 1)
"""What is tried as extents that are not known, after those that are."""


class Library(Protocol):
    """What a backend says of functions of its library, whose arguments and results are arrays."""

    def called(self, fn: Callable[..., Any], arrays: Sequence[Any]) -> Sequence[Any]:
        """Return what a function returns, in a list, as NumPy's arrays."""
        ...

    def shapes(
        self, fn: Callable[..., Any], types: Sequence[tuple[str, tuple[int, ...]]]
    ) -> tuple[Sequence[tuple[str, tuple[int, ...]]], bool]:
        """Return dtypes and shapes of what a function returns, and whether it is one array."""
        ...

    def pullback(
        self, fn: Callable[..., Any], n: int, moved: Sequence[int], moving: Sequence[int]
    ) -> Callable[..., Any]:
        """Return a function of ``n`` arguments and cotangents of the outputs ``moving``.

        It returns the cotangents of the arguments ``moved``.  Of complex numbers a cotangent is the
        gradient of a cost in the real part, minus i times that in the imaginary part.
        """
        ...

    def pushforward(
        self, fn: Callable[..., Any], n: int, moved: Sequence[int], moving: Sequence[int]
    ) -> Callable[..., Any]:
        """Return a function of ``n`` arguments and tangents of those of ``moved``.

        It returns the tangents of the outputs ``moving``.
        """
        ...


def with_some(
    fn: Callable[..., Any], xs: Sequence[Any], moved: Sequence[int], moving: Sequence[int]
) -> Callable[..., Any]:
    """Return a function of some arguments that returns some outputs, in a tuple."""

    def part(*some: Any) -> tuple[Any, ...]:
        full = list(xs)
        for i, x in zip(moved, some, strict=True):
            full[i] = x
        outputs = listed(fn(*full))
        return tuple(outputs[k] for k in moving)

    return part


class _ByLibrary(Derivative):
    """The derivative that the library takes."""

    def connects(self, node: Apply, i: int, o: int) -> bool:
        """Return whether both are floats or complex numbers."""
        return node.inputs[i].type.is_inexact and node.outputs[o].type.is_inexact

    def pullback(self, node: Apply, cotangents: Sequence[Any], wanted: Sequence[bool]) -> list[Any]:
        """Return the cotangents of the operands that are floats or complex numbers."""
        assert isinstance(node.op, ForeignOp)
        moved, moving = _inexact(node.inputs), _inexact(node.outputs)
        given = [_or_zeros(cotangents[k], node.outputs[k]) for k in moving]
        types = [node.inputs[i].type for i in moved]
        found = listed(node.op.pulled_back(moved, moving, types)(*node.inputs, *given))
        places = dict(zip(moved, found, strict=True))
        return [places.get(i) if want else None for i, want in enumerate(wanted)]

    def pushforward(self, node: Apply, tangents: Sequence[Any]) -> list[Any]:
        """Return the tangents of the outputs that are floats or complex numbers."""
        assert isinstance(node.op, ForeignOp)
        moved, moving = _inexact(node.inputs), _inexact(node.outputs)
        given = [_or_zeros(tangents[i], node.inputs[i]) for i in moved]
        types = [node.outputs[k].type for k in moving]
        found = listed(node.op.pushed_forward(moved, moving, types)(*node.inputs, *given))
        places = dict(zip(moving, found, strict=True))
        return [places.get(k) for k in range(len(node.outputs))]


def _inexact(variables: Sequence[Variable]) -> list[int]:
    return [k for k, v in enumerate(variables) if v.type.is_inexact]


def _or_zeros(direction: Any, v: Variable) -> Variable:
    return direction if isinstance(direction, Variable) else LANGUAGE["zeros_like"](v)


@final
class ForeignOp(Op):
    """A function of a library as an op.

    library : what calls it.
    fn : the function.
    types : those of the outputs.
    name : what to call it.
    """

    derivative = _ByLibrary()

    def __init__(
        self, library: Library, fn: Callable[..., Any], types: Sequence[TensorType], name: str
    ) -> None:
        self.library = library
        self.fn = fn
        self.types = tuple(types)
        self.name = name

    @cached_property
    def _derived(self) -> dict[Any, ForeignOp]:
        return {}

    def pulled_back(
        self, moved: Sequence[int], moving: Sequence[int], types: Sequence[TensorType]
    ) -> Any:
        """Return the op of the pullback of the function, as a function of the operands."""
        return self._with("pullback", moved, moving, types)

    def pushed_forward(
        self, moved: Sequence[int], moving: Sequence[int], types: Sequence[TensorType]
    ) -> Any:
        """Return the op of the pushforward of the function, as a function of the operands."""
        return self._with("pushforward", moved, moving, types)

    def _with(
        self, kind: str, moved: Sequence[int], moving: Sequence[int], types: Sequence[TensorType]
    ) -> Any:
        def applied(*given: Variable) -> Any:
            n = len(given) - len(moving if kind == "pullback" else moved)
            key = kind, n, tuple(moved), tuple(moving), tuple(types)
            if key not in self._derived:
                fn = getattr(self.library, kind)(self.fn, n, moved, moving)
                name = f"{kind}({self.name})"
                self._derived[key] = ForeignOp(self.library, fn, types, name)
            return self._derived[key](*given)

        return applied

    def label(self) -> str:
        """Return the name of the function."""
        return self.name

    def make_node(self, *inputs: Any) -> Apply:
        """Return a node."""
        return Apply(self, list(map(as_variable, inputs)), [t() for t in self.types])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Any) -> None:
        """Call the function."""
        found = self.library.called(self.fn, inputs)
        if len(found) != len(self.types):
            raise GraphTypeError(
                f"{self.name} returns {len(found)} arrays, its otypes are {len(self.types)}"
            )
        for cell, value in zip(output_storage, found, strict=True):
            cell[0] = value


def from_jax(fn: Callable[..., Any], otypes: Any = None) -> Callable[..., Any]:
    """Return a function of JAX's arrays as a function of variables, with JAX's derivatives.

    fn : takes arrays, and returns one, or a list or tuple of them.
    otypes : the types of what it returns, one or a list, such as ``T.dvector``; None: they are
        found by ``jax.eval_shape``.

    The op runs on every backend; it has derivatives of any order, in both modes, by ``jax.vjp`` and
    ``jax.jvp``.

    Raises UnavailableError: JAX is not installed.  GraphTypeError: ``otypes`` are no types; where
    it is applied: the types of what it returns are not known, or it takes another number of
    operands; when it runs: it returns another number of arrays than ``otypes``.  TypeError, when it
    runs: what it returns is not of these types.

    For one that it is applied to, ``from_jax(lambda v: jnp.sum(jnp.sin(v) ** 2))(x)`` is a scalar,
    of which `grad` is JAX's gradient.

    >>> import gradcore, gradcore.tensor as T
    >>> import jax
    >>> x = T.fvector("x")
    >>> energy = gradcore.from_jax(lambda v: (v ** 2).sum())
    >>> T.grad(energy(x), x).eval({x: [1.0, 2.0]}).tolist()
    [2.0, 4.0]
    """
    return _from("jax", fn, otypes)


def from_torch(fn: Callable[..., Any], otypes: Any = None) -> Callable[..., Any]:
    """Return a function of torch's tensors as a function of variables, with torch's derivatives.

    fn : takes tensors, and returns one, or a list or tuple of them.
    otypes : the types of what it returns, one or a list, such as ``T.dvector``; None: they are
        found by calling it on tensors of the device "meta", which have shapes alone.

    The op runs on every backend; it has derivatives of any order, in both modes, by
    ``torch.func.vjp`` and ``torch.func.jvp``.

    Raises UnavailableError: torch is not installed.  GraphTypeError: ``otypes`` are no types; where
    it is applied: the types of what it returns are not known, or it takes another number of
    operands; when it runs: it returns another number of arrays than ``otypes``.  TypeError, when it
    runs: what it returns is not of these types.

    >>> import gradcore, gradcore.tensor as T
    >>> import torch
    >>> x = T.fvector("x")
    >>> energy = gradcore.from_torch(lambda v: torch.sum(v ** 2))
    >>> T.grad(energy(x), x).eval({x: [1.0, 2.0]}).tolist()
    [2.0, 4.0]
    """
    return _from("torch", fn, otypes)


def _from(name: str, fn: Callable[..., Any], otypes: Any) -> Callable[..., Any]:
    library: Library = Mode(name).resolved_backend().foreign()
    label = getattr(fn, "__name__", "function").strip("<>")
    declared = listed_types(otypes, f"from_{name}")
    ops: dict[Any, tuple[ForeignOp, bool]] = {}

    def applied(*given: Any) -> Any:
        variables = list(map(as_variable, given))
        key = tuple(v.type for v in variables)
        if key not in ops:
            if otypes is None:
                types, single = _types(library, fn, key, label)
            else:
                types, single = declared, not is_several(otypes)
            ops[key] = ForeignOp(library, fn, types, label), single
        op, single = ops[key]
        outputs = op.make_node(*variables).outputs
        return outputs[0] if single else list(outputs)

    return applied


def _bound(fn: Callable[..., Any], given: Sequence[TensorType], label: str) -> None:
    """Raise GraphTypeError, if a function takes another number of operands."""
    try:
        inspect.signature(fn).bind(*given)
    except TypeError as error:
        raise GraphTypeError(
            f"{label} does not take {len(given)} operands: {error}", here()
        ) from None
    except ValueError:  # a function of C without a signature
        return


def _types(
    library: Library, fn: Callable[..., Any], given: Sequence[TensorType], label: str
) -> tuple[list[TensorType], bool]:
    """Return the types of what a function returns for operands of types.

    An extent is known if it is the same for two numbers in place of those that are not.
    """
    _bound(fn, given, label)
    known = {n for t in given for n in t.shape if n is not None}
    open_ = any(n is None for t in given for n in t.shape)
    found: list[tuple[Sequence[tuple[str, tuple[int, ...]]], bool]] = []
    failure: Exception | None = None
    for n in dict.fromkeys((*known, *TRIED)) if open_ else (1,):
        types = [(t.dtype, tuple(n if m is None else m for m in t.shape)) for t in given]
        try:
            found.append(library.shapes(fn, types))
        except Exception as error:  # noqa: BLE001 - whatever the user's function raises
            failure = error
        if len(found) == 1 + open_:
            break
    if not found:
        raise GraphTypeError(
            f"the types of what {label} returns cannot be found: {failure}",
            here(),
            "declare the extents of what it is applied to, or pass otypes",
        ) from failure
    if len(found) == 1 and open_:  # one number fits: it may be what others must be, too
        found.append(([(d, tuple(-1 for _ in shape)) for d, shape in found[0][0]], found[0][1]))
    (first, single), (second, _) = found[0], found[-1]
    if not first:
        raise GraphTypeError(f"{label} returns no array", here())
    made = [
        TensorType(d, tuple(m if m == k else None for m, k in zip(a, b, strict=True)))
        for (d, a), (_, b) in zip(first, second, strict=True)
    ]
    return made, single
