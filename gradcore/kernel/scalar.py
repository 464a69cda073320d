"""The scalar code of elementwise ops: C text, and the functions that it calls.

An op says its code in C with a few words more: ``{0}`` is an operand in the dtype in which the op
takes it, ``{0:wrap}`` the same where integers must wrap instead of overflow, and ``@exp`` the
function ``exp`` for that dtype.  A mapping gives code by kind: bool, uint, int, float; a kind that
is not there has the code of the next one.  An op may say how it is written with other ops instead,
and is replaced by its ``expansion`` in programs (`gradcore.kernel.ir.call`).  float16 is computed
in float and rounded after every operation, as NumPy does.

The decision: one declaration on the op serves every renderer of C-like text, and the functions
behind it are C too (``mathematics.h``), branch-free, so that the compiler vectorizes the loops
that they are inlined in; special functions branch (``special_*.h``), and those of floats round what
those of doubles return.  A renderer with functions of its own (CUDA's ``exp``) prints those
names instead.  Sine, cosine and tangent alone are libm's: huge arguments need more than a loop
without branches can hold, and glibc has vector forms that know them; elsewhere they run element by
element.  Rejected: that library for all, as it is one platform's, and a loop's last elements would
differ from its first; own sines that call a vector function of their own for huge arguments, which
cost twice as much; a table of code a backend, where a new op would need an edit in each.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np

from gradcore.dtypes import COMPLEX, DTYPES, FLOATS, computed
from gradcore.kernel.ir import Call, Symbol, call, parts
from gradcore.ops.elementwise import CALLED, Elementwise

HEADERS = (
    "mathematics.h", "special_gamma.h", "special_incomplete.h", "special_beta.h",
    "special_normal.h", "special_bessel.h", "special_orders.h", "special_other.h",
)  # fmt: skip
"""Where functions are defined, and what each function of another header may call."""

LIBRARY = frozenset({"ceil", "fabs", "floor", "rint", "sqrt", "trunc"})
"""Functions of C that are one instruction."""

KINDS = ("bool", "uint", "int", "float", "complex")

_NAME = re.compile(r"\b(?:gc|GC)_\w+")
_DEFINED = re.compile(
    r"^static .*?\b(gc_\w+)\(|^#define (GC_\w+)|^typedef .*\b(gc_\w+);", re.MULTILINE
)
_SIMPLE = re.compile(r"\w+|\w+\([^()]*\)")
_STORED = re.compile(r"\d+|\w+\[[^\[\]]*\]")
"""A literal or an element of an array: what no comparison has just made."""


def _wrapping(dtype: str) -> str | None:
    """Return the unsigned C type that integers of ``dtype`` wrap in; None for floats."""
    if dtype in FLOATS:
        return None
    return "uint64_t" if DTYPES[dtype].bits == 64 else "uint32_t"


def converted(text: str, given: str, wanted: str, names: set[str]) -> str:
    """Return C text for ``text``, of dtype ``given``, converted to dtype ``wanted``.

    names : gets the functions that it calls.
    """
    if given == wanted:
        return text
    if given == "bool" and wanted in FLOATS and not _STORED.fullmatch(text):
        name = f"gc_indicator_{DTYPES[computed(wanted)].code}"
        names.add(name)
        cast = f"({DTYPES[wanted].ctype})" if computed(wanted) != wanted else ""
        return f"{cast}{name}({text})"
    text = text if re.fullmatch(r"-?\w[\w.]*|\w+\([^()]*\)", text) else f"({text})"
    if wanted == "bool":
        return f"{text} != 0"
    if computed(wanted) != wanted and DTYPES[given].is_whole:
        return f"({DTYPES[wanted].ctype})({DTYPES[computed(wanted)].ctype}){text}"
    if given in FLOATS and wanted == "uint64":
        return f"({text} <= 0 ? (uint64_t)(int64_t){text} : (uint64_t){text})"  # negative ones wrap
    if given in FLOATS and wanted not in FLOATS:
        through = _through(wanted)
        # as a float again, gcc makes it trunc(x), which is -0 for -1 < x < 0
        text = text if through else f"({text} > -1 && {text} <= 0 ? 0 : {text})"
        return f"({DTYPES[wanted].ctype}){through}{text}"
    return f"({DTYPES[wanted].ctype}){text}"


def _through(wanted: str) -> str:
    """Return the cast in which floats become narrow integers: out of range, these wrap."""
    known = DTYPES[wanted]
    if known.bits < 32:
        return "(int32_t)"
    return "(int64_t)" if (known.kind, known.bits) == ("uint", 32) else ""


@dataclass(frozen=True)
class _Operand:
    """An operand in an op's code: C text and dtype, for the fields ``{0}`` and ``{0:wrap}``."""

    text: str
    dtype: str

    def __format__(self, how: str) -> str:
        """Return the text, to stand anywhere in an expression."""
        text = f"({self.text})" if self.text.startswith("-") else self.text
        unsigned = _wrapping(self.dtype)
        return f"({unsigned}){text}" if how == "wrap" and unsigned else text


# ops --------------------------------------------------------------------------------------------
def expression(
    op: Elementwise, given: Sequence[str], result: str, operands: Sequence[str]
) -> tuple[str, frozenset[str]]:
    """Return C text for an op, of the C type of ``result``, and the functions that it calls.

    given : the dtypes of the operands; ``result`` is that of the result.
    operands : their C texts, names or literals, of the C types of ``given``.

    The text is not in parentheses.  It may repeat an operand.

    >>> from gradcore.ops.elementwise import entry
    >>> expression(entry("softplus"), ["float32"], "float32", ["x[i]"])
    ('gc_softplus_f32(x[i])', frozenset({'gc_softplus_f32'}))
    """
    code, taken = _code(op, tuple(given), result)
    dtype = taken[-1]
    names: set[str] = set()
    words: list[_Operand] = []
    for text, have, want in zip(operands, given, taken, strict=True):
        if want == _EXACT:
            words.append(_Operand(f"({_EXACT}){text}", have))
        else:
            words.append(_Operand(converted(text, have, want, names), want))

    def called(match: re.Match[str]) -> str:
        name = _function(match[1], dtype)
        if name.startswith("gc_"):
            names.add(name)
        return name

    text = CALLED.sub(called, code.format(*words))
    if dtype in COMPLEX:
        dtype = DTYPES[dtype].part
    if result == "bool" or DTYPES[result].kind == "complex":
        return text, frozenset(names)
    if result in FLOATS:
        return converted(text, dtype, result, names), frozenset(names)
    if dtype == result and _SIMPLE.fullmatch(text):
        return text, frozenset(names)
    if dtype in FLOATS:
        return converted(text, dtype, result, names), frozenset(names)
    plain = text if re.fullmatch(r"-?\w+", text) else f"({text})"
    return f"({DTYPES[result].ctype}){plain}", frozenset(names)


def lacks(op: Elementwise, given: Sequence[str], result: str) -> str | None:
    """Return why kernels cannot have an op on these dtypes, as a sentence; None if they can.

    An op without code can be had if all ops can of which its expansion is made.
    """
    if op.code is None and op.expansion is None:
        return (
            f"{op.name} has no scalar code: its declaration gives neither `expansion=`, "
            "the function written with other ops, nor `code=`"
        )
    unknown = [dtype for dtype in (*given, result) if not DTYPES[dtype].ctype]
    if unknown:
        return f"{op.name} has no scalar code for {unknown[0]}"
    if op.code is None:
        made = call(op, [Symbol("x", dtype) for dtype in given], result)
        calls = (x for x in parts(made) if isinstance(x, Call))
        found = (lacks(x.op, [y.dtype for y in x.operands], x.dtype) for x in calls)
        return next((reason for reason in found if reason is not None), None)
    code, taken = _code(op, tuple(given), result)
    for name in CALLED.findall(code):
        if not _known(name, taken[-1]):
            return f"{op.name} calls @{name}, and there is no such function for {taken[-1]}"
    return None


_EXACT = "__int128"


@functools.lru_cache(maxsize=4096)
def _code(op: Elementwise, given: tuple[str, ...], result: str) -> tuple[str, list[str]]:
    """Return the code of an entry, and the types in which it takes its operands."""
    taken = [computed(dtype) for dtype in op.takes(given, result)]
    if result == "bool" and "float64" in taken and not set(given) & set(FLOATS):
        # Signed and unsigned integers of 64 bits: NumPy compares them as they are, not as floats.
        taken = [_EXACT if dtype == "float64" else dtype for dtype in taken]
    if op.code is None:
        raise LookupError(f"{op.name} has no code of its own")
    if isinstance(op.code, str):
        return op.code, taken
    kind = "int" if taken[-1] == _EXACT else DTYPES[taken[-1]].kind
    found = next(k for k in KINDS[KINDS.index(kind) :] if k in op.code)
    return op.code[found], taken


# literals ---------------------------------------------------------------------------------------
def literal(value: Any, dtype: str) -> str:
    """Return C text for a number as ``dtype``; a decimal number is read back exactly.

    >>> literal(0.1, "float32"), literal(-(2**63), "int64"), literal(float("nan"), "float64")
    ('0.1f', 'INT64_MIN', '(double)NAN')
    """
    if dtype == "bool":
        return str(int(bool(value)))
    if dtype not in FLOATS:
        return _whole(int(value), dtype)
    number: Any = np.dtype(dtype).type(value)
    exact = np.dtype(computed(dtype)).type(number)
    if np.isfinite(exact):
        text = f"{exact.item()!r}" if dtype == "float64" else f"{_shortest(exact)}f"
    else:
        text = "NAN" if np.isnan(exact) else "-INFINITY" if exact < 0 else "INFINITY"
        text = f"({DTYPES[dtype].ctype}){text}" if dtype == "float64" else text
    return text if computed(dtype) == dtype else f"({DTYPES[dtype].ctype}){text}"


def _shortest(number: np.float32) -> str:
    text = str(number)
    return text if set(text) & set(".e") else f"{text}.0"


def _whole(number: int, dtype: str) -> str:
    known = DTYPES[dtype]
    low, high = known.limits
    if not low <= number <= high:
        raise ValueError(f"{number} is not of dtype {dtype}")
    if number == low and known.kind == "int":
        return f"{dtype.upper()}_MIN"
    if known.kind == "uint" and known.bits >= 32:
        return f"{number}U"
    return str(number)


# functions --------------------------------------------------------------------------------------
_CODES = {known.code: known for known in DTYPES.values() if known.kind != "bool" and known.code}


def _function(name: str, dtype: str) -> str:
    """Return what the function ``name`` is called for ``dtype``."""
    known = DTYPES[dtype]
    if name in LIBRARY and known.libm is not None:
        return f"{name}{known.libm}"
    return f"gc_{name}_{known.code}"


def _known(name: str, dtype: str) -> bool:
    called = _function(name, dtype)
    return not called.startswith("gc_") or _source(called) is not None


@functools.cache
def _items() -> dict[str, str]:
    """Return the definitions of the headers by name; "" is what they all need."""
    folder = resources.files("gradcore.kernel")
    texts = [folder.joinpath(name).read_text("utf-8") for name in HEADERS]
    (_about, needed, *rest), *others = (re.split(r"\n\n+", text.strip()) for text in texts)
    found = {"": needed}
    for item in itertools.chain(rest, *(items[1:] for items in others)):
        if item.startswith("/* -- "):  # a heading
            continue
        name = _DEFINED.search(item)
        assert name is not None, item
        found[name[1] or name[2] or name[3]] = item
    return found


def _source(name: str) -> str | None:
    """Return the definition of a function: its own, or the one for every TYPE."""
    items = _items()
    if name in items:
        return items[name]
    stem, _, suffix = name.rpartition("_")
    if suffix == "f32" and f"{stem}_f64" in items:
        return _rounded(stem, items[f"{stem}_f64"])
    item = items.get(f"{stem}_TYPE")
    if item is None or suffix not in _CODES:
        return None
    known = _CODES[suffix]
    item = re.sub(r"\b(gc_\w+)_TYPE\b", rf"\1_{suffix}", item)
    item = re.sub(r"\b(\w+)_TYPE\b", rf"\1{known.libm or ''}", item)
    item = re.sub(r"\bUTYPE\b", _wrapping(known.name) or known.ctype, item)
    return re.sub(r"\bTYPE\b", known.ctype, item)


def _rounded(stem: str, item: str) -> str:
    """Return the function of floats that rounds what the one of doubles, ``item``, returns.

    >>> print(_rounded("gc_f", "static inline double gc_f_f64(double x, double y) {"))
    static inline float gc_f_f32(float x, float y) {
        return (float)gc_f_f64(x, y);
    }
    """
    signature = re.search(rf"\b{stem}_f64\((.*?)\) {{", item, re.DOTALL)
    assert signature is not None, item
    operands = re.findall(r"double (\w+)", signature[1])
    given = ", ".join(f"float {name}" for name in operands)
    return (
        f"static inline float {stem}_f32({given}) {{\n"
        f"    return (float){stem}_f64({', '.join(operands)});\n}}"
    )


def preamble(names: Iterable[str], includes: bool = True) -> str:
    """Return the definitions of functions and of what they call, each once and in order.

    includes : whether they stand behind what they need of C's own headers.
    """
    done: dict[str, str] = {"": _items()[""]} if includes else {}
    for name in sorted(names):
        _collect(name, done)
    return "\n\n".join(done.values()) + "\n"


def _collect(name: str, done: dict[str, str]) -> None:
    if name in done:
        return
    source = _source(name)
    if source is None:
        raise LookupError(f"there is no function {name}")
    for used in dict.fromkeys(_NAME.findall(source)):
        if used != name:
            _collect(used, done)
    done[name] = source
