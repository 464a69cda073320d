"""The conformance suite's own machinery: precision, programs, known failures, reports."""

import json

import numpy as np
import pytest

import gradcore
import gradcore.tensor as T
import gradcore_numpy
from gradcore import Mode, plugins
from gradcore.conformance.case import Level, Unsupported
from gradcore.conformance.cases import case, cases
from gradcore.conformance.layouts import LAYOUTS
from gradcore.conformance.precision import Expected, expected
from gradcore.conformance.samples import op_classes, rows
from gradcore.conformance.source import program
from gradcore.errors import UnsupportedError
from gradcore.graph import TensorType

SMOKE = list(cases(Level.SMOKE))


@pytest.fixture(scope="module")
def every_case():
    """All cases; making them takes seconds."""
    return list(cases(Level.FULL))


def test_every_op_has_cases_of_every_kind(every_case):
    found = {}
    for c in every_case:
        found.setdefault(c.check, set()).add(c.op)
    labels = {op.name for op in rows()} | {
        s.op.label() for cls in op_classes() for s in cls.samples()
    }
    assert labels <= found["value"] and labels <= found["fused"]
    moving = {"exp", "mul", "sum", "dot", "subtensor", "scan", "switch", "ifelse", "cumprod"}
    assert moving <= found["derivative"]
    assert {"exp", "mul", "dot", "scan", "cumprod"} <= found["second"]
    assert {"sum", "dot", "sort", "argmax", "cumprod", "scan", "exp"} <= found["called"]
    assert {"sum", "dot", "sort", "argmax", "cumprod", "scan", "exp"} <= found["long"]
    refusing = {"add", "dot", "matmul", "join", "subtensor", "inc_subtensor", "reshape", "alloc"}
    assert refusing | {"assert", "specify_shape", "scan", "max", "repeat"} <= found["error"]
    assert {"checked", "given_masks", "shapes", "rnn"} <= found["error"]
    assert {"exp", "sum", "dot", "sort"} <= found["scanned"]
    assert len(found["loop"]) > 30 and len(found["program"]) > 12


def test_what_is_zero_by_declaration_is_no_case(every_case):
    """The derivative of a flat op, the second one of a linear op."""
    found = {(c.check, c.op) for c in every_case}
    flat = {"floor", "argmax", "eq", "shape", "zero_grad"}
    assert not {("derivative", op) for op in flat} & found
    assert not {("second", op) for op in flat | {"sum", "subtensor", "reshape", "max"}} & found


def test_names_of_cases_are_names(every_case):
    ids = [c.id for c in every_case]
    assert len(set(ids)) == len(ids)
    assert case(ids[100]).id == ids[100]
    with pytest.raises(KeyError):
        case("value-nothing")


def test_levels_hold_one_another(every_case):
    ids = {level: {c.id for c in every_case if c.level <= level} for level in Level}
    assert {c.id for c in SMOKE} == ids[Level.SMOKE]
    assert ids[Level.SMOKE] < ids[Level.CORE] < ids[Level.FULL]
    assert {c.op for c in SMOKE} >= {op.name for op in rows()}


# precision --------------------------------------------------------------------------------------
def judged(op, *values):
    arrays = [np.asarray(v) for v in values]
    inputs = [TensorType(a.dtype.name, (None,) * a.ndim)() for a in arrays]
    (found,) = expected(op.make_node(*inputs), arrays)
    return found


def test_an_error_is_measured_in_units_in_the_last_place():
    x = np.array([0.3, 1.0, 20.0])
    want = judged(T.exp, x)
    right = np.exp(x)
    assert want.complaint(right) is None
    assert want.complaint(right + 3 * np.spacing(right)) is None
    assert "[0] is" in want.complaint(right + 6 * np.spacing(right))
    assert "3 of 3" in want.complaint(right * (1 + 1e-12))


def test_an_exact_op_may_not_be_off_at_all():
    want = judged(gradcore.ops.shape.DimShuffle((1, 0)), np.ones((2, 3)))
    assert want.complaint(np.ones((3, 2))) is None
    assert want.complaint(np.ones((3, 2)) + 2e-16)
    assert "shape" in want.complaint(np.ones((2, 3)))


def test_a_sum_is_measured_against_its_terms():
    x = np.array([1e16, 1.0, -1e16])
    want = judged(gradcore.ops.reduce.Reduce("sum", (0,)), x)
    assert want.complaint(np.asarray(0.0)) is None and want.complaint(np.asarray(2.0)) is None
    assert want.complaint(np.asarray(1e3))


def test_float32_is_expected_from_float64():
    want = judged(T.log1p, np.array([1e-4, 0.5], "float32"))
    assert want.value.dtype == "float64"
    assert want.complaint(np.log1p(np.array([1e-4, 0.5], "float32"))) is None


@pytest.mark.parametrize(
    ("value", "found", "right"),
    [
        (np.nan, np.nan, True), (np.nan, 1.0, False), (1.0, np.nan, False), (0.0, -0.0, False),
        (np.inf, np.inf, True), (np.inf, -np.inf, False), (np.inf, 1e308, False),
        (1e300, np.inf, False), (np.finfo("float64").max, np.inf, True), (-0.0, -0.0, True),
    ],
)  # fmt: skip
def test_numbers_that_are_none(value, found, right):
    unit = np.spacing(min(abs(value), 1e308)) if np.isfinite(value) else 0.0
    want = Expected(np.asarray(value), np.asarray(unit), signed_zeros=True)
    assert (want.complaint(np.asarray(found)) is None) == right


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts_are_what_they_say(name):
    a = np.arange(6.0).reshape(2, 3)
    laid = LAYOUTS[name](a)
    assert (laid.shape == a.shape and not np.shares_memory(laid, a)) or name == "repeated"
    assert name == "repeated" or (laid == a).all()
    truth = {
        "contiguous": laid.flags.c_contiguous, "fortran": laid.flags.f_contiguous,
        "strided": laid.strides[-1] == 16, "reversed": laid.strides[-1] == -8,
        "offset": not laid.flags.aligned, "repeated": laid.strides[0] == 0,
        "readonly": not laid.flags.writeable,
    }  # fmt: skip
    assert truth[name]


# programs ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("c", SMOKE[::3] + SMOKE[-18:], ids=lambda c: c.id)
def test_programs_run(c, capsys):
    """What is printed for a failure can be pasted, and shows both sides."""
    exec(compile(program(c, Mode("numpy")), "pasted", "exec"), {})
    reported = capsys.readouterr().out
    assert reported.count("numpy [") >= 2


def test_a_program_shows_layout_and_op():
    text = program(case("value-sum-float64-strided"), Mode("torch", device="cuda"))
    assert "layouts.LAYOUTS['strided'](array(" in text
    assert "gradcore.ops.reduce.Reduce(kind='sum', axes=(0,))" in text
    assert "gradcore.Mode('torch', False, device='cuda')" in text


# runs -------------------------------------------------------------------------------------------
class Liar(gradcore_numpy.NumpyBackend):
    """Says that exp is 0, and has no sin."""

    name = "liar"

    def missing(self, node):
        return "liar has no sin" if node.op is T.sin else None

    def compile(self, graph, profile=None, fallback=()):
        run = super().compile(graph, profile, fallback)
        lies = any(node.op is T.exp for node in graph.nodes)
        return lambda *values: [np.zeros_like(v) for v in run(*values)] if lies else run(*values)


@pytest.fixture
def liar():
    known = [
        plugins.KnownFailure("exp", "value", "it is a liar", "float64-3"),
        plugins.KnownFailure("cos", "value", "it is none here", "float64-3"),
    ]
    hooks = {
        "gradcore_backends": lambda: [Liar()],
        "gradcore_known_failures": lambda backend: known if backend == "liar" else [],
    }
    named = {name: staticmethod(plugins.hookimpl(hook)) for name, hook in hooks.items()}
    plugins.register(type("Plugin", (), named), "liars")
    yield
    plugins.unregister("liars")


def run(pytester, *options):
    return pytester.runpytest_inprocess(
        "--pyargs", "gradcore.conformance", "--gradcore-backend", "liar", "-p", "no:cacheprovider",
        *options,
    )  # fmt: skip


def test_a_run_tells_what_failed_and_why(liar, pytester):
    result = run(pytester, "-k", "value-exp-float64-2x3 or value-exp-float64-3", "-rx")
    result.assert_outcomes(failed=1, xfailed=1)
    result.stdout.fnmatch_lines(
        ["*Mismatch: output 0 *is np.float64(0.0), expected*", "*a program that shows it*",
         "*gradcore.ops.elementwise.entry('exp')*", "exp *0/2 (1 failed, 1 known)*",
         "*it is a liar*"]
    )  # fmt: skip


def test_a_known_failure_that_passes_is_a_failure(liar, pytester):
    result = run(pytester, "-k", "value-cos-float64-3-")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*XPASS(strict)*it is none here*"])


@pytest.mark.parametrize(
    ("op", "check", "name"),
    [("expp", "value", "*"), ("exp", "values", "*"), ("exp", "value", "float80-*")],
)
def test_a_known_failure_that_matches_no_case_is_an_error(pytester, op, check, name):
    known = plugins.KnownFailure(op, check, "nobody knows", name)
    hooks = {
        "gradcore_backends": lambda: [Liar()],
        "gradcore_known_failures": lambda backend: [known] if backend == "liar" else [],
    }
    named = {name: staticmethod(plugins.hookimpl(hook)) for name, hook in hooks.items()}
    plugins.register(type("Plugin", (), named), "liars")
    try:
        result = run(pytester, "-k", "value-cos-float64-3-")
    finally:
        plugins.unregister("liars")
    result.stdout.fnmatch_lines([f"*liar declares known failures that match no case: *{op}*"])
    assert result.ret != 0


def test_what_is_missing_is_skipped_with_its_sentence(liar, pytester, tmp_path):
    path = tmp_path / "report.json"
    result = run(pytester, "-k", "value-sin-float64", "-rs", "--gradcore-report", str(path))
    assert result.parseoutcomes().keys() == {"skipped", "deselected"}
    result.stdout.fnmatch_lines(["*liar has no sin*"])
    (report,) = json.loads(path.read_text())
    assert report["backend"] == "liar" and report["ops"]["sin"]["unsupported"] == report["cases"]
    assert {gap["why"] for gap in report["gaps"]} == {"liar has no sin"}


def test_parts_of_a_level_are_shared_among_machines(liar, pytester):
    listed = ("-k", "exp-", "--level", "smoke", "--collect-only", "-q")
    whole, *parts = (
        {line for line in run(pytester, *part, *listed).outlines if "::" in line}
        for part in ([], ["--part", "1/2"], ["--part", "2/2"])
    )
    assert parts[0] and parts[1] and not parts[0] & parts[1]
    assert whole == parts[0] | parts[1]
    for wrong in ("0/3", "4/3", "1", "a/b"):
        result = run(pytester, "--part", wrong)
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines([f"*{wrong!r} is no part of the cases*"])


class Honest(gradcore_numpy.NumpyBackend):
    """Lacks sin, and neither knows of fallbacks nor of float16."""

    name = "honest"

    def missing(self, node):
        return "honest has no sin" if node.op is T.sin else None

    def compile(self, graph, profile=None, fallback=()):
        assert not any(node.op is T.sin for node in graph.nodes), "it was asked before"
        if any(v.dtype == "float16" for v in graph.inputs):
            raise UnsupportedError("honest has no inputs of float16")
        run = super().compile(graph, profile, fallback)

        def called(*values):
            if any(np.size(v) == 0 for v in values):
                raise UnsupportedError("honest has no empty arrays")
            return run(*values)

        return called


def test_what_a_backend_says_that_it_lacks_is_no_failure():
    """Before it compiles, while it compiles, and when it is called."""
    hook = staticmethod(plugins.hookimpl(lambda: [Honest()]))
    plugins.register(type("Plugin", (), {"gradcore_backends": hook}), "honest")
    try:
        for id, reason in (
            ("value-sin-float64-3", "honest has no sin"),
            ("value-exp-float16-3", "honest has no inputs of float16"),
            ("value-exp-float64-0", "honest has no empty arrays"),
        ):
            with pytest.raises(Unsupported, match=f"^{reason}$"):
                case(id).run(Mode("honest"))
        case("value-exp-float64-3").run(Mode("honest"))
    finally:
        plugins.unregister("honest")


def test_a_backend_that_is_not_there(pytester):
    result = pytester.runpytest_inprocess(
        "--pyargs", "gradcore.conformance", "--gradcore-backend", "fortran"
    )
    result.stdout.fnmatch_lines(["*there is no backend 'fortran'*"])
    assert result.ret != 0
