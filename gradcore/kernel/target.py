"""What programs are made for: every threshold of lowering and printing, with its unit and reason.

A pass is given the `Target` of its backend, an option of modes, and reads its thresholds there.
Two that must be equal, such as how many threads share a loop and how long the array is that they
contribute to, are one field.  A backend brings a target of its own by a subclass, or by other
values:

>>> Target(fused_statements=40).fused_statements
40

Each field says what was measured, by `benchmarks/target.py` on two cores of x86 with gcc; what says
"chosen" was not.

The decision: a threshold is here if another processor or compiler may want another.  Limits that
follow from a format or from arithmetic are with their subject (`gradcore.kernel.bounds`).
Rejected: constants beside the code that reads them, of which six had the name of another one.
"""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, kw_only=True, repr=False)
class Target:
    """What lowering takes into account of a processor and a compiler."""

    def __repr__(self) -> str:
        """Return it as it is written: with the thresholds that differ from those declared."""
        values = ((f.name, getattr(self, f.name), f.default) for f in fields(self))
        own = ", ".join(f"{name}={value!r}" for name, value, usual in values if value != usual)
        return f"{type(self).__name__}({own})"

    share_rows: bool = True
    """Whether a row of temporaries may be where a result will: not where faster memory is for it.
    Softmax of long rows writes one row less then."""

    fused_products: bool = True
    """Whether loops over stacks of matrices fuse with the loops around products of these matrices:
    not where a product is work for all of a device, and started by a host."""

    loops_fail: bool = True
    """Whether a loop may end where an element fails a check: not one that a device runs."""

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
    a call.  Alone, a call is as fast for 6 x 6 matrices of float64 (0.2 us) and faster from 8 x 8
    on (0.1 us against 0.3); the rest is for what fuses, as in the steps of a scan.  Chosen."""

    fused_statements: int = 120
    """Statements of a fused loop.  Of 300 of them, 30 to all in a loop run as fast within 8 %, and
    compile in 2.5 s by 30 or 120 and in 1.1 s in one: the limit is for programs far longer."""

    fusion_candidates: int = 12
    """Loops before a nest that are tried for it to join, so that the work is linear in nodes.
    Chosen."""


@dataclass(frozen=True, kw_only=True, repr=False)
class CpuTarget(Target):
    """What is taken into account of cores with vectors, caches and threads."""

    strip_steps: int = 16
    """Steps of a strip (`gradcore.kernel.strips`).  A logarithm of each row of 16 takes 0.58, 0.51,
    0.49 and 0.47 of the time without strips for 4, 8, 16 and 32 steps."""

    strip_elements: int = 512
    """Elements that the inner loops of a step in a strip go through: 16 such rows of float32 are
    32 KiB, a first-level cache.  Strips of logarithms of rows of 256 take 0.71 of the time, of 1024
    still 0.88, of 4096 0.96."""

    block_terms: int = 1024
    """Terms of float32 that are added up before they go into a float64 (`gradcore.kernel.sums`), in
    lanes of vectors.  The error of a sum is that of a block; of 1e5 and 1e6 terms, 1024 to 8192 a
    block take as long as one loop within 10 %, and 256 up to 1.3 times."""

    block_rows: int = 256
    """Those where a step is a loop itself, and terms are added one after the other, without
    lanes.  Columns of 1000 rows take 1.01 times as long as in one loop, with 32 steps 1.1."""

    unswitched: int = 40
    """Operations of a loop around sums up to which it is printed twice, for sums of one block and
    for longer ones.  Rows of 2 to 10 terms take 1.03 to 1.06 times as long without it; each copy is
    30 ms of the compiler's time.  A Gaussian mixture has such loops, of 24 and 26 operations, and
    takes 1.10 times as long in float32 without it; the gradient of a layer norm has two, of 19 and
    37 operations, and takes 1.28 times as long for rows of 16."""

    prefix_terms: int = 128
    """Terms of a prefix sum that is one loop in float32; longer ones are accumulated in float64 or
    in blocks, which takes 0.6 of the time for 1000 terms and 0.53 for 1e5: vectors have a part."""

    most_threads: int = 64
    """Threads that share a loop: as many parts have the arrays of what each contributes.  Chosen:
    loops are limited by memory long before."""

    thread_work: int = 20_000
    """Statements that a thread must have to run before another one shares a loop.  To hand a part
    over costs 0.1 to 0.3 us where a thread waits for it, and more where it has to be woken."""

    function_lines: int = 150
    """Lines of the entry point that make a function of their own.  1500 scalar statements take
    4.7 s to compile by 50 or 150, 7 s by 500 and 12 s as one; they run in 17 us, as one in 15."""

    merged_extent: int = 64
    """Extents from which on loops may share a function that is given theirs
    (`gradcore.kernel.merging`): of fewer steps the compiler unrolls them.  Chosen."""

    brief_work: int = 64
    """Statements that a loop runs in all, up to which the compiler takes little trouble
    (`gradcore.kernel.text.Routine.brief`).  Chosen."""

    brief_lines: int = 60
    """Lines of an entry point that the compiler takes little trouble with: of fewer, a call may
    take as long as they do.  Those of an MLP take 130 ms to compile, and 70 then.  Chosen."""

    frame_fields: int = 1000
    """Registers and pointers of a frame that is on the stack, of which a thread may have little:
    8 kB.  Chosen."""

    poll_loops: int = 256
    """Steps that are short loops between two looks at whether the user interrupts.  Chosen."""

    poll_scalars: int = 4096
    """Steps that are scalars alone between two such looks.  Chosen."""


CPU = CpuTarget()
"""The target of C."""
