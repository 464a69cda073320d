"""Functions on the C backend: their text, their calls, and what holds whatever they compute.

Golden files show the text of a few functions; where a change of the printer is meant, they are
written anew by ``GRADCORE_REWRITE_GOLDEN=1 pytest tests/test_c.py``, and read before they are kept.
"""

import copy
import dataclasses
import gc
import json
import os
import pickle
import re
import subprocess
import sys
import textwrap
import threading
import time
import warnings
from pathlib import Path

import long_sums
import numpy as np
import pytest
from golden_files import PROGRAMS, compare

import gradcore
import gradcore.tensor as T
from gradcore import Apply, In, Op, function, shared
from gradcore.backend import Profile
from gradcore.errors import ArgumentError, CompileError, ShapeError, UnsupportedError
from gradcore.graph import free_inputs
from gradcore_c import compiler, runtime
from gradcore_c.printing import CRenderer

pytestmark = pytest.mark.skipif(
    compiler.unavailable() is not None, reason=str(compiler.unavailable())
)

ONE, TWO = gradcore.Mode("c", threads=1), gradcore.Mode("c", threads=2)

x, a = T.dscalar("x"), T.dscalar("a")
v, w = T.dvectors("v", "w")
M, N = T.dmatrices("M", "N")


class Seen(Op):
    """The identity, which calls a Python function with what passes."""

    __props__ = ("what",)

    def __init__(self, what):
        self.what = what

    def make_node(self, value):
        value = T.as_tensor_variable(value)
        return Apply(self, [value], [value.type()])

    def perform(self, node, inputs, output_storage):
        self.what(inputs[0])
        output_storage[0][0] = inputs[0].copy()


# the text ---------------------------------------------------------------------------------------
def own(source):
    """Return a text without what all share: the includes and the functions of mathematics."""
    title, _, rest = source.partition("\n")
    return f"{title}\n...\n{rest[rest.index('typedef struct {') :]}"


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_golden(program):
    found = own(function(*program(), mode="c").source)
    compare(found, f"{program.__name__}.c")


def in_a_new_process(program, **environment):
    """Run ``program`` and return what it printed, as JSON, and what it told on stderr."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def test_the_text_depends_on_the_graph_alone():
    """So that another process finds it in the store."""
    program = f"""
    import json, sys
    sys.path.insert(0, {str(Path(__file__).parent)!r})
    import gradcore
    from golden_files import PROGRAMS
    print(json.dumps([gradcore.function(*p(), mode="c").source for p in PROGRAMS]))
    """
    here = [function(*p(), mode="c").source for p in PROGRAMS]
    for seed in ("0", "1"):
        assert in_a_new_process(program, PYTHONHASHSEED=seed)[0] == here


def test_a_warm_start_runs_no_compiler(tmp_path):
    program = f"""
    import json, sys, subprocess
    started = []
    original = subprocess.Popen.__init__
    def counted(self, *args, **kwargs):
        started.append(args)
        original(self, *args, **kwargs)
    subprocess.Popen.__init__ = counted
    sys.path.insert(0, {str(Path(__file__).parent)!r})
    import gradcore, golden_files
    f = gradcore.function(*golden_files.softmax_rows(), mode="c")
    print(json.dumps([len(started), f([[0.0, 0.0]]).tolist()]))
    """
    store = {"GRADCORE_CACHE_DIR": str(tmp_path / "store")}
    assert in_a_new_process(program, **store)[0][0] > 0
    assert in_a_new_process(program, **store)[0] == [0, [[0.5, 0.5]]]


def test_text_is_kept_by_what_generates_it():
    assert function([x], x + 1, mode="numpy").source is None
    f = function([x], x + 1, mode="c")
    assert "gc_entry" in f.source and f.copy().source == f.source
    assert pickle.loads(pickle.dumps(f)).source == f.source


# the user's words -------------------------------------------------------------------------------
HOSTILE = [
    '*/ #include "/etc/passwd" \n/*',
    "x*/ int main() {}\n#error no\n",
    'x"); system("true"); ("',
    "\\",
    "??/",
    "a\\\nb",
    "%s%n",
    "\x00",
    "\u202e\u2066 ünïcödé 漢字 𝕏",
    "1st",
    "",
    " ",
    "_",
    "__builtin_trap",
    "-",
]


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_names_are_data(name):
    given = T.dvector(name)
    held = shared(np.arange(3.0), name)
    constant = T.constant(np.array([1.0, 5.0, 7.0]), name=name)
    middle = T.exp(given)
    middle.name = name
    looped, _ = gradcore.scan(
        lambda e, s: s + e, sequences=middle, outputs_info=T.constant(0.0), name=name
    )
    total = T.assert_op(middle.sum() + looped[-1], T.all(given < 10), message=name)
    f = function(
        [given], [total, middle * held + constant], mode="c", name=name, on_unused_input="ignore"
    )
    g = function([given], [total, middle * held + constant], mode="numpy")
    for found, expected in zip(f([1, 2, 3]), g([1, 2, 3]), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-13)
    assert f.source.isascii() and f.source.isprintable() is False and "\x00" not in f.source
    plain = re.sub(r"/\*.*?\*/", "", f.source, flags=re.DOTALL)
    words = set(re.findall(r"\w+", plain))
    assert not words & {"passwd", "system", "main", "__builtin_trap", "trap"}
    assert set(re.findall(r"#\s*(\w+)", plain)) <= {
        "include", "pragma", "if", "ifdef", "else", "endif", "define", "undef",
    }  # fmt: skip
    assert set(re.findall(r'"[^"]*"', plain)) == {'"abi.h"'}
    with pytest.raises(AssertionError) as told:
        f([1, 2, 30])
    assert name in str(told.value)


KEYWORDS = """
    auto break case char const continue default do double else enum extern float for goto if inline
    int long register restrict return short signed sizeof static struct switch typedef union
    unsigned void volatile while _Bool _Complex _Float16 _Alignas asm typeof linux unix NULL EOF
    INFINITY NAN HUGE_VAL INT64_MAX INT64_C M_PI int8_t uint8_t int64_t double_t size_t main errno
    y0 j1 exp expf memcpy strlen fabs signgam true false call context begin end part parts frame f
    in own k p failed failed_2 mark gc_call gc_array gc_entry gc_parts gc_exp_f64 gc_body nest
    nest_2 t i0 i1 x x_n0 x_n1 sum sum_parts sum_2 mul exp_2 v_exp taken out omp_in omp_out a b
    alloca abs div remainder index GRADCORE_ABI __FP_FAST_FMA
""".split()  # noqa: SIM905 - a word each


def macros():
    """Return the names of macros that units can see."""
    found = compiler.find_compiler()
    seen = compiler._run(
        (*found.command, *found.flags, f"-I{compiler.FOLDER}", "-dM", "-E", "-x", "c", "-"),
        '#include "abi.h"\n#include <math.h>\n#include <string.h>\n',
    )
    return [name for name in re.findall(r"#define (\w+)", seen.stdout) if name[0] != "_"]


def test_names_of_the_language_are_names():
    """Whatever a variable is called, also as something in the text around it."""
    columns = M.sum(axis=0) + T.exp(M).max(axis=1).sum()
    steps, _ = gradcore.scan(lambda e, s: T.exp(s * e), sequences=v, outputs_info=x)
    found = [columns, steps, T.grad(steps.sum() + columns.sum(), M)]
    text = function([M, v, x], found, mode="c").source
    names = list(dict.fromkeys([*KEYWORDS, *macros(), *re.findall(r"[A-Za-z_]\w*", text)]))
    values = np.arange(12.0).reshape(3, 4) / 10, np.array([0.1, 0.2]), 0.5
    expected = function([M, v, x], found, mode="numpy")(*values)
    width = 3
    for start in range(0, len(names), width):
        for variable, name in zip((M, v, x), names[start : start + width], strict=False):
            variable.name = name
        middle = names[-1 - start // width]
        columns.name, steps.name = middle, middle
        try:
            f = function([M, v, x], found, mode="c")
        finally:
            M.name, v.name, x.name = "M", "v", "x"
            columns.name = steps.name = None
        for one, other in zip(f(*values), expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12, err_msg=str((start, middle)))


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
    held = shared(np.zeros((1, 1)))
    held.set_value(given, borrow=True)
    inputs, output = program()
    np.testing.assert_array_equal(
        function([], output, mode="c", givens={inputs[0]: held})(), f(plain)
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
    kept = function([x, In(a, value=1.0, update=a + x)], a * 2, mode="c")
    assert [kept(1), kept(2), kept(3)] == [2, 4, 8]
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
    same, apart, quiet = f.copy(), f.copy(share_memory=False), f.copy(delete_updates=True)
    other = shared(np.zeros(5))
    swapped = f.copy(swap={s: other})
    again = pickle.loads(pickle.dumps(f))
    assert f(1) == 3 and same(1) == 6 and quiet(1) == 9 and s.get_value().tolist() == [3, 3, 3]
    assert apart(1) == 3 and again(1) == 3 and again(1) == 6 and swapped(2) == 0
    assert other.get_value().tolist() == [2] * 5 and s.get_value().tolist() == [3] * 3
    assert again.maker.backend.name == "c" and again.get_shared()[0] is not s


def test_profiles():
    f = function([M], T.dot(M, M.T).sum() + T.sort(M, axis=0).sum(), mode="c", profile=True)
    assert f.profile.peak_bytes is None
    for n in (100, 200, 50):
        f(np.ones((n, n)))
    assert f.profile.calls == 3 and f.profile.seconds > 0
    assert 200 * 200 * 8 <= f.profile.peak_bytes < 4 * 200 * 200 * 8
    assert re.fullmatch(r"3 calls, [0-9.]+ s, \d+ bytes at most", f.profile.summary())
    assert Profile().summary() == "0 calls, 0.000000 s"


# errors -----------------------------------------------------------------------------------------
def test_failed_checks_tell_the_users_line_and_change_nothing():
    first, second = shared(1.0), shared(np.zeros(2))
    total = v + w
    kept = T.assert_op(total.sum(), T.all(total < 100), message="too large")
    f = function([v, w], kept, updates={first: first + 1, second: second + kept}, mode="c")
    here = test_failed_checks_tell_the_users_line_and_change_nothing.__code__
    line = f"{Path(__file__).name}:{here.co_firstlineno + 2}"
    with pytest.raises(ShapeError) as told:
        f([1.0, 2.0], [1.0, 2.0, 3.0])
    assert line in str(told.value) and "2" in str(told.value) and "3" in str(told.value)
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
    with pytest.raises(IndexError) as told:
        f([1.0, 2.0], [0, 1, 7])
    assert "7" in str(told.value) and Path(__file__).name in "".join(told.value.__notes__)
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
    with pytest.raises(CompileError, match=r"(?s)nonsense.*source is kept in.*it is a bug") as told:
        function([x], x * 2, mode="c")
    kept = Path(re.search(r"kept in (\S+\.c)", str(told.value))[1])
    assert "nonsense" in kept.read_text()
    kept.unlink()


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
        backend, value, remarks, others, none, noticed, told = in_a_new_process(
            hide + NO_COMPILER, PATH=path, CC="", GRADCORE_CACHE_DIR=str(tmp_path)
        )[0]
        assert backend == "numpy" and value == 9 and remarks == others and none == []
        ((category, message, file),) = noticed
        assert category == "UnavailableWarning" and file == "<string>"
        for sentence in (*remarks, message, told):
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


# many at once -----------------------------------------------------------------------------------
def test_many_threads_call_one_function(rng):
    """Each gets its own results; calls are under way at the same time."""
    both = threading.Barrier(2)
    f = function([M], [T.tanh(M).sum(axis=1), M.T * 2, T.dot(M, M.T).max()], mode=TWO)
    given = [rng.random((40 + 10 * k, 50)) for k in range(6)]
    expected = [f(m) for m in given]
    wrong = []

    def work(k):
        for _ in range(60):
            results = zip(f(given[k]), expected[k], strict=True)
            wrong.extend(k for found, right in results if found.tobytes() != right.tobytes())

    run_all([lambda k=k: work(k) for k in range(6)])
    assert not wrong
    meet = function([x], Seen(lambda value: both.wait(60))(x) + 1, mode="c")
    results = []
    run_all([lambda k=k: results.append(float(meet(k))) for k in range(2)])
    assert sorted(results) == [1, 2]


def run_all(functions):
    threads = [threading.Thread(target=each) for each in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive()


def test_shared_updates_from_many_threads_keep_whole_values():
    s = shared(np.zeros(2000), "s")
    f = function([], s.sum(), updates={s: T.full((2000,), s[0] + 1)}, mode="c")
    odd = []

    def work():
        odd.extend(total for total in (f() for _ in range(300)) if total % 2000 != 0)

    run_all([work] * 4)
    assert not odd and len(set(s.get_value())) == 1


INTERRUPTED = """
import json, os, signal, sys, threading, time
import gradcore
import gradcore.tensor as T

signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
n, m, s = T.lscalar("n"), T.dmatrix("m"), gradcore.shared(0.0, "s")
scalars = gradcore.scan(lambda q: T.sin(q) + 1.0, outputs_info=T.constant(0.0), n_steps=n)[0][-1]
products = gradcore.scan(lambda q: T.tanh(T.dot(q, q)), outputs_info=m, n_steps=n)[0][-1]
pairs = T.exp(-abs(T.arange(n)[:, None] - T.arange(n)[None, :])).sum()
largest = T.gamma(1.5 + T.arange(n) / n).max()
nested = gradcore.scan(
    lambda k: gradcore.scan(lambda q: T.sin(q) + k, outputs_info=T.constant(0.0), n_steps=n)[0][-1],
    sequences=T.arange(3.0),
)[0].sum()
until = gradcore.scan(
    lambda q: (T.sin(q) + 1.0, gradcore.until(q > 9)), outputs_info=T.constant(0.0), n_steps=n
)[0][-1]
outputs = {"scalars": scalars, "products": products, "pairs": pairs, "largest": largest}
output = {**outputs, "nested": nested, "until": until}[sys.argv[1]]
mode = gradcore.Mode(sys.argv[2], **json.loads(sys.argv[3]))
f = gradcore.function([n, m], output, updates={s: s + 1}, mode=mode, on_unused_input="ignore")
f(10, [[1.0] * 50] * 50)
threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
start = time.monotonic()
try:
    f({"pairs": 100_000}.get(sys.argv[1], 10**10), [[1.0] * 50] * 50)
except KeyboardInterrupt:
    assert time.monotonic() - start < 5
    assert s.get_value() == 1
    f(10, [[1.0] * 50] * 50)
    assert s.get_value() == 2
    print("interrupted")
"""


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("what", ["scalars", "products", "pairs", "largest", "nested", "until"])
def test_a_long_call_is_interrupted(what, threads):
    """Between steps of a scan and parts of a loop; nothing is stored, and the next call works."""
    interrupt(what, "c", threads=threads)


def interrupt(what, backend, **options):
    command = [sys.executable, "-c", INTERRUPTED, what, backend, json.dumps(options)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.stdout, done.stderr) == ("interrupted\n", "")


@pytest.mark.parametrize("what", ["scalars", "products", "nested", "until"])
def test_a_long_loop_of_the_reference_is_interrupted(what):
    interrupt(what, "numpy")


@pytest.mark.parametrize("what", ["scalars", "products", "pairs", "nested", "until"])
def test_a_loop_of_kernels_is_interrupted(what):
    """Between kernels, and where a CPU runs them between the steps of their loops."""
    interrupt(what, "cuda", runtime="host")


FORKED = """
import json, os, threading, warnings
import numpy as np
import gradcore
import gradcore.tensor as T

warnings.filterwarnings("ignore", ".*fork.*", DeprecationWarning)
M, x, s = T.dmatrix("M"), T.dscalar("x"), gradcore.shared(0.0, "s")
f = gradcore.function([M], [T.exp(M).sum(axis=0), T.dot(M, M)], mode=gradcore.Mode("c", threads=2))
count = gradcore.function([], s, updates={s: s + 1}, mode="c")
given = np.random.default_rng(0).random((400, 400))
expected = [out.tobytes() for out in f(given)]
held, forked = threading.Event(), threading.Event()

def hold():
    with s.lock:
        held.set()
        forked.wait()

holder = threading.Thread(target=hold)
holder.start()
held.wait()
child = os.fork()
if child == 0:
    fine = [out.tobytes() for out in f(given)] == expected
    fine &= bool(gradcore.function([x], T.exp(x) * 3, mode="c")(0.0) == 3)
    s.set_value(5.0)
    fine &= count() == 5 and s.get_value() == 6
    os._exit(0 if fine else 1)
forked.set()
holder.join()
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print(json.dumps([status, [out.tobytes() for out in f(given)] == expected, float(count())]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_functions_work_after_a_fork():
    """In the child, threads are new, and locks that others held are free."""
    assert in_a_new_process(FORKED)[0] == [0, True, 0.0]


REDUCTIONS = {
    "sum": lambda m: T.exp(m).sum(),
    "columns": lambda m: T.exp(m).sum(axis=0),
    "rows": lambda m: T.exp(m).sum(axis=1),
    "max": lambda m: T.stack([m.max(), m.min()]),
    "columns max": lambda m: m.max(axis=0),
    "argmax": lambda m: m.argmax(axis=0),
    "prod": lambda m: (1 + m / 1e6).prod(),
    "logsumexp": lambda m: T.logsumexp(m, axis=1),
    "softmax": lambda m: T.softmax(m),
    "mean": lambda m: m.mean() + m.var(),
    "dot": lambda m: T.dot(m.T, m),
    "norm gradient": lambda m: T.grad(T.sqrt((m**2).sum()), m),
}


LARGE = [
    (name, shape)
    for name in REDUCTIONS
    for shape in [(1500, 300), (3, 200_000), (200_000, 3)]
    if name != "dot" or shape[1] < 10_000  # its result is a square of the columns
]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", long_sums.PROGRAMS)
def test_long_sums_are_accurate(name, threads):
    """What rounding loses does not grow with the number of terms, for any axis and thread."""
    long_sums.check(name, gradcore.Mode("c", threads=threads))


@pytest.mark.parametrize("shape", [(3, 2, 0), (3, 0, 2), (0, 3), (0,)])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_sums_of_no_terms(dtype, shape):
    """An axis that is known to be empty makes no block."""
    x = T.tensor("x", dtype, shape)
    sums = [x.sum(axis) for axis in (None, *range(x.ndim))]
    found = gradcore.function([x], sums, mode="c")(np.ones(shape, dtype))
    for axis, value in zip((None, *range(x.ndim)), found, strict=True):
        np.testing.assert_array_equal(value, np.ones(shape, dtype).sum(axis))


def test_a_very_long_sum_is_accurate():
    """The mean of 20 million equal numbers is that number, as NumPy has it."""
    x = T.fvector("x")
    mean = gradcore.function([x], T.mean(x), mode="c")
    np.testing.assert_allclose(mean(np.full(20_000_000, 0.1, "f")), np.float32(0.1), rtol=3e-6)


@pytest.mark.parametrize(("name", "shape"), LARGE, ids=str)
def test_threads_change_rounding_at_most(name, shape, rng):
    """Results are the same from run to run, and nearly the same on one thread and on two."""
    given = rng.standard_normal(shape)
    outputs = REDUCTIONS[name](M)
    one, two = function([M], outputs, mode=ONE), function([M], outputs, mode=TWO)
    assert one.source == two.source
    first = two(given)
    for _ in range(3):
        assert two(given).tobytes() == first.tobytes()
    np.testing.assert_allclose(one(given), first, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(
        first, function([M], outputs, mode="numpy")(given), rtol=1e-10, atol=1e-10
    )


at = T.lvector("at")
RACES = {
    "scatter by adding": T.inc_subtensor(T.zeros(50)[at], v),
    "scatter by setting": T.set_subtensor(T.zeros(50)[at], v),
    "gradient of a gather": T.grad(T.sum(v[at] ** 2), v),
    "first of equals": [M.argmax(), M.argmin(), M.argmax(axis=0), M.argmin(axis=1)],
    "equals share": [T.grad(M.max(axis=0).sum(), M), T.grad(M.max(), M)],
    "cumulative": [M.cumsum(), M.cumsum(axis=0), M.cumsum(axis=1)],
    "orders": [T.sort(M, axis=0), T.argsort(M, axis=1)],
    "masks": [M[M > 2], T.nonzero(M)[0]],
    "truth": [(M > 2).any(), (M >= 0).all(), (M > 2).any(axis=0)],
    "products": T.grad((1 + M / 1e4).prod(axis=0).sum(), M),
    "integers": [M.astype("int8").sum(), M.astype("bool").sum(axis=0)],
    "a NaN": [M.max(), M.min(axis=0), M.argmax(axis=0), M.argmin()],
}


@pytest.mark.parametrize("name", RACES)
def test_steps_that_meet_do_not_race(name, rng):
    """Where steps on several threads touch the same element, or equals must be told apart."""
    matrix = rng.integers(0, 4, (2000, 200)).astype("float64")
    if name == "a NaN":
        matrix[1700, 3] = matrix[1900] = np.nan
    values = [matrix, rng.integers(0, 5, 300_000).astype("float64"), rng.integers(0, 50, 300_000)]

    def run(mode):
        f = function([M, v, at], RACES[name], mode=mode, on_unused_input="ignore")
        found = [f(*values) for _ in range(3)]
        return found[0] if isinstance(found[0], list) else found

    expected = run("numpy")
    for threads in (1, 2, 7):
        for found, right in zip(run(gradcore.Mode("c", threads=threads)), expected, strict=True):
            assert found.dtype == right.dtype
            np.testing.assert_allclose(found, right, rtol=1e-12, atol=1e-12)


# what is not done again -------------------------------------------------------------------------
def test_a_hundred_shapes_are_compiled_once(monkeypatch, tmp_path, rng):
    compiled = []
    original = compiler.Compiler.run
    monkeypatch.setenv("GRADCORE_CACHE_DIR", str(tmp_path / "store"))

    def counted(self, source, flags, into):
        if "gc_entry" in source:
            compiled.append(source)
        return original(self, source, flags, into)

    monkeypatch.setattr(compiler.Compiler, "run", counted)
    loss = T.log(1 + T.exp(-T.dot(M, v))).mean()
    f = function([M, v], [loss, T.grad(loss, v)], mode="c")
    assert compiled == [f.source]
    for n in range(1, 101):
        given, weights = rng.standard_normal((n, 5)), rng.standard_normal(5)
        value, gradient = f(given, weights)
        z = given @ weights
        np.testing.assert_allclose(value, np.log1p(np.exp(-z)).mean(), rtol=1e-12)
        np.testing.assert_allclose(gradient, -(given.T @ (1 / (1 + np.exp(z)))) / n, rtol=1e-10)
    function([M, v], [loss, T.grad(loss, v)], mode="c")
    assert len(compiled) == 1


def resident():
    """Return the bytes of memory that this process has in use."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is counted on Linux only")
@pytest.mark.skipif(
    "asan" in os.environ.get("LD_PRELOAD", ""), reason="a sanitizer keeps freed memory for a while"
)
def test_memory_stays_flat_over_many_calls():
    s = shared(0.0)
    f = function([x], T.grad(x**2, x), updates={s: s + x}, mode="c")
    rows, n = function([M], T.softmax(M), mode="c"), T.lscalar("n")
    steps, _ = gradcore.scan(lambda h: h * x, outputs_info=T.ones_like(x), n_steps=n)
    loop = function([x, n], T.grad(steps[-1], x), mode="c")
    given = np.ones((30, 30))

    def turn():
        for _ in range(100_000):
            f(1.0)
        for _ in range(3000):
            rows(given)
            rows(given.T)
            loop(1.0, 20)
            with pytest.raises(ArgumentError):
                f("odd")

    turn()
    gc.collect()
    before = resident()
    turn()
    turn()
    gc.collect()
    assert resident() - before < 3_000_000
    assert s.get_value() == 300_000


def test_big_results_take_the_place_of_dropped_ones():
    f = function([v], v * 2, mode="c")
    given = np.ones(1_000_000)
    runtime.trim()
    first = f(given)
    place = first.ctypes.data
    second = f(given)
    assert second.ctypes.data != place
    del first
    for _ in range(5):
        again = f(given)
        assert again.ctypes.data == place and again[-1] == 2
        del again
    part = second[5:7]
    del second
    f(given * 3)
    assert part.tolist() == [2, 2]


def test_functions_that_are_dropped_leave_nothing():
    def turn(k):
        f = function([v], T.exp(v) * k, mode="c")
        f(np.ones(100_000))

    for k in range(2):
        turn(k)
    gc.collect()
    before = len([o for o in gc.get_objects() if type(o).__name__ in ("Executable", "Bound")])
    for k in range(2):
        turn(k)
    gc.collect()
    after = len([o for o in gc.get_objects() if type(o).__name__ in ("Executable", "Bound")])
    assert after == before


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


def test_a_dtype_that_it_lacks():
    z = T.zvector("z")
    with pytest.raises(UnsupportedError, match="c has no complex128: z"):
        function([z], z, mode="c")


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
