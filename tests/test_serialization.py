"""Functions in files: what is saved is loaded, and a file that is damaged is refused."""

import json
import random
import zipfile
from dataclasses import dataclass

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
from gradcore.conformance.samples import operands, row_samples
from gradcore.errors import GraphTypeError, SerializationError
from gradcore.graph import Apply, Constant, FunctionGraph, Op, graph_inputs
from gradcore.ops.elementwise import Elementwise
from gradcore.plugins import registry
from gradcore.serialization.container import DOCUMENT, read, written
from gradcore.serialization.graphs import Reader, Writer

x, y, w = T.dvectors("x", "y", "w")
M = T.dmatrix("M")


def name_of(op):
    return op.name if isinstance(op, Elementwise) else op.__name__


def again(graph):
    """Return a graph that has been data, as a file has it."""
    writer = Writer()
    main, _ = writer.described(graph)
    tables = {"ops": writer.ops, "places": writer.places, "graphs": writer.graphs, "main": main}
    said = json.loads(json.dumps(tables, allow_nan=False))
    return Reader(said, writer.arrays).graph(said["main"])[0]


@pytest.mark.parametrize("op", registry().ops, ids=name_of)
def test_every_op_is_data(op, rng):
    samples = row_samples(op) if isinstance(op, Elementwise) else op.samples()
    for sample in samples:
        variables, _ = operands(sample, rng)
        outputs = sample.op.make_node(*variables).outputs
        inputs = [v for v in graph_inputs(outputs) if not isinstance(v, Constant)]
        graph = FunctionGraph(tuple(inputs), tuple(outputs))
        found = again(graph)
        assert found == graph
        assert [v.type for v in found.outputs] == [v.type for v in graph.outputs]


# functions ----------------------------------------------------------------------------------------
def scan_with_gradient():
    states, updates = gradcore.scan(lambda a, s: T.tanh(s + a), sequences=x, outputs_info=0.5)
    assert not updates
    return [x], [states, T.grad(states.sum(), x)]


def branches():
    return [x], gradcore.ifelse(x.sum() > 0, T.exp(x), x[::-1])


def jacobians():
    return [M, x], {"J": T.jacobian(T.tanh(M @ x), x), "Jv": T.jacobian(T.tanh(M @ x), x) @ x}


def sparse_jacobian():
    known = T.TensorType("float64", (3,))("x")
    return [known], gradcore.sparse_jacobian(known[1:] ** 2 - known[:-1], known)


def sparse_inputs():
    A = T.sparse.csr_matrix("A")
    return [A, x], [A @ x, A.T, T.grad((A @ x).sum(), A)]


def root():
    solution = T.root(lambda u: u**3 - x, T.ones_like(x))
    return [x], [solution, T.grad(solution.sum(), x)]


def custom():
    @gradcore.custom_gradient
    def clipped(u):
        return T.exp(u), lambda g: T.clip(g, -1, 1)

    return [x], T.grad(clipped(x).sum(), x)


def recomputed():
    return [x], T.grad(gradcore.checkpoint(T.exp)(x).sum(), x)


def writes():
    i = T.lvector("i")
    return [x, i], T.inc_subtensor(x[i[::2]], 1.0)[1:][::-1]


def special_numbers():
    return [x], [x * T.constant(np.array([np.nan, -0.0, np.inf])), T.clip(x, -np.inf, 1e-310)]


PROGRAMS = [
    scan_with_gradient, branches, jacobians, sparse_jacobian, root, custom, recomputed, writes,
    special_numbers,
]  # fmt: skip
VALUES = {"x": np.array([0.5, 1.0, -2.0]), "M": np.ones((2, 3)), "i": np.array([0, 9, 2])}


def saved(tmp_path, functions, mode="numpy"):
    path = tmp_path / "functions.gc"
    gradcore.save(functions, path)
    return gradcore.load(path, mode)


def alike(found, wanted):
    """Check that results are of one form, and the same to the last bit."""
    assert type(found) is type(wanted)
    if isinstance(wanted, dict):
        assert list(found) == list(wanted)
        found, wanted = list(found.values()), list(wanted.values())
    if isinstance(wanted, list):
        for a, b in zip(found, wanted, strict=True):
            alike(a, b)
    elif hasattr(wanted, "indptr"):
        for part in ("data", "indices", "indptr"):
            alike(getattr(found, part), getattr(wanted, part))
        assert found.shape == wanted.shape
    else:
        assert found.dtype == wanted.dtype
        assert found.tobytes() == wanted.tobytes()


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_functions(tmp_path, program):
    inputs, outputs = program()
    f = gradcore.function(inputs, outputs, "numpy", name="f")
    g = saved(tmp_path, f)
    values = [VALUES[v.name] for v in inputs]
    alike(g(*values), f(*values))
    alike(g(**{v.name: a for v, a in zip(inputs, values, strict=True)}), f(*values))
    assert g.name == "f"


@pytest.mark.parametrize("backend", ["c", "numpy"])
def test_functions_of_sparse_matrices(tmp_path, backend):
    scipy_sparse = pytest.importorskip("scipy.sparse")
    inputs, outputs = sparse_inputs()
    f = gradcore.function(inputs, outputs, backend)
    A = scipy_sparse.csr_array(np.array([[0.0, 2.0, 0.0], [1.0, 0.0, 3.0]]))
    alike(saved(tmp_path, f, backend)(A, [1.0, 2.0, 3.0]), f(A, [1.0, 2.0, 3.0]))


def test_shared_variables_stay_common(tmp_path):
    state = gradcore.shared(np.zeros(3), "state")
    step = gradcore.function([x], state.sum(), "numpy", updates={state: state + x})
    value = gradcore.function([], state * 2, "numpy")
    step([1.0, 2.0, 3.0])
    functions = saved(tmp_path, {"step": step, "value": value})
    assert functions["step"]([1.0, 1.0, 1.0]) == 6
    np.testing.assert_array_equal(functions["value"](), [4.0, 6.0, 8.0])
    np.testing.assert_array_equal(functions["step"]["state"], [2.0, 3.0, 4.0])
    np.testing.assert_array_equal(value(), [2.0, 4.0, 6.0])  # those saved are left alone


def test_streams_go_on_where_they_were(tmp_path):
    stream = T.random.RandomStream(3)
    f = gradcore.function([], stream.normal(size=4), "numpy")
    f()
    g = saved(tmp_path, f)
    for _ in range(3):
        alike(g(), f())


def test_inputs_with_values(tmp_path):
    count = T.lscalar("count")
    entries = [x, gradcore.In(count, "k", value=4, update=count + 1, allow_downcast=True)]
    f = gradcore.function(entries, x * count, "numpy")
    f([1.0])
    g = saved(tmp_path, f)
    assert g([1.0]) == 5 and g([1.0]) == 6 and g([1.0], k=2.0) == 2 and f([1.0]) == 5


@pytest.mark.parametrize("outputs", [None, x, [x], [], {"a": x, 3: x}], ids=str)
def test_forms_of_results(tmp_path, outputs):
    f = gradcore.function([x], outputs, "numpy", on_unused_input="ignore")
    g = saved(tmp_path, f)
    assert type(g([1.0])) is type(f([1.0]))
    assert g.form == f.form


def test_names_and_lines_are_saved(tmp_path):
    g = saved(tmp_path, gradcore.function([x, y], x + T.exp(y)[:2], "numpy"))
    with pytest.raises(
        ValueError, match=r"test_serialization.py:\d+, in test_names_and_lines"
    ) as e:
        g([1.0, 2.0, 3.0], [1.0, 2.0])
    assert "/" not in str(e.value.where)
    assert [entry.variable.name for entry in g.maker.inputs] == ["x", "y"]


def test_deep_graphs(tmp_path):
    deep = x
    for _ in range(3000):
        deep = T.sin(deep)
    f = gradcore.function([x], deep, gradcore.Mode("numpy", optimizer=False))
    alike(saved(tmp_path, f)([0.5]), f([0.5]))


# what is refused ----------------------------------------------------------------------------------
def test_functions_of_python_are_refused(tmp_path):
    doubled = gradcore.as_op([T.dvector], [T.dvector])(lambda a: 2 * a)
    f = gradcore.function([x], doubled(x), "numpy")
    with pytest.raises(GraphTypeError, match="cannot be saved") as e:
        gradcore.save(f, tmp_path / "f.gc")
    assert "test_serialization.py" in str(e.value.where)
    assert not list(tmp_path.iterdir())


def test_an_op_of_nobody_is_refused(tmp_path):
    @dataclass(frozen=True)
    class Dot(Op):  # of the name of another
        def make_node(self, *inputs):
            return Apply(self, inputs, [inputs[0].type()])

        def perform(self, node, inputs, outputs):
            outputs[0][0] = inputs[0]

    f = gradcore.function([x], Dot()(x), "numpy")
    with pytest.raises(GraphTypeError, match="no op of gradcore's catalogue"):
        gradcore.save(f, tmp_path / "f.gc")


@pytest.mark.parametrize("given", [x, {"f": x}, {1: 2}, None], ids=str)
def test_what_is_no_function(tmp_path, given):
    with pytest.raises(GraphTypeError, match="save takes a function"):
        gradcore.save(given, tmp_path / "f.gc")


def test_keys_that_are_no_data(tmp_path):
    f = gradcore.function([x], {(1, 2): x}, "numpy")
    with pytest.raises(GraphTypeError, match=r"the key \(1, 2\)"):
        gradcore.save(f, tmp_path / "f.gc")


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "f.gc"
    gradcore.save(gradcore.function([x], x, "numpy"), path)
    before = path.read_bytes()
    with pytest.raises(GraphTypeError):
        gradcore.save(gradcore.function([x], {None: x}, "numpy"), path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


# damaged files ------------------------------------------------------------------------------------
@pytest.fixture
def file(tmp_path):
    """A file with all that a document may have, and what it says."""
    state = gradcore.shared(np.ones(3), "state")
    inputs, outputs = scan_with_gradient()
    entries = [*inputs, gradcore.In(M, value=np.ones((2, 3)))]
    f = gradcore.function(entries, [*outputs, M[1:, ::2] @ state[:2]], "numpy", {state: state * 2})
    path = tmp_path / "f.gc"
    gradcore.save(f, path)
    return path, *read(path)


def test_files_that_are_none(tmp_path):
    path = tmp_path / "f.gc"
    for content in (b"", b"PK", b"no archive"):
        path.write_bytes(content)
        with pytest.raises(SerializationError, match="no file of save"):
            gradcore.load(path)
    np.savez(path.with_suffix(".npz"), np.ones(3))
    with pytest.raises(SerializationError, match="has no functions.json"):
        gradcore.load(path.with_suffix(".npz"))
    with pytest.raises(FileNotFoundError):
        gradcore.load(tmp_path / "absent")


def test_a_later_version_is_refused(file):
    path, document, arrays = file
    written(path, document | {"version": 2, "gradcore": "9.1"}, arrays)
    with pytest.raises(SerializationError, match=r"version 2[\s\S]*gradcore 9.1 wrote it"):
        gradcore.load(path)


def test_an_unknown_op_is_named(file):
    path, document, arrays = file
    ops = [{"row": "tanhh"} if op.get("row") == "tanh" else op for op in document["ops"]]
    written(path, document | {"ops": ops}, arrays)
    with pytest.raises(SerializationError, match="did you mean 'tanh'"):
        gradcore.load(path)


def test_objects_and_compression_are_refused(file):
    path, document, arrays = file
    for name, content in ((DOCUMENT, json.dumps(document)), ("arrays/0.npy", b"\x93NUMPY")):
        kind = zipfile.ZIP_DEFLATED if name == DOCUMENT else zipfile.ZIP_STORED
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(zipfile.ZipInfo(name), content, kind)
            if name != DOCUMENT:
                archive.writestr(DOCUMENT, json.dumps(document))
        with pytest.raises(SerializationError, match="is compressed|no header of .npy"):
            gradcore.load(path)
    written(path, document, [np.array([{}], object) if a.ndim else a for a in arrays[:0]])
    with pytest.raises(SerializationError, match="no array of the number"):
        gradcore.load(path)


def test_entries_that_overlap_are_refused(file):
    """A small file must not become many arrays."""
    path, document, _ = file
    written(path, document, [np.zeros(1000)])
    with zipfile.ZipFile(path, "a") as archive:
        first = archive.getinfo("arrays/0.npy")
        for i in range(1, 9):
            other = zipfile.ZipInfo(f"arrays/{i}.npy")
            for name in ("header_offset", "file_size", "compress_size", "CRC"):
                setattr(other, name, getattr(first, name))
            archive.filelist.append(other)
        archive._didModify = True
    with pytest.raises(SerializationError, match="overlap"):
        gradcore.load(path)


def test_nesting_without_end_is_refused(file):
    path, document, _ = file
    text = json.dumps(document).replace(
        '"ops": [', '"ops": [' + "[" * 100_000 + "]" * 100_000 + ","
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(DOCUMENT, text)
    with pytest.raises(SerializationError, match="is no JSON"):
        gradcore.load(path)


@pytest.mark.parametrize("seed", range(40))
def test_flipped_and_missing_bytes(file, seed):
    drawn = random.Random(seed)
    path, *_ = file
    content = bytearray(path.read_bytes())
    if seed % 4 == 0:
        del content[drawn.randrange(len(content)) :]
    else:
        content[drawn.randrange(len(content))] ^= 1 << drawn.randrange(8)
    path.write_bytes(content)
    loads_or_refuses(path)


LEAVES = (
    None,
    True,
    -1,
    0,
    1,
    7,
    2**70,
    0.5,
    "",
    "sum",
    "Scan",
    "float32",
    [],
    [0],
    {},
    {"graph": 0},
)


def changed(data, drawn):
    """Return data with something else in one place."""
    if isinstance(data, (list, dict)) and data and drawn.random() < 0.95:
        keys = list(data) if isinstance(data, dict) else range(len(data))
        key = drawn.choice(keys)
        other = data.copy()
        if drawn.random() < 0.03:
            del other[key]
        else:
            other[key] = changed(data[key], drawn)
        return other
    return drawn.choice(LEAVES)


@pytest.mark.parametrize("seed", range(60))
def test_changed_documents(file, seed):
    """What a file says may be anything: it is a function, or refused."""
    drawn = random.Random(seed)
    path, document, arrays = file
    for _ in range(5):
        written(path, changed(document, drawn), arrays)
        loads_or_refuses(path)


def loads_or_refuses(path):
    try:
        gradcore.load(path, gradcore.Mode("numpy", optimizer=False))
    except SerializationError as error:
        assert str(error)
