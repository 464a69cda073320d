"""The CUDA backend: a program of loops, printed as kernels and a host program."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Self

from gradcore.backend import Executable
from gradcore.backend.loops import LoopBackend
from gradcore.errors import ModeError
from gradcore.graph import here
from gradcore.kernel.ir import Program
from gradcore.kernel.text import Rendered
from gradcore_c import compiler
from gradcore_cuda.host import ORDERS, THREADS, HostFunction
from gradcore_cuda.program import CudaRenderer
from gradcore_cuda.runtime import Compiled

RUNTIMES = ("cupy", "host")


@dataclasses.dataclass(frozen=True, kw_only=True)
class CudaBackend(LoopBackend):
    """Generates CUDA.

    device : the number of the device.
    runtime : "cupy", or "host": the same text on the CPU, to test it where there is no GPU.
    threads : how many threads a block has at most; 0: what suits the kernel.
    order : in which order the runtime "host" runs threads: "forward", "backward" or "mixed".
    """

    device: int = 0
    runtime: str = "cupy"
    threads: int = 0
    order: str = "forward"

    name = "cuda"

    def unavailable(self) -> str | None:
        """Return what is missing."""
        if self.runtime == "host":
            return compiler.unavailable()
        return "there is no runtime for devices yet"

    def version(self) -> str:
        """Return the versions of what it runs on."""
        return "" if self.unavailable() else f"host: {compiler.find_compiler().version}"

    def configured(self, options: Mapping[str, Any]) -> Self:
        """Return this backend with ``options``.

        Raises ModeError: there is no such option, or no such value of it.
        """
        found = super().configured(options)
        for option, known in (("runtime", RUNTIMES), ("order", ORDERS)):
            value = getattr(found, option)
            if value not in known:
                raise ModeError(
                    f"the backend 'cuda' has no {option} {value!r}",
                    here(),
                    f"there are {', '.join(map(repr, known))}",
                )
        return found

    def renderer(self) -> CudaRenderer:
        """Return what prints kernels and their host program."""
        return CudaRenderer()

    def loaded_program(self, program: Program, rendered: Rendered) -> Executable:
        """Return a printed program as a function of arrays."""
        assert isinstance(rendered, Compiled)
        return HostFunction(program, rendered, self.threads or THREADS, self.order)
