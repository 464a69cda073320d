"""Statements that are equal up to what they work on become one procedure, which is called.

The steps of an unrolled loop, the layers of a network and the entries of a list are the same
statements on other buffers, with other extents and constants:

    for i < n: y[i] = tanh(x[i])            call tanh(n, x, y)
    for k < m: w[k] = tanh(z[k])            call tanh(m, z, w)

So the text of a program, and the time to compile it, grow with what is different in it.  Compared
are runs of outermost statements, from the first on: a run that has been seen is called, else the
longest that was there before becomes a procedure.  Memory is made before the calls, by the program.
Then calls are statements like others, whose runs are compared again.

A number may differ if it costs no speed to know it later: one that is added to an index, large
extents, and terms and factors of floats.  Steps of short loops and strides stay numbers.  Numbers
alone are not worth a call, which takes as long as a few operations on its operands.

The decision: it is a pass, so that ``interpret`` can tell that nothing changes, and what is printed
for a nest does not depend on how often it is called.  Rejected: comparing texts, in which names are
in the way; calls of one elementwise op each, which would undo fusion.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gradcore.kernel.forms import CanonicalForm, Copied
from gradcore.kernel.ir import (
    Allocate,
    Buffer,
    For,
    Library,
    Literal,
    Matmul,
    Program,
    Statement,
    Symbol,
)
from gradcore.kernel.procedures import Invoke, Operand, Parameter, Procedure
from gradcore.kernel.target import CpuTarget
from gradcore.kernel.uses import Used, inside

ROUNDS = 3
"""How often runs are compared; in a later one, of calls."""

CANDIDATES = 8
"""Earlier statements of the same form that a run is compared with, so that work is linear."""

LOOP_SIZE = 60
"""What a loop is worth beside the terms in it: it is a function that is compiled."""


def merged(program: Program, target: CpuTarget) -> Program:
    """Return a program whose outermost statements are calls where they are there twice."""
    body, kinds = program.body, _Kinds(target.merged_extent)
    for _ in range(ROUNDS):
        found = _Merging(body, kinds).merged()
        if found is None:
            break
        body = found
    return program if body is program.body else replace(program, body=body)


@dataclass(eq=False)
class _Kinds:
    """The forms of statements, each found once, and their kinds: those of equal forms are of one.

    large : from which extents on they may differ.
    """

    large: int
    forms: dict[Statement, CanonicalForm] = field(
        default_factory=dict["Statement", "CanonicalForm"]
    )
    kinds: dict[Statement, int] = field(default_factory=dict["Statement", int])
    known: dict[Any, int] = field(default_factory=dict["Any", int])

    def note(self, s: Statement) -> CanonicalForm:
        """Return the form of a statement."""
        if s not in self.forms:
            form = self.forms[s] = CanonicalForm(s, self.large)
            self.kinds[s] = self.known.setdefault(form.key, len(self.known))
        return self.forms[s]


@dataclass(eq=False)
class _Draft:
    """What is to become a procedure.

    members : where in the list of forms each of its runs starts.
    length : how many statements a run has.
    """

    members: list[int]
    length: int


@dataclass(eq=False)
class _Merging:
    """The search for runs in a block of statements."""

    body: Sequence[Statement]
    noted: _Kinds
    places: list[int] = field(init=False)
    forms: list[CanonicalForm] = field(init=False)
    kinds: list[int] = field(init=False)

    def __post_init__(self) -> None:
        """Find the form of each statement, and its kind."""
        self.places = [k for k, s in enumerate(self.body) if not isinstance(s, Allocate)]
        self.forms = [self.noted.note(self.body[k]) for k in self.places]
        self.kinds = [self.noted.kinds[self.body[k]] for k in self.places]

    def merged(self) -> list[Statement] | None:
        """Return the statements with calls in place of runs; None: there are none."""
        drafts = self._drafts()
        if not drafts:
            return None
        uses = self._uses()
        calls: dict[int, tuple[int, Invoke]] = {}
        for draft in drafts:
            for start, call in self._calls(draft, uses):
                calls[self.places[start]] = self.places[start + draft.length - 1], call
        body: list[Statement] = []
        k = 0
        while k < len(self.body):
            last, call = calls.get(k, (k, self.body[k]))
            if last > k:
                body += [s for s in self.body[k:last] if isinstance(s, Allocate)]
            body.append(call)
            k = last + 1
        return body

    # runs ---------------------------------------------------------------------------------------
    def _drafts(self) -> list[_Draft]:
        """Return what is there at least twice, without overlaps."""
        found: list[_Draft] = []
        known: defaultdict[int, list[_Draft]] = defaultdict(list)
        seen: defaultdict[int, list[int]] = defaultdict(list)
        taken = [False] * len(self.forms)
        k = 0
        while k < len(self.forms):
            kind = self.kinds[k]
            draft = self._known(k, known[kind])
            if draft is not None:
                draft.members.append(k)
            else:
                draft = self._new(k, seen[kind], taken)
                if draft is None:
                    seen[kind].append(k)
                    k += 1
                    continue
                found.append(draft)
                known[kind].append(draft)
                first = draft.members[0]
                taken[first : first + draft.length] = [True] * draft.length
            taken[k : k + draft.length] = [True] * draft.length
            k += draft.length
        return found

    def _known(self, k: int, drafts: Sequence[_Draft]) -> _Draft | None:
        """Return the longest draft of which a run starts here."""
        for draft in sorted(drafts, key=lambda d: -d.length):
            if self._common(draft.members[0], k, draft.length) == draft.length:
                return draft
        return None

    def _new(self, k: int, earlier: Sequence[int], taken: Sequence[bool]) -> _Draft | None:
        """Return a draft of the longest run that starts here and was there before, if it pays."""
        best = None
        for j in earlier[-CANDIDATES:]:
            length = self._common(j, k, k - j, taken)
            if (best is None or length > best.length) and self._pays(j, length):
                best = _Draft([j, k], length)
        return best

    def _common(self, j: int, k: int, most: int, taken: Sequence[bool] = ()) -> int:
        """Return for how many statements two runs are equal up to what they work on."""
        there: dict[Any, Any] = {}
        back: dict[Any, Any] = {}
        made: set[Symbol | Buffer] = set()
        for length in range(min(most, len(self.forms) - k)):
            a, b = j + length, k + length
            if self.kinds[a] != self.kinds[b] or (taken and (taken[a] or taken[b])):
                return length
            if length and not (self._before(a, made) and self._before(b, made)):
                return length
            for x, y in zip(self.forms[a].objects, self.forms[b].objects, strict=True):
                if there.setdefault(x, y) is not y or back.setdefault(y, x) is not x:
                    return length
            for form in (self.forms[a], self.forms[b]):
                made |= form.made | form.sets
        return min(most, len(self.forms) - k)

    def _before(self, k: int, made: set[Symbol | Buffer]) -> bool:
        """Return whether memory made just before a statement can be made before others, too."""
        between = self.body[self.places[k - 1] + 1 : self.places[k]]
        if not between:
            return True
        used = Used().note(between)
        return made.isdisjoint(used.symbols) and all(b in used.made for b in used.buffers)

    def _pays(self, start: int, length: int) -> bool:
        """Return whether a call is shorter than a run, and takes little of its time."""
        forms = self.forms[start : start + length]
        run = [self.body[self.places[start + k]] for k in range(length)]
        if not any(isinstance(s, (For, Matmul, Library, Invoke)) for s in run):
            return False
        size = sum(form.size for form in forms)
        loops = sum(isinstance(s, For) for s in run)
        objects = {x for form in forms for x in form.objects}
        made = {x for form in forms for x in form.made}
        return size + LOOP_SIZE * loops >= 4 * len(objects - made) + 10

    # procedures ---------------------------------------------------------------------------------
    def _uses(self) -> dict[Any, int]:
        """Return in how many statements each register is used."""
        found: defaultdict[Any, int] = defaultdict(int)
        for form in self.forms:
            for x in form.objects:
                found[x] += 1
        for s in self.body:
            if isinstance(s, Allocate):
                for x in Used().note([s]).symbols:
                    found[x] += 1
        return found

    def _run(self, draft: _Draft, start: int) -> list[CanonicalForm]:
        return self.forms[start : start + draft.length]

    def _calls(self, draft: _Draft, uses: dict[Any, int]) -> Iterator[tuple[int, Invoke]]:
        """Yield where the runs of a draft start, and the call in the place of each."""
        runs = [self._run(draft, start) for start in draft.members]
        numbers = [[x for form in run for x in form.literals] for run in runs]
        objects = [_distinct(x for form in run for x in form.objects) for run in runs]
        statements = [self.body[self.places[draft.members[0] + k]] for k in range(draft.length)]
        used = Used().note(statements)
        free = [x for x in objects[0] if _is_parameter(x) and x not in used.made]
        handed = self._handed_on(runs, objects, used, uses)
        copied = Copied([*free, *handed], _differing(numbers), self.noted.large)
        body = [copied.statement(s) for s in statements]
        changed = [x for x in free if x in used.changed]
        procedure = Procedure(
            _named(statements),
            (*map(copied.parameter, free), *map(copied.parameter, handed), *copied.numbers),
            body,
            frozenset(copied.new[x] for x in handed),
            frozenset(map(copied.parameter, changed)),
        )
        for start, own, values in zip(draft.members, objects, numbers, strict=True):
            at = dict(zip(objects[0], own, strict=True))
            operands: list[Operand] = [at[x] for x in (*free, *handed)]
            operands += [values[places[0]] for places in copied.places]
            yield start, Invoke(procedure, tuple(operands))

    def _handed_on(
        self,
        runs: Sequence[Sequence[CanonicalForm]],
        objects: Sequence[Sequence[Parameter]],
        used: Used,
        uses: dict[Any, int],
    ) -> list[Symbol]:
        """Return the registers that a run declares and that are used outside of one of the runs."""
        found: list[Symbol] = []
        for n, x in enumerate(objects[0]):
            if isinstance(x, Symbol) and x in used.made:
                for run, own in zip(runs, objects, strict=True):
                    if sum(own[n] in form.known for form in run) < uses[own[n]]:
                        found.append(x)
                        break
        return found


def _distinct(values: Iterator[Any]) -> list[Any]:
    return list(dict.fromkeys(values))


def _is_parameter(x: Parameter) -> bool:
    return isinstance(x, Symbol) or x.alias is None


def _differing(numbers: Sequence[Sequence[Literal]]) -> dict[int, tuple[Literal, ...]]:
    """Return the values, in each run, of the numbers that are not the same in all, by place."""
    columns = enumerate(zip(*numbers, strict=True))
    return {k: column for k, column in columns if any(x != column[0] for x in column)}


def _named(statements: Sequence[Statement]) -> str:
    """Return what to call a procedure: after what its statements write last."""
    names = [x.name for s in inside(statements) for x in s.changes()]
    names += [buffer.name for s in inside(statements) for buffer, _ in s.writes()]
    return f"compute_{names[-1]}" if names else "compute"
