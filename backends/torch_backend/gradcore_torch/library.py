"""torch itself, and its dtypes by NumPy's names.

The decision: torch is imported by name, once, here, as a module of any type.  So the type checker
says the same whether or not torch is installed, and no other file depends on how it is found.
"""

from __future__ import annotations

import importlib
from typing import Any

from gradcore import dtypes

# Of any type: torch need not be installed where types are checked, and ships only some of its own.
torch: Any = importlib.import_module("torch")

DTYPES: dict[str, Any] = {name: getattr(torch, name) for name in dtypes.DTYPES}
"""torch's dtypes, by NumPy's names."""

NAMES: dict[Any, str] = {dtype: name for name, dtype in DTYPES.items()}
"""NumPy's names of torch's dtypes."""
