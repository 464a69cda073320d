"""Loops written out: what ``scan`` means, said without a scan."""

import gradcore.tensor as T


def as_list(given):
    if given is None:
        return []
    return list(given) if isinstance(given, (list, tuple)) else [given]


def unrolled(
    fn,
    sequences=None,
    outputs_info=None,
    non_sequences=None,
    steps=None,
    go_backwards=False,
    truncate=-1,
):
    """Return the stacked outputs of ``steps`` applications of ``fn``, a list.

    With ``truncate``, the steps before the last ``truncate`` are constants to derivatives.
    """
    looped = []
    for given in as_list(sequences):
        given = given if isinstance(given, dict) else {"input": given}
        looped.append((T.as_tensor_variable(given["input"]), given.get("taps", [0])))
    states = []
    for given in as_list(outputs_info):
        given = given if isinstance(given, dict) else {"initial": given}
        initial = given.get("initial")
        taps = given.get("taps", [-1])
        if initial is None:
            states.append(None)
            continue
        initial = T.as_tensor_variable(initial)
        past = [initial] if taps == [-1] else [initial[k] for k in range(-min(taps))]
        states.append((past, taps))
    constants = as_list(non_sequences)
    stacks = None
    for t in range(steps):
        elements = []
        for x, taps in looped:
            first, last = min(0, *taps), max(0, *taps)
            for tap in taps:
                length = x.shape[0] - (last - first)
                place = t + tap - first if not go_backwards else length - 1 - t + tap - first
                elements.append(x[place])
        seen = [state[0][tap] for state in states if state is not None for tap in state[1]]
        outputs = as_list(fn(*elements, *seen, *constants))
        if 0 <= truncate < steps - t:
            outputs = [T.zero_grad(y) for y in outputs]
        if not states:
            states = [None] * len(outputs)
        for state, y in zip(states, outputs, strict=True):
            if state is not None:
                state[0].append(y)
        stacks = stacks or [[] for _ in outputs]
        for stack, y in zip(stacks, outputs, strict=True):
            stack.append(y)
    return [T.stack(stack) for stack in stacks]
