"""What a variable is of a batch that comes in chunks: the facts that rules are about.

``batch`` stands for the inputs whose rows, along their first axis, come in chunks; ``c1, c2`` for
one chunk above the other.  A variable v is, as a function of the batch,

=========  ========================================================================================
free       the same for any batch: v(c1, c2) = v(c1) = v(c2)
rows       one chunk above the other along an axis: v(c1, c2) = join(v(c1), v(c2))
numbers    rows that are 0, 1, 2 ... in each chunk: good for an index of its rows, and nothing else
sum ...    a reduction: v(c1, c2) = v(c1) + v(c2); with ``prod``, ``max``, ``min``, ``any``, ``all``
           in the place of ``sum`` what these do
=========  ========================================================================================

These are equations, so a function that has them has them for any number of chunks, of any lengths.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from gradcore.graph import Apply, Variable

Kind: TypeAlias = Literal[
    "free", "rows", "numbers", "same", "sum", "prod", "max", "min", "any", "all"
]


@dataclass(frozen=True)
class Part:
    """What one variable is.

    kind : see above.
    level : how many passes over the batch must have ended before it can be computed of a chunk;
        what is free is so then, as it may be computed from totals.
    axis : the one that rows lie along.
    whole : of rows: each is of one row of the batch; of a sum: it is their number.
    counts : of a sum: arithmetic on extents, which of a chunk is an extent of the chunk.
    of_data : of what is free: a chunk is needed to compute it, any one.
    zero : of what is free: it is zero, which is a sum, too.
    """

    kind: Kind = "free"
    level: int = 0
    axis: int = 0
    whole: bool = False
    counts: bool = False
    of_data: bool = False
    zero: bool = False

    @property
    def is_free(self) -> bool:
        """Whether it is the same for all chunks."""
        return self.kind == "free"

    @property
    def is_rows(self) -> bool:
        """Whether it grows with the batch."""
        return self.kind in ("rows", "numbers")

    @property
    def is_extent(self) -> bool:
        """Whether it can be an extent of what is computed of a chunk."""
        return self.is_free or self.counts

    def total(self) -> Part:
        """Return what it is once the pass has ended that reduces it."""
        return Part(level=self.level + 1)

    def along(self, axis: int, level: int | None = None) -> Part:
        """Return these rows along another axis, as of another level."""
        return replace(self, axis=axis, level=self.level if level is None else level)


FREE = Part()
ZERO = Part(zero=True)
BATCH = Part("rows", whole=True)
"""An input whose rows come in chunks."""


class NeedsTotalsError(Exception):
    """A rule wants operands as what they are of the whole batch.

    operands : their numbers.
    """

    def __init__(self, *operands: int) -> None:
        super().__init__(operands)
        self.operands = operands


class NotByChunksError(Exception):
    """What a node computes of a batch follows from no parts of it.

    reason : why; ``fix`` : what to do; ``node`` : which one, once that is known.
    """

    node: Apply | None = None

    def __init__(self, reason: str, fix: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.fix = fix


def level_of(parts: list[Part]) -> int:
    """Return the level at which all of them are there."""
    return max((p.level for p in parts), default=0)


def from_right(node: Apply, parts: list[Part], operands: range, out: Variable) -> Part:
    """Return what an op makes that broadcasts operands, of which some are rows, and keeps all axes.

    operands : the numbers of those that broadcast.

    Raises NotByChunksError: rows meet others along another axis, or what is no rows.
    """
    found = {node.inputs[i].ndim - parts[i].axis for i in operands if parts[i].is_rows}
    if len(found) > 1:
        raise NotByChunksError("it pairs rows of the batch with each other")
    (place,) = found
    for i in operands:
        v = node.inputs[i]
        if not parts[i].is_rows and v.ndim >= place and v.type.shape[v.ndim - place] != 1:
            raise NotByChunksError(
                f"{v} has an axis that goes along the rows of the batch, and is not in chunks",
                "pass what it is computed from in chunks, too, or give that axis the extent 1",
            )
    whole = all(parts[i].whole for i in operands if parts[i].is_rows)
    return Part("rows", level_of(parts), out.ndim - place, whole)
