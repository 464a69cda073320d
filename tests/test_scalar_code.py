"""The scalar code of every row, compiled: each row on each dtype against its reference."""

import ctypes
import os
import shutil
import subprocess
from dataclasses import replace

import mpmath as mp
import numpy as np
import pytest

from gradcore.conformance import special
from gradcore.conformance.cases import MIXED
from gradcore.conformance.precision import expected
from gradcore.conformance.samples import accepted
from gradcore.graph.types import DISCRETE, FLOATS
from gradcore.kernel import scalar
from gradcore.ops import scalars
from gradcore.ops.elementwise import ROWS

COMPILERS = (os.environ.get("CC", "cc"), "gcc", "clang")
COMPILER = next(filter(None, map(shutil.which, COMPILERS)), None)
FLAGS = ["-O2", "-ftree-vectorize", "-march=native", "-fno-math-errno", "-fno-trapping-math",
         "-ffp-contract=off", "-Wall", "-Wno-unused", "-Wno-tautological-compare", "-shared", "-fPIC"]  # fmt: skip
OWN = [op for op in ROWS.values() if op.code is not None]
RANDOM = 200


def signatures(op):
    """Yield the dtypes of operands to test a row on."""
    pairs = [*MIXED, ("int64", "uint64"), ("float16", "float32"), ("uint16", "uint16")]
    found = [(d,) * op.operands for d in (*FLOATS, *DISCRETE)]
    if op.operands == 2:
        found += [p for pair in pairs for p in (pair, pair[::-1])]
    if op is scalars.switch:
        found += [("bool", d, d) for d in ("float64", "float32", "float16", "int64", "int8")]
    return [node for dtypes in dict.fromkeys(found) if (node := accepted(op, dtypes))]


NODES = [node for op in OWN for node in signatures(op)]


def name_of(node):
    return "_".join([node.op.name, *(v.dtype for v in node.inputs)])


def loop(node):
    """Return a C function that maps a row over vectors, and the functions that it calls."""
    given = [v.dtype for v in node.inputs]
    names = "xyz"[: len(given)]
    text, functions = scalar.expression(node.op, given, node.out.dtype, list(names))
    result = scalar.CTYPES[node.out.dtype]
    pointers = "".join(
        f"const {scalar.CTYPES[d]} *{n}s, " for n, d in zip(names, given, strict=True)
    )
    reads = " ".join(
        f"const {scalar.CTYPES[d]} {n} = {n}s[i];" for n, d in zip(names, given, strict=True)
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
                    near = [max(-100, min(x, 100)) for x in operands[0].tolist()]
                    exact = [float(mp.erfc(x)) for x in near]
                    wanted = replace(wanted, value=np.array(exact))
                complaint = wanted.complaint(compiled(node, operands))
                if complaint:
                    at = int(complaint[1:].split("]")[0])
                    given = [c[at] for c in operands]
                    complaints.append(f"{name_of(node)} {what} {given} {complaint}")
    assert not complaints, "\n".join(complaints)
