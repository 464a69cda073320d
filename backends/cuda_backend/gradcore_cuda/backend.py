"""The CUDA backend: a program of loops, printed as kernels and a host program."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from gradcore.backend import Executable, Profile
from gradcore.backend.loops import LoopBackend, called_back
from gradcore.errors import ModeError
from gradcore.graph import here
from gradcore.kernel.ir import Buffer, Library, Literal, Program
from gradcore.kernel.team import ORDERS
from gradcore.kernel.text import Rendered, Renders
from gradcore.kernel.uses import inside
from gradcore_c import compiler
from gradcore_cuda import arrays, cupy_driver, library
from gradcore_cuda.device import CudaFunction
from gradcore_cuda.driver import Extern
from gradcore_cuda.externs import EXTERNS
from gradcore_cuda.host import HOST_BLOCK_THREADS, HostFunction
from gradcore_cuda.program import CudaRenderer
from gradcore_cuda.runtime import Compiled
from gradcore_cuda.target import GPU, GpuTarget

RUNTIMES = ("cupy", "host")


@dataclasses.dataclass(frozen=True, kw_only=True)
class CudaBackend(LoopBackend):
    """Generates CUDA.

    device : the number of the device.
    native : whether functions return arrays of CuPy even if no argument is on the device.
    tf32 : whether products of float32 may round their operands to 10 bits, which is faster.
    synchronous : whether each kernel is waited for, so that one that fails is named.
    deterministic : whether scatters add in order; else with atomics, which is faster, and rounds
        otherwise at each call.
    runtime : "cupy", or "host": the same text on the CPU, to test it where there is no GPU.
    threads : how many threads a block has at most; 0: what suits the kernel.
    order : in which order the runtime "host" runs threads: "forward", "backward" or "mixed".
    target : the thresholds by which programs are made and launched.
    """

    device: int = 0
    native: bool = False
    tf32: bool = False
    synchronous: bool = False
    deterministic: bool = True
    runtime: str = "cupy"
    threads: int = 0
    order: str = "forward"
    target: GpuTarget = GPU

    name = "cuda"

    def unavailable(self) -> str | None:
        """Return why kernels cannot run (no device; no C compiler, on the host); None: they can."""
        return compiler.unavailable() if self.runtime == "host" else library.unavailable()

    def version(self) -> str:
        """Return the device and the versions of CUDA and CuPy; of the host shim, the compiler's."""
        if self.unavailable():
            return ""
        if self.runtime == "host":
            return f"host shim: {compiler.find_compiler().version}"
        card = cupy_driver.open_driver(self.device).card
        runtime = library.found().cuda.runtime
        cuda = library.version_of(runtime.runtimeGetVersion())
        return f"{card.name}, CUDA {cuda}, CuPy {library.found().__version__}"

    def devices(self) -> Sequence[str]:
        """Return the devices, by the number that ``Mode("cuda", device=...)`` takes."""
        if self.runtime == "host":
            return ("cpu",)
        if self.unavailable():
            return ()
        return tuple(str(k) for k in range(library.found().cuda.runtime.getDeviceCount()))

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
        if found.runtime != "host" and library.unavailable() is None:
            cupy_driver.open_driver(found.device)  # raises: there is no such device
        return found

    # arrays -------------------------------------------------------------------------------------
    def described(self, value: Any) -> tuple[str, tuple[int, ...]] | None:
        """Return dtype and shape of an array that is on a device already."""
        return None if self.runtime == "host" else arrays.described(value)

    def numpy(self, array: Any) -> Any:
        """Return an array on a device as one of NumPy."""
        if self.runtime == "host" or arrays.described(array) is None:
            return np.asarray(array)
        return arrays.as_numpy(array, cupy_driver.open_driver(self.device))

    # functions ----------------------------------------------------------------------------------
    def executable(
        self, program: Program, renderer: Renders, profile: Profile | None
    ) -> Executable:
        """Return a program as a function of arrays, on a device with its kernels timed."""
        made = super().executable(program, renderer, profile)
        if isinstance(made, CudaFunction):
            made.profile = profile
        return made

    def renderer(self) -> CudaRenderer:
        """Return what prints kernels and their host program."""
        return CudaRenderer(self.target, self.deterministic)

    @property
    def externs(self) -> Mapping[str, Extern]:
        """Its functions of libraries, of arrays on the device."""
        return {**EXTERNS, **self.added_externs}

    def _functions(self, program: Program) -> dict[str, Extern]:
        """Return the functions of plugins that a program calls, by its names for them."""
        names = [s.name for s in inside(program.body) if isinstance(s, Library)]
        stems = {name: name.removeprefix("extern:").rpartition("_")[0] for name in names}
        return {name: self.externs[stem] for name, stem in stems.items() if stem in self.externs}

    def loaded_program(self, program: Program, rendered: Rendered) -> Executable:
        """Return a printed program as a function of arrays."""
        assert isinstance(rendered, Compiled)
        if self.runtime == "host":
            threads = self.threads or HOST_BLOCK_THREADS
            return HostFunction(program, rendered, threads, self.order, self._functions(program))
        return CudaFunction(
            cupy_driver.open_driver(self.device),
            rendered,
            title=program.title[:60],
            inputs=[(b.dtype, b.ndim, _static(b)) for b in program.inputs],
            outputs=[b.dtype for b in program.outputs],
            constants=[np.ascontiguousarray(b.data, b.dtype) for b in program.constants],
            callbacks=[called_back(node) for node in program.callbacks],
            externs=self._functions(program),
            checks=program.checks,
            native=self.native,
            tf32=self.tf32,
            synchronous=self.synchronous,
            threads=self.threads,
            target=self.target,
        )


def _static(buffer: Buffer) -> tuple[int | None, ...]:
    return tuple(n.value if isinstance(n, Literal) else None for n in buffer.shape)
