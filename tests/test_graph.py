"""Types, variables, constants, nodes; walks, substitution, pickling."""

import copy
import gc
import pickle
import sys

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.errors import GradcoreError, GraphTypeError, GraphValueError, MissingInputError
from gradcore.graph import (
    Constant,
    FunctionGraph,
    TensorType,
    Variable,
    ancestors,
    as_variable,
    clone,
    graph_inputs,
    graph_replace,
    toposort,
    upcast,
)
from gradcore.graph.traverse import depends_on, infer_shapes
from gradcore.tensor.constructors import LETTER_DTYPES


# types ------------------------------------------------------------------------------------------
def test_names_of_types():
    for shape, name in [
        ((), "scalar"), ((None,), "vector"), ((1, None), "row"), ((None, 1), "col"),
        ((None, None), "matrix"), ((None,) * 3, "3D"), ((3,), "(3,)"), ((2, None), "(2, ?)"),
    ]:  # fmt: skip
        assert str(TensorType("float64", shape)) == f"TensorType(float64, {name})"


def test_types_are_values():
    assert TensorType("float64", (None,)) == TensorType(np.float64, [None])
    assert len({TensorType("int8"), TensorType(np.dtype("int8"))}) == 1
    assert TensorType("float64", (False, True)).shape == (None, 1)
    assert TensorType("float64", (np.int64(3),)).shape == (3,)
    assert TensorType("float32", (1, None)).broadcastable == (True, False)
    with pytest.raises(AttributeError):
        TensorType("float64").dtype = "int8"
    with pytest.raises(GraphTypeError, match="no tensors of dtype"):
        TensorType("object")
    with pytest.raises(GraphTypeError, match="static shape"):
        TensorType("float64", (-1,))


def test_types_include_and_admit():
    matrix, row = TensorType("float64", (None, None)), TensorType("float64", (1, None))
    assert matrix.includes(row) and not row.includes(matrix)
    assert not matrix.includes(TensorType("float32", (None, None)))
    assert matrix.accepts(row) and not row.accepts(matrix)
    known = TensorType("float64", (2, 3))
    assert known.accepts(matrix) and matrix.accepts(known)
    assert not known.accepts(TensorType("float64", (2, 4)))
    assert row.admits((1, 5)) and not row.admits((2, 5)) and not row.admits((1,))


def test_upcast():
    assert upcast("int8", "uint8") == "int16"
    assert upcast("int64", "float32") == "float64"


FILTERED = [
    # dtype, shape, value, allow_downcast, result or error
    ("float64", (), 4, None, 4.0),
    ("float64", (None,), [1, 2], None, [1.0, 2.0]),
    ("float64", (None,), np.arange(2, dtype="int64"), None, [0.0, 1.0]),
    ("float32", (), 0.1, None, np.float32(0.1)),
    ("float32", (None,), [0.1, 2], None, np.float32([0.1, 2])),
    ("float32", (), np.float64(0.1), None, "without loss"),
    ("float32", (None,), np.ones(2), None, "without loss"),
    ("float32", (None,), np.ones(2), True, [1, 1]),
    ("float32", (None,), [0.5], False, "without loss"),
    ("int8", (), 100, None, 100),
    ("int8", (), 1000, None, "without loss"),
    ("int8", (None,), [1, 2], None, [1, 2]),
    ("int8", (None,), [], None, []),
    ("int8", (), 1.5, None, "without loss"),
    ("int8", (), 1.5, True, 1),
    ("uint8", (), -1, None, "without loss"),
    ("bool", (), True, None, True),
    ("bool", (), 1, None, "without loss"),
    ("float64", (None,), True, None, "1 axis"),
    ("float64", (None, None), [1, 2], None, "2 axes"),
    ("float64", (3,), [1, 2], None, r"shape \(3\), got \(2,\)"),
    ("float64", (None,), "text", None, "not text"),
    ("float64", (None,), [1, [2]], None, "is a list, which cannot be read as an array"),
    ("float64", (), None, None, "must be numbers, not None"),
]


@pytest.mark.parametrize(("dtype", "shape", "value", "allow", "result"), FILTERED)
def test_filter(dtype, shape, value, allow, result):
    kind = TensorType(dtype, shape)
    if isinstance(result, str):
        with pytest.raises(TypeError, match=result):
            kind.filter(value, allow_downcast=allow)
    else:
        found = kind.filter(value, allow_downcast=allow)
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, result)


def test_filter_strictly():
    with pytest.raises(TypeError, match="strict"):
        TensorType("float64").filter(4, strict=True)
    with pytest.raises(TypeError, match="symbolic variable x"):
        TensorType("float64").filter(T.dscalar("x"))


# constructors -----------------------------------------------------------------------------------
SHAPES = {
    "scalar": (), "vector": (None,), "row": (1, None), "col": (None, 1), "matrix": (None, None),
    "tensor3": (None,) * 3, "tensor4": (None,) * 4, "tensor5": (None,) * 5,
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_constructors(name):
    plural = {"matrix": "matrices"}.get(name, name + "s")
    for letter, dtype in zip("bwilfdcz", LETTER_DTYPES, strict=True):
        one = getattr(T, letter + name)("v")
        assert (one.name, one.dtype, one.type.shape) == ("v", dtype, SHAPES[name])
        assert getattr(T, letter + name)(name="w").name == "w"
        several = getattr(T, letter + plural)("p", "q")
        assert [v.name for v in several] == ["p", "q"]
        assert {v.type for v in several} == {one.type}
    assert getattr(T, name)().dtype == "float64"
    assert getattr(T, name)("v", dtype="int16").dtype == "int16"
    assert len(getattr(T, plural)(3)) == 3
    with gradcore.config.change_flags(floatX="float32"):
        assert getattr(T, name)("v").dtype == "float32"
    with pytest.raises(GraphTypeError):
        getattr(T, "d" + name)("v", "float32")


def test_tensor():
    v = T.tensor("v", "float32", (None, 3, True))
    assert (v.name, v.type) == ("v", TensorType("float32", (None, 3, 1)))
    assert T.tensor().type == TensorType("float64")


def test_complex_variables_can_be_passed_on():
    z = T.zvector("z")
    assert gradcore.function([z], z, mode="numpy")([1j]).tolist() == [1j]


# constants --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (2, "int8"), (-128, "int8"), (128, "int16"), (40000, "int32"), (2**40, "int64"),
        (2**63, "uint64"), (True, "bool"), (0.5, "float64"), (1j, "complex128"),
        (np.int64(2), "int64"), (np.float32(2), "float32"), ([1, 2], "int64"), ([0.5], "float64"),
        (np.ones(2, "int16"), "int16"), ([True], "bool"),
    ],
)  # fmt: skip
def test_dtypes_of_constants(value, dtype):
    assert as_variable(value).dtype == dtype
    assert T.constant(value).dtype == dtype


def test_constants():
    c = T.constant(2)
    assert str(c) == "TensorConstant{2}"
    assert str(T.constant([1.0, 1.0])) == "TensorConstant{(2,) of 1.0}"
    assert str(T.constant([1, 2])) == "TensorConstant{[1 2]}"
    assert str(T.constant(3, name="three")) == "three"
    assert T.constant(2.5, dtype="float32").dtype == "float32"
    assert T.constant([1, 2], ndim=2).type.shape == (1, 2)
    array = np.arange(3)
    saved = T.constant(array)
    array[0] = 99
    assert saved.data.tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="read-only"):
        saved.data[0] = 1
    with pytest.raises(GraphValueError, match="no integer dtype"):
        T.constant(2**70)
    with pytest.raises(GraphTypeError):
        T.constant(T.dscalar())


def test_as_tensor_variable():
    x = T.dscalar("x")
    assert T.as_tensor_variable(x) is x
    assert T.as_tensor_variable([x, 1.0]).ndim == 1
    assert T.as_tensor_variable([[x, 1.0], [2.0, x]]).eval({x: 3}).tolist() == [[3, 1], [2, 3]]
    assert T.as_tensor_variable(T.dvector("v"), ndim=2).broadcastable == (True, False)
    assert T.as_tensor_variable(1.5, name="c").name == "c"
    assert T.as_tensor_variable(T.exp(x).owner).owner.op is T.exp
    with pytest.raises(GraphTypeError):
        T.as_tensor_variable(T.dmatrix(), ndim=1)


# variables and nodes ----------------------------------------------------------------------------
def test_graphs_do_not_change():
    x = T.dscalar("x")
    y = T.exp(x)
    x.name = "renamed"
    x.tag.note = "anything"
    assert x.name == "renamed" and x.tag.note == "anything"
    for target, attribute in [(x, "type"), (y, "owner"), (y.owner, "inputs"), (x, "new")]:
        with pytest.raises(AttributeError):
            setattr(target, attribute, None)
    with pytest.raises(GraphValueError, match="already computed"):
        gradcore.Apply(T.exp, [x], [y])


def test_walking_a_graph():
    x, y = T.dscalars("x", "y")
    z = T.exp(x) * y
    node = z.owner
    assert node.op is T.mul and node.inputs[1] is y and node.out is z and z.index == 0
    assert [str(n.op) for n in toposort([z])] == ["exp", "mul"]
    assert set(graph_inputs([z])) == {x, y}
    assert set(ancestors([z])) == {z, node.inputs[0], x, y}
    assert set(ancestors([z], blockers=[node.inputs[0]])) == {z, node.inputs[0], y}
    assert depends_on([z], [x]) == {x, node.inputs[0], z}
    assert repr(z) == "mul.0" and repr(node) == "mul(exp.0, y)"


def test_equality_is_identity():
    """After a = x + 1; b = x + 1, the derivative of a * b in a is b."""
    x = T.dscalar("x")
    a, b = x + 1, x + 1
    assert a is not b and a != b
    assert T.grad(a * b, a).eval({x: 2}) == 3
    assert T.grad(a * a, a).eval({x: 2}) == 6


def test_nodes_remember_the_users_line():
    x = T.dscalar("x")
    line = sys._getframe().f_lineno + 1
    y = T.exp(x) + T.sum([x, x])
    assert {n.where.line for n in toposort([y])} == {line}
    assert y.owner.where.file == __file__
    assert y.owner.where.function == "test_nodes_remember_the_users_line"
    g = T.grad(y, x)
    assert line in {n.where.line for n in toposort([g])}
    f = gradcore.function([x], g)
    assert {n.where.line for n in f.maker.fgraph.nodes} <= {line, line + 4}


def test_function_graphs():
    x, y = T.dscalars("x", "y")
    z = T.exp(x) * y
    graph = FunctionGraph((x, y), (z,))
    assert [n.op for n in graph.toposort()] == [T.exp, T.mul]
    assert graph.apply_nodes == set(graph.nodes)
    assert graph.readers[y] == (z.owner,)
    assert graph.on(T.dscalar(), T.dscalar())[0] is not z
    with pytest.raises(MissingInputError, match="needs y"):
        FunctionGraph((x,), (z,))
    with pytest.raises(AttributeError):
        graph.inputs = ()
    other = FunctionGraph((y, x), (T.exp(y) * x,))
    assert graph == other and hash(graph) == hash(other)
    assert graph != FunctionGraph((x, y), (T.exp(y) * x,))
    assert FunctionGraph((x,), (x + 1,)) != FunctionGraph((x,), (x + 2,))
    assert FunctionGraph((x,), (x,)) != "a graph"


def test_clone_and_replace():
    x, y = T.dscalars("x", "y")
    z = T.exp(x) * y
    assert graph_replace(z, {x: y}).eval({y: 0}) == 0
    assert graph_replace([z, x], {x: y})[1] is y
    assert graph_replace(z, {z.owner.inputs[0]: x}).eval({x: 2, y: 3}) == 6
    copied = clone(z)
    assert copied is not z and copied.eval({x: 0, y: 3}) == 3
    fresh = clone([z], share_inputs=False)[0]
    assert not set(graph_inputs([fresh])) & {x, y}
    assert [v.name for v in graph_inputs([fresh])] == ["x", "y"]
    assert clone(z, replace={x: T.constant(0.0)}).eval({y: 3}) == 3
    with pytest.raises(GraphTypeError, match="does not occur"):
        graph_replace(z, {T.dscalar("w"): x})
    assert graph_replace(z, {T.dscalar("w"): x}, strict=False) is z
    with pytest.raises(GraphTypeError, match="ranks differ"):
        graph_replace(z, {x: T.dvector()})


def test_a_replacement_may_be_better_known():
    x = T.dvector("x")
    s = T.tensor("s", "float64", (3,))
    assert graph_replace(T.exp(x), {x: s}).type.shape == (3,)
    assert graph_replace(T.exp(x), {x: T.fvector()}).dtype == "float32"


def test_inferred_shapes():
    m = T.tensor("m", "float64", (2, None))
    ((rows, columns),) = infer_shapes([T.dot(m, m.T)])
    assert (rows, columns) == (2, 2)
    ((length,),) = infer_shapes([T.concatenate([m[0], m[1]])])
    assert length.eval({m: np.ones((2, 5))}) == 10


# pickling and copying ---------------------------------------------------------------------------
def test_pickling_keeps_what_is_shared():
    x, y = T.dscalars("x", "y")
    a = T.exp(x)
    a.name = "a"
    z = a * y + 2
    x2, a2, z2 = pickle.loads(pickle.dumps((x, a, z)))
    assert a2.name == "a" and a2.owner.inputs[0] is x2
    assert z2.owner.inputs[0].owner.inputs[0] is a2
    assert z2.owner.where == z.owner.where
    graph = pickle.loads(pickle.dumps(FunctionGraph((x, y), (z,))))
    assert graph == FunctionGraph((x, y), (z,))
    node = pickle.loads(pickle.dumps(z.owner))
    assert node.op is T.add
    copied = copy.deepcopy(z)
    assert copied is not z and str(gradcore.pp(copied)) == gradcore.pp(z)


def test_pickling_every_op():
    from gradcore.conformance.samples import all_samples, operands

    rng = np.random.default_rng(0)
    for sample in all_samples():
        variables, _ = operands(sample, rng)
        node = sample.op.make_node(*variables)
        again = pickle.loads(pickle.dumps(node))
        assert again.op == node.op and hash(again.op) == hash(node.op)
        assert [v.type for v in again.outputs] == [v.type for v in node.outputs]


# depth ------------------------------------------------------------------------------------------
@pytest.fixture
def _no_collection():
    """Keep the garbage collector from walking a large graph again and again."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_no_collection")
def test_a_chain_of_5_000_ops():
    """Build, differentiate, pickle, rewrite, run: nothing recurses."""
    x = T.dscalar("x")
    y = x
    for i in range(5_000):
        y = T.sin(y) if i % 3 else T.cos(y) + x
    limit = sys.getrecursionlimit()
    g = T.grad(y, x)
    assert T.Rop(y, x, T.dscalar("t")).ndim == 0
    x2, g2 = pickle.loads(pickle.dumps((x, g)))
    f = gradcore.function([x2], g2, mode="numpy")  # others compile it, but for minutes
    assert sys.getrecursionlimit() == limit
    value, slope = 0.001, 1.0
    v = value
    for i in range(5_000):
        slope = slope * np.cos(v) if i % 3 else 1 - slope * np.sin(v)
        v = np.sin(v) if i % 3 else np.cos(v) + value
    np.testing.assert_allclose(f(value), slope)
    assert len(gradcore.pp(y)) > 5_000


def test_errors_have_parts():
    error = GradcoreError("what", gradcore.errors.Location("f.py", 3, "g"), "fix")
    assert str(error) == "what\n  built at f.py:3, in g\n  fix"
    again = pickle.loads(pickle.dumps(error))
    assert (again.what, again.where, again.fix) == (error.what, error.where, error.fix)


def test_variables_are_variables():
    assert isinstance(T.dscalar(), Variable) and isinstance(T.constant(1), Constant)
    assert T.TensorVariable is Variable and T.TensorConstant is Constant


def test_parents_under_theanos_names():
    x, y = T.dvectors("x", "y")
    node = (x + y).owner
    assert x.get_parents() == [] and node.out.get_parents() == [node]
    assert node.get_parents() == [x, y] and (node.nin, node.nout) == (2, 1)
    assert node.default_output() is node.out and node.clone().out is not node.out
    other = node.clone_with_new_inputs([T.dmatrix("m"), y])
    assert other.op == node.op and other.out.ndim == 2
