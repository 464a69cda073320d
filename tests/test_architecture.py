"""The house: imports go one way, none hides, and every public name says what it is."""

import ast
import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest

import gradcore
import gradcore_c
import gradcore_cuda
import gradcore_numpy
from gradcore.language import LANGUAGE, ArrayMethods, Operators

ROOT = Path(gradcore.__file__).parent
BACKEND = Path(gradcore_numpy.__file__).parent
C_BACKEND = Path(gradcore_c.__file__).parent
CUDA_BACKEND = Path(gradcore_cuda.__file__).parent

# A module may import from those above it, and within its own line.
ORDER = [
    {"errors", "config", "language", "cache"},
    {"graph"},
    {"shared"},
    {"derive", "execute"},
    {"ops"},
    # The modules of the tensor language; what ``import gradcore.tensor`` gives comes later.
    {"tensor.control", "tensor.constructors", "tensor.creation", "tensor.elementwise",
     "tensor.indexing", "tensor.products", "tensor.reductions", "tensor.shapes"},
    {"printing", "scan"},
    {"gradient"},
    {"tensor"},
    {"rewrite"},
    {"kernel"},
    {"backend", "plugins"},
    {"mode"},
    {"compile"},
    {"conformance.samples", "inventory", "reference"},
    {"conformance", "skeleton", "cli"},
    {""},
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
ALL = {
    **MODULES,
    **dict(sources(BACKEND, "gradcore_numpy")),
    **dict(sources(C_BACKEND, "gradcore_c")),
    **dict(sources(CUDA_BACKEND, "gradcore_cuda")),
}


def imports(tree):
    """Yield the modules that a module imports, those for types alone left out."""
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in MODULES else node.module


@pytest.mark.parametrize("name", MODULES)
def test_imports_go_one_way(name):
    for imported in imports(MODULES[name]):
        if imported.startswith("gradcore"):
            assert imported.split(".")[0] == "gradcore", "the core imports no backend"
            assert level(imported) <= level(name), f"{name} imports {imported}"


@pytest.mark.parametrize("name", ALL)
def test_no_import_hides_inside_a_function(name):
    for node in ast.walk(ALL[name]):
        if isinstance(node, (ast.FunctionDef, ast.Lambda)):
            assert not any(
                isinstance(inner, (ast.Import, ast.ImportFrom)) for inner in ast.walk(node)
            )


def test_a_backend_uses_what_a_plugin_may_use():
    for name, tree in sources(BACKEND, "gradcore_numpy"):
        for imported in imports(tree):
            assert not any(part.startswith("_") for part in imported.split(".")[1:]), name
    assert sum(len(path.read_text().splitlines()) for path in BACKEND.glob("*.py")) < 150


def public(module):
    for name, value in vars(module).items():
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__:
            yield name, value


@pytest.mark.parametrize("name", ALL)
def test_public_names_have_docstrings(name):
    module = importlib.import_module(name)
    assert module.__doc__, name
    for label, value in public(module):
        if inspect.isclass(value) or inspect.isfunction(value):
            assert value.__doc__, f"{name}.{label}"


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
    assert {"mul", "sum", "getitem", "eval", "ifelse"} <= used
    assert used <= set(LANGUAGE)
    for cls in (Operators, ArrayMethods):
        for name, value in vars(cls).items():
            if inspect.isfunction(value) and not name.startswith("__"):
                assert value.__doc__, name


def test_modules_are_found():
    names = {module.name for module in pkgutil.walk_packages([str(ROOT)], "gradcore.")}
    assert names <= set(MODULES) and len(names) > 35


def test_no_open_ends():
    written = [path for ending in ("py", "c", "h") for path in C_BACKEND.rglob(f"*.{ending}")]
    for path in [*ROOT.rglob("*.py"), *ROOT.rglob("*.h"), *BACKEND.rglob("*.py"), *written]:
        text = path.read_text()
        assert "TODO" not in text and "FIXME" not in text and "XXX" not in text, path
