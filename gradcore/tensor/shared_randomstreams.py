"""Theano's streams of random draws: ``T.shared_randomstreams.RandomStreams``."""

from __future__ import annotations

from typing import Any, ClassVar

from gradcore.graph import Variable, as_variable
from gradcore.tensor.indexing import argsort, take_along_axis
from gradcore.tensor.random.keys import bits, extents
from gradcore.tensor.random.streams import RandomStream


class RandomStreams(RandomStream):
    """Draws that are others in each call, with the methods of Theano's class of this name.

    It is `T.random.RandomStream`, but that the size is the first argument by position.

    >>> import gradcore
    >>> import gradcore.tensor as T
    >>> streams = T.shared_randomstreams.RandomStreams(seed=234)
    >>> f = gradcore.function([], streams.uniform((2, 2)))
    >>> (f() == f()).any()
    np.False_
    """

    size_first: ClassVar[bool] = True

    def permutation(self, size: Any = None, n: Any = 1) -> Variable:
        """Return the numbers 0 ... n - 1 in random orders, along the last axis.

        size : how many orders there are, along the other axes; None: one, a vector.
        """
        return argsort(bits(self.next_key(), (*extents(size), n)), -1)

    def shuffle_row_elements(self, input: Any) -> Variable:
        """Return a matrix, the elements of each row in a random order of its own."""
        rows = as_variable(input)
        return take_along_axis(rows, argsort(bits(self.next_key(), rows.shape), -1), -1)
