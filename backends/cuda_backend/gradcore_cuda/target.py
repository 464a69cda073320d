"""What programs for NVIDIA's GPUs are made for: every threshold of the backend, with its unit.

Limits of the hardware are those of compute capability 8.0 on (CUDA C++ Programming Guide, appendix
on compute capabilities).  What says "chosen" was set without a device to measure on, and is to be
measured when there is one; the host shim runs all of it with other numbers of threads.
"""

from __future__ import annotations

from dataclasses import dataclass

from gradcore.kernel.target import Target


@dataclass(frozen=True, kw_only=True, repr=False)
class GpuTarget(Target):
    """What is taken into account of a device."""

    # threads --------------------------------------------------------------------------------
    warp_lanes: int = 32
    """Lanes that run in lockstep (hardware)."""

    block_threads: int = 512
    """Threads of a block: with 128 registers each they have the 65,536 of a processor."""

    usual_block_threads: int = 256
    """Threads of a block where none needs another.  Chosen: eight such fill a processor."""

    processor_threads: int = 2048
    """Threads that are resident on a processor (hardware)."""

    waves: int = 4
    """Times that all processors are filled, at most; a thread takes more steps then.  Chosen."""

    # memory ---------------------------------------------------------------------------------
    vector_bytes: int = 16
    """Bytes that a thread reads or writes at a time, to which what it reads must be aligned
    (hardware)."""

    free_shared_bytes: int = 48 * 1024
    """Bytes of dynamic shared memory that a kernel may have without being asked (hardware)."""

    private_elements: int = 32
    """Elements of an array that a thread has to itself: more would be no registers."""

    tile_elements: int = 32
    """Elements along each of two axes that a block takes to shared memory: a line of lanes."""

    tile_arrays: int = 4
    """Arrays that a block takes such tiles of: four of float64 are 34 KB of shared memory."""

    copied_elements: int = 2**24
    """Elements of the copies that blocks contribute to, beyond one block's.  Chosen: 128 MiB of
    float64."""

    # how work is shared ---------------------------------------------------------------------
    short_steps: int = 8
    """Steps of a loop that are no work to share.  Chosen."""

    scan_elements: int = 16384
    """Elements that a block goes through in a step of a scan; larger steps are launches.  Chosen:
    32 a thread."""

    prefix_steps: int = 4096
    """Steps of a prefix scan that are one block's work; several blocks share longer ones.  Chosen:
    8 a thread."""

    long_row_steps: int = 16384
    """Steps of a prefix scan for each row from which rows are scanned one after the other.
    Chosen: four blocks' work."""

    column_threads: int = 8192
    """Columns that are work enough for a thread each.  Chosen."""

    column_rows: int = 16
    """Rows so few that a thread for each column sums them.  Chosen."""

    copying_blocks: int = 512
    """Blocks that contribute to an array, each to a copy of its own.  Chosen."""

    owning_groups: int = 2048
    """Groups that own targets of a scatter in order: each looks at all of its steps.  Chosen."""

    # launches that are recorded -------------------------------------------------------------
    plans: int = 64
    """Signatures of a function that are cached.  Chosen."""

    plan_memory_parts: int = 4
    """Plans retain at most one part in so many of the memory of a device."""

    plan_graphs: int = 8
    """CUDA graphs of a plan.  Chosen."""

    graph_steps: int = 2**17
    """Steps of all graphs of a device together.  Chosen: some 100 MB of the driver's."""

    tape_steps: int = 3
    """Launches that make a graph worthwhile: fewer are as fast one by one."""

    remembered_addresses: int = 64
    """Addresses that are remembered of calls that were not captured.  Chosen."""


GPU = GpuTarget(share_rows=False, fused_products=False, loops_fail=False, wide_sums=True)
"""The target of CUDA: rows are in shared memory or registers while results are far away, products
of matrices are launches of their own, and a thread adds up many terms by itself."""
