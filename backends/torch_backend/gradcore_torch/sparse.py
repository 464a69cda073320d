"""Products with sparse matrices in compressed rows, by torch (`gradcore.backend.sparse`)."""

from __future__ import annotations

from typing import Any

from gradcore.backend.sparse import SparseArrays
from gradcore.graph import Op
from gradcore_torch.library import DTYPES, torch


class TorchSparseArrays(SparseArrays):
    """What products with sparse matrices take of torch."""

    def known(self, v: Any, op: Op) -> Any:
        """Return an array of NumPy."""
        return v.numpy(force=True)

    def cast(self, v: Any, dtype: str) -> Any:
        """Return a tensor in a dtype."""
        return v.to(DTYPES[dtype])

    def rows(self, indices: Any, starts: Any) -> Any:
        """Return the row of each element, an int64."""
        return torch.repeat_interleave(
            torch.arange(starts.shape[0] - 1, device=starts.device), starts.diff().long()
        )

    def gathered(self, x: Any, places: Any) -> Any:
        """Return elements or rows at places."""
        return x[places.long()]

    def added(self, n: int, places: Any, terms: Any) -> Any:
        """Return zeros with terms added at places; of booleans, whether any is true."""
        if terms.dtype == torch.bool:
            return self.added(n, places, terms.int()) != 0
        return terms.new_zeros((n, *terms.shape[1:])).index_add_(0, places.long(), terms)

    def summed(self, terms: Any, dtype: str) -> Any:
        """Return the sum of each row; of booleans, whether any is true."""
        return terms.any(1) if dtype == "bool" else terms.sum(1, dtype=DTYPES[dtype])


SPARSE = TorchSparseArrays().kernels()
"""What makes the function for a node, by the class of its op."""
