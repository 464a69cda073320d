"""The kinds in which an op declares its derivative."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

import numpy as np

from gradcore.derive.directions import Direction, direction_dtype, sum_to, total, zeros
from gradcore.derive.masks import Contribution, Masked, applied
from gradcore.graph import ZERO, Apply, Constant, Derivative, Op, Undefined, Variable, Zero
from gradcore.graph.types import upcast
from gradcore.language import LANGUAGE, Function

Entry: TypeAlias = Function | Zero | Undefined | None
"""What is declared for an operand: a rule; zero; undefined; or None, disconnected."""


@dataclass(frozen=True)
class ByOperand(Derivative):
    """A derivative that is declared operand by operand, for an op with one output (abstract).

    entries : what is declared for the first operands.
    rest : what is declared for all others.
    """

    entries: tuple[Entry, ...] = ()
    rest: Entry = None

    def entry(self, i: int) -> Entry:
        """Return what is declared for operand ``i``."""
        return self.entries[i] if i < len(self.entries) else self.rest

    def rule(self, i: int) -> Callable[..., Any]:
        """Return the rule for operand ``i``, which has one."""
        entry = self.entry(i)
        assert callable(entry)
        return cast("Callable[..., Any]", entry)

    def connects(self, node: Apply, i: int, o: int) -> bool:
        """Return whether something is declared for operand ``i``."""
        return self.entry(i) is not None

    def collected(
        self, asked: Sequence[bool], rule: Callable[[int], Contribution]
    ) -> list[Contribution]:
        """Return, for each operand that is asked for, its word or what ``rule`` makes of it."""
        found: list[Contribution] = []
        for i, ask in enumerate(asked):
            entry = self.entry(i) if ask else None
            found.append(rule(i) if callable(entry) else cast("Direction", entry))
        return found

    def sum_of_tangents(
        self, tangents: Sequence[Direction], rule: Callable[[int, Variable], Variable]
    ) -> list[Direction]:
        """Return the tangent of the output: the sum of what each operand moves it by."""
        terms: list[Direction] = []
        for i, t in enumerate(tangents):
            entry = None if t is None else self.entry(i)
            if callable(entry):
                terms.append(rule(i, t) if isinstance(t, Variable) else ZERO)
            else:
                terms.append(entry)
        return [total(terms)]


@dataclass(frozen=True)
class Diagonal(ByOperand):
    """The derivative of an elementwise op; ``rule(t, *inputs, output)`` is linear in ``t``.

    linear : the sets of operands in which the op is linear, all of a set together.

    >>> import gradcore.tensor as T
    >>> class Cubed(Op):
    ...     derivative = Diagonal((lambda t, x, y: 3 * x**2 * t,))
    ...     def shape(self, x): return x.shape
    ...     def reference(self, x): return x**3
    >>> x = T.dvector("x")
    >>> T.grad(T.sum(Cubed()(x)), x).eval({x: [1.0, 2.0]})
    array([ 3., 12.])
    """

    linear: tuple[tuple[int, ...], ...] = ()
    masks = True

    def linear_in(self, node: Apply) -> Sequence[Collection[int]]:
        """Return what is declared."""
        return self.linear

    def _multiplies(self, node: Apply) -> bool:
        """Return whether the rules multiply by anything but finite constants.

        They do not where the op is linear in all that it depends on, together.
        """
        connected = {i for i in range(len(node.inputs)) if self.entry(i) is not None}
        return not any(connected == set(together) for together in self.linear)

    def moved(self, node: Apply, i: int, t: Variable) -> Variable:
        """Return the rule of operand ``i`` applied to ``t``.

        Operands that are all integers are taken as what a float result is computed from: the
        arithmetic of a rule would wrap in their dtype.
        """
        operands, out = node.inputs, node.outputs[0]
        if not out.type.is_discrete and all(v.type.is_discrete for v in operands):
            operands = tuple(LANGUAGE["cast"](v, out.type.dtype) for v in operands)
        return self.rule(i)(t, *operands, *node.outputs)

    def pullback(self, node: Apply, cotangents: Sequence[Any], wanted: Sequence[bool]) -> list[Any]:
        """Return the rules applied, summed over the axes along which an operand is stretched."""
        (ct,) = cotangents
        if isinstance(ct, Masked):
            return self._masked(node, ct, wanted)
        return self.collected(wanted, lambda i: sum_to(self.moved(node, i, ct), node.inputs[i]))

    def _masked(self, node: Apply, ct: Masked, wanted: Sequence[bool]) -> list[Contribution]:
        """Carry a mask on: the rules see the bare value, or what they multiply it by.

        Which zeros count is not known without a condition, and a second derivative moves those
        that do: so the mask is no comparison with 0, but a product that is bilinear.
        """

        def carried(i: int) -> Masked:
            if ct.condition is None and self._multiplies(node):
                one = Constant(np.asarray(1, ct.value.type.dtype))
                found = LANGUAGE["strong_zero_mul"](ct.value, self.moved(node, i, one))
            else:
                found = self.moved(node, i, ct.value)
            return ct.but(found).summed_to(node.inputs[i], node.out)

        return self.collected(wanted, carried)

    def pushforward(self, node: Apply, tangents: Sequence[Any]) -> list[Any]:
        """Return the sum of the rules applied."""
        return self.sum_of_tangents(tangents, lambda i, t: self.moved(node, i, t))


@dataclass(frozen=True)
class Modulus(Diagonal):
    """The derivative of the absolute value, also of complex numbers."""

    def pullback(self, node: Apply, cotangents: Sequence[Any], wanted: Sequence[bool]) -> list[Any]:
        """Return the cotangent times the conjugate of the direction of a complex number."""
        (ct,), (x,) = cotangents, node.inputs
        if not x.type.is_complex:
            return super().pullback(node, cotangents, wanted)
        known = applied(node.out, ct)
        assert isinstance(known, Variable)
        found = known * _direction_of(x, node.out)
        return [Masked(None, True, found) if isinstance(ct, Masked) else found]

    def pushforward(self, node: Apply, tangents: Sequence[Any]) -> list[Any]:
        """Return the part of the tangent that points in the direction of a complex number."""
        (t,), (x,) = tangents, node.inputs
        if not x.type.is_complex or not isinstance(t, Variable):
            return super().pushforward(node, tangents)
        return [LANGUAGE["real"](t * _direction_of(x, node.out))]


def _direction_of(x: Variable, size: Variable) -> Variable:
    """Return conj(x) / abs(x), and 0 for 0."""
    some = LANGUAGE["neq"](size, 0)
    return LANGUAGE["conj"](x) * LANGUAGE["switch"](some, 1 / LANGUAGE["switch"](some, size, 1), 0)


@dataclass(frozen=True)
class LinearInParts(ByOperand):
    """Linear in real and imaginary parts, but not in complex numbers.

    entries : the tangent maps, ``rule(t)``.
    back : their transposes, ``rule(ct)``: the cotangent of a complex number is the derivative by
        its real part minus i times that by its imaginary part (`gradcore.derive`).
    """

    back: tuple[Callable[[Variable], Variable], ...] = ()

    def pullback(self, node: Apply, cotangents: Sequence[Any], wanted: Sequence[bool]) -> list[Any]:
        """Return the transposes applied."""
        (ct,) = cotangents
        return self.collected(wanted, lambda i: sum_to(self.back[i](ct), node.inputs[i]))

    def pushforward(self, node: Apply, tangents: Sequence[Any]) -> list[Any]:
        """Return the sum of the tangent maps applied."""
        return self.sum_of_tangents(tangents, lambda i, t: self.rule(i)(t))


@dataclass(frozen=True)
class StrongZeros(Diagonal):
    """The derivative of a product that is 0 where the first operand is, whatever the other is.

    Its cotangents are products of this kind again, and their zeros keep what is computed from the
    second operand from spoiling them.
    """

    def pullback(self, node: Apply, cotangents: Sequence[Any], wanted: Sequence[bool]) -> list[Any]:
        """Return masked cotangents."""
        found = applied(node.out, cotangents[0])
        assert isinstance(found, Variable)
        return super().pullback(node, [Masked(None, True, found)], wanted)


@dataclass(frozen=True)
class Transposed(ByOperand):
    """A kind whose entries are transposes, ``rule(op, ct, *inputs)`` (abstract)."""

    def pullback(self, node: Apply, cotangents: Sequence[Any], wanted: Sequence[bool]) -> list[Any]:
        """Return the transposes applied."""
        (ct,) = cotangents
        return self.collected(wanted, lambda i: self.rule(i)(node.op, ct, *node.inputs))


@dataclass(frozen=True)
class Linear(Transposed):
    """Linear in all operands that have an entry, together; the others are parameters.

    >>> import gradcore.tensor as T
    >>> class Reversed(Op):
    ...     derivative = Linear((lambda op, ct, x: op(ct),))
    ...     def shape(self, x): return x.shape
    ...     def reference(self, x): return x[::-1]
    >>> x = T.dvector("x")
    >>> T.grad(T.sum(Reversed()(x) * [1.0, 2.0]), x).eval({x: [5.0, 5.0]})
    array([2., 1.])
    """

    def linear_in(self, node: Apply) -> Sequence[Collection[int]]:
        """Return the operands that have an entry."""
        return ([i for i in range(len(node.inputs)) if self.entry(i) is not None],)

    def pushforward(self, node: Apply, tangents: Sequence[Any]) -> list[Any]:
        """Return the op applied to the tangents."""
        moving = [t for i, t in enumerate(tangents) if t is not None and self.entry(i) is not None]
        if not any(isinstance(t, Variable) for t in moving):
            return [ZERO if moving else None]
        dtype = direction_dtype(node.outputs[0])

        def tangent(x: Variable, t: Direction) -> Variable:
            """Return no wider a tangent than the op takes: one of an integer is of floatX."""
            found = t if isinstance(t, Variable) else zeros(x)
            fits = found.type.is_complex or upcast(found.type.dtype, dtype) == dtype
            return found if fits else LANGUAGE["cast"](found, dtype)

        arguments = [
            x if self.entry(i) is None else tangent(x, t)
            for i, (x, t) in enumerate(zip(node.inputs, tangents, strict=True))
        ]
        return [node.op(*arguments)]


@dataclass(frozen=True)
class Identity(Linear):
    """The identity of the first operand, of which the op knows what is not true of its tangents."""

    def pushforward(self, node: Apply, tangents: Sequence[Any]) -> list[Any]:
        """Return the tangent of the first operand."""
        return [tangents[0]]


@dataclass(frozen=True)
class LinearInEach(Linear):
    """Linear in any number of operands of one role, such as what is joined.

    transpose : ``rule(op, i, ct, *inputs)``, the cotangent of operand ``i``.

    >>> import gradcore.tensor as T
    >>> class Total(Op):
    ...     derivative = LinearInEach(transpose=lambda op, i, ct, *xs: ct)
    ...     def shape(self, *xs): return xs[0].shape
    ...     def reference(self, *xs): return np.sum(xs, axis=0)
    >>> x = T.dvector("x")
    >>> T.grad(T.sum(Total()(x, x**2, x)), x).eval({x: [1.0, 2.0]})
    array([4., 6.])
    """

    transpose: Callable[..., Variable] = field(kw_only=True)

    def entry(self, i: int) -> Entry:
        """Return the transpose for operand ``i``."""

        def rule(op: Op, ct: Variable, *inputs: Variable) -> Variable:
            return self.transpose(op, i, ct, *inputs)

        return cast("Function", rule)


@dataclass(frozen=True)
class Multilinear(Transposed):
    """Linear in each operand that has an entry, separately, like a product.

    >>> import gradcore.tensor as T
    >>> class Outer(Op):
    ...     derivative = Multilinear(
    ...         (lambda op, ct, x, y: T.dot(ct, y), lambda op, ct, x, y: T.dot(x, ct)))
    ...     def shape(self, x, y): return (*x.shape, *y.shape)
    ...     def reference(self, x, y): return np.outer(x, y)
    >>> x = T.dvector("x")
    >>> T.grad(T.sum(Outer()(x, x)), x).eval({x: [1.0, 2.0]})
    array([6., 6.])
    """

    def linear_in(self, node: Apply) -> Sequence[Collection[int]]:
        """Return each of these operands by itself."""
        return [(i,) for i in range(len(node.inputs)) if self.entry(i) is not None]

    def pushforward(self, node: Apply, tangents: Sequence[Any]) -> list[Any]:
        """Return the sum of the op with one operand after the other replaced by its tangent."""
        x = node.inputs
        return self.sum_of_tangents(tangents, lambda i, t: node.op(*x[:i], t, *x[i + 1 :]))


@dataclass(frozen=True)
class Forward(ByOperand):
    """The tangent map, written out: ``rule(op, t, *inputs, output)`` is linear in ``t``.

    >>> import gradcore.tensor as T
    >>> class Exponential(Op):
    ...     derivative = Forward((lambda op, t, x, y: t * y,))
    ...     def shape(self, x): return x.shape
    ...     def reference(self, x): return np.exp(x)
    >>> x = T.dvector("x")
    >>> T.grad(T.sum(Exponential()(x)), x).eval({x: [0.0]}, mode="numpy")
    array([1.])
    """

    def pullback(self, node: Apply, cotangents: Sequence[Any], wanted: Sequence[bool]) -> None:
        """Leave it to the sweep: transpose the tangent map."""

    def pushforward(self, node: Apply, tangents: Sequence[Any]) -> list[Any]:
        """Return the sum of the rules applied."""
        around = (*node.inputs, *node.outputs)
        return self.sum_of_tangents(tangents, lambda i, t: self.rule(i)(node.op, t, *around))


@dataclass(frozen=True)
class Reverse(ByOperand):
    """The cotangent map, written out: ``rule(op, ct, *inputs, output)`` is linear in ``ct``.

    linear : the sets of operands in which the op is linear, all of a set together.

    >>> import gradcore.tensor as T
    >>> class Determinant(Op):
    ...     derivative = Reverse((lambda op, ct, x, y: ct * y * T.linalg.inv(x).T,))
    ...     def shape(self, x): return ()
    ...     def reference(self, x): return np.linalg.det(x)
    >>> x = T.dmatrix("x")
    >>> T.grad(Determinant()(x), x).eval({x: [[2.0, 0.0], [0.0, 4.0]]}, mode="numpy")
    array([[4., 0.],
           [0., 2.]])
    """

    linear: tuple[tuple[int, ...], ...] = ()

    def linear_in(self, node: Apply) -> Sequence[Collection[int]]:
        """Return what is declared."""
        return self.linear

    def pullback(self, node: Apply, cotangents: Sequence[Any], wanted: Sequence[bool]) -> list[Any]:
        """Return the rules applied."""
        (ct,) = cotangents
        around = (*node.inputs, *node.outputs)
        return self.collected(wanted, lambda i: self.rule(i)(node.op, ct, *around))

    def pushforward(self, node: Apply, tangents: Sequence[Any]) -> None:
        """Leave it to the sweep: transpose the cotangent map."""


@dataclass(frozen=True)
class Tangents(Derivative):
    """The tangent maps of all outputs of an op of one operand, written out together.

    rule : ``rule(op, t, x, *outputs)``, linear in ``t``, returns a tangent for each output; `ZERO`
        for one that is discrete.
    """

    rule: Callable[..., Sequence[Direction]]

    def connects(self, node: Apply, i: int, o: int) -> bool:
        """Every output depends on the operand."""
        return True

    def pullback(self, node: Apply, cotangents: Sequence[Any], wanted: Sequence[bool]) -> None:
        """Leave it to the sweep: transpose the tangent maps."""

    def pushforward(self, node: Apply, tangents: Sequence[Any]) -> list[Any]:
        """Return the rule applied."""
        return list(self.rule(node.op, *tangents, *node.inputs, *node.outputs))


@dataclass(frozen=True)
class Flat(Derivative):
    """The derivative of a piecewise constant op: zero wherever it exists, and zero elsewhere.

    >>> import gradcore.tensor as T
    >>> class Steps(Op):
    ...     derivative = Flat()
    ...     def shape(self, x): return x.shape
    ...     def reference(self, x): return np.floor(x)
    >>> x = T.dvector("x")
    >>> T.grad(T.sum(x * Steps()(x)), x).eval({x: [1.5, 2.5]}, mode="numpy")
    array([1., 2.])
    """

    def connects(self, node: Apply, i: int, o: int) -> bool:
        """Every output depends on every input."""
        return True

    def pullback(self, node: Apply, cotangents: Sequence[Any], wanted: Sequence[bool]) -> list[Any]:
        """Return a cotangent of zero for each wanted input."""
        return [ZERO if want else None for want in wanted]

    def pushforward(self, node: Apply, tangents: Sequence[Any]) -> list[Any]:
        """Return a tangent of zero for each output."""
        return [ZERO] * len(node.outputs)


@dataclass(frozen=True)
class NotDifferentiable(Derivative):
    """The derivative of an op that has none, and why.

    >>> import gradcore.tensor as T
    >>> class Parsed(Op):
    ...     derivative = NotDifferentiable("text has no derivative")
    ...     def shape(self, x): return x.shape
    ...     def reference(self, x): return np.array(str(x), float)
    >>> x = T.dscalar("x")
    >>> T.grad(Parsed()(x), x)
    Traceback (most recent call last):
    gradcore.errors.NotDifferentiableError: no derivative for x: text has no derivative...
    """

    reason: str

    def connects(self, node: Apply, i: int, o: int) -> bool:
        """Every output depends on every input."""
        return True

    def pullback(self, node: Apply, cotangents: Sequence[Any], wanted: Sequence[bool]) -> list[Any]:
        """Say that there is none."""
        return [Undefined(self.reason) if want else None for want in wanted]

    def pushforward(self, node: Apply, tangents: Sequence[Any]) -> list[Any]:
        """Say that there is none."""
        return [Undefined(self.reason)] * len(node.outputs)


@dataclass(frozen=True)
class Disconnected(Flat):
    """The derivative of an op whose outputs depend on no *value* of its inputs (only shapes).

    >>> import gradcore.tensor as T
    >>> class Ones(Op):
    ...     derivative = Disconnected()
    ...     def shape(self, x): return x.shape
    ...     def reference(self, x): return np.ones_like(x)
    >>> x = T.dvector("x")
    >>> T.grad(T.sum(Ones()(x)), x)
    Traceback (most recent call last):
    gradcore.errors.DisconnectedInputError: ... ends at ones, which depends on no value of x...
    """

    def connects(self, node: Apply, i: int, o: int) -> bool:
        """No output depends on an input."""
        return False
