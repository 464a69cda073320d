"""Products with sparse matrices in compressed rows, by JAX (`gradcore.backend.sparse`).

A pattern is checked, and so must be concrete: a graph whose pattern is an input runs node by node,
one whose pattern is constant is compiled as a whole.  Rejected: a traced pattern, of which XLA
would drop what is out of bounds, without a word.
"""

from __future__ import annotations

from typing import Any

from gradcore.backend.sparse import SparseArrays
from gradcore.graph import Op
from gradcore_jax.tracing import concrete, jnp, strong


class JaxSparseArrays(SparseArrays):
    """What products with sparse matrices take of JAX."""

    def known(self, v: Any, op: Op) -> Any:
        """Return an array of NumPy; one that is traced stops the tracing."""
        return concrete(v, op)

    def cast(self, v: Any, dtype: str) -> Any:
        """Return an array in a dtype."""
        return strong(v, dtype)

    def rows(self, indices: Any, starts: Any) -> Any:
        """Return the row of each element: how many rows end before it."""
        places = jnp.arange(indices.shape[0])
        return jnp.searchsorted(jnp.asarray(starts)[1:], places, side="right")

    def gathered(self, x: Any, places: Any) -> Any:
        """Return elements or rows at places."""
        return x[jnp.asarray(places)]

    def added(self, n: int, places: Any, terms: Any) -> Any:
        """Return zeros with terms added at places; of booleans, whether any is true."""
        zeros = jnp.zeros((n, *terms.shape[1:]), terms.dtype).at[places]
        if terms.dtype == bool:
            return zeros.max(terms, mode="drop")
        return zeros.add(terms, mode="drop")

    def summed(self, terms: Any, dtype: str) -> Any:
        """Return the sum of each row; of booleans, whether any is true."""
        return terms.any(1) if dtype == "bool" else terms.sum(1, dtype=dtype)


SPARSE = JaxSparseArrays().kernels()
"""What makes the kernel of a node, by the class of its op."""
