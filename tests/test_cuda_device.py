"""The runtime of devices, on a device of a page (see fake_cuda): none of it needs a GPU or CuPy."""

import itertools
import pickle
import types
from dataclasses import replace
from pathlib import Path

import fake_cuda
import numpy as np
import pytest
from fake_cuda import CARD, A, FakeDriver, Foreign, function, installed, long, x, y

import gradcore
import gradcore.tensor as T
from gradcore import Mode
from gradcore.conformance.case import Level, Unsupported
from gradcore.conformance.cases import cases
from gradcore.errors import ArgumentError, CompileError, DeviceError, ModeError, OutOfMemoryError
from gradcore_c import compiler
from gradcore_cuda import arrays, blas, code, cupy_driver, driver, nvrtc, staging, tape
from gradcore_cuda.runtime import Array, DeviceMemory
from gradcore_cuda.target import GPU

pytestmark = pytest.mark.skipif(
    compiler.unavailable() is not None, reason="kernels run as C here: no C compiler"
)


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
def test_machine_code_is_retained_on_disk(fake, monkeypatch):
    for _ in range(2):
        function([x], x * 41)(A)
    assert fake.compiled == 1
    another = installed(monkeypatch, FakeDriver(driver.Card(0, "b", 80, 2, 2**20, None, 2**15)))
    function([x], x * 41)(A)
    assert another.compiled == 1  # for its architecture


def test_a_key_tells_separate_what_code_depends_on():
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


def test_retained_memory_is_given_up_before_a_call_fails(monkeypatch, tmp_path):
    monkeypatch.setenv("GRADCORE_CACHE_DIR", str(tmp_path / "cache"))
    installed(monkeypatch, FakeDriver(memory=120_000))
    mode = {"target": replace(GPU, plan_memory_parts=1)}
    f, g = (function([x], x * k, mode=dict(mode)) for k in (2, 3))
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


def test_a_wrong_device_is_reported(fake):
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


def test_a_refused_text_is_retained(tmp_path):
    error = nvrtc.refused("NVRTC_ERROR", "k.cu(1): error", "the text", ("--fmad=false",), "f")
    saved = str(error).split("saved in ")[1].split(";")[0]
    assert isinstance(error, CompileError) and "k.cu(1)" in str(error)
    assert Path(saved).read_text() == "the text"
    Path(saved).unlink()


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
    recorder = tape.Recorder(fake, types.SimpleNamespace(), [], None, False, 64, GPU, inputs=2)
    out = Array(DeviceMemory(0), "float64", (2, 2))
    odd = Array(DeviceMemory(0), "float64", (2, 2), (4, 2))
    flipped = Array(DeviceMemory(8), "float64", (2, 2), (2, -1))
    assert not blas.addressable(odd) and not blas.addressable(flipped)
    recorder.matmul(out, odd, flipped, accumulate=False)
    recorder.matmul(odd, out, out, accumulate=True)
    kinds = [type(step).__name__ for step in recorder.steps]
    copy, product = "StridedCopy", "MatmulStep"
    assert kinds == [copy, copy, product, copy, product, copy]
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
        Array(DeviceMemory(v.ctypes.data), "float64", v.shape, tuple(s // 8 for s in v.strides))
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
                grid = tape.threads_for(CARD, GPU, steps, lanes, blocks, threads)
                assert grid.blocks >= 1 and (blocks is None or grid.blocks <= blocks)
                assert 1 <= grid.groups * grid.lanes <= max(threads, 1)
                assert blocks != 1 or grid.groups == 1
                assert grid.groups == 1 or grid.lanes in (1, 2, 4, 8, 16, 32)


# CuPy itself ------------------------------------------------------------------------------------
