"""What a rewrite may change: the declaration of every rule and pass of the optimizer.

The words are those of LLVM's fast-math flags, with the rounding given as a number.  The default
modes take only what preserves, on all finite operands, the value up to the declared rounding, and
the sign of zero; dtype and shape never change.  ``tests/test_rewrite_values.py`` runs every rule
and pass at the extremes of every dtype and compares the result with the graph as written, by its
declaration.

>>> Changes()
Changes(nothing)
>>> Changes(rounding=2, nonfinite=True)
Changes(rounding by 2 ulp of the result, values at infinities and NaN)
>>> Changes(signed_zeros=True).by_choice
True
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, repr=False)
class Changes:
    """What a rewrite may change on floats.

    rounding : by how many units in the last place results may differ.
    of : the last place of what: of the result, or of the terms that a sum adds up, taken together
        (the sum of their magnitudes), as the order of a sum is nobody's.
    more_exact : where intermediate results of the graph as written overflow, underflow, round or
        cancel, the value may be nearer to what the formula says; further from it, never.
    derivatives : the order in which the factors of a derivative are multiplied, as that is nobody's
        either: what is nearer to the formula at one point may overflow at another.
    nonfinite : values where an operand is infinite or NaN (LLVM: ``ninf nnan``).
    signed_zeros : the sign of a zero (``nsz``).
    reassociates : all that re-association, cancellation and distribution change in floats: values
        by any amount, overflow, underflow (``reassoc``, ``arcp``).

    >>> Changes(rounding=4, nonfinite=True)
    Changes(rounding by 4 ulp of the result, values at infinities and NaN)
    >>> Changes(signed_zeros=True).by_choice
    True
    """

    rounding: float = 0
    of: Literal["result", "terms"] = "result"
    more_exact: bool = False
    derivatives: bool = False
    nonfinite: bool = False
    signed_zeros: bool = False
    reassociates: bool = False

    @property
    def by_choice(self) -> bool:
        """Whether the default modes do without it."""
        return self.signed_zeros or self.reassociates

    def __repr__(self) -> str:
        """Return what may change, in words."""
        words = {
            f"rounding by {self.rounding:g} ulp of the {self.of}": self.rounding,
            "nearer to the formula": self.more_exact,
            "the order of the factors of derivatives": self.derivatives,
            "values at infinities and NaN": self.nonfinite,
            "the sign of zero": self.signed_zeros,
            "what re-association changes": self.reassociates,
        }
        return f"Changes({', '.join(word for word, is_so in words.items() if is_so) or 'nothing'})"


EXACT = Changes()
"""Nothing changes."""

REASSOCIATES = Changes(nonfinite=True, signed_zeros=True, reassociates=True)
"""What is true for real numbers only: by choice."""
