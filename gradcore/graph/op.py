"""What one imports to write an op: `Op`, and samples to test it on.

They are made below, in two modules, for a reason that is of no concern to who writes an op.
"""

from gradcore.graph.nodes import Op as Op
from gradcore.graph.nodes import Sample as Sample
from gradcore.graph.samples import Arg as Arg
