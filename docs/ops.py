"""Writes the op reference, ``docs/ops.md``, from what the ops of the core declare.

Run it: ``python docs/ops.py``, after an op has changed; a test compares.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from gradcore.graph import Op
from gradcore.ops.catalogue import catalogue
from gradcore.ops.elementwise import Elementwise
from gradcore.reference import entry

PAGE = Path(__file__).with_suffix(".md")

PREFACE = """# The ops

What each op declares, printed from the declarations by `docs/ops.py`. To write a kernel for an op,
its entry and [what a backend is](backends.md) are all there is to know; how a loop and a
conditional run their graphs is [there](backends.md#ops-that-contain-graphs) too. `gradcore ops
NAME` prints the entry of any op that is installed.

An *elementwise* op is a scalar function, mapped over operands that broadcast, aligned at the last
axis, where only an extent that is *known* to be 1 stretches (`ArrayBackend` checks the others at
run time, before a kernel is called). Its kernel gets the operands in the dtypes in which the op
takes them; `ArrayBackend` casts them, and the result. *Meaning* is the function that is the
reference, and how many units in the last place a result may be off it.

Every other op is a frozen dataclass with *parameters*, and its kernel is made for a node, which
has `node.op.axes` or whatever the parameters are, `node.inputs[0].dtype` and
`node.outputs[0].type.shape` (None where an extent is not known). The kernel gets all operands as
they are; one that is a scalar of the graph (an extent, an index, a condition) is an array of rank
0, of any integer dtype or bool. It returns an array of the dtype of the output, or a tuple of
them if there are several. Operands are not changed; a result may share memory with them. *Shapes*
are those of the outputs, by the shape rule: `?` is an extent that is known only when the op has
run. The code of the reference is the meaning; what it raises, a kernel raises. In the tables,
`float64[][]` is a matrix.

*Derivative* is the kind in which it is declared (a class of `gradcore.derive`), with what becomes
of a cotangent, or a tangent, `t`. No backend computes derivatives: they are graphs of these ops.
"""

CASTS = """### `cast_bool`, `cast_int8` ... `cast_float64`

the operand in another dtype, as by NumPy's `astype`

Floats are truncated towards zero on the way to integers, integers wrap, and what is not 0 is true.
A float that no integer of the dtype can hold, and NaN, may become any integer. The derivative is a
cast back, or zero. `ArrayBackend` asks the table for each; `cast(array, dtype)` is what it uses
itself.
"""


def page() -> str:
    """Return the text of ``docs/ops.md``."""
    return "\n".join((PREFACE, *_rows(), *_classes()))


def _rows() -> Iterator[str]:
    yield "## Elementwise\n"
    for op in catalogue():
        if isinstance(op, Elementwise) and not op.name.startswith("cast_"):
            yield entry(op)
    yield CASTS


def _classes() -> Iterator[str]:
    family = ""
    for op in catalogue():
        if not isinstance(op, Op):
            if op.__module__ != family:
                family = op.__module__
                yield f"## {family}\n\n{(sys.modules[family].__doc__ or '').strip()}\n"
            yield entry(op)


if __name__ == "__main__":
    PAGE.write_text(page())
    sys.stdout.write(f"wrote {PAGE}\n")
