"""What is said where CUDA, CuPy or a device is missing, or does not fit."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from fake_cuda import A, function, x

import gradcore
from gradcore import Mode
from gradcore.errors import CompileError, UnavailableError
from gradcore_c import compiler
from gradcore_cuda import cupy_driver, library, nvrtc
from gradcore_cuda.target import GPU

pytestmark = pytest.mark.skipif(
    compiler.unavailable() is not None, reason="kernels run as C here: no C compiler"
)


needs_cupy = pytest.mark.skipif(
    importlib.util.find_spec("cupy") is None, reason="CuPy is not installed"
)


class Runtime:
    """CUDA's runtime as far as it is asked whether there is a device."""

    is_hip = False

    class CUDARuntimeError(RuntimeError):
        def __init__(self, status):
            super().__init__(f"cudaError{status}: no")
            self.status = status

    def __init__(self, count=1, status=0, supported=12090, wanted=12090):
        self.count, self.status, self.supported, self.wanted = count, status, supported, wanted

    def getDeviceCount(self):
        if self.status:
            raise self.CUDARuntimeError(self.status)
        return self.count

    def driverGetVersion(self):
        return self.supported

    def runtimeGetVersion(self):
        return self.wanted


@pytest.mark.parametrize(
    ("runtime", "reported", "way"),
    [
        (Runtime(status=35, supported=0), "no NVIDIA driver", "install"),
        (Runtime(status=35, supported=11040), "runs CUDA 11.4", "update the driver"),
        (Runtime(status=100), "finds no device", "nvidia-smi"),
        (Runtime(count=0), "finds no device", "--gpus all"),
        (Runtime(status=999), "does not start: cudaError999", "nvidia-smi"),
    ],
)
def test_what_is_missing_is_reported(runtime, reported, way):
    found = library.no_device(runtime)
    assert reported in found and way in found


def test_hidden_devices_and_other_builds(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert "CUDA_VISIBLE_DEVICES is ''" in library.no_device(Runtime(count=0))
    assert library.no_device(Runtime()) is None
    runtime = Runtime()
    runtime.is_hip = True
    assert "ROCm" in library.no_device(runtime)


def test_without_cupy(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)  # an import of it fails
    library.found.cache_clear()
    try:
        assert "CuPy is not installed: pip install 'gradcore[cuda]'" in library.unavailable()
        with pytest.raises(UnavailableError, match="CuPy is not installed"):
            function([x], x)
        with pytest.raises(UnavailableError, match="CuPy is not installed"):
            cupy_driver.open_driver(0)
        reported = {b.name: b for b in gradcore.backends()}["cuda"]
        assert not reported.available and "gradcore[cuda]" in reported.reason
    finally:
        library.found.cache_clear()


def test_a_cupy_that_does_not_load(monkeypatch):
    def broken(name):
        raise ImportError("libcudart.so.12: cannot open shared object file\nmore")

    library.found.cache_clear()
    monkeypatch.setattr(library.importlib, "import_module", broken)
    try:
        assert "CuPy cannot be imported: libcudart.so.12" in library.unavailable()
        assert "\nmore" not in library.unavailable()
    finally:
        library.found.cache_clear()


def test_the_host_runtime_needs_no_cupy():
    found = gradcore.function([x], x * 2, mode=Mode("cuda", runtime="host"))
    np.testing.assert_array_equal(found(A), 2 * A)


@needs_cupy
def test_cupy_has_what_is_asked_of_it():
    """Names, and how many arguments they take, of the thin layer over CUDA; no device is needed."""
    cupy = library.found()
    runtime, api = cupy.cuda.runtime, library.backends("api.driver")
    for name in (
        "getDeviceCount", "getDevice", "getDeviceProperties", "deviceGetAttribute", "memGetInfo",
        "memcpyAsync", "memcpyDefault", "memsetAsync", "streamSynchronize", "streamWaitEvent",
        "eventRecord", "eventSynchronize", "eventElapsedTime", "graphLaunch", "CUDARuntimeError",
        "cudaDevAttrGlobalMemoryBusWidth", "cudaDevAttrMemoryClockRate", "driverGetVersion",
        "cudaDevAttrMaxSharedMemoryPerBlockOptin", "runtimeGetVersion", "CUDA_R_32F", "CUDA_R_64F",
    ):  # fmt: skip
        assert hasattr(runtime, name), name
    for name, count in (("launchKernel", 11), ("moduleGetFunction", 2), ("funcSetAttribute", 3)):
        assert getattr(api, name).__doc__.split(")")[0].count(",") + 1 == count, name
    assert {"launch", "graphExec"} <= set(dir(cupy.cuda.graph.Graph))
    assert {"load", "ptr"} <= set(dir(cupy.cuda.function.Module))
    for name in ("alloc", "alloc_pinned_memory", "Event", "Stream", "Device", "UnownedMemory",
                 "MemoryPointer", "get_current_stream"):  # fmt: skip
        assert hasattr(cupy.cuda, name), name
    assert all(hasattr(cupy, name) for name in ("from_dlpack", "copyto", "sort", "argsort"))


@needs_cupy
def test_without_a_device_the_reason_is_reported():
    reason = library.unavailable()
    if reason is None:
        pytest.skip("there is a device here")
    assert "driver" in reason or "device" in reason or "NVRTC" in reason


@needs_cupy
def test_nvrtc_compiles_and_refuses():
    if library.no_compiler() is not None:
        pytest.skip("NVRTC is not installed")
    found, flags = library.backends("libs.nvrtc"), nvrtc.flags_for(GPU)
    text = 'extern "C" __global__ void k(float *x) { x[threadIdx.x] += 1.f; }'
    image = nvrtc.compiled(found, text, (*flags, "--gpu-architecture=sm_90"), "k")
    assert image.startswith(b"\x7fELF")
    ptx = nvrtc.compiled(found, text, (*flags, "--gpu-architecture=compute_90"), "k")
    assert b".version" in (ptx if isinstance(ptx, bytes) else ptx.encode())
    with pytest.raises(CompileError, match="identifier") as error:
        nvrtc.compiled(found, "nonsense here;", flags, "k")
    Path(str(error.value).split("saved in ")[1].split(";")[0]).unlink()
