"""NVRTC, which compiles kernels."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gradcore.errors import CompileError
from gradcore_cuda.target import GpuTarget

REGISTERS = 65536
"""Registers of a processor (hardware), which the threads of a block share."""


def flags_for(target: GpuTarget) -> tuple[str, ...]:
    """Return what kernels are compiled with.

    That is: no contraction, IEEE's division and roots, and registers for the blocks that the target
    allows.
    """
    most = REGISTERS // target.block_threads
    return ("--std=c++17", "--fmad=false", f"--maxrregcount={most}", "--generate-line-info")


def compiled(nvrtc: Any, text: str, flags: Sequence[str], name: str) -> bytes:
    """Return machine code (or PTX, if ``flags`` ask for no particular machine), by NVRTC.

    Raises CompileError.
    """
    program = nvrtc.createProgram(text, "kernels.cu", (), ())
    try:
        try:
            nvrtc.compileProgram(program, tuple(flags))
        except nvrtc.NVRTCError as error:
            raise refused(str(error), nvrtc.getProgramLog(program), text, flags, name) from None
        if any("compute_" in flag for flag in flags):
            return nvrtc.getPTX(program)
        return nvrtc.getCUBIN(program)
    finally:
        nvrtc.destroyProgram(program)


def refused(what: str, log: str, text: str, flags: Sequence[str], name: str) -> CompileError:
    """Save a text that the compiler refuses, and return the exception to raise."""
    handle, saved = tempfile.mkstemp(".cu", "gradcore-", text=True)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    return CompileError(
        f"NVRTC failed ({what}) on the kernels of {name}:\n{log.strip()}",
        fix=f"the source is saved in {saved}; it was compiled with {' '.join(flags)}\n"
        "  please report this with the source: it is a bug of gradcore",
    )


def headers(cupy: Any) -> list[str]:
    """Return the folders in which CUDA's headers may be, for texts that include any."""
    places = [os.environ.get("CUDA_PATH"), cupy.cuda.get_cuda_path()]
    folders = [Path(place, "include") for place in places if place]
    packages = Path(cupy.__file__).parents[1] / "nvidia"
    folders += [packages / name / "include" for name in ("cuda_runtime", "cu13", "cu12")]
    return [str(folder) for folder in dict.fromkeys(folders) if folder.is_dir()]
