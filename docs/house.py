"""Writes what is made from the code and the benchmarks into the README and CONTRIBUTING.

Run it: ``python docs/house.py``, or ``nox -s pages``; a test compares.  A page has a pair of marks
for each part: ``<!-- flow -->``, ``<!-- speed -->`` or ``<!-- rooms -->``, and ``<!-- end -->``.

Pictures are Mermaid, which GitHub and editors draw from text: so a picture can be compared, and a
change of it be read.  Nothing is imported of what is drawn; modules are read.
"""

from __future__ import annotations

import ast
import functools
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md")

KINDS = {
    "LoopBackend": "kernel",
    "ArrayBackend": "backend/arrays.py",
    "Backend": "execute.py",
}
"""For what a backend is: the room of the core that does its work."""

FUNCTIONS = "tensor.*"
"""The modules of the tensor language, without the package that gathers them."""

SPEED = (
    "call_scalar", "logistic", "chain_f32", "cross_entropy", "scan_scalar", "rnn", "lstm", "gmm",
    "layer_norm", "mlp", "hvp", "gemm_f32",
)  # fmt: skip
"""The cases of `benchmarks/compare.py` that the README shows."""


# what is read ------------------------------------------------------------------------------------
@functools.cache
def tree(path: Path) -> ast.Module:
    """Return the syntax tree of a file of Python."""
    return ast.parse(path.read_text())


def assigned(path: Path, name: str) -> ast.expr:
    """Return what a file assigns to a name."""
    for node in tree(path).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if isinstance(target, ast.Name) and target.id == name and value is not None:
            return value
    raise KeyError(f"{path} assigns nothing to {name}")


@functools.cache
def order() -> list[set[str]]:
    """Return the order of imports, as the tests check it."""
    return ast.literal_eval(assigned(ROOT / "tests/test_architecture.py", "ORDER"))


def stages() -> list[str]:
    """Return the names of the optimizer's stages, in their order."""
    value = assigned(ROOT / "gradcore/rewrite/__init__.py", "STAGES")
    names = [ast.unparse(stage) for stage in getattr(value, "elts", ())]
    return [name.replace("loop_stages", "loops") for name in names]


def backends() -> dict[str, str]:
    """Return the backends, each with the class that it derives from."""
    found: dict[str, str] = {}
    for path in sorted((ROOT / "backends").rglob("*.py")):
        for node in tree(path).body:
            for base in map(ast.unparse, getattr(node, "bases", ())):
                if base in KINDS:
                    found[path.parent.name.removeprefix("gradcore_")] = base
    return found


def room(module: str) -> str:
    """Return the room of a module of the core: the name under which it has a place in the order."""
    names = set().union(*order())
    name = module.removeprefix("gradcore").removeprefix(".")
    found = next(n for n in (name, name.rpartition(".")[0], name.split(".")[0]) if n in names)
    return FUNCTIONS if found.startswith("tensor.") else found or "gradcore"


@functools.cache
def modules() -> dict[str, Path]:
    """Return the modules of the core, each with its file."""
    found: dict[str, Path] = {}
    for path in sorted((ROOT / "gradcore").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(part for part in parts if part != "__init__")] = path
    return found


def imports() -> dict[str, set[str]]:
    """Return the rooms, in the order of imports, and for each those that it imports."""
    known = modules()
    place = {name: k for k, line in enumerate(order()) for name in sorted(line)}
    place[FUNCTIONS] = place["tensor.control"]
    found: dict[str, set[str]] = {}
    for name in sorted({*map(room, known)}, key=lambda name: (place.get(name, 99), name)):
        found[name] = set()
    for name, path in known.items():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gradcore"):
                for alias in node.names:
                    full = f"{node.module}.{alias.name}"
                    found[room(name)].add(room(full if full in known else str(node.module)))
    return {name: others - {name} for name, others in found.items()}


def reduced(graph: Mapping[str, set[str]]) -> Iterator[tuple[str, str]]:
    """Yield the edges of a graph without cycles that no longer way replaces."""
    below: dict[str, set[str]] = {}

    def reached(name: str) -> set[str]:
        if name not in below:
            below[name] = set(graph[name]).union(*map(reached, graph[name]))
        return below[name]

    for name, targets in graph.items():
        for target in sorted(targets):
            if not any(target in reached(other) for other in targets - {target}):
                yield name, target


def summary(path: Path) -> str:
    """Return the first line of a module's docstring."""
    return (ast.get_docstring(tree(path)) or "").split("\n")[0]


# what is written ---------------------------------------------------------------------------------
def mermaid(*lines: str) -> Iterator[str]:
    """Yield a drawing."""
    yield from ("```mermaid", *lines, "```")


def flow() -> Iterator[str]:
    """Yield the way from a user's program to a function that runs."""
    works = {
        "kernel": "kernel: loops that are fused, memory that is planned",
        "backend/arrays.py": "a table of kernels over an array library",
        "execute.py": "the reference of each op, node by node",
    }
    lines = [
        'program["your program: T, grad, scan"] --> ops["a graph of ops"]',
        f'ops --> optimizer["optimizer: {", ".join(stages())}"]',
        'optimizer --> legalized["legalization: only ops that the backend has"]',
    ]
    lines += [f'legalized --> {kind}["{works[place]}"]' for kind, place in KINDS.items()]
    lines += [f'{kind} --> {name}(["{name}"])' for name, kind in backends().items()]
    yield from mermaid("flowchart LR", *(f"  {line}" for line in lines))


def picture() -> Iterator[str]:
    """Yield the rooms of the core, and which imports which; then what each is."""
    graph = imports()
    node = {name: f'r{k}["{name}"]' for k, name in enumerate(graph)}
    short = {name: f"r{k}" for k, name in enumerate(graph)}
    edges = [f"{short[name]} --> {short[other]}" for name, other in reduced(graph)]
    yield from mermaid("flowchart TB", *(f"  {line}" for line in (*node.values(), *edges)))
    yield ""
    yield "| room | what it is |"
    yield "|---|---|"
    for name in graph:
        if name != FUNCTIONS:
            module = "gradcore" if name == "gradcore" else f"gradcore.{name}"
            yield linked(name, modules()[module])
    for name in backends():
        yield linked(name, ROOT / f"backends/{name}_backend/gradcore_{name}/__init__.py")


def linked(name: str, path: Path) -> str:
    """Return a row of the table: a room, with a link, and the first line of its docstring."""
    place = path.parent if path.name == "__init__.py" else path
    return f"| [`{name}`]({place.relative_to(ROOT)}) | {summary(path)} |"


def shown(seconds: float) -> str:
    """Return seconds in a sensible unit, with three digits."""
    units = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))
    size, unit = next(u for u in units if seconds >= u[0])
    return f"{seconds / size:.3g} {unit}"


def speed() -> Iterator[str]:
    """Yield some cases of the last whole run of ``benchmarks/compare.py``."""
    found: dict[str, Any] = json.loads((ROOT / "benchmarks/results/compare.json").read_text())
    kinds, machine = found["kinds"], found["machine"]
    yield "| work | gradcore, C | fastest of the others | times faster |"
    yield "|---|---|---|---|"
    for case in map(found["cases"].__getitem__, SPEED):
        own = case["times"]["gradcore c"]
        peers = {k: t for k, t in case["times"].items() if kinds[k] == "peer"}
        best = min(peers, key=peers.__getitem__)
        cells = (case["title"], shown(own), f"{best}, {shown(peers[best])}")
        yield f"| {' | '.join(cells)} | {peers[best] / own:.2g} |"
    yield ""
    names = ", ".join(f"{k} {v}" for k, v in machine["versions"].items() if k != "gradcore")
    text = (
        f"{machine['date']}, {machine['cpu']}, {machine['cores']} cores, Python "
        f"{machine['python']}; the others are {names}."
    )
    yield from wrapped(text)


def wrapped(text: str, width: int = 100) -> Iterator[str]:
    """Yield the lines of a paragraph."""
    line = ""
    for word in text.split():
        if len(f"{line} {word}") > width:
            yield line
            line = word
        else:
            line = f"{line} {word}".strip()
    yield line


PARTS: Mapping[str, Callable[[], Iterator[str]]] = {
    "flow": flow,
    "speed": speed,
    "rooms": picture,
}
"""The parts, by the name of their marks."""


def rewritten(text: str) -> str:
    """Return a page with the parts written between their marks."""
    for name, lines in PARTS.items():
        pattern = rf"<!-- {name} -->.*?<!-- end -->"
        if re.search(pattern, text, flags=re.DOTALL):
            block = "\n".join((f"<!-- {name} -->", *lines(), "<!-- end -->"))
            text = re.sub(pattern, lambda _, b=block: b, text, flags=re.DOTALL)
    return text


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(rewritten(page.read_text()))
        sys.stdout.write(f"wrote {page}\n")
