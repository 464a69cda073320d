"""Sums over batches that come in chunks: of data larger than memory, or on several machines.

`gradcore.Function.over` is the word for it.  How does one know that a result for all rows follows
from results for chunks?

The decision: it is *derived* from the graph.  Each variable is read as what it is of a batch: free
of it, rows, or a reduction of rows (`parts`), by what ops declare (a linear op of sums is a sum of
them) and by a rule for each op that may meet rows (`rules`), loops included (`reading`).  Then the
graph is cut where rows are reduced (`program`): parts are computed of chunks, become one in pairs
(`adding`), and the rest of the graph is computed of the totals.  So a mean, a regularized loss, a
variance, a maximum or the logarithm of a sum need no other form, and what goes back to the rows
from a total, as the gradient of a mean, is another pass.  What does not follow (an order of all
rows, a matrix of pairs of rows) is refused where the function is made, with the user's line.  The
rules are equations, and the tests check each on the samples of every op, split into chunks.

Rejected: taking the user's word that results are sums, which makes wrong numbers of a mean without
a word (``combine=`` is there for what the rules do not know, and says how); to compare a run on two
chunks with one on both, which finds no error on data where it happens to vanish; to refuse whatever
is no plain sum and ask for sums and counts instead: what a person would then write by hand is what
the cut does, and does for derivatives, too; to read the optimized graph, whose merged products of
matrices no longer have an axis of rows.
"""

from gradcore.summing.chunks import Chunks as Chunks
from gradcore.summing.over import Total as Total
from gradcore.summing.over import chunked as chunked
