"""Derivatives: the kinds in which an op declares its own, and their two sweeps over a graph.

An op declares what its derivative *is*; both modes follow:

=============  ====================================  ==========================  ===================
kind           says                                  forward                     reverse
=============  ====================================  ==========================  ===================
`Diagonal`     elementwise: the Jacobian is diagonal the rule                    the rule, summed
`Branch`       one operand or another is taken       the branch                  the branch, masked
`Linear`       linear in its operands together       the op, on the tangents     the transpose
`Multilinear`  linear in each operand apart          the op, one tangent a time  the transpose
`Forward`      the tangent map, written out          the rule                    pulled back
`Reverse`      the cotangent map, written out        pulled back twice           the rule
`Flat`         piecewise constant                    zero                        zero
`Disconnected` dependent on shapes only              none                        none
=============  ====================================  ==========================  ===================

The decision: in a symbolic graph, to transpose a linear map is to pull back through its
expression, so no second rule is ever written and no op lacks either mode.  Rejected: reverse rules
only, with forward mode by two pullbacks (graphs twice the size); forward rules only, with a
separate transposition (the reverse graph no longer looks like what a person would write).

A cotangent that comes through a branch not taken must not meet the infinities of that branch:
zero times infinity is NaN.  So `pullback` keeps such a cotangent `Masked`, applies the rules to
its bare value, and applies the mask last.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

from gradcore.config import config
from gradcore.graph import (
    ZERO,
    Apply,
    Derivative,
    Op,
    Undefined,
    Variable,
    Zero,
    on_behalf_of,
    substitute,
    toposort,
)
from gradcore.language import LANGUAGE, Function

Entry: TypeAlias = Function | Zero | Undefined | None
"""What is declared for an operand: a rule; zero; undefined; or None, disconnected."""

Direction: TypeAlias = Variable | Zero | Undefined | None
"""A tangent or a cotangent."""


# the kinds --------------------------------------------------------------------------------------
@dataclass(frozen=True)
class ByOperand(Derivative):
    """A derivative that is declared operand by operand, for an op with one output.

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

    @abstractmethod
    def cotangent(self, node: Apply, i: int, ct: Variable) -> Variable:
        """Return the cotangent of operand ``i``, which has a rule."""

    def pullback(self, node: Apply, cotangents: Sequence[Any], wanted: Sequence[bool]) -> list[Any]:
        """Return the cotangents of the operands."""
        (ct,) = cotangents
        found: list[Direction] = []
        for i, want in enumerate(wanted):
            entry = self.entry(i)
            has_rule = want and callable(entry)
            found.append(self.cotangent(node, i, ct) if has_rule else entry if want else None)  # pyright: ignore[reportArgumentType] - no rule is left here
        return found

    def pushforward(self, node: Apply, tangents: Sequence[Any]) -> list[Any]:
        """Return the tangent of the output."""
        terms: list[Direction] = []
        for i, t in enumerate(tangents):
            if t is None:
                continue
            entry = self.entry(i)
            if callable(entry):
                terms.append(self.tangent(node, i, t) if isinstance(t, Variable) else ZERO)
            else:
                terms.append(entry)
        return [total(terms)]

    @abstractmethod
    def tangent(self, node: Apply, i: int, t: Variable) -> Variable:
        """Return the tangent of the output due to that of operand ``i``, which has a rule."""


@dataclass(frozen=True)
class Diagonal(ByOperand):
    """The derivative of an elementwise op; ``rule(t, *inputs, output)`` is linear in ``t``.

    affine : whether the rules multiply by nothing but finite constants.
    """

    affine: bool = False

    def tangent(self, node: Apply, i: int, t: Variable) -> Variable:
        """Return the rule applied."""
        return self.rule(i)(t, *node.inputs, *node.outputs)

    def cotangent(self, node: Apply, i: int, ct: Variable) -> Variable:
        """Return the rule applied, summed over the axes along which the operand is stretched."""
        return sum_to(self.tangent(node, i, ct), node.inputs[i])


@dataclass(frozen=True)
class Branch(Derivative):
    """The derivative of ``op(condition, *taken if true, *taken if false)``.

    lazy : whether a branch is an array as a whole, computed only if it is taken.
    """

    lazy: bool

    def connects(self, node: Apply, i: int, o: int) -> bool:
        """Return whether operand ``i`` is the condition or may be output ``o``."""
        return i == 0 or (i - 1) % len(node.outputs) == o

    def pullback(self, node: Apply, cotangents: Sequence[Any], wanted: Sequence[bool]) -> list[Any]:
        """Return masked cotangents."""
        n = len(node.outputs)
        found: list[Any] = [ZERO if wanted[0] else None]
        for i in range(1, 2 * n + 1):
            ct = cotangents[(i - 1) % n]
            if not wanted[i] or ct is None:
                found.append(None)
            elif isinstance(ct, Zero):
                found.append(ZERO)
            else:
                mask = Masked(node.inputs[0], i <= n, ct, self.lazy)
                found.append(mask if self.lazy else mask.summed_to(node.inputs[i], node.out))
        return found

    def pushforward(self, node: Apply, tangents: Sequence[Any]) -> list[Any]:
        """Return the tangent of the branch that is taken."""
        n = len(node.outputs)
        found: list[Direction] = []
        for o in range(n):
            pair = tangents[1 + o], tangents[1 + n + o]
            if all(t is None or isinstance(t, Zero) for t in pair):
                zero = tangents[0] is not None or any(t is not None for t in pair)
                found.append(ZERO if zero else None)
                continue
            operands = node.inputs[1 + o], node.inputs[1 + n + o]
            branches = (
                t if isinstance(t, Variable) else zeros(x)
                for t, x in zip(pair, operands, strict=True)
            )
            found.append(LANGUAGE["ifelse" if self.lazy else "switch"](node.inputs[0], *branches))
        return found


@dataclass(frozen=True)
class Linear(ByOperand):
    """Linear in all operands that have an entry, together; the others are parameters.

    An entry is the transpose, ``rule(op, ct, *inputs)``.
    """

    def cotangent(self, node: Apply, i: int, ct: Variable) -> Variable:
        """Return the transpose applied."""
        return self.rule(i)(node.op, ct, *node.inputs)

    def pushforward(self, node: Apply, tangents: Sequence[Any]) -> list[Any]:
        """Return the op applied to the tangents."""
        moving = [t for i, t in enumerate(tangents) if t is not None and self.entry(i) is not None]
        if not any(isinstance(t, Variable) for t in moving):
            return [ZERO if moving else None]
        arguments = [
            x if self.entry(i) is None else t if isinstance(t, Variable) else zeros(x)
            for i, (x, t) in enumerate(zip(node.inputs, tangents, strict=True))
        ]
        return [node.op(*arguments)]

    def tangent(self, node: Apply, i: int, t: Variable) -> Variable:
        """Return the tangent of the output due to that of operand ``i`` alone."""
        (found,) = self.pushforward(node, [t if i == j else None for j in range(len(node.inputs))])
        return found


@dataclass(frozen=True)
class LinearInEach(Linear):
    """Linear in any number of operands of one role, such as what is joined.

    first : how many operands come before them; these are parameters.
    transpose : ``rule(op, i, ct, *inputs)``, the cotangent of operand ``i``.
    """

    first: int = 0
    transpose: Callable[..., Variable] = field(default=lambda *_: NotImplemented, kw_only=True)

    def entry(self, i: int) -> Entry:
        """Return the transpose for operand ``i``."""
        if i < self.first:
            return None

        def rule(op: Op, ct: Variable, *inputs: Variable) -> Variable:
            return self.transpose(op, i, ct, *inputs)

        return cast("Function", rule)


@dataclass(frozen=True)
class Multilinear(ByOperand):
    """Linear in each operand apart, like a product; ``rule(op, ct, *inputs)`` is the transpose."""

    def cotangent(self, node: Apply, i: int, ct: Variable) -> Variable:
        """Return the transpose applied."""
        return self.rule(i)(node.op, ct, *node.inputs)

    def tangent(self, node: Apply, i: int, t: Variable) -> Variable:
        """Return the op with ``t`` for operand ``i``."""
        return node.op(*node.inputs[:i], t, *node.inputs[i + 1 :])


@dataclass(frozen=True)
class Forward(ByOperand):
    """The tangent map, written out: ``rule(op, t, *inputs, output)`` is linear in ``t``."""

    def tangent(self, node: Apply, i: int, t: Variable) -> Variable:
        """Return the rule applied."""
        return self.rule(i)(node.op, t, *node.inputs, *node.outputs)

    def cotangent(self, node: Apply, i: int, ct: Variable) -> Variable:
        """Pull back through the tangent map."""
        return transpose(lambda t: self.tangent(node, i, t), node.inputs[i], ct)


@dataclass(frozen=True)
class Reverse(ByOperand):
    """The cotangent map, written out: ``rule(op, ct, *inputs, output)`` is linear in ``ct``."""

    def cotangent(self, node: Apply, i: int, ct: Variable) -> Variable:
        """Return the rule applied."""
        return self.rule(i)(node.op, ct, *node.inputs, *node.outputs)

    def tangent(self, node: Apply, i: int, t: Variable) -> Variable:
        """Pull back through the cotangent map."""
        return transpose(lambda ct: self.cotangent(node, i, ct), node.out, t)


@dataclass(frozen=True)
class Flat(Derivative):
    """The derivative of a piecewise constant op: zero wherever it exists, and zero elsewhere."""

    def connects(self, node: Apply, i: int, o: int) -> bool:
        """Every output depends on every input."""
        return True

    def pullback(self, node: Apply, cotangents: Sequence[Any], wanted: Sequence[bool]) -> list[Any]:
        """Return zeros."""
        return [ZERO if want else None for want in wanted]

    def pushforward(self, node: Apply, tangents: Sequence[Any]) -> list[Any]:
        """Return zeros."""
        return [ZERO] * len(node.outputs)


@dataclass(frozen=True)
class NotDifferentiable(Derivative):
    """The derivative of an op that has none, and why."""

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
    """The derivative of an op whose outputs depend on no *value* of its inputs (only shapes)."""

    def connects(self, node: Apply, i: int, o: int) -> bool:
        """No output depends on an input."""
        return False


class TheanoMethods(Derivative):
    """The derivative of an op that is written with Theano's methods."""

    def connects(self, node: Apply, i: int, o: int) -> bool:
        """Ask the connection pattern."""
        return bool(node.op.connection_pattern(node)[i][o])

    def pullback(self, node: Apply, cotangents: Sequence[Any], wanted: Sequence[bool]) -> list[Any]:
        """Ask ``L_op`` (or ``grad``)."""
        op = node.op
        if type(op).grad is Op.grad and type(op).L_op is Op.L_op:
            return [Undefined(f"{op} has no grad") if want else None for want in wanted]
        given = [
            ct if isinstance(ct, Variable) else zeros(output)
            for ct, output in zip(cotangents, node.outputs, strict=True)
        ]
        found = op.L_op(list(node.inputs), list(node.outputs), given)
        return [ct if want else None for ct, want in zip(found, wanted, strict=True)]

    def pushforward(self, node: Apply, tangents: Sequence[Any]) -> list[Any]:
        """Ask ``R_op``, or pull back the pullback."""
        op = node.op
        given = [t if isinstance(t, Variable) else None for t in tangents]
        if type(op).R_op is not Op.R_op:
            return list(op.R_op(list(node.inputs), given))
        seeds = [Variable(output.type) for output in node.outputs]
        cotangents = self.pullback(node, seeds, [t is not None for t in given])
        pairs = [
            (ct, t)
            for ct, t in zip(cotangents, given, strict=True)
            if isinstance(ct, Variable) and t is not None
        ]
        undefined = next((ct for ct in cotangents if isinstance(ct, Undefined)), None)
        if undefined is not None:
            return [undefined] * len(seeds)
        found = pullback([ct for ct, _ in pairs], [t for _, t in pairs], seeds)
        present = [
            f if isinstance(f, Variable) else zeros(s) for f, s in zip(found, seeds, strict=True)
        ]
        return list(substitute(present, dict(zip(seeds, node.outputs, strict=True))))


THEANO_METHODS = TheanoMethods()


def derivative_of(op: Op) -> Derivative:
    """Return how ``op`` moves."""
    return op.derivative or THEANO_METHODS


# directions -------------------------------------------------------------------------------------
def zeros(x: Variable) -> Variable:
    """Return zeros in the shape of ``x``, of a float dtype."""
    return LANGUAGE["zeros_like"](x, direction_dtype(x))


def direction_dtype(x: Variable) -> str:
    """Return the dtype of tangents and cotangents of ``x``."""
    return x.type.dtype if x.type.is_float else config.floatX


def total(terms: Sequence[Direction]) -> Direction:
    """Return the sum of tangents or cotangents."""
    present = [term for term in terms if term is not None]
    for term in present:
        if isinstance(term, Undefined):
            return term
    variables = [term for term in present if isinstance(term, Variable)]
    if not variables:
        return ZERO if present else None
    result = variables[0]
    for term in variables[1:]:
        result = result + term
    return result


def sum_to(t: Variable, x: Variable) -> Variable:
    """Return ``t`` summed over the axes along which ``x`` was stretched to its shape."""
    lead = t.ndim - x.ndim
    stretched = [
        lead + axis
        for axis, extent in enumerate(x.type.shape)
        if extent == 1 and t.type.shape[lead + axis] != 1
    ]
    if lead or stretched:
        kept = [axis for axis in range(lead, t.ndim) if axis not in stretched]
        t = LANGUAGE["sum"](t, (*range(lead), *stretched))
        if stretched:
            order = (kept.index(lead + a) if lead + a in kept else "x" for a in range(x.ndim))
            t = LANGUAGE["dimshuffle"](t, *order)
    return t


def with_ones_of(t: Variable, x: Variable) -> Variable:
    """Return ``t``, of the shape of ``x``, with the extents known to be 1 that are so in ``x``.

    A transpose may know less of its shape than the operand that it is for.
    """
    extents = zip(t.type.shape, x.type.shape, strict=True)
    lost = [a for a, (m, n) in enumerate(extents) if n == 1 and m != 1]
    if not lost:
        return t
    kept = LANGUAGE["dimshuffle"](t, [a for a in range(t.ndim) if a not in lost])
    place = iter(range(t.ndim))
    return LANGUAGE["dimshuffle"](kept, ["x" if a in lost else next(place) for a in range(t.ndim)])


def transpose(linear: Callable[[Variable], Variable], operand: Variable, ct: Variable) -> Variable:
    """Return the transpose, at ``ct``, of a linear map of tensors shaped like ``operand``."""
    t = Variable(operand.type.with_dtype(direction_dtype(operand)))
    (found,) = pullback([linear(t)], [ct], [t])
    if not isinstance(found, Variable):
        return zeros(operand)
    # The map is linear: its transpose can mention t only by its shape.
    (result,) = substitute([found], {t: LANGUAGE["cast"](operand, t.type.dtype)})
    return result


@dataclass(frozen=True)
class Masked:
    """A cotangent that counts only where a condition holds, and is garbage elsewhere.

    condition : what it depends on; None: the cotangent is zero where it does not count, and no
        rule that could spoil these zeros has been applied since.
    where : the truth of ``condition`` where it counts.
    lazy : whether ``condition`` is a scalar that decides for the whole cotangent.
    """

    condition: Variable | None
    where: bool
    value: Variable
    lazy: bool = False

    def applied(self, x: Variable) -> Variable:
        """Return the cotangent, that of ``x``, with zeros where it does not count."""
        if self.condition is None:
            return self.value
        # The value of a branch that is not taken need not have the shape of x.
        zero = zeros(x) if self.lazy else 0
        branches = (self.value, zero) if self.where else (zero, self.value)
        return LANGUAGE["ifelse" if self.lazy else "switch"](self.condition, *branches)

    def guarded(self) -> Masked:
        """Return this with a condition: not zero, if nothing better is known."""
        if self.condition is not None:
            return self
        return Masked(LANGUAGE["neq"](self.value, 0), True, self.value)

    def but(self, value: Variable) -> Masked:
        """Return another cotangent that counts where this does."""
        return Masked(self.condition, self.where, value, self.lazy)

    def truth(self) -> Variable:
        """Return where it counts, as a boolean."""
        assert self.condition is not None
        truth = LANGUAGE["neq"](self.condition, 0)
        return truth if self.where else LANGUAGE["invert"](truth)

    def summed_to(self, x: Variable, output: Variable) -> Masked:
        """Return this for an operand ``x`` that may have been stretched to ``output``."""
        if x.broadcastable == output.broadcastable:
            return self
        return Masked(None, True, sum_to(self.applied(output), x))


Contribution: TypeAlias = Direction | Masked


def combined(x: Variable, contributions: Sequence[Contribution]) -> Contribution:
    """Return the sum of all cotangents of ``x``."""
    masked = [c for c in contributions if isinstance(c, Masked)]
    plain = total([c for c in contributions if not isinstance(c, Masked)])
    if not masked or isinstance(plain, Undefined):
        return plain
    if isinstance(plain, Variable):
        return total([plain, *(m.applied(x) for m in masked)])
    sides: dict[tuple[Variable | None, bool, bool], list[Variable]] = {}
    for m in masked:
        sides.setdefault((m.condition, m.where, m.lazy), []).append(m.value)
    sums = {side: total(values) for side, values in sides.items()}
    (condition, where, lazy), value = next(iter(sums.items()))
    if len(sums) == 1:
        assert isinstance(value, Variable)
        return Masked(condition, where, value, lazy)
    if len(sums) == 2 and (condition, not where, lazy) in sums:
        branches = sums[condition, True, lazy], sums[condition, False, lazy]
        return LANGUAGE["ifelse" if lazy else "switch"](condition, *branches)
    added = total([m.applied(x) for m in masked])
    assert isinstance(added, Variable)
    return Masked(None, True, added)


def applied(x: Variable, contribution: Contribution) -> Direction:
    """Return a cotangent of ``x`` with its mask, if any, applied."""
    return contribution.applied(x) if isinstance(contribution, Masked) else contribution


# the sweeps -------------------------------------------------------------------------------------
def moving_with(
    order: Sequence[Apply], wrt: Collection[Variable], constants: Collection[Variable] = ()
) -> set[Variable]:
    """Return the variables of the nodes in ``order`` that are connected with one of ``wrt``."""
    moving = set(wrt)
    for node in order:
        moved = [i for i, v in enumerate(node.inputs) if v in moving]
        if moved:
            derivative = derivative_of(node.op)
            for o, output in enumerate(node.outputs):
                if output not in constants and any(derivative.connects(node, i, o) for i in moved):
                    moving.add(output)
    return moving


def pullback(
    outputs: Sequence[Variable],
    cotangents: Sequence[Contribution],
    wrt: Sequence[Variable],
    constants: Collection[Variable] = (),
) -> list[Direction]:
    """Return the cotangents of ``wrt``, given those of ``outputs``.

    None: no output is connected with the variable.  `ZERO`: it is, and the derivative is zero
    everywhere.  `Undefined`: it is, through an op that has no derivative.
    """
    order = toposort(outputs, stop=constants)
    moving = moving_with(order, wrt, constants)
    gathered: dict[Variable, list[Contribution]] = {}
    for output, ct in zip(outputs, cotangents, strict=True):
        if ct is not None and output in moving:
            gathered.setdefault(output, []).append(ct)
    for node in reversed(order):
        if not any(output in gathered for output in node.outputs):
            continue
        wanted = [v in moving for v in node.inputs]
        if not any(wanted):
            continue
        with on_behalf_of(node.where):
            arriving = [
                ZERO
                if output.type.is_discrete and output in gathered
                else combined(output, gathered.get(output, ()))
                for output in node.outputs
            ]
            contributions = _through(node, arriving, wanted)
            for v, contribution in zip(node.inputs, contributions, strict=True):
                if contribution is not None:
                    gathered.setdefault(v, []).append(_typed(contribution, v))
    return [applied(v, combined(v, gathered.get(v, ()))) for v in wrt]


def _typed(contribution: Contribution, x: Variable) -> Contribution:
    """Return ``contribution`` in the dtype, and with the known ones, of cotangents of ``x``."""
    if isinstance(contribution, Masked):
        value = _typed(contribution.value, x)
        assert isinstance(value, Variable)
        return contribution if value is contribution.value else contribution.but(value)
    if not isinstance(contribution, Variable):
        return contribution
    dtype = direction_dtype(x)
    ct = with_ones_of(contribution, x)
    return ct if ct.type.dtype == dtype else ct.astype(dtype)


def _through(
    node: Apply, arriving: Sequence[Contribution], wanted: Sequence[bool]
) -> Sequence[Contribution]:
    """Return what the cotangents ``arriving`` at ``node`` contribute to its inputs."""
    derivative = derivative_of(node.op)
    connected = [
        want
        and any(derivative.connects(node, i, o) for o, ct in enumerate(arriving) if ct is not None)
        for i, want in enumerate(wanted)
    ]
    for ct in arriving:
        if isinstance(ct, Undefined):
            return [ct if c else None for c in connected]
    present = [ct for ct in arriving if ct is not None and not isinstance(ct, Zero)]
    if not present:
        return [ZERO if c else None for c in connected]
    masks = {(m.condition, m.where, m.lazy) for m in present if isinstance(m, Masked)}
    if not masks:
        return derivative.pullback(node, arriving, connected)
    if len(masks) == 1 and all(isinstance(m, Masked) and m.lazy for m in present):
        return _through_lazily(derivative, node, arriving, connected)
    if len(arriving) == 1 and isinstance(arriving[0], Masked):
        if isinstance(derivative, Branch) and not derivative.lazy:
            return _through_branch(derivative, node, arriving[0], connected)
        if isinstance(derivative, Diagonal):
            return _through_diagonal(derivative, node, arriving[0], connected)
    if derivative.masks:
        return derivative.pullback(node, arriving, connected)
    bare = [applied(v, ct) for v, ct in zip(node.outputs, arriving, strict=True)]
    found = derivative.pullback(node, bare, connected)
    return [Masked(None, True, ct) if isinstance(ct, Variable) else ct for ct in found]


def _through_lazily(
    derivative: Derivative,
    node: Apply,
    arriving: Sequence[Contribution],
    wanted: Sequence[bool],
) -> Sequence[Contribution]:
    """Carry a mask that decides for whole arrays through any op."""
    mask = next(ct for ct in arriving if isinstance(ct, Masked))
    bare = [ct.value if isinstance(ct, Masked) else ct for ct in arriving]
    found: list[Contribution] = []
    for x, ct in zip(node.inputs, derivative.pullback(node, bare, wanted), strict=True):
        bare_ct = applied(x, ct)
        found.append(mask.but(bare_ct) if isinstance(bare_ct, Variable) else bare_ct)
    return found


def _through_diagonal(
    derivative: Diagonal, node: Apply, ct: Masked, wanted: Sequence[bool]
) -> Sequence[Contribution]:
    """Carry a mask through an elementwise op: the rules see the bare value."""
    if not derivative.affine:
        ct = ct.guarded()
    found: list[Contribution] = []
    for i, (want, x) in enumerate(zip(wanted, node.inputs, strict=True)):
        entry = derivative.entry(i)
        if want and callable(entry):
            found.append(ct.but(derivative.tangent(node, i, ct.value)).summed_to(x, node.out))
        else:
            found.append(entry if want else None)  # pyright: ignore[reportArgumentType] - no rule is left here
    return found


def _through_branch(
    derivative: Branch, node: Apply, ct: Masked, wanted: Sequence[bool]
) -> Sequence[Contribution]:
    """Carry a mask through a switch: both conditions must hold."""
    condition = node.inputs[0]
    outer = ct.guarded()
    found: list[Contribution] = [ZERO if wanted[0] else None]
    for i in (1, 2):
        if not wanted[i]:
            found.append(None)
            continue
        inner = Masked(condition, i == 1, outer.value)
        if outer.condition is condition and not outer.lazy:
            found.append(
                inner.summed_to(node.inputs[i], node.out) if outer.where == inner.where else ZERO
            )
            continue
        both = LANGUAGE["and_"](outer.truth(), inner.truth())
        found.append(Masked(both, True, outer.value).summed_to(node.inputs[i], node.out))
    return found


def pushforward(
    outputs: Sequence[Variable],
    wrt: Sequence[Variable],
    tangents: Sequence[Variable],
) -> list[Direction]:
    """Return the tangents of ``outputs``, given those of ``wrt``; see `pullback` for the words."""
    order = toposort(outputs)
    found: dict[Variable, Direction] = {}
    for variable, tangent in zip(wrt, tangents, strict=True):
        found[variable] = total([found.get(variable), tangent])
    for node in order:
        given = [found.get(v) for v in node.inputs]
        if all(t is None for t in given):
            continue
        with on_behalf_of(node.where):
            for output, tangent in zip(node.outputs, _push(node, given), strict=True):
                # A tangent of a variable that is itself computed adds to the one that it is given.
                found[output] = total([found.get(output), tangent])
    return [found.get(output) for output in outputs]


def _push(node: Apply, given: Sequence[Direction]) -> list[Direction]:
    """Return the tangents of the outputs of ``node``."""
    derivative = derivative_of(node.op)
    moved = [
        any(t is not None and derivative.connects(node, i, o) for i, t in enumerate(given))
        for o in range(len(node.outputs))
    ]
    undefined = next((t for t in given if isinstance(t, Undefined)), None)
    if undefined is not None:
        return [undefined if m else None for m in moved]
    if all(output.type.is_discrete for output in node.outputs):
        return [ZERO if m else None for m in moved]
    if not any(isinstance(t, Variable) for t in given):
        return [ZERO if m else None for m in moved]
    found = derivative.pushforward(node, given)
    return [
        None if not m else ZERO if output.type.is_discrete else _shaped(t, output)
        for t, output, m in zip(found, node.outputs, moved, strict=True)
    ]


def _shaped(t: Direction, output: Variable) -> Direction:
    """Return a tangent in the dtype and shape of ``output``."""
    if not isinstance(t, Variable):
        return t
    whole: Variable = with_ones_of(t, output) if t.ndim == output.ndim else t
    if whole.broadcastable != output.broadcastable:
        whole = LANGUAGE["fill"](output, whole)
    dtype = output.type.dtype
    return whole if whole.type.dtype == dtype else whole.astype(dtype)
