"""Arguments that lie in parts on several devices: the options ``mesh`` and ``shardings``.

A mesh is an array of devices with a name for each of its axes; a ``PartitionSpec`` says for each
axis of an argument which of these it is cut along.  XLA then makes of the whole graph one program
for all devices, and inserts what they must send each other: a sum over rows that are cut becomes a
sum on each device and one over the devices.

The decision: arguments are placed before the call, and ``jax.jit`` compiles for where they lie, as
it does for its own arrays; results are wherever XLA leaves them.  Rejected: ``in_shardings`` of
``jax.jit``, which says the same for whole programs alone, where here a graph may also run node by
node, or be compiled for the values of some integers; shardings of results, which NumPy's arrays do
not have, and which XLA chooses well.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from gradcore.errors import ArgumentError, ModeError, choices
from gradcore.graph import Variable, here
from gradcore_jax.tracing import jax

sharding: Any = importlib.import_module("jax.sharding")


@dataclass(frozen=True)
class Shardings:
    """Which arguments are cut along which axes of a mesh.

    mesh : a ``jax.sharding.Mesh``.
    given : pairs of an input (a variable or its name) and a ``PartitionSpec``.

    Raises ModeError: they are none, or name axes that the mesh does not have.
    """

    mesh: Any
    given: tuple[tuple[Any, Any], ...]

    def __post_init__(self) -> None:
        """Check what can be checked without a graph."""
        if not isinstance(self.mesh, sharding.Mesh):
            raise ModeError(
                f"mesh is a jax.sharding.Mesh, not {self.mesh!r}",
                here(),
                'jax.make_mesh((8,), ("batch",)) makes one',
            )
        for key, spec in self.given:
            if not isinstance(spec, sharding.PartitionSpec):
                raise ModeError(
                    f"the sharding of {key} is a jax.sharding.PartitionSpec, not {spec!r}",
                    here(),
                    'P("batch") cuts the first axis, P() none, P(None, "batch") the second',
                )
            names = [name for entry in spec for name in _names(entry)]
            for name in names:
                if name not in self.mesh.axis_names:
                    raise ModeError(
                        f"the mesh has no axis {name!r}, which the sharding of {key} names",
                        here(),
                        choices(name, map(str, self.mesh.axis_names), "its axes"),
                    )
            if len(set(names)) < len(names):
                raise ModeError(f"the sharding of {key} names an axis twice: {spec}", here())

    def check(self, inputs: Sequence[Variable]) -> None:
        """Raise ModeError for a sharding of what is no input, or has fewer axes."""
        for key, spec in self.given:
            found = [v for v in inputs if key is v or key == v.name]
            if len(found) != 1:
                several = "several inputs are" if found else "no input is"
                raise ModeError(
                    f"shardings: {several} called {str(key)!r}",
                    here(),
                    choices(key, (str(v.name or v) for v in inputs), "the inputs"),
                )
            if len(spec) > found[0].ndim:
                raise ModeError(
                    f"the sharding of {key}, {spec}, is for {len(spec)} axes at least, and it is "
                    f"{found[0].type}",
                    here(),
                )

    def placed(self, inputs: Sequence[Variable], values: Sequence[Any]) -> list[Any]:
        """Return arguments, each on the devices where it is to lie; others are on all.

        Raises ArgumentError: an extent is not divided by the number of devices along its axis.
        """
        found: list[Any] = []
        for v, value in zip(inputs, values, strict=True):
            spec = self._spec(v)
            for axis, entry in enumerate(spec):
                count = self._devices(_names(entry))
                if value.shape[axis] % count:
                    raise ArgumentError(
                        f"{v} has the extent {value.shape[axis]} at axis {axis}, which the "
                        f"{count} devices along {entry!r} do not divide",
                        here(),
                        "leave rows out, or add rows whose weight in the result is 0",
                    )
            found.append(jax.device_put(value, sharding.NamedSharding(self._auto, spec)))
        return found

    @cached_property
    def _auto(self) -> Any:
        """The mesh, with axes for which XLA finds out how intermediate results lie.

        With explicit ones JAX would ask for it in the text of each kernel.
        """
        return sharding.Mesh(self.mesh.devices, self.mesh.axis_names)

    def _spec(self, v: Variable) -> Any:
        return next(
            (spec for key, spec in self.given if key is v or (v.name and key == v.name)),
            sharding.PartitionSpec(),
        )

    def _devices(self, names: Iterable[str]) -> int:
        count = 1
        for name in names:
            count *= self.mesh.shape[name]
        return count


def _names(entry: Any) -> tuple[str, ...]:
    """Return the axes of the mesh that one axis of an argument is cut along."""
    if entry is None:
        return ()
    return entry if isinstance(entry, tuple) else (entry,)  # pyright: ignore[reportUnknownVariableType] - JAX's
