"""What pytest leaves out, wherever tests are."""

import re
from importlib.util import find_spec

import pytest

IMPORTED = re.compile(r"^\s*>>> import (jax|torch)\b", re.MULTILINE)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip examples of docstrings that import a library which is not installed."""
    for item in items:
        if isinstance(item, pytest.DoctestItem):
            wanted = IMPORTED.findall(item.dtest.docstring or "")
            missing = [name for name in wanted if find_spec(name) is None]
            if missing:
                item.add_marker(pytest.mark.skip(reason=f"{missing[0]} is not installed"))
