"""The rows of dtypes say what NumPy says, and nothing else repeats them."""

import re
from pathlib import Path

import numpy as np
import pytest

import gradcore
from gradcore.dtypes import COMPLEX, DTYPES, FLOATS, ROWS

HERE = Path(gradcore.__file__).parents[1]
REAL = [row for row in ROWS if row.kind != "complex"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_kind_and_bits(row):
    dtype = np.dtype(row.name)
    kinds = {"b": "bool", "i": "int", "u": "uint", "f": "float", "c": "complex"}
    assert (kinds[dtype.kind], 8 * dtype.itemsize) == (row.kind, row.bits)
    assert all(name in DTYPES for name in (row.computed, row.accumulator, row.multiplied))


@pytest.mark.parametrize("row", REAL, ids=lambda row: row.name)
def test_sums_are_in_the_accumulator(row):
    assert np.ones(3, row.name).sum().dtype.name == row.accumulator
    assert np.ones(3, row.name).prod().dtype.name == row.accumulator


@pytest.mark.parametrize("row", REAL, ids=lambda row: row.name)
def test_limits_are_the_least_and_the_greatest(row):
    if row.is_discrete:
        low, high = (np.asarray(n, row.name) for n in row.limits)
        assert (int(low), int(high)) == row.limits
    else:
        assert np.finfo(row.higher).eps < np.finfo(row.name).eps
        assert np.finfo(row.computed).eps <= np.finfo(row.name).eps


def test_names_of_generated_functions_differ():
    codes = [row.code for row in REAL if row.name != "bool"]
    assert len(set(codes)) == len(codes) == len(REAL) - 1


def test_floats_are_in_order_of_their_precision():
    bits = [DTYPES[name].bits for name in FLOATS]
    assert bits == sorted(bits)
    assert [DTYPES[name].part for name in COMPLEX] == ["float32", "float64"]


def test_only_what_is_about_half_precision_names_it():
    """Its row, what a user may choose, a compiler without it, and numbers that ctypes lacks."""
    allowed = {"dtypes.py", "config.py", "gradcore_c/backend.py", "gradcore_cuda/tape.py"}
    code = re.compile(r'^(?!\s*>>>).*["\']float16["\']', re.MULTILINE)
    naming = {
        str(path)
        for room in ("gradcore", "backends")
        for path in (HERE / room).rglob("*.py")
        if code.search(path.read_text())
    }
    assert all(any(path.endswith(name) for name in allowed) for path in naming), naming
