"""CuPy, loaded when it is first asked for, and why it cannot be used here.

The decision: what prevents CUDA from running is distinguished as finely as its remedies differ (no
CuPy, no driver, an old driver, no device, no compiler), since each needs another command.
Rejected: handing CUDA's own message on, which for a machine without a driver is that its version is
insufficient.
"""

from __future__ import annotations

import functools
import importlib
import os
from typing import Any

INSTALL = (
    "pip install 'gradcore[cuda]' for CUDA 12, or the CuPy of your CUDA: pip install cupy-cuda13x, "
    "pip install cupy-cuda11x, conda install -c conda-forge cupy"
)

NO_DEVICE = 100
"""cudaErrorNoDevice."""


@functools.cache
def found() -> Any:
    """Return CuPy, of any type: it need not be installed where types are checked.

    Raises ImportError: it is not installed, or does not load.
    """
    return importlib.import_module("cupy")


def backends(name: str) -> Any:
    """Return a module of CuPy's thin layer over CUDA, such as ``"libs.nvrtc"``."""
    return importlib.import_module(f"cupy_backends.cuda.{name}")


def unavailable() -> str | None:
    """Return what prevents CUDA from running here and what to do about it, or None."""
    try:
        cupy = found()
    except ModuleNotFoundError as error:
        if error.name == "cupy":
            return f"CuPy is not installed: {INSTALL}"
        return f"CuPy cannot be imported: {error}; {INSTALL}"
    except Exception as error:  # noqa: BLE001 - a library that is missing shows in many ways
        return f"CuPy cannot be imported: {_first_line(error)}; {INSTALL}"
    return no_device(cupy.cuda.runtime) or no_compiler()


def no_device(runtime: Any) -> str | None:
    """Return why there is no device to run on, or None.

    runtime : CUDA's runtime, as CuPy gives it.
    """
    if runtime.is_hip:
        return f"this CuPy is built for ROCm, not for CUDA: {INSTALL}"
    try:
        count = runtime.getDeviceCount()
    except runtime.CUDARuntimeError as error:
        if error.status != NO_DEVICE:
            return _no_driver(runtime, error)
        count = 0
    if count:
        return None
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    hidden = "" if visible is None else f" (CUDA_VISIBLE_DEVICES is {visible!r})"
    return (
        f"the NVIDIA driver finds no device{hidden}: nvidia-smi lists those of this machine; in a "
        "container, start it with --gpus all; if CUDA_VISIBLE_DEVICES hides them, unset it"
    )


def _no_driver(runtime: Any, error: Exception) -> str:
    """Return why the driver does not answer."""
    try:
        supported, wanted = runtime.driverGetVersion(), runtime.runtimeGetVersion()
    except runtime.CUDARuntimeError:
        supported, wanted = 0, 0
    if not supported:
        return (
            "there is no NVIDIA driver here: install it (Debian: apt install nvidia-driver; "
            "Ubuntu: ubuntu-drivers install); in a container, start it with --gpus all"
        )
    if supported < wanted:
        return (
            f"the NVIDIA driver is too old: it runs CUDA {version_of(supported)}, and this CuPy "
            f"is built for {version_of(wanted)}; update the driver, or install the CuPy of "
            f"CUDA {version_of(supported)}"
        )
    return f"CUDA does not start: {_first_line(error)}; nvidia-smi may tell more"


def no_compiler() -> str | None:
    """Return why NVRTC, which compiles kernels, cannot be loaded, or None."""
    try:
        backends("libs.nvrtc").getVersion()
    except Exception as error:  # noqa: BLE001 - a library that is missing shows in many ways
        return (
            f"NVRTC, which compiles kernels, cannot be loaded: {_first_line(error)}; "
            "pip install nvidia-cuda-nvrtc-cu12, or install the CUDA toolkit"
        )
    return None


def version_of(number: int) -> str:
    """Return a version of CUDA as it is written: 12.9 for 12090."""
    return f"{number // 1000}.{number % 1000 // 10}"


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
