"""The optimizer: stages of rewriting, in the order in which they run."""

from __future__ import annotations

from gradcore.ops.scan import Scan
from gradcore.ops.shape import Join
from gradcore.rewrite.canonical import canonicalize
from gradcore.rewrite.changes import EXACT as EXACT
from gradcore.rewrite.changes import REASSOCIATES as REASSOCIATES
from gradcore.rewrite.changes import Changes as Changes
from gradcore.rewrite.engine import Pass as Pass
from gradcore.rewrite.engine import Stage as Stage
from gradcore.rewrite.equations import equations
from gradcore.rewrite.jacobians import jacobians, stacked_gradients
from gradcore.rewrite.loops import drop_unused, merge_scans, push_out, steps_once
from gradcore.rewrite.parts_of_products import parts_of_products
from gradcore.rewrite.rules import Firing as Firing
from gradcore.rewrite.rules import Rule as Rule
from gradcore.rewrite.rules import Trace as Trace
from gradcore.rewrite.solutions import solve_for_inverses
from gradcore.rewrite.sorted_once import sorted_once
from gradcore.rewrite.specialize import specialize
from gradcore.rewrite.stabilize import stabilize
from gradcore.rewrite.stages import Group as Group
from gradcore.rewrite.values_alone import values_alone
from gradcore.rewrite.windows import increments_as_windows

loop_stages = Group(
    "loops",
    Scan,
    (
        merge_scans,
        jacobians,
        canonicalize,
        merge_scans,
        drop_unused,
        stabilize,
        increments_as_windows,  # which sees what zeros are before they leave the loop
        push_out,
        canonicalize,
        drop_unused,
    ),
)

stacks = Group("stacks", Join, (stacked_gradients,))

STAGES: tuple[Stage | Pass | Group, ...] = (
    steps_once,
    canonicalize,
    stacks,
    loop_stages,
    parts_of_products,
    stabilize,
    canonicalize,
    solve_for_inverses,
    values_alone,
    equations,
    increments_as_windows,
    sorted_once,
    specialize,
)
"""The table of contents of the optimizer: one step of the way (`gradcore.compile.pipeline`)."""
