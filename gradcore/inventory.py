"""What is installed and works here: the backends, and what a bug report needs."""

from __future__ import annotations

import contextlib
import os
import pkgutil
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from gradcore.backend import Backend
from gradcore.cache import default_store
from gradcore.compile.legalize import Legalizer
from gradcore.config import Config, config
from gradcore.conformance.samples import operands, row_samples
from gradcore.errors import CacheError
from gradcore.graph import Apply, Op
from gradcore.ops.elementwise import Elementwise
from gradcore.plugins import registry
from gradcore.plugins.faults import running


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


VARIABLES = ("CC", "CUDA_VISIBLE_DEVICES", "JAX_ENABLE_X64", "JAX_PLATFORMS", "OMP_NUM_THREADS")
"""Variables of the environment that matter, beside those that begin with ``GRADCORE_``."""


def report() -> dict[str, str]:
    """Return what a bug report needs, by name.

    >>> import gradcore
    >>> from gradcore.inventory import report
    >>> found = report()
    >>> found["numpy"] == np.__version__, "backend c" in found, "environment" in found
    (True, True, True)
    """
    compilers = [name for name in ("cc", "gcc", "clang") if shutil.which(name)]
    named = (name for name in sorted(os.environ) if name.startswith("GRADCORE_"))
    given = [f"{name}={os.environ[name]}" for name in (*named, *VARIABLES) if name in os.environ]
    found = {
        "gradcore": f"{version('gradcore')} ({Path(__file__).parent})",
        "python": f"{platform.python_version()} ({sys.executable})",
        "platform": f"{platform.platform()}, {os.cpu_count()} cores",
        "processor": _processor(),
        **{name: version(name) for name in ("numpy", "scipy", "pluggy")},
        "BLAS of scipy": _blas(),
        "C compilers": ", ".join(compilers) or "none",
        "cache": _cache(),
        "environment": ", ".join(given) or "nothing is set",
        "config": ", ".join(f"{name}={getattr(config, name)!r}" for name in Config.__annotations__),
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


def _processor() -> str:
    """Return its name, and how many of its cores this process may use."""
    name = platform.processor() or platform.machine()
    with contextlib.suppress(OSError), Path("/proc/cpuinfo").open(encoding="utf-8") as file:
        lines = (line.partition(":") for line in file)
        name = next((text.strip() for what, _, text in lines if what.strip() == "model name"), name)
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{name}, {usable} cores are usable"


def _blas() -> str:
    """Return what SciPy was built with."""
    show_config: Any = pkgutil.resolve_name("scipy:show_config")  # SciPy declares no types
    built = show_config(mode="dicts")
    blas = built.get("Build Dependencies", {}).get("blas", {})
    return f"{blas.get('name', 'unknown')} {blas.get('version', '')}".strip()


def _cache() -> str:
    """Return where compiled code is, and how much, or why it cannot be."""
    try:
        info = default_store().info()
    except CacheError as error:
        return str(error).replace("\n", "; ")
    return f"{info.folder}, {info.entries} entries, {info.size / 1e6:.0f} MB"
