"""The driver of the C compiler, its store, and functions of libraries."""

import functools
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from c_entries import F8, CheckError, array, executable
from new_process import in_a_new_process

import gradcore
import gradcore.tensor as T
from gradcore import config
from gradcore.errors import CompileError, UnavailableError, UnsupportedError
from gradcore_c import backend, compiler, runtime

pytestmark = pytest.mark.skipif(
    compiler.unavailable() is not None, reason=str(compiler.unavailable())
)


# libraries --------------------------------------------------------------------------------------
def test_library_functions():
    body = """
    void (*dot)(int *, double *, int *, double *, int *) = 0;
    int n = (int)in[0].shape[0], one = 1;
    double (*ddot)(int *, const double *, int *, const double *, int *);
    memcpy(&ddot, call->library, sizeof ddot);
    *(double *)call->output(call, 0, 0) = ddot(&n, a, &one, a, &one);
    int info = 0;
    void (*dpotrf)(const char *, int *, double *, int *, int *) = call->library[1];
    double m = 9;
    dpotrf("L", &one, &m, &one, &info);
    *(double *)call->output(call, 1, 0) = m + info;
    """
    library = [runtime.library_address("blas:ddot"), runtime.library_address("lapack:dpotrf")]
    f = executable(body, [array(F8, 1)], [(F8, 0), (F8, 0)], library=library)
    assert f(np.arange(4.0)) == [14, 3]


@pytest.mark.parametrize("name", ["blas:nonsense", "lapack:", "other:dgemm", "matmul_nonsense", ""])
def test_library_functions_that_do_not_exist(name):
    with pytest.raises(UnsupportedError, match="there is no library function"):
        runtime.library_address(name)


def test_scipy_comes_after_its_functions():
    """Loading two of SciPy's modules without their package does no harm to the package."""
    program = """
    import sys
    from gradcore_c import runtime
    runtime.library_address("blas:dgemm"), runtime.library_address("lapack:dgetrf")
    assert "scipy.linalg" not in sys.modules
    import scipy.linalg
    from scipy.linalg import cython_blas
    assert "dgemm" in cython_blas.__pyx_capi__
    assert scipy.linalg.solve([[2.0]], [4.0]) == 2
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=True)


def test_an_address_is_needed():
    with pytest.raises(ValueError, match="address 0"):
        runtime.make(0, None, [], [], [], CheckError)
    with pytest.raises(ValueError, match="library function 0"):
        executable("", [], [], library=[0])


# the compiler -----------------------------------------------------------------------------------
WARM = """
import json, subprocess
from gradcore_c import backend, compiler, runtime
started = []
original = subprocess.Popen.__init__
def counted(self, *args, **kwargs):
    started.append(args)
    original(self, *args, **kwargs)
subprocess.Popen.__init__ = counted
address, keep = runtime.load_entry(
    '#include "abi.h"\\nint32_t gc_entry(gc_call *c, const gc_array *in) { return 0; }', "nothing"
)
f = runtime.make(address, keep, [], [], [], ValueError)
print(json.dumps([len(started), f(), compiler.find_compiler().version]))
"""


def test_a_warm_start_runs_no_compiler(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADCORE_PREBUILT", "0")
    cold, _ = in_a_new_process(WARM, GRADCORE_CACHE_DIR=str(tmp_path / "store"))
    warm, _ = in_a_new_process(WARM, GRADCORE_CACHE_DIR=str(tmp_path / "store"))
    assert cold[0] >= 4 and cold[1:] == warm[1:] and warm[0] == 0
    for path in (tmp_path / "store").rglob("*.so"):
        path.write_bytes(path.read_bytes()[:-100])  # a torn write
    assert in_a_new_process(WARM, GRADCORE_CACHE_DIR=str(tmp_path / "store"))[0][0] == 2


def test_the_key_holds_what_the_code_depends_on(tmp_path, monkeypatch):
    source = "int answer(void) { return 42; }"
    path = compiler.compile_source(source, "answer")
    assert compiler.compile_source(source, "another name") == path
    others = [
        compiler.compile_source(source + " ", "answer"),
        compiler.compile_source(source, "answer", ["-O1"]),
    ]
    monkeypatch.setenv("GRADCORE_CFLAGS", "-O1 -DMORE='1 + 1'")
    assert "-DMORE=1 + 1" in compiler.find_compiler().flags
    others.append(compiler.compile_source(source, "answer"))
    monkeypatch.delenv("GRADCORE_CFLAGS")
    monkeypatch.setattr(compiler, "cpu", lambda: "another machine")
    others.append(compiler.compile_source(source, "answer"))
    assert path not in others and len(set(others)) == 4


def test_flags_of_the_user_come_after_those_of_long_texts(monkeypatch):
    monkeypatch.setenv("GRADCORE_CFLAGS", "-O0 -DMINE")
    monkeypatch.setattr(backend, "EFFORTS", ((0, ("-O2",)),))
    given = []
    load = runtime.load_entry

    def spied(source, name, flags=(), *others):
        given.append(flags)
        return load(source, name, flags, *others)

    monkeypatch.setattr(runtime, "load_entry", spied)
    gradcore.function([], T.constant(2.0) + 1, mode="c")()
    assert given == [("-O2", "-O0", "-DMINE")]


def test_the_key_holds_the_headers(tmp_path, monkeypatch):
    monkeypatch.setattr(compiler, "FOLDER", tmp_path)
    (tmp_path / "outer.h").write_text('#include "inner.h"\n')
    found = []
    for number in "12":
        (tmp_path / "inner.h").write_text(f"enum {{ NUMBER{number} = 1 }};\n")
        found.append(compiler.compile_source('#include "outer.h"\nint x;', "x"))
    assert found[0] != found[1]


def test_a_compile_error_is_a_bug_report(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADCORE_CACHE_DIR", str(tmp_path))
    source = 'int f(void) { return "§"; }\nint broken(\n'
    with pytest.raises(CompileError) as reported:
        compiler.compile_source(source, "../../bad name; rm")
    lines = str(reported.value).splitlines()
    assert "../../bad name; rm" in lines[0] and "error" in str(reported.value)
    (saved,) = (line.split()[5].rstrip(";") for line in lines if "source is saved" in line)
    assert Path(saved).read_text(encoding="utf-8") == source
    (command,) = (line for line in lines if saved in line and " -shared " in line)
    again = subprocess.run(command, shell=True, capture_output=True, check=False)
    assert again.returncode != 0 and b"error" in again.stderr
    Path(saved).unlink()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_compiler_that_is_killed(tmp_path, monkeypatch):
    real = compiler.find_compiler().command[0]
    script = tmp_path / "cc"
    script.write_text(f'#!/bin/sh\ncase "$*" in *FATAL*) kill -9 $$;; esac\nexec {real} "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("CC", str(script))
    assert compiler.find_compiler().command == (str(script),)
    with pytest.raises(CompileError, match="signal 9"):
        compiler.compile_source("int x;", "x", ["-DFATAL"])
    assert compiler.compile_source("int x;", "x").exists()


def test_no_compiler(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(compiler.importlib.util, "find_spec", lambda name: None)
    compiler._found.cache_clear()
    try:
        assert "install gcc or clang" in compiler.unavailable()
        with pytest.raises(UnavailableError, match="pip install ziglang"):
            compiler.compile_source("int x;", "x")
        false = tmp_path / "gcc"
        false.write_text("#!/bin/sh\nexit 1\n")
        false.chmod(0o755)
        compiler._found.cache_clear()
        assert f"{false} makes no library that loads here" in compiler.unavailable()
    finally:
        compiler._found.cache_clear()


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("CC", "nonesuch --fast", "CC is 'nonesuch --fast', which does not work here"),
        ("CC", "/bin/true", "/bin/true makes no library that loads here"),
        ("CC", "SCRIPT", "SCRIPT cannot be run"),
        ("CC", "gcc 'half", 'CC is "gcc \'half", which is no command line'),
        ("GRADCORE_CFLAGS", "-O2 'half", 'GRADCORE_CFLAGS is "-O2 \'half", which is no command'),
        ("GRADCORE_CFLAGS", "-no-such-flag", "does not take GRADCORE_CFLAGS='-no-such-flag'"),
        ("GRADCORE_CFLAGS", "-std=c89", "does not take GRADCORE_CFLAGS='-std=c89'"),
        ("GRADCORE_CFLAGS", "-fsyntax-only", "with it, it makes no library that loads here"),
        ("GRADCORE_CFLAGS", "-c", "with it, it makes no library that loads here"),
        ("GRADCORE_CACHE_DIR", "SCRIPT", "cannot be made"),
    ],
)
def test_what_is_set_wrongly_is_reported_in_a_sentence(name, text, why, tmp_path, monkeypatch):
    """By the variable's name, with what to do."""
    script = tmp_path / "no_program"
    script.write_bytes(b"\x7fELF")
    script.chmod(0o755)
    monkeypatch.setenv("GRADCORE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv(name, text.replace("SCRIPT", str(script)))
    monkeypatch.setattr(compiler, "_found", functools.cache(compiler._found.__wrapped__))
    reported = compiler.unavailable()
    assert why.replace("SCRIPT", str(script)) in reported
    assert name in reported and "set" in reported and "\n" not in reported
    assert "install gcc" not in reported


def test_flags_that_some_code_does_not_compile_with(tmp_path, monkeypatch):
    """Code that compiles without the user's flags is no bug of ours."""
    monkeypatch.setenv("GRADCORE_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("GRADCORE_CFLAGS", "-Wall -Werror")
    with pytest.raises(
        CompileError, match="does not take GRADCORE_CFLAGS='-Wall -Werror'.*unset: .*unused"
    ) as reported:
        compiler.compile_source("int f(void) { int x; return 1; }", "x")
    assert reported.value.fix is None
    with pytest.raises(CompileError, match="a bug of gradcore"):
        compiler.compile_source("int f(void) { return }", "x")


@pytest.mark.parametrize(("least", "seconds"), [("PROBE_SECONDS", 60), ("compile_timeout", 60)])
def test_a_compiler_that_hangs_when_it_is_probed(least, seconds, tmp_path, monkeypatch):
    """The smaller of both limits counts."""
    script = tmp_path / "cc"
    script.write_text("#!/bin/sh\nexec sleep 300\n")
    script.chmod(0o755)
    monkeypatch.setenv("CC", str(script))
    monkeypatch.setenv("GRADCORE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(compiler, "_found", functools.cache(compiler._found.__wrapped__))
    monkeypatch.setattr(compiler, "PROBE_SECONDS", 1 if least == "PROBE_SECONDS" else seconds)
    with config.change_flags(compile_timeout=1 if least == "compile_timeout" else seconds):
        assert "it had not ended after 1 seconds" in compiler.unavailable()


def test_a_compiler_that_hangs_is_stopped(tmp_path, monkeypatch):
    """With all that it has started, and nothing is left of what it wrote."""
    real, mark = compiler.find_compiler().command[0], tmp_path / "started"
    script = tmp_path / "cc"
    script.write_text(
        f'#!/bin/sh\ncase "$*" in *HANGS*) sleep 300 & echo $! >{mark}; wait;; esac\n'
        f'exec {real} "$@"\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("CC", str(script))
    monkeypatch.setenv("GRADCORE_CACHE_DIR", str(tmp_path / "cache"))
    compiler.find_compiler()
    before = sorted((tmp_path / "cache").rglob("*"))
    with (
        config.change_flags(compile_timeout=1),
        pytest.raises(CompileError, match="(?s)had not ended after 1 seconds.*compile_timeout"),
    ):
        compiler.compile_source("int x;", "x", ["-DHANGS"])
    status = Path("/proc", mark.read_text().strip(), "stat")
    time.sleep(0.1)
    assert not status.exists() or ") Z" in status.read_text()  # nobody may have waited for it
    files = [path for path in sorted((tmp_path / "cache").rglob("*")) if path.is_file()]
    assert files == [path for path in before if path.is_file()]


def test_a_compiler_that_writes_nothing(tmp_path, monkeypatch):
    real = compiler.find_compiler().command[0]
    script = tmp_path / "cc"
    script.write_text(
        f'#!/bin/sh\ncase "$*" in *SILENT*) echo odd >&2; exit 0;; esac\nexec {real} "$@"\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("CC", str(script))
    with pytest.raises(CompileError, match="(?s)wrote nothing for x.*set CC"):
        compiler.compile_source("int x;", "x", ["-DSILENT"])


def test_flags_that_a_compiler_does_not_understand_are_left_out(tmp_path, monkeypatch):
    real = compiler.find_compiler().command[0]
    script = tmp_path / "cc"
    script.write_text(
        '#!/bin/sh\ncase "$*" in *-fopenmp-simd*|*-pipe*) exit 1;; esac\n'
        f'case "$*" in *-nostdlib*) exit 1;; esac\nexec {real} "$@"\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("CC", str(script))
    found = compiler.find_compiler()
    assert "-O3" in found.flags and "-fopenmp-simd" not in found.flags
    assert "-nostdlib" not in found.libraries
    assert compiler.compile_source("int x;", "x").exists()


def test_no_place_for_code(tmp_path, monkeypatch):
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    monkeypatch.setenv("GRADCORE_CACHE_DIR", str(tmp_path / "open"))
    compiler._found.cache_clear()
    try:
        assert "others may write" in compiler.unavailable()
    finally:
        compiler._found.cache_clear()


def test_arithmetic_is_what_it_says():
    """No fused multiply-add that nobody wrote, no reordering, signed zeros and NaN kept."""
    f = executable(
        """
        double *y = call->output(call, 0, (int64_t[]){5});
        y[0] = *a * *a - *a * *a;
        y[1] = (*a + 1e16) - 1e16;
        y[2] = 0 * -*a;
        y[3] = *b != *b;
        y[4] = *b - *b;
        """,
        [array(F8, 0)] * 2,
        [(F8, 1)],
    )
    y = f(np.array(0.1), np.array(np.nan))[0]
    assert y[0] == 0 and y[1] == 0 and np.signbit(y[2]) and y[3] == 1 and np.isnan(y[4])


def test_code_of_an_op_that_calls_what_is_declared_nowhere(declare):
    """The op is named, and the function: it is no bug of gradcore."""
    x = T.dvector("x")
    lost = declare("lost", lambda x: x, "x", lambda t, x, z: t, code="lost_in_space({0})")
    with pytest.raises(CompileError, match="the op lost, in .*, calls lost_in_space") as error:
        gradcore.function([x], lost(x) + 1, mode="c")
    assert "please report" not in str(error.value) and "expansion=" in str(error.value)
    found = declare("found", np.cbrt, "x", lambda t, x, z: t, code={"float": "cbrt({0})"})
    assert gradcore.function([x], found(x), mode="c")([8.0]).tolist() == [2.0]


def test_code_that_does_not_load_is_an_error_of_ours():
    """A function that is declared, and defined nowhere."""
    source = "void lost(void);\nint gc_entry(void *call, void *inputs) { lost(); return 0; }\n"
    with pytest.raises(CompileError, match=r"code of a test does not load: .*\blost\b"):
        runtime.load_entry(source, "a test")
