"""The C backend: a program of loops, printed as C, compiled and called without Python between."""

from __future__ import annotations

import dataclasses
import functools
import math
import re
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gradcore.backend import Executable, Profile
from gradcore.backend.loops import LoopBackend, called_back
from gradcore.errors import CompileError
from gradcore.graph import Variable
from gradcore.kernel.clocks import clocked
from gradcore.kernel.ir import Allocate, Buffer, Check, If, Let, Literal, Program, Store
from gradcore.kernel.passes import passed
from gradcore.kernel.target import CPU, CpuTarget
from gradcore.kernel.text import Rendered, Renders
from gradcore.kernel.uses import inside
from gradcore.ops.elementwise import ENTRIES
from gradcore_c import compiler, runtime
from gradcore_c.complaints import UndeclaredError
from gradcore_c.externs import EXTERNS, PREFIX, Source, address
from gradcore_c.printing import PASSES, CRenderer
from gradcore_c.profiling import Profiled
from gradcore_c.units import divided, processors
from gradcore_c.warm import warm

EFFORTS = ((8_000_000, ("-O0",)), (1_000_000, ("-O1",)), (100_000, ("-O2",)))
"""Flags where loops over much are so many characters, each counted once; only the user's come
after them.

To optimize these takes minutes, and they are long because arrays are small and ops many.  -O2 takes
half the time of -O3 for loops of 120 statements, which run 1.5 times as long then.
"""


LINE = 64
"""Bytes that a block of a workspace is a multiple of."""

BRIEF = 100
"""Statements without a loop that take less time than another thread waits for the GIL at most: to
give that up and take it back costs a call 30 ns."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class CBackend(LoopBackend):
    """Generates C, and calls BLAS and LAPACK as SciPy brings them.

    threads : how many threads a function may use; 0: as ``config.threads`` says.
    flush_subnormals : take subnormal numbers for zero, as operands and as results, in float32 and
        float64 (FTZ and DAZ of x86-64, FZ of aarch64; elsewhere it has no effect).  What decays, as
        gradients through many steps do, ends there, where processors take a hundred cycles for an
        operation.
    target : the thresholds by which programs are made and printed.
    """

    threads: int = 0
    flush_subnormals: bool = False
    target: CpuTarget = CPU

    name = "c"
    extern = Source

    def __post_init__(self) -> None:
        """Refuse a number of threads that is none."""
        if not 0 <= self.threads < 2**31:
            raise ValueError(f"threads={self.threads} is no number of threads")

    def unavailable(self) -> str | None:
        """Return what keeps C from being compiled here."""
        if not _python_header().exists():
            return "the headers of Python are missing: install python3-dev (or python3-devel)"
        return compiler.unavailable()

    def version(self) -> str:
        """Return the compiler and its version."""
        return "" if self.unavailable() else compiler.find_compiler().version

    def warm(self) -> list[str]:
        """Compile the runtime, and all else that is not generated."""
        return warm()

    def lacks_dtype(self, dtype: str) -> str | None:
        """Return why there are no numbers of ``dtype``: not every compiler has 16-bit floats."""
        if dtype == "float16" and not compiler.find_compiler().halves:
            return f"{self.version()} has no float16 (gcc 12 and clang 15 have: set CC)"
        return super().lacks_dtype(dtype)

    def renderer(self) -> CRenderer:
        """Return what prints C."""
        return CRenderer(self.target)

    @property
    def externs(self) -> Mapping[str, Source]:
        """Its functions of libraries: sources of C."""
        return {**EXTERNS, **self.added_externs}

    def _address(self, name: str) -> int:
        """Return the address of a function that generated code asks for."""
        if not name.startswith(PREFIX):
            return runtime.library_address(name)
        function = name.removeprefix(PREFIX)
        return address(self.externs[function.rpartition("_")[0]], function)

    def executable(
        self, program: Program, renderer: Renders, profile: Profile | None
    ) -> Executable:
        """Return a program as a native function; with a profile, it looks at the clock."""
        if profile is None:
            return super().executable(program, renderer, None)
        clock = clocked(passed(program, PASSES, self.target))
        as_it_is = CRenderer(self.target, passes=())
        return Profiled(super().executable(clock.program, as_it_is, None), clock, profile)

    def loaded_program(self, program: Program, rendered: Rendered) -> Executable:
        """Return a printed program as a native function."""
        much = sum(len(r.text()) for r in rendered.routines if not r.brief)
        flags = next((flags for size, flags in EFFORTS if much >= size), ())
        flags = (*flags, *compiler.find_compiler().added) if flags else ()
        units = divided(rendered, processors())
        workspace = min(sum(map(_bytes, workspace_of(program))), sys.maxsize)
        runtime.prepare([*map(_bytes, program.outputs), workspace])
        name = program.title[:60]
        try:
            address, library = runtime.load_entry(
                rendered.text, name, flags, rendered.library, units
            )
        except UndeclaredError as error:
            raise _of_an_op(error, name) from None
        addresses = list(map(self._address, rendered.library))
        addresses += [buffer.data.ctypes.data for buffer in rendered.data]

        def failed(number: int, values: tuple[int, ...]) -> BaseException:
            return program.checks[number](values)

        made = runtime.make(
            address,
            (library, [buffer.data for buffer in rendered.data]),
            [(np.dtype(b.dtype), b.ndim, _static(b), True) for b in program.inputs],
            [(np.dtype(b.dtype), b.ndim) for b in program.outputs],
            [
                (called_back(node), list(map(_typed, node.inputs)), list(map(_typed, node.outputs)))
                for node in program.callbacks
            ],
            failed,
            addresses,
            self.threads or None,
            is_brief(program),
            workspace,
        )
        made.source = rendered.text
        made.flushes = self.flush_subnormals
        return made


def _of_an_op(error: UndeclaredError, name: str) -> CompileError:
    """Return what to raise for a function that is declared nowhere: whose code calls it."""
    called = re.compile(rf"\b{re.escape(error.called)}\b")
    ops = [op.name for op in ENTRIES.values() if called.search(str(op.code))]
    if not ops:
        return error
    return CompileError(
        f"the C code of the op {', '.join(ops)}, in {name}, calls {error.called}, which is "
        "declared nowhere",
        fix="code= may call functions of C's math.h, and gradcore's, as @exp; or give expansion=, "
        "the function written with other ops",
    )


@functools.cache
def _python_header() -> Path:
    """Return where the header of Python should be."""
    return Path(sysconfig.get_path("include"), "Python.h")


def is_brief(program: Program) -> bool:
    """Return whether a program is a few operations on numbers."""
    statements = list(inside(program.body))
    buffers = [*program.inputs, *(s.buffer for s in statements if isinstance(s, Allocate))]
    simple = all(isinstance(s, (Allocate, Check, If, Let, Store)) for s in statements)
    return simple and len(statements) <= BRIEF and not any(b.shape for b in buffers)


def _typed(variable: Variable) -> tuple[Any, int]:
    return np.dtype(variable.dtype), variable.ndim


def workspace_of(program: Program) -> list[Buffer]:
    """Return the buffers that each call has memory of its own for, until it ends."""
    made = (s.buffer for s in program.body if isinstance(s, Allocate) and s.reused is None)
    return [buffer for buffer in made if buffer.role not in ("output", "pointer")]


def _bytes(buffer: Buffer) -> int:
    """Return the bytes of a buffer, as the workspace rounds them; 0: its extents are not known."""
    shape = _static(buffer)
    if -1 in shape:
        return 0
    return -(-math.prod(shape) * np.dtype(buffer.dtype).itemsize // LINE) * LINE


def _static(buffer: Buffer) -> list[int]:
    return [n.value if isinstance(n, Literal) else -1 for n in buffer.shape]
