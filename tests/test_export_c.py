"""Functions exported to C: compiled as C11 without warnings, and compared with the reference."""

import ctypes
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from exported_c import CHECKED, FLAGS, Exported, Failed, compiled

import gradcore
import gradcore.tensor as T
from gradcore.conformance.case import Level
from gradcore.conformance.cases import cases
from gradcore.errors import GraphTypeError, GraphValueError, UnsupportedError

x, y = T.dvectors("x", "y")
M = T.dmatrix("M")
n = T.lscalar("n")

CODES = {"FAILED": 1, "NO_MEMORY": 2, "ROOM": 3, "ARGUMENT": 4}
QUICK = ("-O0", *CHECKED[1:])


def exported(f, folder, name="f", flags=QUICK, **options):
    """Return what `f` becomes in C."""
    gradcore.export(f, folder, name=name, **options)
    return Exported(f, folder, name, compiled(folder, [name], flags))


def fails(code, message, function, *arrays):
    """Check that a call fails as it must."""
    with pytest.raises(Failed, match=message) as caught:
        function(*arrays)
    assert caught.value.code == CODES[code]


# the reference ------------------------------------------------------------------------------------
CHOSEN = [
    case
    for case in cases(Level.CORE)
    if (case.level == Level.SMOKE and case.check in ("value", "program"))
    or (case.level == Level.CORE and case.check == "loop" and case.name == "gradient")
]

REASONS = r"float16|no loops|function of Python|no function '\w+' of a library|no element form"


@pytest.mark.parametrize("case", CHOSEN, ids=lambda c: f"{c.check}-{c.op}-{c.name}")
def test_what_c_can_hold_is_what_the_reference_computes(case, tmp_path):
    """With memory from malloc, and in a workspace that is as large as the header says."""
    built = case.build()
    mode = gradcore.Mode("numpy", optimizer=case.optimizer)
    f = gradcore.function(built.inputs, built.outputs, mode, on_unused_input="ignore")
    try:
        g = exported(f, tmp_path)
    except UnsupportedError as error:
        assert all(re.search(REASONS, reason) for reason in error.reasons), error
        assert not list(tmp_path.iterdir())
        return
    found = g(*built.values)
    for output, expected in zip(found, case.judge(built), strict=True):
        assert expected.complaint(output) is None
    size = g.workspace(*built.values)
    if size is None:
        return
    assert g.context.used <= size
    memory = np.zeros(max(size, 1), np.uint8)
    g.context.workspace, g.context.size = memory.ctypes.data, size
    for output, again in zip(found, g(*built.values), strict=True):
        np.testing.assert_array_equal(output, again)


def test_products_of_all_layouts(tmp_path, rng):
    """Rows and columns of any stride, more of one than of the other, of every dtype."""
    for dtype in ("float64", "float32", "int8", "uint64", "bool"):
        a, b = T.matrix("a", dtype), T.matrix("b", dtype)
        shapes = [(1, 1, 1), (20, 3, 30), (3, 20, 30), (17, 19, 23), (40, 1, 9), (1, 40, 9)]
        outputs = [T.dot(a, b), T.dot(b.T[::-1], a.T), T.dot(a[::2], b[:, ::3])]
        g = exported(gradcore.function([a, b], outputs), tmp_path, f"dots_{dtype}")
        for rows, columns, depth in shapes:
            given = [
                (rng.normal(size=shape) * 9).astype(dtype)
                for shape in ((rows, depth), (depth, columns))
            ]
            wanted = [given[0] @ given[1], given[1].T[::-1] @ given[0].T,
                      given[0][::2] @ given[1][:, ::3]]  # fmt: skip
            for found, want in zip(g(*given), wanted, strict=True):
                tolerance = 1e-4 if dtype == "float32" else 1e-12
                np.testing.assert_allclose(found, want, rtol=tolerance, atol=tolerance * 50)


@pytest.mark.parametrize("size", [3, 8, 9, 30])
def test_factors_of_small_and_large_matrices(tmp_path, rng, size):
    b = T.dmatrix("b")
    factor = T.linalg.cholesky(M)
    outputs = [
        factor, T.linalg.solve(M, b), T.linalg.solve_triangular(factor, b, lower=True),
        T.linalg.solve_triangular(factor, b, lower=True, trans=1),
        T.grad(T.linalg.solve(M, b).sum(), M),
    ]  # fmt: skip
    f = gradcore.function([M, b], outputs)
    g = exported(f, tmp_path)
    matrix = rng.normal(size=(size, size))
    given = matrix @ matrix.T + np.eye(size), rng.normal(size=(size, 3))
    for found, want in zip(g(*given), f(*given), strict=True):
        np.testing.assert_allclose(found, want, rtol=1e-9, atol=1e-9)
    fails("FAILED", "positive definite", g, -given[0], given[1])
    again = exported(gradcore.function([M, b], T.linalg.solve(M, b)), tmp_path, "solution")
    general = matrix[rng.permutation(size)], given[1]
    np.testing.assert_allclose(again(*general)[0], np.linalg.solve(*general), rtol=1e-8, atol=1e-8)
    fails("FAILED", "Singular", again, np.zeros((size, size)), given[1])


# arguments, states, results -----------------------------------------------------------------------
def test_states_are_replaced_and_constants_are_in_the_source(tmp_path):
    count = gradcore.shared(np.int64(3), "count")
    total = gradcore.shared(np.array([1.0, 2.0]), "total")
    weight = gradcore.shared(np.array([10.0, 20.0]), "weight")
    f = gradcore.function(
        [x], {"sum": (total * weight).sum()}, updates={total: total + x, count: count + 1}
    )
    g = exported(f, tmp_path)
    assert "double *sum" in g.header and "weight" not in g.header
    for k in range(3):
        assert g([1.0, 1.0]) == [[10 * (1 + k) + 20 * (2 + k)]]
    assert g.states[0].tolist() == [4.0, 5.0] and g.states[1] == 6
    fails("FAILED", r"\(3\).*\(2\)|3.*2", g, [1.0, 2.0, 3.0])
    assert g.states[0].tolist() == [4.0, 5.0], "nothing is replaced if a call fails"
    assert total.get_value().tolist() == [1.0, 2.0]


def test_a_state_keeps_its_shape(tmp_path):
    total = gradcore.shared(np.ones(2), "total")
    longer = gradcore.function([x], updates={total: T.concatenate([total, x])})
    fails("FAILED", "new value of total has 3 elements, not 2", exported(longer, tmp_path), [1.0])


def test_random_streams_go_on_where_they_are(tmp_path):
    draws = T.random.RandomStream(seed=3).normal(size=(4,))
    f = gradcore.function([], draws)
    g = exported(f, tmp_path)
    np.testing.assert_allclose([g()[0], g()[0]], [f(), f()], rtol=1e-12)


def test_numbers_truth_values_and_complex_numbers(tmp_path):
    a, b, z, w = T.fscalar("a"), T.bscalar("b"), T.zscalar("z"), T.zvector("w")
    p = T.vector("p", "bool")
    outputs = [a + b, z * 2, w.conj() + z, ~p, T.arange(n)]
    f = gradcore.function([a, b, z, w, p, n], outputs)
    given = np.float32(0.5), np.int8(-3), 1 + 2j, np.array([3j, 4.0]), np.array([True, False]), 4
    for found, want in zip(exported(f, tmp_path)(*given), f(*given), strict=True):
        np.testing.assert_array_equal(found, want)
        assert found.dtype == want.dtype


def test_names_are_words_that_c_and_cpp_have_room_for(tmp_path):
    names = ["new", "class", "I", "gc_x", "f", "x", "x n0", "context", "2x", "x", "frame", "α",
             "NULL", "NAN", "INFINITY", "int64_t", "size_t", "M_PI", "INT64_MAX", "memcpy",
             "exp", "stderr", "HUGE_VAL"]  # fmt: skip
    given = [T.dvector(name) for name in names]
    w = gradcore.shared(0.0, "memcpy")
    outputs = [sum(v.sum() for v in given), given[0] * 2]
    f = gradcore.function(given, outputs, updates={w: w + 1})
    g = exported(f, tmp_path)
    assert g(*([1.0, 2.0] for _ in names))[0] == 3 * len(names)
    program = '#include "f.h"\nint main() { f_context c = {}; return (int)c.used; }\n'
    command = ["g++", "-x", "c++", "-Wall", "-Werror", f"-I{tmp_path}", "-fsyntax-only", "-"]
    subprocess.run(command, input=program, text=True, check=True)


# what goes wrong ----------------------------------------------------------------------------------
def test_failures_say_what_and_where(tmp_path):
    f = gradcore.function([x, y, n], [x * y, x[n]])  # the line that is named
    g = exported(f, tmp_path)
    ones = np.ones(3)
    assert g(ones, ones, 2)[1] == 1
    fails("FAILED", r"3.*4.*\(test_export_c.py:\d+\)", g, ones, np.ones(4), 0)
    fails("FAILED", r"index 7 .*3", g, ones, ones, 7)
    fails("FAILED", r"-9223372036854775808", g, ones, ones, -(2**63))
    g.room = 2
    fails("ROOM", r"out0 has room for 2 elements, and 3 are needed", g, ones, ones, 0)
    assert g.context.used > 0 or g.context.message


def test_a_workspace_that_is_too_small_is_an_error_and_malloc_is_not_called(tmp_path):
    f = gradcore.function([M], T.dot(M, M.T)[::-1].sum(axis=0).cumsum())
    g = exported(f, tmp_path, flags=(*QUICK, "-DF_NO_MALLOC"))
    given = np.ones((5, 7))
    fails("NO_MEMORY", "no workspace", g, given)
    size = g.workspace(given)
    memory = np.zeros(size + 7, np.uint8)
    g.context.workspace, g.context.size = memory.ctypes.data + 7, size
    (found,) = g(given)
    np.testing.assert_allclose(found, f(given))
    g.context.size = 64
    fails("NO_MEMORY", r"workspace has 64 bytes, and \d+ or more", g, given)
    undefined = subprocess.run(
        ["nm", "-u", str(tmp_path / "f.so")], capture_output=True, text=True, check=True
    ).stdout
    assert not re.search(r"\b(malloc|calloc|free|printf)\b", undefined)


@pytest.mark.parametrize(
    ("outputs", "what"),
    [
        (lambda: T.linalg.svd(M)[1], "'svd'|'svdvals'"),
        (lambda: gradcore.as_op([T.dvector], [T.dvector])(lambda a: a)(x), "function of Python"),
        (lambda: x.astype("float16") + 1, "float16"),
    ],
    ids=["svd", "python", "float16"],
)
def test_what_c_has_no_place_for_is_refused_by_name_and_line(tmp_path, outputs, what):
    built = outputs()
    line = outputs.__code__.co_firstlineno
    f = gradcore.function([v for v in (x, M) if v in gradcore.graph_inputs([built])], built)
    with pytest.raises(UnsupportedError, match=what) as caught:
        gradcore.export(f, tmp_path / "new", name="f")
    assert f"test_export_c.py:{line}" in str(caught.value)
    assert not (tmp_path / "new").exists()


def test_arguments_of_export_are_checked(tmp_path):
    f = gradcore.function([x], x * 2)
    with pytest.raises(GraphTypeError, match="takes a function"):
        gradcore.export(x, tmp_path)
    with pytest.raises(GraphValueError, match=r"no target 'C'[^?]*did you mean 'c'"):
        gradcore.export(f, tmp_path, target="C")
    refused = "two words", "3d", "while", "gc_f", "é", "gamma", "expf", "malloc", "NULL", "int8_t"
    for name in refused:
        with pytest.raises(GraphValueError, match="cannot be called"):
            gradcore.export(f, tmp_path, name=name)
    with pytest.raises(TypeError, match="colour"):
        gradcore.export(f, tmp_path, name="f", colour=3)
    guarded = gradcore.function([x], x * 2, mode=gradcore.Mode("numpy", guard="nan"))
    with pytest.raises(UnsupportedError, match="guard"):
        gradcore.export(guarded, tmp_path, name="f")
    assert not list(tmp_path.iterdir())


# programs in C ------------------------------------------------------------------------------------
PROGRAM = """
#include "step.h"
#include <stdio.h>

static char memory[STEP_WORKSPACE];

int main(void) {
    const double points[] = {1, 2, 3, 4, 5, 6}, labels[] = {1, -1, 1};
    double weights[2], loss;
    for (int k = 0; k < 2; k++) weights[k] = step_initial_w[k];
    step_context context = {0};
    context.size = sizeof memory;
    context.workspace = memory;
    for (int k = 0; k < 3; k++)
        if (step(&context, points, 3, 2, labels, 3, weights, &loss)) {
            puts(context.message);
            return 1;
        }
    printf("%.15g %.15g %.15g\\n", loss, weights[0], weights[1]);
    if (step(&context, points, 3, 2, labels, 2, weights, &loss) != STEP_FAILED) return 2;
    if (step(&context, 0, 3, 2, labels, 3, weights, &loss) != STEP_ARGUMENT) return 3;
    if (step(&context, points, -3, 2, labels, 3, weights, &loss) != STEP_ARGUMENT) return 4;
    puts(context.message);
    if (step(0, points, 3, 2, labels, 3, weights, &loss)) return 5;
    return 0;
}
"""


def training_step():
    w = gradcore.shared(np.zeros(2), "w")
    cost = T.log1p(T.exp(-y * T.dot(M, w))).sum()
    return gradcore.function(
        [M, y], cost, updates={w: w - 0.1 * T.grad(cost, w)}, name="step", mode="numpy"
    )


def test_a_program_in_c_under_sanitizers(tmp_path):
    f = training_step()
    gradcore.export(f, tmp_path)
    main = tmp_path / "main.c"
    main.write_text(PROGRAM)
    sanitized = ("-O1", "-g1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    subprocess.run(
        ["gcc", *FLAGS, *sanitized, main, tmp_path / "step.c", "-o", tmp_path / "main", "-lm"],
        check=True,
    )  # fmt: skip
    ran = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True)
    numbers, message = ran.stdout.splitlines()
    for _ in range(3):
        loss = f([[1, 2], [3, 4], [5, 6]], [1, -1, 1])
    (w,) = f.get_shared()
    np.testing.assert_allclose(list(map(float, numbers.split())), [loss, *w.get_value()])
    assert message == "M has -3 elements along axis 0"


def test_cmake_builds_it(tmp_path):
    cmake = shutil.which("cmake")
    if cmake is None:
        pytest.skip("cmake is not installed")
    gradcore.export(training_step(), tmp_path)
    built = tmp_path / "build"
    for command in ([cmake, "-S", tmp_path, "-B", built], [cmake, "--build", built]):
        subprocess.run(command, check=True, capture_output=True)
    assert list(built.glob("*step.*"))


def test_cblas_takes_large_products(tmp_path, rng):
    """Against a CBLAS that is written here: it notes that it was called."""
    (tmp_path / "cblas.h").write_text(
        "typedef enum { CblasRowMajor = 101 } CBLAS_ORDER;\n"
        "typedef enum { CblasNoTrans = 111, CblasTrans, CblasConjTrans } CBLAS_TRANSPOSE;\n"
        "extern int called;\n"
        "void cblas_dgemm(CBLAS_ORDER order, CBLAS_TRANSPOSE of_a, CBLAS_TRANSPOSE of_b, int m,\n"
        "    int n, int k, double alpha, const double *a, int lda, const double *b, int ldb,\n"
        "    double beta, double *c, int ldc);\n"
    )
    (tmp_path / "blas.c").write_text(
        '#include "cblas.h"\nint called;\n'
        "void cblas_dgemm(CBLAS_ORDER order, CBLAS_TRANSPOSE of_a, CBLAS_TRANSPOSE of_b, int m,\n"
        "    int n, int k, double alpha, const double *a, int lda, const double *b, int ldb,\n"
        "    double beta, double *c, int ldc) {\n"
        "    called += order == CblasRowMajor && ldc >= n;\n"
        "    for (int i = 0; i < m; i++) for (int j = 0; j < n; j++) {\n"
        "        double sum = beta == 0 ? 0 : beta * c[i * ldc + j];\n"
        "        for (int l = 0; l < k; l++)\n"
        "            sum += alpha * (of_a == CblasNoTrans ? a[i * lda + l] : a[l * lda + i])\n"
        "                         * (of_b == CblasNoTrans ? b[l * ldb + j] : b[j * ldb + l]);\n"
        "        c[i * ldc + j] = sum;\n"
        "    }\n}\n"
    )
    outputs = [T.dot(M, M.T), T.dot(M.T, M), T.dot(M[::-1], M.T)]
    f = gradcore.function([M], outputs)
    gradcore.export(f, tmp_path, name="f")
    library = compiled(tmp_path, ["f", "blas"], (*QUICK, "-DF_CBLAS", f"-I{tmp_path}"))
    given = rng.normal(size=(40, 30))
    for found, want in zip(Exported(f, tmp_path, "f", library)(given), f(given), strict=True):
        np.testing.assert_allclose(found, want, rtol=1e-12, atol=1e-12)
    assert ctypes.c_int.in_dll(library, "called").value == 2


@pytest.mark.parametrize("target", ["aarch64-linux-gnu", "wasm32-wasi", "x86_64-linux-gnu"])
def test_other_machines_compile_it(tmp_path, target):
    if find_spec("ziglang") is None:
        pytest.skip("zig is not installed: pip install ziglang")
    gradcore.export(training_step(), tmp_path)
    solved = gradcore.function([M, y], T.linalg.solve(M, y)[T.argsort(y)], mode="numpy")
    gradcore.export(solved, tmp_path, name="solved")
    for name in ("step", "solved"):
        command = [sys.executable, "-m", "ziglang", "cc", "-target", target, *FLAGS[:3], "-O1"]
        files = ["-c", str(Path(tmp_path, f"{name}.c")), "-o", str(tmp_path / f"{name}.o")]
        done = subprocess.run([*command, *files], capture_output=True, text=True, check=False)
        assert done.returncode == 0 and "error" not in done.stderr, done.stderr
