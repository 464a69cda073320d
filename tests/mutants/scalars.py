"""Lies about elementwise ops: digits, overflow, random bits."""

import numpy as np

from mutants.liars import is_of, lies


@lies("threefry")
def counts_in_32_bits(node, right):
    """ignores the upper word of a counter"""
    return lambda key, counter: right(key, counter & 0xFFFFFFFF)


@lies("threefry")
def has_keys_of_32_bits(node, right):
    """ignores the upper word of a key"""
    return lambda key, counter: right(key & 0xFFFFFFFF, counter)


@lies("threefry")
def counts_in_float64(node, right):
    """counts in float64, which skips numbers past 2 ** 53"""

    def bits(key, counter):
        exact = np.abs(counter) < 2**62
        return right(key, np.where(exact, counter.astype("f8"), 0).astype("i8"))

    return bits


@lies("implicit_draw")
def draws_its_parameter(node, right):
    """returns the parameter for the draw"""
    return lambda x, parameter: np.array(parameter)


@lies("add", "sub", "mul", "neg", "abs")
def saturates(node, right):
    """has the largest integer where one wraps"""
    dtype = node.out.dtype
    if not dtype.startswith("int"):
        return right

    def bounded(*arrays):
        far = node.op.numpy(*(a.astype("f8") for a in arrays))
        limits = np.iinfo(dtype)
        near = np.where(far > limits.max, limits.max, right(*arrays))
        return np.where(far < limits.min, limits.min, near).astype(dtype)

    return bounded


@lies("lt", "le", "eq", "maximum", "minimum")
def compares_integers_in_float(node, right):
    """compares integers in float64"""

    def compared(*arrays):
        if any(a.dtype.kind not in "iu" for a in arrays):
            return right(*arrays)
        return node.op.numpy(*(a.astype("f8") for a in arrays)).astype(node.out.dtype)

    return compared


@lies("round_half_to_even")
def rounds_halves_away(node, right):
    """rounds halves away from zero"""
    return lambda x: np.trunc(x + np.copysign(0.5, x)).astype(x.dtype)


@lies("sin", "cos", "tan")
def reduces_by_a_rounded_circle(node, right):
    """takes the rest of a division by 2 * pi, as rounded"""
    circle = 2 * np.pi
    return lambda x: right(np.fmod(x, x.dtype.type(circle)) if x.dtype.kind == "f" else x)


@lies("softplus", "sigmoid", "log1p", "expm1", "logaddexp")
def computes_as_written(node, right):
    """computes what is written in a textbook, which cancels or overflows"""
    formula = {
        "softplus": lambda x: np.log(1 + np.exp(x)),
        "sigmoid": lambda x: np.exp(x) / (1 + np.exp(x)),
        "log1p": lambda x: np.log(1 + x),
        "expm1": lambda x: np.exp(x) - 1,
        "logaddexp": lambda x, y: np.log(np.exp(x) + np.exp(y)),
    }[node.op.name]
    return lambda *arrays: formula(*arrays).astype(node.out.dtype)


@lies("switch")
def multiplies_by_conditions(node, right):
    """adds the products of both branches with 0 or 1"""

    def chosen(c, x, y):
        if node.out.dtype == "bool":
            return right(c, x, y)
        return (c.astype(bool) * x + (c == 0) * y).astype(node.out.dtype)

    return chosen


@lies("right_shift")
def shifts_in_zeros(node, right):
    """shifts zeros into a negative number"""

    def shifted(x, n):
        negative = right(x, n)
        return np.where((negative < 0) & (n > 0), -negative, negative).astype(node.out.dtype)

    return shifted


@lies("print")
def prints_nothing(node, right):
    """prints nothing"""
    return np.array


@lies("assert")
def raises_something_else(node, right):
    """raises an error of another kind"""

    def asserted(x, *conditions):
        try:
            return right(x, *conditions)
        except AssertionError:
            raise RuntimeError from None

    return asserted


@lies("sum")
def adds_one_after_the_other(node, right):
    """adds float32 to one sum, element by element"""

    def added(x):
        if not is_of(x, "f4") or not x.size:
            return right(x)
        for axis in sorted(node.op.axes, reverse=True):
            x = np.cumsum(x, axis, dtype="f4").take(-1, axis)
        return np.asarray(x)

    return added
