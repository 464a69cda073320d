"""How a case is built for gradcore, for torch (eager, compiled) and for JAX."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

import numpy as np
from peers import gradcore as words
from peers import theano

import gradcore
import gradcore.tensor as T


@dataclass(frozen=True)
class Built:
    """A case, built for a system.

    call : gives a call to the device; returns its results, not waited for.
    arrays : the arguments, on the device.
    wait : waits for results.
    numpy : a result as an array of NumPy.
    """

    call: Callable
    arrays: tuple
    wait: Callable
    numpy: Callable = np.asarray


def listed(results):
    """Return results as a list."""
    return list(results) if isinstance(results, (tuple, list)) else [results]


def built_gradcore(case, inputs, runtime):
    """Return a case in mode "cuda"."""
    made = getattr(theano, case.name)(words.WORDS, T, *case.sizes)
    if runtime == "host":
        f = gradcore.function(*made, mode=gradcore.Mode("cuda", runtime="host"))
        return Built(f, inputs, lambda results: None)
    cupy = import_module("cupy")
    f = gradcore.function(*made, mode="cuda")
    return Built(
        f, tuple(map(cupy.asarray, inputs)),
        lambda results: cupy.cuda.get_current_stream().synchronize(), cupy.asnumpy,
    )  # fmt: skip


def built_torch(case, inputs, kind, device):
    """Return a case in torch."""
    torch = import_module("torch")
    program = import_module("peers.torch").build(case, inputs, kind, device)
    wait = torch.cuda.synchronize if device == "cuda" else (lambda: None)
    return Built(
        program.call, tuple(program.take(*inputs)), lambda results: wait(),
        lambda t: t.detach().cpu().numpy(),
    )  # fmt: skip


def built_jax(case, inputs):
    """Return a case in JAX, on its default device."""
    jax = import_module("jax")
    peer = import_module("peers.jax")
    function = peer._function(case.name, case.sizes)  # noqa: SLF001 - the peer's own
    compiled = jax.jit(lambda *arrays: peer._flat(function(*arrays)))  # noqa: SLF001 - the same
    arrays = tuple(jax.device_put(a) for a in inputs)
    return Built(compiled, arrays, jax.block_until_ready)


def systems(runtime):
    """Return what builds a case, by name, and a sentence for each system that is left out."""
    device = "cpu" if runtime == "host" else "cuda"
    found = {"gradcore": lambda case, inputs: built_gradcore(case, inputs, runtime)}
    skipped = []
    for package in ("torch", "jax"):
        try:
            version(package)
            library = import_module(package)
        except (PackageNotFoundError, ImportError) as error:
            skipped.append(f"{package}: it is not installed ({error})")
            continue
        if package == "torch":
            if device == "cuda" and not library.cuda.is_available():
                skipped.append("torch: this build sees no CUDA device")
                continue
            for name, kind in (("torch", "eager"), ("torch.compile", "compile")):
                if not (runtime == "host" and kind == "compile"):
                    found[name] = lambda case, inputs, kind=kind: built_torch(
                        case, inputs, kind, device
                    )
            if runtime == "host":
                skipped.append(
                    "torch.compile: it takes long to compile, and times mean nothing here"
                )
        else:
            if device == "cuda" and library.default_backend() != "gpu":
                skipped.append("JAX: this build sees no CUDA device")
                continue
            found["JAX"] = built_jax
    return found, skipped
