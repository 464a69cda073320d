"""Graphs as text."""

import io

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore import debugprint, pp

x, y = T.dscalars("x", "y")
v = T.dvector("v")
M = T.dmatrix("M")
i = T.lscalar("i")


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (x + y, "(x + y)"),
        (x - y * 2, "(x - (y * TensorConstant{2}))"),
        (-x, "(-x)"),
        (~T.bvector("b"), "(~b)"),
        (x // y, "(x // y)"),
        (x % y, "(x % y)"),
        (x <= y, "(x <= y)"),
        (T.eq(x, y), "(x == y)"),
        (T.exp(x), "exp(x)"),
        (T.maximum(x, 1.5), "maximum(x, TensorConstant{1.5})"),
        (T.sum(M, 0), "sum(M, axis=(0,))"),
        (M.T, "dimshuffle(M, order=(1, 0))"),
        (T.dot(M, v), "dot(M, v)"),
        (M.reshape((2, -1)), "reshape(M, TensorConstant{2}, TensorConstant{-1})"),
        (v[0], "v[0]"),
        (v[1:], "v[1:]"),
        (v[::-1], "v[::-1]"),
        (v[i:], "v[i:]"),
        (M[..., i], "M[:, i]"),
        (M[:, None, 1:i:2], "M[:, None, 1:i:2]"),
        (v[T.lvector("k")], "v[k]"),
        (T.set_subtensor(v[i], x), "set_subtensor(v[i], x)"),
        (T.inc_subtensor(v[1:], 2.0), "inc_subtensor(v[1:], TensorConstant{2.0})"),
        (T.dscalar() + 1, "(<TensorType(float64, scalar)> + TensorConstant{1})"),
        (T.dmatrix() * 1, "(<TensorType(float64, matrix)> * TensorConstant{1})"),
        (v * [1, 2], "(v * TensorConstant{[1 2]})"),
        (v.shape, "shape(v)"),
        (x.astype("int32"), "cast_int32(x)"),
        (T.ifelse(x > 0, x, y), "ifelse((x > TensorConstant{0}), x, y)"),
        (M.nonzero()[1], "nonzero(M).1"),
    ],
)
def test_pp(expression, text):
    assert pp(expression) == text


def test_pp_of_other_things():
    assert pp([x + 1, y]) == "(x + TensorConstant{1}), y"
    assert pp(x) == "x"
    assert pp((x + y).owner) == "(x + y)"
    f = gradcore.function([x, y], [x + 1, x * y])
    assert pp(f) == pp(f.maker.fgraph) == "(1 + x), (x * y)"
    with pytest.raises(TypeError, match="cannot print a int"):
        pp(3)


def test_constants_are_bare_in_compiled_graphs_only():
    z = x * 2.5
    for optimizer in (True, False):
        mode = gradcore.Mode("numpy", optimizer=optimizer)
        assert "TensorConstant" not in pp(gradcore.function([x], z, mode=mode))
    assert pp(z) == "(x * TensorConstant{2.5})"


def test_debugprint():
    z = T.exp(x) * (T.exp(x) + y)
    z.name = "z"
    text = debugprint(z, file="str")
    assert text.splitlines() == [
        "mul [A] 'z'",
        " |exp [B]",
        " | |x [C]",
        " |add [D]",
        " | |exp [E]",
        " | | |x [C]",
        " | |y [F]",
    ]
    shared_part = T.exp(x)
    assert debugprint(shared_part + shared_part, file="str").splitlines()[-1] == " |exp [B] ..."
    assert debugprint(z, depth=1, file="str").count("\n") == 2
    assert "TensorType(float64, scalar)" in debugprint(z, print_type=True, file="str")
    assert "test_printing.py" in debugprint(z, print_where=True, file="str")
    stream = io.StringIO()
    assert debugprint(z, file=stream) is None
    assert stream.getvalue() == text + "\n"


def test_debugprint_shows_what_is_inside_of_loops(capsys):
    out, _ = gradcore.scan(lambda e, s: s * T.tanh(e), v, 1.0)
    debugprint(out)
    printed = capsys.readouterr().out
    assert "inside scan [A], of v[t], state0[t-1]:" in printed
    assert "tanh" in printed


def test_many_letters():
    z = sum((T.exp(x + k) for k in range(20)), x)
    text = debugprint(z, file="str")
    assert "[Z]" in text and "[AA]" in text


def test_a_printed_graph_of_a_deep_chain():
    z = x
    for _ in range(5000):
        z = T.sin(z)
    assert pp(z) == "sin(" * 5000 + "x" + ")" * 5000
    assert debugprint(z, file="str").count("\n") == 5000


def test_reprs():
    assert repr(T.exp) == "exp"
    assert repr(T.sum(M, 1).owner.op) == "sum{axis=(1,)}"
    assert repr(gradcore.function([x], x + 1).maker.fgraph.outputs[0]) == "add.0"
    assert repr(T.constant(np.arange(100.0))).startswith("TensorConstant{[ 0. 1.")


def test_a_tree_says_where_values_are():
    x, w = T.dmatrices("x", "w")
    h = T.tanh(T.dot(x, w))
    outputs = [T.dot(h, w.T).sum(), T.dot(h, x)]
    f = gradcore.function([x, w], outputs, mode=gradcore.Mode("c", threads=1))
    text = debugprint(f, file="str", print_memory_map=True)
    for line in ("tanh [C] {block 1}", "dot [D] {block 0}", "{not stored}", "{output 1}"):
        assert line in text
    plain = debugprint(T.exp(x.T), file="str", print_memory_map=True)
    assert plain.splitlines()[1].endswith("{view of x}")
    on_numpy = gradcore.function([x], T.exp(x.T), mode="numpy")
    assert "{view of x}" in debugprint(on_numpy, file="str", print_memory_map=True)
