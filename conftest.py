"""What pytest does with examples of docstrings, wherever they are."""

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from gradcore.config import config

IMPORTED = re.compile(r"^\s*>>> import (dask|jax|onnxruntime|pandas|torch)\b", re.MULTILINE)
LANGUAGE = Path(__file__).parent / "gradcore/tensor"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip examples that import a library which is not installed."""
    for item in items:
        if isinstance(item, pytest.DoctestItem):
            wanted = IMPORTED.findall(item.dtest.docstring or "")
            missing = [name for name in wanted if find_spec(name) is None]
            if missing:
                item.add_marker(pytest.mark.skip(reason=f"{missing[0]} is not installed"))


@pytest.fixture(autouse=True)
def compiled_by_nobody(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run examples of the tensor language on NumPy: its tests run on every backend."""
    if isinstance(request.node, pytest.DoctestItem) and LANGUAGE in request.path.parents:
        with config.change_flags(mode="numpy"):
            yield
    else:
        yield
