"""What variables and nodes say of what they are computed from, under Theano's names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class VariableParents:
    """The methods of a variable."""

    __slots__ = ()

    owner: Any

    def get_parents(self) -> list[Any]:
        """Return the node that computes it, in a list; of an input, an empty list.

        >>> import gradcore.tensor as T
        >>> x = T.dscalar("x")
        >>> x.get_parents(), T.exp(x).get_parents()
        ([], [exp(x)])
        """
        return [] if self.owner is None else [self.owner]


class NodeParents:
    """The methods of a node."""

    __slots__ = ()

    inputs: Any
    outputs: Any

    def get_parents(self) -> list[Any]:
        """Return the inputs.

        >>> import gradcore.tensor as T
        >>> x, y = T.dscalars("x", "y")
        >>> (x + y).owner.get_parents()
        [x, y]
        """
        return list(self.inputs)

    @property
    def nin(self) -> int:
        """How many inputs it has."""
        return len(self.inputs)

    @property
    def nout(self) -> int:
        """How many outputs it has."""
        return len(self.outputs)

    def default_output(self) -> Any:
        """Return the only output."""
        (output,) = self.outputs
        return output

    def with_inputs(self, inputs: Sequence[Any]) -> Any:
        """Return a node of the same op on other inputs (abstract)."""
        raise NotImplementedError

    def clone(self) -> Any:
        """Return another node of the same op on the same inputs."""
        return self.with_inputs(self.inputs)

    def clone_with_new_inputs(self, inputs: Sequence[Any], strict: bool = True) -> Any:
        """Return a node of the same op on other inputs, of whatever types the op takes.

        strict : accepted as in Theano.
        """
        return self.with_inputs(inputs)
