"""A graph with its inputs named: what is rewritten, compiled, or repeated by a scan."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from gradcore.errors import MissingInputError
from gradcore.graph.nodes import Apply, Constant, Op, Variable
from gradcore.graph.traverse import graph_inputs, substitute, toposort


@dataclass(frozen=True, eq=False)
class FunctionGraph:
    """Outputs as a function of inputs.  Frozen; equal if it says the same of inputs alike.

    Raises MissingInputError: an output needs a variable that is not an input.

    >>> import gradcore.tensor as T
    >>> x, y = T.dvectors("x", "y")
    >>> FunctionGraph((x,), (T.exp(x),)) == FunctionGraph((y,), (T.exp(y),))
    True
    """

    inputs: tuple[Variable, ...]
    outputs: tuple[Variable, ...]

    def __post_init__(self) -> None:
        """Check that the inputs suffice."""
        known = set(self.inputs)
        for variable in graph_inputs(self.outputs, known):
            if variable not in known and not isinstance(variable, Constant):
                raise MissingInputError(f"the graph needs {variable}, which is not an input of it")

    @functools.cached_property
    def nodes(self) -> tuple[Apply, ...]:
        """The nodes, each after those it needs."""
        return tuple(toposort(self.outputs, frozenset(self.inputs)))

    def toposort(self) -> list[Apply]:
        """Return the nodes, each after those it needs."""
        return list(self.nodes)

    @property
    def apply_nodes(self) -> set[Apply]:
        """The nodes, in no order."""
        return set(self.nodes)

    @functools.cached_property
    def variables(self) -> tuple[Variable, ...]:
        """The inputs, the constants, and the outputs of all nodes."""
        seen = dict.fromkeys(self.inputs)
        for node in self.nodes:
            seen.update(dict.fromkeys(node.inputs))
            seen.update(dict.fromkeys(node.outputs))
        seen.update(dict.fromkeys(self.outputs))
        return tuple(seen)

    @functools.cached_property
    def readers(self) -> dict[Variable, tuple[Apply, ...]]:
        """For each variable that nodes read, these nodes (once for each time it is read)."""
        found: dict[Variable, list[Apply]] = {}
        for node in self.nodes:
            for variable in node.inputs:
                found.setdefault(variable, []).append(node)
        return {variable: tuple(nodes) for variable, nodes in found.items()}

    def on(self, *inputs: Variable) -> tuple[Variable, ...]:
        """Return the outputs for other inputs."""
        return tuple(substitute(self.outputs, dict(zip(self.inputs, inputs, strict=True))))

    def with_replaced(self, replaced: Mapping[Variable, Variable]) -> FunctionGraph:
        """Return the graph with outputs of nodes replaced, also where a replacement needs another.

        It is the graph itself where ``replaced`` is empty.
        """
        if not replaced:
            return self
        done: dict[Variable, Variable] = {}
        for node in self.nodes:
            for v in node.outputs:
                if v in replaced:
                    (done[v],) = substitute([replaced[v]], done)
        return FunctionGraph(self.inputs, tuple(substitute(self.outputs, done)))

    @functools.cached_property
    def _key(self) -> Hashable:
        """What the graph says, free of the identity of its variables."""
        refs: dict[Variable, Hashable] = {v: ("input", i) for i, v in enumerate(self.inputs)}

        def ref(variable: Variable) -> Hashable:
            if variable not in refs and isinstance(variable, Constant):
                data = variable.data
                refs[variable] = (data.dtype.name, data.shape, data.tobytes())
            return refs[variable]

        steps: list[Hashable] = []
        for number, node in enumerate(self.nodes):
            steps.append((node.op, tuple(map(ref, node.inputs))))
            refs.update({out: (number, i) for i, out in enumerate(node.outputs)})
        types = tuple(v.type for v in self.inputs)
        return types, tuple(steps), tuple(map(ref, self.outputs))

    @functools.cached_property
    def _hash(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        """Return whether ``other`` has the same nodes, wired alike."""
        if self is other:
            return True
        if not isinstance(other, FunctionGraph) or self._hash != other._hash:
            return False
        return self._key == other._key

    def __hash__(self) -> int:
        """Hash what the graph says."""
        return self._hash


def inner_graphs(op: Op) -> tuple[FunctionGraph, ...]:
    """Return the graphs that ``op`` runs itself, such as the body of a scan: `Op.graphs`."""
    return op.graphs
