"""The device part of the loop IR: what the many threads of a kernel do.

A host program asks for a `Grid` of threads and has it run statements, by `Launch`.  Threads are
*lanes* of *groups*, groups are parts of *blocks*, and all blocks are the *grid* (`Level`).  Each
thread runs all statements of the launch, with registers of its own: where it does something else
than the others, a statement says so.

The decision: kernels are made by passes from these statements to these statements, until a printer
has nothing to decide, and every stage has a meaning: `gradcore.kernel.threads` runs it, thread by
thread, in any order.  Rejected: deciding while text is printed, where a decision can be neither
seen nor tested without the text.
"""

from gradcore.kernel.device.control import (
    Ends,
    Fail,
    LabeledBlock,
    LabeledBreak,
    LastBlock,
    Owned,
    Single,
    Stop,
)
from gradcore.kernel.device.exchange import AtomicAdd, Barrier, Combine, Meeting, Prefix
from gradcore.kernel.device.grid import (
    BLOCKS,
    GROUPS,
    LANES,
    LEVELS,
    THREADS,
    Count,
    Fit,
    Grid,
    Launch,
    Level,
)
from gradcore.kernel.device.loops import Chunk, Delinearize, Distributed, Rounds, Unrolled, Vectors
from gradcore.kernel.device.memory import (
    CountVectors,
    Declare,
    Fits,
    LoadVector,
    Partial,
    Private,
    Register,
    Reload,
    Shared,
    Spill,
    StoreVector,
)

__all__ = (
    "BLOCKS",
    "GROUPS",
    "LANES",
    "LEVELS",
    "THREADS",
    "AtomicAdd",
    "Barrier",
    "Chunk",
    "Combine",
    "Count",
    "CountVectors",
    "Declare",
    "Delinearize",
    "Distributed",
    "Ends",
    "Fail",
    "Fit",
    "Fits",
    "Grid",
    "LabeledBlock",
    "LabeledBreak",
    "LastBlock",
    "Launch",
    "Level",
    "LoadVector",
    "Meeting",
    "Owned",
    "Partial",
    "Prefix",
    "Private",
    "Register",
    "Reload",
    "Rounds",
    "Shared",
    "Single",
    "Spill",
    "Stop",
    "StoreVector",
    "Unrolled",
    "Vectors",
)
