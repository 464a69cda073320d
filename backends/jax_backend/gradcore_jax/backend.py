"""The backend: graphs as functions that XLA compiles.

The whole graph is traced once for each set of shapes, and becomes one program of XLA; see
`gradcore_jax.tracing` for the graphs that cannot be.

The decision: dtypes are NumPy's, in a context of their own, however the user has set JAX about 64
bits; no setting of the user's is read or changed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Any, ClassVar, Self

from gradcore.backend import ArrayBackend, Embedding, Executable, Kernels, Profile
from gradcore.errors import ModeError, UnavailableError
from gradcore.graph import Apply, Constant, FunctionGraph, Kernel, here
from gradcore.graph.types import COMPLEX, DISCRETE, FLOATS
from gradcore.ops.elementwise import Elementwise
from gradcore_jax import embedding
from gradcore_jax.foreign import JaxFunctions
from gradcore_jax.kernels import KERNELS, NAMESPACES
from gradcore_jax.scalars import EXPANDED
from gradcore_jax.shardings import Shardings
from gradcore_jax.tracing import (
    ENABLE_X64,
    KNOWN_SIZE,
    Strategies,
    concrete,
    is_known,
    jax,
    jnp,
    opaque,
    strong,
    with_known,
    with_size_check,
)
from gradcore_jax.turns import TURN, waits

PLATFORMS = ("cpu", "gpu", "tpu")


def _devices(platform: str) -> Sequence[Any]:
    """Return the devices of a platform; JAX raises where it has no such platform."""
    try:
        return jax.devices(platform)
    except RuntimeError:
        return ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class JaxBackend(ArrayBackend):
    """Runs graphs with JAX.

    device : where to run: a platform, and which of its devices ("cpu", "gpu", "gpu:1"); None: the
        one that JAX prefers.
    mesh : a ``jax.sharding.Mesh``: the devices to run on, if they are several.
    shardings : for inputs, by variable or name, which axes of the mesh theirs are cut along: a
        dict of ``jax.sharding.PartitionSpec``; other inputs are on all devices.
    """

    name: ClassVar[str] = "jax"
    dtypes: ClassVar[frozenset[str]] = frozenset((*DISCRETE, *FLOATS, *COMPLEX))
    device: str | None = None
    mesh: Any = None
    shardings: Any = ()

    # what it is ---------------------------------------------------------------------------------
    def version(self) -> str:
        """Return the version of JAX."""
        return jax.__version__

    def devices(self) -> Sequence[str]:
        """Return the devices that JAX sees here."""
        return [
            f"{platform}:{k}" for platform in PLATFORMS for k, _ in enumerate(_devices(platform))
        ]

    def configured(self, options: Mapping[str, Any]) -> Self:
        """Return this backend with ``options``.

        Raises ModeError: there is no such option, or the device is none by name.
        UnavailableError: there is no such device here.
        """
        found = super().configured(options)
        found.place()
        found.sharded()
        return found

    def sharded(self) -> Shardings | None:
        """Return how arguments lie on several devices; None: they do not.

        Raises ModeError: one option is without the other, or they make no sense.
        """
        given = self.shardings
        if self.mesh is None and not given:
            return None
        if self.mesh is None or not given or self.device is not None:
            raise ModeError(
                "mesh= and shardings= go together, and without device=",
                here(),
                'Mode("jax", mesh=mesh, shardings={x: P("batch")})',
            )
        return Shardings(self.mesh, tuple(dict(given).items()))

    def place(self) -> Any:
        """Return the device of JAX to run on, or None for the one that JAX prefers."""
        if self.device is None:
            return None
        platform, _, index = self.device.partition(":")
        platform = "gpu" if platform == "cuda" else platform
        if platform not in PLATFORMS or not (index or "0").isdecimal():
            raise ModeError(
                f"{self.device!r} is no device of the backend 'jax'",
                here(),
                "devices: " + ", ".join(self.devices()),
            )
        there = _devices(platform)
        if int(index or "0") >= len(there):
            raise UnavailableError(
                f"JAX sees no device {self.device!r} here",
                here(),
                "devices: " + ", ".join(self.devices()),
            )
        return there[int(index or "0")]

    def scope(self) -> AbstractContextManager[Any]:
        """Return the context to trace and run in: with NumPy's dtypes, on the device."""
        if self.device is None:
            return ENABLE_X64(True)
        contexts = ExitStack()
        contexts.enter_context(ENABLE_X64(True))
        contexts.enter_context(jax.default_device(self.place()))
        return contexts

    # arrays -------------------------------------------------------------------------------------
    @property
    def kernels(self) -> Kernels:
        """The table."""
        return KERNELS

    @property
    def namespaces(self) -> Sequence[Any]:
        """Where elementwise functions are looked for by name."""
        return NAMESPACES

    @property
    def expanded(self) -> Collection[Elementwise]:
        """Rows whose expansions run."""
        return EXPANDED

    def array(self, value: Any) -> Any:
        """Return ``value`` as an array of JAX; one of JAX as it is, but moved to the device."""
        if not isinstance(value, jax.Array):
            return jnp.array(value) if self.native else jnp.asarray(value)
        return value if self.device is None else jax.device_put(value, self.place())

    def numpy(self, array: Any) -> Any:
        """Return ``array`` as a NumPy array; a tracer has no elements and is `UntraceableError`."""
        return concrete(array, "a kernel in NumPy")

    def cast(self, array: Any, dtype: str) -> Any:
        """Return ``array`` in ``dtype``; what is known stays known."""
        return array.astype(dtype) if is_known(array) else strong(array, dtype)

    def described(self, value: Any) -> tuple[str, tuple[int, ...]] | None:
        """Return dtype and shape of an array of JAX, which is taken without a copy."""
        return (str(value.dtype), value.shape) if isinstance(value, jax.Array) else None

    def owned(self, outputs: Sequence[Any], inputs: Sequence[Any]) -> Sequence[Any]:
        """Return ``outputs`` as arrays of JAX, which nobody can write to."""
        return [jnp.array(output) if is_known(output) else output for output in outputs]

    def lacks_memory(self, error: Exception) -> bool:
        """Return whether XLA, or the reference, says that memory is lacking."""
        exhausted = isinstance(error, RuntimeError) and "RESOURCE_EXHAUSTED" in str(error)
        return exhausted or super().lacks_memory(error)

    # graphs -------------------------------------------------------------------------------------
    def constant(self, constant: Constant) -> Any:
        """Return a constant: a small one is known, a large one is on the device."""
        small = constant.data.size <= KNOWN_SIZE
        return constant.data if small else self.array(constant.data)

    def kernel(self, node: Apply, fallback: Collection[Apply] = ()) -> Kernel:
        """Return the function of arrays that computes ``node``, or what is known of it."""
        found = super().kernel(node, fallback)
        return found if node in fallback else with_size_check(node, with_known(node, found))

    def remarks(self, graph: FunctionGraph) -> Sequence[str]:
        """Say which nodes keep the graph from being compiled as a whole.

        Raises ModeError: a sharding is of no input of it.
        """
        sharded = self.sharded()
        if sharded is not None:
            sharded.check(graph.inputs)
        return [
            f"{node.op} acts on concrete arrays: the graph runs node by node"
            for node in opaque(graph)
        ]

    def compile(
        self,
        graph: FunctionGraph,
        profile: Profile | None = None,
        fallback: Collection[Apply] = (),
    ) -> Executable:
        """Return a function that runs ``graph``; with a profile, node by node."""
        if profile is not None:
            profile.wait = jax.block_until_ready  # JAX returns before it has computed
        dtypes = [v.dtype for v in graph.outputs]
        with self.scope():
            run = self.runner(graph, fallback, profile)

        def eager(*values: Any) -> tuple[Any, ...]:
            return run(*map(self.array, values))

        run_all = Strategies(
            run,
            [i for i, v in enumerate(graph.inputs) if not v.ndim and v.type.is_discrete],
            eager,
            graph,
            tracing=profile is None and not opaque(graph, fallback),
        )

        # A compiled program takes NumPy arrays faster than JAX's own conversion does; but it may
        # read them later, or pass them on, which nobody sees if the results are waited for.
        sharded = self.sharded()
        direct = not self.native and self.device is None and sharded is None
        lock = TURN if waits(graph) else None

        def execute(*values: Any) -> Sequence[Any]:
            with self.scope():
                if sharded is not None:
                    given = sharded.placed(graph.inputs, values)
                else:
                    given = values if direct else [self.array(value) for value in values]
                if lock is None:
                    outputs = run_all(*given)
                else:
                    with lock:
                        outputs = jax.block_until_ready(run_all(*given))
                return self.owned(outputs, given) if self.native else self.returned(outputs, dtypes)

        return execute

    def foreign(self) -> JaxFunctions:
        """Return what calls functions of JAX as ops."""
        return JaxFunctions(self.scope)

    def embedded(self, graphs: Embedding) -> Callable[..., Any]:
        """Return ``graphs.value`` as a JAX function with a derivative."""
        return embedding.embedded(graphs, self.runner)
