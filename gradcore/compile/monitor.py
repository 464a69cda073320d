"""``MonitorMode``: functions of one's own that see each node before and after it is computed.

The graph runs on the reference, node by node, those in loops and in branches too.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any

import numpy as np

from gradcore.backend import Backend, Executable, Profile
from gradcore.execute import straight_line
from gradcore.graph import Apply, FunctionGraph, Kernel
from gradcore.mode import REFERENCE, Mode
from gradcore.printing import debugprint

Watch = Callable[..., Any]
"""What sees a node: ``watch(i, node, fn)`` as in Theano, or ``watch(fgraph, i, node, fn)``."""


class Computation:
    """A node while it is computed, as Theano's functions see it.

    inputs, outputs : a list of one element for each operand and each result, the array; before the
        node has been computed the results are None.
    """

    def __init__(self, node: Apply, inputs: Sequence[Any]) -> None:
        self.inputs: list[list[Any]] = [[x] for x in inputs]
        self.outputs: list[list[Any]] = [[None] for _ in node.outputs]


class MonitorMode(Mode):
    """A mode in which functions of the user's see each node.

    pre_func, post_func : called before and after each node with its place in the order of
        computation, the node, and a `Computation`, ``(i, node, fn)``; one of four parameters gets
        the graph first, as in PyTensor.
    optimizer : as of `Mode`.
    linker : accepted as in Theano.

    >>> import gradcore
    >>> import gradcore.tensor as T
    >>> x = T.dvector("x")
    >>> def show(i, node, fn):
    ...     print(i, node.op, [v[0] for v in fn.inputs], [v[0] for v in fn.outputs])
    >>> f = gradcore.function([x], T.exp(x).sum(), mode=gradcore.MonitorMode(post_func=show))
    >>> f([0.0]).tolist()
    0 exp [array([0.])] [array([1.])]
    1 sum{axis=(0,)} [array([1.])] [array(1.)]
    1.0
    """

    pre_func: Watch | None
    post_func: Watch | None

    def __init__(
        self,
        pre_func: Watch | None = None,
        post_func: Watch | None = None,
        optimizer: Any = True,
        linker: Any = None,
    ) -> None:
        super().__init__(REFERENCE, optimizer)
        for name, watch in (("pre_func", pre_func), ("post_func", post_func)):
            object.__setattr__(self, name, watch)

    def resolved_backend(self) -> Backend:
        """Return the reference, whose nodes are seen."""
        return monitored(self.pre_func, self.post_func)

    def excluding(self, *names: str) -> MonitorMode:
        """Return this mode without the stages, passes and rules of these names."""
        chosen = super().excluding(*names).optimizer
        return MonitorMode(self.pre_func, self.post_func, chosen)

    def __eq__(self, other: object) -> bool:
        """Return whether it is this mode."""
        return self is other

    def __hash__(self) -> int:
        """Hash the mode by what it is."""
        return id(self)


def monitored(pre_func: Watch | None, post_func: Watch | None) -> Backend:
    """Return the reference, whose nodes two functions see; see `MonitorMode`."""
    return _Monitored(_taking_four(pre_func), _taking_four(post_func))


def _unseen(*seen: Any) -> None:
    """Do nothing."""


def _taking_four(watch: Watch | None) -> Watch:
    """Return a function of the graph, the place, the node and the computation."""
    if watch is None:
        return _unseen
    try:
        inspect.signature(watch).bind(None, None, None, None)
    except TypeError:
        return partial(_without_graph, watch)
    return watch


def _without_graph(watch: Watch, _graph: FunctionGraph, *seen: Any) -> None:
    watch(*seen)


class _Monitored(Backend):
    """Runs a graph node by node on the reference, and shows each node before and after it."""

    name = REFERENCE

    def __init__(self, before: Watch, after: Watch) -> None:
        self.before, self.after = before, after

    def compile(
        self,
        graph: FunctionGraph,
        profile: Profile | None = None,
        fallback: Collection[Apply] = (),
    ) -> Executable:
        """Return a function that runs ``graph``; floating-point warnings are silent."""
        run = straight_line(graph, self._kernels(graph, profile))

        def execute(*values: Any) -> Sequence[Any]:
            with np.errstate(all="ignore"):
                return [np.array(value) for value in run(*values)]

        return execute

    def _kernels(self, graph: FunctionGraph, profile: Profile | None) -> Callable[[Apply], Kernel]:
        places = {node: i for i, node in enumerate(graph.nodes)}

        def seen(node: Apply) -> Kernel:
            kernel = node.op.kernel_over(
                node, lambda inner: straight_line(inner, self._kernels(inner, profile))
            )
            if profile is not None:
                kernel = profile.timed(node, kernel)
            place, several = places[node], len(node.outputs) > 1

            def run(*arrays: Any) -> Any:
                computation = Computation(node, arrays)
                self.before(graph, place, node, computation)
                result = kernel(*arrays)
                computation.outputs[:] = [
                    [np.asarray(x)] for x in (result if several else (result,))
                ]
                self.after(graph, place, node, computation)
                return result

            return run

        return seen


def detect_nan(*seen: Any) -> None:
    """Print a node whose results have NaN, with its operands: a function for `MonitorMode`.

    seen : ``(i, node, fn)``, or with the graph before these.
    """
    *_, node, fn = seen
    for (output,) in fn.outputs:
        if np.asarray(output).dtype.kind in "fc" and np.isnan(output).any():
            print("*** NaN detected ***")  # noqa: T201 - its purpose
            debugprint(node)
            print(f"Inputs : {[x[0] for x in fn.inputs]}")  # noqa: T201 - its purpose
            print(f"Outputs: {[x[0] for x in fn.outputs]}")  # noqa: T201 - its purpose
            return
