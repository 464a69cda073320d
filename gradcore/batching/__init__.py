"""Graphs and functions of single values, applied to many at once: vectorization.

``vectorize_graph`` replaces inputs of a graph by inputs with more axes in front; ``vectorize`` does
so for a Python function, by the signature of NumPy.  What an op is on a stack of operands, it says
itself (`gradcore.graph.Op.batch`); `walk` asks.
"""

from gradcore.batching.functions import vectorize as vectorize
from gradcore.batching.graphs import vectorize_graph as vectorize_graph
from gradcore.batching.mapping import vmap as vmap
from gradcore.batching.walk import stacked_graph as stacked_graph
