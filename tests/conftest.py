import importlib
import os
import sys
import zlib
from collections import defaultdict
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

import gradcore
import gradcore.tensor as T
import gradcore.theano
from gradcore.conformance import whole_graphs
from gradcore.errors import UnavailableError
from gradcore.language import LANGUAGE
from gradcore.ops.elementwise import ENTRIES, elementwise
from gradcore.rewrite.jacobians import bands

pytest_plugins = ["pytester", "fake_cuda", "fake_plugins"]

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "docs/web")]
sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))

UNTIMED = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.register_profile("some", UNTIMED, max_examples=150)
settings.register_profile("many", UNTIMED, max_examples=5000)
settings.load_profile("some")


OPTIMIZED = ("test_c.py", "test_c_*.py", "test_random_graphs.py", "test_exponentials.py")
"""What is about generated C, or holds much of it to the reference: compiled as for users."""


MANY, PART = 10, 8
"""Of tests with more parameters every eighth runs, ten at least; their names decide which."""

WHOLE = ("test_architecture.py", "test_style.py")
"""Of these all run: they take no time, and what they find is of one file."""

FEW = 30
"""So many items of a list a test goes through, whatever its length."""


def pytest_addoption(parser):
    parser.addoption(
        "--exhaustive", action="store_true", help="run tests on all parameters, however many"
    )


def pytest_collection_modifyitems(config, items):
    """Leave out seven eighths of what is enumerated at length: `nox -s tests` has all of it.

    A run of the conformance suite by its name has all that it asks for.
    """
    if config.getoption("--exhaustive") or config.option.pyargs:
        return
    groups = defaultdict(list)
    for item in items:
        groups[item if item.path.name in WHOLE else _function(item)].append(item)
    chosen = set()
    for group in groups.values():
        group.sort(key=lambda item: zlib.crc32(item.nodeid.encode()))
        chosen.update(group[: max(MANY, -(-len(group) // PART))])
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = [item for item in items if item in chosen]


def _function(item):
    return item.nodeid.partition("[")[0]


@pytest.fixture
def part_of(request):
    """Return a function of a list that a test goes through: a part of a long one, too."""

    def part(items):
        whole = len(items) <= FEW or request.config.getoption("--exhaustive")
        return items if whole else items[::PART]

    return part


@pytest.fixture(autouse=True)
def compiled_quickly(request, monkeypatch):
    """C that a test is not about is compiled without optimization, in half of the time."""
    if not any(fnmatch(request.path.name, pattern) for pattern in OPTIMIZED):
        monkeypatch.setenv("GRADCORE_CFLAGS", os.environ.get("GRADCORE_CFLAGS", "-O0"))


@pytest.fixture
def rng():
    return np.random.default_rng(1234)


EVERYWHERE = {
    "plain": gradcore.Mode("numpy", optimizer=False),
    "numpy": gradcore.Mode("numpy"),
    "c": gradcore.Mode("c"),
    "cuda": gradcore.Mode("cuda", runtime="host"),
    "jax": gradcore.Mode("jax"),
    "torch": gradcore.Mode("torch"),
}
"""The graph as it is written, and each backend."""


@pytest.fixture(params=EVERYWHERE)
def everywhere(request):
    """Each backend that works here, as a mode."""
    mode = EVERYWHERE[request.param]
    try:
        gradcore.function([], T.constant(0), mode=mode)
    except UnavailableError as error:
        pytest.skip(str(error))
    return mode


@pytest.fixture
def optimized(everywhere):
    """Each backend that works here, with the optimizer."""
    if not everywhere.optimizer:
        pytest.skip("values need the optimizer")
    return everywhere


@pytest.fixture
def declare():
    """Return what declares elementwise ops that are gone after the test."""
    names = []

    def declared(name, *args, **kwargs):
        names.append(name)
        return elementwise(name, *args, **kwargs)

    yield declared
    for name in names:
        del ENTRIES[name], LANGUAGE[name]


@pytest.fixture
def little_longer(monkeypatch):
    """Whole graphs are called again on arrays that are but little longer.

    That is enough for programs that Python interprets: it has no vectors that they could fill.
    """
    monkeypatch.setattr(whole_graphs, "LONGER", 3)


@pytest.fixture
def torch_state():
    """What torch has global is the same after a test."""
    torch = pytest.importorskip("torch")

    def state():
        return torch.is_grad_enabled(), torch.get_default_dtype(), torch.get_num_threads()

    before = state()
    yield
    assert before == state()


@pytest.fixture
def rows_as_loops(monkeypatch):
    """Return a mode in which a Jacobian that is built is seen: as a loop over its rows.

    Nothing is computed of all rows at once.
    """
    monkeypatch.setattr(bands, "batched", lambda *_: None)
    return gradcore.Mode("numpy").excluding("push_out_seeds")


@pytest.fixture
def theano():
    """The module `theano`, for which gradcore stands in during a test."""
    gradcore.theano.install()
    try:
        yield importlib.import_module("theano")
    finally:
        gradcore.theano.uninstall()


@pytest.fixture(name="T")
def theano_tensor(theano):
    """The module `theano.tensor`."""
    return importlib.import_module("theano.tensor")
