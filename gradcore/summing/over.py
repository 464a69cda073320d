"""A compiled function, summed over chunks: what `gradcore.Function.over` returns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from gradcore.compile import Function
from gradcore.compile.arguments import In
from gradcore.errors import ArgumentError
from gradcore.graph import Array, here
from gradcore.progress import counting
from gradcore.shared import SharedVariable
from gradcore.summing.chunks import Arrays, Chunks, Stream
from gradcore.summing.program import Program, by_chunks, chosen, trusted


class Total:
    """A function of what does not come in chunks: see `gradcore.Function.over`, which makes it.

    program : the passes, and what is computed between them.
    chunks : the inputs in chunks.

    >>> import gradcore, gradcore.tensor as T
    >>> x, scale = T.dvector("x"), T.dscalar("scale")
    >>> f = gradcore.function([x, scale], scale * T.var(x))
    >>> total = f.over({x: [1.0, 2.0, 3.0, 6.0]}, rows=2)
    >>> float(total(2.0)), total.passes, float(total.of([0])(2.0))
    (7.0, 2, 0.5)
    """

    def __init__(
        self, f: Function, program: Program, chunks: Chunks, only: Sequence[int] | None = None
    ) -> None:
        self._f = f
        self._only = only
        self.program = program
        self.chunks = chunks

    @property
    def passes(self) -> int:
        """How often a call reads the chunks."""
        return sum(bool(one.kinds) for one in self.program.passes)

    def get_shared(self) -> list[SharedVariable]:
        """Return the shared variables that it reads."""
        return self._f.get_shared()

    def of(self, numbers: Iterable[int]) -> Total:
        """Return the same function of some of the chunks, by their numbers, from 0 on.

        Raises ArgumentError: there are no such chunks, or it is not known how many there are.
        """
        only, count = list(map(int, numbers)), self.chunks.count
        if count is None:
            raise ArgumentError("how many chunks there are is not known: none can be chosen")
        if not only or min(only) < 0 or max(only) >= count:
            raise ArgumentError(f"chunks are numbered from 0 to {count - 1}, not {only}", here())
        return Total(self._f, self.program, self.chunks, only)

    def __repr__(self) -> str:
        """Return the function, and what it is summed over."""
        names = ", ".join(self.program.batch_names)
        return f"<{self._f!r} over chunks of {names}>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the results for all rows.

        args, kwargs : the arguments that do not come in chunks, as the function takes them.

        Raises ArgumentError as the function does, and for chunks that do not fit.
        """
        program = self.program
        given = [*program.begin(*args, **kwargs), *(v.get_value() for v in program.shared)]
        totals: list[Array] = []
        taken: Any = []
        count = self.chunks.count if self._only is None else len(self._only)
        label = self._f.name or "function"
        for number, one in enumerate(program.passes):
            if one.kinds:
                text = f"{label}, pass {number + 1} of {len(program.passes)}"
                with counting(text, count) as tick:
                    parts = self.chunks.total(program, number, [*given, *taken], self._only, tick)
                if parts is None:
                    raise ArgumentError(f"{label}: there are no chunks")
                dtypes = [v.dtype for v in one.compute.maker.outputs]
                with np.errstate(over="ignore"):
                    totals += [a.astype(d, copy=False) for a, d in zip(parts, dtypes, strict=True)]
            taken = one.then(*given, *totals)
        return taken


def over(
    f: Function,
    data: Any,
    batch: Sequence[Any] | None = None,
    rows: int | Sequence[int] | None = None,
    combine: Callable[[Array, Array], Array]
    | Sequence[Callable[[Array, Array], Array]]
    | None = None,
) -> Total:
    """Return a function summed over chunks, as `gradcore.Function.over` says."""
    chunks = chunked(data, batch, rows)
    inputs = chosen(f, chunks.names)
    program = _known(f, inputs) if combine is None else trusted(f, inputs, combine)
    found = Total(f, program, chunks)
    if chunks.once and found.passes > 1:
        raise ArgumentError(
            f"{f.name or 'function'} needs {found.passes} passes over the chunks, and an iterator "
            "yields them once",
            here(),
            "pass a list, or a function that returns an iterator",
        )
    return found


def _known(f: Function, inputs: Sequence[In]) -> Program:
    """Return the program for chunks of some inputs, which the function remembers."""
    programs: dict[Any, Program] = vars(f).setdefault("programs", {})
    key = tuple(entry.variable for entry in inputs)
    if key not in programs:
        programs[key] = by_chunks(f, inputs)
    return programs[key]


def chunked(data: Any, batch: Sequence[Any] | None = None, rows: Any = None) -> Chunks:
    """Return inputs in chunks, for several functions of them.

    data, batch, rows : as `gradcore.Function.over` takes them; ``data`` may be such chunks already.

    Raises ArgumentError: they are no chunks, or arrays of different numbers of rows.

    >>> import gradcore, gradcore.tensor as T
    >>> from gradcore.summing import chunked
    >>> x = T.dvector("x")
    >>> data = chunked({x: [1.0, 2.0, 3.0]}, rows=2)
    >>> data.count
    2
    >>> [float(gradcore.function([x], y).over(data)()) for y in (T.sum(x), T.max(x), T.var(x))]
    [6.0, 3.0, 0.6666666666666666]
    """
    if isinstance(data, Chunks):
        return data
    if isinstance(data, Mapping):
        return Arrays(data, rows)  # pyright: ignore[reportUnknownArgumentType] - of any keys
    if batch is None:
        raise ArgumentError(
            "which inputs come in chunks?",
            here(),
            "pass a dict of arrays by inputs, or batch=[x, y] with an iterable of pairs",
        )
    if rows is not None:
        raise ArgumentError("an iterable yields chunks as they are: rows= is for arrays", here())
    if not (callable(data) or isinstance(data, Iterable)):
        raise ArgumentError(f"{data!r} is neither a dict of arrays nor an iterable", here())
    source: Any = data  # pyright: ignore[reportUnknownVariableType] - of any items
    return Stream(source, batch)
