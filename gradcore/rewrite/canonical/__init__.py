"""The first stage: one form for what can be said in several ways, and nothing superfluous.

As in every such compiler, rules here hold for numbers, not for every infinity and NaN: ``x * 0``
is 0, ``x / x`` is 1.  The rules about loops are in `gradcore.rewrite.loops`.
"""

from gradcore.rewrite.canonical import arithmetic as arithmetic
from gradcore.rewrite.canonical import choice as choice
from gradcore.rewrite.canonical import index as index
from gradcore.rewrite.canonical import reduce as reduce
from gradcore.rewrite.canonical import shape as shape
from gradcore.rewrite.canonical.stage import canonicalize as canonicalize
