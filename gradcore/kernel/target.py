"""What programs are made for: every threshold of lowering and printing, with its unit and reason.

A pass is given the `Target` of its backend and reads its thresholds there.  Two that must be equal,
such as how many threads share a loop and how long the array is that they contribute to, are one
field.  A backend brings a target of its own by a subclass, or by other values:

>>> Target(fused_statements=40).fused_statements
40

Each field says what was measured; where that says "chosen", nothing near the value made a
difference that could be measured, on x86 with gcc.

The decision: a threshold is here if another processor or compiler may want another.  Limits that
follow from a format or from arithmetic, such as ``MOST_ELEMENTS = 2**48``, are with their subject.
Rejected: constants beside the code that reads them, of which six had the name of another one.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Target:
    """What lowering takes into account of a processor and a compiler."""

    share_rows: bool = True
    """Whether a row of temporaries may be where a result will: not where faster memory is for it.
    Softmax of long rows writes one row less (C)."""

    wide_sums: bool = False
    """Whether sums and products of narrower numbers are accumulated in float64: where a thread adds
    up many terms by itself (CUDA).  A target with vectors adds in blocks (`CpuTarget`)."""

    nested_forms: int = 30
    """Element forms, one within the other, before one is stored.  Chosen: expressions stay small
    enough for the recursion of compilers."""

    repeated_operations: int = 3
    """Operations on integers that are written wherever the result is used; more have a register.
    Chosen: compilers find equal subexpressions; people read them."""

    known_elements: int = 16
    """Elements of a constant vector of integers that are known one by one.  Chosen: shapes and
    orders of axes are shorter."""

    loop_product: int = 512
    """Multiplications of a product of matrices of known extents that is loops, which fuse, and not
    a call.  A call costs about as much as 8 x 8 x 8 multiplications."""

    fused_statements: int = 120
    """Statements of a fused loop.  The time of gcc -O3 grows faster than the length of a loop."""

    fusion_candidates: int = 12
    """Loops before a nest that are tried for it to join, so that the work is linear in nodes.
    Chosen."""


@dataclass(frozen=True, kw_only=True)
class CpuTarget(Target):
    """What is taken into account of cores with vectors, caches and threads."""

    strip_steps: int = 16
    """Steps of a strip (`gradcore.kernel.strips`): two vectors of float32 with AVX-512, or four
    with AVX2."""

    strip_elements: int = 512
    """Elements that the inner loops of a step in a strip go through: 16 such rows of float32 are
    32 KiB, a first-level cache."""

    block_terms: int = 2048
    """Terms of float32 that are added up before they go into a float64 (`gradcore.kernel.sums`), in
    lanes of vectors.  The error of a sum is that of a block; sums of 1e6 take 0.99 times as long as
    in one loop, of 10 to 1000 not longer."""

    block_rows: int = 256
    """Those where a step is a loop itself, and terms are added one after the other, without
    lanes.  Columns of 1000 rows take 1.02 times as long as in one loop."""

    prefix_terms: int = 128
    """Terms of a prefix sum that is float32; longer ones are float64, in 0.5 to 0.7 of the time,
    since vectors have a part in these."""

    most_threads: int = 64
    """Threads that share a loop: as many parts have the arrays of what each contributes.  Chosen:
    loops are limited by memory long before."""

    thread_work: int = 20_000
    """Statements that a thread must have to run before another one shares a loop: to hand a part
    over costs some microseconds."""

    function_lines: int = 150
    """Lines of the entry point that make a function of their own: the time of gcc grows faster than
    the length of a function."""

    frame_fields: int = 1000
    """Registers and pointers of a frame that is on the stack, of which a thread may have little."""

    poll_loops: int = 256
    """Steps that are short loops between two looks at whether the user interrupts."""

    poll_scalars: int = 4096
    """Steps that are scalars alone between two such looks."""


CPU = CpuTarget()
"""The target of C."""
