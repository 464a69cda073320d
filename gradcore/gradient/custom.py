"""Functions with derivatives of their user's, and functions that a gradient computes again."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from gradcore.derive import direction_dtype, moving_with, zeros
from gradcore.errors import GraphTypeError, ShapeError
from gradcore.graph import (
    FunctionGraph,
    Variable,
    as_variable,
    here,
    substitute,
    toposort,
)
from gradcore.graph.nodes import extents_of
from gradcore.graph.traverse import captured, depends_on
from gradcore.graph.trees import flattened
from gradcore.language import is_several
from gradcore.ops.custom import CustomDerivative, Recomputed
from gradcore.ops.shape_values import SpecifyShape


def custom_gradient(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of the values of ``fn``, and of the derivatives that it says (a decorator).

    fn : takes tensors and returns ``(value, pullback)``, or ``(value, pullback, pushforward)`` of
        which one may be None; ``value`` is a tensor, or a tuple or list of them.
    pullback : takes the cotangent of each tensor of the value (tensors of its shape), and returns
        that of the argument, or a tuple or list with one for each argument; None: it is zero.
    pushforward : takes the tangent of each argument, and returns that of the value, likewise.

    Either is called once, and may use whatever ``fn`` has computed.  It must be linear in what it
    takes; where one is not given it is the transpose of the other.  Further derivatives are those
    of its own graph, in which the value has the derivative that is said here.  A variable that
    ``fn`` reads without being given it as an argument has no derivative there.

    Raises GraphTypeError: ``fn`` returns something else; what a rule returns is too few or many, or
    of another dtype or rank.  ShapeError: it is of another shape, here or when it runs.
    NotDifferentiableError, where a derivative is taken in what is no argument.

    >>> import gradcore
    >>> import gradcore.tensor as T
    >>> @gradcore.custom_gradient
    ... def straight_through(x):
    ...     return T.round(x), lambda ct: ct
    >>> x = T.dvector("x")
    >>> y = straight_through(x)
    >>> gradcore.function([x], [y, T.grad(T.sum(y ** 2), x)])([0.4, 1.6])
    [array([0., 2.]), array([0., 4.])]
    """

    @functools.wraps(fn)
    def with_derivatives(*arguments: Any) -> Any:
        given = [as_variable(x) for x in arguments]
        inner = [v.type(v.name) for v in given]
        return _Definition(fn, inner).applied(given)

    return with_derivatives


class _Definition:
    """A function with its derivatives, as graphs of placeholders.

    inner : the placeholders of its arguments.
    """

    def __init__(self, fn: Callable[..., Any], inner: Sequence[Variable]) -> None:
        self.name = getattr(fn, "__name__", str(fn))
        self.inner = inner
        value, pull, push = self._parts(fn(*inner))
        leaves, self.form = flattened(value)
        self.values = [as_variable(y) for y in leaves]
        self.cotangents = [_direction(y) for y in self.values]
        self.tangents = [_direction(x) for x in inner]
        self.back = self._rule("pullback", pull, self.cotangents, inner)
        self.ahead = self._rule("pushforward", push, self.tangents, self.values)

    def _parts(self, returned: Any) -> tuple[Any, Any, Any]:
        parts: list[Any] = list(returned) if is_several(returned) else []
        rules = parts[1:]
        functions = all(rule is None or callable(rule) for rule in rules)
        if len(parts) not in (2, 3) or not functions or all(rule is None for rule in rules):
            raise GraphTypeError(
                f"{self.name} returns {returned!r}",
                here(),
                "return (value, pullback), (value, pullback, pushforward), or "
                "(value, None, pushforward)",
            )
        return parts[0], parts[1], parts[2] if len(parts) == 3 else None

    def _rule(
        self, what: str, rule: Any, taken: Sequence[Variable], of: Sequence[Variable]
    ) -> list[Variable | None] | None:
        """Return what a rule returns, one for each of ``of``, checked; None: there is no rule."""
        if rule is None:
            return None
        returned = rule(*taken)
        found = list(returned) if is_several(returned) else [returned]
        if len(found) != len(of):
            raise GraphTypeError(
                f"the {what} of {self.name} returns {len(found)}, for {len(of)}: one for each "
                f"{'argument' if what == 'pullback' else 'tensor of the value'}, or None",
                here(),
            )
        return [
            self._fitting(what, k, y, x) for k, (y, x) in enumerate(zip(found, of, strict=True))
        ]

    def _fitting(self, what: str, k: int, given: Any, x: Variable) -> Variable | None:
        """Return what is given for ``x`` in its shape and dtype; raises, if it is of another."""
        if given is None or x.type.is_discrete:
            return None
        dtype = direction_dtype(x)
        found = as_variable(given, [dtype])
        said = f"the {what} of {self.name} returns {found.type} for {x} ({x.type}), its number {k}"
        if found.dtype != dtype or found.ndim != x.ndim:
            fix = f"cast it: .astype({dtype!r})" if found.ndim == x.ndim else None
            raise GraphTypeError(f"{said}: it must be of its dtype and rank", here(), fix)
        pairs = list(zip(found.type.shape, x.type.shape, strict=True))
        if any(m != n and None not in (m, n) for m, n in pairs):
            raise ShapeError(f"{said}: it must be of its shape", here())
        if all(None not in pair for pair in pairs):
            return found
        why = f"what the {what} of {self.name} returns for {x} must have its shape"
        return SpecifyShape(why, optional=True)(found, *extents_of(x))

    def applied(self, given: Sequence[Variable]) -> Any:
        """Return the value for arguments, with its derivatives."""
        back = [ct for ct in self.back or () if ct is not None]
        pairs = zip(self.ahead or (), self.values, strict=False)
        ahead = [zeros(y) if t is None else t for t, y in pairs]
        results = [*self.values, *back, *ahead]
        outside = captured(results, [*self.inner, *self.cotangents, *self.tangents])
        placed = {v: v.type(v.name) for v in outside}
        closed = substitute(self.values, placed)
        nodes = toposort(closed)
        links = [moving_with(nodes, [v]) for v in placed.values()]
        reach = tuple(frozenset(o for o, y in enumerate(closed) if y in moving) for moving in links)
        around = [*(y.type() for y in self.values), *self.inner, *placed.values()]
        known = {
            y: stand for y, stand in zip(self.values, around, strict=False) if y.owner is not None
        }

        def graph(rule: Any, ends: Sequence[Variable], outputs: Sequence[Variable]) -> Any:
            if rule is None:
                return None
            found = substitute(outputs, {**placed, **known})
            return FunctionGraph((*around, *ends), tuple(found))

        op = CustomDerivative(
            len(self.values),
            graph(self.back, self.cotangents, back),
            graph(self.ahead, self.tangents, ahead),
            self._moves(ahead),
            reach,
            self.name,
        )
        values = substitute(self.values, dict(zip(self.inner, given, strict=True)))
        return self.form.holding(op.make_node(*values, *given, *outside).outputs)

    def _moves(self, ahead: Sequence[Variable]) -> tuple[bool, ...]:
        """Return for each argument whether the values move with it."""
        if self.back is not None:
            return tuple(ct is not None for ct in self.back)
        return tuple(not depends_on(ahead, [t]).isdisjoint(ahead) for t in self.tangents)


def _direction(x: Variable) -> Variable:
    """Return a variable for a tangent or cotangent of ``x``."""
    return x.type.with_dtype(direction_dtype(x))()


def checkpoint(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of the values of ``fn``, which a gradient computes again (a decorator).

    fn : takes and returns tensors, in tuples, lists and dicts too.

    Of what it computes, a gradient stores only the arguments (and what ``fn`` reads besides); when
    it needs the rest, ``fn`` is computed once more.  So a chain of checkpoints stores their ends,
    and holds the inside of one at a time.  Derivatives are the same, of any order, and those of
    gradients compute again likewise; `Rop` stores nothing in any case.  For loops see `scan`.

    It is computed again though it is known, since no rewrite merges the two.  On JAX, XLA merges
    them all the same where it compiles for a CPU, as it does for ``jax.checkpoint``; so may
    ``torch.compile``.

    >>> import gradcore
    >>> import gradcore.tensor as T
    >>> w, x = T.dmatrix("w"), T.dmatrix("x")
    >>> layer = gradcore.checkpoint(lambda x: T.tanh(x @ w) @ w)
    >>> cost = T.sum(layer(layer(x)) ** 2)
    >>> f = gradcore.function([w, x], T.grad(cost, w), mode="numpy")
    >>> [str(node.op) for node in f.maker.fgraph.nodes].count("tanh")  # two, and once more each
    4
    """

    @functools.wraps(fn)
    def recomputed(*arguments: Any) -> Any:
        leaves, structure = flattened(arguments)
        given = [as_variable(leaf) for leaf in leaves]
        inner = [v.type(v.name) for v in given]
        results, form = flattened(fn(*structure.holding(inner)))
        outputs = [as_variable(y) for y in results]
        outside = captured(outputs, inner)
        placed = {v: v.type(v.name) for v in outside}
        body = FunctionGraph((*inner, *placed.values()), tuple(substitute(outputs, placed)))
        values = substitute(outputs, dict(zip(inner, given, strict=True)))
        if not values:
            return form.holding(values)
        return form.holding(Recomputed(body).make_node(*values, *given, *outside).outputs)

    return recomputed
