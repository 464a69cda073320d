"""A chain of elementwise ops of any length, in words that all array languages share."""


def chain(np, x, length):
    """Return a scalar computed from a vector by ``length`` elementwise ops.

    np : an array module, or a tensor language.
    """
    y = x
    ops = (np.sin, lambda v: v * x, np.tanh, lambda v: v + 0.5, np.exp, lambda v: -v)
    for i in range(length - 1):
        y = ops[i % len(ops)](y)
    return np.sum(y)
