"""The runtime of devices, on a device of a page (see fake_cuda): none of it needs a GPU or CuPy."""

import gc
import importlib.util
import itertools
import pickle
import sys
import types
from pathlib import Path

import fake_cuda
import numpy as np
import pytest
from fake_cuda import CARD, FakeDriver, Foreign

import gradcore
import gradcore.tensor as T
from gradcore import Mode
from gradcore.conformance.case import Level, Unsupported
from gradcore.conformance.cases import cases
from gradcore.errors import (
    ArgumentError,
    CompileError,
    DeviceError,
    ModeError,
    OutOfMemoryError,
    UnavailableError,
)
from gradcore_c import compiler
from gradcore_cuda import (
    arrays,
    blas,
    code,
    cupy_driver,
    driver,
    library,
    nvrtc,
    plan,
    staging,
    tape,
)
from gradcore_cuda.runtime import Array, Memory
from gradcore_cuda.target import GPU

pytestmark = pytest.mark.skipif(
    compiler.unavailable() is not None, reason="kernels run as C here: no C compiler"
)


@pytest.fixture
def fake(monkeypatch, tmp_path):
    """Let mode "cuda" run on a device of a page."""
    monkeypatch.setenv("GRADCORE_CACHE_DIR", str(tmp_path / "cache"))
    return installed(monkeypatch, FakeDriver())


def installed(monkeypatch, found):
    monkeypatch.setattr(library, "unavailable", lambda: None)
    monkeypatch.setattr(cupy_driver, "open_driver", lambda number: found)
    return found


def function(*arguments, **options):
    return gradcore.function(*arguments, mode=Mode("cuda", **options.pop("mode", {})), **options)


x, y = T.dmatrix("x"), T.dmatrix("y")
A = np.arange(6.0).reshape(2, 3)


# values -----------------------------------------------------------------------------------------
def test_the_suite_at_its_first_level(fake):
    """Real kernels, through tapes and staging; of the cases, one in six: blocks are large."""
    outcomes = {"passed": 0, "unsupported": 0}
    for case in itertools.islice(cases(Level.SMOKE), 0, None, 6):
        try:
            case.run(Mode("cuda"))
            outcomes["passed"] += 1
        except Unsupported:
            outcomes["unsupported"] += 1
    assert outcomes["passed"] > 40 and not outcomes["unsupported"]


def test_numpy_in_numpy_out(fake):
    f = function([x], [T.exp(x), T.sum(x)])
    for _ in range(3):
        exp, total = f(A)
        assert type(exp) is np.ndarray and type(total) is np.ndarray
        np.testing.assert_allclose(exp, np.exp(A))
        assert total == 15.0


def test_arrays_on_the_device_stay_there(fake):
    f = function([x], T.exp(x) * 2)
    found = f(fake.put(A))
    assert isinstance(found, fake_cuda.DeviceArray)
    np.testing.assert_allclose(found.get(), np.exp(A) * 2)


def test_one_array_on_the_device_is_enough(fake):
    found = function([x, y], x + y)(fake.put(A), A)
    np.testing.assert_array_equal(found.get(), 2 * A)


def test_native_is_asked_for(fake):
    found = function([x], x * 2, mode={"native": True})(A)
    np.testing.assert_array_equal(found.get(), 2 * A)


def test_nothing_is_copied_and_nothing_waits(fake):
    """A call on device arrays returns before anything has run, and no bytes cross."""
    f = function([x], x * 2)
    given = fake.put(A)
    f(given)
    fake.finish()
    fake.log.clear()
    found = f(given)
    assert np.isnan(found.host).all()  # it is queued
    assert fake.log == ["mul_kernel"] or len(fake.log) == 1
    np.testing.assert_array_equal(found.get(), 2 * A)


def test_arrays_of_other_libraries_are_waited_for(fake):
    made = fake.put(A, stream=7)
    found = function([x], x + 1)(Foreign(made, 7))
    np.testing.assert_array_equal(found.get(), A + 1)


def test_strided_and_unaligned_arrays(fake):
    base = fake.put(np.arange(24.0).reshape(4, 6))
    f = function([x], x + 1)
    turned = fake_cuda.DeviceArray(fake, base.data.ptr, "float64", (6, 4), (8, 48))
    np.testing.assert_array_equal(f(turned).get(), np.arange(24.0).reshape(4, 6).T + 1)
    moved = fake_cuda.DeviceArray(fake, base.data.ptr + 8, "float64", (1, 5))
    np.testing.assert_array_equal(f(moved).get(), [[2.0, 3, 4, 5, 6]])


def test_layouts_of_numpy_and_no_elements(fake):
    f = function([x], x * 2)
    for given in (A.T, A[::-1], A[:, ::2], np.broadcast_to(A[:1], (4, 3)), np.empty((0, 3))):
        np.testing.assert_array_equal(f(given), given * 2)


def test_results_are_the_callers_own(fake):
    f = function([x], x * 2, mode={"native": True})
    first = f(A)
    second = f(A + 1)
    np.testing.assert_array_equal(first.get(), 2 * A)
    np.testing.assert_array_equal(second.get(), 2 * A + 2)


def test_products_of_all_layouts(fake):
    f = function([x, y], [T.dot(x, y), T.dot(x.T, y.T).T, T.dot(y, x)])
    rng = np.random.default_rng(0)
    for n in (1, 2, 40):
        a, b = rng.normal(size=(n, n)), rng.normal(size=(n, n))
        for found, want in zip(f(a, b), (a @ b, b @ a, b @ a), strict=True):
            np.testing.assert_allclose(found, want)


def test_a_function_that_waits(fake):
    """The number of steps is computed from data; sorting is a library's."""
    n = T.lscalar("n")
    v = T.dvector("v")
    f = function([v, n], [T.sort(v), T.arange(T.cast(T.sum(v), "int64") + n)])
    for _ in range(2):
        ordered, counted = f([3.0, 1.0, 2.0], 1)
        np.testing.assert_array_equal(ordered, [1, 2, 3])
        np.testing.assert_array_equal(counted, np.arange(7))
    ordered, _ = f(fake.put([3.0, 1.0]), 0)
    np.testing.assert_array_equal(ordered.get(), [1, 3])


def test_a_large_array_goes_in_chunks(fake):
    fake.staging = staging.Staging(fake, chunk=1024, count=2)
    v = T.dvector("v")
    given = np.arange(5000.0)
    f = function([v, x], [v + 1, x * 2])
    for _ in range(2):
        found, other = f(given, A)
        np.testing.assert_array_equal(found, given + 1)
        np.testing.assert_array_equal(other, A * 2)
    found, _ = f(given[::-1], A)
    np.testing.assert_array_equal(found, given[::-1] + 1)


# graphs -----------------------------------------------------------------------------------------
def long(v):
    """Something of several kernels."""
    for _ in range(3):
        v = T.dot(v, v) / T.sum(v)
    return v


def test_addresses_that_come_again_are_captured(fake):
    f = function([x], long(x))
    given = np.random.default_rng(0).normal(size=(16, 16))
    want = gradcore.function([x], long(x), mode="numpy")(given)
    for _ in range(4):
        np.testing.assert_allclose(f(given), want)
    assert fake.log.count("capture") == 1 and fake.log.count("replay") == 3
    np.testing.assert_allclose(
        f(given * 2), gradcore.function([x], long(x), mode="numpy")(given * 2)
    )


def test_other_addresses_run_all_the_same(fake):
    f = function([x], long(x))
    want = gradcore.function([x], long(x), mode="numpy")
    rng = np.random.default_rng(0)
    kept = []
    for _ in range(2 * GPU.plan_graphs + 3):
        given = rng.normal(size=(16, 16))
        kept.append((f(fake.put(given)), want(given)))
    for found, right in kept:
        np.testing.assert_allclose(found.get(), right)
    assert "capture" not in fake.log


def test_graphs_are_bounded(fake):
    f = function([x], long(x))
    given = [fake.put(np.eye(16) + k) for k in range(GPU.plan_graphs + 3)]
    places = []
    fixed = fake.allocate

    # The pool hands the same block out again and again.
    def same(count):
        block = fixed(count)
        if count == 16 * 16 * 8:
            places.append(block)
            return places[0]
        return block

    fake.allocate = same
    for _ in range(3):
        for array in given:
            f(array).get()
    (made,) = f._executable._plans.values()
    assert len(made.graphs) == GPU.plan_graphs
    kept = plan.kept(fake)
    assert kept.nodes <= GPU.graph_steps and kept.bytes <= kept.limit


def test_signatures_have_plans_of_their_own(fake):
    f = function([x], T.softmax(x))
    for n in (1, 3, 700):
        given = np.random.default_rng(n).normal(size=(2, n))
        want = np.exp(given) / np.exp(given).sum(1, keepdims=True)
        np.testing.assert_allclose(f(given), want)
    assert len(f._executable._plans) == 3


def test_streams_wait_for_one_another(fake):
    """A workspace is used by one stream after the other."""
    f = function([x], long(x), mode={"native": True})
    want = gradcore.function([x], long(x), mode="numpy")
    rng = np.random.default_rng(0)
    given = [rng.normal(size=(16, 16)) for _ in range(6)]
    found = []
    for k, array in enumerate(given):
        fake.current = 1 + k % 3
        found.append(f(array))
    fake.drain(3)
    fake.drain(2)
    for array, result in zip(given, found, strict=True):
        np.testing.assert_allclose(result.get(), want(array))


def test_memory_that_is_kept_is_bounded_and_given_back(fake):
    kept = plan.kept(fake)
    kept.limit = 3000
    functions = [function([x], x * k) for k in range(2, 8)]
    for f in functions:
        f(A)
    assert 0 < kept.bytes <= kept.limit
    for k, f in enumerate(functions):
        np.testing.assert_array_equal(f(A), A * (k + 2))
    functions[-1]._executable.release()
    del functions, f
    gc.collect()
    assert kept.bytes == 0


# shared variables -------------------------------------------------------------------------------
def test_shared_variables_live_on_the_device(fake):
    w = gradcore.shared(A.copy(), "w")
    f = function([x], T.sum(w), updates={w: w + x})
    for k in range(4):
        assert f(np.ones((2, 3))) == 15 + 6 * k
        assert isinstance(w.storage[0], arrays.Resident)
    np.testing.assert_array_equal(w.get_value(), A + 4)
    assert type(w.get_value(borrow=True)) is np.ndarray
    assert f([[1] * 3] * 2) == 39  # the long way: a list is converted first
    assert isinstance(w.storage[0], arrays.Resident)
    np.testing.assert_array_equal(w.get_value(), A + 5)
    w.set_value(A)
    assert f(np.zeros((2, 3))) == 15
    again = pickle.loads(pickle.dumps(w))
    np.testing.assert_array_equal(again.get_value(), A)


def test_other_backends_read_what_is_on_the_device(fake):
    w = gradcore.shared(A.copy(), "w")
    function([], [], updates={w: w * 2})()
    for mode in ("numpy", "c"):
        np.testing.assert_array_equal(gradcore.function([], w + 1, mode=mode)(), 2 * A + 1)
    gradcore.function([], [], updates={w: w + 1}, mode="c")()
    np.testing.assert_array_equal(function([], w * 1.0)(), 2 * A + 1)


def test_shared_variables_do_not_make_results_native(fake):
    w = gradcore.shared(A.copy(), "w")
    f = function([], w * 2)
    for _ in range(2):
        assert type(f()) is np.ndarray


def test_updates_are_all_or_none(fake):
    w, n = gradcore.shared(A.copy(), "w"), gradcore.shared(0, "n")
    v, at = T.dvector("v"), T.lvector("at")
    f = function([v, at], T.sum(v[at]), updates={w: w + 1, n: n + 1})
    for given in (lambda: np.array([0, 5]), lambda: fake.put(np.array([0, 5]))):
        with pytest.raises(IndexError):
            f(np.ones(3), given())
        assert n.get_value() == 0
        np.testing.assert_array_equal(w.get_value(), A)
    assert f(np.ones(3), np.array([0, 2])) == 2.0
    assert n.get_value() == 1


def test_dicts_and_profiles_keep_shared_variables_on_the_device(fake):
    w = gradcore.shared(A.copy(), "w")
    f = function([x], {"sum": T.sum(w)}, updates={w: w + x}, profile=True)
    assert f(A)["sum"] == 15.0
    assert isinstance(w.storage[0], arrays.Resident)
    np.testing.assert_array_equal(w.get_value(), 2 * A)


# compiled code ----------------------------------------------------------------------------------
def test_machine_code_is_kept_on_disk(fake, monkeypatch):
    for _ in range(2):
        function([x], x * 41)(A)
    assert fake.compiled == 1
    another = installed(monkeypatch, FakeDriver(driver.Card(0, "b", 80, 2, 2**20, None, 2**15)))
    function([x], x * 41)(A)
    assert another.compiled == 1  # for its architecture


def test_a_key_tells_apart_what_code_depends_on():
    keys = {
        code.digest("text", "NVRTC 12.9", "90", "--a"),
        code.digest("text", "NVRTC 12.9", "90", "--b"),
        code.digest("text", "NVRTC 12.8", "90", "--a"),
        code.digest("text", "NVRTC 12.9", "80", "--a"),
        code.digest("txt", "NVRTC 12.9", "90", "--a"),
        code.digest("text", "NVRTC 12.9", "9", "0--a"),
    }
    assert len(keys) == 6


def test_wide_indices_are_another_text(fake, monkeypatch):
    monkeypatch.setattr(tape, "MOST_INDEX32_ELEMENTS", 3)
    np.testing.assert_array_equal(function([x], x * 3)(A), A * 3)
    assert fake.compiled == 1


# errors -----------------------------------------------------------------------------------------
def test_out_of_memory_says_what_was_needed(monkeypatch, tmp_path):
    monkeypatch.setenv("GRADCORE_CACHE_DIR", str(tmp_path / "cache"))
    fake = installed(monkeypatch, FakeDriver(memory=100_000))
    f = function([x], T.dot(x, x))
    f(np.eye(10))
    with pytest.raises(
        OutOfMemoryError, match=r"needs 1.4 MiB .* on device 0 \(a page\).* free"
    ) as e:
        f(np.eye(300))
    assert isinstance(e.value, MemoryError) and "smaller batches" in str(e.value)
    assert "reclaim" in fake.log
    np.testing.assert_array_equal(f(np.eye(10)), np.eye(10))


def test_kept_memory_is_given_up_before_a_call_fails(monkeypatch, tmp_path):
    monkeypatch.setenv("GRADCORE_CACHE_DIR", str(tmp_path / "cache"))
    fake = installed(monkeypatch, FakeDriver(memory=120_000))
    plan.kept(fake).limit = 10**9
    f, g = function([x], x * 2), function([x], x * 3)
    f(np.ones((60, 60)))
    np.testing.assert_array_equal(g(np.ones((65, 65))), np.full((65, 65), 3.0))


def test_a_failure_on_the_device_names_the_function_and_its_kernels(fake):
    f = function([x], T.exp(x) * 2)
    f(A)
    fake.broken = "CUDA_ERROR_ILLEGAL_ADDRESS"
    with pytest.raises(DeviceError, match=r"the kernel \w+_kernel of .*exp.*ILLEGAL_ADDRESS") as e:
        f(A)
    assert "synchronous=True" in str(e.value) and "start it again" in str(e.value)
    fake.broken = None
    g = function([x], long(x), mode={"synchronous": True})
    fake.broken = "CUDA_ERROR_ILLEGAL_ADDRESS"
    with pytest.raises(DeviceError, match=r"(kernel|copy|matmul)[\w ]* of .*ILLEGAL") as e:
        g(fake.put(np.eye(4)))


def test_a_wrong_device_is_told(fake):
    with pytest.raises(ModeError, match="'device' of the backend 'cuda' cannot be 'cuda:0'"):
        function([x], x, mode={"device": "cuda:0"})
    error = cupy_driver.no_such_device(3, 2)
    assert "no device 3 here: there are devices 0 to 1" in str(error)
    assert "only device 0" in str(cupy_driver.no_such_device(1, 1))
    other = FakeDriver(driver.Card(1, "b", 90, 2, 2**20, None, 2**15))
    given = other.put(A)
    given.__class__ = type("Elsewhere", (fake_cuda.DeviceArray,), {
        "__dlpack_device__": lambda self: (2, 1)})  # fmt: skip
    with pytest.raises(ArgumentError, match="device 1, and the function runs on device 0") as e:
        function([x], x + 1)(given)
    assert "device=1" in str(e.value)


def test_dtypes_that_do_not_fit(fake):
    f = function([x], x + 1)
    found = f(fake.put(A.astype("float32")))  # nothing is lost: it is converted, on the host
    np.testing.assert_array_equal(found, A + 1)
    v = T.fmatrix("v")
    with pytest.raises(ArgumentError, match="float64"):
        function([v], v + 1)(fake.put(A))

    class Brain:
        dtype, shape = "torch.bfloat16", (2,)

        def __dlpack_device__(self):
            return 2, 0

    with pytest.raises(ArgumentError, match="bfloat16, which gradcore does not have"):
        f(Brain())


def test_a_refused_text_is_kept(tmp_path):
    error = nvrtc.refused("NVRTC_ERROR", "k.cu(1): error", "the text", ("--fmad=false",), "f")
    kept = str(error).split("kept in ")[1].split(";")[0]
    assert isinstance(error, CompileError) and "k.cu(1)" in str(error)
    assert Path(kept).read_text() == "the text"
    Path(kept).unlink()


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
    ("runtime", "told", "way"),
    [
        (Runtime(status=35, supported=0), "no NVIDIA driver", "install"),
        (Runtime(status=35, supported=11040), "runs CUDA 11.4", "update the driver"),
        (Runtime(status=100), "finds no device", "nvidia-smi"),
        (Runtime(count=0), "finds no device", "--gpus all"),
        (Runtime(status=999), "does not start: cudaError999", "nvidia-smi"),
    ],
)
def test_what_is_missing_is_told(runtime, told, way):
    found = library.no_device(runtime)
    assert told in found and way in found


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
        told = {b.name: b for b in gradcore.backends()}["cuda"]
        assert not told.available and "gradcore[cuda]" in told.reason
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


# profiles ---------------------------------------------------------------------------------------
def test_a_profile_tells_kernels_and_their_share_of_the_peak(fake):
    f = function([x], T.exp(x) * 2, profile=True)
    f(A)
    f(A)
    (k,) = f.profile.kernels.values()
    assert k.runs == 2 and k.seconds == pytest.approx(2e-3)
    assert k.moved == 2 * 2 * A.nbytes  # read and written, twice
    assert k.rate / k.bandwidth == pytest.approx(4 * 48 / 2e-3 / 1e9)
    assert "of peak" in f.profile.summary() and "kernel" in f.profile.summary()
    v = T.dvector("v")
    waiting = function([v], T.sort(v) * 2, profile=True)  # not a tape
    waiting([2.0, 1.0])
    assert waiting.profile.kernels


# BLAS -------------------------------------------------------------------------------------------
def test_products_that_blas_cannot_address(fake):
    recorder = tape.Recorder(fake, types.SimpleNamespace(), [], None, False, 64, inputs=2)
    out = Array(Memory(0), "float64", (2, 2))
    odd = Array(Memory(0), "float64", (2, 2), (4, 2))
    flipped = Array(Memory(8), "float64", (2, 2), (2, -1))
    assert not blas.addressable(odd) and not blas.addressable(flipped)
    recorder.matmul(out, odd, flipped, accumulate=False)
    recorder.matmul(odd, out, out, accumulate=True)
    kinds = [type(step).__name__ for step in recorder.steps]
    assert kinds == ["Spread", "Spread", "Product", "Spread", "Product", "Spread"]
    assert recorder.work == 2 * 256


@pytest.mark.parametrize("seed", range(20))
def test_gemm_and_gemv_arguments(fake, seed):
    """Any strides, through a BLAS of a few lines; also as products with vectors."""
    rng = np.random.default_rng(seed)
    lead = tuple(rng.integers(1, 4, rng.integers(0, 3)))
    m, k, n = (int(e) for e in rng.integers(1, 5, 3))
    if seed % 2:
        lead, n = (), 1
    if seed % 4 == 3:
        m, n = 1, 4

    def made(shape):
        if rng.random() < 0.5:
            return rng.normal(size=(*shape[:-2], shape[-1], shape[-2])).swapaxes(-1, -2)
        return rng.normal(size=(*shape[:-1], 2 * shape[-1]))[..., : shape[-1]]

    a, b, c = made((*lead, m, k)), made((*lead, k, n)), made((*lead, m, n))
    seen = [
        Array(Memory(v.ctypes.data), "float64", v.shape, tuple(s // 8 for s in v.strides))
        for v in (a, b, c)
    ]
    assert all(map(blas.addressable, seen))
    accumulate = bool(seed % 3)
    want = a @ b + (c if accumulate else 0)
    for product in blas.products(seen[2], seen[0], seen[1], accumulate, 8):
        vector = blas.vector_product(product)
        if vector is None:
            fake.multiply(product, False, 1)
        else:
            matrix = fake.view(
                vector.a.address, "float64", (vector.rows, vector.columns),
                (8, 8 * vector.a.leading),
            ).host  # fmt: skip
            matrix = matrix.T if vector.a.transposed else matrix
            left = fake.view(vector.x, "float64", matrix.shape[1:], (8 * vector.along_x,)).host
            right = fake.view(vector.y, "float64", matrix.shape[:1], (8 * vector.along_y,)).host
            right[...] = matrix @ left + (right if accumulate else 0)
    fake.finish()
    np.testing.assert_allclose(c, want)


# grids ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("threads", [1, 5, 32, 96, 512])
def test_grids_are_what_kernels_take(threads):
    for steps in (0, 1, 31, 1000, 10**9):
        for lanes in (1, 2, 3, 31, 32, 33, 1000, 10**6):
            for blocks in (None, 1, 7):
                grid = tape.threads_for(CARD, steps, lanes, blocks, threads)
                assert grid.blocks >= 1 and (blocks is None or grid.blocks <= blocks)
                assert 1 <= grid.groups * grid.lanes <= max(threads, 1)
                assert blocks != 1 or grid.groups == 1
                assert grid.groups == 1 or grid.lanes in (1, 2, 4, 8, 16, 32)


# CuPy itself ------------------------------------------------------------------------------------
needs_cupy = pytest.mark.skipif(
    importlib.util.find_spec("cupy") is None, reason="CuPy is not installed"
)


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
def test_without_a_device_the_reason_is_told():
    reason = library.unavailable()
    if reason is None:
        pytest.skip("there is a device here")
    assert "driver" in reason or "device" in reason or "NVRTC" in reason


@needs_cupy
def test_nvrtc_compiles_and_refuses():
    if library.no_compiler() is not None:
        pytest.skip("NVRTC is not installed")
    found = library.backends("libs.nvrtc")
    text = 'extern "C" __global__ void k(float *x) { x[threadIdx.x] += 1.f; }'
    image = nvrtc.compiled(found, text, (*nvrtc.FLAGS, "--gpu-architecture=sm_90"), "k")
    assert image.startswith(b"\x7fELF")
    ptx = nvrtc.compiled(found, text, (*nvrtc.FLAGS, "--gpu-architecture=compute_90"), "k")
    assert b".version" in (ptx if isinstance(ptx, bytes) else ptx.encode())
    with pytest.raises(CompileError, match="identifier") as error:
        nvrtc.compiled(found, "nonsense here;", nvrtc.FLAGS, "k")
    Path(str(error.value).split("kept in ")[1].split(";")[0]).unlink()
