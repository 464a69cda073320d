"""Runs a graph node by node, given a kernel for each node.

A node becomes one small closure over its kernel and the slots of its operands; a run is a loop
over these.  A slot is used again as soon as its value is dead, so values are dropped early without
a word about it.  Rejected: printing the graph as Python source, which runs a little faster and
takes thirty times as long to make.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import length_hint
from typing import Any, TypeAlias

import numpy as np

from gradcore.errors import ArraySizeError, GradcoreError, OutOfMemoryError
from gradcore.graph import Apply, Constant, FunctionGraph, Kernel, Operand, Variable
from gradcore.graph.extents import check_size

Runner: TypeAlias = Callable[..., tuple[Any, ...]]
"""A function of the values of a graph's inputs that returns those of its outputs.

>>> import gradcore.tensor as T
>>> x = T.dvector("x")
>>> run: Runner = by_reference(FunctionGraph((x,), (x * 2, x + 1)))
>>> run(np.array([1.0, 2.0]))
(array([2., 4.]), array([2., 3.]))
"""

MEMORY_FIX = "use smaller batches or float32, or compute a part at a time"
"""What to do where memory is lacking."""

NODE = "gradcore_node"
"""The attribute of an exception that is none of ours: the innermost node that was computing."""

Step: TypeAlias = Callable[[list[Any]], None]
"""The computation of a node: it reads and writes slots."""


def is_memory_error(error: Exception) -> bool:
    """Return whether Python or NumPy says that memory is lacking."""
    return isinstance(error, MemoryError)


def straight_line(
    graph: FunctionGraph,
    kernel: Callable[[Apply], Kernel],
    constant: Callable[[Constant], Any] = lambda c: c.data,
    lacks_memory: Callable[[Exception], bool] = is_memory_error,
    refusal: Callable[[Apply, Sequence[Any], Exception], Exception] = lambda n, v, error: error,
) -> Runner:
    """Return a function that runs ``graph``; many threads may call it at once.

    kernel : what computes a node.
    constant : the value of a constant, in the arrays that the kernels take.
    lacks_memory : whether an exception of a kernel says that memory is lacking.
    refusal : what to raise for an exception of the kernel of a node, for these operands.

    An exception of a kernel leaves with a note that names the node, its operands, and the user's
    line that built it; lack of memory, as OutOfMemoryError.

    >>> import gradcore.tensor as T
    >>> x = T.dvector("x")
    >>> graph = FunctionGraph((x,), (T.exp(x) + x,))
    >>> straight_line(graph, lambda node: node.op.kernel(node))(np.zeros(2))
    (array([1., 1.]),)
    """
    slots = {v: k for k, v in enumerate(graph.inputs)}
    start: list[Any] = [None] * len(graph.inputs)
    for v in graph.variables:
        if isinstance(v, Constant) and v not in slots:
            slots[v] = len(start)
            start.append(constant(v))
    final = {*slots, *graph.outputs}
    last_read = {v: node for node in graph.nodes for v in node.inputs}
    free: list[int] = []
    steps: list[Step] = []
    for node in graph.nodes:
        read = [slots[v] for v in node.inputs]
        free += [
            slots[v] for v in dict.fromkeys(node.inputs) if last_read[v] is node and v not in final
        ]
        for output in node.outputs:
            if not free:
                free.append(len(start))
                start.append(None)
            slots[output] = free.pop()
        steps.append(_step(kernel(node), read, [slots[output] for output in node.outputs]))
        free += [slots[v] for v in node.outputs if v not in last_read and v not in final]
    results = [slots[v] for v in graph.outputs]
    given = len(graph.inputs)

    def run(*values: Any) -> tuple[Any, ...]:
        store = start.copy()
        store[:given] = values
        rest = iter(steps)
        try:
            for step in rest:
                step(store)
        except Exception as error:
            node = graph.nodes[len(steps) - length_hint(rest) - 1]
            operands = [store[slots[v]] for v in node.inputs]
            if isinstance(error, ValueError) and not isinstance(error, GradcoreError):
                error = _too_large(node, operands) or error
            if lacks_memory(error) and not isinstance(error, GradcoreError):
                raise out_of_memory(error, node) from error
            if not isinstance(error, GradcoreError) and not hasattr(error, NODE):
                error = refusal(node, operands, error)
            explain(error, node, operands)
            raise error  # noqa: TRY201 - it may be another one
        return tuple([store[k] for k in results])

    return run


def by_reference(graph: FunctionGraph) -> Runner:
    """Return a function that runs ``graph`` by the references of its ops."""
    return straight_line(graph, lambda node: node.op.kernel(node))


def _too_large(node: Apply, values: Sequence[Any]) -> ArraySizeError | None:
    """Return the error of a result that is larger than any memory, if it is.

    NumPy computes sizes of what it stretches before it asks for memory, and raises ValueError.
    """
    try:
        for shape in node.op.symbolic_shapes(node, [Operand(np.shape(v)) for v in values]):
            check_size([n if isinstance(n, int) else 0 for n in shape])
    except ArraySizeError as error:
        return error
    except GradcoreError:
        return None
    return None


def _step(kernel: Kernel, read: Sequence[int], written: Sequence[int]) -> Step:
    """Return what calls ``kernel`` on slots ``read`` and puts the results into ``written``."""
    if len(written) != 1:

        def several(store: list[Any]) -> None:
            results = kernel(*[store[k] for k in read])
            for k, value in zip(written, results, strict=True):
                store[k] = value

        return several

    (out,) = written
    if len(read) == 1:
        (only,) = read

        def unary(store: list[Any]) -> None:
            store[out] = kernel(store[only])

        return unary
    if len(read) == 2:
        left, right = read

        def binary(store: list[Any]) -> None:
            store[out] = kernel(store[left], store[right])

        return binary

    def nary(store: list[Any]) -> None:
        store[out] = kernel(*[store[k] for k in read])

    return nary


def out_of_memory(error: Exception, node: Apply | None = None) -> GradcoreError:
    """Return what says that memory is lacking as OutOfMemoryError; an error of ours as it is.

    node : what was computing, if it is known.
    """
    if isinstance(error, GradcoreError):
        return error
    said = str(error).partition("\n")[0]
    found = OutOfMemoryError(f"there is no memory for an array: {said}", fix=MEMORY_FIX)
    found.__cause__ = error
    if node is not None:
        explain(found, node, ())
    return found


def explain(error: BaseException, node: Apply, values: Sequence[Any]) -> None:
    """Tell an exception which node raised it, of which values if they are known."""
    if isinstance(error, GradcoreError):
        error.where = error.where or node.where
        error.node = error.node or node
        return
    if not hasattr(error, NODE):
        setattr(error, NODE, node)
    operands = ", ".join(map(_shown, node.inputs, values))
    error.add_note(f"gradcore was computing {node.op}{operands and f' of {operands}'}")
    if node.where is not None:
        error.add_note(f"  built at {node.where}")


def _shown(variable: Variable, value: Any) -> str:
    dtype, shape = getattr(value, "dtype", None), getattr(value, "shape", None)
    return f"{variable} ({dtype}, shape {shape})"
