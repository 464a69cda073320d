"""How nodes become loops: a rule for each class of ops, in a file for each family.

An op that is not in the table is lowered by what it declares: a function of a library, or its
element form.
"""

from __future__ import annotations

from collections.abc import Mapping

from gradcore.graph import Op
from gradcore.graph.externs import Extern
from gradcore.kernel.lowering import Rule
from gradcore.kernel.rules import (
    control,
    elementwise,
    externs,
    index,
    linalg,
    reduce,
    scan,
    search,
    shape,
    sparse,
    windows,
)
from gradcore.ops.control import Assert, Conditional, IfElse, Print
from gradcore.ops.diagonals import IncDiagonals
from gradcore.ops.elementwise import Elementwise
from gradcore.ops.fourier import Fft, FromHalf, HalfFft
from gradcore.ops.index import IncSubtensor, Nonzero, Subtensor
from gradcore.ops.linalg import Dot, MatMul
from gradcore.ops.reduce import ArgReduce, Cumulative, Recurrence, Reduce
from gradcore.ops.scan import Scan
from gradcore.ops.schur import Logarithm, SquareRoot
from gradcore.ops.schur_forms import Schur
from gradcore.ops.search import SearchSorted
from gradcore.ops.shape import Alloc, DimShuffle, Join, Repeat, Reshape
from gradcore.ops.shape_values import MakeVector, ShapeOf, SpecifyShape
from gradcore.ops.sorting import ArgSort, Sort
from gradcore.ops.sparse import SampledDot, SparseDot, SparseTransposedDot
from gradcore.ops.sparse_patterns import RowNumbers
from gradcore.ops.windows import OverlapAdd

__all__ = ["RULES"]

RULES: Mapping[type[Op | Extern], Rule] = {
    # in Python, and by libraries
    Op: control.in_python,
    Print: control.in_python,
    SquareRoot: control.in_python,
    Logarithm: control.in_python,
    Schur: control.in_python,
    Fft: control.in_python,
    HalfFft: control.in_python,
    FromHalf: control.in_python,
    Extern: externs.library_call,
    # element by element
    Elementwise: elementwise.elementwise,
    # over an axis
    Reduce: reduce.reduce,
    ArgReduce: reduce.arg_reduce,
    Cumulative: reduce.cumulative,
    Recurrence: reduce.recurrence,
    Sort: index.sort,
    ArgSort: index.sort,
    SearchSorted: search.search_sorted,
    # products
    Dot: linalg.dot,
    MatMul: linalg.matmul,
    RowNumbers: sparse.row_numbers,
    SparseDot: sparse.sparse_dot,
    SparseTransposedDot: sparse.sparse_transposed_dot,
    SampledDot: sparse.sampled_dot,
    # shapes and views
    ShapeOf: shape.shape_of,
    MakeVector: shape.make_vector,
    DimShuffle: shape.dimshuffle,
    Alloc: shape.alloc,
    SpecifyShape: shape.specify_shape,
    Reshape: shape.reshape,
    Join: shape.join,
    Repeat: shape.repeat,
    # by indices
    Subtensor: index.subtensor,
    IncSubtensor: index.inc_subtensor,
    IncDiagonals: index.inc_diagonals,
    Nonzero: index.nonzero,
    # windows
    OverlapAdd: windows.overlap_add,
    # control flow
    Assert: control.check,
    Conditional: control.conditional,
    IfElse: control.if_else,
    Scan: scan.scan,
}
"""Rules by classes of ops; that of `Op` runs in Python, that of `Extern` calls a library."""
