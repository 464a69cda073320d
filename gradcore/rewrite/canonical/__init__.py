"""The first stage: one form for what can be said in several ways, and nothing superfluous.

What differentiation makes by the way (``fill``, products with 1, constants) is folded here.  What
is true for real numbers but not for floats (``x * 0`` is 0, ``x / x`` is 1, ``(x + y) - x`` is y)
declares that, and is by choice: `gradcore.rewrite.changes`.  The rules about loops are in
`gradcore.rewrite.loops`.
"""

from gradcore.rewrite.canonical import arithmetic as arithmetic
from gradcore.rewrite.canonical import choice as choice
from gradcore.rewrite.canonical import index as index
from gradcore.rewrite.canonical import reduce as reduce
from gradcore.rewrite.canonical import shape as shape
from gradcore.rewrite.canonical.stage import canonicalize as canonicalize
