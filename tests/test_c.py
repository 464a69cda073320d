"""The C backend: calls of functions, their errors, and what it lacks."""

import copy
import dataclasses
import pickle
import re
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from golden_files import PROGRAMS
from new_process import in_a_new_process
from user_ops import Seen

import gradcore
import gradcore.tensor as T
from gradcore import In, function, shared
from gradcore.backend import Profile
from gradcore.errors import ArgumentError, CompileError, ShapeError, UnsupportedError
from gradcore.graph import free_inputs
from gradcore_c import backend, compiler
from gradcore_c.printing import CRenderer

pytestmark = pytest.mark.skipif(
    compiler.unavailable() is not None, reason=str(compiler.unavailable())
)


x, a = T.dscalar("x"), T.dscalar("a")
v, w = T.dvectors("v", "w")
M, N = T.dmatrices("M", "N")


# calls ------------------------------------------------------------------------------------------
LAYOUTS = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "reversed": lambda m: np.ascontiguousarray(m[::-1, ::-1])[::-1, ::-1],
    "strided": lambda m: np.repeat(m, 3, axis=1)[:, ::3],
    "rows": lambda m: np.repeat(m, 2, axis=0)[::2],
    "row": lambda m: np.broadcast_to(m[:1], m.shape),
    "column": lambda m: np.broadcast_to(m[:, :1], m.shape),
    "number": lambda m: np.broadcast_to(m[0, 0], m.shape),
    "swapped": lambda m: m.astype(">f8"),
    "read-only": lambda m: np.frombuffer(m.tobytes()).reshape(m.shape),
    "float32": lambda m: m.astype("float32"),
    "list": lambda m: m.tolist(),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("program", PROGRAMS[:3], ids=lambda p: p.__name__)
def test_layouts(program, layout, rng):
    given = LAYOUTS[layout](rng.random((5, 7)))
    before = copy.deepcopy(given)
    plain = np.array(given, "float64")
    f, g = function(*program(), mode="c"), function(*program(), mode="numpy")
    np.testing.assert_allclose(f(given), g(plain), rtol=1e-13)
    np.testing.assert_array_equal(f(given), f(plain))
    np.testing.assert_array_equal(given, before)
    stored = shared(np.zeros((1, 1)))
    stored.set_value(given, borrow=True)
    inputs, output = program()
    np.testing.assert_array_equal(
        function([], output, mode="c", givens={inputs[0]: stored})(), f(plain)
    )


VALUES = [
    1, 1.5, True, "1", None, 2**70, -1, 300, 1j, float("nan"), np.float32(0.1), np.float64(0.1),
    np.int8(3), np.uint64(2**63), np.True_, np.array(2.0), np.array(2), np.array(2.0, "f4"),
    np.array([1.0]), np.array(1.0, ">f8"), [1.0], np.ma.masked, object(), b"1",
]  # fmt: skip


@pytest.mark.parametrize(
    "options", [{}, {"strict": True}, {"allow_downcast": True}, {"allow_downcast": False}], ids=str
)
@pytest.mark.parametrize(
    "dtype", ["float64", "float32", "float16", "int64", "int8", "uint8", "bool"]
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::DeprecationWarning")
def test_the_quick_way_takes_what_the_long_way_takes(dtype, options):
    """A call gives on all backends the same value, or the same error."""
    if dtype == "float16" and not compiler.find_compiler().halves:
        pytest.skip("the compiler has no 16-bit floats")
    given = T.tensor("given", dtype, ())
    f = function([In(given, **options)], given, mode="c", name="f")
    g = function([In(given, **options)], given, mode="numpy", name="f")
    for value in VALUES:
        found, expected = outcome(f, value), outcome(g, value)
        assert found == expected, (value, found, expected)


def test_a_compiler_without_16_bit_floats(monkeypatch):
    """It is said before anything is compiled."""
    plain = dataclasses.replace(compiler.find_compiler(), flags=())
    monkeypatch.setattr(compiler, "find_compiler", lambda: plain)
    x = T.tensor("x", "float16", (None,))
    for y in (x, T.cast(T.vector(), "float16")):
        with pytest.raises(UnsupportedError, match=r"has no float16 \(gcc 12"):
            function([*free_inputs([y])], y, mode="c")


def outcome(f, *values):
    try:
        result = f(*values)
    except (ArgumentError, TypeError, ValueError, OverflowError) as error:
        return type(error), str(error)
    return result.dtype, result.shape, result.tobytes()


def test_forms_of_calls():
    total = shared(0.0, "total")
    f = function(
        [x, In(a, "scale", 2.0)], {"y": x * a, "z": x - a}, updates={total: total + x}, mode="c"
    )
    assert f(3) == {"y": 6, "z": 1} == f(x=3) == f(3, scale=2.0)
    assert total.get_value() == 9
    for wrong in [(), (1, 2, 3)]:
        with pytest.raises(ArgumentError):
            f(*wrong)
    with pytest.raises(ArgumentError, match="no argument 'q'"):
        f(1, q=2)
    assert total.get_value() == 9
    assert (
        function([x], [], updates={total: total * x}, mode="c")(2) == [] and total.get_value() == 18
    )
    assert function([x], None, updates={total: total * x}, mode="c")(2) is None
    assert total.get_value() == 36
    saved = function([x, In(a, value=1.0, update=a + x)], a * 2, mode="c")
    assert [saved(1), saved(2), saved(3)] == [2, 4, 8]
    given = function([x], T.exp(x) * a, givens={a: total}, mode="c")
    assert given(0) == 36
    count = shared(0, "count")
    count.default_update = count + 1
    f = function([], count, mode="c")
    assert [f(), f(), f()] == [0, 1, 2] and count.get_value() == 3


def test_an_update_is_stored_when_all_has_run():
    first, second = shared(1.0), shared(np.zeros(2))
    swap = function([v], first, updates={first: second.sum(), second: v * first}, mode="c")
    assert swap([1, 2]) == 1 and first.get_value() == 0 and second.get_value().tolist() == [1, 2]
    assert swap([1, 2]) == 0 and first.get_value() == 3 and second.get_value().tolist() == [0, 0]
    out = second.get_value(borrow=True)
    assert swap([5, 5]) == 3 and out.tolist() == [0, 0]  # what was lent is not written to


def test_copies_and_pickles():
    s = shared(np.ones(3), "s")
    f = function([x], s.sum() * x, updates={s: s + x}, mode="c", name="f")
    same, separate, quiet = f.copy(), f.copy(share_memory=False), f.copy(delete_updates=True)
    other = shared(np.zeros(5))
    swapped = f.copy(swap={s: other})
    again = pickle.loads(pickle.dumps(f))
    assert f(1) == 3 and same(1) == 6 and quiet(1) == 9 and s.get_value().tolist() == [3, 3, 3]
    assert separate(1) == 3 and again(1) == 3 and again(1) == 6 and swapped(2) == 0
    assert other.get_value().tolist() == [2] * 5 and s.get_value().tolist() == [3] * 3
    assert again.maker.backend.name == "c" and again.get_shared()[0] is not s


def test_profiles():
    f = function([M], T.dot(M, M.T).sum() + T.sort(M, axis=0).sum(), mode="c", profile=True)
    assert f.profile.peak_bytes is None
    for n in (100, 200, 50):
        f(np.ones((n, n)))
    assert f.profile.calls == 3 and f.profile.seconds > 0
    assert 200 * 200 * 8 <= f.profile.peak_bytes < 4 * 200 * 200 * 8
    first, *tables = f.profile.summary().splitlines()
    assert re.match(r"3 calls, [0-9.]+ s, [\d,]+ bytes at most", first) and tables
    assert Profile().summary() == "0 calls, 0.000000 s"


# errors -----------------------------------------------------------------------------------------
def test_failed_checks_tell_the_users_line_and_change_nothing():
    first, second = shared(1.0), shared(np.zeros(2))
    total = v + w
    saved = T.assert_op(total.sum(), T.all(total < 100), message="too large")
    f = function([v, w], saved, updates={first: first + 1, second: second + saved}, mode="c")
    here = test_failed_checks_tell_the_users_line_and_change_nothing.__code__
    line = f"{Path(__file__).name}:{here.co_firstlineno + 2}"
    with pytest.raises(ShapeError) as reported:
        f([1.0, 2.0], [1.0, 2.0, 3.0])
    assert line in str(reported.value) and "2" in str(reported.value) and "3" in str(reported.value)
    with pytest.raises(AssertionError, match="too large"):
        f([1.0, 200.0], [1.0, 2.0])
    assert first.get_value() == 1 and second.get_value().tolist() == [0, 0]
    f([1.0, 2.0], [1.0, 2.0])
    assert first.get_value() == 2 and second.get_value().tolist() == [6, 6]


def test_an_error_in_the_middle_of_a_scan_changes_nothing():
    s, at = shared(0.0), T.lvector("at")
    sums, _ = gradcore.scan(lambda i, e: e + v[i], sequences=at, outputs_info=s)
    f = function([v, at], sums, updates={s: sums[-1]}, mode="c")
    assert f([1.0, 2.0], [0, 1, 1]).tolist() == [1, 3, 5] and s.get_value() == 5
    with pytest.raises(IndexError) as reported:
        f([1.0, 2.0], [0, 1, 7])
    assert "7" in str(reported.value) and Path(__file__).name in "".join(reported.value.__notes__)
    assert s.get_value() == 5

    def refuse(value):
        if value > 2:
            raise KeyError("refused")

    passed, _ = gradcore.scan(lambda e, h: h + Seen(refuse)(e), sequences=v, outputs_info=s)
    g = function([v], passed, updates={s: passed[-1]}, mode="c")
    with pytest.raises(KeyError, match="refused"):
        g([1.0, 2.0, 3.0])
    assert s.get_value() == 5 and g([1.0, 2.0]).tolist() == [6, 8]


def test_text_that_does_not_compile_is_a_bug_report(monkeypatch):
    render = CRenderer.render

    def broken(self, program):
        found = render(self, program)
        found.text = found.text.replace("return 0;", "return nonsense;")
        return found

    monkeypatch.setattr(CRenderer, "render", broken)
    with pytest.raises(
        CompileError, match=r"(?s)nonsense.*source is saved in.*it is a bug"
    ) as reported:
        function([x], x * 2, mode="c")
    saved = Path(re.search(r"saved in (\S+\.c)", str(reported.value))[1])
    assert "nonsense" in saved.read_text()
    saved.unlink()


NO_COMPILER = """
import json, warnings
import gradcore, gradcore.tensor as T
from gradcore.errors import UnavailableError
x = T.dscalar("x")
with warnings.catch_warnings(record=True) as noticed:
    warnings.simplefilter("always")
    f = gradcore.function([x], x ** 2)
    g = gradcore.function([x], x ** 3, mode="FAST_RUN")
    h = gradcore.function([x], x ** 3, mode="numpy")
try:
    gradcore.function([x], x, mode="c")
except UnavailableError as error:
    told = str(error)
print(json.dumps([
    f.maker.backend.name, float(f(3)), f.maker.remarks, g.maker.remarks, h.maker.remarks,
    [(w.category.__name__, str(w.message), w.filename) for w in noticed], told,
]))
"""


def test_without_a_compiler(tmp_path):
    """Functions run on NumPy, with one notice; the C backend itself says what to install."""
    false = tmp_path / "cc"
    false.write_text("#!/bin/sh\nexit 1\n")
    false.chmod(0o755)
    hide = "import sys, importlib.util as u; f = u.find_spec\n"
    hide += "u.find_spec = lambda name, *a: None if name == 'ziglang' else f(name, *a)\n"
    for path in ("", str(tmp_path)):
        backend, value, remarks, others, none, noticed, reported = in_a_new_process(
            hide + NO_COMPILER, PATH=path, CC="", GRADCORE_CACHE_DIR=str(tmp_path)
        )[0]
        assert backend == "numpy" and value == 9 and remarks == others and none == []
        ((category, message, file),) = noticed
        assert category == "UnavailableWarning" and file == "<string>"
        for sentence in (*remarks, message, reported):
            assert "'c' cannot run here: no C compiler works here: install gcc" in sentence
        assert "run on 'numpy'" in message


def test_a_cache_that_cannot_be_written_to(monkeypatch):
    """Without a mode NumPy runs what cannot be kept, and says why; with one it is an error."""
    x = T.dvector("x")
    gradcore.function([x], x + 1.25, mode="c")  # the compiler is known, and its answer is kept

    def denied(*args, **kwargs):
        raise PermissionError(13, "read-only")

    monkeypatch.setattr("gradcore.cache.tempfile.mkstemp", denied)
    monkeypatch.setattr("gradcore.compile.maker._noticed", set())
    y = x * (1 + time.time())
    total = gradcore.shared(0.0)
    with pytest.warns(gradcore.errors.UnavailableWarning, match="(?s)'c' cannot keep.*read-only"):
        f = gradcore.function([x], y, updates=[(total, total + x.sum())])
    assert f.maker.backend.name == "numpy" and f.maker.mode.backend is None
    assert "cannot keep" in f.maker.remarks[0]
    assert f([1.0]) > 1 and total.get_value() == 1
    with pytest.raises(gradcore.errors.CacheError, match="(?s)cannot write.*GRADCORE_CACHE_DIR"):
        gradcore.function([x], y, mode="c")


def test_numbers_alone_keep_the_gil():
    """The GIL is given up for whatever may take a while."""
    x, n, v = T.dscalar("x"), T.lscalar("n"), T.dvector("v")
    many = x
    for k in range(200):
        many = T.sin(many + k)
    loop, _ = gradcore.scan(lambda y: y * 2, outputs_info=x, n_steps=n)
    briefs = {
        (x,): T.grad(x**2, x), (x, n): T.ifelse(n > 0, x, -x),
    }  # fmt: skip
    longs = {(v,): v[0], (x, n): T.alloc(x, n), (x, v): x + v.sum(), (n, x): loop[-1], (x,): many}
    for programs, brief in ((briefs, True), (longs, False)):
        for inputs, output in programs.items():
            f = gradcore.function(list(inputs), output, mode="c")
            assert backend.is_brief(f.program) is brief, output


def test_warnings_are_not_raised():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        f = function(
            [x, T.lscalar("i")], [T.log(x) / 0, T.sqrt(x - 5)], mode="c", on_unused_input="ignore"
        )
        assert f(0, 1)[0] == -np.inf and np.isnan(f(0, 1)[1])


def test_long_programs_are_functions_in_turn():
    """Compilers take time that grows faster than a function does."""
    y = x
    for k in range(600):
        y = T.sin(y) + x * k
    outputs = [y, T.grad(y, x)]
    f = function([x], outputs, mode="c")
    assert f.source.count("int32_t piece") > 5
    for found, expected in zip(f(0.3), function([x], outputs, mode="numpy")(0.3), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_nothing_is_read_before_its_index_is_checked():
    """What only inputs tell is computed early, but not before the check that guards it."""
    x, k = T.dvector("x"), T.lvector("k")
    rows, j = T.lmatrix("rows"), T.lscalar("j")
    f = function([x, k], x[k[0]] * 2, mode="c")
    g = function([x, rows, k], x[rows[k[0]]].sum(), mode="c")
    h = function([x, rows, k, j], [x[k].sum(), x[rows[j]].sum()], mode="c")
    at, far = np.arange(3.0), np.array([2, 1]) * 10**12
    index = np.array([[0, 1], [1, 2]])
    assert f(at, [2, 0]) == 4 and g(at, index, [1]) == 3 and h(at, index, [0, 2], 1) == [2, 3]
    for call in (
        lambda: f(at, far),
        lambda: g(at, index, far),
        lambda: h(at, index, [0, 2], far[0]),
    ):
        with pytest.raises(IndexError):
            call()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_exponentials_that_underflow(dtype):
    """They are 0, or rounded once to subnormal numbers, as far as that goes."""
    x = T.vector("x", dtype)
    least = np.finfo(dtype).smallest_subnormal
    given = np.linspace(
        1.2 * np.log(np.longdouble(least)), 0.8 * np.log(np.longdouble(least)), 5000
    )
    given = np.append(given, [-1e9, -np.inf]).astype(dtype)
    f = function([x], [T.exp(x), T.exp2(x), T.exp(-abs(x)) / 2, T.sigmoid(x)], mode="c")
    wide = given.astype("longdouble")
    wanted = np.exp(wide), np.exp2(wide), np.exp(wide) / 2, np.exp(wide) / (1 + np.exp(wide))
    for found, exact in zip(f(given), wanted, strict=True):
        off = abs(found - exact) / np.maximum(np.spacing(exact.astype(dtype)), least)
        assert off.max() <= 2


def test_loops_as_long_as_a_scalar_says_are_compiled_for_speed():
    """And threads share them: the length of the loop inside counts, too."""
    n = T.lscalar("n")
    pairs = T.exp(-abs(T.arange(n)[:, None] - T.arange(n)[None, :])).sum()
    f = function([n], pairs, mode=gradcore.Mode("c", threads=2))
    (steps,) = re.findall(r"static (.*)int32_t steps\(", f.source)
    assert "GC_BRIEF" not in steps
    (work,) = re.findall(r"gc_parts\(call, (.*)\);", f.source)
    assert work.count("f->n") >= 2
