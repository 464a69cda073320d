"""The ops, a family a module, and how to add one.

An elementwise op is an entry of `gradcore.ops.scalars`.  Any other op is a frozen dataclass derived
from `gradcore.graph.Op`, in the module of its family, whose fields are its parameters and which
declares ``dtype`` and ``shape``, ``check``, ``reference`` and ``derivative`` (a kind of
`gradcore.derive`).  A function that can be said in the tensor language is no op: it belongs to
`gradcore.tensor.functions`.
"""
