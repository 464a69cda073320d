"""Losses of sequences whose alignment with their labels is not known: CTC.

A. Graves et al., "Connectionist temporal classification: labelling unsegmented sequence data with
recurrent neural networks" (2006).
"""

from __future__ import annotations

import math
from typing import Any

from gradcore.errors import GraphTypeError, GraphValueError
from gradcore.graph import Extent, Variable, as_variable, here
from gradcore.graph.nodes import extents_of
from gradcore.graph.types import whole_number
from gradcore.ops.create import Arange
from gradcore.ops.scalars import eq, isinf, logaddexp, switch
from gradcore.scan import scan
from gradcore.tensor.control import assert_op
from gradcore.tensor.creation import full
from gradcore.tensor.nn.losses import integers
from gradcore.tensor.reductions import log_softmax
from gradcore.tensor.shapes import concatenate, expand_dims


def ctc_loss(
    logits: Any,
    labels: Any,
    lengths: Any = None,
    label_lengths: Any = None,
    blank: int = 0,
    zero_infinity: bool = False,
) -> Variable:
    """Return ``-log(p)`` of the labels of each example, whatever steps they are said at.

    At each step a class is said: a label, or ``blank``.  What is said are the labels if they remain
    where classes that follow themselves are taken once and blanks are left out; p is the sum of the
    probabilities of all ways to say them.

    logits : of shape (steps, examples, classes), as a recurrent network returns them; logarithms of
        probabilities are logits, too.
    labels : integers of shape (examples, n), none of them ``blank``.
    lengths : how many steps of each example count, a vector of integers; None: all.
    label_lengths : how many labels of each example count, such a vector; None: all.  What stands
        behind them is not read.
    blank : the class that says nothing, an int.
    zero_infinity : whether the loss of labels that cannot be said in so many steps is 0; else it is
        infinite.  Its derivative is 0 in either case.

    Returns a vector, of the float dtype of the logits.

    The arguments are those of ``torch.nn.functional.ctc_loss`` without its reduction; that of
    optax has logits of shape (examples, steps, classes), and paddings in the place of lengths.

    Raises GraphTypeError: other ranks, labels or lengths that are no integers; GraphValueError:
    ``blank`` is no int; when it runs, AssertionFailedError: lengths are negative or longer than
    there are steps or labels; IndexError: a label is no class.

    >>> import gradcore.tensor as T
    >>> T.nn.ctc_loss(T.zeros((2, 1, 4)), [[3]]).eval().round(6).tolist()  # 3 3, 3 -, - 3
    [1.673976]
    >>> T.nn.ctc_loss(T.zeros((2, 1, 4)), [[3, 3]]).eval().tolist()
    [inf]
    """
    x, given = as_variable(logits), integers("ctc_loss", labels)
    if x.ndim != 3 or given.ndim != 2:
        raise GraphTypeError(
            "ctc_loss takes logits of shape (steps, examples, classes) and labels of shape "
            f"(examples, n), not {x} ({x.type}) and {given} ({given.type})",
            here(),
        )
    silent = whole_number(blank)
    if silent is None or silent < 0:
        raise GraphValueError(f"blank is a class, an int, not {blank!r}", here())
    steps, examples, _ = extents_of(x)
    _, places = extents_of(given)
    ends, last = _lengths(lengths, "steps", steps), _lengths(label_lengths, "labels", places)
    place = Arange()(as_variable(places))
    target = given if last is None else switch(place < expand_dims(last, 1), given, silent)
    row = Arange()(as_variable(examples))
    log_p = log_softmax(x)
    said = log_p[:, expand_dims(row, 1), target]
    unsaid = log_p[:, :, silent]
    same = eq(target[:, 1:], target[:, :-1])
    again = concatenate([full((examples, 1), False, "bool"), same], axis=1)[:, :places]
    never = full((examples, 1), -math.inf, log_p.dtype)

    def step(t: Variable, say: Variable, rest: Variable, label: Variable, after: Variable) -> Any:
        """Go on from: the last class said was label i; it was blank, behind i labels."""
        before = concatenate([never, label], axis=1)
        skipped = switch(again, -math.inf, before[:, :-1])
        new = (
            say + logaddexp(logaddexp(label, after[:, :-1]), skipped),
            expand_dims(rest, 1) + logaddexp(after, before),
        )
        if ends is None:
            return new
        runs = expand_dims(t < ends, 1)
        return tuple(switch(runs, x, old) for x, old in zip(new, (label, after), strict=True))

    first = eq(Arange()(as_variable(places + 1)), 0)
    start = (
        full((examples, places), -math.inf, log_p.dtype),
        switch(first, full((examples, 1), 0, log_p.dtype), never),
    )
    sequences = [Arange()(as_variable(steps)), said, unsaid]
    states, _ = scan(step, sequences=sequences, outputs_info=list(start))
    label, after = (s[-1] for s in states)
    end = (row, as_variable(places) if last is None else last)
    found = logaddexp(concatenate([never, label], axis=1)[end], after[end])
    return switch(isinf(found), 0.0 if zero_infinity else math.inf, -found)


def _lengths(given: Any, what: str, most: Extent) -> Variable | None:
    """Return lengths, checked when it runs to be no more than there are."""
    if given is None:
        return None
    n = integers("ctc_loss", given)
    if n.ndim != 1:
        raise GraphTypeError(
            f"ctc_loss takes a number of {what} for each example, not {n} ({n.type})", here()
        )
    message = f"an example has fewer than 0 or more {what} than there are"
    return assert_op(n, n >= 0, n <= as_variable(most), message=message)
