"""Where numbers belong among sorted ones: bisection, all elements at once.

The decision: an op, since how many steps a search takes depends on an extent; its lowering is a
loop of that many steps on registers, around which a loop over the elements goes, so it needs no
function of a runtime and runs on GPUs.  Rejected: a comparison of all pairs, and sorting both
together, which take longer wherever one of the two is short.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from gradcore.derive import Flat
from gradcore.errors import GraphTypeError, GraphValueError
from gradcore.graph import Apply, Op, Operand, Shape, Variable, here
from gradcore.graph.nodes import as_variable
from gradcore.graph.op import Arg, Sample
from gradcore.graph.types import upcast
from gradcore.language import LANGUAGE

_search: Any = np.searchsorted  # its side is typed as one of two literals


def bisected(library: Any, a: Any, v: Any, side: str) -> Any:
    """Return the places of ``v`` in ``a``, found bit by bit, the highest first.

    library : NumPy, or one like it: ``where``, ``isnan`` and ``zeros_like`` are called.

    A bit is set if as many elements as that makes belong before: the last of them is asked.
    """
    n = int(a.shape[0])
    found = library.zeros_like(v, dtype=library.int64)
    last = library.isnan(v)
    for bit in reversed(range(n.bit_length())):
        more = found + (1 << bit)
        inside = more <= n
        x = a[library.where(inside, more, n) - 1]
        before = (x < v) | (last & (x == x)) if side == "left" else (x <= v) | last
        found = library.where(inside & before, more, found)
    return found


@final
@dataclass(frozen=True, repr=False)
class SearchSorted(Op):
    """``SearchSorted(side)(a, v)``: where each element of ``v`` keeps the vector ``a`` sorted.

    side : "left": the first such place, "right": the last one.

    Both are taken in the dtype that holds them; NaN belongs behind all numbers.  Where ``a`` is
    not in ascending order, the place is the one that `bisected` finds.
    """

    side: str
    derivative = Flat()

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return samples of both sides: numbers among none, one and more of them."""
        among = Arg((0,)), Arg((1,)), Arg((7,), made=np.sort), Arg((7,))
        return [Sample(cls(side), (a, Arg((3, 4)))) for side in ("left", "right") for a in among]

    def check(self, *inputs: Variable) -> None:
        """Take a vector, and a side that exists."""
        if self.side not in ("left", "right"):
            raise GraphValueError(f"side is 'left' or 'right', not {self.side!r}", here())
        if inputs[0].ndim != 1:
            raise GraphTypeError(
                f"searchsorted takes a sorted vector, not {inputs[0]} ({inputs[0].type})", here()
            )

    def make_node(self, *inputs: Any) -> Apply:
        """Return a node on operands of one dtype."""
        others = [x.type.dtype for x in inputs if isinstance(x, Variable)]
        a, v = (as_variable(x, others) for x in inputs)
        dtype = upcast(a.type.dtype, v.type.dtype)
        return super().make_node(LANGUAGE["cast"](a, dtype), LANGUAGE["cast"](v, dtype))

    def dtype(self, *dtypes: str) -> str:
        """Return int64."""
        return "int64"

    def shape(self, *operands: Operand) -> Shape:
        """Return the shape of what is searched for."""
        return operands[1].shape

    def reference(self, *arrays: Any) -> Any:
        """Return what bisection finds: NumPy's where the vector is sorted."""
        a: Any = arrays[0]
        v: Any = arrays[1]
        if (a[1:] >= a[:-1]).all():
            return np.asarray(_search(a, v, self.side), "int64")
        return bisected(np, a, v, self.side)
