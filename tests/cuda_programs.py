"""Programs whose texts for CUDA are in golden files, and what tests of these texts ask."""

import re

import golden_files
from golden_files import M, N, v

import gradcore
import gradcore.tensor as T
from gradcore import Mode

HOST = Mode("cuda", runtime="host")


def full_sum():
    return [M], T.sqrt(T.sum(M**2))


def total_and_difference_of_columns():
    """The sums of columns are combined after the total is, and read after that."""
    columns = T.sum(M, axis=0)
    return [M], [T.sum(M**2), columns[1] - columns[0]]


def layer_norm_gradient():
    centred = M - M.mean(axis=1, keepdims=True)
    normal = centred / T.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)
    return [M, v], T.grad(T.sum(T.tanh(normal * v)), [M, v])


def cumulative_sums():
    return [M], [T.cumsum(M, axis=0), T.cumsum(M, axis=1)]


def cumulative_rows():
    return [M, v], [T.cumsum(T.exp(M), axis=1), T.cumsum(v), T.cumprod(v)]


def cumulative_loss():
    total = T.sum(T.cumsum(T.exp(v)) ** 2)
    return [v], [total, T.grad(total, v)]


def transposed():
    return [M, v], M.T * v[:, None]


def elements_through_time():
    decayed, last = gradcore.scan(
        lambda m, a, b: [T.tanh(m + 0.5 * a * v), b + a],
        sequences=M.dimshuffle(0, "x", 1),
        outputs_info=[N, N],
    )[0]
    return [M, N, v], [decayed, last[-1]]


def scatter_in_any_order():
    return golden_files.gather_and_scatter()


PROGRAMS = [
    *golden_files.PROGRAMS, full_sum, total_and_difference_of_columns, layer_norm_gradient,
    cumulative_sums, cumulative_rows, cumulative_loss, transposed, elements_through_time,
    scatter_in_any_order,
]  # fmt: skip


def host_mode(program, **options):
    if program is scatter_in_any_order:
        options["deterministic"] = False
    return Mode("cuda", runtime="host", **options)


def own_text(source):
    """Return the host program and the kernels, without what comes before all kernels."""
    program, _, kernels = source.partition("/* ")
    where = re.search(r"^GC_KERNEL ", kernels, re.MULTILINE)
    return f"{program.strip()}\n\n{kernels[where.start() :]}"


def listed(results):
    """Return the results of a function, one or several, as a list."""
    return results if isinstance(results, list) else [results]
