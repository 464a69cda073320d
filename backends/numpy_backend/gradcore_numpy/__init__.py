"""Runs gradcore graphs with NumPy: the reference, and the smallest possible backend.

It uses the kernels that the ops themselves declare, one after the other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np

from gradcore.backend import Backend, Executable, Profile
from gradcore.execute import Runner, straight_line
from gradcore.graph import Apply, FunctionGraph, Kernel
from gradcore.plugins import hookimpl


class NumpyBackend(Backend):
    """Runs a graph node by node, each by the reference of its op."""

    name = "numpy"

    def version(self) -> str:
        """Return the version of NumPy."""
        return np.__version__

    def compile(
        self,
        graph: FunctionGraph,
        profile: Profile | None = None,
        fallback: Collection[Apply] = (),
    ) -> Executable:
        """Return a function that runs ``graph``; floating-point warnings are silent."""

        def kernel(node: Apply) -> Kernel:
            if profile is None:
                return node.op.kernel(node)
            return profile.timed(node, node.op.kernel_over(node, runner))

        def runner(graph: FunctionGraph) -> Runner:
            return straight_line(graph, kernel)

        run = runner(graph)

        def execute(*values: Any) -> Sequence[Any]:
            with np.errstate(all="ignore"):
                outputs = run(*values)
            return owned(outputs, values)

        return execute


def owned(outputs: Sequence[Any], inputs: Sequence[Any]) -> Sequence[Any]:
    """Return ``outputs`` as arrays that share no memory with each other or with anything else."""
    taken = set(map(id, inputs))
    found: list[Any] = []
    for output in outputs:
        array = np.asarray(output)
        if array.base is not None or id(array) in taken or not array.flags.writeable:
            array = np.array(array, order="C")
        taken.add(id(array))
        found.append(array)
    return found


@hookimpl
def gradcore_backends() -> Iterable[Backend]:
    """Contribute the backend."""
    return [NumpyBackend()]
