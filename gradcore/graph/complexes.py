"""How an op takes complex numbers: read off its derivative, or declared.

Once a function is compiled, a complex tensor is two real ones (`gradcore.compile.parts`).  What
becomes of them follows, for most ops, from what they declare already: a map that is linear with
real coefficients takes real and imaginary parts apart, one that is linear in each operand is a
product, and an op that reads no value of an operand needs no imaginary part of it.  An op that is
none of these says what it does, or refuses: there is no order among complex numbers.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Literal, TypeAlias

from gradcore.errors import GraphTypeError
from gradcore.graph.declaration import performs
from gradcore.graph.location import here
from gradcore.language import LANGUAGE

Way: TypeAlias = Literal["written", "whole", "separate", "product", "shape"]
"""How parts become parts: as the op writes it; not at all, as it takes complex numbers; each apart;
as those of a product; real ones alone, of which no value counts."""


def way_of(node: Any) -> Way | None:
    """Return how a node takes its complex operands; None: it takes none."""
    op = node.op
    if op.by_parts is not None:
        return "written"
    if performs(op) or op.graphs:
        return "whole"
    if op.of_complex != "linear":
        return op.of_complex
    moving = complex_operands(node)
    if not moving:
        return "shape"
    if not all(v.type.is_complex for v in node.outputs):
        return None
    together = [moving & set(each) for each in op.derivative.linear_in(node)]
    if moving in together:
        return "separate"
    alone = all({i} in together for i in moving)
    return "product" if alone else None


def complex_operands(node: Any) -> set[int]:
    """Return which operands are complex and of which the values count."""
    connects = node.op.derivative.connects
    return {
        i
        for i, v in enumerate(node.inputs)
        if v.type.is_complex and any(connects(node, i, o) for o in range(len(node.outputs)))
    }


def linear_with(node: Any, moving: Collection[int]) -> Sequence[int]:
    """Return the operands in which a node is linear together with ``moving``, the others fixed."""
    sets = (tuple(each) for each in node.op.derivative.linear_in(node))
    return next((each for each in sets if set(moving) <= set(each)), tuple(moving))


def refuse_complex(node: Any) -> None:
    """Raise GraphTypeError if a node has complex operands, and takes none."""
    if way_of(node) is not None:
        return
    given = ", ".join(f"{v} ({v.type.dtype})" for v in node.inputs)
    raise GraphTypeError(
        f"{node.op} takes no complex numbers, got {given}",
        here(),
        "take the real part, the imaginary part or the absolute value first: T.real, T.imag, abs",
    )


def conjugated(x: Any) -> Any:
    """Return the conjugate of a complex variable; anything else as it is.

    What sweeps carry is, of a complex variable, the derivative by its real part minus i times that
    by its imaginary part, since transposes have no conjugates; what users see is the sum.
    """
    is_complex = hasattr(x, "type") and x.type.is_complex
    return LANGUAGE["conj"](x) if is_complex else x
