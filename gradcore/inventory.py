"""What is installed and works here: the backends, and what a bug report needs."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np

from gradcore.backend import Backend
from gradcore.compile.legalize import Legalizer
from gradcore.config import Config, config
from gradcore.conformance.samples import operands, row_samples
from gradcore.graph import Apply, Op
from gradcore.ops.elementwise import Elementwise
from gradcore.plugins import registry
from gradcore.plugins.faults import running
from gradcore.plugins.sources import VARIABLE


@dataclass(frozen=True)
class BackendInfo:
    """What is known of a backend.

    name : what ``mode=`` calls it.
    version : that of what it runs on.
    reason : why it cannot run here, and what to do; None: it can.
    devices : what it can run on here.
    dtypes : the dtypes that it knows.
    covered, ops : how many of all ops it has.

    >>> import gradcore, gradcore.tensor as T
    >>> (numpy,) = (b for b in gradcore.backends() if b.name == "numpy")
    >>> numpy.reason, numpy.devices, numpy.covered == numpy.ops
    (None, ('cpu',), True)
    """

    name: str
    version: str
    reason: str | None
    devices: tuple[str, ...]
    dtypes: tuple[str, ...]
    covered: int
    ops: int

    @property
    def available(self) -> bool:
        """Whether it can run here."""
        return self.reason is None


def backends() -> list[BackendInfo]:
    """Return what is known of each backend that is installed, by name.

    >>> import gradcore
    >>> [b.name for b in gradcore.backends() if b.available and b.covered == b.ops][-1]
    'numpy'
    """
    names = sorted(registry().contributed)
    ready = [registry().backend(name) for name in names]  # may leave a plugin out: ops come after
    nodes = [list(_nodes(op)) for op in registry().ops]
    return [_info(backend, nodes) for backend in ready]


def _info(backend: Backend, nodes: list[list[Apply]]) -> BackendInfo:
    """Return what a backend says of itself; what it raises is why it does not work here."""
    reasons: list[str] = []
    with running(registry().owners.get(backend.name), reasons.append):
        return _asked(backend, nodes)
    reason = f"it cannot be asked: {reasons[0]}"
    return BackendInfo(backend.name, "", reason, (), (), 0, len(nodes))


def _asked(backend: Backend, nodes: list[list[Apply]]) -> BackendInfo:
    reason = backend.unavailable()
    if reason is not None:
        return BackendInfo(backend.name, "", reason, (), (), 0, len(nodes))
    runs = Legalizer(backend).runs
    has = [all(map(runs, of_op)) for of_op in nodes]
    return BackendInfo(
        backend.name,
        backend.version(),
        None,
        tuple(backend.devices()),
        tuple(sorted(backend.dtypes)),
        sum(has),
        len(nodes),
    )


def _nodes(op: Op | type[Op]) -> Iterator[Apply]:
    """Yield nodes of an op, for every sample that it declares."""
    rng = np.random.default_rng(0)
    samples = row_samples(op) if isinstance(op, Elementwise) else op.samples()
    for sample in samples:
        variables, _ = operands(sample, rng)
        yield sample.op.make_node(*variables)


def report() -> dict[str, str]:
    """Return what a bug report needs, by name."""
    compilers = [name for name in ("cc", "gcc", "clang") if shutil.which(name)]
    found = {
        "gradcore": version("gradcore"),
        "python": f"{platform.python_version()} ({sys.executable})",
        "platform": f"{platform.platform()}, {os.cpu_count()} cores",
        **{name: version(name) for name in ("numpy", "scipy", "pluggy")},
        "C compilers": ", ".join(compilers) or "none",
        "config": ", ".join(f"{name}={getattr(config, name)!r}" for name in Config.__annotations__),
        **{name: os.environ.get(name, "not set") for name in ("GRADCORE_FLAGS", VARIABLE)},
    }
    for backend in backends():
        found[f"backend {backend.name}"] = (
            f"{backend.version}, {backend.covered} of {backend.ops} ops"
            f" on {', '.join(backend.devices)}"
            if backend.available
            else f"unavailable: {backend.reason}"
        )
    for gone in registry().disabled:
        where = gone.source.distribution or "registered by hand"
        found[f"plugin {gone.source.name}"] = f"disabled ({where}): {gone.reason}"
    return found
