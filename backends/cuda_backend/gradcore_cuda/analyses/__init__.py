"""What is known of a program: its analyses, by subject.  They look, and change nothing."""

from __future__ import annotations

from gradcore.kernel.ir import Buffer, For, Program, Statement, Symbol
from gradcore.kernel.uses import inside, registers_set
from gradcore_cuda.analyses.aliases import Aliases
from gradcore_cuda.analyses.dependence import Dependence
from gradcore_cuda.analyses.prefix_scans import PrefixScans
from gradcore_cuda.analyses.values import Values
from gradcore_cuda.target import GpuTarget


class Facts:
    """What is known of a program, and of what it is made for.

    target : what it is made for.
    aliases : which buffers may have the same memory.
    dependence : what the steps of loops have to do with one another.
    prefix_scans : which registers they carry along.
    values : which numbers the host can know.
    totals : the memory to which the steps of loops contribute.
    """

    def __init__(self, program: Program, target: GpuTarget) -> None:
        self.program = program
        self.target = target
        self.aliases = Aliases(program.body)
        self.dependence = Dependence(self.aliases, target)
        self.prefix_scans = PrefixScans(self.dependence, target)
        self.values = Values(program, target)
        self.totals = {
            self.aliases.memory(r.target)
            for s in inside(program.body)
            if isinstance(s, For)
            for r in s.reductions
            if isinstance(r.target, Buffer)
        }

    def changed(self, s: Statement) -> set[Symbol]:
        """Return the registers of the device that a statement, or one in it, sets."""
        return self.values.device.intersection(registers_set([s]))
