"""The two sweeps over a graph: cotangents from its end, tangents from its start.

Both are linear in the number of nodes.  Where an op declares one mode only, the other is its
transpose: in a symbolic graph, to transpose a linear map is to pull back through its expression.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from gradcore.derive.directions import Direction, direction_dtype, total, with_ones_of, zeros
from gradcore.derive.forms import Forms
from gradcore.derive.masks import (
    Contribution,
    Guarded,
    Guards,
    Masked,
    PartialCotangent,
    applied,
    combined,
    common_guards,
    guarded,
)
from gradcore.graph import (
    ZERO,
    Apply,
    Undefined,
    Variable,
    Zero,
    here,
    on_behalf_of,
    substitute,
)
from gradcore.graph.location import differentiated
from gradcore.language import LANGUAGE


def moving_with(
    order: Sequence[Apply],
    wrt: Collection[Variable],
    constants: Collection[Variable] = (),
    forms: Forms | None = None,
) -> set[Variable]:
    """Return the variables of the nodes in ``order`` that are connected with one of ``wrt``."""
    moving = set(wrt)
    for node in order:
        form = None if forms is None else forms.of(node)
        if form is not None:
            if form in moving and node.out not in constants:
                moving.add(node.out)
            continue
        moved = [i for i, v in enumerate(node.inputs) if v in moving]
        if moved:
            connects = node.op.derivative.connects
            for o, output in enumerate(node.outputs):
                if output not in constants and any(connects(node, i, o) for i in moved):
                    moving.add(output)
    return moving


# from the end -----------------------------------------------------------------------------------
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
    found = contributions(outputs, cotangents, wrt, constants)
    line = here()
    if line is not None and not line.derivative:
        line = differentiated(line, "what reads it")
    with on_behalf_of(line):
        return [applied(v, combined(v, some)) for v, some in zip(wrt, found, strict=True)]


def contributions(
    outputs: Sequence[Variable],
    cotangents: Sequence[Contribution],
    wrt: Sequence[Variable],
    constants: Collection[Variable] = (),
) -> list[Sequence[Contribution]]:
    """Return what the cotangents of each of ``wrt`` are the sum of, given those of ``outputs``."""
    forms = Forms({*wrt, *constants})
    order = forms.order(outputs, constants)
    moving = moving_with(order, wrt, constants, forms)
    gathered: dict[Variable, list[Contribution]] = {}
    for output, ct in zip(outputs, cotangents, strict=True):
        if ct is not None and output in moving:
            gathered.setdefault(output, []).append(ct)
    for node in reversed(order):
        if not any(output in gathered for output in node.outputs):
            continue
        form = forms.of(node)
        if form is not None:
            gathered.setdefault(form, []).extend(gathered[node.out])
            continue
        wanted = [v in moving for v in node.inputs]
        if not any(wanted):
            continue
        with on_behalf_of(differentiated(node.where, node.op.label())):
            arriving = [
                ZERO
                if output.type.is_discrete and output in gathered
                else combined(output, gathered.get(output, ()))
                for output in node.outputs
            ]
            found = _through(node, arriving, wanted)
            for v, contribution in zip(node.inputs, found, strict=True):
                if contribution is not None:
                    gathered.setdefault(v, []).append(_typed(contribution, v))
    return [gathered.get(v, ()) for v in wrt]


def _typed(contribution: Contribution, x: Variable) -> Contribution:
    """Return ``contribution`` in the dtype, and with the known ones, of cotangents of ``x``."""
    if isinstance(contribution, Guarded):
        return guarded(contribution.guards, x, _typed(contribution.value, x))
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
    derivative = node.op.derivative
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
    guards = common_guards(ct.guards if isinstance(ct, Guarded) else () for ct in present)
    if guards:
        return _through_lazily(node, arriving, guards, connected)
    arriving = [
        Masked(None, True, ct.applied(v)) if isinstance(ct, Guarded) else ct
        for v, ct in zip(node.outputs, arriving, strict=True)
    ]
    if derivative.masks or not any(isinstance(ct, Masked) for ct in arriving):
        return _pulled_back(node, arriving, connected)
    bare = [applied(v, ct) for v, ct in zip(node.outputs, arriving, strict=True)]
    found = _pulled_back(node, bare, connected)
    return [
        Masked(None, True, ct) if isinstance(ct, Variable)
        else replace(ct, masked=True) if isinstance(ct, PartialCotangent)
        else ct
        for ct in found
    ]  # fmt: skip


def _through_lazily(
    node: Apply, arriving: Sequence[Contribution], guards: Guards, wanted: Sequence[bool]
) -> Sequence[Contribution]:
    """Carry cotangents through any op inside of branches."""
    inside = [ct.inside(guards) if isinstance(ct, Guarded) else ct for ct in arriving]
    found = _through(node, inside, wanted)
    return [guarded(guards, x, ct) for x, ct in zip(node.inputs, found, strict=True)]


def _pulled_back(
    node: Apply, cotangents: Sequence[Contribution], wanted: Sequence[bool]
) -> Sequence[Contribution]:
    """Return the cotangents of the inputs, as declared or by transposing the tangent map."""
    found = node.op.derivative.pullback(node, cotangents, wanted)
    if found is not None:
        return found
    return [_transposed(node, i, cotangents) if want else None for i, want in enumerate(wanted)]


def _transposed(node: Apply, i: int, cotangents: Sequence[Contribution]) -> Direction:
    """Return the cotangent of input ``i``, by pulling back through its tangent map."""
    x = node.inputs[i]
    t = Variable(x.type.with_dtype(direction_dtype(x)))
    tangents = _pushed_forward(node, [t if j == i else None for j in range(len(node.inputs))])
    pairs = [
        (tangent, ct)
        for tangent, ct in zip(tangents, cotangents, strict=True)
        if isinstance(tangent, Variable) and ct is not None
    ]
    if not pairs:
        return total(tangents)
    (found,) = pullback([tangent for tangent, _ in pairs], [ct for _, ct in pairs], [t])
    if not isinstance(found, Variable):
        return found
    # The map is linear: its transpose can mention t only by its shape.
    (result,) = substitute([found], {t: LANGUAGE["cast"](x, t.type.dtype)})
    return result


# from the start ---------------------------------------------------------------------------------
def pushforward(
    outputs: Sequence[Variable],
    wrt: Sequence[Variable],
    tangents: Sequence[Variable],
    constants: Collection[Variable] = (),
) -> list[Direction]:
    """Return the tangents of ``outputs``, given those of ``wrt``; see `pullback` for the words."""
    forms = Forms({*wrt, *constants})
    order = forms.order(outputs)
    found: dict[Variable, Direction] = {}
    for variable, tangent in zip(wrt, tangents, strict=True):
        found[variable] = total([found.get(variable), tangent])
    for node in order:
        form = forms.of(node)
        if form is not None:
            if node.out not in constants:
                found[node.out] = total([found.get(node.out), found.get(form)])
            continue
        given = [found.get(v) for v in node.inputs]
        if all(t is None for t in given):
            continue
        with on_behalf_of(differentiated(node.where, node.op.label())):
            for output, tangent in zip(node.outputs, _moved(node, given), strict=True):
                # A tangent of a variable that is itself computed adds to the one that it is given.
                if output not in constants:
                    found[output] = total([found.get(output), tangent])
    return [found.get(output) for output in outputs]


def _moved(node: Apply, given: Sequence[Direction]) -> list[Direction]:
    """Return the tangents of the outputs of ``node``."""
    derivative = node.op.derivative
    moved = [
        any(t is not None and derivative.connects(node, i, o) for i, t in enumerate(given))
        for o in range(len(node.outputs))
    ]
    undefined = next((t for t in given if isinstance(t, Undefined)), None)
    if undefined is not None:
        return [undefined if m else None for m in moved]
    still = all(output.type.is_discrete for output in node.outputs)
    if still or not any(isinstance(t, Variable) for t in given):
        return [ZERO if m else None for m in moved]
    return [
        None if not m else ZERO if output.type.is_discrete else _shaped(t, output)
        for t, output, m in zip(_pushed_forward(node, given), node.outputs, moved, strict=True)
    ]


def _pushed_forward(node: Apply, tangents: Sequence[Direction]) -> Sequence[Direction]:
    """Return the tangents of the outputs, as declared or by transposing the cotangent map."""
    declared = node.op.derivative.pushforward(node, tangents)
    if declared is not None:
        return declared
    seeds = [Variable(v.type.with_dtype(direction_dtype(v))) for v in node.outputs]
    moving = [isinstance(t, Variable) for t in tangents]
    pulled = _pulled_back(node, seeds, moving)
    cotangents = [applied(x, ct) for x, ct in zip(node.inputs, pulled, strict=True)]
    undefined = next((ct for ct in cotangents if isinstance(ct, Undefined)), None)
    if undefined is not None:
        return [undefined] * len(seeds)
    both = [
        (ct, t)
        for ct, t in zip(cotangents, tangents, strict=True)
        if isinstance(ct, Variable) and isinstance(t, Variable)
    ]
    transposed = pullback([ct for ct, _ in both], [t for _, t in both], seeds)
    present = [
        t if isinstance(t, Variable) else zeros(seed)
        for t, seed in zip(transposed, seeds, strict=True)
    ]
    # The map is linear: its transpose can mention a seed only by its shape.
    shapes = {
        seed: LANGUAGE["cast"](v, seed.type.dtype)
        for seed, v in zip(seeds, node.outputs, strict=True)
    }
    found = substitute(present, shapes)
    # What the cotangents are computed by may have no derivative itself.
    pairs = zip(found, transposed, strict=True)
    return [old if isinstance(old, Undefined) else new for new, old in pairs]


def _shaped(t: Direction, output: Variable) -> Direction:
    """Return a tangent in the dtype and shape of ``output``."""
    if not isinstance(t, Variable):
        return t
    whole: Variable = with_ones_of(t, output) if t.ndim == output.ndim else t
    if whole.broadcastable != output.broadcastable:
        whole = LANGUAGE["fill"](output, whole)
    dtype = output.type.dtype
    return whole if whole.type.dtype == dtype else whole.astype(dtype)
