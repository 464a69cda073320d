"""Loops: ``scan`` and its shorter forms ``map``, ``reduce``, ``foldl`` and ``foldr``.

``scan`` calls a Python function once, on variables that stand for the elements of one step, and
makes the graph that it returns the body of one `gradcore.ops.scan.Scan`.  What the graph uses from
outside becomes an input of the loop: whatever depends on nothing of the step is computed before
the loop.  A state with several taps becomes a shift register of states with one.

``cond``, ``while_loop`` and ``fori_loop`` are those of people who come from JAX (`structured`), and
so is ``associative_scan`` (`associative`).

`arguments` reads what the user gives, `step_results` what the step returns; `builder` puts the loop
together.  `gradcore.ops.loop` shows this representation of a loop beside the two others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gradcore.graph import Variable
from gradcore.language import Function, word
from gradcore.scan.associative import associative_scan as associative_scan
from gradcore.scan.builder import LoopBuilder
from gradcore.scan.last import last_values
from gradcore.scan.step_results import Updates
from gradcore.scan.step_results import until as until
from gradcore.scan.structured import cond as cond
from gradcore.scan.structured import fori_loop as fori_loop
from gradcore.scan.structured import while_loop as while_loop


@word
def scan(
    fn: Function,
    sequences: Any = None,
    outputs_info: Any = None,
    non_sequences: Any = None,
    n_steps: Any = None,
    truncate_gradient: int = -1,
    go_backwards: bool = False,
    *,
    strict: bool = False,
    name: str | None = None,
    return_list: bool = False,
    checkpoint: int | str | None = "auto",
    no_default_updates: bool = False,
) -> tuple[Any, Updates]:
    """Return what ``fn`` gives when it is applied step by step, stacked over the steps.

    fn : the step, called once with variables: the elements of the sequences (for each its taps),
        the earlier values of the outputs (for each its taps), the non-sequences.  It returns one
        output or a list of them; then, possibly, updates of shared variables (a dict or a list of
        pairs); then, possibly, ``until(condition)``, to stop after this step.
    sequences : tensors that are looped over along their first axis; one, or a list; for other
        elements than the one at the step's index, ``dict(input=x, taps=[-1, 0, 1])``.
    outputs_info : for each output None (it does not feed back), its value before the first step,
        or ``dict(initial=x, taps=[-2, -1])``, where x has the first values along its first axis.
        None or an empty list: no output feeds back.
    non_sequences : what else the step is called with.  The step may also use any variable around
        it, unless ``strict``.
    n_steps : how many steps to take, a number or a scalar of the graph; by default as many as all
        sequences have elements for.  Without both, steps are taken until ``until`` says so, with
        memory for those that are taken: these are counted first, and then, if more than the last
        values are asked for, taken again.
    truncate_gradient : how many steps a gradient goes back; -1: all.
    go_backwards : whether to loop over the sequences from their end.
    return_list : whether to return a list even for one output.
    checkpoint : what a gradient stores of the steps.  None: all that it reads.  A number of steps:
        the states before each so many, from which it takes these steps again.  ``"auto"``: as much
        as ``config.scan_memory_budget`` bytes allow, all if that is 0 or enough.  The gradient is
        the same in any case.
    no_default_updates : whether the steps read shared variables as they are before the loop, also
        those with a default update.

    Returns the outputs (a list of them if there are several, None for none), stacked along a new
    first axis, and the updates of shared variables, to hand to ``function(..., updates=)``.  A
    shared variable that the step reads, and that has a default update (such as that of a draw of
    `T.random`), is updated in each step, and after the loop without being handed on.

    Raises ScanError: arguments that do not fit one another, a ``checkpoint`` of less than one step;
    when it runs: a negative number of steps, a sequence that is too short, a state that changes its
    shape.

    >>> import gradcore.tensor as T
    >>> x = T.dvector("x")
    >>> total, _ = scan(lambda x_t, acc: acc + x_t, sequences=x, outputs_info=0.0)
    >>> total.eval({x: [1, 2, 3]}).tolist()
    [1.0, 3.0, 6.0]
    """
    loop = LoopBuilder(
        fn,
        sequences,
        outputs_info,
        non_sequences,
        n_steps,
        go_backwards,
        strict,
        name,
        no_default_updates,
    )
    results = loop.build(truncate_gradient, checkpoint)
    first = len(loop.states)
    stacks = results[first : first + len(loop.outputs)]
    updates = loop.updates(results)
    if return_list or len(stacks) > 1:
        return stacks, updates
    return stacks[0] if stacks else None, updates


def map(
    fn: Function,
    sequences: Any,
    non_sequences: Any = None,
    truncate_gradient: int = -1,
    go_backwards: bool = False,
    name: str | None = None,
) -> tuple[Any, Updates]:
    """Return ``fn`` of each element, stacked: a scan in which nothing feeds back.

    >>> import gradcore.tensor as T
    >>> squares, _ = map(lambda k: k ** 2, T.arange(4))
    >>> squares.eval().tolist()
    [0, 1, 4, 9]
    """
    return scan(
        fn, sequences, None, non_sequences, None, truncate_gradient, go_backwards, name=name
    )


def reduce(
    fn: Function,
    sequences: Any,
    outputs_info: Any,
    non_sequences: Any = None,
    go_backwards: bool = False,
    name: str | None = None,
    *,
    no_default_updates: bool = False,
) -> tuple[Any, Updates]:
    """Return the last value of each output of a scan; without elements, the initial value.

    >>> import gradcore.tensor as T
    >>> product, _ = reduce(lambda k, acc: acc * k, T.arange(1, 6), outputs_info=1)
    >>> product.eval().tolist()
    120
    """
    loop = LoopBuilder(
        fn,
        sequences,
        outputs_info,
        non_sequences,
        None,
        go_backwards,
        False,
        name,
        no_default_updates,
    )
    results = loop.build(-1)
    found = last_values(loop, results)
    return (found if len(found) > 1 else found[0]), loop.updates(results)


def last_states(
    fn: Callable[..., Any], starts: Sequence[Variable], sequences: Any = None, n_steps: Any = None
) -> list[Variable]:
    """Return the values of the outputs of a scan after its last step; without steps, ``starts``.

    Shared variables stay as they are, also those with a default update.

    >>> import gradcore.tensor as T
    >>> start = [T.constant(1), T.constant(1)]
    >>> [v.eval().tolist() for v in last_states(lambda a, b: [b, a + b], start, n_steps=5)]
    [8, 13]
    """
    loop = LoopBuilder(fn, sequences, list(starts), None, n_steps, False, False, None, True)
    return last_values(loop, loop.build(-1))


@word
def foldl(
    fn: Function,
    sequences: Any,
    outputs_info: Any,
    non_sequences: Any = None,
    name: str | None = None,
) -> tuple[Any, Updates]:
    """Return ``reduce`` from the first element to the last.

    >>> import gradcore.tensor as T
    >>> digits, start = T.constant([1, 2, 3]), T.constant(0, dtype="int64")
    >>> found, updates = foldl(lambda digit, number: 10 * number + digit, digits, start)
    >>> found.eval()
    array(123)
    """
    return reduce(fn, sequences, outputs_info, non_sequences, False, name)


def foldr(
    fn: Function,
    sequences: Any,
    outputs_info: Any,
    non_sequences: Any = None,
    name: str | None = None,
) -> tuple[Any, Updates]:
    """Return ``reduce`` from the last element to the first.

    >>> import gradcore.tensor as T
    >>> digits, start = T.constant([1, 2, 3]), T.constant(0, dtype="int64")
    >>> found, updates = foldr(lambda digit, number: 10 * number + digit, digits, start)
    >>> found.eval()
    array(321)
    """
    return reduce(fn, sequences, outputs_info, non_sequences, True, name)
