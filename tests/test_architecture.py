"""The house: imports go one way, none hides, and every public name says what it is.

Modules are read, not imported: so the rooms of JAX and torch are covered where these are missing.
"""

import ast
import inspect
import pkgutil
from pathlib import Path

import pytest

from gradcore.language import LANGUAGE, ArrayMethods, Operators

ROOT = Path(__file__).parents[1] / "gradcore"
BACKENDS = {
    path.name: path for path in sorted((ROOT.parent / "backends").glob("*_backend/gradcore_*"))
}

# A module may import from those above it, and within its own line.
ORDER = [
    {"errors", "dtypes", "config", "language", "cache", "progress"},
    {"graph"},
    {"shared"},
    {"derive", "execute"},
    {"ops"},
    # The modules of the tensor language; what ``import gradcore.tensor`` gives comes later.
    {"tensor.control", "tensor.constructors", "tensor.creation", "tensor.elementwise",
     "tensor.cumulative", "tensor.indexing", "tensor.linalg", "tensor.products",
     "tensor.reductions", "tensor.repeats", "tensor.shapes"},
    {"printing", "pictures", "python_functions", "scan", "batching"},
    {"gradient"},
    {"tensor"},
    {"rewrite"},
    {"kernel"},
    {"backend", "plugins"},
    {"mode"},
    {"compile"},
    {"conformance.samples", "inventory", "reference", "viewing"},
    {"serialization", "exporting", "summing"},
    {"conformance", "skeleton", "cli", "optimize", "distributed"},
    {""},
    {"theano"},
]  # fmt: skip


def level(module):
    """Return the line of ``ORDER`` that a module stands in."""
    name = module.removeprefix("gradcore").removeprefix(".")
    for names in (name, name.rpartition(".")[0], name.split(".")[0]):
        for place, line in enumerate(ORDER):
            if names in line and (names or not name):
                return place
    raise AssertionError(f"{module} has no place in the order")


def sources(root, package):
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        name = ".".join((package, *(p for p in parts if p != "__init__")))
        yield name, ast.parse(path.read_text())


MODULES = dict(sources(ROOT, "gradcore"))
ALL = MODULES | {
    name: tree for package, root in BACKENDS.items() for name, tree in sources(root, package)
}


def imports(tree):
    """Yield the modules that a module imports, those for types alone too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in ALL else node.module


BORROWS = {"gradcore_cuda": "gradcore_c"}
"""CUDA's kernels run on the CPU, for tests, by the C backend's compiler."""


NAMES = ("c", "cuda", "jax", "numpy", "onnx", "torch")


def test_all_six_backends_are_read():
    assert set(BACKENDS) == {f"gradcore_{name}" for name in NAMES}


@pytest.mark.parametrize("name", ALL)
def test_imports_go_one_way(name):
    own = name.split(".")[0]
    for imported in imports(ALL[name]):
        if imported.startswith("gradcore"):
            package = imported.split(".")[0]
            assert package in (own, "gradcore", BORROWS.get(own)), f"{name} imports {package}"
            if own == "gradcore":
                assert level(imported) <= level(name), f"{name} imports {imported}"


def in_cycles(graph):
    """Return the nodes of a graph of imports that can be reached from themselves."""
    found = set()
    for start in graph:
        reached, open_ = set(), list(graph[start])
        while open_:
            module = open_.pop()
            if module not in reached:
                reached.add(module)
                open_ += graph[module]
        if start in reached:
            found.add(start)
    return found


def test_no_imports_go_in_a_cycle():
    """Within a room, and for types alone, too."""
    graph = {
        name: [found for found in imports(tree) if found in ALL and found != name]
        for name, tree in ALL.items()
    }
    assert not in_cycles(graph)


def test_a_cycle_is_found():
    assert in_cycles({"a": ["b"], "b": ["c"], "c": ["b"], "d": []}) == {"b", "c"}


def test_an_import_for_types_alone_is_found():
    source = "if TYPE_CHECKING:\n    from gradcore.graph.nodes import Variable"
    assert list(imports(ast.parse(source))) == ["gradcore.graph.nodes"]


@pytest.mark.parametrize("name", ALL)
def test_no_import_hides_inside_a_function(name):
    for node in ast.walk(ALL[name]):
        if isinstance(node, (ast.FunctionDef, ast.Lambda)):
            assert not any(
                isinstance(inner, (ast.Import, ast.ImportFrom)) for inner in ast.walk(node)
            )


def test_a_backend_uses_what_a_plugin_may_use():
    numpy = BACKENDS["gradcore_numpy"]
    for name, tree in sources(numpy, "gradcore_numpy"):
        for imported in imports(tree):
            assert not any(part.startswith("_") for part in imported.split(".")[1:]), name
    assert sum(len(path.read_text().splitlines()) for path in numpy.glob("*.py")) < 150


@pytest.mark.parametrize("name", ALL)
def test_public_names_have_docstrings(name):
    assert ast.get_docstring(ALL[name]), name
    for node in ALL[name].body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{name}.{node.name}"


def test_functions_of_the_tensor_language_say_what_they_return():
    import gradcore.tensor as T

    for name, value in vars(T).items():
        if callable(value) and not name.startswith("_"):
            assert value.__doc__, name


def test_every_word_is_defined():
    used = set()
    for tree in MODULES.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Subscript) and getattr(node.value, "id", "") == "LANGUAGE":
                for constant in ast.walk(node.slice):
                    if isinstance(constant, ast.Constant) and isinstance(constant.value, str):
                        used.add(constant.value)
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "operator":
                name = getattr(node.args[0], "value", None)
                used.update((name, f"sparse_{name}") if isinstance(name, str) else ())
    assert {"mul", "sum", "getitem", "eval", "ifelse", "sparse_matmul"} <= used
    assert used <= set(LANGUAGE)
    for cls in (Operators, ArrayMethods):
        for name, value in vars(cls).items():
            if inspect.isfunction(value) and not name.startswith("__"):
                assert value.__doc__, name


def test_modules_are_found():
    names = {module.name for module in pkgutil.walk_packages([str(ROOT)], "gradcore.")}
    assert names <= set(MODULES) and len(names) > 35
