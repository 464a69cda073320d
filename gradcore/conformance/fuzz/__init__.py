"""Random graphs on every backend, with and without the optimizer, against the plain graph on NumPy.

Run it: ``python -m gradcore.conformance.fuzz --graphs 1000 --seed 0 --backend c``.  A seed is one
graph, always the same; a disagreement prints the seed, the graph and its values.

``graphs`` grows a graph out of what ``builders`` can build: every row, every op by its samples,
every rule of the optimizer by its examples, and the words of the tensor language; ``draw`` is the
chance that both draw from.  ``rounding`` says how far off a result may be, ``judge`` compares,
``__main__`` is the command.
"""
