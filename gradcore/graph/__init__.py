"""Graphs of tensors: types, variables, nodes, walks.

This package knows no op by name.  ``types`` says what is known before run time, ``nodes`` what a
graph is made of, ``op`` what an op declares, ``extents`` how shapes are computed, ``traverse`` how
to walk, ``fgraph`` what a closed graph is.
"""

from gradcore.graph import pickling as pickling
from gradcore.graph.extents import UNKNOWN as UNKNOWN
from gradcore.graph.extents import Extent as Extent
from gradcore.graph.extents import Operand as Operand
from gradcore.graph.extents import Shape as Shape
from gradcore.graph.fgraph import FunctionGraph as FunctionGraph
from gradcore.graph.location import here as here
from gradcore.graph.location import on_behalf_of as on_behalf_of
from gradcore.graph.nodes import Apply as Apply
from gradcore.graph.nodes import Constant as Constant
from gradcore.graph.nodes import Kernel as Kernel
from gradcore.graph.nodes import TensorConstant as TensorConstant
from gradcore.graph.nodes import TensorVariable as TensorVariable
from gradcore.graph.nodes import Variable as Variable
from gradcore.graph.nodes import as_variable as as_variable
from gradcore.graph.op import ZERO as ZERO
from gradcore.graph.op import Arg as Arg
from gradcore.graph.op import Derivative as Derivative
from gradcore.graph.op import Op as Op
from gradcore.graph.op import Sample as Sample
from gradcore.graph.op import Undefined as Undefined
from gradcore.graph.op import Zero as Zero
from gradcore.graph.requirements import Requirement as Requirement
from gradcore.graph.traverse import ancestors as ancestors
from gradcore.graph.traverse import clone as clone
from gradcore.graph.traverse import free_inputs as free_inputs
from gradcore.graph.traverse import graph_inputs as graph_inputs
from gradcore.graph.traverse import graph_replace as graph_replace
from gradcore.graph.traverse import substitute as substitute
from gradcore.graph.traverse import toposort as toposort
from gradcore.graph.types import Array as Array
from gradcore.graph.types import TensorType as TensorType
from gradcore.graph.types import upcast as upcast
