"""Fourier transforms, the gradient of a convolution, and complex products, beside the peers.

Run it: ``OMP_NUM_THREADS=1 python benchmarks/fourier.py [--rounds 30] [--threads 1]``.  Transforms
of one and two axes; the gradient, by image and kernel, of ``sum(tanh(convolved) ** 2)``, where an
image is convolved with a kernel of its size by ``rfft2`` and ``irfft2``; and a product of complex
matrices.  All systems take turns, a call each, with inputs in their own arrays; the table has the
least milliseconds of each, and how many times as long the best of the others takes as gradcore's C.
The values are compared.  gradcore knows the
shapes, as JAX does; SciPy's gradient is written by hand: five transforms.
"""

import argparse
import json
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import scipy.fft
from peers.report import printed
from peers.rounds import least

import gradcore
import gradcore.tensor as T


def cost_of(x, k, rfft2, irfft2, tanh, n):
    """Return the cost of an image and a kernel, in the functions of a system."""
    convolved = irfft2(rfft2(x) * rfft2(k), (n, n))
    return (tanh(convolved) ** 2).sum()


# systems ----------------------------------------------------------------------------------------
def by_gradcore(case, arrays, threads):
    """Return a call of a function that C runs."""
    mode = gradcore.Mode("c", threads=threads)
    inputs = [T.tensor(f"x{i}", x.dtype.name, x.shape) for i, x in enumerate(arrays)]
    if case == "convolution":
        n = arrays[0].shape[0]
        cost = cost_of(*inputs, T.fft.rfft2, T.fft.irfft2, T.tanh, n)
        f = gradcore.function(inputs, [cost, *T.grad(cost, inputs)], mode=mode)
    elif case == "product":
        f = gradcore.function(inputs, [inputs[0] @ inputs[1]], mode=mode)
    else:
        f = gradcore.function(inputs, [getattr(T.fft, case)(*inputs)], mode=mode)
    return lambda: f(*arrays)


def by_scipy(case, arrays, threads):
    """Return a call of SciPy, and of what one writes by hand for a gradient."""
    if case == "product":
        return lambda: [arrays[0] @ arrays[1]]
    if case != "convolution":
        return lambda: [getattr(scipy.fft, case)(*arrays)]
    x, k = arrays

    def value_and_gradient():
        image, kernel = scipy.fft.rfft2(x), scipy.fft.rfft2(k)
        bent = np.tanh(scipy.fft.irfft2(image * kernel, x.shape))
        slope = scipy.fft.rfft2(2 * bent * (1 - bent**2))
        by_image = scipy.fft.irfft2(slope * kernel.conj(), x.shape)
        return [(bent**2).sum(), by_image, scipy.fft.irfft2(slope * image.conj(), x.shape)]

    return value_and_gradient


def by_jax(case, arrays, threads):
    """Return a call of a compiled function."""
    jax, jnp = import_module("jax"), import_module("jax.numpy")
    jax.config.update("jax_enable_x64", True)
    given = [jnp.asarray(x) for x in arrays]
    if case == "convolution":
        n = arrays[0].shape[0]

        def cost(x, k):
            return cost_of(x, k, jnp.fft.rfft2, jnp.fft.irfft2, jnp.tanh, n)

        slopes = jax.jit(jax.value_and_grad(cost, (0, 1)))

        def f(*operands):
            value, gradient = slopes(*operands)
            return [value, *gradient]

    elif case == "product":
        f = jax.jit(lambda a, b: [a @ b])
    else:
        f = jax.jit(lambda z: [getattr(jnp.fft, case)(z)])
    return lambda: [np.asarray(x) for x in jax.block_until_ready(f(*given))]


def by_torch(case, arrays, threads):
    """Return a call on tensors, through autograd for a gradient."""
    torch = import_module("torch")
    torch.set_num_threads(threads)
    given = [torch.from_numpy(x) for x in arrays]
    if case == "product":
        return lambda: [(given[0] @ given[1]).numpy()]
    if case != "convolution":
        return lambda: [getattr(torch.fft, case)(*given).numpy()]
    n = arrays[0].shape[0]
    for x in given:
        x.requires_grad_()

    def value_and_gradient():
        cost = cost_of(*given, torch.fft.rfft2, torch.fft.irfft2, torch.tanh, n)
        return [cost.item(), *(x.numpy() for x in torch.autograd.grad(cost, given))]

    return value_and_gradient


SYSTEMS = {"gradcore": by_gradcore, "SciPy": by_scipy, "JAX": by_jax, "torch": by_torch}

CASES = (
    ("fft", (1024,), "complex128"), ("fft", (131_072,), "complex128"),
    ("fft", (131_072,), "complex64"), ("rfft", (131_072,), "float64"),
    ("fft2", (256, 256), "complex128"), ("fft2", (256, 256), "complex64"),
    ("rfft2", (256, 256), "float64"), ("convolution", (64, 64), "float64"),
    ("convolution", (256, 256), "float64"), ("convolution", (256, 256), "float32"),
    ("product", (256, 256), "complex128"), ("product", (256, 256), "complex64"),
)  # fmt: skip
"""What is done, the shape of the operands and their dtype."""


def measured(case, shape, dtype, rounds, threads):
    """Return the least seconds of each system, all taking turns; refuse other values."""
    rng = np.random.default_rng(0)
    count = 2 if case in ("convolution", "product") else 1
    arrays = [rng.normal(size=shape) / shape[0] ** 0.25 for _ in range(count)]
    if dtype.startswith("complex"):
        arrays = [x + 1j * rng.normal(size=shape) for x in arrays]
    arrays = [np.ascontiguousarray(x, dtype) for x in arrays]
    if case == "convolution":
        arrays[1] /= shape[0]
    calls = {
        name: made(case, arrays, threads)
        for name, made in SYSTEMS.items()
        if name in ("gradcore", "SciPy") or find_spec(name.lower())
    }
    found = {name: call() for name, call in calls.items()}
    near = 1e-9 if dtype in ("float64", "complex128") else 2e-4
    for name, values in found.items():
        for x, y in zip(values, found["SciPy"], strict=True):
            most = float(np.abs(y).max())
            np.testing.assert_allclose(x, y, rtol=near, atol=near * most, err_msg=name)
    return least(calls, rounds)


def main(rounds, threads, cases=CASES):
    """Print and return the table."""
    rows = (
        (
            f"{case}, {' x '.join(map(str, shape))}, {dtype}",
            measured(case, shape, dtype, rounds, threads),
        )
        for case, shape, dtype in cases
    )
    return printed("work", SYSTEMS, rows, lambda seconds: f"{seconds * 1e3:.3g} ms")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", help="where to write the seconds")
    options = parser.parse_args()
    table = main(options.rounds, options.threads)
    if options.json:
        Path(options.json).write_text(json.dumps(table, indent=1))
