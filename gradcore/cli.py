"""The command line: ``gradcore backends``, ``doctor``, ``cache``, ``ops``, ``export`` and more."""

from __future__ import annotations

import argparse
import runpy
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from gradcore.cache import default_store
from gradcore.compile import Function
from gradcore.conformance.tables import TABLES, read_reports, rewritten
from gradcore.errors import CacheError, GradcoreError, choices
from gradcore.exporting import export
from gradcore.graph import Variable
from gradcore.graph.types import DISCRETE, FLOATS
from gradcore.inventory import BackendInfo, backends, report
from gradcore.plugins import registry
from gradcore.reference import entry, heading
from gradcore.serialization import load
from gradcore.skeleton import KINDS, write_backend
from gradcore.viewing import view


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status."""
    parser = argparse.ArgumentParser(prog="gradcore", description="a symbolic tensor compiler")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser(
        "backends", help="list the backends: which work here, and why others do not"
    )
    commands.add_parser("doctor", help="print what a bug report needs")
    cache = commands.add_parser(
        "cache", help="the store of compiled code: what it holds; empty it; fill it ahead"
    )
    cache.add_argument("action", choices=("info", "clear", "warm"))
    ops = commands.add_parser("ops", help="print what ops declare, for who writes kernels for them")
    ops.add_argument("names", nargs="*", help="which ops; without any, the names of all")
    table = commands.add_parser("matrix", help="print reports of the conformance suite as tables")
    table.add_argument("reports", nargs="+", type=Path, help="what --gradcore-report wrote")
    table.add_argument(
        "--into", nargs="+", type=Path, metavar="PAGE", help="write the tables between their marks"
    )
    new = commands.add_parser("new-backend", help="write the skeleton of a plugin with a backend")
    new.add_argument("name", help="what mode= will call it")
    kinds = "; ".join(f"{kind}: {what}" for kind, what in KINDS.items())
    new.add_argument("--kind", choices=KINDS, default="array", help=f"{kinds} (array)")
    new.add_argument("--folder", type=Path, default=Path(), help="where to (here)")
    out = commands.add_parser("export", help="write a saved function as files without gradcore")
    out.add_argument("file", type=Path, help="what gradcore.save wrote")
    out.add_argument("folder", type=Path, help="where to")
    out.add_argument("--target", default="c", help="what to write: c, or what plugins add (c)")
    out.add_argument("--function", help="which function, where several were saved")
    out.add_argument(
        "--shape", action="append", type=_shape, default=[], metavar="NAME=N,M", dest="shapes",
        help="the shape of an argument whose type leaves it open, for a target that must know it; "
        "an extent may be a name; once for each argument",
    )  # fmt: skip
    look = commands.add_parser(
        "view", help="run a script, and write a picture of one of its graphs"
    )
    look.add_argument("name", metavar="script.py:name", help="a function or a variable of a script")
    look.add_argument("--into", type=Path, metavar="FILE", help="where to write it (name.html)")
    look.add_argument("--open", action="store_true", help="open it in a browser")
    given = parser.parse_args(arguments)
    if given.command == "backends":
        _show_backends()
    elif given.command == "doctor":
        _show_report()
    elif given.command == "cache":
        return _cache(given.action)
    elif given.command == "matrix":
        return _matrix(given.reports, given.into or ())
    elif given.command == "ops":
        return _show_ops(given.names)
    elif given.command == "export":
        shapes = dict(given.shapes)
        return _export(given.file, given.folder, given.target, given.function, shapes)
    elif given.command == "view":
        return _view(given.name, given.into, given.open)
    else:
        return _write(given.name, given.folder, given.kind)
    return 0


def _show_backends() -> None:
    table = Table("backend", "version", "devices", "dtypes", "ops", "works here", title="backends")
    table.columns[-1].overflow = "fold"
    for b in backends():
        table.add_row(
            b.name,
            b.version,
            ", ".join(b.devices),
            _dtypes(b) if b.available else "",
            f"{b.covered} of {b.ops} ({b.covered / b.ops:.0%})" if b.available else "",
            "yes" if b.available else f"no: {b.reason}",
        )
    Console(markup=False).print(table)
    _show_disabled()


def _show_disabled() -> None:
    gone = registry().disabled
    if not gone:
        return
    table = Table("plugin", "distribution", "why", title="plugins that are disabled")
    table.columns[-1].overflow = "fold"
    for plugin in gone:
        source = plugin.source
        where = source.distribution or "registered by hand"
        table.add_row(source.name, where, plugin.reason)
    Console(markup=False).print(table)


def _show_ops(names: Sequence[str]) -> int:
    known = {heading(op): op for op in registry().ops}
    for name in names:
        if name not in known:
            fix = choices(name, (), "gradcore ops lists them", known).partition("  ")[0]
            sys.stderr.write(f"gradcore ops: there is no op {name!r}: {fix}\n")
            return 2
    for name in names:
        sys.stdout.write(f"{entry(known[name])}\n")
    if not names:
        sys.stdout.write("\n".join(known) + "\n")
    return 0


def _matrix(paths: Sequence[Path], pages: Sequence[Path]) -> int:
    try:
        reports = read_reports(paths)
        texts = {page: page.read_text() for page in pages}
    except (OSError, ValueError) as error:
        sys.stderr.write(f"gradcore matrix: {error}\n")
        return 2
    for page, text in texts.items():
        if not any(f"<!-- {name} -->" in text for name in TABLES):
            marks = ", ".join(f"<!-- {name} -->" for name in TABLES)
            sys.stderr.write(f"gradcore matrix: {page} has none of the marks {marks}\n")
            return 2
        page.write_text(rewritten(text, reports))
        sys.stdout.write(f"wrote {page}\n")
    if not pages:
        for lines in TABLES.values():
            sys.stdout.write("\n".join((*lines(reports), "\n")))
    return 0


def _dtypes(b: BackendInfo) -> str:
    missing = [dtype for dtype in (*DISCRETE, *FLOATS) if dtype not in b.dtypes]
    return f"all but {', '.join(missing)}" if missing else "all"


def _show_report() -> None:
    found = report()
    width = max(map(len, found))
    for name, text in found.items():
        sys.stdout.write(f"{name:{width}}  {text}\n")


def _cache(action: str) -> int:
    try:
        store = default_store()
    except CacheError as error:
        sys.stderr.write(f"gradcore cache: {error}\n")
        return 2
    if action == "warm":
        return _warm()
    if action == "clear":
        sys.stdout.write(f"removed {store.clear()} entries from {store.folder}\n")
        return 0
    info = store.info()
    table = Table("folder", "entries", "size", "limit", title="compiled code")
    table.columns[0].overflow = "fold"
    table.add_row(str(info.folder), str(info.entries), *map(decimal, (info.size, info.limit)))
    Console(markup=False).print(table)
    return 0


def _warm() -> int:
    """Have each backend make what functions will need; return 1 if one of them fails."""
    failed: list[str] = []
    for name in sorted(registry().contributed):
        backend = registry().backend(name)
        if backend.unavailable() is not None:
            continue
        start = time.perf_counter()
        try:
            made = backend.warm()
        except GradcoreError as error:
            failed.append(f"gradcore cache: {name}: {error}\n")
            continue
        if made:
            sys.stdout.write(f"{name}: ready in {time.perf_counter() - start:.1f} s\n")
            sys.stdout.writelines(f"  {what}\n" for what in made)
    sys.stderr.writelines(failed)
    return int(bool(failed))


def _shape(text: str) -> tuple[str, tuple[int | str, ...]]:
    """Return the name and the extents that ``x=3,batch`` says."""
    name, _, extents = text.partition("=")
    found = tuple(int(n) if n.isdecimal() else n for n in extents.split(",") if extents)
    if not all(isinstance(n, int) or n.isidentifier() for n in (name, *found)):
        raise argparse.ArgumentTypeError(f"{text!r} is no shape: x=3,4 and x=batch,4 are")
    return name, found


def _export(
    file: Path,
    folder: Path,
    target: str,
    chosen: str | None,
    shapes: Mapping[str, tuple[int | str, ...]],
) -> int:
    try:
        loaded = load(file, mode="numpy")
        named = {chosen or "": loaded} if isinstance(loaded, Function) else dict(loaded)
        name = next(iter(named)) if chosen is None and len(named) == 1 else chosen
        if name is None or name not in named:
            fix = choices(name, named, "it has")
            sys.stderr.write(f"gradcore export: which function of {file}, by --function?  {fix}\n")
            return 2
        options = {"shapes": shapes} if shapes else {}
        paths = export(named[name], folder, target, name or None, **options)
    except (OSError, GradcoreError) as error:
        sys.stderr.write(f"gradcore export: {error}\n")
        return 2
    sys.stdout.writelines(f"{path}\n" for path in paths)
    return 0


def _write(name: str, folder: Path, kind: str) -> int:
    try:
        root = write_backend(name, folder, kind)
    except (ValueError, FileExistsError) as error:
        sys.stderr.write(f"gradcore new-backend: {error}\n")
        return 2
    sys.stdout.write(
        f"wrote {root}\n"
        f"  pip install --editable {root}\n"
        f"  pytest --pyargs gradcore.conformance --gradcore-backend {name} --level smoke\n"
    )
    return 0


def _view(name: str, into: Path | None, opened: bool) -> int:
    """Write the picture of what a script has under a name; return the exit status."""
    script, _, variable = name.rpartition(":")
    if not script:
        sys.stderr.write(f"gradcore view: {name!r} is no script.py:name\n")
        return 2
    try:
        found = runpy.run_path(script, run_name="__main__")
    except OSError as error:
        sys.stderr.write(f"gradcore view: {error}\n")
        return 2
    if variable not in found:
        known = [key for key, value in found.items() if isinstance(value, (Function, Variable))]
        fix = choices(variable, known, "it has")
        sys.stderr.write(f"gradcore view: {script} has no {variable!r}: {fix}\n")
        return 2
    try:
        shown = view(found[variable])
    except (TypeError, GradcoreError) as error:
        sys.stderr.write(f"gradcore view: {variable}: {error}\n")
        return 2
    path = Path(f"{variable}.html") if into is None else into
    path = shown.open(path) if opened else shown.save(path)
    sys.stdout.write(f"{path}\n")
    return 0
