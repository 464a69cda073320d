"""The derivatives of a loop, which are loops of the same kind.

``loop_reverse`` draws the way of a gradient through a loop, and builds it; ``loop_reads`` says what
it has to know of the loop itself; ``loop_segments`` takes it through segments of the steps, of
lengths from ``loop_lengths``, where not all steps may be stored; ``loop_forward`` builds the loop
of the tangents; ``loop_links`` says which inputs matter to which outputs at all.

The decision: no backend and no rewrite learns another kind of loop, so second derivatives are the
derivatives of these loops.  Rejected: a kind of output for each kind of gradient (Theano's
mit-mot).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradcore.graph import Apply, Derivative
from gradcore.ops.loop import Loop
from gradcore.ops.loop_forward import ForwardLoop
from gradcore.ops.loop_links import links
from gradcore.ops.loop_reverse import ReverseLoop
from gradcore.ops.loop_segments import SegmentedReverse


class LoopDerivative(Derivative):
    """The derivatives of a loop, which are loops."""

    masks = True

    def connects(self, node: Apply, i: int, o: int) -> bool:
        """Return whether any step connects input ``i`` with output ``o``."""
        assert isinstance(node.op, Loop)
        return i > 0 and o in links(node.op)[i - 1]

    def pullback(self, node: Apply, cotangents: Sequence[Any], wanted: Sequence[bool]) -> list[Any]:
        """Return the cotangents of the inputs, from a loop in reversed order."""
        assert isinstance(node.op, Loop)
        reverse = ReverseLoop if node.op.checkpoint is None else SegmentedReverse
        return [None, *reverse(node.op, node, cotangents, wanted[1:]).cotangents()]

    def pushforward(self, node: Apply, tangents: Sequence[Any]) -> list[Any]:
        """Return the tangents of the outputs, from a loop over states and their tangents."""
        assert isinstance(node.op, Loop)
        return ForwardLoop(node.op, node, tangents[1:]).tangents()
