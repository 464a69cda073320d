"""The backend: arrays become tensors and tensors arrays, without a copy where none is needed.

The decision: functions run without torch's autograd, since gradcore's derivatives are graphs
themselves; results that share memory with nothing (see `is_fresh`) are handed out as they are.
Rejected: inference mode, which makes a small op some 15 % faster, and whose tensors cannot enter a
user's own autograd afterwards.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Self

import numpy as np

from gradcore.backend import ArrayBackend, Embedding, Executable, Kernels, Profile
from gradcore.dtypes import COMPLEX, FLOATS, SIGNED
from gradcore.errors import ModeError, UnavailableError, UnsupportedError
from gradcore.execute import Runner, straight_line
from gradcore.graph import Apply, FunctionGraph, Kernel, Variable, here
from gradcore.ops.elementwise import Elementwise
from gradcore_torch import extents
from gradcore_torch.compiled import compiled
from gradcore_torch.embedding import embedded
from gradcore_torch.foreign import TorchFunctions
from gradcore_torch.kernels import KERNELS, shared_outputs
from gradcore_torch.library import DTYPES, NAMES, torch
from gradcore_torch.scalars import EXPANDED, NAMESPACES

# torch stores unsigned integers of 16 to 64 bits, and computes nothing with them.
COMPUTED = frozenset(("bool", *SIGNED, "uint8", *FLOATS, *COMPLEX))


@dataclasses.dataclass(frozen=True, kw_only=True)
class TorchBackend(ArrayBackend):
    """Runs a graph with torch.

    device : where, such as "cuda" or "cuda:1"; None: on the CPU.
    compiled : whether the graph (and the body of each of its loops) goes through torch.compile;
        ``Mode("torch", compile=True)`` says the same.
    """

    name = "torch"
    dtypes = COMPUTED
    stored = frozenset(DTYPES)

    device: str | None = None
    compiled: bool = False

    # what it is ---------------------------------------------------------------------------------
    @property
    def kernels(self) -> Kernels:
        """The table."""
        return KERNELS

    @property
    def namespaces(self) -> Sequence[Any]:
        """Where functions are found by name."""
        return NAMESPACES

    @property
    def expanded(self) -> Collection[Elementwise]:
        """Rows whose expansions run."""
        return EXPANDED

    def version(self) -> str:
        """Return the version of torch."""
        return str(torch.__version__)

    def devices(self) -> Sequence[str]:
        """Return the CPU and the CUDA devices."""
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        return ("cpu", *(f"cuda:{k}" for k in range(count)))

    def checked_options(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return ``options`` under the names of the fields.

        Raises ModeError: it has no such option, or not with a value of such a type.
        """
        # A method has the name `compile` already.
        renamed = {"compiled" if k == "compile" else k: value for k, value in options.items()}
        return super().checked_options(renamed)

    def configured(self, options: Mapping[str, Any]) -> Self:
        """Return this backend with ``options``.

        Raises ModeError: it has no such option, or the device is none.  UnavailableError: there is
        no such device here.
        """
        found = super().configured(options)
        if found.device is not None:
            self._check_device(found.device)
        return found

    def _check_device(self, name: str) -> None:
        try:
            device = torch.device(name)
        except (RuntimeError, TypeError) as error:
            raise ModeError(
                f"{name!r} is no device: {str(error).splitlines()[0]}", here()
            ) from None
        known = self.devices()
        plain = device.type if device.index is None else f"{device.type}:{device.index}"
        if plain not in (*known, "cuda" if len(known) > 1 else "cpu", "cpu:0"):
            raise UnavailableError(
                f"the backend 'torch' has no device {name!r} here",
                here(),
                f"devices: {', '.join(known)}",
            )

    # arrays -------------------------------------------------------------------------------------
    def array(self, value: Any) -> Any:
        """Return an array or a tensor as a tensor on the device, without a copy if possible."""
        if isinstance(value, torch.Tensor):
            return value.detach().to(self.device or "cpu")
        given = np.asarray(value)
        # torch counts strides in elements, from 0 on, and warns of arrays it must not write to.
        size = given.itemsize
        if not given.flags.writeable or any(n < 0 or n % size for n in given.strides):
            given = np.array(given, order="C")
        tensor = torch.from_numpy(given)
        return tensor if self.device is None else tensor.to(self.device)

    def numpy(self, array: Any) -> Any:
        """Return a tensor as an array; that of a tensor on the CPU shares its memory."""
        return array.numpy(force=True)

    def cast(self, array: Any, dtype: str) -> Any:
        """Return a tensor in ``dtype``."""
        return array.to(DTYPES[dtype])

    def dtype_of(self, array: Any) -> str:
        """Return the dtype of a tensor, by NumPy's name."""
        return NAMES[array.dtype]

    def described(self, value: Any) -> tuple[str, tuple[int, ...]] | None:
        """Return dtype and shape of a tensor of a dtype that NumPy has too."""
        if isinstance(value, torch.Tensor) and value.dtype in NAMES:
            return NAMES[value.dtype], tuple(value.shape)
        return None

    def lacks_memory(self, error: Exception) -> bool:
        """Return whether torch, or the reference, says that memory is lacking."""
        if isinstance(error, torch.cuda.OutOfMemoryError):
            return True
        # Sizes are checked before; torch rounds what it allocates up, beyond 2**63 bytes.
        said = ("can't allocate memory", "Storage size calculation overflowed")
        on_cpu = isinstance(error, RuntimeError) and any(words in str(error) for words in said)
        return on_cpu or super().lacks_memory(error)

    def foreign(self) -> TorchFunctions:
        """Return what calls functions of torch as ops."""
        return TorchFunctions(self.device)

    # running ------------------------------------------------------------------------------------
    def kernel(self, node: Apply, fallback: Collection[Apply] = ()) -> Kernel:
        """Return the function of tensors that computes ``node``."""
        # What comes from nothing must come on the device; only the reference knows nothing of it.
        return self.reference(node) if not node.inputs else super().kernel(node, fallback)

    def reference(self, node: Apply) -> Kernel:
        """Return the reference of ``node``, as a function of tensors."""
        kernel = super().reference(node)

        def computed(*tensors: Any) -> Any:
            if torch.is_grad_enabled() and any(t.requires_grad for t in tensors):
                raise UnsupportedError(
                    f"torch cannot differentiate {node.op}, which NumPy computes",
                    node.where,
                    "build the second derivative with gradcore, and embed that",
                )
            return kernel(*tensors)

        return computed

    def runner(
        self,
        graph: FunctionGraph,
        fallback: Collection[Apply] = (),
        profile: Profile | None = None,
    ) -> Runner:
        """Return a function of tensors that runs ``graph``; it may compile it when first called."""
        integers = extents.integers_of(graph)

        def kernel(node: Apply) -> Kernel:
            found = self._placed(node, integers, fallback)
            return found if profile is None else profile.timed(node, found)

        if self.compiled and profile is None:
            run = compiled(
                graph,
                kernel,
                self.constant,
                lambda node: node in fallback or extents.reads_values(node, integers),
            )
        else:
            run = straight_line(graph, kernel, self.constant, self.lacks_memory)
        if not any(v in integers for v in graph.outputs):
            return run
        return lambda *values: tuple(
            self._tensor(n) if isinstance(n, int) else n for n in run(*values)
        )

    def _placed(
        self, node: Apply, integers: Collection[Variable], fallback: Collection[Apply]
    ) -> Kernel:
        """Return the kernel of ``node``, whose operands in ``integers`` come as Python integers."""
        if node.outputs[0] in integers:
            return extents.make_integer(node)
        found = self.kernel(node, fallback)
        taken = () if node in fallback else extents.taken(node)
        made = {k for k, v in enumerate(node.inputs) if v in integers} - set(taken)
        if not made:
            return found
        return lambda *values: found(
            *(self._tensor(n) if k in made else n for k, n in enumerate(values))
        )

    def _waited(self, found: Any) -> Any:
        """Return what a kernel returned when the device has computed it."""
        torch.cuda.synchronize(self.device)
        return found

    def _tensor(self, n: int) -> Any:
        """Return an extent as a tensor."""
        return torch.tensor(n, dtype=torch.int64, device=self.device)

    def compile(
        self,
        graph: FunctionGraph,
        profile: Profile | None = None,
        fallback: Collection[Apply] = (),
    ) -> Executable:
        """Return a function that runs ``graph`` without torch's autograd."""
        if profile is not None and self.device is not None and self.device != "cpu":
            profile.wait = self._waited
        run = self.runner(graph, fallback, profile)
        dtypes = [DTYPES[v.dtype] for v in graph.outputs]
        shared = shared_outputs(graph)

        def execute(*values: Any) -> Sequence[Any]:
            with torch.no_grad():
                outputs = list(run(*[self.array(value) for value in values]))
                for k in shared:
                    outputs[k] = outputs[k].to(dtypes[k], copy=True)
            return outputs if self.native else [self.numpy(output) for output in outputs]

        return execute

    def embedded(self, graphs: Embedding) -> Callable[..., Any]:
        """Return ``graphs.value`` as a function of tensors, inside torch's autograd."""
        return embedded(
            graphs,
            lambda device: dataclasses.replace(self, device=device).runner,
            device=self.device or "cpu",
        )
