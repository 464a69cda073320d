"""Lies about loops."""

import numpy as np

from gradcore.execute import straight_line
from gradcore.ops.scan import Scan
from mutants.liars import lies


def stopping(node, right, least, steps):
    """Return a loop that takes ``steps(n)`` of ``n`` steps, and repeats the last results."""
    op = node.op

    def early(n, *arrays):
        taken = steps(int(n))
        if int(n) < least or op.until:
            return right(n, *arrays)
        found = right(np.asarray(taken), *arrays)
        parts = list(found if isinstance(found, tuple) else (found,))
        for k in range(op.states, len(parts)):
            parts[k] = np.concatenate([parts[k], *[parts[k][-1:]] * (int(n) - taken)])
        return tuple(parts) if isinstance(found, tuple) else parts[0]

    return early


@lies("scan", "cumulative sum")
def stops_at_sixteen_steps(node, right):
    """takes no more than 16 steps"""
    return stopping(node, right, 17, lambda n: min(n, 16))


@lies("scan", "until")
def goes_on_past_until(node, right):
    """takes one step more where a loop is to stop"""
    op = node.op
    if not op.until:
        return right

    def late(n, *arrays):
        *parts, taken = right(n, *arrays)
        more = [p if k < op.states else np.concatenate([p, p[-1:]]) for k, p in enumerate(parts)]
        return (*more, np.asarray(taken + 1)) if taken < n else (*parts, taken)

    return late


@lies("scan", "taps of a sequence")
def reads_sequences_backwards(node, right):
    """begins with the last element"""
    op = node.op
    return lambda n, *arrays: right(
        n, *(a[: int(n)][::-1] if k < op.sequences else a for k, a in enumerate(arrays))
    )


@lies("scan")
def goes_on_past_the_end(node, right):
    """takes zeros where a sequence has ended"""
    op = node.op

    def padded(n, *arrays):
        def longer(a):
            return np.concatenate([a, np.zeros((max(int(n) - len(a), 0), *a.shape[1:]), a.dtype)])

        return right(n, *(longer(a) if k < op.sequences else a for k, a in enumerate(arrays)))

    return padded


@lies("scan")
def takes_negative_steps_for_none(node, right):
    """takes no step where a negative number is asked for, and raises no error"""
    return lambda n, *arrays: right(np.maximum(n, 0), *arrays)


@lies("scan")
def forgets_the_state(node, right):
    """begins with a state of zeros"""
    op = node.op
    last = op.sequences + op.states
    return lambda n, *arrays: right(
        n, *(a * 0 if op.sequences <= k < last else a for k, a in enumerate(arrays))
    )


@lies("scan", "taps of a sequence")
def reads_the_next_element(node, right):
    """reads sequences one element further on"""
    op = node.op
    return lambda n, *arrays: right(
        n, *(np.roll(a, -1, 0) if k < op.sequences else a for k, a in enumerate(arrays))
    )


@lies("scan", "taps of an output", "states that feed each other")
def swaps_states(node, right):
    """takes one state for another, such as an earlier one"""
    first, last = node.op.sequences, node.op.sequences + node.op.states

    def swapped(n, *arrays):
        states = arrays[first:last]
        alike = len({(a.shape, a.dtype) for a in states}) == 1
        return right(n, *arrays[:first], *(states[::-1] if alike else states), *arrays[last:])

    return swapped


def resuming(op, right):
    """Return a loop that begins where it ended before, if the state has the same extents."""
    saved = []

    def resumed(n, *arrays):
        first, last = op.sequences, op.sequences + op.states
        states = arrays[first:last]
        if [np.shape(a) for a in saved] == [np.shape(a) for a in states]:
            states = saved
        found = right(n, *arrays[:first], *states, *arrays[last:])
        saved[:] = (found if isinstance(found, tuple) else (found,))[: op.states]
        return found

    return resumed


@lies("scan", "cumulative sum")
def goes_on_from_the_last_call(node, right):
    """begins a loop with the state in which the last call left it"""
    return resuming(node.op, right)


@lies("scan", "nested")
def goes_on_within(node, right):
    """begins an inner loop with the state in which the last step left it"""

    def kernel(inner):
        found = inner.op.kernel(inner)
        return resuming(inner.op, found) if isinstance(inner.op, Scan) else found

    return node.op.loop(straight_line(node.op.body, kernel))
