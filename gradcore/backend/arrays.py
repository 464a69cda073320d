"""A backend that is a table of kernels over an array library (JAX, torch, numexpr ...).

An author fills in a table, ``kernels``, and says how arrays of NumPy become arrays of the library
and back.  An elementwise op that the table does not name is looked up in ``namespaces``, under the
name of its NumPy function and under its own: so a new op needs a line in the table only where names
differ.
"""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

import numpy as np

from gradcore.backend.contract import Backend, Executable
from gradcore.backend.profile import Profile
from gradcore.errors import UnsupportedError
from gradcore.execute import Runner, straight_line
from gradcore.graph import Apply, Constant, FunctionGraph, Kernel, Op, here, inner_graphs
from gradcore.graph.declaration import performs
from gradcore.ops.broadcasting import extent_check, with_check
from gradcore.ops.elementwise import Elementwise

Kernels: TypeAlias = Mapping[Any, Callable[..., Any]]
"""A table of kernels.

Under an op (such as an elementwise one): the function of arrays that computes it, whose operands
are in the dtypes that the op ``takes``.  Under a class of ops: ``make(node, *runners)``, which
returns the function of arrays; ``runners`` run the graphs inside the op, if there are any.

>>> import gradcore.tensor as T
>>> from gradcore.ops.reduce import Reduce
>>> table: Kernels = {T.neg: np.negative, Reduce: lambda node: lambda x: x.sum(node.op.axes)}
>>> table[Reduce](T.sum(T.dmatrix("x"), axis=0).owner)(np.ones((2, 3)))
array([2., 2., 2.])
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ArrayBackend(Backend):
    """A table of kernels over an array library.

    native : whether functions return arrays of the library, rather than of NumPy.
    added : kernels that other plugins contribute.
    stored : dtypes that the library's arrays may have although it computes nothing in them: the
        inputs of a fallback may.

    >>> import gradcore.tensor as T
    >>> class Small(ArrayBackend):
    ...     name = "small"
    ...     kernels = {T.neg: np.negative}
    ...     namespaces = (np,)
    ...     def array(self, value): return value
    ...     def numpy(self, array): return array
    ...     def cast(self, array, dtype): return array.astype(dtype)
    >>> x = T.dvector("x")
    >>> Small().compile(FunctionGraph((x,), (T.exp(-x) + x,)))(np.zeros(2))
    [array([1., 1.])]
    """

    stored: ClassVar[frozenset[str]] = frozenset()

    remedy = "declare `expansion` or `element` on the op, give kernels by the hook gradcore_kernels"

    native: bool = False
    added: Kernels = dataclasses.field(default_factory=dict[Any, Any], repr=False)

    # what an author fills in --------------------------------------------------------------------
    @property
    @abstractmethod
    def kernels(self) -> Kernels:
        """The table."""

    @property
    def namespaces(self) -> Sequence[Any]:
        """Modules in which to look for elementwise functions by name."""
        return ()

    @property
    def expanded(self) -> Collection[Elementwise]:
        """Rows whose expansions run, as the namespaces' functions of their names lose digits."""
        return ()

    @abstractmethod
    def array(self, value: Any) -> Any:
        """Return a NumPy array (or an array of the library) as an array of the library.

        It may share memory with ``value``: kernels do not change their operands.
        """

    @abstractmethod
    def numpy(self, array: Any) -> Any:
        """Return an array of the library as a NumPy array; it may share memory."""

    @abstractmethod
    def cast(self, array: Any, dtype: str) -> Any:
        """Return ``array`` in ``dtype``."""

    def dtype_of(self, array: Any) -> str:
        """Return the dtype of an array of the library, by NumPy's name."""
        return str(array.dtype)

    def lacks(self, node: Apply) -> str | None:
        """Return why a node that has a kernel cannot run all the same, or None."""
        return None

    def prepared(self, run: Runner, graph: FunctionGraph) -> Runner:
        """Return ``run``, which runs the whole graph on arrays of the library, made faster."""
        return run

    # kernels ------------------------------------------------------------------------------------
    def entry(self, op: Op) -> Callable[..., Any] | None:
        """Return what the table has for ``op``, or its class, or a function of its name."""
        for key in (op, type(op)):
            for table in (self.kernels, self.added):
                if key in table:
                    return table[key]
        return self._named(op)

    def _named(self, op: Any) -> Callable[..., Any] | None:
        """Return the function of a namespace that has the name of an elementwise op, or None."""
        if isinstance(op, Elementwise) and op not in self.expanded:
            for name in (getattr(op.numpy, "__name__", ""), op.name):
                for namespace in self.namespaces:
                    found = getattr(namespace, name, None) if name.isidentifier() else None
                    if found is not None:
                        return found
        return None

    def missing(self, node: Apply) -> str | None:
        """Return why there is no kernel for ``node``, or None."""
        if performs(node.op):
            return None
        for v in (*node.inputs, *node.outputs):
            if v.dtype not in self.dtypes:
                return f"{self.name} has no {v.dtype}"
        if self.entry(node.op) is None:
            return f"{self.name} has no kernel for {node.op.label()}"
        return self.lacks(node)

    def kernel(self, node: Apply, fallback: Collection[Apply] = ()) -> Kernel:
        """Return the function of arrays of the library that computes ``node``."""
        found = self.entry(node.op)
        if node in fallback or found is None:
            return self.reference(node)
        if isinstance(node.op, Elementwise):
            check = extent_check(node)
            return with_check(check, self._elementwise(node, node.op, found))
        if node.op in self.kernels or node.op in self.added:
            return found
        return found(node, *(self.runner(graph, fallback) for graph in inner_graphs(node.op)))

    def _elementwise(self, node: Apply, op: Elementwise, function: Callable[..., Any]) -> Kernel:
        """Return ``function`` with operands in the dtypes that it takes, and the result's dtype."""
        given = [v.dtype for v in node.inputs]
        result = node.outputs[0].dtype
        taken = op.takes(given, result)
        if taken == given:
            plain = function
        else:

            def plain(*arrays: Any) -> Any:
                return function(
                    *(
                        a if have == want else self.cast(a, want)
                        for a, have, want in zip(arrays, given, taken, strict=True)
                    )
                )

        def computed(*arrays: Any) -> Any:
            found = plain(*arrays)
            return found if self.dtype_of(found) == result else self.cast(found, result)

        return computed

    def reference(self, node: Apply) -> Kernel:
        """Return the reference of ``node``, as a function of arrays of the library."""
        kernel = node.op.kernel(node)
        single = len(node.outputs) == 1

        def computed(*arrays: Any) -> Any:
            with np.errstate(all="ignore"):
                results = kernel(*(np.asarray(self.numpy(a)) for a in arrays))
            if single:
                return self.array(np.asarray(results))
            return tuple(self.array(np.asarray(r)) for r in results)

        return computed

    # graphs -------------------------------------------------------------------------------------
    def runner(
        self,
        graph: FunctionGraph,
        fallback: Collection[Apply] = (),
        profile: Profile | None = None,
    ) -> Runner:
        """Return a function of arrays of the library that runs ``graph``, node by node."""

        def kernel(node: Apply) -> Kernel:
            found = self.kernel(node, fallback)
            return found if profile is None else profile.timed(node, found)

        return straight_line(graph, kernel, self.constant, self.lacks_memory, self.refusal)

    def refusal(self, node: Apply, operands: Sequence[Any], error: Exception) -> Exception:
        """Return what the reference raises where a kernel has raised ``error``, if it does.

        So what catches an error with one backend catches it with all.
        """
        if performs(node.op):
            return error
        try:
            values = [np.asarray(self.numpy(a)) for a in operands]
        except Exception:  # noqa: BLE001 - it has no values while the library traces a graph
            return error
        try:
            with np.errstate(all="ignore"):
                node.op.kernel(node)(*values)
        except Exception as refused:  # noqa: BLE001 - whatever it is, it is the answer
            refused.__cause__ = error
            return refused
        return error

    def constant(self, constant: Constant) -> Any:
        """Return a constant of a graph as an array of the library."""
        return self.array(constant.data)

    def compile(
        self,
        graph: FunctionGraph,
        profile: Profile | None = None,
        fallback: Collection[Apply] = (),
    ) -> Executable:
        """Return a function that runs ``graph``.

        Raises UnsupportedError: an input has a dtype that arrays of the library cannot have.
        """
        self.check_inputs(graph)
        run = self.runner(graph, fallback, profile)
        if profile is None:
            run = self.prepared(run, graph)
        dtypes = [v.dtype for v in graph.outputs]

        def execute(*values: Any) -> Sequence[Any]:
            given = [self.array(value) for value in values]
            outputs = run(*given)
            if self.native:
                return self.owned(outputs, given)
            return self.returned(outputs, dtypes)

        return execute

    def check_inputs(self, graph: FunctionGraph) -> None:
        """Raise UnsupportedError if an input has a dtype that arrays of the library cannot have."""
        for v in graph.inputs:
            if v.dtype not in self.dtypes and v.dtype not in self.stored:
                raise UnsupportedError(f"{self.name} has no {v.dtype}: {v}", here())

    def returned(self, outputs: Sequence[Any], dtypes: Sequence[str]) -> Sequence[Any]:
        """Return outputs of a graph as NumPy arrays that are the caller's own."""
        return [
            np.array(self.numpy(output), dtype=dtype, order="C")
            for output, dtype in zip(outputs, dtypes, strict=True)
        ]

    def owned(self, outputs: Sequence[Any], inputs: Sequence[Any]) -> Sequence[Any]:
        """Return outputs of a graph as arrays of the library that are the caller's own.

        As they are, where no array of the library can be written to; else the author says how.
        """
        return list(outputs)

    def with_kernels(self, kernels: Mapping[Any, Any]) -> Backend:
        """Return this backend with kernels that other plugins contribute.

        Raises TypeError: it has one for an op already.
        """
        for key in kernels:
            if {key, type(key)} & {*self.kernels, *self.added} or self._named(key) is not None:
                raise TypeError(f"it has one for {_label(key)} already")
        return dataclasses.replace(self, added={**self.added, **kernels})


def _label(key: Op | type[Op]) -> str:
    return key.__name__ if isinstance(key, type) else key.label()
