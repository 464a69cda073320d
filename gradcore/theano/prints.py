"""``theano.printing``: ``Print`` with ``global_fn``, ``debugprint`` with Theano's arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gradcore import printing
from gradcore.graph import Apply, Op, Variable, as_variable
from gradcore.graph.extents import Operand, Shape
from gradcore.theano.tensors import Kind


class PrintBy(Op):
    """``PrintBy(message, attrs, function)(x)``: ``x``, after a call ``function(op, array)``.

    Derivatives pass.
    """

    __props__ = ("message", "attrs", "global_fn")
    foldable = False

    def __init__(
        self, message: str, attrs: Sequence[str], global_fn: Callable[[Any, Any], Any]
    ) -> None:
        self.message, self.attrs, self.global_fn = message, tuple(attrs), global_fn

    def make_node(self, *inputs: Any) -> Apply:
        """Return a node."""
        (x,) = map(as_variable, inputs)
        return Apply(self, [x], [x.type()])

    def symbolic_shapes(self, node: Apply, operands: Sequence[Operand]) -> Sequence[Shape]:
        """Return the shape of the operand."""
        return [operand.shape for operand in operands]

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Any) -> None:
        """Call the function, and return the operand."""
        (x,) = inputs
        self.global_fn(self, x)
        output_storage[0][0] = x.copy()

    def grad(self, inputs: Sequence[Any], output_grads: Sequence[Any]) -> Sequence[Any]:
        """Return the cotangent."""
        return output_grads

    def R_op(self, inputs: Sequence[Any], eval_points: Sequence[Any]) -> Sequence[Any]:  # noqa: N802 - Theano's name
        """Return the tangent."""
        return eval_points


def _is_print(x: Any) -> bool:
    return isinstance(x, printing.Print | PrintBy)


def _print(
    message: str = "", attrs: Sequence[str] = ("__str__",), global_fn: Any = None
) -> printing.Print | PrintBy:
    if global_fn is None:
        return printing.Print(message, tuple(attrs))
    return PrintBy(message, attrs, global_fn)


class PrintKind(metaclass=Kind):
    """``Print(message, attrs, global_fn)``: prints what it passes on, or calls ``global_fn``."""

    of = staticmethod(_is_print)
    make = staticmethod(_print)


def debugprint(
    obj: Any,
    depth: int = -1,
    print_type: bool = False,
    file: Any = None,
    ids: str = "CHAR",
    stop_on_name: bool = False,
    done: Any = None,
    print_storage: bool = False,
    print_clients: bool = False,
    used_ids: Any = None,
) -> str | None:
    """Print a graph: `gradcore.printing.debugprint`.

    done, print_clients, used_ids : accepted; each call begins with fresh letters.
    """
    return printing.debugprint(
        obj,
        depth,
        print_type,
        file,
        ids=ids,
        stop_on_name=stop_on_name,
        print_storage=print_storage,
    )


def var_descriptor(obj: Any) -> str:
    """Return a text that is the same for graphs alike: the expression, with letters for inputs."""
    return printing.min_informative_str(obj) if isinstance(obj, Variable) else str(obj)


PRINTING: dict[str, Any] = {
    "Print": PrintKind,
    "debugprint": debugprint,
    "var_descriptor": var_descriptor,
    "pydot_imported": False,
}
"""What ``theano.printing`` has otherwise."""
