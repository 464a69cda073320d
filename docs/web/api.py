"""Writes the pages of the reference, in MyST, from the public names and their docstrings.

A page has the names of some modules.  Each name is an object of Sphinx's Python domain, so that
other pages, and other projects, can link to it; what it says is its docstring, and of an
elementwise op also what the op declares.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import public
from public import Name, Plain

from gradcore import tensor
from gradcore.config import config
from gradcore.ops.catalogue import catalogue
from gradcore.ops.elementwise import Elementwise, discrete, first_as_given, integral, words
from gradcore.reference import entry as declared
from gradcore.tensor.constructors import Constructor, Plural
from gradcore.tensor.sparse.structured import OfElements


@dataclass(frozen=True)
class Page:
    """A page: its file, its title, and the modules whose names it has (with a `.`: a package)."""

    path: str
    title: str
    homes: tuple[str, ...]


T = "gradcore.tensor."
WITH_A_NUMBER = ("structured_add", "structured_maximum", "structured_minimum", "structured_pow")
"""Functions of the elements of a sparse matrix that take a number, too."""

PAGES = (
    Page("functions", "Functions, modes, shared variables", (
        "gradcore.compile.function", "gradcore.compile.arguments", "gradcore.mode",
        "gradcore.config", "gradcore.shared", "gradcore.serialization", "gradcore.exporting",
        "gradcore.compile.", "gradcore.inventory")),
    Page("derivatives", "Derivatives", (
        "gradcore.gradient.modes", "gradcore.gradient.matrices", "gradcore.gradient.sparse",
        "gradcore.gradient.marks", "gradcore.gradient.custom", "gradcore.gradient.")),
    Page("loops", "Loops and branches", ("gradcore.scan.", f"{T}control")),
    Page("graphs", "Graphs", (
        "gradcore.graph.nodes", "gradcore.graph.", "gradcore.batching.", "gradcore.printing",
        "gradcore.viewing.", "gradcore.python_functions", "gradcore.ops.control")),
    Page("variables", "Variables and constants", (
        f"{T}constructors", f"{T}array_api", "gradcore.tensor")),
    Page("elementwise", "Elementwise functions", (
        "gradcore.ops.scalars", "gradcore.ops.complexes", f"{T}elementwise", f"{T}logic",
        f"{T}complexes")),
    Page("shapes", "Creating, shaping, joining", (
        f"{T}creation", f"{T}shapes", f"{T}repeats", f"{T}stacking", f"{T}axes", f"{T}editing",
        f"{T}padding", f"{T}grids")),
    Page("reductions", "Reductions and statistics", (
        f"{T}reductions", f"{T}cumulative", f"{T}nans", f"{T}statistics", f"{T}histograms")),
    Page("indexing", "Indexing, sorting, searching, sets", (
        f"{T}indexing", f"{T}searching", f"{T}segments", f"{T}sets")),
    Page("products", "Products, polynomials, signals", (
        f"{T}products", f"{T}signals", f"{T}polynomials", f"{T}interpolation", f"{T}tapers")),
    Page("linalg", "Linear algebra: T.linalg", (f"{T}linalg.", f"{T}slinalg")),
    Page("special", "Special functions: T.special", (
        "gradcore.ops.special", "gradcore.ops.special_bessel", "gradcore.ops.special_gamma",
        "gradcore.ops.special_normal", "gradcore.ops.special_other", f"{T}special")),
    Page("random", "Random draws: T.random", (f"{T}random.", f"{T}shared_randomstreams")),
    Page("nn", "Networks: T.nn", (f"{T}nn.", f"{T}nnet")),
    Page("sparse", "Sparse matrices: T.sparse", (f"{T}sparse.",)),
    Page("fft", "Fourier transforms: T.fft", (f"{T}fft", f"{T}transforms")),
    Page("optimize", "Functions for optimizers", ("gradcore.optimize.",)),
    Page("chunks", "Batches in chunks, several machines", (
        "gradcore.summing.", "gradcore.distributed.")),
    Page("errors", "Errors and warnings", ("gradcore.errors",)),
    Page("theano", "Programs for Theano", ("gradcore.theano.",)),
)  # fmt: skip
"""The pages for users, in their order."""


def is_of(module: str, home: str) -> bool:
    """Return whether a module is one of a page: that itself, or of a package that ends in `.`."""
    return module == home.rstrip(".") or (home[-1] == "." and module.startswith(home))


def page_of(name: Name) -> Page:
    """Return the page of a name for users."""
    for page in PAGES:
        if any(is_of(name.home, home) for home in page.homes):
            return page
    raise KeyError(f"{name.full}, of {name.home}, has no page: add its module to PAGES")


# links ------------------------------------------------------------------------------------------
@functools.cache
def targets() -> dict[str, str]:
    """Return what can stand for a name in text, and the full name that it links to."""
    found: dict[str, str] = {}
    for name in (*public.names(), *public.contract()):
        for full in (name.full, *name.others):
            found.setdefault(full, name.full)
            if full.startswith(T):
                found.setdefault(f"T.{full.removeprefix(T)}", name.full)
    return found


@functools.cache
def short_targets(room: str) -> dict[str, str]:
    """Return the same for bare names, those of ``room`` first."""
    entries = (*public.names(), *public.contract())
    ordered = sorted(entries, key=lambda name: name.room != room)
    found: dict[str, str] = {}
    for name in ordered:
        found.setdefault(name.name, name.full)
    return found


@functools.cache
def classes() -> dict[str, str]:
    """Return the public classes by their bare names, as annotations have them."""
    every = (*public.names(), *public.contract())
    return {name.name: name.full for name in every if isinstance(name.value, type)}


def linked(text: str, room: str | None = None) -> str:
    """Return a line of prose whose public names in backticks are links.

    room : in a docstring, the module of the name: there, bare names in single backticks are links.
    """
    bare = short_targets(room) if room else {}

    def link(match: re.Match[str]) -> str:
        shown = match[1]
        full = targets().get(shown) or bare.get(shown)
        return f"{{py:obj}}`{shown} <{full}>`" if full else match[0]

    return re.sub(r"(?<![`\]}])`([A-Za-z_][\w.]*)`(?![`\]])", link, text)


# docstrings -------------------------------------------------------------------------------------
ARGUMENT = re.compile(r"(\*{0,2}\w+(?:, \*{0,2}\w+)*) : (.*)")


def markdown(doc: str, room: str) -> Iterator[str]:
    """Yield the lines of a docstring in MyST: snippets fenced, lists of arguments as lists."""
    for paragraph in filter(None, re.split(r"\n\s*\n", doc.strip("\n"))):
        lines = paragraph.splitlines()
        if lines[0].lstrip().startswith(">>>"):
            yield from ("```python", *lines, "```")
        elif lines[0].startswith("    "):
            yield from ("```text", *(line.removeprefix("    ") for line in lines), "```")
        elif ARGUMENT.match(lines[0]):
            yield from _arguments(lines, room)
        else:
            yield from (linked(_escaped(line), room) for line in lines)
        yield ""


def _arguments(lines: Sequence[str], room: str) -> Iterator[str]:
    for line in lines:
        match = ARGUMENT.match(line)
        if match:
            names = ", ".join(f"`{n.strip()}`" for n in match[1].split(","))
            yield f"- {names}: {linked(_escaped(match[2]), room)}"
        else:
            yield f"  {linked(_escaped(line.strip()), room)}"


def _escaped(line: str) -> str:
    """Return a line in which stars outside of code are stars."""
    parts = re.split(r"(``.*?``|`[^`]*`)", line)
    parts[::2] = [re.sub(r"([*<])", r"\\\1", part) for part in parts[::2]]
    return "".join(parts)


# names ------------------------------------------------------------------------------------------
def signature(value: Any) -> str:
    """Return the arguments of a callable, with their types as they are written."""
    try:
        found = inspect.signature(value)
    except (TypeError, ValueError):
        return ""
    if isinstance(value, type):
        found = found.replace(return_annotation=inspect.Signature.empty)
    text = re.sub(r"ForwardRef\(('[^']*')\)", r"\1", str(found))
    return re.sub(r"(?<=: )'([^']*)'|(?<=-> )'([^']*)'", lambda m: m[1] or m[2], text)


def described(name: Name) -> Iterator[str]:
    """Yield the object of a name."""
    value = name.value
    if isinstance(value, Elementwise):
        operands = ", ".join("xyzuvw"[: value.operands])
        yield from _object("function", name, f"({operands})", _row(name))
    elif isinstance(value, Plain) or not name.is_own:
        said = markdown(name.doc, name.home)
        yield from _object("data", name, "", [f"`{value!r}`", "", *said])
    elif isinstance(value, type):
        yield from _object("class", name, signature(value), _class(name))
    elif isinstance(value, OfElements):
        example = ["```python", *elements_example(name), "```"]
        yield from _object("function", name, signature(value), (name.doc, "", *example))
    elif callable(value):
        yield from _object("function", name, signature(value), markdown(name.doc, name.home))
    else:
        yield from _object("data", name, "", markdown(name.doc, name.home))


def _object(kind: str, name: Name, arguments: str, body: Any) -> Iterator[str]:
    room, _, last = name.full.rpartition(".")
    yield f"`````{{py:{kind}}} {last}{arguments}"
    yield f":module: {room}"
    yield ""
    if name.others:
        yield "Also called " + ", ".join(f"`{full}`" for full in name.others) + "."
        yield ""
    yield from body
    yield "`````"
    yield ""


def _row(name: Name) -> Iterator[str]:
    lines = declared(name.value).splitlines()[2:]
    yield from (linked(_escaped(line)) for line in lines)
    yield ""
    yield from ("```python", *row_example(name), "```")


def row_example(name: Name) -> list[str]:
    """Return an elementwise op at work, on numbers from where it is smooth."""
    op: Elementwise = name.value
    whole = op.result in (discrete, first_as_given, integral, words)
    operands: list[list[Any]] = [_three(low, high, whole) for low, high in op.domain]
    if op.takes is first_as_given:  # a condition
        operands[0] = [True, False, True]
    with config.change_flags(mode="numpy"):
        found = op(*map(np.array, operands)).eval()
    word = name.full.replace(T, "T.")
    return [f">>> {word}({', '.join(map(str, operands))}).eval()", *repr(found).splitlines()]


def elements_example(name: Name) -> list[str]:
    """Return a function of the elements of a sparse matrix at work."""
    word = name.full.replace(T, "T.")
    others = ", 2" if name.name in WITH_A_NUMBER else ""
    matrix = tensor.sparse.csr_from_dense([[0.0, 0.5], [0.25, 0.0]])
    with config.change_flags(mode="numpy"):
        found = name.value(matrix, *[2] * bool(others)).toarray().eval()
    return [
        ">>> a = T.sparse.csr_from_dense([[0.0, 0.5], [0.25, 0.0]])",
        f">>> {word}(a{others}).toarray().eval()",
        *repr(found).splitlines(),
    ]


def _three(low: float, high: float, whole: bool) -> list[float]:
    """Return three numbers within an interval."""
    places = [low + (high - low) * part for part in (0.25, 0.5, 0.75)]
    return [round(p) if whole else round(p, 2) for p in places]


def _class(name: Name) -> Iterator[str]:
    yield from markdown(name.doc, name.home)
    if name.value in catalogue():
        yield from (f"[What it declares](ops.md#{name.name.lower()}), with samples.", "")
    for member, value in vars(name.value).items():
        if member[0] == "_" or not _own_doc(value):
            continue
        function = value.__func__ if isinstance(value, classmethod | staticmethod) else value
        attribute = isinstance(value, property | functools.cached_property)
        arguments = "" if attribute else re.sub(r"\((self|cls)(, )?", "(", signature(function))
        yield f"````{{py:{'attribute' if attribute else 'method'}}} {member}{arguments}"
        yield ""
        yield from markdown(inspect.getdoc(function) or "", name.home)
        yield "````"
        yield ""


def _own_doc(value: Any) -> bool:
    kinds = (property, functools.cached_property, classmethod, staticmethod)
    return bool(getattr(value, "__doc__", None)) and (
        inspect.isfunction(value) or isinstance(value, kinds)
    )


# pages ------------------------------------------------------------------------------------------
def reference() -> dict[str, str]:
    """Return the pages of the reference, by their paths."""
    every: dict[str, list[Name]] = {page.path: [] for page in PAGES}
    for name in public.names():
        every[page_of(name).path].append(name)
    found = {f"reference/{page.path}.md": _page(page, every[page.path]) for page in PAGES}
    found["reference/contract.md"] = "\n".join(_contract())
    found["reference/names.md"] = "\n".join(_all_names())
    return found


def _page(page: Page, entries: Sequence[Name]) -> str:
    constructors = [e for e in entries if isinstance(e.value, Constructor | Plural)]
    rest = [e for e in entries if e not in constructors]
    lines = [f"# {page.title}", ""]
    homes = sorted({e.home for e in rest}, key=lambda home: (_place(page, home), home))
    for home in homes:
        lines += [f"## {_subject(home)}", ""] if len(homes) > 1 else []
        for e in rest:
            if e.home == home:
                lines += described(e)
    if constructors:
        lines += _constructors(constructors)
    return "\n".join(lines)


def _place(page: Page, home: str) -> int:
    """Return which of the modules of a page one is, or is a part of."""
    return next(k for k, of in enumerate(page.homes) if is_of(home, of))


TITLES = {
    "gradcore.compile.function": "Compiled functions",
    "gradcore.compile.monitor": "Looking at each node",
    "gradcore.compile.embedding": "Inside programs of JAX and torch",
    "gradcore.compile.rebuild": "Copies with replacements",
    "gradcore.config": "Settings",
    "gradcore.inventory": "What works here",
    "gradcore.gradient.marks": "Places where derivatives stop or change",
    "gradcore.gradient.modes": "Gradients and products",
    "gradcore.gradient.matrices": "Jacobians and Hessians",
    "gradcore.gradient.sparse": "Sparse Jacobians and Hessians",
    "gradcore.gradient.custom": "Derivatives of your own, and checkpoints",
    "gradcore.gradient.verify": "Checks by differences",
    "gradcore.gradient.from_graphs": "Functions of graphs as ops",
    "gradcore.graph.nodes": "Variables, nodes and ops",
    "gradcore.graph.types": "Types",
    "gradcore.batching.functions": "Functions of single values, vectorized",
    "gradcore.ops.scalars": "Arithmetic, functions, comparisons",
    "gradcore.ops.complexes": "Complex numbers",
    "gradcore.ops.control": "Printing",
    "gradcore.tensor": "Constants and dtypes",
    "gradcore.tensor.array_api": "Arrays and dtypes, as in the array API",
    "gradcore.tensor.elementwise": "Casts, choices, closeness",
    "gradcore.tensor.logic": "Logic, signs and remainders",
    "gradcore.tensor.indexing": "Indices, and elements set at them",
    "gradcore.tensor.transforms": "Transforms",
    "gradcore.tensor.sparse.matrix": "Sparse variables",
    "gradcore.tensor.random.continuous": "Continuous draws",
    "gradcore.tensor.random.discrete": "Integers and booleans",
    "gradcore.tensor.random.vectors": "Vectors and directions",
    "gradcore.tensor.special": "Short expressions",
}
"""Headings of modules, where the first sentence of the docstring is for people who change them."""


def _subject(home: str) -> str:
    """Return the heading of what a module has."""
    doc = inspect.getdoc(importlib.import_module(home)) or ""
    first = " ".join(doc.split("\n\n", maxsplit=1)[0].split()).replace("``", "`")
    return TITLES.get(home) or re.split(r"[:.;](?= |$)|, (?:by|as|a row|of which) ", first)[0]


def _constructors(entries: Sequence[Name]) -> Iterator[str]:
    """Yield the constructors of variables: a table, and each as an object."""
    yield from ("## Constructors by dtype and rank", "")
    yield "Each takes a name, and makes a variable; those in the plural take several, and make a"
    yield "list of as many. Without a letter the dtype is `config.floatX`."
    yield ""
    yield from ("```python", '>>> T.dmatrix("A").type, T.fvectors("x", "y")[0].type')
    yield "(TensorType(float64, matrix), TensorType(float32, vector))"
    yield from ("```", "")
    for e in entries:
        one = e.value.one if isinstance(e.value, Plural) else e.value
        extents = ", ".join("?" if n is None else str(n) for n in one.shape)
        shape = f"({extents}{',' * (len(one.shape) == 1)})"
        what = "variables" if isinstance(e.value, Plural) else "a variable"
        said = f"Returns {what} of {one.dtype or '`config.floatX`'}, of shape `{shape}`."
        arguments = "(*names)" if isinstance(e.value, Plural) else "(name=None)"
        yield from _object("function", e, arguments, [said])


def _contract() -> Iterator[str]:
    yield from ("# The plugin contract", "")
    yield "Names on which plugins may rely, beside those for users; the section"
    yield "[what is stable](../howto/backend.md#what-is-stable) says how long, and has the list."
    yield ""
    entries = public.contract()
    for room in dict.fromkeys(e.room for e in entries):
        yield from (f"## `{room}`", "")
        doc = inspect.getdoc(importlib.import_module(room)) or ""
        yield from markdown(doc.split("\n\n", maxsplit=1)[0], room)
        for e in entries:
            if e.room == room:
                yield from described(e)


def _all_names() -> Iterator[str]:
    """Yield an index of all names, by module."""
    yield from ("# All names", "")
    yield f"{len(public.names())} values have public names for users."
    yield ""
    for room in public.ROOMS:
        full = [n for e in public.names() for n in (e.full, *e.others)]
        here = sorted(n for n in full if n.rpartition(".")[0] == room)
        yield from (f"## `{room}`", "")
        yield " · ".join(f"{{py:obj}}`{n.rpartition('.')[2]} <{targets()[n]}>`" for n in here)
        yield ""
