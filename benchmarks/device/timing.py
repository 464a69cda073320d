"""The seconds that a call takes on a device, and whether what it returns is right.

A time is that of many calls that are given to the device one after another and waited for once, the
least of several rounds; results are compared with NumPy's in double precision, on small arrays, and
with one another on the large ones.
"""

from importlib import import_module
from time import perf_counter

import numpy as np
from peers import gradcore as words
from peers import numpy as by_hand
from peers import theano
from peers.rounds import difference

import gradcore
import gradcore.tensor as T
from device.systems import listed

TOLERANCE = {"float32": 2e-3, "float64": 1e-8}
"""How far results may be from the reference, as a share of its largest element."""


# results ----------------------------------------------------------------------------------------
def reference(case, inputs):
    """Return NumPy's results in double precision, by hand or by gradcore's own reference."""
    exact = [a.astype("float64") if a.dtype == "float32" else a for a in inputs]
    if hasattr(by_hand, case.name):
        return listed(by_hand.build(case, exact).call(*exact))
    made = getattr(theano, case.name)(words.WORDS, T, *case.sizes)
    return listed(gradcore.function(*made, mode="numpy")(*inputs))


# times ------------------------------------------------------------------------------------------
def per_call(built, seconds, rounds):
    """Return the seconds a call takes: many are given, and waited for once."""
    start = perf_counter()
    built.wait(built.call(*built.arrays))
    once = perf_counter() - start
    calls = max(1, min(1000, int(seconds / max(once, 1e-6))))
    best = once
    for _ in range(rounds):
        start = perf_counter()
        for _ in range(calls):
            results = built.call(*built.arrays)
        built.wait(results)
        best = min(best, (perf_counter() - start) / calls)
    return best


def overhead(built, calls=200):
    """Return the seconds that Python takes to give a call to the device."""
    best = float("inf")
    for _ in range(20):
        built.wait(built.call(*built.arrays))
        start = perf_counter()
        for _ in range(calls):
            results = built.call(*built.arrays)
        best = min(best, (perf_counter() - start) / calls)
        built.wait(results)
    return best


def copy_bandwidth(runtime, quick):
    """Return the bytes a second of a copy on the device: those read and those written."""
    size = 2**20 if quick else 2**30
    if runtime == "host":
        source = np.ones(size, np.uint8)
        target = np.empty_like(source)
        work, wait = lambda: np.copyto(target, source), lambda: None
    else:
        cupy = import_module("cupy")
        source = cupy.ones(size, "uint8")
        target = cupy.empty_like(source)
        stream = cupy.cuda.get_current_stream()
        work = lambda: target.data.copy_from_device_async(source.data, size)  # noqa: E731 - as above
        wait = stream.synchronize
    best = float("inf")
    for _ in range(10):
        wait()
        start = perf_counter()
        for _ in range(10):
            work()
        wait()
        best = min(best, (perf_counter() - start) / 10)
    return 2 * size / best


def timed(case, builders, quick, bandwidth):
    """Return a case's row: times, what is wrong, the share of the bandwidth."""
    row = {"title": "", "aim": case.aim, "times": {}, "wrong": {}, "share": None}
    small = case.drawn(small=True)
    dtype = "float32" if any(a.dtype == "float32" for a in small) else "float64"
    right = reference(case, small)
    inputs = small if quick else case.drawn(small=False)
    row["title"] = case.title.format(*(case.small if quick else case.large))
    first = None
    for name, build in builders.items():
        try:
            built = build(case, small)
            results = listed(built.call(*built.arrays))
            off = difference([built.numpy(r) for r in results], right, TOLERANCE[dtype])
            if off is None and not quick:
                built = build(case, inputs)
                results = [built.numpy(r) for r in listed(built.call(*built.arrays))]
                first = results if first is None else first
                off = difference(results, first, TOLERANCE[dtype])
        except Exception as error:  # noqa: BLE001 - of any library; the table says so
            off = (f"{type(error).__name__}: {error}".split("\n")[0])[:160].rstrip(": ")
        if off is not None:
            row["wrong"][name] = off
            continue
        row["times"][name] = per_call(built, *((0.01, 2) if quick else (0.3, 7)))
        if case.name == "call_scalar":
            row.setdefault("overhead", {})[name] = overhead(built, 10 if quick else 200)
    if case.moved is not None and "gradcore" in row["times"]:
        row["share"] = case.moved(inputs) / row["times"]["gradcore"] / bandwidth
    return row
