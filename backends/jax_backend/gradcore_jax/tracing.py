"""What is known while a graph is traced, and how a graph runs that cannot be traced as it is.

``jax.jit`` runs a function once on *tracers*, arrays without elements, whose shapes are ints.  So
a kernel can compute anything from shapes while it is traced, and nothing from elements.

The decision: whatever is *known* is a NumPy array, and whatever is not is an array of JAX.  A
node of integers whose operands are all known is computed by its reference, in NumPy, and is known
too: so arithmetic on extents stays concrete through a whole graph.  A kernel that needs a value
and gets a tracer raises `UntraceableError`, and the function is compiled in another way.
Rejected: to guess from the graph which inputs extents depend on; what a kernel asks for is the
truth.
"""

from __future__ import annotations

import functools
import importlib
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np

from gradcore.backend import performs
from gradcore.errors import ArraySizeError, GradcoreError, UnsupportedError
from gradcore.graph import Apply, Array, FunctionGraph, Kernel, inner_graphs
from gradcore.graph.extents import check_size
from gradcore.ops.control import Print
from gradcore.ops.create import Arange
from gradcore.ops.shape import Alloc, Repeat

# Loaded by name, of any type: so the types check alike where JAX is installed and where it is not.
jax: Any = importlib.import_module("jax")
jnp: Any = importlib.import_module("jax.numpy")
lax: Any = importlib.import_module("jax.lax")
importlib.import_module("jax.export")

ENABLE_X64: Any = (
    jax if hasattr(jax, "enable_x64") else importlib.import_module("jax.experimental")
).enable_x64
"""The context in which JAX has 64 bits; older versions keep it elsewhere."""

log = logging.getLogger("gradcore.jax")

KNOWN_SIZE = 4096
"""How many elements a known array may have; larger ones are not worth a copy in every program."""

CACHED = 32
"""How many compiled functions are cached, each for other values of its integer scalars."""

GROWING = (Alloc, Arange, Repeat)
"""Ops whose results are larger than their operands: their kernels see to `KNOWN_SIZE`."""


class UntraceableError(UnsupportedError):
    """A kernel needs a value that is not known while its graph is traced."""


# what is known ----------------------------------------------------------------------------------
def is_known(array: Any) -> bool:
    """Return whether ``array`` is known while a graph is traced."""
    return isinstance(array, (np.ndarray, np.generic))


def is_traced(array: Any) -> bool:
    """Return whether ``array`` is a tracer, which has no elements."""
    return isinstance(array, jax.core.Tracer)


def is_symbolic(shape: Iterable[Any]) -> bool:
    """Return whether a shape has extents that are no numbers, as in a program that is exported."""
    return any(map(jax.export.is_symbolic_dim, shape))


def concrete(array: Any, who: object) -> Array:
    """Return ``array`` as a NumPy array, or raise `UntraceableError` for a tracer.

    who : what needs it.
    """
    if is_traced(array):
        raise UntraceableError(
            f"{who} needs a value that is not known while a graph is traced",
            fix="make it a constant, take it from a shape, or do not compile this part",
        )
    # The buffer of a result for which XLA found no memory ends the process.
    return np.asarray(array.block_until_ready() if isinstance(array, jax.Array) else array)


def available(dtype: str) -> np.dtype[Any]:
    """Return ``dtype``, or what JAX has in its place where its 64 bits are switched off.

    They are never in functions of gradcore, but may be around one that is embedded.
    """
    return jax.dtypes.canonicalize_dtype(dtype)


def strong(array: Any, dtype: str) -> Any:
    """Return ``array`` as an array of JAX in ``dtype``, which promotes as that dtype does."""
    return lax.convert_element_type(array, available(dtype))


def hollow(array: Any) -> Array:
    """Return a NumPy array of the shape of ``array`` that takes no memory.

    What a reference checks, or tells, of shapes, it can do on this one.
    """
    return np.broadcast_to(np.int8(0), np.shape(array))


def with_known(node: Apply, kernel: Kernel) -> Kernel:
    """Return ``kernel``, but in NumPy if ``node`` computes integers and its operands are known."""
    op = node.op
    discrete = all(v.type.is_discrete for v in node.outputs)
    if op.graphs or isinstance(op, GROWING) or is_opaque(node) or not discrete:
        return kernel
    reference = op.kernel(node)

    def computed(*arrays: Any) -> Any:
        if not all(map(is_known, arrays)):
            return kernel(*arrays)
        with np.errstate(all="ignore"):
            return reference(*arrays)

    return computed


def with_size_check(node: Apply, kernel: Kernel) -> Kernel:
    """Return ``kernel`` of ``node``, raising ArraySizeError for a result beyond any memory.

    XLA computes with sizes modulo 2**64, and aborts the process.
    """
    single = len(node.outputs) == 1

    def computed(*arrays: Any) -> Any:
        found = kernel(*arrays)
        for result in (found,) if single else found:
            if is_traced(result) and not is_symbolic(result.shape):
                check_size(result.shape)
        return found

    return computed


def opaque(graph: FunctionGraph, fallback: Iterable[Apply] = ()) -> list[Apply]:
    """Return the nodes that act on concrete arrays each time: such a graph is never traced."""
    lacking = set(fallback)
    return [node for node in graph.nodes if node in lacking or is_opaque(node)]


def is_opaque(node: Apply) -> bool:
    """Return whether ``node``, or one in a graph inside it, acts on concrete arrays each time."""
    if performs(node.op) or isinstance(node.op, Print):
        return True
    return any(opaque(graph) for graph in inner_graphs(node.op))


# how a graph runs -------------------------------------------------------------------------------
Frozen: TypeAlias = tuple[str, tuple[int, ...], bytes]
"""A NumPy array that can be hashed: its dtype, its shape, its elements."""


def frozen(array: Array) -> Frozen:
    """Return ``array`` as something that can be hashed."""
    return array.dtype.name, array.shape, array.tobytes()


def thawed(value: Frozen) -> Array:
    """Return the array that was frozen."""
    dtype, shape, elements = value
    return np.frombuffer(elements, dtype).reshape(shape)


class Strategies:
    """A function of arrays that is compiled as a whole, or as much of it as can be.

    It tries three ways, and remembers which one works:

    - ``traced``: ``jax.jit``, all arguments traced;
    - ``static``: ``jax.jit`` for each value of the integer scalars, the latest `CACHED` of which
      are cached;
    - ``eager``: node by node on concrete arrays (loops inside are still compiled).

    An error that is found while tracing may be in a branch that is not taken, as both are traced:
    the call runs eagerly, where only the branch that is taken is computed, and can raise it.  The
    strategy remains, for other shapes may fit.  (A graph embedded in a function that JAX itself
    traces has no such way out: there the error is raised.)

    strategy : the one in use.
    reason : why the one before it cannot be, if there is one before.
    """

    def __init__(
        self,
        run: Callable[..., Any],
        scalars: Sequence[int],
        eager: Callable[..., Any],
        label: object,
        known: bool = False,
        tracing: bool = True,
    ) -> None:
        """Prepare to run.

        run : the function.
        scalars : which of its arguments are integer scalars.
        eager : what to run in its place on concrete arrays.
        label : what to call it in the log.
        known : whether arguments that are NumPy arrays are known, and so stay as they are.
        tracing : whether it can be traced at all.
        """
        self.strategy = "traced" if tracing else "eager"
        self.reason: UntraceableError | None = None
        self._run = run
        self._scalars = frozenset(scalars)
        self._eager = eager
        self._label = label
        self._known = known
        self._jitted = functools.lru_cache(maxsize=CACHED)(self._specialized)
        self._whole: Callable[..., Any] = jax.jit(run)

    def __call__(self, *arrays: Any) -> Any:
        """Run it, by the first strategy that works."""
        while self.strategy != "eager":
            try:
                return self._traced(arrays)
            except UntraceableError as reason:
                self._step_down(reason)
            except ArraySizeError:
                raise  # XLA aborts the process for some of these sizes
            except (GradcoreError, IndexError) as error:
                log.debug("%s runs eagerly this time: %s", self._label, error)
                break
        return self._eager(*arrays)

    def _step_down(self, reason: UntraceableError) -> None:
        first = self.strategy == "traced" and bool(self._scalars)
        self.strategy, self.reason = "static" if first else "eager", reason
        log.debug("%s runs %s: %s", self._label, self.strategy, reason)

    def _traced(self, arrays: Sequence[Any]) -> Any:
        if self.strategy == "traced" and not self._known:
            return self._whole(*arrays)
        static = tuple(
            frozen(np.asarray(a)) if self._is_static(i, a) else None for i, a in enumerate(arrays)
        )
        return self._jitted(static)(*(a for a, s in zip(arrays, static, strict=True) if s is None))

    def _is_static(self, i: int, array: Any) -> bool:
        if self._known and is_known(array):
            return True
        return self.strategy == "static" and i in self._scalars

    def _specialized(self, static: tuple[Frozen | None, ...]) -> Callable[..., Any]:
        """Return the function compiled for some of its arguments."""
        known = [None if s is None else thawed(s) for s in static]

        def run(*traced: Any) -> Any:
            rest = iter(traced)
            return self._run(*(next(rest) if k is None else k for k in known))

        return jax.jit(run)
