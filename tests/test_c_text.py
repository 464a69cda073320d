"""The text of generated C: the same for a graph, whatever its names are.

Golden files show the text of a few functions; where a change of the printer is meant, they are
written anew by ``GRADCORE_REWRITE_GOLDEN=1 pytest tests/test_c_text.py``, and read before they are
committed.
"""

import pickle
import re
from pathlib import Path

import numpy as np
import pytest
from golden_files import PROGRAMS, compare
from new_process import in_a_new_process

import gradcore
import gradcore.tensor as T
from gradcore import function, shared
from gradcore_c import compiler

pytestmark = pytest.mark.skipif(
    compiler.unavailable() is not None, reason=str(compiler.unavailable())
)


x, a = T.dscalar("x"), T.dscalar("a")
v, w = T.dvectors("v", "w")
M, N = T.dmatrices("M", "N")


# the text ---------------------------------------------------------------------------------------
def own(source):
    """Return a text without what all share: the includes and the functions of mathematics."""
    title, _, rest = source.partition("\n")
    return f"{title}\n...\n{rest[rest.index('typedef struct {') :]}"


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_golden(program):
    found = own(function(*program(), mode="c").source)
    compare(found, f"{program.__name__}.c")


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


def test_text_is_retained_by_what_generates_it():
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
    stored = shared(np.arange(3.0), name)
    constant = T.constant(np.array([1.0, 5.0, 7.0]), name=name)
    middle = T.exp(given)
    middle.name = name
    looped, _ = gradcore.scan(
        lambda e, s: s + e, sequences=middle, outputs_info=T.constant(0.0), name=name
    )
    total = T.assert_op(middle.sum() + looped[-1], T.all(given < 10), message=name)
    f = function(
        [given], [total, middle * stored + constant], mode="c", name=name, on_unused_input="ignore"
    )
    g = function([given], [total, middle * stored + constant], mode="numpy")
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
    with pytest.raises(AssertionError) as reported:
        f([1, 2, 30])
    assert name in str(reported.value)


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


def test_choices_read_before_they_choose():
    """A loop that reads only where a mask says so is one of branches, not of vectors."""
    mask, x, y = T.vector("mask", "bool"), T.fvector("x"), T.fvector("y")
    text = function([mask, x, y], T.switch(mask, x, y), mode="c").source
    chosen = re.findall(r"\? (.*);", text)
    assert any(line.startswith("x_") for line in chosen)
    assert not any(re.search(r"\b[xy]\[", line) for line in chosen)


def test_names_of_the_language_are_names():
    """Whatever a variable is called, also as something in the text around it."""
    more = T.dscalars(20)
    columns = M.sum(axis=0) + T.exp(M).max(axis=1).sum()
    steps, _ = gradcore.scan(lambda e, s: T.exp(s * e), sequences=v, outputs_info=x + sum(more))
    found = [columns, steps, T.grad(steps.sum() + columns.sum(), M)]
    inputs = [M, v, x, *more]
    text = function(inputs, found, mode="c").source
    names = list(dict.fromkeys([*KEYWORDS, *macros(), *re.findall(r"[A-Za-z_]\w*", text)]))
    values = np.arange(12.0).reshape(3, 4) / 10, np.array([0.1, 0.2]), 0.5, *[0.01] * len(more)
    expected = function(inputs, found, mode="numpy")(*values)
    width = len(inputs)
    for start in range(0, len(names), width):
        for variable, name in zip(inputs, names[start : start + width], strict=False):
            variable.name = name
        middle = names[-1 - start // width]
        columns.name, steps.name = middle, middle
        try:
            f = function(inputs, found, mode="c")
        finally:
            for variable in inputs:
                variable.name = None
            M.name, v.name, x.name = "M", "v", "x"
            columns.name = steps.name = None
        for one, other in zip(f(*values), expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12, err_msg=str((start, middle)))
