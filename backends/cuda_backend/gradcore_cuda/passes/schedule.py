"""Pass: who runs what.

The host runs the outermost statements: it knows extents, asks for memory, and launches.  Whatever
computes with elements is launched: loops, and scalar statements on what only the device knows.  A
loop around what the host must call (a product of a library, a function of Python) is the host's.

The decision: how threads share a loop is decided here, loop by loop, by
`gradcore_cuda.analyses`; where extents decide between two ways, both are made, and the host
chooses at the call.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from gradcore.kernel.device import Reload
from gradcore.kernel.ir import (
    ONE,
    ZERO,
    Allocate,
    Buffer,
    Change,
    Check,
    Expr,
    For,
    If,
    Inner,
    Let,
    Literal,
    Load,
    Point,
    Program,
    Scope,
    Statement,
    Store,
    Symbol,
    call,
    integer,
    parts,
    product,
)
from gradcore.kernel.uses import Used, expressions, inside, registers_set
from gradcore.ops.elementwise import entry
from gradcore_cuda.analyses import Facts
from gradcore_cuda.analyses.placement import chosen_by_host, hosted
from gradcore_cuda.analyses.prefix_scans import ChunkedLoop
from gradcore_cuda.loops import (
    collapsed,
    in_registers,
    innermost,
    is_number,
    pieces,
    shareable,
)
from gradcore_cuda.target import GpuTarget


class Form(enum.Enum):
    """How the threads of a launch share the work."""

    STEPS = enum.auto()
    """The steps of a loop are shared out among groups of threads."""
    PARTS = enum.auto()
    """So, and each group contributes to arrays of its own, which are combined afterwards."""
    TILES = enum.auto()
    """A block takes some steps along two axes, and what lies along the first to shared memory."""
    OWNED = enum.auto()
    """Every group goes through the steps of a loop, and takes those whose target is its own."""
    CHUNKS = enum.auto()
    """A group takes steps that follow each other, and learns first what those before combine to."""
    BLOCK = enum.auto()
    """One block does it, together."""


@dataclass(eq=False, slots=True)
class Work(Statement):
    """Statements that a kernel runs, before it is said which of its threads does what.

    after : scalar statements that follow when all else is done; one thread runs them.
    starts : the values of registers before the steps of a loop contribute to them, or carry them.
    owner : what a step changes, or the first of it: whose it is decides which group takes it.
    filled : the value of all elements of arrays then, where nothing has stored it.
    """

    form: Form
    statements: list[Statement]
    after: list[Statement] = field(default_factory=list[Statement])
    starts: dict[Symbol, Literal] = field(default_factory=dict[Symbol, Literal])
    owner: Load | None = None
    filled: dict[Buffer, Literal] = field(default_factory=dict[Buffer, Literal])

    def blocks(self) -> tuple[list[Statement], ...]:
        """Return the statements, and those after them."""
        return self.statements, self.after

    def rebuilt(self, expr: Change, block: Inner) -> Work:
        """Return a copy with other statements."""
        return replace(self, statements=block(self.statements), after=block(self.after))


def chunks(extent: Expr, target: GpuTarget) -> tuple[Expr, Expr]:
    """Return how many groups may share the steps of a prefix scan, and how many threads a group."""
    most = target.prefix_steps
    return pieces(extent, most), call(entry("minimum"), (extent, integer(most)), "int64")


def work_scheduled(program: Program, facts: Facts) -> Program:
    """Return a program as what its host does: what kernels run is `Work`."""
    return replace(program, body=_Scheduler(facts).steps(program.body))


class _Scheduler:
    """Makes steps; scalar statements join the launch before or after them, where that may be."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.target = facts.target

    def steps(self, body: Sequence[Statement]) -> list[Statement]:
        """Return statements as steps."""
        made = _Steps(self.facts)
        for s in body:
            if isinstance(s, Let) and s.symbol.final in self.facts.values.derived:
                continue
            if self.scalar(s):
                made.scalar(s)
                continue
            match s:
                case Let() | Allocate() | Check() if all(
                    map(self.facts.values.known, expressions(s))
                ):
                    made.host(s)
                    continue
                case _:
                    pass
            match s:
                case For() if not hosted(s, self.target):
                    self.launch(s, made)
                    continue
                case _:
                    made.close()
            match s:
                case For():
                    made.found.append(replace(s, body=self.steps(s.body)))
                case If(condition, then, orelse):
                    made.found.append(If(condition, self.steps(then), self.steps(orelse)))
                case Scope():
                    made.found.append(Scope(self.steps(s.body)))
                case _:
                    made.found.append(s)
        made.close()
        return made.found

    def scalar(self, s: Statement) -> bool:
        """Return whether a thread runs a statement that has no loop."""
        match s:
            case Let(symbol):
                return symbol.final in self.facts.values.device
            case Store():
                return True
            case Check(_, condition, values):
                return not all(map(self.facts.values.known, (condition, *values)))
            case If():
                return not chosen_by_host(s)
            case Point(pointer):
                return pointer.root in self.facts.values.moved
            case _:
                return False

    def launch(self, s: For, made: _Steps) -> None:
        """Make what runs a loop."""
        extent = s.extent
        if shareable(s):
            self.share(s, made)
            return
        if self.chunked(s) is not None:
            made.launch(Work(Form.CHUNKS, [s]))
            return
        owner = self.facts.dependence.owner(s)
        if owner is not None:
            made.launch(Work(Form.OWNED, [s], owner=owner))
            return
        parts_of = [r.target.root for r in s.reductions if isinstance(r.target, Buffer)]
        parts = (
            not s.ordered
            and all(r.op is not None for r in s.reductions)
            and any(isinstance(x, For) and shareable(x) for x in inside(s.body))
        )
        columns = self.facts.dependence.interchanged(s)
        registers = {} if columns is None else self.facts.dependence.register_elements(columns)
        whole = columns is None or set(parts_of) <= {x.buffer for x in registers}
        starts = made.started(parts_of) if whole and (columns is not None or parts) else {}
        width: Expr = ONE
        if columns is not None:
            width = product([x.extent for x in innermost(columns)[:-1]])
            columns = in_registers(columns, registers, starts)
        forms: list[Work] = []
        if columns is not None:
            forms.append(Work(Form.STEPS, [columns]))
        if parts:
            forms.append(Work(Form.PARTS, [s], filled=starts))
        if columns is None or not parts:
            made.launch(forms[0] if forms else Work(Form.BLOCK, [s]))
            return
        many = call(entry("ge"), (width, integer(self.target.column_threads)), "bool")
        few = call(entry("le"), (extent, integer(self.target.column_rows)), "bool")
        enough = call(entry("or_"), (many, few), "bool")
        if isinstance(enough, Literal):
            made.launch(forms[0 if enough.value else 1])
            return
        made.close()
        made.found.append(If(enough, [forms[0]], [forms[1]]))

    def share(self, s: For, made: _Steps) -> None:
        """Make what runs a loop whose steps are independent."""
        steps = Work(Form.STEPS, [s])
        tiled = self.facts.dependence.tiled(s, self.facts.values.known)
        if tiled is None:
            self.rows(s, made)
            return
        extents = (tiled[0].extent, collapsed(s)[0][-1].extent)
        both = call(entry("minimum"), extents, "int64")
        wide = call(entry("ge"), (both, integer(self.target.tile_elements // 2)), "bool")
        tiles = Work(Form.TILES, [s])
        if isinstance(wide, Literal):
            made.launch(tiles if wide.value else steps)
            return
        made.close()
        made.found.append(If(wide, [tiles], [steps]))

    def rows(self, s: For, made: _Steps) -> None:
        """Make what runs a loop for each step of which groups of threads do what is in it.

        Cumulative sums of few and long rows are computed one row after the other.
        """
        steps = Work(Form.STEPS, [s])
        loops, (*first, last) = collapsed(s)
        starts = {
            x.symbol.final: x.value
            for x in first
            if isinstance(x, Let) and isinstance(x.value, Literal)
        }
        extents = [x.extent for x in loops]
        if (
            not isinstance(last, For)
            or len(starts) < len(first)
            or any(x.reductions for x in loops)
            or (chunked := self.chunked(last)) is None
            or [c.symbol for c in chunked.carried] != list(starts)
            or not all(map(self.facts.values.known, (*extents, last.extent)))
        ):
            made.launch(steps)
            return
        few = call(
            entry("ge"), (last.extent, product(extents) * self.target.long_row_steps), "bool"
        )
        one: Statement = Work(Form.CHUNKS, [last], starts=starts)
        for x in reversed(loops):
            one = For(x.index, x.extent, [one], ordered=True)
        made.close()
        if isinstance(few, Literal):
            made.found.append(one if few.value else steps)
        else:
            made.found.append(If(few, [one], [steps]))

    def chunked(self, s: For) -> ChunkedLoop | None:
        """Return how many groups share a loop that carries registers along, if it may be long."""
        short = isinstance(s.extent, Literal) and s.extent.value <= self.target.prefix_steps
        return None if short else self.facts.prefix_scans.chunks(s)


class _Steps:
    """Steps that grow.

    found : those that are done.
    waiting : scalar statements for the next launch, or one of their own.
    last : the launch that scalar statements may still join; those that wait come first.
    """

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.found: list[Statement] = []
        self.waiting: list[Statement] = []
        self.last: Work | None = None

    def flush(self) -> None:
        """Launch the scalar statements that wait."""
        if self.waiting:
            self.last = Work(Form.BLOCK, list(self.waiting))
            self.found.append(self.last)
            self.waiting.clear()

    def close(self) -> None:
        """Let nothing join what is launched already."""
        self.flush()
        self.last = None

    def host(self, s: Statement) -> None:
        """Add what the host does without the device."""
        if isinstance(s, Let) and not s.fresh:
            self.close()
        if self.last is None:
            self.found.append(s)
        else:
            self.found.insert(self.found.index(self.last), s)

    def scalar(self, s: Statement) -> None:
        """Add a scalar statement of the device, which waits for others to be launched with it."""
        if self.last is not None and self.needs_parts(s, self.last):
            self.close()
        read_back = self.reloads([s])
        self.waiting.append(s)
        if self.last is not None:
            block = self.last.form is Form.BLOCK
            joined = self.last.statements if block else self.last.after
            joined += self.waiting
            self.waiting.clear()
        if read_back:
            self.close()
            if isinstance(s, Let) and self.facts.values.known(s.value):
                self.found.append(s)
            else:
                self.found += read_back

    def needs_parts(self, s: Statement, launch: Work) -> bool:
        """Return whether a statement uses arrays whose parts are combined after a launch."""
        if launch.form is not Form.PARTS:
            return False
        memory = self.facts.dependence.aliases.memory
        loops = [x for x in launch.statements if isinstance(x, For)]
        parts_of = {
            memory(r.target) for x in loops for r in x.reductions if isinstance(r.target, Buffer)
        }
        return not parts_of.isdisjoint(map(memory, Used().note([s]).buffers))

    def launch(self, launch: Work) -> None:
        """Add the launch of a loop, behind the scalar statements that wait."""
        if launch.form is Form.BLOCK:
            if self.last is not None and self.last.form is Form.BLOCK:
                self.last.statements += launch.statements
            else:
                launch.statements[:0] = self.waiting
                self.waiting.clear()
                self.found.append(launch)
                self.last = launch
        else:
            self.start(launch)
            later = self.unconcerned(launch)
            self.close()
            self.waiting = later
            self.found.append(launch)
            (loop,) = launch.statements
            assert isinstance(loop, For)
            if launch.form is not Form.CHUNKS and any(
                isinstance(r.target, Symbol) for r in loop.reductions
            ):
                self.last = launch
        read_back = self.reloads(launch.statements)
        if read_back:
            self.close()
            self.found += read_back

    def unconcerned(self, launch: Work) -> list[Statement]:
        """Take back statements that set registers to numbers, which what comes now does not use."""
        others = [s for s in self.waiting if not is_number(s)]
        used = Used().note([*others, *launch.statements])
        symbols = {x.final for x in (*used.symbols, *used.made) if isinstance(x, Symbol)}
        found: list[Statement] = [
            s for s in self.waiting if is_number(s) and s.symbol.final not in symbols
        ]
        self.waiting = [s for s in self.waiting if s not in found]
        return found

    def started(self, targets: Sequence[Buffer]) -> dict[Buffer, Literal]:
        """Return what targets are filled with just before, and take the launch of that back."""
        if not self.found or not all(map(is_number, self.waiting)):
            return {}
        if not isinstance(self.found[-1], Work):
            return {}
        last = self.found[-1]
        if last.form is not Form.STEPS or last.after or not isinstance(last.statements[0], For):
            return {}
        loops, body = collapsed(last.statements[0])
        symbols = [x.index.final for x in loops]
        found: dict[Buffer, Literal] = {}
        for s in body:
            if not isinstance(s, Store) or not isinstance(s.value, Literal):
                return {}
            index = [x for x in s.index if x != ZERO]
            if index != symbols or s.buffer not in targets:
                return {}
            found[s.buffer] = s.value
        self.found.pop()
        self.last = None
        return found

    def start(self, launch: Work) -> None:
        """Let a launch start the registers that its steps combine, which wait to be set."""
        (loop,) = launch.statements
        assert isinstance(loop, For)
        found = self.facts.prefix_scans.carried(loop) if launch.form is Form.CHUNKS else None
        combined = [r.target.final for r in loop.reductions if isinstance(r.target, Symbol)]
        if found is not None:
            combined = [c.symbol for c in found[0]]
        for symbol in combined:
            lets = [s for s in self.waiting if isinstance(s, Let) and s.symbol.final is symbol]
            others = [s for s in self.waiting if s not in lets]
            read = any(symbol in parts(x) for s in inside(others) for x in expressions(s))
            if lets and isinstance(lets[-1].value, Literal) and not read:
                launch.starts[symbol] = lets[-1].value
                self.waiting = others

    def reloads(self, statements: Sequence[Statement]) -> list[Statement]:
        """Return the statements by which the host reads registers that ``statements`` set."""
        values = self.facts.values
        changed = registers_set(statements)
        return [Reload(x) for x in changed if x in values.device and x in values.needed]
