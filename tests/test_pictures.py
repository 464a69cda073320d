"""Pictures of graphs, and what `debugprint` can be asked for."""

import shutil

import pytest

import gradcore
import gradcore.tensor as T
from gradcore import debugprint
from gradcore.pictures import pydotprint, to_dot
from gradcore.printing import min_informative_str, pprint

X = T.dmatrix("x")
S = gradcore.shared([1.0, 2.0], "s")
INNER = T.exp(X)
INNER.name = "inner"
Y = T.dot(INNER, S) + INNER.sum()


def test_a_picture_has_a_box_for_each_op():
    text = to_dot(Y)
    assert text.count("shape=box") == len(gradcore.toposort([Y])) and text.startswith("digraph {")
    for label in ('"x TensorType(float64, matrix)"', '"exp"', '"dot"', '"output '):
        assert label in text
    assert text.count("#b3e5fc") == 1, "one shared variable"
    assert '[label="1"]' in text and '"exp 0"' in to_dot(Y, with_ids=True)


def test_a_picture_of_a_function_is_of_what_runs():
    f = gradcore.function([X], T.log(1 + T.exp(X)))
    assert "softplus" in to_dot(f) and "log" not in to_dot(f)


def test_a_value_that_nothing_computes_is_an_output():
    assert "v0 -> o0" in to_dot(X) and 'label="\\"q\\" ' in to_dot(T.dscalar('"q"'))


def test_pictures_are_files(tmp_path):
    assert pydotprint(Y, tmp_path / "a", format="dot") == str(tmp_path / "a.dot")
    assert (tmp_path / "a.dot").read_text() == to_dot(Y)
    named = pydotprint(gradcore.function([X], Y), str(tmp_path / "b.dot"), with_ids=True)
    assert named.endswith("b.dot") and (tmp_path / "b.dot").exists()


def test_a_picture_needs_graphviz(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(gradcore.errors.UnavailableError, match="format='dot'"):
        pydotprint(Y, tmp_path / "c.png")


@pytest.mark.skipif(shutil.which("dot") is None, reason="graphviz is not installed")
def test_graphviz_draws(tmp_path):
    pydotprint(Y, tmp_path / "d", format="svg")
    assert "<svg" in (tmp_path / "d.svg").read_text()


# trees ------------------------------------------------------------------------------------------
MARKS = {
    "CHAR": lambda: " [A]",
    "int": lambda: " [0]",
    "": lambda: "",
    "id": lambda: f" [{id(Y.owner)}]",
    "auto": lambda: f" [{Y.owner.serial}]",
}


@pytest.mark.parametrize("ids", MARKS)
def test_variables_are_marked_by_choice(ids):
    text = debugprint(Y, ids=ids, file="str")
    assert text.splitlines()[0] == f"add{MARKS[ids]()}"
    assert text.count("...") == 1, "what occurs again is shown once"


def test_other_marks_are_refused():
    with pytest.raises(ValueError, match="ids is one of 'CHAR'"):
        debugprint(Y, ids="letters")


def test_a_tree_stops_at_names():
    text = debugprint(Y, stop_on_name=True, file="str")
    assert "'inner'" in text and "|x [" not in text
    assert "|x [" in debugprint(INNER, stop_on_name=True, file="str"), "but not at the top"


def test_shapes_and_values_are_printed():
    text = debugprint(Y, print_shape=True, print_storage=True, file="str")
    assert "s [E] (?) = [1. 2.]" in text or "(?) = [1. 2.]" in text
    assert "(?, ?)" in text


def test_expressions_in_short():
    a, b = T.dscalar(), T.dscalar("b")
    assert min_informative_str(T.exp(a) * a + b) == "add(mul(exp(A), A), b)"
    assert min_informative_str(a + 2) == "add(A, 2)" and min_informative_str(b) == "b"
    named = T.exp(b)
    named.name = "e"
    assert min_informative_str(named * 2) == "mul(e, 2)" and min_informative_str(named) == "exp(b)"
    assert pprint(b * 2) == gradcore.pp(b * 2)


def test_prints_name_what_they_print(capsys):
    x = T.dvector("x")
    shown = gradcore.printing.Print("x is", attrs=["shape", "__str__"])(x)
    gradcore.function([x], shown * 2, mode="numpy")([1.0, 2.0])
    assert capsys.readouterr().out == "x is shape = (2,)\nx is __str__ = [1. 2.]\n"


# notebooks --------------------------------------------------------------------------------------
@pytest.fixture
def graphviz(tmp_path, monkeypatch):
    """A program in the place of graphviz's, which repeats what it is to draw."""
    path = tmp_path / "dot"
    path.write_text('#!/bin/sh\necho "<?xml?><svg>$1"; cat; echo "</svg>"\n')
    path.chmod(0o755)
    monkeypatch.setattr(gradcore.pictures, "DOT", str(path))
    return path


@pytest.mark.usefixtures("graphviz")
def test_a_notebook_shows_a_picture():
    f = gradcore.function([X], T.log(1 + T.exp(X)))
    for shown, label in ((Y, "dot"), (f, "softplus")):
        svg = shown._repr_svg_()
        assert svg.startswith("<svg>-Tsvg") and f'"{label}"' in svg
        assert shown._repr_html_() is None


def test_a_notebook_without_graphviz_shows_a_tree(monkeypatch):
    monkeypatch.setattr(gradcore.pictures, "DOT", "no-such-program")
    f = gradcore.function([X], T.lt(X, 1), name="f")
    assert Y._repr_svg_() is None and f._repr_svg_() is None
    assert Y._repr_html_().startswith("<pre>add [A]")
    assert f._repr_html_().startswith("<code>&lt;f(x)&gt;</code><pre>lt [A] TensorType(bool")
    x = T.dscalar("<x>")
    assert "&lt;x&gt;" in (x + 1)._repr_html_()


def test_large_graphs_are_trees_and_cut(graphviz):
    y = X
    for _ in range(150):
        y = T.sin(y)
    assert y._repr_svg_() is None and y._repr_html_().count("\n") == 150
    many = [T.sin(y) for _ in range(10)]
    total = gradcore.pictures.html_of([y, *many, *(v * 2 for v in many * 10)])
    assert total.count("\n") == gradcore.pictures.MOST_LINES and "lines more</pre>" in total


def test_a_drawing_that_fails_is_none(graphviz):
    graphviz.write_text("#!/bin/sh\nexit 1\n")
    assert Y._repr_svg_() is None and Y._repr_html_().startswith("<pre>")
