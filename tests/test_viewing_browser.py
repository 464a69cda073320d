"""Pictures of graphs in a real browser: `nox -s browser`; it needs playwright, and Chromium.

What is asserted is what a user sees: texts of the page, and what is under the mouse.
"""

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from browser import browser, installed, opened

import gradcore
import gradcore.tensor as T

pytestmark = pytest.mark.skipif(
    not find_spec("playwright") or not installed(),
    reason="no browser: pip install playwright, and install chromium (nox -s browser)",
)

X, W = T.dvectors("x", "w")


@pytest.fixture(scope="module")
def chromium():
    with browser() as found:
        yield found


@pytest.fixture
def look(chromium, tmp_path):
    """Return a function that opens a graph; at the end nothing may have gone wrong."""
    contexts, complaints = [], []

    def look(graph, **options):
        path = gradcore.view(graph).save(tmp_path / f"{len(contexts)}.html")
        context = opened(chromium, path, **options)
        page, wrong = context.__enter__()
        contexts.append(context)
        complaints.append(wrong)
        return page

    yield look
    for context in contexts:
        context.__exit__(None, None, None)
    assert not [line for wrong in complaints for line in wrong]


@pytest.fixture(scope="module")
def logistic():
    loss = T.sum(T.log(1 + T.exp(-X * W)))
    return gradcore.function([X, W], [loss, T.grad(loss, W)], mode="c", name="logistic")


@pytest.fixture(scope="module")
def recurrent():
    h, _ = gradcore.scan(lambda h, w: T.tanh(h * w), outputs_info=[X], non_sequences=[W], n_steps=5)
    f = gradcore.function([X, W], T.grad(h[-1].sum(), W), mode="c", profile=True)
    f(np.ones(4), np.ones(4))
    return f


def labels(page):
    """Return the labels of the boxes that are drawn."""
    return sorted(page.evaluate("viewer.drawing.flat().map((b) => b.label)"))


def key_of(page, label, place=0):
    keys = page.evaluate(
        f"viewer.drawing.flat().filter((b) => b.label === {json.dumps(label)}).map((b) => b.key)"
    )
    return keys[place]


def where(page, label, place=0):
    """Return where a box is on the page, in pixels."""
    at = page.evaluate(f"viewer.where({json.dumps(key_of(page, label, place))})")
    return at["x"], at["y"]


def sheet(page):
    return page.inner_text("#sheet")


def test_a_page_opens_on_the_graph_that_runs(look, logistic):
    page = look(logistic)
    assert page.inner_text("#title") == "logistic(x, w)" and page.inner_text("#mode") == "c"
    drawn = [
        "mul",
        "mul",
        "neg",
        "neg",
        "output 0",
        "output 1",
        "sigmoid",
        "softplus",
        "sum",
        "w",
        "x",
    ]
    assert labels(page) == drawn
    assert "as written\n12 nodes" in sheet(page) and "as it runs\n7 nodes" in sheet(page)
    assert page.inner_text("#step").startswith("as it runs")


def test_a_click_on_a_node_says_what_it_is(look, logistic):
    page = look(logistic)
    page.mouse.click(*where(page, "softplus"))
    text = sheet(page)
    for part in (
        "softplus",
        "elementwise",
        "float64[?]",
        "test_viewing_browser.py",
        "gc_softplus_f64(",
        "loss = T.sum(T.log(1 + T.exp(-X * W)))",
        "stabilize: softplus_of on log1p",
    ):
        assert part in text
    page.mouse.click(*where(page, "sigmoid"))
    assert "Part of the derivative of" in sheet(page)
    page.mouse.click(*where(page, "x"))
    assert "input" in sheet(page) and "(?)" in sheet(page)
    page.keyboard.press("Escape")
    assert "The graph" in sheet(page)


STATES = """() => {
  const signs = [], states = [];
  for (let k = 0; k <= viewer.model.last; k += 1) {
    const nodes = [...viewer.model.all(k).keys()].sort((a, b) => a - b);
    const reads = nodes.map((n) => [n, viewer.model.reads(n, k), viewer.model.nodes[n].bodies.map(
      (body) => body.outputs.map((v) => viewer.model.now(v, k)))]);
    states.push(nodes);
    signs.push(JSON.stringify([viewer.model.outputsAt(k), reads]));
  }
  const shows = signs.map((_, k) => k).filter((k) => k === 0 || signs[k] !== signs[k - 1]);
  return { states, shows, visible: viewer.model.visible() };
}"""


@pytest.mark.parametrize("which", ["logistic", "recurrent", "jacobian"])
def test_the_page_knows_the_states_of_a_graph(look, which, request):
    """The same as Python says; which steps show is found without looking at each."""
    if which == "jacobian":
        y = T.tanh(T.dot(T.dmatrix("A"), X))
        graph = [T.jacobian(y, X).sum(axis=0), T.log(1 + T.exp(y)).sum()]
    else:
        graph = request.getfixturevalue(which)
    of = gradcore.view(graph).description
    found = look(graph).evaluate(STATES)
    assert found["states"] == [sorted(of.state(k)[0]) for k in range(len(of.steps) + 1)]
    assert found["visible"] == found["shows"] and len(found["shows"]) > 2


def test_constants_show_their_values(look):
    page = look(X * T.constant(np.arange(200.0), name="ramp"))
    page.mouse.click(*where(page, "ramp"))
    assert "0. " in sheet(page) and "199." in sheet(page) and "..." in sheet(page)


def test_the_slider_goes_over_the_steps(look, logistic):
    page = look(logistic)
    slider = page.locator("#slider")
    slider.focus()
    page.keyboard.press("Home")
    page.wait_for_function("() => viewer.step === 0")
    assert "log" in labels(page) and "softplus" not in labels(page)
    assert page.inner_text("#step") == "as written" and page.locator("#before").is_disabled()
    seen = []
    while page.locator("#after").is_enabled():
        page.click("#after")
        seen.append(page.inner_text("#step"))
    assert "softplus" in labels(page) and "log" not in labels(page)
    assert any("log1p_of on log" in text and "log(1 + x) = log1p(x)" in text for text in seen)
    page.click("[data-tab=steps]")
    page.click("text=log1p_of on log")
    assert "log1p" in labels(page) and "log" not in labels(page)
    added = page.evaluate(
        "viewer.drawing.flat().filter((b) => viewer.look(b).added).map((b) => b.label)"
    )
    removed = page.evaluate(
        "viewer.drawing.flat().filter((b) => viewer.look(b).removed).map((b) => b.label)"
    )
    assert added == ["log1p"] and set(removed) == {"log1p", "exp"}


def test_search_finds_and_shows(look, recurrent):
    page = look(recurrent)
    page.keyboard.press("/")
    page.keyboard.type("tanh")
    found = page.locator("#found li")
    assert found.first.inner_text() == "3 found", "two, and what the derivative of one is made of"
    page.keyboard.press("Enter")
    first = page.evaluate("viewer.selected")
    page.keyboard.press("Enter")
    second = page.evaluate("viewer.selected")
    assert "tanh" in sheet(page)
    page.keyboard.press("Enter")
    keys = {first, second, page.evaluate("viewer.selected")}
    assert len(keys) == 3 and any("@" in key for key in keys), "in a loop, which is open now"
    page.fill("#search", "no such thing")
    assert found.first.inner_text() == "0 found"


def test_loops_open_into_their_bodies(look, recurrent):
    page = look(recurrent)
    before = len(labels(page))
    page.mouse.dblclick(*where(page, "scan", 0))
    assert len(labels(page)) > before and "x[t-1]" in labels(page)
    page.mouse.click(*where(page, "x[t-1]"))
    assert "x[t-1]" in sheet(page)
    page.mouse.dblclick(*where(page, "scan", 0))
    assert len(labels(page)) == before


def test_a_profile_colours_by_time_and_bytes(look, recurrent):
    page = look(recurrent)
    assert page.input_value("#colour") == "time" and "Where the time goes" in page.text_content(
        "#sheet"
    )
    fills = "new Set(viewer.drawing.flat().map((b) => viewer.look(b).fill).filter(Boolean)).size"
    assert page.evaluate(fills) > 1
    page.select_option("#colour", "bytes")
    assert "0 to" in page.inner_text("#legend") and page.evaluate(fills) > 1
    page.select_option("#colour", "kind")
    assert page.evaluate(fills) == 0 and "loop" in page.inner_text("#legend")


def test_code_and_lines_lead_to_nodes(look, logistic):
    page = look(logistic)
    page.mouse.click(*where(page, "softplus"))
    page.click("[data-tab=code]")
    marked = page.locator("#sheet .row.now")
    assert marked.count() == 1 and "gc_softplus_f64(" in marked.inner_text()
    page.click("#sheet .row.link:has-text('gc_sigmoid_f64(')")
    assert page.evaluate("viewer.selectedBox().label") == "sigmoid"
    page.click("[data-tab=lines]")
    page.click("#sheet .row.link >> nth=0")
    assert page.evaluate("viewer.marked.size") > 0


def scoped():
    y = X
    for block in ("encoder", "decoder"):
        for k in range(3):
            y = T.tanh(y * W + k)
            y.name = f"{block}/layer{k}/h"
    return y.sum()


def test_scopes_fold_and_open(look):
    page = look(scoped())
    page.select_option("#fold", "name")
    assert [n for n in labels(page) if n.endswith("coder")] == ["decoder", "encoder"]
    page.mouse.dblclick(*where(page, "encoder"))
    assert {"layer0", "layer1", "layer2", "decoder"} <= set(labels(page))
    page.mouse.dblclick(*where(page, "layer1"))
    page.mouse.click(*where(page, "encoder/layer1/h = tanh"))
    page.click("text=Fold layer1")
    assert "layer1" in labels(page) and "encoder/layer1/h = tanh" not in labels(page)
    for mode in ("function", "line", "derivative", "none"):
        page.select_option("#fold", mode)
        assert labels(page)


def test_keys_walk_along_the_graph(look, logistic):
    page = look(logistic)
    page.focus("#canvas")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    assert page.evaluate("viewer.selectedBox().label") == "sum"
    page.keyboard.press("ArrowUp")
    assert page.evaluate("viewer.selectedBox().label") == "softplus"
    page.keyboard.press("ArrowDown")
    assert page.evaluate("viewer.selectedBox().label") == "sum"


def test_the_mouse_moves_and_zooms(look, logistic):
    page = look(logistic)
    at = where(page, "softplus")
    page.mouse.move(*at)
    page.mouse.wheel(0, -400)
    page.wait_for_function("() => viewer.drawing.camera.scale > 1.2")
    assert where(page, "softplus") == pytest.approx(at, abs=2), "the point under the mouse stays"
    page.mouse.down()
    page.mouse.move(at[0] + 50, at[1] + 20)
    page.mouse.up()
    assert where(page, "softplus") == pytest.approx((at[0] + 50, at[1] + 20), abs=2)
    page.keyboard.press("f")
    box = page.locator("#canvas").bounding_box()
    for label in labels(page):
        x, y = where(page, label)
        assert (
            box["x"] <= x <= box["x"] + box["width"] and box["y"] <= y <= box["y"] + box["height"]
        )


def test_dark_light_and_narrow(look, logistic):
    page = look(logistic, scheme="dark")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.click("#theme")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    page = look(logistic, width=390, height=780)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.mouse.click(*where(page, "softplus"))
    assert "gc_softplus_f64" in sheet(page)


NAMES = ["</script><script>alert(1)</script>", '<img src=x onerror="alert(1)">', "'\"&amp;"]


def test_hostile_names_are_text(look):
    named = [T.dvector(name) for name in NAMES]
    y = T.exp(sum(named))
    y.name = NAMES[1]
    page = look(gradcore.function(named, y, name=NAMES[0], mode="numpy"))
    assert page.inner_text("#title").startswith(NAMES[0])
    for name in NAMES:
        label = name if len(name) <= 28 else f"{name[:27]}\u2026"
        page.mouse.click(*where(page, label))
        assert name in sheet(page)
    page.fill("#search", "onerror")
    assert page.locator("#found").inner_text().count("onerror") > 0
    assert page.locator("#sheet img, #found img, #step img").count() == 0


def test_a_frame_of_a_notebook(chromium, tmp_path, logistic):
    path = tmp_path / "notebook.html"
    path.write_text(
        f"<!doctype html><body>{logistic.view()._repr_html_()}</body>", encoding="utf-8"
    )
    with opened(chromium, path) as (page, wrong):
        frame = page.frame_locator("iframe")
        assert frame.locator("#title").inner_text() == "logistic(x, w)"
        assert not [line for line in wrong if not line.startswith("about:")]


def large(count):
    """Return a graph of so many nodes: blocks that read one another."""
    draw = np.random.default_rng(0)
    values, y = [X], X
    for k in range(count // 3):
        y = T.tanh(y * W + values[draw.integers(max(0, len(values) - 30), len(values))])
        y.name = f"net/block{k * 20 * 3 // count}/h{k}"
        values.append(y)
    return gradcore.function([X, W], y.sum(), mode="numpy")


def test_ten_thousand_nodes_can_be_used(look):
    page = look(large(10_000))
    assert "10,000 nodes" in sheet(page) and page.input_value("#fold") == "name"
    assert "net" in labels(page) and len(labels(page)) < 50
    page.fill("#search", "tanh h2500")
    page.focus("#search")
    page.keyboard.press("Enter")
    assert "net/block15/h2500 = tanh" in sheet(page)
    page.select_option("#fold", "none")
    assert len(labels(page)) > 10_000
    page.mouse.click(*where(page, "net/block0/h0 = tanh"))
    assert "net/block0/h0 = tanh" in sheet(page)


def test_pictures_are_small():
    """They are made by ``python docs/viewer.py``."""
    for path in (Path(__file__).parents[1] / "docs/pictures/view").glob("*.png"):
        assert path.stat().st_size < 150_000
