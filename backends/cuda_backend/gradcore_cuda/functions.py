"""The functions and types that kernels call, which their unit defines.

A printer asks here for the text of a call, so that a unit defines what its kernels need
and nothing else.  What CUDA has itself is not defined again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from gradcore.dtypes import DTYPES
from gradcore.kernel import scalar
from gradcore.ops.elementwise import Elementwise
from gradcore_cuda.target import GpuTarget

LIBRARY: dict[str, str] = {
    "gc_pow_f64": "pow",
    "gc_apart_cos_f64": "cos",
    **{
        f"gc_{ours}_{kind}": ours.replace("arc", "a") + end
        for ours in (
            "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "arcsin",
            "arccos", "arctan", "sinh", "cosh", "tanh", "arcsinh", "arctanh", "erf",
        )
        for kind, end in (("f64", ""), ("f32", "f"))
    },
}  # fmt: skip
"""CUDA's functions whose documented errors are within those that ops declare."""


class Functions:
    """What the kernels of a unit call.

    target : what they are made for.
    """

    def __init__(self, target: GpuTarget) -> None:
        self.target = target
        self._scalars: set[str] = set()
        self._combining: dict[str, str] = {}
        self._prefixes: dict[str, str] = {}
        self._vectors: dict[str, str] = {}

    def scalar(
        self, op: Elementwise, given: Sequence[str], result: str, operands: Sequence[str]
    ) -> str:
        """Return the text of an elementwise op, with CUDA's own functions where it has them."""
        text, names = scalar.expression(op, given, result, operands)
        for name in names:
            if name in LIBRARY:
                text = re.sub(rf"\b{name}\(", f"{LIBRARY[name]}(", text)
            else:
                self._scalars.add(name)
        return text

    def combine(self, op: Elementwise, dtype: str, x: str, y: str) -> str:
        """Return the text of an op on two operands, all three of one dtype."""
        return self.scalar(op, [dtype, dtype], dtype, [x, y])

    def all_of(self, op: Elementwise, dtype: str, text: str, threads: str) -> str:
        """Return what the values of all threads of a "group" or "block" combine to."""
        both = f"{op.name}_{suffix(dtype)}"
        if both not in self._combining:
            self._combining[both] = self._combined(op, dtype, both)
        return f"gc_{threads}_{both}({text})"

    def prefix(self, op: Elementwise, dtype: str, text: str, total: str) -> str:
        """Return what the values of the threads of a group up to this one combine to.

        total : where what all of them combine to is left.
        """
        both = f"{op.name}_{suffix(dtype)}"
        if both not in self._prefixes:
            self._prefixes[both] = self._prefix_text(op, dtype, both)
        return f"gc_prefix_{both}({text}, &{total})"

    def vector(self, dtype: str, width: int) -> str:
        """Return the type of so many elements that lie next to each other."""
        name = f"gc_{suffix(dtype)}x{width}"
        size = min(width * np.dtype(dtype).itemsize, self.target.vector_bytes)
        self._vectors[name] = (
            f"typedef struct GC_ALIGNED({size}) {{ {DTYPES[dtype].ctype} x[{width}]; }} {name};"
        )
        return name

    def text(self) -> str:
        """Return the definitions of all that was called."""
        called = [*self._vectors.values(), *self._combining.values(), *self._prefixes.values()]
        return "\n".join(filter(None, [self._definitions(), *called]))

    def _definitions(self) -> str:
        """Return the scalar functions that are called; they call CUDA's own where there are any."""
        found: list[str] = []
        for item in scalar.preamble(sorted(self._scalars), includes=False).split("\n\n"):
            if item.startswith("typedef"):
                continue
            text = re.sub(r"(?m)^GC_VECTOR_FORMS.*\n", "", item.strip())
            defined = re.search(r"(?m)^static inline .*?\b(gc_\w+)\(", text)
            if defined is not None and defined[1] in LIBRARY:
                continue
            for ours in dict.fromkeys(re.findall(r"\bgc_\w+", text)):
                if ours in LIBRARY:
                    text = re.sub(rf"\b{ours}\b", LIBRARY[ours], text)
            found.append(re.sub(r"(?m)^static inline", "static __device__ inline", text))
        return "\n\n".join(found) + "\n"

    def _combined(self, op: Elementwise, dtype: str, both: str) -> str:
        """Return the functions that combine a value of each thread."""
        ctype, code = DTYPES[dtype].ctype, DTYPES[dtype].exchanged
        text = self.combine(op, dtype, "x", "y")
        return f"""\
static __device__ inline {ctype} gc_all_{both}({ctype} x, int lane, int lanes) {{
    __shared__ {ctype} all[32];
    const int here = gc_thread() % 32, first = lanes > 32 ? here : lane;
    const int n = lanes > 32 ? lanes - (lane - here) : lanes;
    const unsigned mask = gc_mask(lane, lanes);
    for (int k = 16; k > 0; k /= 2) {{
        if (k >= n) continue;
        const {ctype} y = ({ctype})gc_shift_{code}(mask, x, k);
        if (first + k < n) x = {text};
    }}
    if (lanes <= 32) return ({ctype})gc_pick_{code}(mask, x, here - lane);
    if (here == 0) all[lane / 32] = x;
    __syncthreads();
    x = all[0];
    for (int k = 1; k < (lanes + 31) / 32; k++) {{
        const {ctype} y = all[k];
        x = {text};
    }}
    __syncthreads();
    return x;
}}
static __device__ inline {ctype} gc_group_{both}({ctype} x) {{
    return gc_all_{both}(x, threadIdx.x, blockDim.x);
}}
static __device__ inline {ctype} gc_block_{both}({ctype} x) {{
    return gc_all_{both}(x, gc_thread(), gc_threads());
}}
"""

    def _prefix_text(self, op: Elementwise, dtype: str, both: str) -> str:
        """Return the function that combines a value with those of all threads before.

        Where ``total`` is, each thread gets what those of all threads combine to.
        """
        ctype, code = DTYPES[dtype].ctype, DTYPES[dtype].exchanged
        own, total = (self.combine(op, dtype, "y", other) for other in ("x", "z"))
        return f"""\
static __device__ inline {ctype} gc_prefix_{both}({ctype} x, {ctype} *total) {{
    __shared__ {ctype} all[32];
    const int lane = threadIdx.x, lanes = blockDim.x, here = gc_thread() % 32;
    const int place = lanes > 32 ? here : lane;
    const unsigned mask = gc_mask(lane, lanes);
    for (int k = 1; k < 32 && k < lanes; k *= 2) {{
        const {ctype} y = ({ctype})gc_pick_{code}(mask, x, place < k ? here : here - k);
        if (place >= k) x = {own};
    }}
    if (lanes <= 32) {{
        *total = ({ctype})gc_pick_{code}(mask, x, here - lane + lanes - 1);
        return x;
    }}
    if (here == 31 || lane == lanes - 1) all[lane / 32] = x;
    __syncthreads();
    {ctype} y = all[0];
    for (int k = 1; k < (lanes + 31) / 32; k++) {{
        const {ctype} z = all[k];
        if (k == lane / 32) x = {own};
        y = {total};
    }}
    *total = y;
    __syncthreads();
    return x;
}}
"""


def suffix(dtype: str) -> str:
    """Return what stands for a dtype in names: two may share a type of C, but no definition."""
    return "bool" if dtype == "bool" else DTYPES[dtype].code
