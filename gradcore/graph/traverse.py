"""Walks over graphs: order, ancestors, substitution.

Every walk keeps its own stack, so a chain of 100,000 nodes is walked on Python's default
recursion limit, and every walk is linear in nodes and edges.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any

from gradcore.errors import GraphTypeError
from gradcore.graph.extents import UNKNOWN, Operand, Shape
from gradcore.graph.nodes import Apply, Constant, Op, Variable, symbolic_operand


def toposort(
    outputs: Iterable[Variable],
    stop: Collection[Variable] = (),
    operands: Callable[[Apply], Iterable[Variable]] = attrgetter("inputs"),
) -> list[Apply]:
    """Return the nodes that ``outputs`` need, each after those it needs itself.

    stop : variables that the walk does not go past.
    operands : what a node needs; its inputs, unless something takes their place.

    >>> import gradcore.tensor as T
    >>> x = T.dscalar("x")
    >>> [str(node.op) for node in toposort([T.exp(x) + 1])]
    ['exp', 'add']
    """
    if isinstance(stop, Sequence):
        stop = frozenset(stop)
    done: dict[Apply, None] = {}
    entered: set[Apply] = set()
    for output in outputs:
        if output in stop or output.owner is None:
            continue
        stack = [output.owner]
        while stack:
            node = stack[-1]
            if node in entered:  # what it needs, which stood above it, is done
                stack.pop()
                done.setdefault(node)
                continue
            entered.add(node)
            for v in reversed(tuple(operands(node))):
                owner = v.owner
                if owner is not None and owner not in done and v not in stop:
                    stack.append(owner)
    return list(done)


def ancestors(
    variables: Iterable[Variable], blockers: Collection[Variable] = ()
) -> Iterator[Variable]:
    """Yield ``variables`` and all that they are computed from, each once.

    The walk does not go past the variables in ``blockers`` (but yields them).

    >>> import gradcore.tensor as T
    >>> x = T.dscalar("x")
    >>> [str(v) for v in ancestors([T.exp(x) * 2])]
    ['mul.0', 'exp.0', 'x', 'TensorConstant{2}']
    """
    if isinstance(blockers, Sequence):
        blockers = frozenset(blockers)
    seen: set[Variable] = set()
    stack = list(variables)[::-1]
    while stack:
        variable = stack.pop()
        if variable in seen:
            continue
        seen.add(variable)
        yield variable
        if variable.owner is not None and variable not in blockers:
            stack.extend(reversed(variable.owner.inputs))


def graph_inputs(
    variables: Iterable[Variable], blockers: Collection[Variable] = ()
) -> Iterator[Variable]:
    """Yield the variables that nothing computes (constants included) that ``variables`` need.

    >>> import gradcore.tensor as T
    >>> x, y = T.dscalars("x", "y")
    >>> list(graph_inputs([T.exp(x) * y + x]))
    [x, y]
    """
    return (v for v in ancestors(variables, blockers) if v.owner is None)


def free_inputs(variables: Iterable[Variable]) -> list[Variable]:
    """Return the variables, other than constants, that must be given to compute ``variables``."""
    return [v for v in graph_inputs(variables) if not isinstance(v, Constant)]


def depends_on(variables: Iterable[Variable], sources: Collection[Variable]) -> set[Variable]:
    """Return all variables among the ancestors of ``variables`` that are computed from ``sources``.

    The sources that are reached are included.
    """
    dependent = set(sources)
    for node in toposort(variables):
        if any(v in dependent for v in node.inputs):
            dependent.update(node.outputs)
    return dependent


def substitute(
    outputs: Sequence[Variable], replacements: Mapping[Variable, Variable]
) -> list[Variable]:
    """Return ``outputs`` with the keys of ``replacements`` replaced by their values.

    Nodes that do not depend on a key remain as they are; the others are built anew, so a
    replacement may have a better known shape (or another dtype) than what it replaces.
    """
    new: dict[Variable, Variable] = dict(replacements)
    for node in toposort(outputs, stop=replacements.keys()):
        inputs = [new.get(v, v) for v in node.inputs]
        if any(a is not b for a, b in zip(inputs, node.inputs, strict=True)):
            for old, fresh in zip(node.outputs, node.with_inputs(inputs).outputs, strict=True):
                new.setdefault(old, fresh)
    return [new.get(v, v) for v in outputs]


def replace_ops(
    outputs: Sequence[Variable],
    change: Callable[[Op], Op | None],
    stop: Collection[Variable] = (),
) -> list[Variable]:
    """Return ``outputs`` with each op replaced by what ``change`` returns for it.

    None: the op goes, and its first operands take the place of its outputs.
    """
    new: dict[Variable, Variable] = {}
    for node in toposort(outputs, stop):
        op = change(node.op)
        inputs = [new.get(v, v) for v in node.inputs]
        if op is None:
            found = inputs[: len(node.outputs)]
        elif op is not node.op:
            found = op.make_node(*inputs).outputs
        elif any(a is not b for a, b in zip(inputs, node.inputs, strict=True)):
            found = node.with_inputs(inputs).outputs
        else:
            continue
        new.update(zip(node.outputs, found, strict=True))
    return [new.get(v, v) for v in outputs]


def captured(results: Sequence[Variable], placeholders: Sequence[Variable]) -> list[Variable]:
    """Return what ``results`` use and does not depend on ``placeholders``, no constants.

    These are the largest expressions: what they are computed of is not among them.
    """
    inside = depends_on(results, placeholders)
    found: dict[Variable, None] = {}
    for node in toposort(results, stop=placeholders):
        if any(output in inside for output in node.outputs):
            found.update((v, None) for v in node.inputs if v not in inside)
    found.update((v, None) for v in results if v not in inside)
    return [v for v in found if not isinstance(v, Constant)]


def unmarked(outputs: Sequence[Variable], stop: Collection[Variable] = ()) -> list[Variable]:
    """Return ``outputs`` without what derivatives alone see (`Op.mark`), in graphs of ops too."""
    return replace_ops(outputs, _without_marks_inside, stop)


def _without_marks_inside(op: Op) -> Op | None:
    if op.mark:
        return None
    graphs = tuple(map(_without_marks, op.graphs))
    same = all(a is b for a, b in zip(graphs, op.graphs, strict=True))
    return op if same else op.with_graphs(*graphs)


def _without_marks(graph: Any) -> Any:
    found = unmarked(graph.outputs, graph.inputs)
    same = all(a is b for a, b in zip(found, graph.outputs, strict=True))
    return graph if same else type(graph)(graph.inputs, tuple(found))


def graph_replace(
    outputs: Variable | Sequence[Variable],
    replace: Mapping[Variable, Variable],
    strict: bool = True,
) -> Variable | list[Variable]:
    """Return ``outputs`` with variables replaced, by a mapping of old to new.

    strict : whether each variable to replace must occur.

    Raises GraphTypeError: a replacement of another rank; a key that does not occur.

    >>> import gradcore.tensor as T
    >>> from gradcore import pp
    >>> x, y = T.dscalars("x", "y")
    >>> pp(graph_replace(T.exp(x), {x: 2 * y}))
    'exp((TensorConstant{2} * y))'
    """
    wanted = [outputs] if isinstance(outputs, Variable) else list(outputs)
    present = set(ancestors(wanted)) if strict else set[Variable]()
    for old, new in replace.items():
        if old.ndim != new.ndim:
            raise GraphTypeError(
                f"cannot replace {old} ({old.type}) by {new} ({new.type}): the ranks differ"
            )
        if strict and old not in present:
            raise GraphTypeError(
                f"{old}, which is to be replaced, does not occur in the graph",
                fix="pass strict=False if that is meant",
            )
    replaced = substitute(wanted, replace)
    return replaced[0] if isinstance(outputs, Variable) else replaced


def clone(
    output: Variable | Sequence[Variable],
    replace: Mapping[Variable, Variable] | Iterable[tuple[Variable, Variable]] | None = None,
    share_inputs: bool = True,
    strict: bool = False,
) -> Variable | list[Variable]:
    """Return a copy of a graph, with replacements, on the same inputs or on new ones.

    replace : new variables for old ones, as a dict or pairs.
    share_inputs : whether the copy is computed from the same inputs; if not, from clones of them.
    strict : whether a replacement must be of a type that the type of what it replaces includes.

    Raises GraphTypeError: it is not.

    >>> import gradcore.tensor as T
    >>> x, y = T.dscalars("x", "y")
    >>> float(clone(T.exp(x) * x, replace={x: y + 1}).eval({y: 0.0}).round(4))
    2.7183
    """
    wanted = [output] if isinstance(output, Variable) else list(output)
    given: Any = replace or {}
    new: dict[Variable, Variable] = dict(given)
    for old, fresh in new.items() if strict else ():
        if not old.type.includes(fresh.type):
            raise GraphTypeError(f"{old} is {old.type}, its replacement {fresh} is {fresh.type}")
    if not share_inputs:
        for v in graph_inputs(wanted, blockers=new.keys()):
            if v not in new and not isinstance(v, Constant):
                new[v] = v.clone()
    for node in toposort(wanted, stop=new.keys()):
        copy = node.with_inputs([new.get(v, v) for v in node.inputs])
        for old, fresh in zip(node.outputs, copy.outputs, strict=True):
            new.setdefault(old, fresh)
    copies = [new.get(v, v) for v in wanted]
    return copies[0] if isinstance(output, Variable) else copies


def infer_shapes(
    outputs: Sequence[Variable], known: Mapping[Variable, Operand] | None = None
) -> list[Shape]:
    """Return the shapes of ``outputs`` as their ops declare them, computing no element.

    known : what is known of some variables beyond their types; the walk does not go past them.

    Extents are ints, or scalars of the graph in terms of what is known and of the inputs.
    """
    operands: dict[Variable, Operand] = dict(known or {})

    def operand(variable: Variable) -> Operand:
        if variable not in operands:
            operands[variable] = symbolic_operand(variable)
        return operands[variable]

    for node in toposort(outputs, stop=operands.keys()):
        shapes = node.op.symbolic_shapes(node, [operand(v) for v in node.inputs])
        for output, shape in zip(node.outputs, shapes, strict=True):
            if output in operands:
                continue
            typed = symbolic_operand(output)
            extents = zip(shape, typed.shape, strict=True)
            best = tuple(m if n is UNKNOWN or isinstance(m, int) else n for n, m in extents)
            value = node.op.value(node, [operand(v) for v in node.inputs])
            operands[output] = Operand(best, typed.value if value is UNKNOWN else value)
    return [operand(v).shape for v in outputs]
