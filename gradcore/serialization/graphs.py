"""Graphs as data, and back.

A graph is a list of nodes, each after those it needs.  Variables have numbers: inputs, then
constants, then the results of nodes, in order.  Graphs that ops hold, such as the body of a scan,
stand before those that use them, and ops and lines of the user stand in tables; so data are flat,
whatever a graph is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from gradcore.errors import GradcoreError, GraphTypeError, Location, SerializationError
from gradcore.graph import Apply, Array, Constant, FunctionGraph, Op, TensorType, Variable
from gradcore.serialization.values import at, decoded_op, encoded_op, member, several
from gradcore.shared import SharedVariable


class Writer:
    """Graphs as data.

    ops, places, graphs : the tables.
    arrays : the constants, and what else is put there.
    """

    def __init__(self) -> None:
        self.ops: list[Any] = []
        self.places: list[Any] = []
        self.graphs: list[Any] = []
        self.arrays: list[Array] = []
        self._numbers: dict[Any, int] = {}

    def array(self, array: Array) -> int:
        """Return the number of an array."""
        self.arrays.append(array)
        return len(self.arrays) - 1

    def graph(self, graph: FunctionGraph) -> int:
        """Return the number of a graph, which is written if it has not been."""
        if graph not in self._numbers:
            data, _ = self.described(graph)
            self.graphs.append(data)
            self._numbers[graph] = len(self.graphs) - 1
        return self._numbers[graph]

    def described(self, graph: FunctionGraph) -> tuple[dict[str, Any], dict[Variable, int]]:
        """Return a graph as data, and the numbers of its variables."""
        constants = [v for v in graph.variables if isinstance(v, Constant)]
        numbers = {v: i for i, v in enumerate([*graph.inputs, *constants])}
        nodes: list[Any] = []
        for node in graph.nodes:
            inputs = [numbers[v] for v in node.inputs]
            types = [encoded_type(v.type) for v in node.outputs]
            nodes.append([self._op(node), inputs, types, self._place(node.where)])
            numbers.update({v: len(numbers) + i for i, v in enumerate(node.outputs)})
        return {
            "inputs": [encoded_type(v.type) for v in graph.inputs],
            "constants": [[self.array(v.data), v.bare] for v in constants],
            "nodes": nodes,
            "outputs": [numbers[v] for v in graph.outputs],
            "names": {str(n): v.name for v, n in numbers.items() if v.name is not None},
        }, numbers

    def _op(self, node: Apply) -> int:
        op = node.op
        if op not in self._numbers:
            try:
                data = encoded_op(op, self.graph)
            except GraphTypeError as error:
                raise GraphTypeError(error.what, node.where, error.fix) from None
            self.ops.append(data)
            self._numbers[op] = len(self.ops) - 1
        return self._numbers[op]

    def _place(self, where: Location | None) -> int | None:
        if where is None:
            return None
        if where not in self._numbers:
            file = PurePath(where.file).name  # the folders are nobody's business
            self.places.append([file, where.line, where.function, list(where.derivative)])
            self._numbers[where] = len(self.places) - 1
        return self._numbers[where]


class Reader:
    """Graphs of data, which are checked as they are read.

    Raises SerializationError, as all of its methods: data say no graph, or one that is none here.
    """

    def __init__(self, tables: Mapping[str, Any], arrays: Sequence[Array]) -> None:
        self.arrays = arrays
        self.places = [_place(data) for data in member(tables.get("places"), list)]
        self._said = member(tables.get("ops"), list)
        self._ops: dict[int, Op] = {}
        self.graphs: list[FunctionGraph] = []
        for data in member(tables.get("graphs"), list):
            self.graphs.append(self.graph(data)[0])

    def array(self, number: Any) -> Array:
        """Return an array."""
        return at(self.arrays, number, "array")

    def graph(
        self, data: Any, shared: Mapping[int, Array] | None = None
    ) -> tuple[FunctionGraph, list[Variable]]:
        """Return a graph, and its variables by number.

        shared : the values of those inputs that are shared variables.
        """
        said = member(data, dict)
        names = member(said.get("names"), dict)

        def named(number: int) -> str | None:
            return member(names.get(str(number)), str, type(None))

        variables: list[Variable] = []
        for i, kind in enumerate(member(said.get("inputs"), list)):
            type_ = _type(kind)
            if shared is not None and i in shared:
                variables.append(SharedVariable(type_, _fitting(type_, shared[i]), named(i)))
            else:
                variables.append(Variable(type_, named(i)))
        inputs = tuple(variables)
        for pair in member(said.get("constants"), list):
            number, bare = several(pair, 2)
            name = named(len(variables))
            variables.append(Constant(self.array(number), None, name, member(bare, bool)))
        for node in member(said.get("nodes"), list):
            names_here = [named(len(variables) + k) for k in range(len(several(node, 4)[2]))]
            variables += self._node(node, variables, names_here).outputs
        outputs = [at(variables, n, "variable") for n in member(said.get("outputs"), list)]
        try:
            return FunctionGraph(inputs, tuple(outputs)), variables
        except GradcoreError as error:
            raise SerializationError(f"the file has a graph that is none: {error.what}") from None

    def _op(self, number: Any) -> Op:
        """Return an op, which may hold graphs that have been read by now."""
        said = at(self._said, number, "op")
        if number not in self._ops:
            try:
                self._ops[number] = decoded_op(said, self.graphs)
                hash(self._ops[number])
            except SerializationError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever an op says of a stranger's fields
                raise SerializationError(f"the file has an op that is none: {error}") from None
        return self._ops[number]

    def _node(self, data: Any, known: Sequence[Variable], names: Sequence[str | None]) -> Apply:
        """Return a node, of whose results the op itself says the types."""
        number, given, types, place = several(data, 4)
        op = self._op(number)
        inputs = [at(known, n, "variable") for n in member(given, list)]
        where = None if place is None else at(self.places, place, "line")
        try:
            node = op.make_node(*inputs)
        except Exception as error:  # noqa: BLE001 - whatever an op says of a stranger's operands
            raise SerializationError(f"the file has a node that is none: {error}", where) from None
        wanted = [_type(kind) for kind in types]
        if [v.type for v in node.outputs] != wanted:
            found = ", ".join(str(v.type) for v in node.outputs)
            raise SerializationError(
                f"{op} returns {found} here, and {', '.join(map(str, wanted))} in the file",
                where,
                "the file is damaged, or another version of gradcore wrote it",
            )
        outputs = [Variable(kind, name) for kind, name in zip(wanted, names, strict=True)]
        return Apply(op, node.inputs, outputs, where)


# types and lines ----------------------------------------------------------------------------------
def encoded_type(kind: TensorType) -> list[Any]:
    """Return a type as data."""
    return [kind.dtype, list(kind.shape)]


def _type(data: Any) -> TensorType:
    dtype, shape = several(data, 2)
    extents = [member(n, int, type(None)) for n in member(shape, list)]
    try:
        return TensorType(member(dtype, str), tuple(extents))
    except GradcoreError as error:
        raise SerializationError(f"the file has a type that is none: {error.what}") from None


def _fitting(kind: TensorType, value: Array) -> Array:
    """Return the value of a shared variable."""
    try:
        return kind.filter(value, True)
    except TypeError as error:
        raise SerializationError(f"the value of a shared variable {error}") from None


def _place(data: Any) -> Location:
    file, line, function, derivative = several(data, 4)
    ops = tuple(member(op, str) for op in member(derivative, list))
    return Location(member(file, str), member(line, int), member(function, str), ops)
