"""Programs to paste: what a user would type to see a case fail."""

from __future__ import annotations

from gradcore.compile.snippets import array_source, op_source
from gradcore.conformance.case import OVERWRITTEN, Case, Subject
from gradcore.mode import Mode


def program(case: Case, mode: Mode, call: int = 0) -> str:
    """Return a program that shows what ``mode`` makes of a case, and what it should be.

    call : which call of the function fails; before it come the others, or only the first, before
        the one that takes its arrays with other elements in them.

    >>> from gradcore.conformance.cases import case
    >>> print(program(case("value-add-float64-3,3"), Mode("torch")))
    import gradcore
    ...
    op = gradcore.ops.elementwise.entry('add')
    ...
    for mode in (gradcore.Mode('torch', False), gradcore.Mode('numpy', False)):
    ...
    """
    options = "".join(f", {name}={value!r}" for name, value in mode.options)
    chosen = f"gradcore.Mode({mode.backend!r}, {case.optimizer!r}{options})"
    overwrites = call == OVERWRITTEN
    calls = "layouts.overwritten(built.values)" if overwrites else "calls"
    one = [] if overwrites else ["calls = [built.values]"]
    return "\n".join(
        (
            "import gradcore",
            "from numpy import array, inf, nan",
            "from gradcore.conformance import cases, checks, layouts, programs",
            "",
            *(_calls(case, call) if call > 0 else [*_graph(case), *one]),
            "",
            f"for mode in ({chosen}, gradcore.Mode('numpy', False)):",
            "    f = gradcore.function(",
            "        built.inputs, built.outputs, mode, on_unused_input='ignore'",
            "    )",
            f"    for values in {calls}:",
            "        try:",
            "            print(mode.backend, f(*values))",
            "        except Exception as error:",
            "            print(mode.backend, [error])",
            "",
        )
    )


def _calls(case: Case, call: int) -> list[str]:
    return [
        f"case = cases.case({case.id!r})",
        "built = case.build()",
        f"calls = [built.values, *case.later()][:{call + 1}]",
    ]


def _graph(case: Case) -> list[str]:
    if case.check == "program":
        return [f"built = programs.{case.op}()"]
    if case.subject is None:
        return [f"built = cases.case({case.id!r}).build()"]
    check = {"staged": "fused", "called": "value", "long": "value", "error": "value"}.get(
        case.check, case.check
    )
    return [
        f"op = {op_source(case.subject.op)}",
        "draws = [",
        *(f"    {line}," for line in _draws(case.subject)),
        "]",
        f"built = checks.{check}(op, draws, {case.subject.constant!r})",
    ]


def _draws(subject: Subject) -> list[str]:
    lines: list[str] = []
    for operands in subject.draws:
        arrays = [
            array if fixed or subject.layout == "contiguous"
            else f"layouts.LAYOUTS[{subject.layout!r}]({array})"
            for array, fixed in zip(map(array_source, operands), subject.constant, strict=True)
        ]  # fmt: skip
        lines.append(f"({', '.join(arrays)},)" if arrays else "()")
    return lines
