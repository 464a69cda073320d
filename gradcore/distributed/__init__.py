"""Functions of batches on several machines, by Dask: ``pip install "gradcore[dask]"``.

`chunks` makes of partitions on a cluster what `gradcore.Function.over` sums over::

    from dask.distributed import Client
    from gradcore import distributed

    data = distributed.chunks({X: array, y: labels}, client=Client(...))
    total = f.over(data)      # a function of the other inputs
    total(w)

Each chunk stays on the worker that made it.  A call sends the arguments to each worker once, the
workers compute the parts of their chunks, and parts become one in a tree, in the same pairs as on
one machine: so results have the same bits as there, for the same chunks, however many workers there
are.  Programs are sent as data (`gradcore.save`'s, no pickles of code), and a worker compiles each
once.  Whatever a worker has, programs, arguments, chunks and parts, is the result of a task, which
Dask runs again elsewhere if the worker dies.

The decision: one interface, `gradcore.summing.Chunks`, with two methods, and one implementation for
clusters.  Rejected: Ray beside Dask.  By the same interface it is a page (``ray.put`` chunks, a
remote function for parts, one for the tree), but it brings nothing that Dask lacks here (Dask's
arrays and bags are partitions already, lost results are computed again from their tasks), and a
dependency of its own that would have to be tested on real clusters, too.  MPI: no recomputation.
"""

from gradcore.distributed.partitions import chunks as chunks
