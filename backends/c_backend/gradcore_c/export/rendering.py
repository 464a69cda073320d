"""What C is exported from: the C backend without what needs Python, threads or other libraries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradcore.backend import performs
from gradcore.dtypes import DTYPES
from gradcore.graph import Apply
from gradcore.graph.externs import Extern
from gradcore.kernel import scalar
from gradcore.kernel.ir import For, Point, Program, Symbol
from gradcore.kernel.lowering import Lowerings
from gradcore.kernel.rules.control import in_python
from gradcore.kernel.target import CpuTarget
from gradcore_c import printing
from gradcore_c.backend import CBackend
from gradcore_c.export.library import SOURCES
from gradcore_c.export.sizes import Needs, needs, shapes
from gradcore_c.printing import CRenderer

TARGET = CpuTarget(frame_fields=2**31, most_threads=1)
"""Registers are on the stack, so that all other memory is known before a call; one thread runs."""

PER_LINE = 6
"""Numbers of a constant in a line."""


@dataclass(frozen=True, kw_only=True)
class SourceBackend(CBackend):
    """The C backend, as far as its programs need nothing but C."""

    target: CpuTarget = TARGET

    name = "C without Python"

    @property
    def lowerings(self) -> Lowerings:
        """What nodes are lowered by: no rule lets Python compute one."""
        found = super().lowerings
        rules = {op: rule for op, rule in found.rules.items() if rule is not in_python}
        return replace(found, rules=rules)

    def provides(self, extern: Extern) -> bool:
        """Return whether there is a function of a library in C alone."""
        return extern.name in SOURCES

    def missing(self, node: Apply) -> str | None:
        """Return why C has no place for ``node``, or None."""
        if performs(node.op):
            return "it is computed by a function of Python"
        return super().missing(node)

    def lacks(self, node: Apply) -> str | None:
        """Return why C has no function of a library for ``node``, or None."""
        extern = node.op.extern
        if extern is None or not self.provides(extern):
            return None
        dtype = node.inputs[0].dtype
        return None if dtype in ("float64", "float32") else f"there are no loops for {dtype}"

    def lacks_dtype(self, dtype: str) -> str | None:
        """Return why there are no numbers of ``dtype``, or None."""
        row = DTYPES.get(dtype)
        if row is not None and row.kind == "float" and row.libm is None:
            return f"C11 has no {dtype}"
        return super().lacks_dtype(dtype)


def in_order(program: Program, target: CpuTarget) -> Program:
    """Return a program whose loops one thread runs."""
    body = [replace(s, parallel=False) if isinstance(s, For) else s for s in program.body]
    return replace(program, body=body)


PASSES = (in_order, *printing.PASSES)
"""What a program goes through before it is printed."""


class SourceRenderer(CRenderer):
    """Prints C that calls functions by name, and waits for nobody.

    program : what it will print, after the passes.
    results : how many outputs go to the caller's memory; the others are new values of states.
    extents : for each register that is an extent of an argument, what the caller calls it.
    needs : what memory a call needs, once it has printed.
    shapes : the extents of results, once it has printed; None where values decide.
    """

    def __init__(self, program: Program, results: int, extents: Mapping[Symbol, str]) -> None:
        super().__init__(TARGET, passes=())
        self.program = program
        self.results = results
        self.extents = extents
        self.needs: Needs | None = None
        self.shapes: list[list[str | None]] = []

    def header(self) -> str:
        """Return nothing: what units start with stands before."""
        return ""

    def asks_every(self, s: For, outermost: bool) -> int | None:
        """Return None: nobody interrupts."""
        return None

    def imported(self, name: str, returned: str, taken: Sequence[str]) -> str:
        """Return the name of a function of a library, which stands before."""
        own = name.removeprefix("extern:").replace("parallel_", "")
        if own not in self.library:
            self.library.append(own)
        return own

    def point(self, s: Point) -> None:
        """Print what lets a pointer be a part of a buffer, which may be an argument."""
        start = f"{self.memory(s.buffer)} + {self.flat(s.buffer, s.index)}"
        ctype = DTYPES[s.pointer.dtype].ctype
        self.unit.add(f"{self.place(s.pointer)} = ({ctype} *)({start});")

    def datum(self, number: int) -> str:
        """Return the name of a constant."""
        return f"gc_constant_{number}"

    def _called(self) -> set[str]:
        """Also note what memory is needed, and shapes: that may call functions, too."""
        names, self.local = self.names, True
        self.names = {**names, **self.extents}
        self.needs = needs(self.program, self.results, self.expr)
        self.shapes = shapes(self.program, self.results, self.expr)
        self.names, self.local = names, False
        return super()._called()


def definition(name: str, data: Any, storage: str = "static ") -> str:
    """Return the definition of an array in C, with the values of ``data``."""
    array = np.ascontiguousarray(data).reshape(-1)
    row = DTYPES[array.dtype.name]
    if row.kind == "complex":
        numbers = [
            f"{{{scalar.literal(z.real, row.part)}, {scalar.literal(z.imag, row.part)}}}"
            for z in array
        ]
    else:
        numbers = [scalar.literal(x, row.name) for x in array]
    lines = (", ".join(numbers[k : k + PER_LINE]) for k in range(0, len(numbers), PER_LINE))
    inside = ",\n    ".join(lines) or "0"
    return f"{storage}const {row.ctype} {name}[{max(len(numbers), 1)}] = {{\n    {inside}}};\n"
