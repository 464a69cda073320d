"""How a program of loops is printed as C."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gradcore.dtypes import DTYPES, FLOATS, computed
from gradcore.kernel import scalar
from gradcore.kernel.collapse import collapsed
from gradcore.kernel.hoist import fills_hoisted
from gradcore.kernel.ir import (
    Call,
    Callback,
    Expr,
    For,
    Let,
    Library,
    Literal,
    Load,
    Matmul,
    Store,
    Symbol,
    identity_of,
    parts,
)
from gradcore.kernel.merging import merged
from gradcore.kernel.parallel import steps_parallelized
from gradcore.kernel.passes import Pass
from gradcore.kernel.registers import stores_forwarded
from gradcore.kernel.render import Renderer
from gradcore.kernel.strips import in_strips
from gradcore.kernel.sums import in_blocks
from gradcore.kernel.target import CPU, CpuTarget
from gradcore.kernel.uses import Used, expressions, inside
from gradcore.ops.elementwise import Elementwise, entry

SCANS = """
/* A loop in which each step reads what the steps so far add up to. */
#define GC_PRAGMA(text) _Pragma(#text)
#if __GNUC__ >= 10 && !defined(__clang__)
#define GC_SCAN(how) GC_PRAGMA(omp simd reduction(inscan, how))
#define GC_SCANNED(x) GC_PRAGMA(omp scan inclusive(x))
#else
#define GC_SCAN(how)
#define GC_SCANNED(x)
#endif
"""

PASSES: tuple[Pass[CpuTarget], ...] = (
    fills_hoisted,
    collapsed,
    in_strips,
    in_blocks,
    stores_forwarded,
    steps_parallelized,
    merged,
)
"""What a program goes through before it is printed as C."""

INTERRUPTED = 2
"""What generated code returns then (RAISED in runtime.h)."""

SIGNS = {"add": "+", "mul": "*", "and_": "&", "or_": "|"}
"""How OpenMP calls what combines, for floats and integers."""

LANES = ("maximum", "minimum")
"""What combines lanes in another way than elements: softmax of rows of 3 to 33 float32 takes 0.8
times as long."""


class CRenderer(Renderer):
    """Prints C.

    passes : what a program goes through before.
    """

    def __init__(self, target: CpuTarget = CPU, passes: Sequence[Pass[CpuTarget]] = PASSES) -> None:
        super().__init__(target)
        self.passes = tuple(passes)
        self.scans = False

    def header(self) -> str:
        """Return what all units start with: how many threads a loop is worth, for this target."""
        return f"""#include "abi.h"

/* How many threads a loop is worth: each must have enough to do (tests take less). */
#if !defined(GC_THREAD_WORK)
#define GC_THREAD_WORK {self.target.thread_work}
#endif
static inline int32_t gc_parts(const gc_call *call, int64_t steps, int64_t cost) {{
    const double enough = (double)steps * (double)cost / GC_THREAD_WORK;
    int64_t parts = call->threads < enough ? call->threads : (int64_t)enough;
    if (parts > steps) parts = steps;
    if (parts > {self.target.most_threads}) parts = {self.target.most_threads};
    return parts < 1 ? 1 : (int32_t)parts;
}}

/* How far apart rows of the parts of a loop are: no line of the cache has elements of two. */
#define GC_APART(n) (((n) + 63) / 64 * 64)
"""

    def asks_every(self, s: For, outermost: bool) -> int | None:
        """Return after how many steps, which may be long, to ask whether the user interrupts.

        Loops around those that count: a call among the steps takes the registers from all of them.
        Steps that are scalars count if they are in order, or call functions and no loop is around
        them.  Rows whose lengths are read, of a sparse matrix, call functions to count: their
        products take 0.9 times as long without such a look (running sums of rows 1.2 times).
        """
        if not _is_long(s):
            in_order = s.ordered and not any(
                isinstance(x, Load) and x.index for x in parts(s.extent)
            )
            slow = in_order or s.ordered + outermost + _is_costly(s) > 1
            steps = self.target.poll_scalars
            return steps if slow and not _few(s.extent, steps) else None
        if not (outermost or s.ordered):
            return None
        return 1 if s.ordered and not _is_loops(s) else self.target.poll_loops

    def ask(self, when: str = "") -> list[str]:
        """Return the line that asks."""
        condition = f"{when} && " if when else ""
        return [f"if ({condition}call->poll(call)) return {INTERRUPTED};"]

    def before_loop(self, s: For) -> list[str]:
        """Say that the steps of an innermost loop do not depend on each other, or how."""
        scanned = _scanned(s)
        if scanned is not None:
            self.scans = True
            return [f"GC_SCAN(+:{self.name(scanned.symbol)})"]
        if s.ordered or _is_long(s):
            return []
        clauses: list[str] = []
        for reduction in s.reductions:
            assert reduction.op is not None
            if isinstance(reduction.target, Symbol):
                how = self.combiner(reduction.op, reduction.target.dtype)
                clauses.append(f" reduction({how}:{self.name(reduction.target)})")
        return [f"#pragma omp simd{''.join(clauses)}"]

    def name_before(self, x: Call, operand: Expr) -> str | None:
        """Name what a choice reads, too: a loop that reads on a condition has branches."""
        if x.op.name == "switch" and isinstance(operand, Load) and operand.buffer.shape:
            return operand.buffer.name
        return super().name_before(x, operand)

    def step(self, s: For) -> None:
        """Print a step; where a prefix sum has what it adds, vectors take their own sums over."""
        scanned = _scanned(s)
        if scanned is None:
            super().step(s)
            return
        k = s.body.index(scanned) + 1
        self._braced(replace(s, body=s.body[:k]))
        self.unit.add(f"GC_SCANNED({self.name(scanned.symbol)})")
        self._braced(replace(s, body=s.body[k:]))

    def _braced(self, s: For) -> None:
        self.unit.add("{")
        self.unit.depth += 1
        super().step(s)
        self.unit.depth -= 1
        self.unit.add("}")

    def combiner(self, combining: Elementwise, dtype: str) -> str:
        """Return what OpenMP calls a way to combine; others than sums are declared."""
        if combining.name in SIGNS and computed(dtype) == dtype:
            return SIGNS[combining.name]
        self.combining[combining.name, dtype] = None
        return f"gc_{combining.name}"

    def _combining_functions(self) -> set[str]:
        found: set[str] = set()
        for name, dtype in self.combining:
            found |= _lanes_combined(name, dtype)[1]
        return found

    def _combiners(self) -> list[str]:
        lines = [SCANS] if self.scans else []
        for name, dtype in self.combining:
            combined, _ = _lanes_combined(name, dtype)
            start = scalar.literal(identity_of(entry(name), dtype).value, dtype)
            lines.append(
                f"#pragma omp declare reduction(gc_{name} : {DTYPES[dtype].ctype} : "
                f"omp_out = {combined}) initializer(omp_priv = {start})"
            )
        return lines


def _lanes_combined(name: str, dtype: str) -> tuple[str, frozenset[str]]:
    """Return C text that combines a lane of a vector with those before it, and what it calls."""
    if name in LANES and dtype in FLOATS and computed(dtype) == dtype:
        function = f"gc_lane_{name}_{DTYPES[dtype].code}"
        return f"{function}(omp_out, omp_in)", frozenset({function})
    return scalar.expression(entry(name), [dtype] * 2, dtype, ["omp_out", "omp_in"])


def _scanned(s: For) -> Let | None:
    """Return the statement of a loop that adds to a prefix sum, if vectors may do that together.

    They do where a step is that sum, what comes before it, and what reads the sum alone.
    """
    totals = [r for r in s.reductions if r.cumulative]
    sets = [x for x in s.body if isinstance(x, Let) and not x.fresh]
    if (
        len(totals) != 1
        or len(s.reductions) != 1
        or totals[0].op is not entry("add")
        or totals[0].target.dtype != "float64"
        or len(sets) != 1
        or sets[0].symbol is not totals[0].target
        or not all(isinstance(x, (Let, Store)) for x in s.body)
    ):
        return None
    k = s.body.index(sets[0])
    made = {x.symbol for x in s.body[:k] if isinstance(x, Let)}
    reads = Used().note(s.body[k + 1 :]).symbols
    return None if not made.isdisjoint(reads) else sets[0]


def _is_long(s: For) -> bool:
    """Return whether a step of a loop does more than scalar work."""
    return any(isinstance(x, (For, Matmul, Library, Callback)) for x in inside(s.body))


def _is_loops(s: For) -> bool:
    """Return whether a step of a loop is scalar work and loops of such."""
    loops = [x for x in inside(s.body) if isinstance(x, For)]
    others = any(isinstance(x, (Matmul, Library, Callback)) for x in inside(s.body))
    return not others and not any(_is_long(x) for x in loops)


def _is_costly(s: For) -> bool:
    """Return whether a step of a loop calls functions."""
    return any(
        isinstance(y, Call) and y.op.operations > 1
        for x in inside(s.body)
        for e in expressions(x)
        for y in parts(e)
    )


def _few(extent: Expr, steps: int) -> bool:
    """Return whether a loop is known to have no more than so many steps."""
    bounds = (
        extent.operands if isinstance(extent, Call) and extent.op.name == "minimum" else [extent]
    )
    return any(isinstance(x, Literal) and x.value <= steps for x in bounds)
