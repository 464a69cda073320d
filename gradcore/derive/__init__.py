"""Derivatives: the kinds in which an op declares its own, and their two sweeps over a graph.

An op declares what its derivative *is*; both modes follow:

=============  ====================================  ==========================  ===================
kind           says                                  forward                     reverse
=============  ====================================  ==========================  ===================
`Diagonal`     elementwise: the Jacobian is diagonal the rule                    the rule, summed
`StrongZeros`  a product: 0 times infinity is 0      the rules, likewise         likewise, masked
`Branch`       one operand or another is taken       the branch                  the branch, masked
`Linear`       linear in its operands together       the op, on the tangents     the transpose
`Identity`     the first operand                     the tangent                 the cotangent
`Multilinear`  linear in each operand by itself      the op, one tangent a time  the transpose
`Forward`      the tangent map, written out          the rule                    pulled back
`Tangents`     the same, for several outputs         the rule                    pulled back
`Reverse`      the cotangent map, written out        pulled back twice           the rule
`Flat`         piecewise constant                    zero                        zero
`Disconnected` dependent on shapes only              none                        none
=============  ====================================  ==========================  ===================

The decision: in a symbolic graph, to transpose a linear map is to pull back through its
expression, so no second rule is ever written and no op lacks either mode.  Rejected: reverse rules
only, with forward mode by two pullbacks (graphs twice the size); forward rules only, with a
separate transposition (the reverse graph no longer looks like what a person would write).

Cotangents of complex variables are derivatives by real parts minus i times those by imaginary
parts: so the transpose of a product with a complex number is the same product, no rule that holds
of real functions needs a conjugate, and both modes come from one rule.  `gradcore.gradient` shows
their conjugates, as torch does: the direction of steepest ascent.

``kinds`` holds the kinds, ``branches`` that of a choice, ``sweeps`` the sweeps, ``forms`` what is
differentiated in the place of what would overflow, ``directions`` what travels, ``masks`` what
keeps the infinities of a branch not taken out of a gradient, and what adds cotangents of parts to
one tensor, ``cases`` in which branches something is needed.
"""

from gradcore.derive.branches import Branch as Branch
from gradcore.derive.directions import Direction as Direction
from gradcore.derive.directions import direction_dtype as direction_dtype
from gradcore.derive.directions import sum_to as sum_to
from gradcore.derive.directions import zeros as zeros
from gradcore.derive.forms import Maker as Maker
from gradcore.derive.forms import form as form
from gradcore.derive.kinds import ByOperand as ByOperand
from gradcore.derive.kinds import Diagonal as Diagonal
from gradcore.derive.kinds import Disconnected as Disconnected
from gradcore.derive.kinds import Entry as Entry
from gradcore.derive.kinds import Flat as Flat
from gradcore.derive.kinds import Forward as Forward
from gradcore.derive.kinds import Identity as Identity
from gradcore.derive.kinds import Linear as Linear
from gradcore.derive.kinds import LinearInEach as LinearInEach
from gradcore.derive.kinds import LinearInParts as LinearInParts
from gradcore.derive.kinds import Modulus as Modulus
from gradcore.derive.kinds import Multilinear as Multilinear
from gradcore.derive.kinds import NotDifferentiable as NotDifferentiable
from gradcore.derive.kinds import Reverse as Reverse
from gradcore.derive.kinds import StrongZeros as StrongZeros
from gradcore.derive.kinds import Tangents as Tangents
from gradcore.derive.masks import Contribution as Contribution
from gradcore.derive.masks import Masked as Masked
from gradcore.derive.masks import PartialCotangent as PartialCotangent
from gradcore.derive.masks import accumulated as accumulated
from gradcore.derive.masks import applied as applied
from gradcore.derive.masks import combined as combined
from gradcore.derive.sweeps import contributions as contributions
from gradcore.derive.sweeps import moving_with as moving_with
from gradcore.derive.sweeps import pullback as pullback
from gradcore.derive.sweeps import pushforward as pushforward
