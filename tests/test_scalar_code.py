"""The scalar code of every row, compiled: each row on each dtype against its reference."""

import ctypes
import os
import re
import shutil
import subprocess
from dataclasses import replace

import mpmath as mp
import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.conformance import special
from gradcore.conformance.cases import MIXED
from gradcore.conformance.precision import expected
from gradcore.conformance.samples import accepted
from gradcore.dtypes import DTYPES
from gradcore.graph.types import COMPLEX, DISCRETE, FLOATS
from gradcore.kernel import scalar
from gradcore.language import LANGUAGE
from gradcore.ops import scalars
from gradcore.ops.elementwise import ENTRIES, Elementwise, floating
from gradcore_c.compiler import find_compiler

COMPILERS = (os.environ.get("CC", "cc"), "gcc", "clang")
COMPILER = next(filter(None, map(shutil.which, COMPILERS)), None)
FLAGS = [
    "-O2", "-ftree-vectorize", "-march=native", "-fopenmp-simd", "-fno-math-errno",
    "-fno-trapping-math", "-ffp-contract=off", "-Wall", "-Wno-unused",
    "-Wno-tautological-compare", "-Wno-parentheses", "-shared", "-fPIC",
]  # fmt: skip
OWN = [op for op in ENTRIES.values() if op.code is not None]
RANDOM = 200


def signatures(op):
    """Yield the dtypes of operands to test a row on."""
    pairs = [*MIXED, ("int64", "uint64"), ("float16", "float32"), ("uint16", "uint16")]
    found = [(d,) * op.operands for d in (*FLOATS, *DISCRETE)]
    if op.operands == 2:
        found += [p for pair in pairs for p in (pair, pair[::-1])]
    if op is scalars.switch:
        found += [("bool", d, d) for d in ("float64", "float32", "float16", "int64", "int8")]
    real = [dtypes for dtypes in dict.fromkeys(found) if not set(dtypes) & set(COMPLEX)]
    nodes = [node for dtypes in real if (node := accepted(op, dtypes))]
    nodes = [node for node in nodes if not node.out.type.is_complex]
    return [node for node in nodes if not _same_code(node)]


def _same_code(node):
    """Return whether integers only become floats: then a few dtypes stand for them all."""
    taken = node.op.takes([v.dtype for v in node.inputs], node.out.dtype)
    given = {v.dtype for v in node.inputs}
    return not given & {*FLOATS, "bool", "int64"} and set(taken) <= set(FLOATS)


NODES = [node for op in OWN for node in signatures(op)]


def name_of(node):
    return "_".join([node.op.name, *(v.dtype for v in node.inputs)])


def loop(node):
    """Return a C function that maps a row over vectors, and the functions that it calls."""
    given = [v.dtype for v in node.inputs]
    names = "xyzw"[: len(given)]
    text, functions = scalar.expression(node.op, given, node.out.dtype, list(names))
    result = DTYPES[node.out.dtype].ctype
    pointers = "".join(
        f"const {DTYPES[d].ctype} *{n}s, " for n, d in zip(names, given, strict=True)
    )
    reads = " ".join(
        f"const {DTYPES[d].ctype} {n} = {n}s[i];" for n, d in zip(names, given, strict=True)
    )
    return (
        f"void {name_of(node)}({pointers}{result} *restrict out, int64_t n) {{\n"
        f"    for (int64_t i = 0; i < n; ++i) {{ {reads} out[i] = {text}; }}\n}}\n"
    ), functions


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """Return a function that runs the compiled loop of a node."""
    if COMPILER is None:
        pytest.skip("there is no C compiler")
    loops, functions = zip(*map(loop, NODES), strict=True)
    folder = tmp_path_factory.mktemp("scalar")
    source, library = folder / "scalar.c", folder / "scalar.so"
    source.write_text(scalar.preamble(frozenset().union(*functions)) + "\n" + "\n".join(loops))
    command = [COMPILER, *FLAGS, str(source), "-o", str(library), "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    unit = ctypes.CDLL(str(library))

    def run(node, operands):
        out = np.empty(operands[0].shape, node.out.dtype)
        arrays = [*map(np.ascontiguousarray, operands), out]
        pointers = [ctypes.c_void_p(a.ctypes.data) for a in arrays]
        getattr(unit, name_of(node))(*pointers, ctypes.c_int64(out.size))
        return out

    return run


def of_domain(node, rng):
    columns = []
    for (low, high), v in zip(node.op.domain, node.inputs, strict=True):
        if v.dtype in FLOATS:
            columns.append(rng.uniform(low, high, RANDOM).astype(v.dtype))
        else:
            low = 0 if v.dtype[0] in "bu" else low
            high = max(int(low), int(high))
            columns.append(rng.integers(int(low), high + 1, RANDOM).astype(v.dtype))
    return columns


def of_bits(node, rng):
    """Return numbers of every magnitude."""
    columns = []
    for v in node.inputs:
        dtype = np.dtype(v.dtype)
        if v.dtype == "bool":
            columns.append(rng.random(RANDOM) < 0.5)
        else:
            columns.append(np.frombuffer(rng.bytes(RANDOM * dtype.itemsize), dtype))
    return columns


def defined(node, columns):
    dtypes = [v.dtype for v in node.inputs]
    rows = zip(*(c.tolist() for c in columns), strict=True)
    keep = [special._defined(node.op, row, dtypes) for row in rows]
    return [np.asarray(c)[keep] for c in columns]


@pytest.mark.parametrize("op", OWN, ids=lambda op: op.name)
def test_rows_agree_with_their_reference(op, compiled):
    complaints = []
    for node in signatures(op):
        rng = np.random.default_rng(7)
        dtypes = [v.dtype for v in node.inputs]
        draws = {group: special.operands(op, dtypes, group) for group in special.GROUPS}
        draws |= {"domain": defined(node, of_domain(node, rng))}
        draws |= {"bits": defined(node, of_bits(node, rng))}
        for what, operands in draws.items():
            if operands[0].size:
                signed = what == "zeros" and op not in special.TIES
                (wanted,) = expected(node, operands, signed_zeros=signed)
                if op is scalars.erfc:  # SciPy's is 0 where the result is subnormal
                    near = [max(min(x, 100), -100) for x in operands[0].tolist()]
                    exact = [float(mp.erfc(x)) for x in near]
                    wanted = replace(wanted, value=np.array(exact))
                complaint = wanted.complaint(compiled(node, operands))
                if complaint:
                    at = int(complaint[1:].split("]")[0])
                    given = [c[at] for c in operands]
                    complaints.append(f"{name_of(node)} {what} {given} {complaint}")
    assert not complaints, "\n".join(complaints)


# in higher precision ----------------------------------------------------------------------------
EXACT = {
    "exp": (mp.exp, (-745, 710)), "exp2": (lambda x: mp.power(2, x), (-1074, 1024)),
    "expm1": (mp.expm1, (-40, 710)), "log": (mp.log, (0, 9)),
    "log2": (lambda x: mp.log(x, 2), (0, 9)), "log10": (mp.log10, (0, 9)),
    "log1p": (mp.log1p, (-1, 9)),
    "sigmoid": (lambda x: 1 / (1 + mp.exp(-x)), (-740, 40)),
    "softplus": (lambda x: mp.log1p(mp.exp(x)), (-740, 40)),
    "sin": (mp.sin, (-1e5, 1e5)), "cos": (mp.cos, (-1e5, 1e5)), "tan": (mp.tan, (-1e5, 1e5)),
    "arcsin": (mp.asin, (-1, 1)), "arccos": (mp.acos, (-1, 1)), "arctan": (mp.atan, (-9, 9)),
    "arctan2": (mp.atan2, (-4, 4)), "sinh": (mp.sinh, (-711, 711)), "cosh": (mp.cosh, (-711, 711)),
    "tanh": (mp.tanh, (-20, 20)), "arcsinh": (mp.asinh, (-1e9, 1e9)),
    "arccosh": (mp.acosh, (1, 9)), "arctanh": (mp.atanh, (-1, 1)), "erf": (mp.erf, (-6, 6)),
    "erfc": (mp.erfc, (-6, 27)), "erfinv": (mp.erfinv, (-1, 1)),
    "erfcinv": (lambda x: mp.erfinv(1 - x), (0.01, 1.99)), "gamma": (mp.gamma, (0.01, 35)),
    "gammaln": (mp.loggamma, (3, 100)), "digamma": (mp.digamma, (2, 100)),
    "pow": (mp.power, (0.01, 40)),
    "logaddexp": (lambda x, y: mp.log(mp.exp(x) + mp.exp(y)), (0, 40)),
}  # fmt: skip


def units_off(found, exact, dtype):
    """Return how many units in the last place of ``dtype`` a number is off."""
    limits = np.finfo(dtype)
    with np.errstate(over="ignore"):
        near = np.minimum(dtype(abs(float(exact))), np.nextafter(limits.max, dtype(0)))
    if not np.isfinite(found):
        return 0.0 if abs(exact) >= float(limits.max) * (1 + float(limits.eps) / 2) else np.inf
    return float(abs(mp.mpf(float(found)) - exact) / mp.mpf(float(np.spacing(near))))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", EXACT)
def test_functions_are_exact_to_the_declared_units(name, dtype, compiled):
    op = ENTRIES[name]
    exact, (low, high) = EXACT[name]
    node = accepted(op, [dtype] * op.operands)
    rng = np.random.default_rng(11)
    if dtype == "float32":
        low, high = (
            np.clip(bound, -150, 130) if abs(bound) < 2000 else bound for bound in (low, high)
        )
    wide = rng.uniform(low, high, (op.operands, 100))
    tame = rng.uniform(max(low, -2), min(high, 2), (op.operands, 100)) if low < 2 else wide
    tiny = tame * 2.0 ** rng.integers(-30, 1, 100)
    operands = list(np.concatenate([wide, tame, np.clip(tiny, low, high)], axis=1).astype(dtype))
    with mp.workdps(40):
        rows = zip(*(a.tolist() for a in operands), strict=True)
        wanted = [exact(*map(mp.mpf, row)) for row in rows]
        found = compiled(node, operands)
        off = [units_off(f, e, np.dtype(dtype).type) for f, e in zip(found, wanted, strict=True)]
    worst = int(np.argmax(off))
    assert off[worst] <= op.ulp, (off[worst], [a[worst] for a in operands], found[worst])


NEAR_ZERO = [
    name
    for name, (exact, _) in EXACT.items()
    if ENTRIES[name].operands == 1 and abs(exact(1e-8) / 1e-8 - 1) < 1e-7
]
"""The functions that are x near 0."""


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", NEAR_ZERO)
def test_functions_that_are_x_near_zero_keep_subnormal_numbers(name, dtype, compiled):
    limits = np.finfo(dtype)
    few = np.array([0, 1, 2, 3, 5, 2**20 + 1]) * limits.smallest_subnormal
    around = limits.tiny * np.array([0.5, 1, 1.5, 2]) + limits.smallest_subnormal
    x = np.concatenate([few, around, -few, -around]).astype(dtype)
    found = np.asarray(compiled(accepted(ENTRIES[name], [dtype]), [x]))
    np.testing.assert_array_equal(found.view("u1"), x.view("u1"))


WHOLE = [dtype for dtype in DISCRETE if dtype != "bool"]


@pytest.mark.parametrize("whole", WHOLE)
@pytest.mark.parametrize("dtype", FLOATS)
def test_an_integer_has_no_negative_zero(dtype, whole):
    mode = gradcore.Mode("c", optimizer=False)
    x = T.TensorType(dtype, (None,))("x")
    f = gradcore.function([x], T.cast(T.cast(x, whole), dtype), mode=mode)
    found = f(np.array([-0.0, -0.5, -0.99, 0, 0.5, 1] * 8, dtype))
    np.testing.assert_array_equal(found, [0, 0, 0, 0, 0, 1] * 8)
    assert not np.signbit(found).any()


# loops ------------------------------------------------------------------------------------------
BRANCHING = {"gammaln", "digamma"}
OF_LIBM = {"sin", "cos", "tan"}
CHOICES = [
    "add",
    "maximum",
    "clip",
    "sign",
    "switch",
    "lt",
    "isfinite",
    "round_half_away_from_zero",
]
SPECIAL = ["dawsn", "i0", "i1", "i0e", "i1e", "k0", "k1", "k0e", "k1e"]


def vectorized(text, tmp_path):
    """Return the numbers of the lines of C whose loops GCC vectorizes; others do not tell."""
    if COMPILER is None:
        pytest.skip("there is no C compiler")
    version = subprocess.run([COMPILER, "--version"], capture_output=True, text=True, check=True)
    if "Free Software Foundation" not in version.stdout:
        pytest.skip("only GCC tells in these words what it vectorized")
    source = tmp_path / "loops.c"
    source.write_text(text)
    command = [COMPILER, *FLAGS, "-O3", "-fopt-info-vec-optimized", str(source), "-o"]
    done = subprocess.run(
        [*command, str(tmp_path / "loops.so")], capture_output=True, text=True, check=True
    )
    return {int(n) for n in re.findall(r"loops\.c:(\d+):\d+: optimized: loop", done.stderr)}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_loops_vectorize(dtype, tmp_path):
    names = [name for name in (*EXACT, *CHOICES, *SPECIAL) if name not in BRANCHING | OF_LIBM]
    nodes = [accepted(ENTRIES[name], [dtype] * ENTRIES[name].operands) for name in names]
    loops, functions = zip(*map(loop, nodes), strict=True)
    loops = [re.sub(r"\*(\ws)", r"*restrict \1", text).replace("\n", " ") for text in loops]
    source = scalar.preamble(frozenset().union(*functions)) + "\n".join(loops) + "\n"
    reported = vectorized(source, tmp_path)
    lines = source.splitlines()
    left = [
        text for n, text in enumerate(lines, 1) if text.startswith("void") and n not in reported
    ]
    assert not left


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_comparison_that_becomes_a_float_vectorizes(dtype, tmp_path):
    compared, _ = scalar.expression(scalars.lt, [dtype] * 2, "bool", ["x[i]", "y[i]"])
    cast, called = scalar.expression(scalars.CASTS[dtype], ["bool"], dtype, ["less"])
    ctype = DTYPES[dtype].ctype
    source = scalar.preamble(called) + (
        f"void masked(const {ctype} *restrict x, const {ctype} *restrict y, {ctype} *restrict z, "
        f"long n) {{ for (long i = 0; i < n; i++) "
        f"{{ uint8_t less = {compared}; z[i] = x[i] * {cast}; }} }}\n"
    )
    assert vectorized(source, tmp_path) == {len(source.splitlines())}


@pytest.mark.parametrize("name", ["isnan", "maximum", "minimum"])
def test_halves_are_compared_without_calls(name, tmp_path):
    if COMPILER is None or not find_compiler().halves:
        pytest.skip("there is no C compiler with 16-bit floats")
    text, functions = loop(accepted(ENTRIES[name], ["float16"] * ENTRIES[name].operands))
    source = tmp_path / "halves.c"
    source.write_text(scalar.preamble(functions) + text)
    command = [*find_compiler().command, *FLAGS, "-S", str(source), "-o", "-"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "hf2" not in done.stdout


# text -------------------------------------------------------------------------------------------
def test_a_literal_is_read_back_exactly(tmp_path):
    if COMPILER is None:
        pytest.skip("there is no C compiler")
    values = {d: [*special.floats(d, "special"), *special.floats(d, "subnormal"), -0.0, 0.1]
              for d in FLOATS}  # fmt: skip
    values |= {d: special.integers(d) for d in DISCRETE if d != "bool"} | {"bool": [0, 1]}
    lines = [scalar.preamble([])]
    for dtype, numbers in values.items():
        texts = ", ".join(scalar.literal(np.dtype(dtype).type(x), dtype) for x in numbers)
        lines.append(f"const {DTYPES[dtype].ctype} of_{dtype}[] = {{{texts}}};")
    source, library = tmp_path / "literals.c", tmp_path / "literals.so"
    source.write_text("\n".join(lines) + "\n")
    subprocess.run([COMPILER, *FLAGS, str(source), "-o", str(library)], check=True)
    unit = ctypes.CDLL(str(library))
    for dtype, numbers in values.items():
        wanted = np.array(numbers, dtype)
        data = (ctypes.c_char * wanted.nbytes).in_dll(unit, f"of_{dtype}")
        found = np.frombuffer(data, dtype)
        np.testing.assert_array_equal(found, wanted)
        if dtype in FLOATS:
            known = ~np.isnan(wanted)
            assert (np.signbit(found) == np.signbit(wanted))[known].all()


def test_code_is_written_to_be_read():
    def text(op, *given, result, operands=("x", "y", "z")):
        return scalar.expression(op, given, result, operands[: len(given)])[0]

    floats = ("float64", "float64")
    assert text(scalars.add, *floats, result="float64") == "x + y"
    assert text(scalars.add, *floats, result="float64", operands=("2.0", "-1.0")) == "2.0 + (-1.0)"
    assert text(scalars.exp, "float32", result="float32") == "gc_exp_f32(x)"
    assert text(scalars.exp, "int64", result="float64") == "gc_exp_f64((double)x)"
    assert text(scalars.lt, "int8", "float64", result="bool") == "(double)x < y"
    assert text(scalars.identity, "int8", result="int8") == "x"
    assert text(scalars.CASTS["int8"], "float64", result="int8") == "(int8_t)(int32_t)x"
    assert text(scalars.CASTS["float32"], "bool", result="float32") == "gc_indicator_f32(x)"
    element = text(scalars.CASTS["float32"], "bool", result="float32", operands=("x[i + 1]",))
    assert element == "(float)(x[i + 1])"
    wrapping = "(int64_t)((uint64_t)x + (uint64_t)y)"
    assert text(scalars.add, "int64", "int64", result="int64") == wrapping


def test_a_preamble_has_what_is_called_and_nothing_else():
    source = scalar.preamble(["gc_tanh_f64", "gc_sigmoid_f64"])
    for name in ("gc_tanh_f64", "gc_expm1_near_f64", "gc_exp_f64", "gc_scaled_f64"):
        assert len(re.findall(rf"^static .*\b{name}\(", source, re.MULTILINE)) == 1
    defined = re.findall(r"^static .*?\b(gc_\w+)\(", source, re.MULTILINE)
    for k, name in enumerate(defined):
        assert name not in "".join(re.split(r"(?m)^static ", source)[1 : k + 1])
    assert "f32" not in source and "TYPE" not in source and "gc_log" not in source
    with pytest.raises(LookupError, match="gc_nothing_f64"):
        scalar.preamble(["gc_nothing_f64"])


def test_what_a_row_lacks_is_a_sentence():
    assert all(scalar.lacks(n.op, [v.dtype for v in n.inputs], n.out.dtype) is None for n in NODES)
    bare = Elementwise("bare", np.exp, 1, floating, scalars.exp.derivative, "as exp")
    odd = Elementwise("odd", np.exp, 1, floating, scalars.exp.derivative, "", code="@hm({0})")
    try:
        assert "gives neither `expansion=`" in scalar.lacks(bare, ["float64"], "float64")
        assert "no such function for float64" in scalar.lacks(odd, ["float64"], "float64")
    finally:
        for op in (bare, odd):
            del ENTRIES[op.name], LANGUAGE[op.name]
