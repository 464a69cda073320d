"""Partitions on a Dask cluster as chunks."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from itertools import count
from typing import Any
from uuid import uuid4

from gradcore.distributed import work
from gradcore.errors import ArgumentError, UnavailableError
from gradcore.graph import Array, here
from gradcore.summing.adding import FAN_IN
from gradcore.summing.chunks import Chunks, Tick
from gradcore.summing.program import Program


def chunks(data: Any, client: Any = None, batch: Sequence[Any] | None = None) -> DaskChunks:
    """Return partitions on a cluster as chunks for `gradcore.Function.over`.

    data : a dict, by inputs or their names, of ``dask.array`` arrays, which are cut along their
        first axes alone, in the same places; of ``dask.bag`` bags, whose items are rows; or of
        lists of delayed values or futures, each an array of rows.  Or one such list, each item a
        dict of arrays by the names of the inputs, or a tuple of them in the order of ``batch``.
    client : a ``distributed.Client``; None: the current one.
    batch : the inputs, where ``data`` is a list.

    The partitions are computed when this is called, and stay on the workers that computed them
    while the result is in use.  A partition that is lost with its worker is computed again, from
    what it was made of: so make them of files, not of arrays that were sent to a worker.

    Raises UnavailableError: Dask is not installed, or no cluster is there.  ArgumentError: inputs
    that are not cut alike, or are of no kind that is known.

    >>> import dask.array
    >>> from dask.distributed import Client
    >>> import gradcore, gradcore.tensor as T
    >>> from gradcore import distributed
    >>> x = T.dvector("x")
    >>> f = gradcore.function([x], [T.sum(x), T.max(x)])
    >>> with Client(n_workers=2, processes=False, dashboard_address=None) as client:
    ...     total = f.over(distributed.chunks({x: dask.array.arange(6.0, chunks=2)}, client))
    ...     total()
    [array(15.), array(5.)]
    """
    if find_spec("distributed") is None:
        raise UnavailableError(
            "dask and distributed are not installed", here(), "pip install 'gradcore[dask]'"
        )
    return DaskChunks(data, _client(client), batch)


def _client(client: Any) -> Any:
    if client is not None:
        return client
    try:
        return pkgutil.resolve_name("distributed:get_client")()
    except ValueError as error:
        raise UnavailableError(
            f"there is no Dask cluster: {error}", here(), "make a distributed.Client before"
        ) from None


class DaskChunks(Chunks):
    """Partitions on a cluster: what `chunks` returns."""

    def __init__(self, data: Any, client: Any, batch: Sequence[Any] | None = None) -> None:
        self.client = client
        delayed = pkgutil.resolve_name("dask:delayed")
        if isinstance(data, Mapping):
            self.names = tuple(data)  # pyright: ignore[reportUnknownArgumentType] - of any keys
            parts = [_partitions(name, values) for name, values in data.items()]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - of any keys
            if len({len(each) for each in parts}) > 1:
                sizes = ", ".join(f"{n} {len(p)}" for n, p in zip(self.names, parts, strict=True))
                raise ArgumentError(f"inputs have different numbers of partitions: {sizes}", here())
            rows = list(zip(*parts, strict=True))
        elif batch is None:
            raise ArgumentError("which inputs are in the partitions?", here(), "pass batch=[x, y]")
        else:
            self.names = tuple(batch)
            rows = [(value,) for value in data]
        if not rows:
            raise ArgumentError("there are no partitions", here())
        texts = [str(name) for name in self.names]
        pack = delayed(work.packed, pure=False)
        self._futures: list[Any] = client.compute([pack(list(row), texts) for row in rows])
        self._shipped: dict[tuple[int, int], tuple[Program, Any]] = {}
        self._run, self._runs = uuid4().hex[:12], count()

    @property
    def count(self) -> int:
        """How many partitions there are."""
        return len(self._futures)

    def total(
        self,
        program: Program,
        number: int,
        given: Sequence[Array],
        only: Sequence[int] | None,
        tick: Tick,
    ) -> list[Array] | None:
        """Compute the parts where the partitions are, and make them one in a tree."""
        client, shipped = self.client, self._sent(program, number)
        label = f"gradcore-{self._run}-{next(self._runs)}"
        arguments = client.submit(work.same, list(given), key=f"{label}-given", pure=False)
        taken = self._futures if only is None else [self._futures[k] for k in only]
        keys = [f"{label}-part-{k}" for k in range(len(taken))]
        found: list[Any] = client.map(work.part, taken, shipped=shipped, given=arguments, key=keys)

        def done(_: Any) -> None:
            tick()

        for future in found:
            future.add_done_callback(done)
        depth = 0
        while len(found) > 1:
            groups = [found[k : k + FAN_IN] for k in range(0, len(found), FAN_IN)]
            keys = [f"{label}-sum-{depth}-{k}" for k in range(len(groups))]
            found = client.map(work.merged, groups, shipped=shipped, key=keys)
            depth += 1
        return found[0].result()

    def _sent(self, program: Program, number: int) -> Any:
        """Return a pass as the result of a task, of which each worker gets a copy once."""
        key = id(program), number
        if key not in self._shipped:
            one = program.passes[number]
            order = program.order(self.names)
            shipped = work.Shipped.of(one.compute, program.batch_names, order, one.kinds)
            name = f"gradcore-program-{shipped.digest}-{self._run}"
            future = self.client.submit(work.same, shipped, key=name, pure=False)
            self._shipped[key] = program, future
        return self._shipped[key][1]


def _partitions(name: Any, values: Any) -> list[Any]:
    """Return the partitions of an input, delayed or as futures."""
    if hasattr(values, "chunks") and hasattr(values, "to_delayed"):
        blocks = values.chunks
        if any(len(sizes) > 1 for sizes in blocks[1:]):
            raise ArgumentError(
                f"{name} is cut along other axes than the first: {blocks}",
                here(),
                "x.rechunk({k: -1 for k in range(1, x.ndim)})",
            )
        return list(values.to_delayed().reshape(-1))
    if hasattr(values, "to_delayed"):
        return list(values.to_delayed())
    if isinstance(values, (list, tuple)):
        return list(values)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] - of any
    raise ArgumentError(
        f"{name} is {type(values).__name__}: neither an array or a bag of Dask, nor a list of "
        "delayed values",
        here(),
    )
