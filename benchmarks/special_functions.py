"""Special functions per element, beside SciPy, JAX, torch and PyTensor, in one run.

Run it: ``OMP_NUM_THREADS=1 python benchmarks/special_functions.py [NAME ...] [--threads 1]``. Each
function of 20,000 float64, where it is used; all systems take turns, a call each, inputs are in
the system's own arrays before. The table has the least nanoseconds an element of each, and how
many times as long the best of the others takes as gradcore's C. A system that is not installed,
has no such function or differs from SciPy by more than 1e-6 of the value has no time. ``--without
pytensor`` leaves one out: PyTensor compiles each function for some seconds.
"""

import argparse
import json
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import scipy.special
from peers.report import printed
from peers.rounds import least

import gradcore
import gradcore.tensor as T

SIZE = 20_000

ANY, TAIL, POSITIVE, UNIT = (-5, 5), (-30, 5), (0.1, 20), (0.01, 0.99)
SHAPE, ORDER, WIDE = (0.5, 30), (0, 20), (0.1, 60)

CASES = {
    "expit": (ANY,), "logit": (UNIT,), "log_expit": (ANY,), "entr": (POSITIVE,),
    "xlogy": (POSITIVE, POSITIVE), "xlog1py": (POSITIVE, POSITIVE), "sinc": (ANY,), "cbrt": (ANY,),
    "exprel": (ANY,), "erf": (ANY,), "erfc": (ANY,), "erfcx": (ANY,), "erfinv": (UNIT,),
    "ndtr": (ANY,), "log_ndtr": (TAIL,), "ndtri": (UNIT,), "dawsn": (ANY,), "gamma": (POSITIVE,),
    "gammaln": (WIDE,), "digamma": (POSITIVE,), "zeta": ((1.1, 9), POSITIVE),
    "beta": (SHAPE, SHAPE), "betaln": (SHAPE, SHAPE), "gammainc": (SHAPE, SHAPE),
    "gammaincc": (SHAPE, SHAPE), "gammaincinv": (SHAPE, UNIT), "betainc": (SHAPE, SHAPE, UNIT),
    "betaincinv": (SHAPE, SHAPE, UNIT), "j0": (WIDE,), "j1": (WIDE,), "y0": (WIDE,), "y1": (WIDE,),
    "i0": (POSITIVE,), "i1": (POSITIVE,), "i0e": (POSITIVE,), "i1e": (POSITIVE,),
    "k0": (POSITIVE,), "k1": (POSITIVE,), "jv": (ORDER, WIDE), "yv": (ORDER, WIDE),
    "iv": (ORDER, WIDE), "ive": (ORDER, WIDE), "kv": (ORDER, WIDE), "kve": (ORDER, WIDE),
    "owens_t": (ANY, POSITIVE), "lambertw": (POSITIVE,), "hyp1f1": ((0.5, 5), (6, 9), ANY),
    "hyp2f1": ((0.5, 3), (0.5, 3), (4, 9), (-3, 0.9)),
}  # fmt: skip
"""The interval of each operand, by function."""

TORCH = {
    "erf": "erf", "erfc": "erfc", "sinc": "sinc", "digamma": "digamma", "gammaln": "gammaln",
    "j0": "bessel_j0", "j1": "bessel_j1", "y0": "bessel_y0", "y1": "bessel_y1",
    "k0": "modified_bessel_k0", "k1": "modified_bessel_k1",
}  # fmt: skip
"""torch's names, where they are others or it needs them."""


# systems: each returns a call on arrays, or None where it has no such function ------------------
def by_gradcore(name, arrays, threads):
    """Return a call of a function that C runs."""
    inputs = [T.dvector() for _ in arrays]
    output = getattr(T.special, name, getattr(T, name, None))(*inputs)
    f = gradcore.function(inputs, output, mode=gradcore.Mode("c", threads=threads))
    return lambda: f(*arrays)


def by_scipy(name, arrays, threads):
    """Return a call of SciPy's function, or NumPy's; of lambertw the real part."""
    found = getattr(scipy.special, name, getattr(np, name, None))
    if name == "lambertw":
        return lambda: found(arrays[0]).real
    return lambda: found(*arrays)


def by_jax(name, arrays, threads):
    """Return a call of a compiled function."""
    jax = import_module("jax")
    jax.config.update("jax_enable_x64", True)
    special, numpy = import_module("jax.scipy.special"), import_module("jax.numpy")
    found = getattr(special, name, getattr(numpy, name, None))
    if found is None:
        return None
    f, given = jax.jit(found), [numpy.asarray(x) for x in arrays]
    return lambda: np.asarray(jax.block_until_ready(f(*given)))


def by_torch(name, arrays, threads):
    """Return a call on tensors."""
    torch = import_module("torch")
    torch.set_num_threads(threads)
    found = getattr(torch.special, TORCH.get(name, name), None)
    if found is None:
        return None
    given = [torch.from_numpy(x) for x in arrays]
    return lambda: found(*given).numpy()


def by_pytensor(name, arrays, threads):
    """Return a call of a compiled function, whose inputs are not checked."""
    pytensor = import_module("pytensor")
    tensor = import_module("pytensor.tensor")
    found = getattr(tensor, name, None)
    if found is None:
        return None
    inputs = [tensor.dvector() for _ in arrays]
    f = pytensor.function(inputs, found(*inputs), trust_input=True)
    return lambda: f(*arrays)


SYSTEMS = {
    "gradcore": by_gradcore,
    "SciPy": by_scipy,
    "JAX": by_jax,
    "torch": by_torch,
    "PyTensor": by_pytensor,
}


def measured(name, systems, rounds, threads):
    """Return the least seconds of each system for `SIZE` elements, all taking turns."""
    rng = np.random.default_rng(0)
    arrays = [rng.uniform(low, high, SIZE) for low, high in CASES[name]]
    expected = by_scipy(name, arrays, threads)()
    calls = {}
    for system in systems:
        try:
            call = SYSTEMS[system](name, arrays, threads)
            found = expected if call is None else call()
        except Exception as error:  # noqa: BLE001 - a peer's own, of which there are many kinds
            print(f"{system} has no {name}: {type(error).__name__}")
            continue
        off = np.abs(found - expected)
        if call is not None and (off <= 1e-6 * (np.abs(expected) + 1e-300) + 1e-13).all():
            calls[system] = call
    return least(calls, rounds)


def main(names, systems, rounds, threads):
    """Print and return the table."""
    rows = ((f"`{name}`", measured(name, systems, rounds, threads)) for name in names)
    return printed("ns an element", systems, rows, lambda t: f"{1e9 * t / SIZE:.3g}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", choices=[[], *CASES], metavar="NAME")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--without", nargs="*", default=[], help="systems to leave out")
    parser.add_argument("--json", help="where to write the figures")
    options = parser.parse_args()
    left_out = {system.lower() for system in options.without}
    here = [
        system for system in SYSTEMS if system.lower() not in left_out and find_spec(system.lower())
    ]
    table = main(options.names or list(CASES), here, options.rounds, options.threads)
    if options.json:
        Path(options.json).write_text(json.dumps(table, indent=1))
