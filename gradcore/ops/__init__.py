"""The ops, a family a module, and how to add one.

An elementwise op is a row of `gradcore.ops.scalars`.  Any other op is a frozen dataclass derived
from `gradcore.graph.Op`, in the module of its family, whose fields are its parameters and which
declares ``dtype`` and ``shape``, ``check``, ``reference`` and ``derivative`` (a kind of
`gradcore.derive`).  A function that can be said in the tensor language is no op: it belongs to
`gradcore.tensor.functions`.
"""

from gradcore.ops import control as control
from gradcore.ops import create as create
from gradcore.ops import elementwise as elementwise
from gradcore.ops import index as index
from gradcore.ops import linalg as linalg
from gradcore.ops import reduce as reduce
from gradcore.ops import scalars as scalars
from gradcore.ops import scan as scan
from gradcore.ops import shape as shape
