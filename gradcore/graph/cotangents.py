"""What ``grad`` or ``L_op`` of an op with Theano's methods returns, as cotangents of its inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradcore.errors import GraphTypeError
from gradcore.graph.complexes import conjugated
from gradcore.language import is_several


def by_theano(node: Any, found: Any, wanted: Sequence[bool]) -> list[Any]:
    """Return the cotangents of the inputs of a node, None for those that are not wanted.

    Raises GraphTypeError: there are more or fewer than inputs, or one has not the axes of its
    input.
    """
    inputs = node.inputs
    if not is_several(found) or len(found) != len(inputs):
        count = len(found) if is_several(found) else "no list"
        raise GraphTypeError(
            f"the grad of {node.op} returns {count}, where it has {len(inputs)} inputs",
            node.where,
            "return a list with one entry for each input",
        )
    for ct, v in zip(found, inputs, strict=True):
        ndim = getattr(getattr(ct, "type", None), "ndim", v.ndim)
        if ndim != v.ndim:
            raise GraphTypeError(
                f"the grad of {node.op} returns {ct} ({ct.type}) for {v} ({v.type})",
                node.where,
                "a gradient has the shape of its input",
            )
    return [conjugated(ct) if want else None for ct, want in zip(found, wanted, strict=True)]
