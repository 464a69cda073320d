"""The values after the last step of a loop."""

from __future__ import annotations

from collections.abc import Sequence

from gradcore.errors import ScanError
from gradcore.graph import Variable, here
from gradcore.scan.builder import LoopBuilder


def last_values(loop: LoopBuilder, results: Sequence[Variable]) -> list[Variable]:
    """Return, of the results of a loop, the value of each output after the last step."""
    for k, place in enumerate(loop.places):
        if place is None:
            raise ScanError(f"reduce needs an initial value for output {k}", here())
    return [results[place] for place in loop.places if place is not None]
