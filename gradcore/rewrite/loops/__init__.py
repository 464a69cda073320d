"""Rewrites of loops: hoisting what need not be in them, and removing what nobody reads.

``parts`` splits a scan into its parts and rebuilds it; ``idle`` and ``push_out`` have the rules
(by ``costs`` and ``contractions``; ``chunks`` has that for loops that are to store little), and
``merge``, ``segments`` and ``unused`` the passes that need to see who reads a loop.
"""

from __future__ import annotations

from gradcore.ops.scan import Scan
from gradcore.rewrite.canonical import canonicalize
from gradcore.rewrite.engine import Stage
from gradcore.rewrite.loops import chunks as chunks
from gradcore.rewrite.loops import idle as idle
from gradcore.rewrite.loops.counted import states_counted
from gradcore.rewrite.loops.merge import merge_scans as merge_scans
from gradcore.rewrite.loops.push_out import push_out as push_out
from gradcore.rewrite.loops.segments import share_segments as share_segments
from gradcore.rewrite.loops.unused import drop_unused as drop_unused
from gradcore.rewrite.stages import Group

fuse_loops = Group(
    "fuse_loops",
    Scan,
    (
        merge_scans,
        Stage("idle", [rule for rule in canonicalize.rules if Scan in rule.targets]),
        drop_unused,
    ),
)
"""One loop for several, and nothing twice in it: for graphs that are in normal form otherwise."""

steps_once = Group(
    "steps_once",
    Scan,
    (
        Stage("ends", [rule for rule in canonicalize.rules if rule.name == "last_of_stack"]),
        states_counted,
        share_segments,
    ),
)
"""Steps that were counted, or that a gradient takes by segments, are taken once if that does.

First of all, as loops are as they were then."""
