"""Graphs of tensors: types, variables, nodes, walks.

This package knows no op by name.  ``types`` says what is known before run time, ``declaration``
what an op declares, ``nodes`` what a graph is made of, ``extents`` how shapes are computed,
``requirements`` what must hold for that, ``traverse`` how to walk, ``fgraph`` what a closed graph
is.
"""

from gradcore.graph import pickling as pickling
from gradcore.graph.declaration import ZERO as ZERO
from gradcore.graph.declaration import Kernel as Kernel
from gradcore.graph.declaration import Requirement as Requirement
from gradcore.graph.declaration import Undefined as Undefined
from gradcore.graph.declaration import Zero as Zero
from gradcore.graph.extents import UNKNOWN as UNKNOWN
from gradcore.graph.extents import Extent as Extent
from gradcore.graph.extents import Operand as Operand
from gradcore.graph.extents import Shape as Shape
from gradcore.graph.fgraph import FunctionGraph as FunctionGraph
from gradcore.graph.fgraph import inner_graphs as inner_graphs
from gradcore.graph.location import here as here
from gradcore.graph.location import on_behalf_of as on_behalf_of
from gradcore.graph.nodes import Apply as Apply
from gradcore.graph.nodes import Constant as Constant
from gradcore.graph.nodes import Derivative as Derivative
from gradcore.graph.nodes import Op as Op
from gradcore.graph.nodes import Sample as Sample
from gradcore.graph.nodes import TensorConstant as TensorConstant
from gradcore.graph.nodes import TensorType as TensorType
from gradcore.graph.nodes import TensorVariable as TensorVariable
from gradcore.graph.nodes import Variable as Variable
from gradcore.graph.nodes import as_variable as as_variable
from gradcore.graph.samples import Arg as Arg
from gradcore.graph.tagged_values import get_test_value as get_test_value
from gradcore.graph.traverse import ancestors as ancestors
from gradcore.graph.traverse import clone as clone
from gradcore.graph.traverse import free_inputs as free_inputs
from gradcore.graph.traverse import graph_inputs as graph_inputs
from gradcore.graph.traverse import graph_replace as graph_replace
from gradcore.graph.traverse import substitute as substitute
from gradcore.graph.traverse import toposort as toposort
from gradcore.graph.types import Array as Array
from gradcore.graph.types import upcast as upcast
