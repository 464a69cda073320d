"""The device part of the loop IR: statements of kernels that many threads run."""

from __future__ import annotations

from dataclasses import dataclass

from gradcore.kernel.ir import Store


@dataclass(eq=False, slots=True)
class AtomicAdd(Store):
    """``buffer[index] += value``, while other steps may add to the same element."""
