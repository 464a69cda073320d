"""Functions of values that are several tensors, such as sparse matrices.

What is compiled has an input for each part that is needed, and an output for each part; around its
calls stands what takes values apart and puts results together.  A function without such values
knows nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gradcore.compile.arguments import In, Out
from gradcore.errors import ArgumentError, GraphTypeError, UnusedInputError
from gradcore.graph import Constant, Variable, ancestors, here
from gradcore.graph.composite import Composite
from gradcore.language import is_several, listed
from gradcore.shared import SharedVariable


@dataclass(frozen=True)
class Argument:
    """An argument of a function: what it is called, and what it is of.

    keyword : its name, or None.
    composite : what it is several tensors of; None: it is one tensor.
    needed : which parts are inputs of what is compiled; the others are not needed.
    """

    keyword: str | None
    composite: Composite | None
    needed: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class Arrangement:
    """How the arguments and results of a function are those of what is compiled.

    arguments : in order.
    results : for each result, the composite that it is, or None for a tensor.
    form : the results as they were asked for: None, one, a list, or a dict.
    """

    arguments: tuple[Argument, ...]
    results: tuple[Composite | None, ...]
    form: Any

    def around(self, call: Callable[..., Any], label: Callable[[], str]) -> Callable[..., Any]:
        """Return what calls ``call`` with parts of arguments, and returns what they make.

        label : returns what to call the function in messages.
        """

        def arranged(*args: Any, **kwargs: Any) -> Any:
            if not kwargs and len(args) == len(self.arguments):
                return self._joined(call(*self._split(args, label)))
            return self._joined(
                call(*self._in_order(args, label), **self._named(args, kwargs, label))
            )

        return arranged

    def _split(self, args: Sequence[Any], label: Callable[[], str]) -> list[Any]:
        """Return the parts of arguments."""
        found: list[Any] = []
        for position, (value, argument) in enumerate(zip(args, self.arguments, strict=False)):
            found += _parts(argument, value, label, position)
        return found

    def _in_order(self, args: Sequence[Any], label: Callable[[], str]) -> list[Any]:
        if len(args) > len(self.arguments):
            names = ", ".join(str(a.keyword or a.composite or "?") for a in self.arguments)
            raise ArgumentError(
                f"{label()} takes {len(self.arguments)} arguments ({names}), got {len(args)}"
            )
        return self._split(args, label)

    def _named(
        self, args: Sequence[Any], kwargs: Mapping[str, Any], label: Callable[[], str]
    ) -> dict[str, Any]:
        """Return the keywords of parts."""
        found: dict[str, Any] = {}
        for keyword, value in kwargs.items():
            position, argument = next(
                ((k, a) for k, a in enumerate(self.arguments) if a.keyword == keyword),
                (0, None),
            )
            if argument is None or argument.composite is None:
                found[keyword] = value
                continue
            if position < len(args):
                raise ArgumentError(f"{label()}: argument {keyword!r} is given twice")
            parts = argument.composite.parts
            names = [str(_part_name(keyword, parts[i], i)) for i in argument.needed]
            found.update(zip(names, _parts(argument, value, label, position), strict=True))
        return found

    def _joined(self, results: Any) -> Any:
        """Return results in the form in which they were asked for, of a flat list of arrays."""
        rest = iter(results if results is not None else ())
        found: list[Any] = []
        for composite in self.results:
            if composite is None:
                found.append(next(rest))
            else:
                parts = (v.data if isinstance(v, Constant) else next(rest) for v in composite.parts)
                found.append(composite.joined(list(parts)))
        if self.form is None:
            return None
        if isinstance(self.form, Mapping):
            names: list[Any] = list(self.form)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType] - of any keys
            return dict(zip(names, found, strict=True))
        return found if is_several(self.form) else found[0]


def _part_name(keyword: str | None, part: Variable, i: int) -> str | None:
    """Return the keyword of a part of an argument: its name, where it has one of its own."""
    own = part.name
    if keyword is None or (own is not None and own.startswith(f"{keyword}.")):
        return own
    return f"{keyword}.{i}"


def _parts(
    argument: Argument, value: Any, label: Callable[[], str], position: int
) -> Sequence[Any]:
    """Return the parts of an argument that are needed."""
    composite = argument.composite
    if composite is None:
        return [value]
    try:
        parts = composite.split(value)
    except TypeError as error:
        name = repr(argument.keyword) if argument.keyword else f"{position} ({composite})"
        raise ArgumentError(f"{label()}: argument {name} {error}") from None
    return [parts[i] for i in argument.needed]


# what is asked for ------------------------------------------------------------------------------
def has_composites(inputs: Any, outputs: Any) -> bool:
    """Return whether there are composites among what a function is asked for."""
    given = (*listed(inputs), *_each(outputs))
    return any(isinstance(_bare(item), Composite) for item in given)


def _each(outputs: Any) -> list[Any]:
    """Return the outputs that are asked for: none, one, several, or several by name."""
    if isinstance(outputs, Mapping):
        return list(outputs.values())  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - of any keys
    return listed(outputs)


def _bare(item: Any) -> Any:
    return item.variable if isinstance(item, (In, Out)) else item


def separated(
    inputs: Sequence[Any], outputs: Any
) -> tuple[list[Any], Any, list[tuple[Argument, Sequence[In]]], tuple[Composite | None, ...]]:
    """Return inputs and outputs with parts in place of composites.

    Returns the inputs, the outputs (a list, or None), for each input its argument with its entries,
    and for each output the composite that it is.
    """
    flat: list[Any] = []
    arguments: list[tuple[Argument, Sequence[In]]] = []
    for item in inputs:
        composite = _bare(item)
        if not isinstance(composite, Composite):
            flat.append(item)
            entry = item if isinstance(item, In) else None
            keyword = entry.keyword if entry is not None else getattr(item, "name", None)
            arguments.append((Argument(keyword, None), ()))
            continue
        entries = _entries(item if isinstance(item, In) else In(composite.moving), composite)
        flat += entries
        keyword = (item.name if isinstance(item, In) else None) or composite.name
        needed = tuple(i for i, v in enumerate(composite.parts) if v.owner is None)
        arguments.append((Argument(keyword, composite, needed), entries))
    wanted = _each(outputs)
    results = tuple(c if isinstance(c := _bare(item), Composite) else None for item in wanted)
    found: list[Any] = []
    for item, composite in zip(wanted, results, strict=True):
        if composite is None:
            found.append(item)
        else:
            found += [v for v in composite.parts if not isinstance(v, Constant)]
    return flat, None if outputs is None else found, arguments, results


def _entries(entry: In, composite: Composite) -> list[In]:
    """Return an input for each part of a composite, which must be an input itself."""
    if any(
        v.owner is not None or isinstance(v, (Constant, SharedVariable)) for v in composite.parts
    ):
        raise GraphTypeError(
            f"{composite} cannot be an input: it is computed, constant or shared",
            here(),
            "an input is made by csr_matrix, csc_matrix or coo_matrix of T.sparse",
        )
    values: Sequence[Any] = [None] * len(composite.parts)
    updates: Sequence[Any] = values
    if entry.value is not None:
        try:
            values = composite.split(entry.value)
        except TypeError as error:
            raise ArgumentError(f"the value of {composite} {error}", here()) from None
    if entry.update is not None:
        updates = composite.fitting(entry.update, "the input").parts
    keyword = entry.name or composite.name
    return [
        replace(entry, variable=v, name=_part_name(keyword, v, i), value=x, update=u)
        for i, (v, x, u) in enumerate(zip(composite.parts, values, updates, strict=True))
    ]


def without_unused(
    arguments: Sequence[tuple[Argument, Sequence[In]]],
    entries: Sequence[In],
    results: Sequence[Variable],
    policy: str,
) -> tuple[tuple[Argument, ...], list[In]]:
    """Return arguments and inputs without the parts that no result needs.

    Raises UnusedInputError: an argument has no part that is needed, if ``policy`` is "raise".
    """
    used = set(ancestors(results, {entry.variable for entry in entries}))
    dropped: set[Variable] = set()
    found: list[Argument] = []
    for position, (argument, own) in enumerate(arguments):
        if argument.composite is None:
            found.append(argument)
            continue
        needed = tuple(i for i, entry in enumerate(own) if entry.variable in used)
        if not needed and policy == "raise":
            raise UnusedInputError(
                f"input {position} ({argument.composite}) is not used by any output or update",
                here(),
                "leave it out, or pass on_unused_input='ignore'",
            )
        dropped.update(entry.variable for i, entry in enumerate(own) if i not in needed)
        found.append(replace(argument, needed=needed))
    return tuple(found), [entry for entry in entries if entry.variable not in dropped]
