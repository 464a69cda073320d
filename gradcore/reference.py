"""The op reference: what each op declares, for people who write kernels for it.

Nothing in it is written by hand: an entry is what the op says to the typing, the derivatives, the
backends and the tests, in Markdown.  ``docs/ops.md`` has the ops of the core; ``gradcore ops``
prints the entry of any op, those of plugins too.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from gradcore.derive import direction_dtype
from gradcore.derive.masks import Guarded, Masked
from gradcore.errors import GradcoreError
from gradcore.graph import (
    UNKNOWN,
    ZERO,
    Apply,
    Constant,
    Op,
    Operand,
    TensorType,
    Undefined,
    Variable,
)
from gradcore.graph.nodes import constant_extent
from gradcore.graph.op import Arg, Sample
from gradcore.graph.types import COMPLEX, DISCRETE, FLOATS
from gradcore.ops.elementwise import Elementwise
from gradcore.ops.gathers import has_element
from gradcore.printing import pp

MOST_CHARACTERS = 160
"""How many characters of an expression are printed."""

MOST_SAMPLES = 6
"""How many samples of a class of ops are shown, at most one of each kind of operands."""

FAMILIES: Mapping[str, Sequence[str]] = {
    "every dtype": (*DISCRETE, *FLOATS, *COMPLEX),
    "every real dtype": (*DISCRETE, *FLOATS),
    "integers and bool": DISCRETE,
    "integers": tuple(d for d in DISCRETE if d != "bool"),
    "signed integers": tuple(d for d in DISCRETE if d.startswith("int")),
    "unsigned integers": tuple(d for d in DISCRETE if d.startswith("uint")),
    "floats": FLOATS,
    "complex": COMPLEX,
}
"""Names of sets of dtypes."""

NAMES = "xyzuvw"


def entry(op: Op | type[Op]) -> str:
    """Return the entry of an elementwise op, or of a class of ops, in Markdown."""
    lines = _row(op) if isinstance(op, Elementwise) else _class(op)
    return "\n".join(lines) + "\n"


def heading(op: Op | type[Op]) -> str:
    """Return the heading of an op's entry: the name of an elementwise op, or of the class."""
    return op.name if isinstance(op, Elementwise) else getattr(op, "__name__", str(op))


# elementwise ops --------------------------------------------------------------------------------
def _row(op: Elementwise) -> Iterator[str]:
    names = NAMES[: op.operands]
    yield f"### `{op.name}`"
    yield ""
    yield f"{op.doc}"
    yield ""
    shown = f", printed `{f' {op.infix} '.join(names)}`" if op.infix else ""
    yield f"- operands: `{op.name}({', '.join(names)})`{shown}; {_rule(op.takes)}"
    yield f"- result: {_rule(op.result)}: {_dtypes(lambda d: _row_result(op, d))}"
    yield f"- meaning: `{_function(op.numpy)}`, to {_units(op.ulp)}"
    yield f"- derivative: {_derivative(_float_node(op, op.operands))}"
    if op.traits:
        yield f"- laws: {', '.join(sorted(trait.name.lower() for trait in op.traits))}"
    yield f"- in generated code: {_code(op)}"
    if op.by_parts is not None:
        yield f"- of complex numbers: `{_function(op.by_parts)}`, on parts"
    pairs = zip(names, op.domain, strict=True)
    intervals = ", ".join(f"{name} in {low:g} ... {high:g}" for name, (low, high) in pairs)
    yield f"- tested on: {intervals}, special values, and all shapes that broadcast"


def _row_result(op: Elementwise, dtype: str) -> str | None:
    try:
        node = op.make_node(*(TensorType(dtype, (None,))() for _ in range(op.operands)))
    except (GradcoreError, TypeError):
        return None
    return node.out.dtype


def _float_node(op: Elementwise, operands: int) -> Apply:
    usual = ("float64", "int64", "complex128")
    dtype = next(dtype for dtype in usual if _row_result(op, dtype))
    return op.make_node(*(TensorType(dtype, (None,))(name) for name in NAMES[:operands]))


def _code(op: Elementwise) -> str:
    if op.code is not None:
        text = op.code if isinstance(op.code, str) else "; ".join(
            f"{kind}: {text}" for kind, text in op.code.items()
        )  # fmt: skip
        return f"`{text}`"
    if op.expansion is not None:
        return (
            f"`{_printed(op.expansion(*(TensorType('float64')(n) for n in NAMES[: op.operands])))}`"
        )
    return "none"


def _function(function: Callable[..., Any]) -> str:
    name = getattr(function, "__name__", "a function")
    if isinstance(function, np.ufunc) or str(getattr(function, "__module__", "")) == "numpy":
        return f"numpy.{name}"
    if isinstance(function, type(lambda: 0)) and name == "<lambda>":
        return _lambda(function)
    return f"{getattr(function, '__module__', '')}.{name}".lstrip(".")


def _lambda(function: Callable[..., Any]) -> str:
    """Return a lambda as it is written, if its source can be had."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)).strip().rstrip(","))
    except (OSError, SyntaxError):
        return "a lambda"
    count = function.__code__.co_argcount
    found = [n for n in ast.walk(tree) if isinstance(n, ast.Lambda) and len(n.args.args) == count]
    return ast.unparse(found[0]) if found else "a lambda"


def _rule(rule: Callable[..., Any]) -> str:
    """Return what a dtype rule says of itself."""
    said = (inspect.getdoc(rule) or "").strip().partition("\n")[0].rstrip(".")
    for verb in ("Return ", "Take "):
        if said.startswith(verb):
            return ("taken: " if verb == "Take " else "") + said.removeprefix(verb)
    return said[:1].lower() + said[1:] or "a rule of its own"


def _units(ulp: float) -> str:
    return "the last bit" if not ulp else f"{ulp:g} units in the last place"


# classes ----------------------------------------------------------------------------------------
def _class(op: Any) -> Iterator[str]:
    yield f"### `{op.__name__}`"
    yield ""
    yield from _text(op)
    yield ""
    samples = list(op.samples())
    labels = dict.fromkeys(sample.op.label() for sample in samples)
    yield f"- called: {', '.join(f'`{label}`' for label in labels) or '`' + op.__name__ + '`'}"
    for line in _parameters(op):
        yield f"- {line}"
    if samples:
        first = samples[0]
        usual = next((s for s in samples if any(a.dtype == "float" for a in s.operands)), first)
        if any(arg.dtype == "float" and arg.value is None for arg in usual.operands):
            yield f"- dtypes: {_dtypes(lambda d: _class_result(usual, d))}"
        moved = next((s for s in samples if _moves(s)), first)
        yield f"- derivative: {_derivative(_node(moved))}"
        yield f"- tolerance: {_tolerance(first.op)}"
    if op.requires is not Op.requires:
        yield f"- requires: {inspect.getdoc(op.requires)}"
    yield f"- {_traits(op)}"
    if samples:
        yield ""
        yield "| op | operands | outputs | shapes |"
        yield "|---|---|---|---|"
        for sample in _shown(samples):
            yield _sample(sample)
    source = _source(op)
    if source:
        yield ""
        yield f"```python\n{source}\n```"


def _text(op: Any) -> Iterator[str]:
    """Yield the docstring of a class, and those of the abstract class that declares its fields."""
    yield inspect.getdoc(op) or ""
    for base in op.__mro__[1:]:
        if base is not Op and dataclasses.is_dataclass(base):
            yield ""
            yield inspect.getdoc(base) or ""


def _parameters(op: Any) -> Iterator[str]:
    found = [f for f in dataclasses.fields(op) if f.init] if dataclasses.is_dataclass(op) else []
    if found:
        text = ", ".join(f"`{f.name}: {f.type}`" for f in found)
        yield f"parameters: {text}"


def _traits(op: Any) -> str:
    parts = [
        _by(op),
        "cheap to compute again" if getattr(op, "cheap", False) is True else "",
        "" if op.foldable else "never computed while a graph is rewritten",
    ]
    if op.perform is not Op.perform:
        parts[0] = "computed by its `perform`"
    return "; ".join(filter(None, parts))


def _by(op: type[Op]) -> str:
    """Return what generated code makes of it."""
    if has_element(op):
        return "generated code has its element form"
    externs = dict.fromkeys(sample.op.extern for sample in op.samples())
    names = ", ".join(f"`{extern.name}`" for extern in externs if extern is not None)
    return (
        f"generated code calls {names} of a library"
        if names
        else "generated code has a rule for it"
    )


def _tolerance(op: Op) -> str:
    if op.by_norm:
        return f"{_units(op.ulp)} of the largest element of a matrix"
    if op.accumulates:
        return f"{_units(op.ulp)} of the sum of the magnitudes of its terms"
    return f"{_units(op.ulp)}" if op.ulp else "exact"


def _node(sample: Sample) -> Apply:
    """Return a node of a sample, its operands named x, y, z ..."""
    return sample.op.make_node(*_operands(sample, "float64"))


def _operands(sample: Sample, dtype: str) -> list[Variable]:
    found: list[Variable] = []
    for k, arg in enumerate(sample.operands):
        if arg.value is not None:
            found.append(Constant(np.asarray(arg.value)))
        else:
            extents = tuple(1 if n == 1 else None for n in arg.shape)
            name = NAMES[k] if k < len(NAMES) else f"x{k}"
            found.append(TensorType(dtype if arg.dtype == "float" else arg.dtype, extents)(name))
    return found


def _class_result(sample: Sample, dtype: str) -> str | None:
    try:
        node = sample.op.make_node(*_operands(sample, dtype))
    except (GradcoreError, TypeError):
        return None
    return ", ".join(dict.fromkeys(output.dtype for output in node.outputs))


def _moves(sample: Sample) -> bool:
    return any(arg.value is None and arg.dtype.startswith("float") for arg in sample.operands)


def _shown(samples: Sequence[Sample]) -> list[Sample]:
    """Return a few samples that differ in label and operands, in their order."""
    found: dict[Any, Sample] = {}
    for sample in samples:
        kinds = tuple((len(a.shape), a.dtype, a.value is None) for a in sample.operands)
        found.setdefault((sample.op.label(), kinds), sample)
    return list(found.values())[:MOST_SAMPLES]


def _sample(sample: Sample) -> str:
    node = _node(sample)
    operands = ", ".join(map(_operand, node.inputs, sample.operands))
    outputs = ", ".join(_type(output) for output in node.outputs)
    cells = (f"`{_short(repr(sample.op))}`", operands, outputs, _shapes(node))
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _operand(variable: Variable, arg: Arg) -> str:
    if arg.value is None:
        return f"{variable.name}: {_type(variable)}"
    text = " ".join(str(np.asarray(arg.value).tolist()).split())
    return text if len(text) < 30 else f"a constant {_type(variable)}"


def _type(variable: Variable) -> str:
    return f"{variable.dtype}{len(variable.type.shape) * '[]'}"


def _shapes(node: Apply) -> str:
    """Return what the shape rule says of the outputs of ``node``."""
    operands = [_known(v) for v in node.inputs]
    shapes = [list(map(_extent, s)) for s in node.op.symbolic_shapes(node, operands)]
    return ", ".join(f"`({', '.join(s)}{',' * (len(s) == 1)})`" for s in shapes)


def _known(variable: Variable) -> Operand:
    """Return what is known of an operand: extents that are not are called ``x.shape[0]``."""
    name = variable.name or "it"
    shape = tuple(
        TensorType("int64")(f"{name}.shape[{axis}]") if n is None else n
        for axis, n in enumerate(variable.type.shape)
    )
    value = constant_extent(variable)
    scalar = variable if not variable.ndim and variable.type.is_discrete else UNKNOWN
    return Operand(shape, scalar if value is None else value)


def _extent(extent: Any) -> str:
    return _short(_printed(extent)) if isinstance(extent, Variable) else str(extent)


def _source(op: Any) -> str:
    """Return the code of the reference of a class of ops, without its docstring."""
    method = op.__dict__.get("reference") or op.__dict__.get("attempted")
    if method is None:
        return ""
    source = textwrap.dedent(inspect.getsource(method))
    function = ast.parse(source).body[0]
    assert isinstance(function, ast.FunctionDef)
    lines = source.splitlines()
    said = function.body[0]
    del lines[said.lineno - 1 : said.end_lineno]
    return "\n".join(lines).replace(": Any", "").replace(" -> Any", "")


# dtypes and derivatives -------------------------------------------------------------------------
def _dtypes(result: Callable[[str], str | None]) -> str:
    """Return what each dtype of the operands gives, sets of them by name."""
    found = {dtype: result(dtype) for dtype in (*DISCRETE, *FLOATS, *COMPLEX)}
    constant = len(set(found.values())) == 1
    groups: dict[str, list[str]] = {}
    for dtype, given in found.items():
        if given is not None:
            same = given == dtype and not constant
            groups.setdefault("the same" if same else given, []).append(dtype)
    return "; ".join(f"{_family(dtypes)} -> {given}" for given, dtypes in groups.items())


def _family(dtypes: Sequence[str]) -> str:
    """Return a set of dtypes in few words."""
    rest = list(dtypes)
    names: list[str] = []
    for name, members in FAMILIES.items():
        if set(members) <= set(rest):
            names.append(name)
            rest = [d for d in rest if d not in members]
    return ", ".join((*names, *rest))


def _derivative(node: Apply) -> str:
    """Return the kind of a derivative, and what becomes of a cotangent or tangent ``t``."""
    kind = type(node.op.derivative).__name__
    if node.op.graphs:
        return kind
    try:
        cotangents = _directions(node.outputs)
        found = node.op.derivative.pullback(node, cotangents, [True] * len(node.inputs))
        back = found is not None
        if found is None:
            found = node.op.derivative.pushforward(node, _directions(node.inputs))
    except (GradcoreError, NotImplementedError, AssertionError):
        return kind
    if found is None:
        return kind
    directions = [_direction(v) for v in found]
    if back:
        pairs = zip(node.inputs, directions, strict=True)
        directions = [f"{v}: {text}" for v, text in pairs if text and not isinstance(v, Constant)]
    what = "cotangents" if back else "tangent"
    return f"{kind}; {what} {', '.join(filter(None, directions))}" if any(directions) else kind


def _directions(variables: Sequence[Variable]) -> list[Variable]:
    """Return a direction for each variable, called t, t1, t2 ..."""
    types = [TensorType(direction_dtype(v), v.type.shape) for v in variables]
    return [kind(f"t{k or ''}") for k, kind in enumerate(types)]


def _direction(found: Any) -> str:
    """Return a direction as text; disconnected: empty."""
    if found is None:
        return ""
    if isinstance(found, Undefined):
        return f"undefined ({found.reason})"
    if isinstance(found, Variable):
        return f"`{_short(_printed(found))}`"
    if isinstance(found, Masked | Guarded):
        return "`t`, where it is chosen"
    return "0" if found is ZERO else ""


def _printed(variable: Variable) -> str:
    """Return a variable as `pp` has it, with constants as they are typed."""
    return re.sub(r"TensorConstant\{([^}]*)\}", r"\1", pp(variable))


def _short(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]} ..."
