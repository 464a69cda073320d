"""How a program of loops is printed as C."""

from __future__ import annotations

from typing import ClassVar

from gradcore.kernel import scalar
from gradcore.kernel.ir import Break, Callback, For, Library, Matmul, Program, Symbol, identity_of
from gradcore.kernel.render import Renderer
from gradcore.kernel.strips import in_strips
from gradcore.kernel.sums import in_blocks
from gradcore.kernel.text import Rendered
from gradcore.kernel.uses import inside
from gradcore.ops.elementwise import Elementwise, row

PARTS = """
/* How many threads a loop is worth: each must have enough to do. */
static inline int32_t gc_parts(const gc_call *call, int64_t steps, int64_t cost) {
    const int64_t enough = steps * cost / 20000;
    int64_t parts = call->threads < enough ? call->threads : enough;
    if (parts > steps) parts = steps;
    if (parts > 64) parts = 64;
    return parts < 1 ? 1 : (int32_t)parts;
}
"""

ROWS, STEPS = 16, 4096
"""After how many steps with loops, and with scalars alone, the user may interrupt."""

INTERRUPTED = 2
"""What generated code returns then (RAISED in runtime.c)."""

SIGNS = {"add": "+", "mul": "*", "and_": "&", "or_": "|"}
"""How OpenMP calls what combines, for floats and integers."""


class CRenderer(Renderer):
    """Prints C."""

    header: ClassVar[str] = f'#include "abi.h"\n{PARTS}'

    def render(self, program: Program) -> Rendered:
        """Return a program as a unit, with loops in strips and sums in blocks."""
        return super().render(in_blocks(in_strips(program)))

    def asks_every(self, s: For, outermost: bool) -> int | None:
        """Return after how many steps, which may be long, to ask whether the user interrupts.

        Loops around those that count: a call among the steps takes the registers from all of them.
        """
        if not (outermost or s.ordered) or not _is_long(s):
            return None
        return 1 if s.ordered or s.terms is not None else ROWS

    def chunk(self, s: For) -> int | None:
        """Return the number of steps that are scalar work, after which is asked as above."""
        breaks = any(isinstance(x, Break) for x in inside(s.body))
        return None if not s.ordered or breaks or _is_long(s) else STEPS

    def between_chunks(self) -> list[str]:
        """Return the line that asks."""
        return [f"if (call->poll(call)) return {INTERRUPTED};"]

    def before_loop(self, s: For) -> list[str]:
        """Say that the steps of an innermost loop do not depend on each other."""
        if s.ordered or _is_long(s):
            return []
        clauses: list[str] = []
        for reduction in s.reductions:
            assert reduction.row is not None
            if isinstance(reduction.target, Symbol):
                how = self.combiner(reduction.row, reduction.target.dtype)
                clauses.append(f" reduction({how}:{self.name(reduction.target)})")
        return [f"#pragma omp simd{''.join(clauses)}"]

    def combiner(self, combining: Elementwise, dtype: str) -> str:
        """Return what OpenMP calls a way to combine; others than sums are declared."""
        if combining.name in SIGNS and dtype != "float16":
            return SIGNS[combining.name]
        self.combining[combining.name, dtype] = None
        return f"gc_{combining.name}"

    def _combining_functions(self) -> set[str]:
        found: set[str] = set()
        for name, dtype in self.combining:
            found |= scalar.expression(row(name), [dtype] * 2, dtype, ["a", "b"])[1]
        return found

    def _combiners(self) -> list[str]:
        lines: list[str] = []
        for name, dtype in self.combining:
            combined, _ = scalar.expression(row(name), [dtype] * 2, dtype, ["omp_out", "omp_in"])
            start = scalar.literal(identity_of(row(name), dtype).value, dtype)
            lines.append(
                f"#pragma omp declare reduction(gc_{name} : {scalar.CTYPES[dtype]} : "
                f"omp_out = {combined}) initializer(omp_priv = {start})"
            )
        return lines


def _is_long(s: For) -> bool:
    """Return whether a step of a loop does more than scalar work."""
    return any(isinstance(x, (For, Matmul, Library, Callback)) for x in inside(s.body))
