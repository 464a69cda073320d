"""Compiles kernels where there is no device, to learn whether they compile: NVRTC, or nvcc.

NVRTC comes from PyPI (``nvidia-cuda-nvrtc-cu12``) and needs neither a driver nor a device.  With
``GRADCORE_CUDA_CHECK`` set to "nvrtc" or "nvcc", the runtime "host" compiles all kernels with it.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gradcore.errors import CompileError, UnavailableError

FLAGS = ("--fmad=false", "-arch=compute_80")
"""What kernels are compiled with here."""


@functools.cache
def _nvrtc() -> Any:
    """Return NVRTC as PyPI has it, or None."""
    spec = importlib.util.find_spec("nvidia")
    for folder in (spec and spec.submodule_search_locations) or ():
        for path in sorted(Path(folder, "cuda_nvrtc", "lib").glob("libnvrtc.so*")):
            if "alt" not in path.name:
                return ctypes.CDLL(str(path))
    return None


def compilers() -> Sequence[str]:
    """Return what there is to compile with: "nvrtc", "nvcc"."""
    found = ["nvrtc"] if _nvrtc() is not None else []
    return [*found, "nvcc"] if shutil.which("nvcc") else found


def check(text: str, compiler: str | None = None) -> None:
    """Compile kernels, and forget them.

    compiler : one of `compilers`; None: the first.

    Raises CompileError: they do not compile.  UnavailableError: there is nothing to compile with.
    """
    known = compilers()
    if not known:
        raise UnavailableError(
            "there is neither NVRTC nor nvcc here", fix="pip install nvidia-cuda-nvrtc-cu12"
        )
    said = (_by_nvrtc if (compiler or known[0]) == "nvrtc" else _by_nvcc)(text)
    if said is not None:
        raise CompileError(f"kernels do not compile:\n{said}\n{text}")


def _by_nvrtc(text: str) -> str | None:
    """Return what NVRTC reports on a unit that it does not compile; None: it does."""
    nvrtc, program = _nvrtc(), ctypes.c_void_p()
    source = text.encode()
    nvrtc.nvrtcCreateProgram(ctypes.byref(program), source, b"kernels.cu", 0, None, None)
    flags = [flag.encode() for flag in (*FLAGS, "--device-int128", "-w")]
    failed = nvrtc.nvrtcCompileProgram(program, len(flags), (ctypes.c_char_p * len(flags))(*flags))
    said = None
    if failed:
        size = ctypes.c_size_t()
        nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
        log = ctypes.create_string_buffer(size.value)
        nvrtc.nvrtcGetProgramLog(program, log)
        said = log.value.decode(errors="replace")
    nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
    return said


def _by_nvcc(text: str) -> str | None:
    """Return what nvcc reports on a unit that it does not compile; None: it does."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "kernels.cu")
        path.write_text(text, encoding="utf-8")
        command = ["nvcc", *FLAGS, "-w", "-ptx", str(path), "-o", str(path.with_suffix(".ptx"))]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - the user's own compiler
    return None if done.returncode == 0 else done.stderr
