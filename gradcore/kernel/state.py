"""What registers and memories hold while a program is interpreted, and how expressions use them.

Every access is checked against what a program may do: indices are in bounds, registers and buffers
are made before they are used and not used after they are gone, nothing is read that was not
written, and the steps of a loop that is not ordered share nothing but what they contribute to.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Generator, Iterable, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from gradcore.graph import Array
from gradcore.kernel.ir import (
    Buffer,
    Call,
    Expr,
    For,
    Index,
    Literal,
    Load,
    Strided,
    Symbol,
)
from gradcore.ops.elementwise import Elementwise, entry


@functools.lru_cache(maxsize=4096)
def typed(op: Elementwise, given: tuple[str, ...], result: str) -> Callable[..., Any]:
    """Return an entry as a function of scalars, with conversions as it declares them.

    They are taken as vectors: NumPy has its own ways with scalars, such as x ** 0.5 as a root.
    """
    taken = [np.dtype(dtype) for dtype in op.takes(given, result)]

    def computed(*operands: Any) -> Any:
        converted = (x.astype(dtype).reshape(1) for x, dtype in zip(operands, taken, strict=True))
        return np.asarray(op.numpy(*converted), result)[0]

    return computed


def computed(name: str, given: tuple[str, ...], result: str, *operands: int) -> int:
    """Return an entry of integers as it is declared: in these dtypes, in which it may wrap.

    >>> computed("add", ("int64", "int64"), "int64", 2**63 - 1, 1) == -(2**63)
    True
    """
    with np.errstate(all="ignore"):
        scalars = (np.dtype(t).type(n) for t, n in zip(given, operands, strict=True))
        return int(typed(entry(name), given, result)(*scalars))


# memory -----------------------------------------------------------------------------------------
@dataclass(eq=False, slots=True)
class Memory:
    """Elements one after the other.

    name : of the buffer that it was made for.
    data : the elements.
    written : which of them have a value.
    fixed : whether none may be written.
    gone : whether it was given back.
    """

    name: str
    data: Array
    written: Array
    fixed: bool = False
    gone: bool = False


@dataclass(eq=False, slots=True)
class Register:
    """What a symbol stands for, or where a buffer is: its memory, and the first element in it."""

    name: str
    value: Any = None


Cell: TypeAlias = "tuple[Memory | Register, int]"
"""An element of a memory, or a register."""


@dataclass(eq=False, slots=True)
class Steps:
    """A loop that is not ordered, while it runs.

    step : which step it is in.
    touched : in which step each cell was used (None: in several), and whether it was written.
    contributed : what the steps contribute to.
    """

    loop: For
    contributed: set[Memory | Register]
    step: int = 0
    touched: dict[Cell, tuple[int | None, bool]] = field(
        default_factory=dict[Cell, "tuple[int | None, bool]"]
    )

    def touch(self, cell: Cell, writing: bool, adding: bool) -> None:
        """Note that this step uses ``cell``; steps that only add to it have the number -1."""
        here = -1 if adding else self.step
        if cell[0] in self.contributed:
            return
        step, wrote = self.touched.get(cell, (here, False))
        if step != here:
            if writing or wrote:
                raise AssertionError(
                    f"the steps of {self.loop.index} are not independent: they share "
                    f"{cell[0].name}[{cell[1]}]"
                )
            step = None
        self.touched[cell] = step, wrote or writing


def place_in(shape: tuple[int, ...], index: Iterable[int]) -> int:
    """Return the number, in C order, of the element at ``index`` of an array of ``shape``."""
    found = 0
    for n, i in zip(shape, index, strict=True):
        found = found * n + i
    return found


# what a program has -----------------------------------------------------------------------------
class State:
    """What registers and memories hold, while a program runs.

    known : what is declared, from the outermost block.
    owned : the memories that are given back together, from the outermost scope.
    loops : the loops around this statement that are not ordered.
    contributing : what the statement that runs contributes to.
    adding : whether an element is added to, in any order with others.
    """

    def __init__(self) -> None:
        self.known: MutableMapping[Symbol | Buffer, Register] = {}
        self.declared: list[list[Symbol | Buffer]] = [[]]
        self.owned: list[list[Memory]] = [[]]
        self.loops: list[Steps] = []
        self.contributing: Memory | Register | None = None
        self.adding = False

    # registers ----------------------------------------------------------------------------------
    def declare(self, what: Symbol | Buffer, value: Any = None) -> None:
        """Declare a register or buffer in this block."""
        if what in self.known:
            raise AssertionError(f"{what} is declared twice")
        self.known[what] = Register(what.name, value)
        self.declared[-1].append(what)

    def register(self, what: Symbol | Buffer, writing: bool = False) -> Register:
        """Return the register of a symbol or buffer, to read or set it."""
        found = self.known.get(what)
        if found is None:
            raise AssertionError(f"{what} is not declared here")
        self.touch((found, 0), writing)
        return found

    def set(self, symbol: Symbol, value: Any) -> None:
        """Set a register that is declared; AssertionError: it is not."""
        self.register(symbol.final, writing=True).value = value

    @contextmanager
    def block(self, frees: bool = False) -> Generator[None]:
        """Forget, at the end, what is declared inside.

        frees : whether memory is given back, too.
        """
        self.declared.append([])
        if frees:
            self.owned.append([])
        try:
            yield
        finally:
            for what in self.declared.pop():
                del self.known[what]
            if frees:
                for memory in self.owned.pop():
                    memory.gone = True

    # accesses -----------------------------------------------------------------------------------
    def touch(self, cell: Cell, writing: bool) -> None:
        """Note that the loops around use a memory or register, in their steps."""
        for loop in self.loops:
            loop.touch(cell, writing, self.adding)
            if cell[0] in loop.contributed and cell[0] is not self.contributing:
                raise AssertionError(
                    f"a step of {loop.loop.index} uses {cell[0].name}, to which others contribute"
                )

    def memory(self, buffer: Buffer, data: Array) -> tuple[Memory, int]:
        """Return the memory of an array that is given, and where it starts."""
        flat = np.array(data, order="C").reshape(-1)
        return Memory(buffer.name, flat, np.ones(flat.size, bool), fixed=True), 0

    def shape(self, buffer: Buffer) -> tuple[int, ...]:
        """Return the extents of a buffer as they are now, ints."""
        return tuple(map(self.integer, buffer.shape))

    def opened(self, buffer: Buffer, writing: bool) -> tuple[Memory, int, tuple[int, ...]]:
        """Return the memory of a buffer, where it starts, and its shape."""
        place = self.register(buffer.root).value
        if place is None:
            raise AssertionError(f"{buffer} points nowhere")
        memory, start = place
        shape = self.shape(buffer)
        if memory.gone:
            raise AssertionError(f"the memory of {buffer} was given back")
        if writing and memory.fixed:
            raise AssertionError(f"{buffer} is written, which is not the program's own")
        if start + math.prod(shape) > memory.data.size:
            raise AssertionError(f"{buffer} of shape {shape} is larger than its memory")
        if buffer.root.role != "pointer" and math.prod(shape) != memory.data.size:
            raise AssertionError(f"{buffer} of shape {shape} has memory for {memory.data.size}")
        return memory, start, shape

    def used(self, memory: Memory, places: Array, writing: bool) -> None:
        """Note that elements are used, and fail if one is read that was not written."""
        if not writing and not memory.written[places].all():
            raise AssertionError(f"{memory.name} is read where it was not written")
        if self.loops:
            for place in np.ravel(places).tolist():
                self.touch((memory, place), writing)
        if writing:
            memory.written[places] = True

    def element(self, buffer: Buffer, index: Index, writing: bool) -> tuple[Memory, int]:
        """Return the memory and the place of an element; AssertionError: it must not be used."""
        memory, place, shape = self.opened(buffer, writing)
        numbers = tuple(map(self.integer, index))
        if any(not 0 <= i < n for i, n in zip(numbers, shape, strict=True)):
            raise AssertionError(f"{buffer}{list(numbers)} is out of bounds: {shape}")
        place += place_in(shape, numbers)
        if not writing and not memory.written[place]:
            raise AssertionError(f"{buffer}{list(numbers)} is read, which was not written")
        self.touch((memory, place), writing)
        return memory, place

    def whole(self, buffer: Buffer, writing: bool = False) -> Array:
        """Return all of a buffer as a NumPy array of its shape, to read or write it in place."""
        memory, start, shape = self.opened(buffer, writing)
        part = slice(start, start + math.prod(shape))
        self.used(memory, np.arange(part.start, part.stop), writing)
        return memory.data[part].reshape(shape)

    def part(self, part: Strided) -> tuple[Memory, Array]:
        """Return the memory of a part of a buffer, and where in it each element is."""
        memory, start, shape = self.opened(part.buffer, writing=False)
        extents = tuple(map(self.integer, part.shape))
        assert len(part.steps) == len(extents), part
        moved = np.indices(extents)
        places = np.full(extents, start)
        stride = 1
        for axis in reversed(range(len(shape))):
            at = np.full(extents, self.integer(part.first[axis]))
            for along, steps in zip(moved, part.steps, strict=True):
                at += along * self.integer(steps[axis])
            if at.size and not (at.min() >= 0 and at.max() < shape[axis]):
                raise AssertionError(f"a part of {part.buffer} is out of bounds: {shape}")
            places += at * stride
            stride *= shape[axis]
        return memory, places

    # expressions --------------------------------------------------------------------------------
    def integer(self, x: Expr) -> int:
        """Return the value of an extent or index as an int."""
        assert x.dtype == "int64", x
        return int(self.value(x))

    def value(self, x: Expr) -> Any:
        """Return the value of an expression, a scalar of NumPy."""
        match x:
            case Literal():
                return np.dtype(x.dtype).type(x.value)
            case Symbol():
                return self.register(x.final).value
            case Load(buffer, index):
                memory, place = self.element(buffer, index, writing=False)
                return memory.data[place]
            case Call():
                function = typed(x.op, tuple(y.dtype for y in x.operands), x.dtype)
                return function(*map(self.value, x.operands))
            case _:
                raise TypeError(x)
