"""Log densities as the functions that samplers call.

The decision: a sampler moves one vector, as an optimizer does, so that a log density is a
`ScalarFunction`, with draws under the names of the variables; JAX's samplers get a function of
JAX's.  Rejected: samplers of our own, of which there are good ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gradcore.compile import as_jax
from gradcore.errors import ArgumentError, GraphValueError, ShapeError
from gradcore.graph import Variable, here
from gradcore.optimize.arguments import Array
from gradcore.optimize.functions import ScalarFunction


class LogDensity(ScalarFunction):
    """The logarithm of a density of ``wrt``, as functions of a vector ``x``, for samplers.

    cost : the logarithm, a scalar expression; a constant factor of the density may be missing.
    The other parameters are those of `ScalarFunction`.  Each variable that is moved has a name of
    its own, under which its draws are found.

    ``value_and_grad`` is what nutpie calls, ``draws`` what ArviZ takes, and `as_jax` returns what
    BlackJAX calls.

    Raises GraphValueError: two of the variables have the same name, or one has none; what
    `ScalarFunction` raises.

    >>> import numpy as np
    >>> import gradcore.tensor as T
    >>> from gradcore.optimize import LogDensity
    >>> mu, theta = T.dscalar("mu"), T.tensor("theta", "float64", (3,))
    >>> f = LogDensity(-(mu ** 2 + T.sum((theta - mu) ** 2)) / 2, [mu, theta])
    >>> f.value_and_grad([1.0, 1.0, 1.0, 2.0])
    (-1.0, array([ 0.,  0.,  0., -1.]))
    >>> draws = f.draws(np.zeros((4, 100, f.size)))
    >>> {name: values.shape for name, values in draws.items()}
    {'mu': (4, 100), 'theta': (4, 100, 3)}
    """

    def __init__(
        self,
        cost: Variable,
        wrt: Any,
        args: Sequence[Variable] = (),
        shapes: Mapping[Variable, Sequence[int]] | None = None,
        mode: Any = None,
    ) -> None:
        super().__init__(cost, wrt, args, shapes, mode)
        self.names = [v.name or "" for v in self.point.variables]
        if "" in self.names or len(set(self.names)) < len(self.names):
            raise GraphValueError(
                f"each variable needs a name of its own, for its draws: {self.point}",
                here(),
                'T.dvector("name") has one',
            )

    def draws(self, vectors: Any) -> dict[str, Array]:
        """Return the values of each variable in many vectors, by its name.

        vectors : an array whose last axis is that of ``x``; the others stay as they are, such as
            chains and draws, of which ``arviz.from_dict`` wants two.

        A single vector of unknown length is returned as it is.  Raises ShapeError: the last axis
        is not as long as ``x``.
        """
        array = np.asarray(vectors, "float64")
        if self.point.size is None and array.ndim:
            return {self.names[0]: array}
        if array.ndim == 0 or array.shape[-1] != self.point.size:
            raise ShapeError(
                f"vectors have shape {array.shape}; their last axis must be {self.point}"
            )
        parts = np.split(array, self.point.ends[:-1], axis=-1)
        return {
            name: part.reshape((*array.shape[:-1], *(shape or ())))
            for name, part, shape in zip(self.names, parts, self.point.shapes, strict=True)
        }

    def as_jax(self, *values: Any) -> Callable[[Any], Any]:
        """Return the log density as a function of JAX, with gradcore's derivatives.

        values : those of ``args``.

        It takes what a sampler moves: a vector, or a dict with the value of each variable, for
        which BlackJAX keeps a position of that form.  JAX's rules for dtypes hold: without
        ``jax_enable_x64`` it computes in float32.  Raises UnavailableError: JAX is not installed;
        what is returned raises ArgumentError for a dict that lacks a name.

        >>> import gradcore.tensor as T
        >>> import jax
        >>> x = T.tensor("x", "float32", (2,))
        >>> density = LogDensity(-T.sum(x ** 2) / 2, x).as_jax()
        >>> jax.grad(density)({"x": jax.numpy.ones(2)})["x"].tolist()
        [-1.0, -1.0]
        """
        self._check_count(values)
        compiled = as_jax(self.expression, [*self.point.variables, *self.args])

        def density(position: Any) -> Any:
            if isinstance(position, Mapping):
                named: Any = position  # pyright: ignore[reportUnknownVariableType] - of JAX's arrays
                missing = [name for name in self.names if name not in named]
                if missing:
                    raise ArgumentError(f"the position lacks {', '.join(missing)}: {self.point}")
                parts = [named[name] for name in self.names]
            else:
                parts = self._parts_of(position)
            return compiled(*parts, *values)

        return density

    def _parts_of(self, vector: Any) -> list[Any]:
        """Return the parts of an array of JAX."""
        if self.point.size is None:
            return [vector]
        starts = [0, *self.point.ends[:-1]]
        return [
            vector[int(start) : int(end)].reshape(shape or ())
            for start, end, shape in zip(starts, self.point.ends, self.point.shapes, strict=True)
        ]
