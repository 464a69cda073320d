"""Draws by rejection, and how they move with their parameters: implicit reparameterization.

A draw x of distribution function F(x, a) moves, at a fixed F, by ``-dF/da / (dF/dx)`` (Figurnov,
Mohamed and Mnih, "Implicit reparameterization gradients", 2018), however it was found.  The mark
here declares that rule, which is a word of the tensor language: so it has both modes and further
derivatives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

from gradcore.derive import Forward
from gradcore.graph import Variable
from gradcore.graph.op import Arg, Sample
from gradcore.language import LANGUAGE
from gradcore.ops.control import GradientMark


def _tangent(op: Any, t: Variable, x: Variable, a: Variable, z: Variable) -> Variable:
    return t * LANGUAGE[op.slope](z, a)


@final
@dataclass(frozen=True, repr=False)
class ImplicitDraw(GradientMark):
    """``ImplicitDraw(slope)(x, a)``: x, which is a draw, and moves with its parameter a.

    slope : the word for what it moves by, a function of x and a.

    Both have one shape.
    """

    slope: str
    derivative = Forward((None, _tangent))

    @classmethod
    def samples(cls) -> Sequence[Sample]:
        """Return draws of gamma distributions."""
        x, a = (Arg((3,), "float64", low, 4) for low in (0.1, 1))
        return [Sample(cls("gamma_slope"), (x, a))]

    def label(self) -> str:
        """Return implicit_draw."""
        return "implicit_draw"
