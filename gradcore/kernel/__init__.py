"""Kernels: how a graph becomes one program of loops, which C, CUDA or Python then runs.

===============  ==================================================================================
module           what it does
===============  ==================================================================================
``pipeline``     the way from a graph to a program, as a table of stages
``target``       the thresholds of processors, compilers and caches, each with its unit
``ir``           the language of a program: scalar expressions, buffers, loops, stores, calls
``notation``     a program as text, to be read by people
``scalar``       the scalar code of elementwise entries, as text
``values``       what is known of a variable: its shape, and how to read an element
``nests``        loop nests: what a node becomes, as if nothing else existed
``fusion``       the blocks that nests stand in, and which loops they join
``lowering``     the state of a lowering, and what rules are written with
``rules``        how a node becomes nests: a table of rules by classes of ops
``interface``    the inputs and outputs of a program
``storage``      which buffers shrink to a row or a register, and where the others are made
``passes``       what a pass is: from a program to a program
``registers``    pass: registers without a first value that nobody reads
``parallel``     passes: which loops threads share, outermost ones and those within steps
``hoist``        pass: arrays that each step of a loop fills with one number are filled once
``strips``       pass: several steps of a loop at a time, where vectors have a part then
``sums``         pass: sums of many terms in blocks, so that rounding does not grow
``merging``      pass: what repeats becomes a procedure, which is called
``uses``         what statements use, make and change
``text``         expressions and plain statements as text of any language like C
``render``       a program as C, by a renderer that is data and a few methods
``interpret``    a program run on NumPy arrays: the living definition of the language
``device``       the statements of kernels: grids, lanes, shared memory, barriers, vectors
``simulate``     a program with such kernels run thread by thread, in any order
===============  ==================================================================================

A graph is lowered node by node: a rule places nests as if nothing else existed, or only says how an
element of the output is read, so that a view costs index arithmetic.  A nest that is placed fuses
with those before it whose loops have the same extents.  When all stand in their places, ``storage``
finds for each buffer how much of it must exist at once and makes a `ir.Program` of it all; passes
make other programs of it, and ``render`` prints the last one as one unit with one entry point,
scans included.

The decision: fusion needs no search and no cost model, for it is decided where a nest is placed,
from extents and accesses alone, and memory is planned after it.  Rejected: regions of ops that are
chosen first and generated each by itself, between which every array has to exist.

Nothing is imported here: a backend that prints takes ``pipeline`` and ``render``, and whoever
computes without printing pays for neither.
"""
