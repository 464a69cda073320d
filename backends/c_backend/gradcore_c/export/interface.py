"""The function that exported C offers: its header, what surrounds the program, and its build."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np

from gradcore.dtypes import DTYPES
from gradcore.exporting import Argument, Exportable
from gradcore.graph import Array
from gradcore.kernel.ir import Buffer, Literal, Program, Symbol
from gradcore_c.export.messages import quoted
from gradcore_c.export.rendering import definition
from gradcore_c.export.sizes import Needs
from gradcore_c.export.words import C_MACROS, C_WORDS

CODES = (
    ("SUCCESS", "nothing"),
    ("FAILED", "a check of the function has failed, as of a shape or an index"),
    ("NO_MEMORY", "the workspace is too small, or malloc has none"),
    ("ROOM", "an output has more elements than there is room for"),
    ("ARGUMENT", "an argument is NULL, or no array has its extents"),
)
"""What a call returns, in this order, and what has gone wrong then."""

FLAGS = "-ffp-contract=off -fwrapv -fno-math-errno -fno-trapping-math -fopenmp-simd"
"""With what GCC and clang keep every operation what IEEE 754 says it is, and find vectors."""


@dataclass(frozen=True)
class SignaturePart:
    """What the signature has for an argument, a state or a result.

    name : what it is called.
    dtype : of its elements.
    shape : its extents; None where they are known in a call.
    texts : its declarations.
    comment : what it is.
    extents : for an argument, the names of the extents that are None in ``shape``, in order.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...]
    texts: tuple[str, ...]
    comment: str
    extents: tuple[str, ...] = ()

    @property
    def is_complex(self) -> bool:
        """Whether each element is two numbers."""
        return DTYPES[self.dtype].kind == "complex"

    @property
    def elements(self) -> int:
        """How many elements there are, all extents being known."""
        return int(np.prod([n or 0 for n in self.shape], dtype=np.int64))


class Interface:
    """The function that exported C offers.

    given : what is exported.
    program : what it runs.
    extents : what the extents of arguments are called, by the registers of the program.
    """

    def __init__(self, given: Exportable, program: Program) -> None:
        self.given = given
        self.name = given.name
        self.taken = {"context", "memcpy", *C_WORDS}
        self.extents: dict[Symbol, str] = {}
        n = len(given.arguments)
        self.arguments = [
            self._argument(a, b) for a, b in zip(given.arguments, program.inputs[:n], strict=True)
        ]
        self.states = [self._state(a) for a in given.states]
        outputs = program.outputs[: len(given.results)]
        self.results = [
            self._result(name, b) for name, b in zip(given.results, outputs, strict=True)
        ]

    # names --------------------------------------------------------------------------------------
    def _fresh(self, name: str) -> str:
        """Return a name that no parameter has yet, nor a type or macro."""
        if name.startswith(("gc_", "GC_")) or name == "I":
            name = f"x_{name}"
        while name in self.taken or C_MACROS.fullmatch(name):
            name += "_"
        self.taken.add(name)
        return name

    # parameters ---------------------------------------------------------------------------------
    def _argument(self, argument: Argument, buffer: Buffer) -> SignaturePart:
        name = self._fresh(argument.name)
        shape = tuple(n.value if isinstance(n, Literal) else None for n in buffer.shape)
        names: list[str] = []
        for axis, n in enumerate(buffer.shape):
            if isinstance(n, Symbol):
                names.append(self._fresh(f"{name}_n{axis}"))
                self.extents[n] = names[-1]
        ctype = _plain(buffer.dtype)
        if not shape and DTYPES[buffer.dtype].kind != "complex":
            return SignaturePart(name, buffer.dtype, shape, (f"{ctype} {name}",), "a number")
        texts = (f"const {ctype} *{name}", *(f"int64_t {n}" for n in names))
        rest = iter(names)
        comment = _array(buffer.dtype, [next(rest) if n is None else str(n) for n in shape])
        return SignaturePart(name, buffer.dtype, shape, texts, comment, tuple(names))

    def _state(self, argument: Argument) -> SignaturePart:
        name = self._fresh(argument.name)
        assert argument.initial is not None
        shape, dtype = argument.initial.shape, argument.variable.dtype
        comment = f"{_array(dtype, list(map(str, shape)))}, replaced by its new value"
        return SignaturePart(name, dtype, shape, (f"{_plain(dtype)} *{name}",), comment)

    def _result(self, name: str, buffer: Buffer) -> SignaturePart:
        name = self._fresh(name)
        shape = tuple(n.value if isinstance(n, Literal) else None for n in buffer.shape)
        texts = (f"{_plain(buffer.dtype)} *{name}",)
        if None in shape:
            room, extents = self._fresh(f"{name}_room"), self._fresh(f"{name}_shape")
            texts += (f"int64_t {room}", f"int64_t *{extents}")
        return SignaturePart(name, buffer.dtype, shape, texts, "result")

    def _parameters(self) -> list[SignaturePart]:
        return [*self.arguments, *self.states, *self.results]

    def _signature(self) -> str:
        texts = [f"{self.name}_context *context", *(t for p in self._parameters() for t in p.texts)]
        return f"int32_t {self.name}({', '.join(texts)})"

    # the header ---------------------------------------------------------------------------------
    def header(self, needs: Needs | None, shapes: Sequence[Sequence[str | None]]) -> str:
        """Return the header.

        needs : what memory a call needs.
        shapes : the extents of results, as text.
        """
        name, upper = self.name, self.name.upper()
        guard = f"{upper}_H"
        codes = "\n".join(
            f"    {upper}_{code} = {k},{' ' * (10 - len(code))}/* {what} */"
            for k, (code, what) in enumerate(CODES)
        )
        notes = [p.comment for p in (*self.arguments, *self.states)]
        notes += map(_returned, self.results, shapes)
        about = "\n".join(
            f" * {', '.join(p.texts)}\n *     {note}"
            for p, note in zip(self._parameters(), notes, strict=True)
        )
        initial = "".join(
            f"extern const {_plain(p.dtype)} {name}_initial_{p.name}[{_numbers(p)}];\n"
            for p in self.states
        )
        if initial:
            initial = f"\n/* What the states start with. */\n{initial}"
        return f"""/* {name}: generated by gradcore {version("gradcore")}. */
#ifndef {guard}
#define {guard}
#include <stdint.h>

#ifdef __cplusplus
extern "C" {{
#endif

/* What a call returns: what has gone wrong. */
enum {{
{codes}
}};

/* What a call works with: zeros are a context.  One call at a time uses a context; calls that use
 * different ones share nothing. */
typedef struct {{
    void *workspace;   /* memory for what is computed on the way; NULL: that is from malloc */
    int64_t size;      /* how many bytes there are */
    int64_t used;      /* set: with so many bytes the call can do */
    char message[240]; /* set: what has gone wrong, or "" */
}} {name}_context;

{self._memory(needs)}
{initial}
/* Arrays are in C order.  What is written must not overlap anything else.  After a failure results
 * are undefined, and states as they were.  `context` may be NULL: no message is given then.
 *
{about}
 */
{_wrapped(self._signature())};

#ifdef __cplusplus
}}
#endif
#endif
"""

    def _memory(self, needs: Needs | None) -> str:
        """Return what a header says of the size of the workspace."""
        upper = self.name.upper()
        if needs is None:
            return "/* The size of a workspace depends on values: after a call `used` says it. */"
        if not needs.more:
            return (
                "/* How many bytes a workspace must have. */\n"
                f"#define {upper}_WORKSPACE {needs.constant}"
            )
        return (
            "/* How many bytes a workspace must have for arguments of these extents. */\n"
            f"{_wrapped(self._workspace())};"
        )

    def _workspace(self) -> str:
        names = [f"int64_t {n}" for p in self.arguments for n in p.extents]
        return f"int64_t {self.name}_workspace({', '.join(names)})"

    # the source ---------------------------------------------------------------------------------
    def workspace(self, needs: Needs | None) -> str:
        """Return the definition of what tells how large a workspace must be."""
        if needs is None or not needs.more:
            return ""
        unused = ", ".join(f"(void){n}" for p in self.arguments for n in p.extents)
        total = "\n        + ".join([str(needs.constant), *needs.more])
        return f"{_wrapped(self._workspace())} {{\n    {unused};\n    return {total};\n}}\n"

    def initial_values(self) -> str:
        """Return the definitions of what states start with."""
        found: list[str] = []
        for p, state in zip(self.states, self.given.states, strict=True):
            assert state.initial is not None
            name = f"{self.name}_initial_{p.name}"
            found.append(definition(name, _as_plain(state.initial), ""))
        return "\n".join(found)

    def wrapper(self) -> str:
        """Return the definition of the function that is offered."""
        passed = [*self.arguments, *self.states]
        refused = [
            f"gc_argument(&gc_r, {quoted(p.name)}, {p.name}, {len(p.shape)}, {_extents(p)})"
            for p in passed
            if not _is_number(p) or p in self.states
        ]
        inputs = ",\n        ".join(
            f"{{(void *){'&' if _is_number(p) and p not in self.states else ''}{p.name}, "
            f"{_extents(p)}, 0}}"
            for p in passed
        )
        results = ",\n        ".join(
            [self._row(p) for p in self.results] + [_state_row(p) for p in self.states]
        )
        lines = [
            f"{self.name}_context gc_own = {{0}};",
            f"gc_result gc_results[] = {{\n        {results or '{0}'}}};",
            "gc_run gc_r;",
            "gc_begin(&gc_r, context ? context : &gc_own, gc_results);",
            *(f"if ({text})\n        return gc_end(&gc_r, gc_r.status);" for text in refused),
            f"const gc_array gc_inputs[] = {{\n        {inputs or '{0, 0, 0}'}}};",
            "const int32_t gc_status = gc_entry(&gc_r.call, gc_inputs);",
        ]
        if self.states:
            lines.append("if (!gc_status) {")
            for k, p in enumerate(self.states, len(self.results)):
                size = p.elements * np.dtype(p.dtype).itemsize
                if size:
                    lines.append(f"    memcpy({p.name}, gc_results[{k}].data, {size});")
            lines.append("}")
        lines.append("return gc_end(&gc_r, gc_status);")
        body = "\n".join(f"    {line}" for line in lines)
        return f"{_wrapped(self._signature())} {{\n{body}\n}}\n"

    def _row(self, p: SignaturePart) -> str:
        """Return the fields of a `gc_result` that goes to the caller."""
        room, shape = str(p.elements), "0"
        if None in p.shape:
            room, shape = (text.rpartition(" ")[2].strip("*") for text in p.texts[1:])
        size = np.dtype(p.dtype).itemsize
        return f"{{{quoted(p.name)}, {p.name}, {room}, {shape}, 0, {len(p.shape)}, {size}}}"

    # the build ----------------------------------------------------------------------------------
    def build(self) -> str:
        """Return the CMakeLists.txt."""
        name, upper = self.name, self.name.upper()
        return f"""cmake_minimum_required(VERSION 3.13)
project({name} C)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release)
endif()
option({upper}_CBLAS "Compute large products of matrices by CBLAS" OFF)
option({upper}_NO_MALLOC "Take memory from the workspace alone" OFF)

add_library({name} {name}.c)
target_include_directories({name} PUBLIC ${{CMAKE_CURRENT_SOURCE_DIR}})
set_target_properties({name} PROPERTIES
  C_STANDARD 11 C_STANDARD_REQUIRED ON C_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON)
if(CMAKE_C_COMPILER_ID MATCHES "GNU|Clang")
  target_compile_options({name} PRIVATE {FLAGS})
endif()
if(UNIX)
  target_link_libraries({name} PUBLIC m)
endif()
if({upper}_CBLAS)
  find_package(BLAS REQUIRED)
  target_compile_definitions({name} PRIVATE {upper}_CBLAS)
  target_link_libraries({name} PUBLIC ${{BLAS_LIBRARIES}})
endif()
if({upper}_NO_MALLOC)
  target_compile_definitions({name} PRIVATE {upper}_NO_MALLOC)
endif()
"""


# texts ------------------------------------------------------------------------------------------
def _plain(dtype: str) -> str:
    """Return the C type in a signature; a complex number is two of it."""
    return DTYPES[DTYPES[dtype].part].ctype


def _array(dtype: str, extents: Sequence[str]) -> str:
    kind = DTYPES[dtype].kind
    more = ["2"] if kind == "complex" else []
    what = {"complex": "complex: real and imaginary parts", "bool": "0 or 1"}.get(kind, dtype)
    return f"{what}, {''.join(f'[{n}]' for n in (*extents, *more)) or 'one number'}"


def _returned(p: SignaturePart, shape: Sequence[str | None]) -> str:
    """Return what a header says of a result."""
    text = f"result: {_array(p.dtype, [n or '?' for n in shape])}"
    if None not in p.shape:
        return text
    room, extents = (text.rpartition(" ")[2].strip("*") for text in p.texts[1:])
    return f"{text}; there is room for {room} elements; its extents go to {extents}, or NULL"


def _is_number(p: SignaturePart) -> bool:
    return not p.shape and not p.is_complex


def _numbers(p: SignaturePart) -> int:
    return max(p.elements * (1 + p.is_complex), 1)


def _as_plain(value: Array) -> Array:
    """Return an array whose elements have the type that the signature has."""
    if value.dtype.kind == "c":
        return np.ascontiguousarray(value).reshape(-1).view(value.real.dtype)
    return value


def _extents(p: SignaturePart) -> str:
    """Return the extents of an argument as an array in C, or 0."""
    if not p.shape:
        return "0"
    rest = iter(p.extents)
    listed = ", ".join(next(rest) if n is None else str(n) for n in p.shape)
    return f"(const int64_t[]){{{listed}}}"


def _state_row(p: SignaturePart) -> str:
    """Return the fields of a `gc_result` that is a new value of a state."""
    size = np.dtype(p.dtype).itemsize
    fixed = _extents(p) if p.shape else "(const int64_t[]){0}"
    return f"{{{quoted(p.name)}, 0, 0, 0, {fixed}, {len(p.shape)}, {size}}}"


def _wrapped(signature: str) -> str:
    """Return a signature in lines of a hundred columns at most."""
    head, _, rest = signature.partition("(")
    lines, line = [f"{head}("], ""
    for text in rest.removesuffix(")").split(", "):
        if line and len(line) + len(text) > 92:
            lines.append(f"    {line.rstrip()}")
            line = ""
        line += f"{text}, "
    lines.append(f"    {line.removesuffix(', ')})")
    whole = " ".join(part.strip() for part in lines).replace("( ", "(")
    return whole if len(whole) <= 98 else "\n".join(lines)
