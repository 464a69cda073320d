"""Tensors in tuples, lists and dicts of any depth: what JAX calls a pytree.

A *leaf* is whatever is none of these; None holds no leaf.  Dicts are equal in any order of their
keys, as they are to Python.  Rejected: classes that users register, which no loop of ours needs.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from gradcore.language import is_several


@dataclass(frozen=True)
class Structure:
    """What holds leaves.

    kind : tuple (or a namedtuple's class), list, dict; type(None); or `object`, for a leaf.
    keys : of a dict, sorted as far as they can be.
    parts : the structures of its items.
    """

    kind: type
    keys: tuple[Any, ...] = ()
    parts: tuple[Structure, ...] = ()

    def __len__(self) -> int:
        """Return the number of leaves."""
        return 1 if self.kind is object else sum(map(len, self.parts))

    def holding(self, leaves: Sequence[Any]) -> Any:
        """Return leaves, as many as there are, in this structure."""
        if self.kind is object:
            (leaf,) = leaves
            return leaf
        if self.kind is type(None):
            return None
        rest = iter(leaves)
        parts = [part.holding(list(itertools.islice(rest, len(part)))) for part in self.parts]
        if self.kind is dict:
            return dict(zip(self.keys, parts, strict=True))
        return self.kind(*parts) if hasattr(self.kind, "_fields") else self.kind(parts)

    def __str__(self) -> str:
        """Return it with ``*`` for each leaf, as JAX prints it."""
        named = self.kind.__name__ if hasattr(self.kind, "_fields") else ""
        return "*" if self.kind is object else f"{named}{self.holding([_STAR] * len(self))}"


class _Star:
    def __repr__(self) -> str:
        return "*"


_STAR = _Star()


def flattened(tree: Any) -> tuple[list[Any], Structure]:
    """Return the leaves of a tree, and what holds them.

    >>> leaves, structure = flattened({"b": [1, 2], "a": (3, None)})
    >>> leaves, str(structure), structure.holding("xyz")
    ([3, 1, 2], "{'a': (*, None), 'b': [*, *]}", {'a': ('x', None), 'b': ['y', 'z']})
    """
    if tree is None:
        return [], Structure(type(None))
    if isinstance(tree, Mapping):
        named = cast("Mapping[Any, Any]", tree)
        keys = _ordered(named)
        return _together(dict, keys, [named[key] for key in keys])
    if is_several(tree):
        return _together(cast("type", type(tree)), (), tree)
    return [tree], Structure(object)


def _ordered(tree: Mapping[Any, Any]) -> tuple[Any, ...]:
    try:
        return tuple(sorted(tree))
    except TypeError:  # keys of several types
        return tuple(sorted(tree, key=lambda key: (type(key).__name__, repr(key))))


def _together(
    kind: type, keys: tuple[Any, ...], items: Sequence[Any]
) -> tuple[list[Any], Structure]:
    found = [flattened(item) for item in items]
    leaves = [leaf for some, _ in found for leaf in some]
    return leaves, Structure(kind, keys, tuple(structure for _, structure in found))


def mapped(function: Callable[[Any], Any], tree: Any) -> Any:
    """Return a tree with ``function`` applied to each leaf."""
    leaves, structure = flattened(tree)
    return structure.holding([function(leaf) for leaf in leaves])
