"""One thing that every backend must do as the reference does: a graph, values, a verdict."""

from __future__ import annotations

import contextlib
import enum
import functools
import io
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias, TypeVar

import numpy as np

from gradcore.compile import function
from gradcore.conformance import checks
from gradcore.conformance.checks import Built
from gradcore.conformance.layouts import LAYOUTS, contiguous, overwritten
from gradcore.conformance.precision import Expected, expected
from gradcore.errors import GradcoreError, ShapeError, UnsupportedError
from gradcore.graph import Array, Constant, Op, Variable
from gradcore.mode import Mode

T = TypeVar("T")

DERIVED = 2.0**-36
"""How far a result of a whole graph may be off, relative to its largest element (float64)."""


class Level(enum.IntEnum):
    """How much is run.

    >>> import gradcore.tensor as T
    >>> from gradcore.conformance.cases import op_cases
    >>> sorted({case.check for case in op_cases(T.exp, Level.SMOKE)})
    ['derivative', 'fused', 'value']
    """

    SMOKE = 0
    CORE = 1
    FULL = 2


class Mismatch(AssertionError):
    """A backend differs from the reference.

    call : in which call of the compiled function.

    >>> import gradcore.tensor as T
    >>> x = T.dscalar("x")
    >>> build = lambda: Built([x], [np.array(2.0)], [x * 2])
    >>> wrong = lambda built: [Expected(np.array(5.0), np.array(0.5))]
    >>> Case("program", "twice", "wrong", Level.SMOKE, build, wrong).run(Mode("numpy"))
    Traceback (most recent call last):
    gradcore.conformance.case.Mismatch: output 0 is ...4.0..., expected ...5.0... +- 0.5
    """

    call = 0


class Unsupported(Exception):
    """A backend lacks something, and says what.

    >>> import gradcore.tensor as T
    >>> class Median(Op):
    ...     def shape(self, x): return ()
    ...     def reference(self, x): return np.median(x)
    >>> x = T.dvector("x")
    >>> build = lambda: Built([x], [np.array([1.0, 2.0])], [Median()(x)])
    >>> Case("value", "median", "float64", Level.SMOKE, build, by_reference).run(Mode("c"))
    Traceback (most recent call last):
    gradcore.conformance.case.Unsupported: c has no loops for median: it declares no element form
    """


# what should come out ---------------------------------------------------------------------------
def by_reference(built: Built) -> list[Expected]:
    """Return what the reference makes of the graph as it is written."""
    return list(map(_derived, plain(built)(*built.values)))


def plain(built: Built) -> Callable[..., Sequence[Array]]:
    """Return a graph as a function that the reference runs, as it is written."""
    mode = Mode("numpy", optimizer=False)
    return function(built.inputs, built.outputs, mode, on_unused_input="ignore")


def _derived(value: Array) -> Expected:
    """Return an expected value with the tolerance for results of whole graphs."""
    if value.dtype.kind not in "fc":
        return Expected(value, np.zeros(value.shape))
    finite = np.abs(value[np.isfinite(value)])
    scale = max(1.0, float(finite.max(initial=0)))
    unit = float(np.finfo(value.dtype).eps) / float(np.finfo("float64").eps)
    return Expected(value, np.full(value.shape, DERIVED * unit * scale))


# cases ------------------------------------------------------------------------------------------
Judge: TypeAlias = Callable[[Built], list[Expected]]
"""Returns what the outputs of a graph should be, or raises what must be raised."""

Calls: TypeAlias = Callable[[], Iterable[Sequence[Array]]]
"""Returns values for the inputs of a graph, for one call after the other."""

THREADS = 4
"""How many threads call a function at once."""

OVERWRITTEN = -1
"""The number of the call whose arrays are those of the first, with other elements in them."""

CATCHABLE = (IndexError, AssertionError, NotImplementedError, ValueError, TypeError)
"""The builtin exceptions by which a user distinguishes errors."""


def no_calls() -> Iterable[Sequence[Array]]:
    """Return no further calls."""
    return ()


@dataclass(frozen=True)
class Case:
    """One thing that every backend must do as the reference does.

    check : what is checked: a name of a builder of `gradcore.conformance.checks`, or extents,
        error, staged, loop, program.
    op : the name of the op, or of the loop or program.
    name : dtype, shape, layout: what distinguishes it from other cases of its check and op.
    level : from which level on it is run.
    build : makes the graph and the values for its inputs.
    judge : makes what the outputs should be.
    optimizer : which stages rewrite the graph.
    subject : the op with its operands, for a program that shows a failure.
    later : makes values for further calls of the same function.
    again : judges those.

    >>> import gradcore.tensor as T
    >>> x = T.dvector("x")
    >>> build = lambda: Built([x], [np.array([1.0, 2.0])], [x * 2])
    >>> twice = Case("program", "twice", "float64", Level.SMOKE, build, by_reference)
    >>> twice.id
    'program-twice-float64'
    >>> twice.run(Mode("numpy"))
    """

    check: str
    op: str
    name: str
    level: Level
    build: Callable[[], Built]
    judge: Judge
    optimizer: bool | tuple[str, ...] = True
    subject: Subject | None = field(default=None, compare=False)
    later: Calls = field(default=no_calls, compare=False)
    again: Judge = field(default=by_reference, compare=False)

    @property
    def id(self) -> str:
        """The name of the whole."""
        return f"{self.check}-{self.op}-{self.name}".replace(" ", "_")

    @functools.cached_property
    def compares(self) -> bool:
        """Whether there is anything to compare: not if a derivative is declared zero, or none."""
        return self.check not in ("derivative", "second") or bool(self.build().outputs)

    def run(self, mode: Mode, threads: bool = False) -> None:
        """Compile it, call it with one set of values after the other, and judge each call.

        What an earlier call returned must be as it was after all later ones.  The last call takes
        the arrays of the first, with their elements in reverse order.

        mode : which backend runs it, with its options.
        threads : whether to call it from several threads at once, too.

        Raises Mismatch; Unsupported: the backend lacks something that the graph needs.
        """
        built = self.build()
        chosen = Mode(mode.backend, self.optimizer, **dict(mode.options))
        try:
            f = function(built.inputs, built.outputs, chosen, on_unused_input="ignore")
        except UnsupportedError as error:
            raise Unsupported("; ".join(error.reasons)) from error
        except Exception as error:  # whatever a backend raises, it is what the reference does not
            raise Mismatch(f"raised {_described(error)}") from error
        calls = [_Call(0, built, *_printing(lambda: self.judge(built)))]
        for k, values in enumerate(self.later(), 1):
            calls.append(self._again(k, replace(built, values=list(values))))
        results = [call.printing(f) for call in calls]
        copied = [[np.array(a) for a in result] for result in results[:-1]]
        results.append(calls[0].printing(f))
        _unchanged(results, copied)
        if threads:
            _at_once(f, calls)
        for values in overwritten(built.values):
            self._again(OVERWRITTEN, replace(built, values=values)).printing(f)

    def _again(self, number: int, built: Built) -> _Call:
        """Return a further call, with what the outputs should be, or what should be raised."""

        def judged() -> list[Expected] | Exception:
            try:
                return self.again(built)
            except Exception as error:  # noqa: BLE001 - a refusal is what should come out
                return error

        return _Call(number, built, *_printing(judged))


def _printing(compute: Callable[[], T]) -> tuple[T, str]:
    """Return what a function returns, and what it prints."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        return compute(), printed.getvalue()


@dataclass(frozen=True)
class _Call:
    """A call of a compiled function.

    number : which of the calls of its case it is.
    built : the graph, with the values of this call.
    wanted : what it should return, or raise.
    printed : what it should print.
    """

    number: int
    built: Built
    wanted: list[Expected] | Exception
    printed: str

    def printing(self, f: Callable[..., Sequence[Array]]) -> Sequence[Array]:
        """Return the same as `run`; raise Mismatch, too, for what is printed."""
        results, printed = _printing(lambda: self.run(f))
        if not isinstance(self.wanted, Exception) and printed != self.printed:
            raise Mismatch(f"printed {printed!r}, not {self.printed!r}")
        return results

    def run(self, f: Callable[..., Sequence[Array]]) -> Sequence[Array]:
        """Return the results of ``f``; raise Mismatch if they, or what it raises, are wrong."""
        try:
            return self._run(f)
        except Mismatch as error:
            error.call = self.number
            raise

    def _run(self, f: Callable[..., Sequence[Array]]) -> Sequence[Array]:
        values = self.built.values
        before = [a.copy() for a in values]
        try:
            found = f(*values)
        except UnsupportedError as error:  # by what it calls
            raise Unsupported("; ".join(error.reasons)) from error
        except Exception as error:
            if isinstance(self.wanted, Exception) and self._may_raise(error, self.wanted):
                return ()
            raise Mismatch(f"raised {_described(error)}{self._instead()}") from error
        if isinstance(self.wanted, Exception):
            raise Mismatch(f"returned {found}{self._instead()}")
        outputs = zip(self.built.outputs, found, self.wanted, strict=True)
        for k, (output, result, want) in enumerate(outputs):
            complaint = _ownership(result, found[:k], values) or _typing(output, result)
            complaint = complaint or want.complaint(result)
            if complaint is not None:
                raise Mismatch(f"output {k} {complaint}")
        for i, (old, new) in enumerate(zip(before, values, strict=True)):
            if not _identical(old, new):
                raise Mismatch(f"wrote to its input {i}: {new}, which was {old}")
        return found

    def _may_raise(self, error: Exception, wanted: Exception) -> bool:
        """Return whether ``error`` may be raised in place of ``wanted``.

        A backend may look at the extents of a whole graph before it runs any of it.
        """
        last = {v.owner for v in self.built.outputs if v.owner is not None}
        several = any(v.owner is not None for node in last for v in node.inputs)
        return _as_caught(error, wanted) or (several and isinstance(error, ShapeError))

    def _instead(self) -> str:
        return f", not {_described(self.wanted)}" if isinstance(self.wanted, Exception) else ""


def _described(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _as_caught(error: Exception, wanted: Exception) -> bool:
    """Return whether what catches ``wanted`` catches ``error``: a class of gradcore's, or one of
    Python's where the reference raises no other.
    """  # noqa: D205 - the sentence is long
    classes = [c for c in CATCHABLE if isinstance(wanted, c)]
    return isinstance(error, type(wanted) if isinstance(wanted, GradcoreError) else classes[0])


def _unchanged(results: Sequence[Sequence[Array]], copied: Sequence[Sequence[Array]]) -> None:
    """Raise Mismatch if calls have changed, or share memory with, what earlier calls returned."""
    for k, (result, copies) in enumerate(zip(results, copied, strict=False)):
        for old, new in zip(copies, result, strict=True):
            if not _identical(old, new):
                raise Mismatch(f"a later call has changed what call {k} returned: {new}, not {old}")
            for others in results[k + 1 :]:
                if any(np.may_share_memory(new, other) for other in others):
                    raise Mismatch(f"a later call returns memory that call {k} has returned")


def _at_once(f: Callable[..., Sequence[Array]], calls: Sequence[_Call]) -> None:
    """Call ``f`` from several threads, which begin together and each with another call."""
    start = threading.Barrier(THREADS)

    def calling(k: int) -> None:
        start.wait()
        for i in range(len(calls)):
            calls[(i + k) % len(calls)].run(f)

    with ThreadPoolExecutor(THREADS) as pool:
        for outcome in [pool.submit(calling, k) for k in range(THREADS)]:
            try:
                outcome.result()
            except Mismatch as error:
                raise Mismatch(f"called from {THREADS} threads at once: {error}") from error


def _identical(a: Array, b: Array) -> bool:
    return np.array_equal(a, b, equal_nan=a.dtype.kind in "fc")


def _ownership(result: Any, others: Sequence[Array], inputs: Sequence[Array]) -> str | None:
    if type(result) is not np.ndarray:
        return f"is {type(result).__name__}, no array"
    if not result.flags.writeable:
        return "cannot be written to: it is not the caller's own"
    for what, arrays in (("an input", inputs), ("another output", others)):
        if any(np.shares_memory(result, a) for a in arrays):
            return f"shares memory with {what}"
    return None


def _typing(output: Variable, result: Array) -> str | None:
    if result.dtype != np.dtype(output.dtype):  # the name says nothing of the byte order
        return f"has dtype {result.dtype}, its type is {output.type}"
    if not output.type.admits(result.shape):
        return f"has shape {result.shape}, its type is {output.type}"
    return None


# subjects ---------------------------------------------------------------------------------------
Draws: TypeAlias = tuple[tuple[Array, ...], ...]
"""Operands of an op, several times."""

LOOP = 19
"""How many steps the second call of a loop takes: more than any that is written out."""


def no_draws(count: int) -> Iterable[Draws]:
    """Return no further draws."""
    return ()


@dataclass(frozen=True)
class Subject:
    """An op with several draws of operands to test it on.

    draws : the operands, in C order.
    constant : for each operand, whether it is a constant, and the same in all draws.
    layout : how the others lie in memory, a key of `LAYOUTS`.
    further : returns draws for further calls, given how many draws a call needs.
    """

    op: Op
    draws: Draws
    constant: tuple[bool, ...]
    layout: str = "contiguous"
    further: Callable[[int], Iterable[Draws]] = field(default=no_draws, compare=False)

    def laid(self) -> Draws:
        """Return the draws as they lie in memory."""
        lay = LAYOUTS[self.layout]
        return tuple(
            tuple(a if fixed else lay(a) for a, fixed in zip(operands, self.constant, strict=True))
            for operands in self.draws
        )

    def built(self, check: str) -> Built:
        """Return the graph of a check."""
        return getattr(checks, check)(self.op, self.laid(), self.constant)

    def later(self, check: str) -> Iterator[list[Array]]:
        """Yield the values of further calls of the graph of a check."""
        for draws in self.further(LOOP if check in ("scanned", "vectorized") else 1):
            other = replace(self, draws=draws)
            yield other.given() if check == "value" else other.built(check).values

    def given(self) -> list[Array]:
        """Return the first operands that are no constants, as they lie in memory."""
        first = self.laid()[0]
        return [a for a, fixed in zip(first, self.constant, strict=True) if not fixed]


def by_op(built: Built, signed_zeros: bool = False) -> list[Expected]:
    """Return what the outputs should be, in higher precision, of a graph that is one op."""
    node = built.outputs[0].owner
    assert node is not None
    values = dict(zip(built.inputs, map(contiguous, built.values), strict=True))
    operands = [v.data if isinstance(v, Constant) else values[v] for v in node.inputs]
    return expected(node, operands, signed_zeros=signed_zeros)


def by_op_with_signs(built: Built) -> list[Expected]:
    """Return the same; the sign of a zero counts."""
    return by_op(built, signed_zeros=True)
